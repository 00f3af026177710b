"""Cheap models that say how much a feature gives away, each film answered by one that never saw it.

Features, classes and groups in, scores out; knows no film and no file.

A logistic regression (C = 1, standardised, classes balanced) for pictures, a tree of depth 8 and
two films a leaf for facts: boosted trees with 20 films a leaf cannot see classes of 15 to 21 films
(.51 where this tree reaches 1.0, measured on six_class). Folds never cut a group: ungrouped ones
flatter (.788 against .758 for COVID by the border of the film).
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
from threadpoolctl import threadpool_limits

__all__ = [
    "LINEAR",
    "TREE",
    "deal_folds",
    "held_out_scores",
    "fitted_scores",
    "linear_weights",
]

LINEAR = "linear"
TREE = "tree"
FOLDS = 5
C = 1.0  # inverse strength of the penalty on standardised features
# Newton's steps on all features at once: on 8,780 films of 348 numbers it takes a thirtieth of the
# time of lbfgs, and comes to its end.
SOLVER = "newton-cholesky"
TREE_DEPTH = 8
FILMS_A_LEAF = 2
MIN_FILMS_OF_A_LABEL = FOLDS  # of rarer ones several are dealt together


def deal_folds(
    labels: Sequence[str],  # (n,)
    groups: Sequence[str],  # (n,) what no fold cuts
    seed: int = 0,
) -> np.ndarray:  # (n,) int, 0 to FOLDS - 1; all -1 where there are fewer groups than folds
    """Deal films to folds by group, each label in all folds as evenly as its groups allow."""
    from sklearn.model_selection import StratifiedGroupKFold

    names, group_of_film = np.unique(np.asarray(groups), return_inverse=True)
    folds = np.full(len(labels), -1)
    if len(names) < FOLDS:
        return folds
    values, counts = np.unique(np.asarray(labels), return_counts=True)
    common = dict(zip(values.tolist(), (counts >= MIN_FILMS_OF_A_LABEL).tolist()))
    strata = [label if common[label] else "" for label in labels]
    dealer = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that the rare ones are fewer than folds
        for fold, (_, held) in enumerate(dealer.split(strata, strata, group_of_film)):
            folds[held] = fold
    return folds


def held_out_scores(
    features: np.ndarray,  # (n, f)
    has: np.ndarray,  # (n,) bool: the film has the class
    known: np.ndarray,  # (n,) bool: whether it has is known
    folds: np.ndarray,  # (n,) int, of deal_folds
    kind: str = LINEAR,  # LINEAR | TREE
) -> np.ndarray:  # (n,) float64; nan where a model of the other folds cannot be had
    """Score each film by a model that was fitted on the other folds."""
    scores = np.full(len(has), np.nan)
    for fold in np.unique(folds[folds >= 0]):
        held = folds == fold
        own = fitted_scores(features, has, known & ~held, features[held], kind)
        if own is not None:
            scores[held] = own
    return scores


def fitted_scores(
    features: np.ndarray,  # (n, f)
    has: np.ndarray,  # (n,) bool
    train: np.ndarray,  # (n,) bool: films to fit on
    asked: np.ndarray,  # (m, f) features of the films to score
    kind: str = LINEAR,
) -> np.ndarray | None:  # (m,) probability of the class; None where train lacks a side
    """Fit on some films and score others."""
    sides = np.unique(has[train])
    if len(sides) < 2 or not len(asked):
        return None
    model = _fitted(kind, features[train], has[train])
    with threadpool_limits(1):
        probabilities: np.ndarray = model.predict_proba(asked)[:, 1]
    return probabilities


def linear_weights(
    features: np.ndarray,  # (n, f)
    has: np.ndarray,  # (n,) bool
    known: np.ndarray,  # (n,) bool
) -> np.ndarray | None:  # (f,) of standardised features; None where a side is missing
    """Return what the logistic regression of a class goes by: above 0 speaks for the class."""
    if len(np.unique(has[known])) < 2:
        return None
    model = _fitted(LINEAR, features[known], has[known])
    weights: np.ndarray = model[-1].coef_[0]
    return weights


def _fitted(  # type: ignore[no-untyped-def] # of scikit-learn, which has no types
    kind: str,  # LINEAR | TREE
    features: np.ndarray,  # (n, f)
    has: np.ndarray,  # (n,) bool, both sides
):
    """Return a model that was fitted, by one thread and without a word."""
    model = _model(kind)
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that lbfgs stands in where the Hessian is singular
        model.fit(features, has)
    return model


def _model(kind: str):  # type: ignore[no-untyped-def] # of scikit-learn, which has no types
    """Return a model that was not fitted."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.tree import DecisionTreeClassifier

    if kind == TREE:
        return DecisionTreeClassifier(
            max_depth=TREE_DEPTH,
            min_samples_leaf=FILMS_A_LEAF,
            class_weight="balanced",
            random_state=0,
        )
    regression = LogisticRegression(C=C, class_weight="balanced", solver=SOLVER)
    return make_pipeline(StandardScaler(), regression)
