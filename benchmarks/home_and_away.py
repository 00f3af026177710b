"""Scores of models at the hospital that they were fitted at, and at another.

Features, classes and groups -> a Line of a table. All that is chosen (how strong the penalty of a
logistic regression is, the threshold) is chosen on films of the home hospital that the model in
question did not see; folds never cut a group. Writes nothing.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from cxr_fastai.intervals.bootstrap import Resampling
from cxr_fastai.intervals.exact import exact_share
from cxr_fastai.probes.classifier import deal_folds
from cxr_fastai.probes.targets import auroc_of
from cxr_fastai.reporting.text import decimal, percent, span

__all__ = [
    "Answers",
    "Judged",
    "Line",
    "away_line",
    "head_lines",
    "home_line",
    "judge_head_lines",
    "judged",
    "judged_words",
    "network_line",
    "row_words",
    "threshold_of",
]

FOUND = 0.9  # share of tuberculosis that a threshold is to find at home
DEALS = 3  # of the folds
JUDGE_COLUMNS = ("trained on", "model", "strength", "held out", "shifted", "third", "mean of both")
COLUMNS = ("trained on", "scored on", "ill + well", "model", "AUROC", "found", "specificity")


@dataclass(frozen=True, eq=False)
class Answers:
    """What a model says of some films: one a patient, or patients as groups."""

    is_ill: np.ndarray  # (n,) bool
    scores: np.ndarray  # (n,) higher is more likely tuberculosis
    groups: list[str]  # (n,)


@dataclass(frozen=True, eq=False)
class Line:
    """A row of the table."""

    trained_on: str
    scored_on: str
    model: str
    tested: Answers
    called: np.ndarray  # (n,) bool: called ill at a threshold of home
    deals: tuple[float, ...] = ()  # AUROC of each deal of the folds


@dataclass(frozen=True)
class Judged:
    """What a setting may be chosen by: AUROC where no film of the other hospital is asked."""

    trained_on: str
    model: str
    strength: float  # inverse, of the penalty
    held_out: float  # of home's films, by folds
    shifted: float  # of the same as another hospital would have had them
    third: float  # of films of a third hospital

    @property
    def mean(self) -> float:
        """What the choice is made by."""
        return (self.shifted + self.third) / 2


# ---- models


def fitted(
    features: np.ndarray,  # (n, f)
    is_ill: np.ndarray,  # (n,) bool
    asked: np.ndarray,  # (m, f)
    strength: float,  # inverse, of the penalty on standardised features
) -> np.ndarray:  # (m,) log-odds
    """Fit a logistic regression and ask it."""
    model = make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=1000))
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of an end that is not quite reached
        model.fit(features, is_ill)
        answers: np.ndarray = model.decision_function(asked)
    return answers


def folded(
    features: np.ndarray,  # (n, f)
    answers: Answers,  # whose scores are not looked at
    strength: float,  # inverse, of the penalty on standardised features
    seed: int,  # of the deal
) -> np.ndarray:  # (n,) each of a model that saw nothing of the film's group
    """Score films by five folds."""
    folds = folds_of(answers, seed)
    scores = np.zeros(len(features))
    for fold in np.unique(folds):
        held = folds == fold
        scores[held] = fitted(features[~held], answers.is_ill[~held], features[held], strength)
    return scores


def folds_of(answers: Answers, seed: int) -> np.ndarray:  # (n,) int
    """Deal films to folds by group."""
    labels = [str(ill) for ill in answers.is_ill]
    return deal_folds(labels, answers.groups, seed)


def chosen(
    features: np.ndarray,  # (n, f)
    answers: Answers,
    seed: int,
    strengths: Sequence[float],
) -> tuple[float, float]:  # strength, threshold
    """Choose by folds: the strength that ranks best, and the threshold of its held-out scores."""
    best = (-1.0, 0.0, 0.0)
    for strength in strengths:
        scores = folded(features, answers, strength, seed)
        threshold = threshold_of(replace(answers, scores=scores))
        best = max(best, (auroc_of(answers.is_ill, scores), strength, threshold))
    return best[1], best[2]


def threshold_of(valid: Answers) -> float:
    """Return the highest threshold that finds FOUND of the tuberculosis."""
    ill = np.sort(valid.scores[valid.is_ill])[::-1]
    return float(ill[math.ceil(FOUND * len(ill)) - 1])


# ---- lines


def home_line(
    at: str,
    model: str,
    features: np.ndarray,  # (n, f)
    films: Answers,  # whose scores are not looked at
    strengths: Sequence[float],
) -> Line:
    """Score a hospital's films by five folds, each choice made in the other four."""
    deals = [_one_deal(features, films, seed, strengths) for seed in range(DEALS)]
    scores, called = deals[0]
    return Line(
        trained_on=at,
        scored_on=f"{at}, 5 folds",
        model=model,
        tested=replace(films, scores=scores),
        called=called,
        deals=tuple(auroc_of(films.is_ill, own) for own, _ in deals),
    )


def _one_deal(
    features: np.ndarray,  # (n, f)
    films: Answers,
    seed: int,
    strengths: Sequence[float],
) -> tuple[np.ndarray, np.ndarray]:  # (n,) scores, (n,) whether called ill
    """Score films by five folds, and call each by the threshold of the other four."""
    folds = folds_of(films, seed)
    scores = np.zeros(len(features))
    called = np.zeros(len(features), bool)
    for fold in np.unique(folds):
        held = folds == fold
        others = _part(films, ~held)
        strength, threshold = chosen(features[~held], others, seed, strengths)
        scores[held] = fitted(features[~held], others.is_ill, features[held], strength)
        called[held] = scores[held] >= threshold
    return scores, called


def _part(films: Answers, wanted: np.ndarray) -> Answers:
    """Return some of the films."""
    indices = np.flatnonzero(wanted)
    groups = [films.groups[i] for i in indices]
    return Answers(films.is_ill[indices], films.scores[indices], groups)


def away_line(
    at: str,
    to: str,
    model: str,
    home: tuple[np.ndarray, Answers],  # features, films
    away: tuple[np.ndarray, Answers],
    strengths: Sequence[float],
) -> Line:
    """Fit at one hospital, choose there, ask at another."""
    features, films = home
    asked, others = away
    strength, threshold = chosen(features, films, 0, strengths)
    scores = fitted(features, films.is_ill, asked, strength)
    return Line(at, f"{to}, all", model, replace(others, scores=scores), scores >= threshold)


def judged(
    at: str,
    model: str,
    home: tuple[np.ndarray, np.ndarray, Answers],  # features, of shifted films, films
    third: tuple[np.ndarray, Answers],
    strength: float,  # inverse, of the penalty on standardised features
) -> Judged:
    """Score a setting by five folds, each asked for its films and for its shifted films."""
    features, shifted, films = home
    asked, others = third
    folds = folds_of(films, 0)
    scores = np.zeros((2, len(features)))
    for fold in np.unique(folds):
        held = folds == fold
        both = np.concatenate([features[held], shifted[held]])
        told = fitted(features[~held], films.is_ill[~held], both, strength)
        scores[:, held] = told.reshape(2, -1)
    away = fitted(features, films.is_ill, asked, strength)
    return Judged(
        trained_on=at,
        model=model,
        strength=strength,
        held_out=auroc_of(films.is_ill, scores[0]),
        shifted=auroc_of(films.is_ill, scores[1]),
        third=auroc_of(others.is_ill, away),
    )


def network_line(
    at: str,
    place: str,
    model: str,
    valid: Answers,  # of the home hospital
    tested: Answers,
) -> Line:
    """Call films by the threshold of validation."""
    return Line(at, place, model, tested, tested.scores >= threshold_of(valid))


# ---- words


def head_lines() -> list[str]:
    """Return the head of the table."""
    rule = ["---"] * len(COLUMNS)
    return [_row(COLUMNS), _row(rule)]


def judge_head_lines() -> list[str]:
    """Return the head of the table of what a setting is chosen by."""
    rule = ["---"] * len(JUDGE_COLUMNS)
    return [_row(JUDGE_COLUMNS), _row(rule)]


def judged_words(one: Judged) -> str:
    """Put what was judged into a row of Markdown."""
    numbers = (one.held_out, one.shifted, one.third, one.mean)
    cells = [one.trained_on, one.model, f"{one.strength:g}", *map(decimal, numbers)]
    return _row(cells)


def row_words(line: Line) -> str:
    """Put a row of the table into Markdown."""
    tested = line.tested
    resampling = Resampling(tested.groups)
    auroc = auroc_of(tested.is_ill, tested.scores)
    draws = resampling.aurocs(tested.is_ill, tested.scores)
    groups = resampling.groups_of(tested.is_ill, ~tested.is_ill)
    between = resampling.interval(draws, auroc, groups, is_ranking=True)
    told = f"{decimal(auroc)} ({span(between, as_share=False)})"
    if line.deals:
        told += f"; deals {decimal(min(line.deals))} to {decimal(max(line.deals))}"
    ill = resampling.groups_of(tested.is_ill)
    well = resampling.groups_of(~tested.is_ill)
    cells = [
        line.trained_on,
        line.scored_on,
        f"{int(tested.is_ill.sum())} + {int((~tested.is_ill).sum())}",
        line.model,
        told,
        share_words(line.called[tested.is_ill], ill),
        share_words(~line.called[~tested.is_ill], well),
    ]
    return _row(cells)


def share_words(
    hits: np.ndarray,  # (n,) bool
    groups: int,  # that the films are of
) -> str:
    """Return a share of films with its exact interval over groups."""
    share = float(hits.mean())
    return f"{percent(share)} ({span(exact_share(share, groups))})"


def _row(cells: Sequence[str]) -> str:
    """Put cells between bars."""
    return "| " + " | ".join(cells) + " |"
