"""How well a model does for whom: its numbers by source, age band, sex and view.

Questions, rows of a manifest and a Resampling in, a Subgroup each out. A subgroup of fewer than 20
patients or groups on a side is named as too few, and never as worse.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from cxr_fastai.evaluation.multi_label_counts import SingleDraw
from cxr_fastai.evaluation.predictions import Row
from cxr_fastai.evaluation.questions import Question
from cxr_fastai.evaluation.shares import Share
from cxr_fastai.intervals.bootstrap import Resampling
from cxr_fastai.intervals.exact import groups_of_mean, is_few
from cxr_fastai.intervals.interval_trees import Interval

__all__ = ["Subgroup", "Subgroups", "age_band", "subgroups_of"]

AGE_BANDS = ((18, "under 18"), (40, "18 to 39"), (65, "40 to 64"))  # years below which, and name
OLDEST = "65 and over"
UNKNOWN = "unknown"
SEXES = {"M": "male", "F": "female"}


def age_band(row: Row) -> str:
    """Return the age band of a row."""
    if not row.get("age"):
        return UNKNOWN
    for below, name in AGE_BANDS:
        if float(row["age"]) < below:
            return name
    return OLDEST


def _source(row: Row) -> str:
    """Return where a film comes from."""
    return row["source"]


def _sex(row: Row) -> str:
    """Return the sex in words."""
    sex = row.get("sex", "")
    return SEXES.get(sex, sex) or UNKNOWN


def _view(row: Row) -> str:
    """Return the view; a word where it is unknown."""
    return row.get("view", "") or UNKNOWN


COLUMNS: dict[str, Callable[[Row], str]] = {
    "source": _source,
    "age": age_band,
    "sex": _sex,
    "view": _view,
}


@dataclass(frozen=True)
class Subgroup:
    """The numbers of the images of one value."""

    column: str  # of COLUMNS
    value: str
    images: int
    groups: int
    side_groups: int  # of the side with fewest, of the questions asked
    questions: int  # that have two sides here: the AUROC is their mean
    auroc: float | None
    auroc_interval: Interval
    right: float | None  # share of the images answered right; None where no answer is one
    right_interval: Interval
    too_few: bool
    is_lower: bool  # whether the interval of the AUROC lies below that of all images


@dataclass(frozen=True)
class Subgroups:
    """The numbers of all subgroups."""

    of: str  # what is ranked
    auroc: float | None  # of all images
    rows: tuple[Subgroup, ...]
    unknown: tuple[str, ...]  # columns that are known of no image

    def to_dict(self) -> dict[str, object]:
        """Return the numbers as strict JSON."""
        return {
            "of": self.of,
            "auroc": self.auroc,
            "rows": [vars(row) for row in self.rows],
            "unknown": list(self.unknown),
        }

    @property
    def lower(self) -> list[Subgroup]:
        """The subgroups whose interval lies wholly below the AUROC of all images."""
        return [row for row in self.rows if row.is_lower]


def subgroups_of(
    of: str,  # what is ranked, in words
    questions: Sequence[Question],
    right: np.ndarray | None,  # (n,) bool: answered right; None where no answer is one
    rows: Sequence[Row],  # (n,)
    resampling: Resampling,  # R draws of the groups of these images
) -> Subgroups:
    """Count the questions within each subgroup."""
    every = np.ones(len(rows), bool)
    whole, _, _, _ = _mean_auroc(questions, every, resampling)
    found = []
    unknown = []
    for column, value_of in COLUMNS.items():
        values = np.array([value_of(row) for row in rows])
        names = [name for name in _in_order(values) if name]
        if names == [UNKNOWN]:
            unknown.append(column)
            continue
        for name in names:
            own = values == name
            found.append(_subgroup(column, name, own, questions, right, whole, resampling))
    return Subgroups(of, whole, tuple(found), tuple(unknown))


def _in_order(values: np.ndarray) -> list[str]:
    """Return the values, age bands from young to old, unknown last."""
    bands = [name for _, name in AGE_BANDS]
    first = [*bands, OLDEST]
    names = sorted(set(values.tolist()) - {*first, UNKNOWN})
    known = [name for name in first if name in values] + names
    return [*known, UNKNOWN] if UNKNOWN in values else known


def _subgroup(
    column: str,
    value: str,
    own: np.ndarray,  # (n,) bool
    questions: Sequence[Question],
    right: np.ndarray | None,
    whole: float | None,  # AUROC of all images
    resampling: Resampling,
) -> Subgroup:
    """Count one subgroup."""
    auroc, between, sides, n_asked = _mean_auroc(questions, own, resampling)
    share = None if right is None else Share(right, own)
    groups = resampling.groups_of(own)
    too_few = is_few(sides)
    lower = between is not None and whole is not None and between[1] < whole
    return Subgroup(
        column=column,
        value=value,
        images=int(own.sum()),
        groups=groups,
        side_groups=sides,
        questions=n_asked,
        auroc=auroc,
        auroc_interval=between,
        right=None if share is None else share.value,
        right_interval=None if share is None else share.interval(resampling),
        too_few=too_few,
        is_lower=bool(lower and not too_few and not own.all()),
    )


def _mean_auroc(
    questions: Sequence[Question],
    own: np.ndarray,  # (n,) bool
    resampling: Resampling,
) -> tuple[float | None, Interval, int, int]:  # value, interval, groups of a side, questions
    """Average the AUROCs of the questions that have two sides among some images."""
    values, draws, sides = [], [], []
    for question in questions:
        known = question.known & own
        n = resampling.groups_of(question.positive & known, ~question.positive & known)
        if not n:
            continue
        once = SingleDraw().aurocs(question.positive, question.probs, known)[0]
        values.append(float(once))
        draws.append(resampling.aurocs(question.positive, question.probs, known))
        sides.append(n)
    if not values:
        return None, None, 0, 0
    value = float(np.mean(values))
    trials = groups_of_mean(sides, resampling.groups_of(own))
    in_resamples = _mean_of_defined(np.array(draws))
    between = resampling.interval(in_resamples, value, trials, is_ranking=True)
    return value, between, min(sides), len(values)


def _mean_of_defined(
    draws: np.ndarray,  # (q, R) nan where a resample lacks a side
) -> np.ndarray:  # (R,)
    """Average over the questions that a resample defines, as the report's macro AUROC does."""
    known = ~np.isnan(draws)
    with np.errstate(invalid="ignore"):
        means: np.ndarray = np.where(known, draws, 0).sum(0) / known.sum(0)
    return means
