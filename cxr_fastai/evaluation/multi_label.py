"""How good answers are that name several findings at once.

Arrays of what is present (1), absent (0) or unknown (nan) and of what was answered -> plain dicts
of Python numbers, None where a number is undefined. Multi-label only; never reads files, never
picks a threshold: answers are given. Floors: multi_label_floors; the same numbers in each resample:
multi_label_intervals.

An unknown label counts nowhere: neither for nor against, in no sum and under no average. All
numbers are those of scikit-learn on what is known, with zero_division=0, and averages over
findings leave out those that no image has::

    micro     all images and findings in one count: common findings decide
    macro     mean over the findings that some image has: each as much as the others
    weighted  mean over the same findings, each by its number of images
    samples   mean over the images. As scikit-learn counts it, an image in which nothing is present
              is 0, also where nothing was answered: at best it is the share of the images that
              have a finding
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, TypedDict

import numpy as np

from cxr_fastai.evaluation.arrays import finding_arrays, source_names
from cxr_fastai.evaluation.multi_label_counts import (
    FindingCounts,
    SingleDraw,
    count_findings,
)
from cxr_fastai.recipes import UNSET

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

__all__ = [
    "SOURCE_KEYS",
    "FindingMetrics",
    "FindingSourceMetrics",
    "FindingsMetrics",
    "Headline",
    "headline_of",
    "Together",
    "findings_by_source",
    "findings_metrics",
    "first_draw",
    "first_draw_by_class",
]

SOURCE_KEYS = ("macro_auroc", "micro_f1", "exact")


class Headline(TypedDict):
    """The numbers of HEADLINE_KEYS."""

    macro_auroc: float | None  # over the findings that some images have and others have not
    macro_ap: float | None  # average precision, over the same
    micro_f1: float | None
    macro_f1: float | None
    weighted_f1: float | None
    samples_f1: float | None
    exact: float | None  # share of images all of whose known findings were answered right


class FindingMetrics(TypedDict):
    """Numbers of one finding, on the images where it is known."""

    n: int  # images where it is known
    support: int  # images that have it
    unknown: int  # images where it is not known
    answered: int  # images answered with it, of those where it is known
    threshold: float  # UNSET where validation fixed none
    fixed: bool
    auroc: float | None
    ap: float | None
    prevalence: float | None
    precision: float | None
    recall: float | None
    specificity: float | None
    f1: float | None


class Together(TypedDict):
    """How often two findings come together in an image, in vocab order."""

    present: list[list[int]]
    answered: list[list[int]]


class FindingsMetrics(Headline):
    """Numbers of multi-label answers."""

    n: int
    averages: dict[str, dict[str, float | None]]  # of AVERAGES, precision, recall and f1
    of: dict[str, int]  # of how many findings, or images, a number is the mean
    with_findings: int  # images that have any
    per_class: dict[str, FindingMetrics]
    together: Together


class FindingSourceMetrics(TypedDict):
    """Numbers within one source."""

    n: int
    with_findings: int  # images that have any
    findings: int  # that it has images of
    of: int  # findings that it has images with and without: the macro AUROC is over these
    macro_auroc: float | None
    micro_f1: float | None
    exact: float | None


def findings_metrics(
    targs: ArrayLike,  # (n, c) 1 present, 0 absent, nan unknown
    probs: ArrayLike,  # (n, c) probability of each finding, 0-1
    vocab: Sequence[str],  # (c,) finding slugs
    preds: ArrayLike,  # (n, c) bool: what was answered
    thresholds: Mapping[
        str, float
    ],  # slug -> least probability of a yes, where validation fixed it
) -> FindingsMetrics:  # strict JSON
    """Count multi-label answers.

    A finding that was never answered has precision 0; one that no image has, recall and F1 None;
    one that is known of no image, no number. Raises `UsageError` for arrays that do not fit
    together.
    """
    labels, scores, answers = finding_arrays(targs, probs, preds, vocab)
    counts = count_findings(SingleDraw(), labels, scores, answers)
    known = ~np.isnan(labels)
    present = labels == 1
    numbers = first_draw_by_class(counts.per_class)
    per_class: dict[str, FindingMetrics] = {}
    for i, slug in enumerate(vocab):
        threshold = thresholds.get(slug)
        per_class[slug] = _finding_metrics(labels[:, i], answers[:, i], numbers[i], threshold)
    averages = {name: first_draw(scores) for name, scores in counts.averages.items()}
    return {
        "n": len(labels),
        **headline_of(counts),
        "averages": averages,
        "of": _means_over(per_class, int(known.any(1).sum())),
        "with_findings": int(present.any(1).sum()),
        "per_class": per_class,
        "together": Together(present=_pairs(present), answered=_pairs(known & answers)),
    }


def _finding_metrics(
    labels: np.ndarray,  # (n,) 1, 0, nan
    answers: np.ndarray,  # (n,) bool
    numbers: Mapping[str, float | None],  # as they were counted
    threshold: float | None,  # None where validation fixed none
) -> FindingMetrics:
    """Return the numbers of one finding, on the images where it is known."""
    known = ~np.isnan(labels)
    answered = known & answers
    precision = numbers["precision"]
    if known.any() and not answered.any():
        precision = 0.0
    return FindingMetrics(
        n=int(known.sum()),
        support=int((labels == 1).sum()),
        unknown=int((~known).sum()),
        answered=int(answered.sum()),
        threshold=float(UNSET if threshold is None else threshold),
        fixed=threshold is not None,
        auroc=numbers["auroc"],
        ap=numbers["ap"],
        prevalence=numbers["prevalence"],
        precision=precision,
        recall=numbers["recall"],
        specificity=numbers["specificity"],
        f1=numbers["f1"],
    )


def _means_over(
    per_class: Mapping[str, FindingMetrics],
    n_images: int,  # of which some label is known
) -> dict[str, int]:
    """Return of how many findings, or images, each number is the mean."""
    n_ranked = sum(numbers["auroc"] is not None for numbers in per_class.values())
    n_present = sum(numbers["support"] > 0 for numbers in per_class.values())
    return {
        "macro_auroc": n_ranked,
        "macro_ap": n_ranked,
        "macro_f1": n_present,
        "weighted_f1": n_present,
        "samples_f1": n_images,
        "exact": n_images,
    }


def _pairs(
    has: np.ndarray,  # (n, c) bool
) -> list[list[int]]:
    """Return how often two findings stand in one image, (c, c).

    On the diagonal stands how often each is there at all.
    """
    ones = has.astype(int)
    pairs: list[list[int]] = (ones.T @ ones).tolist()
    return pairs


def findings_by_source(
    targs: ArrayLike,  # these as for findings_metrics
    probs: ArrayLike,
    vocab: Sequence[str],
    preds: ArrayLike,
    sources: Iterable[object],  # (n,) the source that each image came from
) -> dict[str, FindingSourceMetrics]:  # sources in alphabetical order
    """Count answers within each source, where knowing the source is of no help."""
    labels, scores, answers = finding_arrays(targs, probs, preds, vocab)
    names = source_names(sources, len(labels))
    found: dict[str, FindingSourceMetrics] = {}
    for source in sorted(set(names)):
        own = names == source
        found[source] = _source_metrics(labels[own], scores[own], answers[own])
    return found


def _source_metrics(
    labels: np.ndarray,  # (n, c) 1, 0, nan
    scores: np.ndarray,  # (n, c)
    answers: np.ndarray,  # (n, c) bool
) -> FindingSourceMetrics:
    """Score one source."""
    counts = count_findings(SingleDraw(), labels, scores, answers)
    headline = headline_of(counts)
    present = labels == 1
    n_ranked = np.count_nonzero(~np.isnan(counts.per_class["auroc"]))
    return FindingSourceMetrics(
        n=len(labels),
        with_findings=int(present.any(1).sum()),
        findings=int(present.any(0).sum()),
        of=int(n_ranked),
        macro_auroc=headline["macro_auroc"],
        micro_f1=headline["micro_f1"],
        exact=headline["exact"],
    )


# ---- numbers of the only draw, as plain ones


def first_draw(numbers: Mapping[str, np.ndarray]) -> dict[str, float | None]:
    """Return the numbers of the first draw, each (R,); nan as None."""
    return {key: _plain(values[0]) for key, values in numbers.items()}


def first_draw_by_class(
    numbers: Mapping[str, np.ndarray],  # each (R, c)
) -> list[dict[str, float | None]]:  # (c,)
    """Return the numbers of the first draw, a dict a finding; nan as None."""
    n_classes = len(next(iter(numbers.values()))[0])
    classes = []
    for i in range(n_classes):
        classes.append({key: _plain(values[0, i]) for key, values in numbers.items()})
    return classes


def headline_of(counts: FindingCounts) -> Headline:
    """Return the headline of the first draw."""
    numbers = first_draw(counts.headline)
    return Headline(
        macro_auroc=numbers["macro_auroc"],
        macro_ap=numbers["macro_ap"],
        micro_f1=numbers["micro_f1"],
        macro_f1=numbers["macro_f1"],
        weighted_f1=numbers["weighted_f1"],
        samples_f1=numbers["samples_f1"],
        exact=numbers["exact"],
    )


def _plain(number: float) -> float | None:
    """Return a number as JSON can hold it; None for nan."""
    return None if np.isnan(number) else float(number)
