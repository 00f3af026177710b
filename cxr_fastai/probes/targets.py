"""What a probe is to tell: the classes of some films, the patients they are of, and the folds.

Rows of a manifest -> Targets, and the AUROC of scores with its interval over groups. Reads no file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from cxr_fastai.intervals.bootstrap import Resampling
from cxr_fastai.intervals.exact import groups_of_mean
from cxr_fastai.intervals.interval_trees import Interval
from cxr_fastai.probes.classifier import LINEAR, deal_folds, held_out_scores
from cxr_fastai.reporting.text import MIN_GROUPS_FOR_VERDICT

__all__ = [
    "Targets",
    "Told",
    "class_targets",
    "value_targets",
    "told_by",
    "told_of",
    "auroc_of",
    "RESAMPLES",
]

GUESS = 0.5  # AUROC of what tells nothing
RESAMPLES = 1000  # draws of the groups: the ends of an interval then move by .002 from seed to seed


@dataclass(frozen=True, eq=False)
class Targets:
    """What is to be told of n films, class by class: each has it, has it not, or nobody knows."""

    has: Mapping[str, np.ndarray]  # class -> (n,) bool
    known: Mapping[str, np.ndarray]  # class -> (n,) bool
    groups: np.ndarray  # (n,) text: films of one patient share it
    folds: np.ndarray  # (n,) int, of deal_folds
    resampling: Resampling = field(repr=False)

    def groups_of(self, label: str) -> int:
        """Return the groups of the side of a class that has fewest."""
        has, known = self.has[label], self.known[label]
        return self.resampling.groups_of(has & known, ~has & known)

    @property
    def judged(self) -> list[str]:
        """Classes with enough groups on both sides; of two that exclude each other the first."""
        enough = [name for name in self.has if self.groups_of(name) >= MIN_GROUPS_FOR_VERDICT]
        return [name for name in enough if name != self.twin]

    @property
    def twin(self) -> str:
        """The second of two classes that exclude each other: the first says all of it; else ''."""
        if len(self.has) != 2:
            return ""
        first, second = self.has
        exclude = np.array_equal(self.has[first], ~self.has[second])
        return second if exclude else ""

    @property
    def left_out(self) -> list[str]:
        """The classes with too few groups on a side: nothing is said of them."""
        return [name for name in self.has if self.groups_of(name) < MIN_GROUPS_FOR_VERDICT]


@dataclass(frozen=True)
class Told:
    """How well a feature tells classes."""

    auroc: float | None  # mean over the classes judged; None where there is none
    interval: Interval
    groups: int  # of the side that has fewest, over the classes judged
    films: int
    per_class: dict[str, float]  # class -> AUROC
    left_out: list[str]  # classes of too few groups
    scores: Mapping[str, np.ndarray] = field(default_factory=dict, repr=False)  # class -> (n,)
    is_same: bool = False  # the feature is the same for all films: the AUROC is .5 by definition


def class_targets(
    labels: Sequence[str],  # (n,) as the manifest writes them
    has: Mapping[str, np.ndarray],  # class -> (n,) bool
    unknown: Mapping[str, np.ndarray],  # class -> (n,) bool
    groups: Sequence[str],  # (n,)
    seed: int = 0,
) -> Targets:
    """Make the targets of a folder's classes."""
    return Targets(
        has=has,
        known={name: ~marks for name, marks in unknown.items()},
        groups=np.asarray(groups),
        folds=deal_folds(labels, groups, seed),
        resampling=Resampling(groups, RESAMPLES, seed),
    )


def value_targets(
    values: Sequence[str],  # (n,) of a column, as source; '' is unknown
    groups: Sequence[str],  # (n,)
    seed: int = 0,
) -> Targets:
    """Make the targets of a column's values."""
    column = np.asarray(values)
    names = [name for name in dict.fromkeys(values) if name]
    is_known = column != ""
    return Targets(
        has={name: column == name for name in names},
        known=dict.fromkeys(names, is_known),
        groups=np.asarray(groups),
        folds=deal_folds(list(values), groups, seed),
        resampling=Resampling(groups, RESAMPLES, seed),
    )


def told_by(
    features: np.ndarray,  # (n, f)
    targets: Targets,
    kind: str = LINEAR,
) -> Told:
    """Return how well a cheap model tells the classes from features, held out by group.

    Features that are the same for all films tell nothing: by definition, and not by these films.
    """
    scores = {}
    for name in targets.judged:
        own = held_out_scores(features, targets.has[name], targets.known[name], targets.folds, kind)
        if not np.isnan(own).all():
            scores[name] = own
    told = told_of(scores, targets)
    if told.auroc is not None and not np.ptp(features, axis=0).any():
        return _same(told)
    return told


def _same(told: Told) -> Told:
    """Return what a feature tells that is the same for all films; its interval is no estimate."""
    return replace(
        told,
        auroc=GUESS,
        interval=[GUESS, GUESS],
        per_class=dict.fromkeys(told.per_class, GUESS),
        is_same=True,
    )


def told_of(
    scores: Mapping[str, np.ndarray],  # class -> (n,) higher is more likely; nan: not scored
    targets: Targets,
) -> Told:
    """Return how well scores tell the classes, with the interval over groups."""
    per_class: dict[str, float] = {}
    draws: list[np.ndarray] = []
    counts: list[int] = []
    for name, own in scores.items():
        has = targets.has[name]
        among = targets.known[name] & ~np.isnan(own)
        groups = targets.resampling.groups_of(has & among, ~has & among)
        if groups < MIN_GROUPS_FOR_VERDICT:
            continue
        per_class[name] = auroc_of(has[among], own[among])
        draws.append(targets.resampling.aurocs(has, np.nan_to_num(own), among))
        counts.append(groups)
    if not per_class:
        return Told(None, None, 0, len(targets.groups), {}, list(targets.has))
    auroc = float(np.mean(list(per_class.values())))
    values = np.mean(draws, axis=0)  # nan where a resample lacks a side of any class
    trials = groups_of_mean(counts, targets.resampling.n_groups)
    return Told(
        auroc=auroc,
        interval=targets.resampling.interval(values, auroc, trials, is_ranking=True),
        groups=min(counts),
        films=len(targets.groups),
        per_class=per_class,
        left_out=[name for name in targets.left_out if name not in per_class],
        scores=dict(scores),
    )


def auroc_of(
    has: np.ndarray,  # (m,) bool, both sides
    scores: np.ndarray,  # (m,)
) -> float:
    """Return the area under the ROC curve; equal scores count half."""
    from scipy.stats import rankdata

    ranks = rankdata(scores)
    n_has = int(has.sum())
    above = ranks[has].sum() - n_has * (n_has + 1) / 2
    return float(above / (n_has * (len(has) - n_has)))
