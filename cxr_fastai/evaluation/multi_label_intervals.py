"""The numbers of several findings in each resample, and their intervals.

A Resampling and the arrays of multi_label in; arrays with a row a resample, nan where undefined,
and intervals nested as the numbers are out. Never reads files, never picks a threshold.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from cxr_fastai.evaluation.arrays import finding_arrays, source_names
from cxr_fastai.evaluation.bootstrap import Interval, IntervalTree, Resampling
from cxr_fastai.evaluation.multi_label import SOURCE_KEYS
from cxr_fastai.evaluation.multi_label_counts import (
    HEADLINE_KEYS,
    FindingCounts,
    count_findings,
)
from cxr_fastai.evaluation.multi_label_floors import (
    FLOOR_CLASS_KEYS,
    BlindAnswers,
    answer_by_source,
    answer_nothing,
)

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

__all__ = ["findings_intervals", "resampled_findings"]


def resampled_findings(
    resampling: Resampling,  # R draws of the groups of these images
    targs: ArrayLike,  # these as for findings_metrics
    probs: ArrayLike,
    vocab: Sequence[str],  # (c,) slugs
    preds: ArrayLike,
) -> FindingCounts:
    """Count the numbers of `findings_metrics` in each resample, nan where undefined.

    A mean over findings is one over those for which the resample defines the number; a precision
    is undefined where a resample never answers the finding.
    """
    return count_findings(resampling, *finding_arrays(targs, probs, preds, vocab))


def findings_intervals(
    resampling: Resampling,
    targs: ArrayLike,
    probs: ArrayLike,
    vocab: Sequence[str],
    preds: ArrayLike,
    sources: Iterable[object],
) -> IntervalTree:  # metrics, floors, by_source: nested as the numbers are; and gain
    """Return the intervals of all numbers of a multi-label report.

    The floors keep their answers in all resamples; the gain, of the macro AUROC over the
    source-only floor, is paired.
    """
    labels, scores, answers = finding_arrays(targs, probs, preds, vocab)
    names = source_names(sources, len(labels))
    counts = count_findings(resampling, labels, scores, answers)
    nothing = _count_blind(resampling, labels, answer_nothing(labels))
    by_source = _count_blind(resampling, labels, answer_by_source(labels, names))
    gain = counts.headline["macro_auroc"] - by_source.headline["macro_auroc"]
    floors: dict[str, IntervalTree] = {
        "all_absent": _floor_headline(resampling, nothing),
        "source_only": {
            **_floor_headline(resampling, by_source),
            "per_class": _floor_classes(resampling, by_source, labels, vocab),
        },
    }
    return {
        "metrics": _metric_intervals(resampling, counts, labels, answers, vocab),
        "floors": floors,
        "by_source": _source_intervals(resampling, labels, scores, answers, names),
        "gain": resampling.interval(gain),
    }


# ---- the model's numbers


def _metric_intervals(
    resampling: Resampling,  # R draws of the groups of these images
    counts: FindingCounts,  # R draws
    labels: np.ndarray,  # (n, c) 1, 0, nan
    answers: np.ndarray,  # (n, c) bool
    vocab: Sequence[str],  # (c,) slugs
) -> IntervalTree:
    """Return the intervals of the model's own numbers, nested as in `findings_metrics`."""
    averages: dict[str, IntervalTree] = {}
    for name, scores in counts.averages.items():
        averages[name] = _intervals(resampling, scores)
    per_class: dict[str, IntervalTree] = {}
    for i, slug in enumerate(vocab):
        own = {key: values[:, i] for key, values in counts.per_class.items()}
        per_class[slug] = _class_intervals(resampling, own, labels[:, i], answers[:, i])
    headline = _intervals(resampling, counts.headline)
    return {**headline, "averages": averages, "per_class": per_class}


def _intervals(
    resampling: Resampling,  # R draws of the groups of these images
    numbers: Mapping[str, np.ndarray],  # each (R,)
) -> dict[str, Interval]:
    """Return the intervals of numbers that rest on all images."""
    return {key: resampling.interval(values) for key, values in numbers.items()}


def _class_intervals(
    resampling: Resampling,  # R draws of the groups of these images
    numbers: Mapping[str, np.ndarray],  # each (R,)
    labels: np.ndarray,  # (n,)
    answers: np.ndarray,  # (n,) bool
) -> IntervalTree:
    """Return the intervals of one finding's numbers.

    None where the images that a number rests on belong to one group.
    """
    known = ~np.isnan(labels)
    present = labels == 1
    absent = known & ~present
    answered = known & answers
    sides: dict[str, list[np.ndarray]] = {  # the images that each number rests on
        "auroc": [present, absent],
        "ap": [present, absent],
        "precision": [answered],
        "recall": [present],
        "f1": [present],
        "specificity": [absent],
        "prevalence": [known],
    }
    return {key: resampling.interval(numbers[key], *images) for key, images in sides.items()}


def _source_intervals(
    resampling: Resampling,  # R draws of the groups of these images
    labels: np.ndarray,  # (n, c) 1, 0, nan
    scores: np.ndarray,  # (n, c)
    answers: np.ndarray,  # (n, c) bool
    names: np.ndarray,  # (n,) sources
) -> IntervalTree:
    """Return the intervals of SOURCE_KEYS within each source.

    The draws are those of all images, so a source has more images in some than in others.
    """
    intervals: dict[str, IntervalTree] = {}
    for source in sorted(set(names)):
        own = names == source
        # What is unknown counts nowhere, so images elsewhere are made unknown.
        own_labels = np.where(own[:, None], labels, np.nan)
        headline = count_findings(resampling, own_labels, scores, answers).headline
        intervals[source] = {key: resampling.interval(headline[key], own) for key in SOURCE_KEYS}
    return intervals


# ---- the floors


def _count_blind(
    resampling: Resampling,  # R draws of the groups of these images
    labels: np.ndarray,  # (n, c) 1, 0, nan
    blind: BlindAnswers,
) -> FindingCounts:
    """Count a floor's fixed answers in each resample."""
    return count_findings(resampling, labels, blind.scores, blind.preds)


def _floor_headline(
    resampling: Resampling,  # R draws of the groups of these images
    counts: FindingCounts,  # R draws
) -> dict[str, Interval]:
    """Return the intervals of a floor's headline."""
    return {key: resampling.interval(counts.headline[key]) for key in HEADLINE_KEYS}


def _floor_classes(
    resampling: Resampling,  # R draws of the groups of these images
    counts: FindingCounts,  # R draws
    labels: np.ndarray,  # (n, c) 1, 0, nan
    vocab: Sequence[str],  # (c,) slugs
) -> IntervalTree:
    """Return the intervals of the source-only floor, finding by finding.

    None where those who have the finding, or those who lack it, belong to one group.
    """
    intervals: dict[str, IntervalTree] = {}
    for i, slug in enumerate(vocab):
        present = labels[:, i] == 1
        absent = labels[:, i] == 0
        own: dict[str, Interval] = {}
        for key in FLOOR_CLASS_KEYS:
            own[key] = resampling.interval(counts.per_class[key][:, i], present, absent)
        intervals[slug] = own
    return intervals
