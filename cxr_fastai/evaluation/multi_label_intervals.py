"""The numbers of several findings in each resample, and their intervals.

A Resampling and the arrays of multi_label in; arrays with a row a resample, nan where undefined,
and intervals nested as the numbers are out. Never reads files, never picks a threshold.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from cxr_fastai.evaluation.arrays import finding_arrays, source_names
from cxr_fastai.evaluation.multi_label import SOURCE_KEYS, first_draw, first_draw_by_class
from cxr_fastai.evaluation.multi_label_counts import (
    HEADLINE_KEYS,
    FindingCounts,
    SingleDraw,
    count_findings,
)
from cxr_fastai.evaluation.multi_label_floors import (
    FLOOR_CLASS_KEYS,
    BlindAnswers,
    answer_by_source,
    answer_nothing,
)
from cxr_fastai.evaluation.resampled import ResampledNumber, difference_interval
from cxr_fastai.evaluation.shares import Share
from cxr_fastai.intervals.bootstrap import Resampling
from cxr_fastai.intervals.exact import groups_of_mean
from cxr_fastai.intervals.interval_trees import Interval, IntervalTree, find_interval

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

__all__ = ["findings_intervals", "headline_groups", "resampled_findings"]

RANKING_KEYS = ("macro_auroc", "macro_ap", "auroc", "ap")


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
    blind = answer_by_source(labels, names)
    model = _count(resampling, labels, scores, answers)
    by_source = _count(resampling, labels, blind.scores, blind.preds)
    floors: dict[str, IntervalTree] = {
        "all_absent": _nothing_intervals(resampling, labels),
        "source_only": _floor_intervals(resampling, by_source, blind, vocab),
    }
    metrics = _metric_intervals(resampling, model, vocab)
    floor = _macro_auroc(by_source, floors["source_only"])
    return {
        "metrics": metrics,
        "floors": floors,
        "by_source": _source_intervals(resampling, labels, scores, answers, names),
        "gain": difference_interval(_macro_auroc(model, metrics), floor),
    }


def headline_groups(
    resampling: Resampling,  # R draws of the groups of these images
    targs: ArrayLike,  # (n, c) 1 present, 0 absent, nan unknown
) -> dict[str, int]:  # by HEADLINE_KEYS
    """Return on how many groups each headline number rests."""
    labels = np.asarray(targs, float)
    present = labels == 1
    smaller_sides = []
    of_sides = []
    for is_present, is_absent in zip(present.T, (labels == 0).T):
        fewer_present = resampling.groups_of(is_present) <= resampling.groups_of(is_absent)
        smaller_sides.append(is_present if fewer_present else is_absent)
        of_sides.append(resampling.groups_of(is_present, is_absent))
    of_any_side = resampling.groups_of(np.any(smaller_sides, axis=0))
    of_any = resampling.groups_of(present.any(1))
    ranked = groups_of_mean(of_sides, of_any_side)
    known = resampling.groups_of((~np.isnan(labels)).any(1))
    return {
        "macro_auroc": ranked,
        "macro_ap": ranked,
        "macro_f1": groups_of_mean([resampling.groups_of(each) for each in present.T], of_any),
        "micro_f1": of_any,
        "weighted_f1": of_any,
        "samples_f1": known,
        "exact": known,
    }


# ---- counted once and in each resample


@dataclass(frozen=True, eq=False)
class _Counted:
    """Answers, their numbers, the same in each resample, and on how many groups they rest."""

    labels: np.ndarray  # (n, c) 1, 0, nan
    answers: np.ndarray  # (n, c) bool
    once: FindingCounts  # of the images as they came
    draws: FindingCounts
    groups: dict[str, int]  # of the headline


def _count(
    resampling: Resampling,  # R draws of the groups of these images
    labels: np.ndarray,  # (n, c) 1, 0, nan
    scores: np.ndarray,  # (n, c)
    answers: np.ndarray,  # (n, c) bool
) -> _Counted:
    """Count fixed answers on the images as they came and in each resample."""
    return _Counted(
        labels=labels,
        answers=answers,
        once=count_findings(SingleDraw(), labels, scores, answers),
        draws=count_findings(resampling, labels, scores, answers),
        groups=headline_groups(resampling, labels),
    )


def _macro_auroc(
    counted: _Counted,
    intervals: IntervalTree,  # of its headline
) -> ResampledNumber:
    """Return the macro AUROC with all that is known of it."""
    return ResampledNumber(
        value=first_draw(counted.once.headline)["macro_auroc"],
        interval=find_interval(intervals, "macro_auroc"),
        in_resamples=counted.draws.headline["macro_auroc"],
        groups=counted.groups["macro_auroc"],
    )


# ---- the model's numbers


def _metric_intervals(
    resampling: Resampling,  # R draws of the groups of these images
    counted: _Counted,
    vocab: Sequence[str],  # (c,) slugs
) -> IntervalTree:
    """Return the intervals of the model's own numbers, nested as in `findings_metrics`."""
    per_class: dict[str, IntervalTree] = {}
    numbers = first_draw_by_class(counted.once.per_class)
    for i, slug in enumerate(vocab):
        per_class[slug] = _class_intervals(resampling, counted, i, numbers[i])
    headline = _headline_intervals(resampling, counted)
    averages = _average_intervals(resampling, counted)
    return {**headline, "averages": averages, "per_class": per_class}


def _headline_intervals(
    resampling: Resampling,  # R draws of the groups of these images
    counted: _Counted,
) -> dict[str, Interval]:
    """Return the intervals of HEADLINE_KEYS."""
    numbers = first_draw(counted.once.headline)
    draws = counted.draws.headline
    found: dict[str, Interval] = {}
    for key in HEADLINE_KEYS:
        n = counted.groups[key]
        ranks = key in RANKING_KEYS
        found[key] = resampling.interval(draws[key], numbers[key], n, is_ranking=ranks)
    found["exact"] = _all_right(counted.labels, counted.answers).interval(
        resampling, draws["exact"]
    )
    return found


def _all_right(
    labels: np.ndarray,  # (n, c) 1, 0, nan
    answers: np.ndarray,  # (n, c) bool
) -> Share:
    """Return the share of images all of whose known findings were answered right."""
    known = ~np.isnan(labels)
    wrong = known & (answers != (labels == 1))
    return Share(~wrong.any(1), known.any(1))


def _average_intervals(
    resampling: Resampling,  # R draws of the groups of these images
    counted: _Counted,
) -> dict[str, IntervalTree]:
    """Return the intervals of AVERAGES, each of precision, recall and F1."""
    found: dict[str, IntervalTree] = {}
    for name, draws in counted.draws.averages.items():
        numbers = first_draw(counted.once.averages[name])
        groups = counted.groups[f"{name}_f1"]
        own = {key: resampling.interval(draws[key], numbers[key], groups) for key in draws}
        if name == "micro":
            own.update(_micro_intervals(resampling, counted, draws))
        found[name] = own
    return found


def _micro_intervals(
    resampling: Resampling,  # R draws of the groups of these images
    counted: _Counted,
    draws: Mapping[str, np.ndarray],  # each (R,)
) -> dict[str, Interval]:
    """Return the intervals of all answers in one count, which are shares.

    Where nothing is answered precision is 0 of all, and no share.
    """
    present = counted.labels == 1
    answered = ~np.isnan(counted.labels) & counted.answers
    found = {"recall": resampling.share_interval(draws["recall"], counted.answers, present)}
    if answered.any():
        found["precision"] = resampling.share_interval(draws["precision"], present, answered)
    return found


def _class_intervals(
    resampling: Resampling,  # R draws of the groups of these images
    counted: _Counted,
    i: int,  # of the finding
    numbers: Mapping[str, float | None],  # of the finding
) -> IntervalTree:
    """Return the intervals of one finding's numbers.

    None where the images that a number rests on belong to one group.
    """
    labels, answers = counted.labels[:, i], counted.answers[:, i]
    draws = {key: values[:, i] for key, values in counted.draws.per_class.items()}
    known = ~np.isnan(labels)
    present = labels == 1
    absent = labels == 0
    shares = {
        "precision": Share(present, known & answers),
        "recall": Share(answers, present),
        "specificity": Share(~answers, absent),
        "prevalence": Share(present, known),
    }
    groups = {
        "auroc": resampling.groups_of(present, absent),
        "ap": resampling.groups_of(present, absent),
        "f1": resampling.groups_of(present),
    }
    found = {key: share.interval(resampling, draws[key]) for key, share in shares.items()}
    for key, n in groups.items():
        ranks = key in RANKING_KEYS
        found[key] = resampling.interval(draws[key], numbers[key], n, is_ranking=ranks)
    return found


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
        headline = _headline_intervals(resampling, _count(resampling, own_labels, scores, answers))
        intervals[source] = {key: headline[key] for key in SOURCE_KEYS}
    return intervals


# ---- the floors


def _nothing_intervals(
    resampling: Resampling,  # R draws of the groups of these images
    labels: np.ndarray,  # (n, c) 1, 0, nan
) -> dict[str, Interval]:
    """Return the intervals of answering nothing.

    Its AUROC is 0.5 and its F1 0 by definition: they have none.
    """
    blind = answer_nothing(labels)
    counted = _count(resampling, labels, blind.scores, blind.preds)
    found = _headline_intervals(resampling, counted)
    by_definition = [key for key in HEADLINE_KEYS if key not in ("macro_ap", "exact")]
    return {**found, **dict.fromkeys(by_definition)}


def _floor_intervals(
    resampling: Resampling,  # R draws of the groups of these images
    counted: _Counted,
    blind: BlindAnswers,  # by the source
    vocab: Sequence[str],  # (c,) slugs
) -> IntervalTree:
    """Return the intervals of the source-only floor, and of it finding by finding.

    None where those who have the finding, or those who lack it, belong to one group, and of an
    AUROC that is 0.5 by definition, as no image is ranked above another.
    """
    found: dict[str, Interval | IntervalTree] = {**_headline_intervals(resampling, counted)}
    numbers = first_draw_by_class(counted.once.per_class)
    is_ranked = (blind.scores != blind.scores[0]).any(0)
    per_class: dict[str, IntervalTree] = {}
    for i, slug in enumerate(vocab):
        own = _class_intervals(resampling, counted, i, numbers[i])
        sides = resampling.groups_of(counted.labels[:, i] == 1, counted.labels[:, i] == 0)
        kept = {key: find_interval(own, key) for key in FLOOR_CLASS_KEYS if sides > 1}
        if not is_ranked[i]:
            kept["auroc"] = None
        per_class[slug] = {**dict.fromkeys(FLOOR_CLASS_KEYS), **kept}
    if not is_ranked.any():
        found["macro_auroc"] = None
    return {**found, "per_class": per_class}
