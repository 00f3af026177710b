"""ROC, precision-recall and net benefit of a question, with bands over the groups.

Questions and a Resampling in, curves on fixed grids out, nan where undefined; draws no picture.

A band is pointwise: at each place of the grid 95 % of the resamples lie within it, so a whole curve
leaves it somewhere more often than that. Below 20 groups on a side there is none. Net benefit is
what the yes above a threshold are worth, TP/n - FP/n x t/(1-t), to who would rather read 1/t films
than miss one (Vickers and Elkin, Med. Decis. Making 2006, 26:565-574).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix

from cxr_fastai.evaluation.multi_label_counts import SingleDraw
from cxr_fastai.evaluation.questions import Question
from cxr_fastai.intervals.bootstrap import Resampling
from cxr_fastai.intervals.exact import is_few
from cxr_fastai.intervals.interval_trees import Interval

__all__ = ["Benefit", "Curve", "Line", "benefit_of", "curve_of", "GRID", "THRESHOLDS"]

GRID = np.round(np.linspace(0, 1, 51), 2)  # 1 - specificity, or recall
THRESHOLDS = np.round(np.linspace(0.01, 0.99, 99), 2)  # probabilities of a yes
MAX_STEPS = 256  # places of a ranking at which it is cut; of more scores, at quantiles
TAIL_PERCENT = 2.5  # on each side
DECIMALS = 4  # in metrics.json


@dataclass(frozen=True, eq=False)
class Line:
    """A curve on a grid and its band."""

    x: np.ndarray  # (g,)
    y: np.ndarray  # (g,) nan where undefined
    low: np.ndarray | None  # (g,); None: too few groups for a band
    high: np.ndarray | None

    def to_dict(self) -> dict[str, object]:
        """Return the points as strict JSON."""
        return {
            "x": _plain(self.x),
            "y": _plain(self.y),
            "low": None if self.low is None else _plain(self.low),
            "high": None if self.high is None else _plain(self.high),
        }


@dataclass(frozen=True, eq=False)
class Curve:
    """How a question is ranked."""

    slug: str
    name: str
    images: int  # where the answer is known
    positives: int
    groups: int  # of the side that has fewest
    auroc: float | None
    auroc_interval: Interval
    ap: float | None  # average precision
    ap_interval: Interval
    roc: Line  # 1 - specificity, sensitivity
    precision_recall: Line  # recall, precision
    dot: tuple[float, float, float] | None  # 1 - specificity, sensitivity, precision of the answers

    def to_dict(self) -> dict[str, object]:
        """Return the curve as strict JSON."""
        return {
            "name": self.name,
            "images": self.images,
            "positives": self.positives,
            "groups": self.groups,
            "auroc": self.auroc,
            "auroc_interval": self.auroc_interval,
            "ap": self.ap,
            "ap_interval": self.ap_interval,
            "roc": self.roc.to_dict(),
            "precision_recall": self.precision_recall.to_dict(),
        }


@dataclass(frozen=True, eq=False)
class Benefit:
    """What answering a question from each threshold on is worth."""

    slug: str
    name: str
    prevalence: float
    model: Line
    treat_all: np.ndarray  # (t,) of answering yes always; never is worth 0
    threshold: float | None  # of the bundle

    def to_dict(self) -> dict[str, object]:
        """Return the curve as strict JSON."""
        return {
            "name": self.name,
            "prevalence": self.prevalence,
            "threshold": self.threshold,
            "model": self.model.to_dict(),
            "treat_all": _plain(self.treat_all),
            "treat_none": 0.0,
        }


def curve_of(
    question: Question,
    resampling: Resampling,  # R draws of the groups of these images
) -> Curve | None:  # None where a side has no image
    """Count how a question is ranked."""
    positive = question.positive & question.known
    negative = ~question.positive & question.known
    if not positive.any() or not negative.any():
        return None
    groups = resampling.groups_of(positive, negative)
    own, rest = _steps(question, resampling)
    once = np.ones((resampling.n_groups, 1), np.int32)
    y = _ranked(own, rest, once)[0]
    low, high = _band(resampling, groups, lambda times: _ranked(own, rest, times))
    n = len(GRID)
    auroc, auroc_interval = _ranking(question, resampling, groups, "aurocs")
    ap, ap_interval = _ranking(question, resampling, groups, "average_precisions")
    return Curve(
        slug=question.slug,
        name=question.name,
        images=int(question.known.sum()),
        positives=int(positive.sum()),
        groups=groups,
        auroc=auroc,
        auroc_interval=auroc_interval,
        ap=ap,
        ap_interval=ap_interval,
        roc=Line(GRID, y[:n], _part(low, 0, n), _part(high, 0, n)),
        precision_recall=Line(GRID[1:], y[n:], _part(low, n, None), _part(high, n, None)),
        dot=_dot(question),
    )


def benefit_of(
    question: Question,
    resampling: Resampling,  # R draws of the groups of these images
) -> Benefit | None:  # None where a side has no image
    """Count what answering a question is worth at each threshold."""
    positive = question.positive & question.known
    negative = ~question.positive & question.known
    if not positive.any() or not negative.any():
        return None
    places = np.searchsorted(THRESHOLDS, question.probs, "right")  # thresholds that are reached
    own = _members(places, positive, len(THRESHOLDS) + 1, resampling)
    rest = _members(places, negative, len(THRESHOLDS) + 1, resampling)
    once = np.ones((resampling.n_groups, 1), np.int32)
    groups = resampling.groups_of(positive, negative)
    low, high = _band(resampling, groups, lambda times: _benefits(own, rest, times))
    prevalence = float(positive.sum() / question.known.sum())
    odds = THRESHOLDS / (1 - THRESHOLDS)
    return Benefit(
        slug=question.slug,
        name=question.name,
        prevalence=prevalence,
        model=Line(THRESHOLDS, _benefits(own, rest, once)[0], low, high),
        treat_all=prevalence - (1 - prevalence) * odds,
        threshold=question.threshold,
    )


# ---- counted in each resample


def _steps(
    question: Question,
    resampling: Resampling,
) -> tuple[csr_matrix, csr_matrix]:  # (k, groups): images of each side at each step, from the top
    """Cut a ranking into steps, highest probability first."""
    marks = np.unique(question.probs[question.known])
    if len(marks) > MAX_STEPS:
        marks = np.unique(np.quantile(marks, np.linspace(0, 1, MAX_STEPS), method="lower"))
    places = len(marks) - np.searchsorted(marks, question.probs, "right")
    places = np.clip(places, 0, len(marks) - 1)
    own = _members(places, question.positive & question.known, len(marks), resampling)
    rest = _members(places, ~question.positive & question.known, len(marks), resampling)
    return own, rest


def _members(
    places: np.ndarray,  # (n,)
    chosen: np.ndarray,  # (n,) bool
    height: int,
    resampling: Resampling,
) -> csr_matrix:  # (height, groups)
    """Count the chosen images of each group at each place."""
    ones = np.ones(int(chosen.sum()), np.int32)
    at = (places[chosen], resampling.group_of_image[chosen])
    return csr_matrix((ones, at), (height, resampling.n_groups))


def _ranked(
    own: csr_matrix,  # (k, groups)
    rest: csr_matrix,
    times_drawn: np.ndarray,  # (groups, R)
) -> np.ndarray:  # (R, g + g - 1): sensitivity over GRID, precision over GRID without 0
    """Read both curves off the steps of each resample."""
    found = (own @ times_drawn).cumsum(0)
    alarms = (rest @ times_drawn).cumsum(0)
    with np.errstate(invalid="ignore", divide="ignore"):
        sensitivity = found / found[-1]
        false_share = alarms / alarms[-1]
        precision = found / (found + alarms)
    values = []
    for share in GRID:
        last = (false_share <= share + 1e-9).sum(0) - 1
        values.append(np.where(last >= 0, _at(sensitivity, np.maximum(last, 0)), 0.0))
    for share in GRID[1:]:
        first = (sensitivity < share - 1e-9).sum(0)
        values.append(_at(precision, np.minimum(first, len(precision) - 1)))
    points = np.stack(values, axis=1)
    points[(found[-1] == 0) | (alarms[-1] == 0)] = np.nan
    return points


def _at(
    values: np.ndarray,  # (k, R)
    rows: np.ndarray,  # (R,)
) -> np.ndarray:  # (R,)
    """Return one value of each column."""
    picked: np.ndarray = np.take_along_axis(values, rows[None], axis=0)[0]
    return picked


def _benefits(
    own: csr_matrix,  # (t + 1, groups)
    rest: csr_matrix,
    times_drawn: np.ndarray,  # (groups, R)
) -> np.ndarray:  # (R, t)
    """Return the net benefit at each threshold."""
    found = (own @ times_drawn)[::-1].cumsum(0)[::-1]  # that reach each place or more
    alarms = (rest @ times_drawn)[::-1].cumsum(0)[::-1]
    n = found[0] + alarms[0]
    odds = (THRESHOLDS / (1 - THRESHOLDS))[:, None]
    with np.errstate(invalid="ignore", divide="ignore"):
        worth: np.ndarray = ((found[1:] - alarms[1:] * odds) / n).T
    return worth


def _band(
    resampling: Resampling,
    groups: int,  # of the side that has fewest
    counted: Callable[[np.ndarray], np.ndarray],  # as for Resampling.in_each_resample
) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Return the pointwise ends of 95 % of the resamples; None of too few groups."""
    if is_few(groups):
        return None, None
    draws = resampling.in_each_resample(counted)
    known = draws[~np.isnan(draws).any(1)]
    if 2 * len(known) < len(draws):
        return None, None
    low, high = np.percentile(known, (TAIL_PERCENT, 100 - TAIL_PERCENT), axis=0)
    return low, high


def _ranking(
    question: Question,
    resampling: Resampling,
    groups: int,  # of the side that has fewest
    name: str,  # aurocs | average_precisions
) -> tuple[float, Interval]:
    """Return an area and its interval."""
    of_one = getattr(SingleDraw(), name)
    value = float(of_one(question.positive, question.probs, question.known)[0])
    draws = getattr(resampling, name)(question.positive, question.probs, question.known)
    return value, resampling.interval(draws, value, groups, is_ranking=True)


def _dot(question: Question) -> tuple[float, float, float] | None:
    """Return where the answers stand; None where there is no threshold."""
    if question.threshold is None:
        return None
    yes = (question.probs >= question.threshold) & question.known
    right = int((yes & question.positive).sum())
    positives = int((question.positive & question.known).sum())
    negatives = int(question.known.sum()) - positives
    precision = right / yes.sum() if yes.any() else 1.0
    return float((yes.sum() - right) / negatives), float(right / positives), float(precision)


def _part(values: np.ndarray | None, start: int, stop: int | None) -> np.ndarray | None:
    """Return a part of a band; None of none."""
    return None if values is None else values[start:stop]


def _plain(values: np.ndarray) -> list[float | None]:
    """Return rounded numbers; nan as None."""
    return [None if np.isnan(x) else round(float(x), DECIMALS) for x in values]
