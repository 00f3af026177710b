"""Reading the likely ill first, laying aside the surely well: what a risk is worth as a worklist.

Arrays of who is positive and at what risk in, plain numbers out, None where one is undefined; with
a Resampling, their intervals. Never picks a threshold: those that are given were fixed on other
images. The same in words: triage_words.

Accuracy does not tell what a worklist gains. What does: how many of the positive (the abnormal)
stand at its beginning, and, where all below a threshold are laid aside, the share of work removed,
the share of the positive still found (sensitivity) and the share of the well among those laid
aside (NPV). A high NPV is cheap where disease is rare: that of laying everyone aside is
1 - prevalence. So it is also given at other prevalences.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import TYPE_CHECKING, TypedDict

import numpy as np

from cxr_fastai.evaluation.shares import triage_shares
from cxr_fastai.intervals.bootstrap import Resampling, interval
from cxr_fastai.intervals.interval_trees import ExactInterval, Interval, IntervalTree

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from cxr_fastai.bundle.meta import TriageStep

__all__ = [
    "FIRST_PARTS",
    "PREVALENCES",
    "Triage",
    "TriageStepNumbers",
    "WorkRemoved",
    "early_shares",
    "npv_at",
    "part_images",
    "resampled_early_shares",
    "triage_intervals",
    "triage_metrics",
    "work_removed",
    "worklist",
]

FIRST_PARTS = (0.25, 0.5)  # of the worklist, from its beginning
PREVALENCES = (0.05, 0.1, 0.2, 0.5)  # a screening programme's to an emergency ward's


class WorkRemoved(TypedDict):
    """What laying aside all below a threshold removes and costs."""

    threshold: float
    n: int
    positives: int
    prevalence: float | None
    removed: float | None  # share of the images
    sensitivity: float | None
    specificity: float | None
    npv: float | None
    missed: int  # positives that were laid aside
    npv_at: dict[str, float | None]  # by prevalence, as "0.05"


class TriageStepNumbers(WorkRemoved):
    """The same of a threshold that was fixed for a sensitivity."""

    asked_sensitivity: float


class Triage(TypedDict):
    """Numbers of a worklist."""

    positives: int
    positive_groups: int
    worklist: dict[str, float | None]  # of `early_shares`
    best: dict[str, float | None]  # the same of a faultless order
    at: list[TriageStepNumbers]  # one an asked sensitivity


# ---- the order


def worklist(
    risk: ArrayLike,  # (n,) higher is read sooner
) -> np.ndarray:  # (n,) indices
    """Return the order of reading: highest risk first, equal risks in the given order."""
    return np.argsort(-np.asarray(risk, float), kind="stable")


def part_images(
    part: float,  # share of the worklist, 0-1
    n: ArrayLike,  # images of it
) -> np.ndarray:
    """Return how many images the first part holds; a part of an image counts as one."""
    return np.ceil(np.round(part * np.asarray(n), 6)).astype(int)  # 0.1*30 is a little more than 3


def early_shares(
    positive: ArrayLike,  # (n,) bool
    risk: ArrayLike,  # (n,)
    parts: Sequence[float] = FIRST_PARTS,  # shares of the worklist, 0-1
) -> dict[str, float | None]:  # by part, as "0.25"
    """Return the share of the positive that stand in each first part of the worklist.

    Of equal risks it is the mean over all their orders. In no order it would be that part.
    """
    order = worklist(risk)
    is_positive = np.asarray(positive, bool)[order]
    block = _runs_of_equal(np.asarray(risk)[order])
    sizes = np.bincount(block)
    found = np.bincount(block, is_positive)
    before = sizes.cumsum() - sizes
    shares: dict[str, float | None] = {}
    for part in parts:
        read = np.clip((part_images(part, len(order)) - before) / sizes, 0, 1)
        shares[f"{part:g}"] = float((found * read).sum() / found.sum()) if found.sum() else None
    return shares


def resampled_early_shares(
    resampling: Resampling,
    positive: ArrayLike,
    risk: ArrayLike,
    parts: Sequence[float] = FIRST_PARTS,
) -> np.ndarray:  # (R, parts)
    """Return the shares of `early_shares` in each resample.

    Its worklist has an image as often as its group was drawn.
    """
    order = worklist(risk)
    group_of_image = resampling.group_of_image[order]
    is_positive = np.asarray(positive, bool)[order]
    block = _runs_of_equal(np.asarray(risk)[order])
    starts = np.flatnonzero(np.diff(block, prepend=-1))

    def shares(times_drawn: np.ndarray) -> np.ndarray:
        """Count each image as often as it was drawn."""
        times = times_drawn[group_of_image].astype(np.int32)
        sizes = np.add.reduceat(times, starts, axis=0)
        found = np.add.reduceat(times * is_positive[:, None], starts, axis=0)
        before = sizes.cumsum(0) - sizes
        n = sizes.sum(0)
        early = []
        for part in parts:
            read = np.clip((part_images(part, n) - before) / np.maximum(sizes, 1), 0, 1)
            early.append((found * read).sum(0))
        return np.stack(early, axis=1) / found.sum(0)[:, None]

    return resampling.in_each_resample(shares)


def _runs_of_equal(
    ordered: np.ndarray,  # (n,) sorted values
) -> np.ndarray:
    """(n,) the number of the run of equal values that each belongs to.

    Within a run the order of reading is arbitrary.
    """
    changes = (np.diff(ordered) != 0).cumsum()
    return np.concatenate([[0], changes]).astype(int)


# ---- laying aside


def work_removed(
    positive: ArrayLike,  # (n,) bool
    risk: ArrayLike,  # (n,)
    threshold: float,  # images of a lower risk are laid aside
) -> WorkRemoved:
    """Count what laying aside all below a threshold removes and costs."""
    is_positive = np.asarray(positive, bool)
    aside = np.asarray(risk) < threshold
    shares = triage_shares(is_positive, aside)
    sensitivity = shares["sensitivity"].value
    specificity = shares["specificity"].value
    return WorkRemoved(
        threshold=float(threshold),
        n=len(is_positive),
        positives=int(is_positive.sum()),
        prevalence=shares["prevalence"].value,
        removed=shares["removed"].value,
        sensitivity=sensitivity,
        specificity=specificity,
        npv=shares["npv"].value,
        missed=int((is_positive & aside).sum()),
        npv_at={f"{p:g}": npv_at(sensitivity, specificity, p) for p in PREVALENCES},
    )


def npv_at(
    sensitivity: float | None,  # 0-1
    specificity: float | None,
    prevalence: float,  # 0-1, elsewhere
) -> float | None:
    """Return the NPV that the same sensitivity and specificity have at another prevalence.

    By Bayes: the well laid aside over all laid aside. None where nobody is. It takes for granted
    that the ill and the well look there as they do here.
    """
    if sensitivity is None or specificity is None:
        return None
    well = specificity * (1 - prevalence)
    ill = (1 - sensitivity) * prevalence
    return float(well / (well + ill)) if well + ill else None


# ---- both together


def triage_metrics(
    positive: ArrayLike,  # (n,) bool
    risk: ArrayLike,  # (n,)
    groups: Iterable[Hashable],  # (n,) as for Resampling
    thresholds: Iterable[TriageStep] = (),  # as a bundle's decision holds them
) -> Triage:
    """Count what a worklist of these images is worth."""
    is_positive = np.asarray(positive, bool)
    ill_groups = [group for group, yes in zip(groups, is_positive) if yes]
    steps: list[TriageStepNumbers] = []
    for fixed in thresholds:
        removed = work_removed(is_positive, risk, fixed["threshold"])
        steps.append({"asked_sensitivity": fixed["asked_sensitivity"], **removed})
    return Triage(
        positives=len(ill_groups),
        positive_groups=len(set(ill_groups)),
        worklist=early_shares(is_positive, risk),
        best=early_shares(is_positive, is_positive),
        at=steps,
    )


def triage_intervals(
    resampling: Resampling,  # R draws of the groups of these images
    positive: ArrayLike,  # (n,) bool
    risk: ArrayLike,
    thresholds: Iterable[TriageStep] = (),
) -> IntervalTree:
    """Return the intervals of the numbers of `triage_metrics`, nested as they are."""
    is_positive = np.asarray(positive, bool)
    risks = np.asarray(risk)
    found = resampled_early_shares(resampling, is_positive, risks)
    groups = resampling.groups_of(is_positive)
    early: dict[str, Interval] = {}
    for i, (part, value) in enumerate(early_shares(is_positive, risks).items()):
        early[part] = resampling.interval(found[:, i], value, groups)
    steps = []
    for fixed in thresholds:
        aside = risks < fixed["threshold"]
        steps.append(_removed_intervals(resampling, is_positive, aside))
    return {"worklist": early, "at": steps}


def _removed_intervals(
    resampling: Resampling,  # R draws of the groups of these images
    positive: np.ndarray,  # (n,) bool
    aside: np.ndarray,  # (n,) bool: laid aside
) -> IntervalTree:
    """Return the intervals of the numbers of `work_removed`."""
    shares = triage_shares(positive, aside)
    draws = {name: share.resampled(resampling) for name, share in shares.items()}
    here = {name: share.interval(resampling, draws[name]) for name, share in shares.items()}
    sensitivity, specificity = here["sensitivity"], here["specificity"]
    elsewhere: dict[str, Interval] = {}
    for prevalence in PREVALENCES:
        between = _npv_interval_at(sensitivity, specificity, prevalence)
        if between is None and sensitivity and specificity:
            npv = _npvs_at(draws["sensitivity"], draws["specificity"], prevalence)
            between = interval(npv, resampling.groups_of(positive, ~positive))
        elsewhere[f"{prevalence:g}"] = between
    missed = _missed_interval(resampling, positive, aside, sensitivity)
    return {**here, "missed": missed, "npv_at": elsewhere}


def _missed_interval(
    resampling: Resampling,  # R draws of the groups of these images
    positive: np.ndarray,  # (n,) bool
    aside: np.ndarray,  # (n,) bool: laid aside
    sensitivity: Interval,
) -> Interval:
    """Return how many of as many positive would be missed, in images.

    Exact where the sensitivity's interval is.
    """
    if sensitivity is None:
        return None
    if isinstance(sensitivity, ExactInterval):
        low, high = sensitivity
        n = int(positive.sum())
        return ExactInterval([n * (1 - high), n * (1 - low)])
    return interval(resampling.totals(positive & aside), resampling.groups_of(positive))


def _npv_interval_at(
    sensitivity: Interval,
    specificity: Interval,
    prevalence: float,
) -> Interval:
    """Return the NPV from the worst to the best of both intervals; None unless one is exact.

    The NPV rises with either.
    """
    if sensitivity is None or specificity is None:
        return None
    exact = [isinstance(each, ExactInterval) for each in (sensitivity, specificity)]
    low = npv_at(sensitivity[0], specificity[0], prevalence)
    high = npv_at(sensitivity[1], specificity[1], prevalence)
    if not any(exact) or low is None or high is None:
        return None
    return ExactInterval([low, high])


def _npvs_at(
    sensitivity: np.ndarray,  # (R,)
    specificity: np.ndarray,  # (R,)
    prevalence: float,
) -> np.ndarray:  # (R,) nan where nobody is laid aside
    """Return the NPV at another prevalence in each resample, as `npv_at` counts it."""
    well = specificity * (1 - prevalence)
    ill = (1 - sensitivity) * prevalence
    with np.errstate(invalid="ignore"):
        return well / (well + ill)
