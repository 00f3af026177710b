"""Fit the gate: a folder's good films in, a Gate with limits and a measured table out.

The limits let 1 % of good films be refused, by films that the model which scored them never saw,
and by no source that is large enough to tell more than 2.5 %. Who has few films gets a weak gate
that says so. scikit-learn is imported here alone; the same films and seed give the same gate.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cxr_fastai.core import UsageError
from cxr_fastai.gate.examples import Examples, all_examples, chosen_films
from cxr_fastai.gate.features import SIDE, features_of
from cxr_fastai.gate.gate import Gate, Model, Scores, expanded, places_of, scores_of
from cxr_fastai.gate.kinds import PASSES
from cxr_fastai.gate.table import Refusals, facts_of
from cxr_fastai.gate.thrown_out import Negatives

__all__ = ["ALARMS", "fit_gate", "fitted"]

ALARMS = 0.01  # share of good films that may be refused
OF_DISTANCE = 0.25  # share of these alarms that the distance to training may have
ALARMS_OF_SOURCE = 0.025  # of a source with MIN_FILMS_OF_SOURCE: 3 % must not be passed
MIN_FILMS_OF_SOURCE = 100
ALARMS_OF_CHANGED = 0.03  # of films that were changed a little: tilted, cropped, windowed, framed
FOLDS = 5
AXES = 128  # of the features. 96 caught one lateral less of 14, 60 fewer cut films (92 of 100)
LEAST_LENGTH = 0.01  # of an axis, as a share of the longest: what varies less is not blown up
C = 0.05  # inverse strength of the penalty; .03 and .1 catch the same to half a per cent
STEPS = 100  # of lbfgs; 60 were enough for six_class
BALANCE = 0.7  # a kind of n pictures weighs n to the power of 1 less this
SHRINK = 0.1  # of the covariance of films towards a ball
LEAST_SPREAD = 1e-9  # of films on an axis: one film alone has none
NEVER = 1e6  # a limit that nothing passes


@dataclass(frozen=True)
class _Limits:
    """Above what a picture is refused."""

    odds: float
    distance: float


def fit_gate(
    films: np.ndarray,  # (n, SIDE, SIDE) uint8, of `thumbnail`: good films, of train alone
    groups: Sequence[str],  # (n,) what no fold cuts: patients
    sources: Sequence[str],  # (n,)
    negatives: Negatives | None = None,  # of `read_negatives`; None: none were thrown out
    seed: int = 0,
    least_side: int = SIDE,  # px of the shorter side; pass the smallest of training if below SIDE
) -> Gate:
    """Learn what a good film of this folder is, and what is none. Raises `UsageError`."""
    from threadpoolctl import threadpool_limits  # scikit-learn's: only fitting needs it

    _check(films, groups, sources)
    rng = np.random.default_rng(seed)
    all_sources = np.asarray(sources)
    chosen = chosen_films(all_sources, rng)
    own = all_sources[chosen]
    own_groups = [groups[int(i)] for i in chosen]
    stands_for = _stands_for(all_sources, own)
    found = all_examples(films[chosen], own_groups, own.tolist(), negatives or Negatives(), rng)
    with threadpool_limits(1):  # the same sums in the same order on any machine
        features = features_of(found.small)
        folds = _folds(found.units, rng)
        held_out = _held_out(features, found, folds)
        model = fitted(features, found, np.ones(len(folds), bool))
    is_told = folds.max(initial=-1) > 0
    limits = (
        _limits(held_out, found, own, stands_for) if is_told else _Limits(odds=0.0, distance=NEVER)
    )
    refusals = Refusals(
        examples=found,
        sources=own,
        odds=held_out.odds,
        refused=(held_out.odds > limits.odds) | (held_out.distance > limits.distance),
        is_told=bool(is_told),
        groups=len(set(own_groups)),
    )
    return Gate(
        model=model,
        odds_limit=limits.odds,
        distance_limit=limits.distance,
        least_side=min(least_side, SIDE),
        facts=facts_of(refusals, len(films), ALARMS),
    )


def _check(films: np.ndarray, groups: Sequence[str], sources: Sequence[str]) -> None:
    """Raise `UsageError` for what is no set of small films."""
    if films.dtype != np.uint8 or films.shape[1:] != (SIDE, SIDE) or not len(films):
        raise UsageError(
            f"expected small films, uint8 (n, {SIDE}, {SIDE}) of one or more, as `thumbnail` gives "
            f"them, received {films.dtype} of shape {films.shape}"
        )
    if len(groups) != len(films) or len(sources) != len(films):
        given = f"{len(groups)} groups and {len(sources)} sources"
        raise UsageError(f"received {given} for {len(films)} films; expected one each a film")


def _stands_for(
    all_sources: np.ndarray,  # (n,) str: of all films of the folder
    chosen: np.ndarray,  # (m,) str: of those that are learned from
) -> np.ndarray:  # (m,) float64, at least 1
    """Return how many films of its source each chosen one stands for."""
    of_all = Counter(all_sources.tolist())
    of_chosen = Counter(chosen.tolist())
    found = np.empty(len(chosen))
    for i, name in enumerate(chosen.tolist()):
        found[i] = of_all[name] / of_chosen[name]
    return found


def _folds(
    units: np.ndarray,  # (n,) str
    rng: np.random.Generator,
) -> np.ndarray:  # (n,) int, no unit in two; all 0 where the films are of one unit
    """Deal units to folds; those of films and of other pictures each evenly."""
    names, of_picture = np.unique(units, return_inverse=True)
    is_film = np.char.startswith(names, "film ")
    if is_film.sum() < FOLDS:
        return np.zeros(len(units), int)
    fold_of_name = np.empty(len(names), int)
    for some in (np.flatnonzero(is_film), np.flatnonzero(~is_film)):
        fold_of_name[rng.permutation(some)] = np.arange(len(some)) % FOLDS
    found: np.ndarray = fold_of_name[of_picture]
    return found


def _held_out(
    features: np.ndarray,
    found: Examples,
    folds: np.ndarray,
) -> Scores:  # NaN where there is one fold only
    """Score each picture by a model that saw nothing of its unit."""
    n = len(folds)
    odds = np.full(n, np.nan)
    distance = np.full(n, np.nan)
    kinds = np.full(n, "", dtype=found.kinds.dtype)
    for fold in range(folds.max(initial=0) + 1):
        held = folds == fold
        if held.all():
            break
        scores = scores_of(fitted(features, found, ~held), features[held])
        odds[held] = scores.odds
        distance[held] = scores.distance
        kinds[held] = scores.kind
    return Scores(odds=odds, distance=distance, kind=kinds)


# ---- the model


def fitted(
    features: np.ndarray,  # (n, FEATURES) float32
    found: Examples,
    train: np.ndarray,  # (n,) bool: what to fit on
) -> Model:
    """Fit axes, kinds on them, and where films lie."""
    own = features[train]
    kinds = found.kinds[train]
    middle, axes = _axes(own)
    places, rest = places_of(middle, axes, own)
    names = (PASSES, *sorted(set(kinds.tolist()) - {PASSES}))
    weights, biases = _regression(expanded(places), kinds, names, found.weights[train])
    is_good = kinds == PASSES
    where = np.column_stack([places, rest])[is_good]
    film_middle, film_scale = _where_films_lie(where, found.weights[train][is_good])
    return Model(
        kinds=names,
        middle=middle,
        axes=axes,
        weights=weights,
        biases=biases,
        film_middle=film_middle,
        film_scale=film_scale,
    )


def _axes(
    features: np.ndarray,  # (n, FEATURES)
) -> tuple[np.ndarray, np.ndarray]:  # (FEATURES,), (FEATURES, d), float32
    """Find the axes along which pictures differ most, each scaled to deviation 1."""
    n = len(features)
    middle = features.mean(0)
    centred = features - middle
    products = centred.T @ centred
    values, vectors = np.linalg.eigh(products.astype(np.float64) / n)
    kept = min(AXES, n)
    longest = slice(None, -kept - 1, -1)  # values ascend
    lengths = np.sqrt(np.maximum(values[longest], 0))
    least = lengths[0] * LEAST_LENGTH
    axes = vectors[:, longest] / np.maximum(lengths, least)
    return middle.astype(np.float32), axes.astype(np.float32)


def _regression(
    places: np.ndarray,  # (n, e), of `expanded`
    kinds: np.ndarray,  # (n,) str
    names: Sequence[str],  # the order of the columns
    weights: np.ndarray,  # (n,) within the kind
) -> tuple[np.ndarray, np.ndarray]:  # (e, names), (names,), float32
    """Fit a logistic regression of all kinds at once, rare kinds weighing more a picture."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    number = {name: i for i, name in enumerate(names)}
    targets = np.array([number[kind] for kind in kinds.tolist()])
    counts = np.bincount(targets, minlength=len(names))
    each = weights * counts[targets] ** -BALANCE
    regression = LogisticRegression(C=C, max_iter=STEPS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # measured: later steps change nothing
        regression.fit(places, targets, sample_weight=each / each.mean())
    return regression.coef_.T.astype(np.float32), regression.intercept_.astype(np.float32)


def _where_films_lie(
    places: np.ndarray,  # (n, d + 1) of good films
    weights: np.ndarray,  # (n,)
) -> tuple[np.ndarray, np.ndarray]:  # (d + 1,), (d + 1, d + 1), float32
    """Find the middle of good films and what makes a Mahalanobis distance from it."""
    share = weights / weights.sum()
    middle = share @ places
    centred = places - middle
    weighted = centred * share[:, None]
    covariance = weighted.T @ centred
    d = len(middle)
    ball = np.eye(d) * np.trace(covariance) / d
    shrunk = (1 - SHRINK) * covariance + SHRINK * ball
    shrunk += LEAST_SPREAD * np.eye(d)
    inverse = np.linalg.inv(shrunk.astype(np.float64))
    scale = np.linalg.cholesky(inverse)
    return middle.astype(np.float32), scale.astype(np.float32)


# ---- the limits


def _limits(
    held_out: Scores,
    found: Examples,
    sources: np.ndarray,  # (films,) str
    stands_for: np.ndarray,  # (films,) films of the folder that each was chosen for
) -> _Limits:
    """Fix limits that 1 % of the folder's own films pass, by their held-out scores."""
    odds = held_out.odds[found.is_film]
    distance = held_out.distance[found.is_film]
    is_changed = (found.kinds == PASSES) & ~found.is_film
    changed = Scores(
        odds=held_out.odds[is_changed],
        distance=held_out.distance[is_changed],
        kind=held_out.kind[is_changed],
    )
    as_many = np.ones(len(changed.odds))
    far = _limit(distance, stands_for, ALARMS * OF_DISTANCE)
    far = max(far, _limit(changed.distance, as_many, ALARMS_OF_CHANGED * OF_DISTANCE))
    # what the distance refuses is refused already: the odds have the rest of the alarms
    near = np.where(distance > far, np.inf, odds)
    limit = _limit(near, stands_for, ALARMS)
    for source in np.unique(sources):
        own = sources == source
        if own.sum() >= MIN_FILMS_OF_SOURCE:
            limit = max(limit, _limit(near[own], stands_for[own], ALARMS_OF_SOURCE))
    near_of_changed = np.where(changed.distance > far, np.inf, changed.odds)
    limit = max(limit, _limit(near_of_changed, as_many, ALARMS_OF_CHANGED))
    if len(odds) < 1 / ALARMS - 1:  # no quantile of 1 % can be had: what looks like a film passes
        limit = max(limit, 0.0)
    return _Limits(odds=limit, distance=far)


def _limit(
    scores: np.ndarray,  # (n,) of good films
    stands_for: np.ndarray,  # (n,) films that each was chosen for
    alarms: float,  # share of the films that may pass it
) -> float:
    """Return the score that at most such a share of further films passes, by exchangeability.

    Of fewer than 1 / alarms - 1 films it is the greatest of them.
    """
    order = np.argsort(scores, kind="stable")
    up_to = np.cumsum(stands_for[order])
    wanted = (1 - alarms) * (up_to[-1] + up_to[-1] / len(scores))  # one more film is to come
    place = min(int(np.searchsorted(up_to, wanted - 1e-9)), len(scores) - 1)
    limit = float(scores[order[place]])
    return limit if np.isfinite(limit) else NEVER
