"""The numbers of single-label answers in each resample, and their intervals.

A Resampling and the arrays of single_label in; arrays of R numbers, nan where undefined, and
intervals nested as the numbers are out. Never reads files, never picks a threshold.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from cxr_fastai.evaluation.arrays import (
    class_answers,
    class_indices,
    class_probs,
    source_names,
)
from cxr_fastai.evaluation.resampled import ResampledNumber, difference_interval
from cxr_fastai.evaluation.shares import Share, decision_shares
from cxr_fastai.evaluation.single_label import (
    ClassMetrics,
    FloorMetrics,
    classification_metrics,
    decision_metrics,
    positives_and_risk,
)
from cxr_fastai.intervals.bootstrap import Resampling
from cxr_fastai.intervals.exact import groups_of_mean
from cxr_fastai.intervals.interval_trees import Interval, IntervalTree

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

__all__ = [
    "MEAN_KEYS",
    "classification_groups",
    "classification_intervals",
    "decision_groups",
    "decision_intervals",
    "floor_intervals",
    "resampled_decision",
    "resampled_metrics",
    "source_intervals",
]

MEAN_KEYS = ("accuracy", "balanced_accuracy", "macro_f1", "macro_auroc")


# ---- answers


def resampled_metrics(
    resampling: Resampling,  # R draws of the groups of these images
    targs: ArrayLike,  # these as for classification_metrics
    probs: ArrayLike,
    vocab: Sequence[str],
    preds: ArrayLike | None = None,
) -> dict[str, np.ndarray]:  # MEAN_KEYS: (R,); precision, recall, f1, auroc, prevalence: (R, c)
    """Count the numbers of `classification_metrics` in each resample, nan where undefined.

    A mean over classes is one over those that have images in the resample; a precision is
    undefined where a resample never answers the class.
    """
    truth, scores, answers = _checked(targs, probs, vocab, preds)
    is_class = _one_hot(truth, vocab)
    is_answered = _one_hot(answers, vocab)
    totals = resampling.totals(np.hstack([is_class, is_answered, is_class & is_answered]))
    n_class, n_answered, n_right = np.split(totals, 3, axis=1)
    aurocs = [resampling.aurocs(is_class[:, i], scores[:, i]) for i in range(len(vocab))]
    auroc = np.stack(aurocs, axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        n_images = n_class.sum(1, keepdims=True)
        recall = n_right / n_class
        f1 = np.where(n_class > 0, 2 * n_right / (n_class + n_answered), np.nan)
        return {
            "accuracy": n_right.sum(1) / n_images[:, 0],
            "balanced_accuracy": _mean_of_defined(recall),
            "macro_f1": _mean_of_defined(f1),
            "macro_auroc": _mean_of_defined(auroc),
            "precision": n_right / n_answered,
            "recall": recall,
            "f1": f1,
            "auroc": auroc,
            "prevalence": n_class / n_images,
        }


def classification_groups(
    resampling: Resampling,  # R draws of the groups of these images
    targs: ArrayLike,  # (n,) true classes
    vocab: Sequence[str],  # (c,) slugs
) -> dict[str, int]:  # by MEAN_KEYS
    """Return on how many groups each mean rests."""
    is_class = _one_hot(np.asarray(targs), vocab)
    of_class = [resampling.groups_of(own) for own in is_class.T if own.any()]
    of_sides = [resampling.groups_of(own, ~own) for own in is_class.T]
    by_class = groups_of_mean(of_class, resampling.n_groups)
    return {
        "accuracy": resampling.n_groups,
        "balanced_accuracy": by_class,
        "macro_f1": by_class,
        "macro_auroc": groups_of_mean(of_sides, resampling.n_groups),
    }


def classification_intervals(
    resampling: Resampling,  # R draws of the groups of these images
    targs: ArrayLike,
    probs: ArrayLike,
    vocab: Sequence[str],  # (c,) slugs
    preds: ArrayLike | None = None,
) -> IntervalTree:
    """Return the intervals of the numbers of `classification_metrics`, nested as they are."""
    truth, scores, answers = _checked(targs, probs, vocab, preds)
    numbers = classification_metrics(truth, scores, vocab, answers)
    draws = resampled_metrics(resampling, truth, scores, vocab, answers)
    groups = classification_groups(resampling, truth, vocab)
    per_class: dict[str, IntervalTree] = {}
    for i, slug in enumerate(vocab):
        own = {key: values[:, i] for key, values in draws.items() if key not in MEAN_KEYS}
        metrics = numbers["per_class"][slug]
        per_class[slug] = _class_intervals(resampling, metrics, own, truth == i, answers == i)
    every = np.ones(len(truth), bool)
    right = Share(answers == truth, every)
    return {
        "accuracy": right.interval(resampling, draws["accuracy"]),
        "balanced_accuracy": resampling.interval(
            draws["balanced_accuracy"], numbers["balanced_accuracy"], groups["balanced_accuracy"]
        ),
        "macro_f1": resampling.interval(draws["macro_f1"], numbers["macro_f1"], groups["macro_f1"]),
        "macro_auroc": resampling.interval(
            draws["macro_auroc"],
            numbers["macro_auroc"],
            groups["macro_auroc"],
            is_ranking=True,
        ),
        "per_class": per_class,
    }


def _class_intervals(
    resampling: Resampling,  # R draws of the groups of these images
    numbers: ClassMetrics,
    draws: dict[str, np.ndarray],  # each (R,)
    is_class: np.ndarray,  # (n,) bool
    is_answered: np.ndarray,  # (n,) bool
) -> IntervalTree:
    """Return the intervals of one class's numbers.

    None where the images that a number rests on belong to one group.
    """
    every = np.ones(len(is_class), bool)
    groups = resampling.groups_of(is_class)
    sides = resampling.groups_of(is_class, ~is_class)
    return {
        "precision": Share(is_class, is_answered).interval(resampling, draws["precision"]),
        "recall": Share(is_answered, is_class).interval(resampling, draws["recall"]),
        "f1": resampling.interval(draws["f1"], numbers["f1"], groups),
        "auroc": resampling.interval(draws["auroc"], numbers["auroc"], sides, is_ranking=True),
        "prevalence": Share(is_class, every).interval(resampling, draws["prevalence"]),
    }


# ---- the yes or no that a bundle's threshold decides


def resampled_decision(
    resampling: Resampling,  # R draws of the groups of these images
    targs: ArrayLike,  # these as for decision_metrics
    probs: ArrayLike,
    vocab: Sequence[str],  # (c,) slugs
    negative: str,
    threshold: float,
) -> dict[str, np.ndarray]:
    """Count auroc and all shares of a yes or no in each resample, (R,), nan where undefined.

    The threshold stays as it is: how validation fixed it is not resampled.
    """
    positive, risk = positives_and_risk(targs, probs, vocab, negative)
    numbers = {"auroc": resampling.aurocs(positive, risk)}
    for name, share in decision_shares(positive, risk >= threshold).items():
        numbers[name] = share.resampled(resampling)
    return numbers


def decision_groups(
    resampling: Resampling,  # R draws of the groups of these images
    positive: np.ndarray,  # (n,) bool
) -> dict[str, int]:
    """Return on how many groups each number that has sides rests, of the smaller side."""
    return {
        "auroc": resampling.groups_of(positive, ~positive),
        "sensitivity": resampling.groups_of(positive),
        "specificity": resampling.groups_of(~positive),
    }


def decision_intervals(
    resampling: Resampling,  # R draws of the groups of these images
    targs: ArrayLike,
    probs: ArrayLike,
    vocab: Sequence[str],  # (c,) slugs
    negative: str,
    threshold: float,
) -> IntervalTree:
    """Return the intervals of the numbers of `decision_metrics`.

    None where the images that a number rests on belong to one group.
    """
    positive, risk = positives_and_risk(targs, probs, vocab, negative)
    numbers = decision_metrics(targs, probs, vocab, negative, threshold)
    sides = decision_groups(resampling, positive)["auroc"]
    draws = resampling.aurocs(positive, risk)
    auroc = resampling.interval(draws, numbers["auroc"], sides, is_ranking=True)
    intervals = {"auroc": auroc}
    for name, share in decision_shares(positive, risk >= threshold).items():
        intervals[name] = share.interval(resampling)
    return intervals


# ---- floors


def floor_intervals(
    resampling: Resampling,
    targs: ArrayLike,  # these as for floors
    preds: ArrayLike,  # (n,) the answers that are judged
    sources: Iterable[object],
    vocab: Sequence[str],
    floors: FloorMetrics,  # of `floors`: its answers stay as they are, in every resample
) -> tuple[IntervalTree, Interval]:  # as in `floors`; of the accuracy above the source-only one
    """Return the intervals of the floors, and of what the answers gain over the source-only one.

    The gain is paired: counted in the same resamples. The majority floor's balanced accuracy is 1
    over the number of classes by definition, and has no interval.
    """
    truth = class_indices(targs, vocab)
    slugs = list(vocab)
    source_only = floors["source_only"]
    majority = slugs.index(floors["majority"]["label"])
    names = source_names(sources, len(truth))
    by_source = np.array([slugs.index(source_only["answers"][name]) for name in names])
    right = _right(resampling, truth, np.asarray(preds))
    floor = _right(resampling, truth, by_source)
    balanced: Interval = None
    if len(set(by_source.tolist())) > 1:
        groups = classification_groups(resampling, truth, slugs)["balanced_accuracy"]
        draws = _resampled_balanced(resampling, truth, by_source, slugs)
        balanced = resampling.interval(draws, source_only["balanced_accuracy"], groups)
    intervals: dict[str, IntervalTree] = {
        "majority": {
            "accuracy": _right(resampling, truth, np.full_like(truth, majority)).interval,
            "balanced_accuracy": None,
        },
        "source_only": {"accuracy": floor.interval, "balanced_accuracy": balanced},
    }
    return intervals, difference_interval(right, floor)


def _right(
    resampling: Resampling,  # R draws of the groups of these images
    truth: np.ndarray,  # (n,) true classes
    answers: np.ndarray,  # (n,) answered classes
) -> ResampledNumber:
    """Return the accuracy of answers, its interval and its resamples."""
    share = Share(answers == truth, np.ones(len(truth), bool))
    draws = share.resampled(resampling)
    between = share.interval(resampling, draws)
    return ResampledNumber(share.value, between, draws, resampling.n_groups)


def _resampled_balanced(
    resampling: Resampling,  # R draws of the groups of these images
    truth: np.ndarray,  # (n,) true classes
    answers: np.ndarray,  # (n,) answered classes
    vocab: Sequence[str],  # (c,) slugs
) -> np.ndarray:
    """Count the balanced accuracy of fixed answers in each resample, (R,)."""
    is_class = _one_hot(truth, vocab)
    right = answers == truth
    return _mean_of_defined(resampling.shares(is_class & right[:, None], is_class))


# ---- each source


def source_intervals(
    resampling: Resampling,  # R draws of the groups of these images
    targs: ArrayLike,
    preds: ArrayLike,
    sources: Iterable[object],
) -> IntervalTree:
    """Return the intervals of the accuracy within each source, and of its commonest class."""
    truth = np.asarray(targs)
    names = source_names(sources, len(truth))
    slugs = sorted(set(names))
    is_own = np.stack([names == source for source in slugs], axis=1)
    is_commonest = np.stack([truth == np.bincount(truth[own]).argmax() for own in is_own.T], axis=1)
    is_right = np.asarray(preds) == truth
    accuracy = resampling.shares(is_own & is_right[:, None], is_own)
    floor = resampling.shares(is_own & is_commonest, is_own)
    intervals: dict[str, IntervalTree] = {}
    for i, source in enumerate(slugs):
        own = is_own[:, i]
        intervals[source] = {
            "accuracy": Share(is_right, own).interval(resampling, accuracy[:, i]),
            "floor": Share(is_commonest[:, i], own).interval(resampling, floor[:, i]),
        }
    return intervals


# ---- parts


def _checked(
    targs: ArrayLike,
    probs: ArrayLike,
    vocab: Sequence[str],  # (c,) slugs
    preds: ArrayLike | None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return true classes, probabilities and answers.

    Raises `UsageError` for arrays that do not fit together.
    """
    truth = class_indices(targs, vocab)
    scores = class_probs(probs, len(truth), vocab)
    return truth, scores, class_answers(preds, scores)


def _one_hot(
    classes: np.ndarray,  # (n,) indices into vocab
    vocab: Sequence[str],  # (c,) slugs
) -> np.ndarray:
    """(n,) indices -> (n, c) bool."""
    return classes[:, None] == np.arange(len(vocab))


def _mean_of_defined(
    values: np.ndarray,  # (R, c)
) -> np.ndarray:  # (R,)
    """Mean over the columns that are defined; nan where none is.

    As in `classification_metrics`, a class without images counts in no mean.
    """
    known = ~np.isnan(values)
    with np.errstate(invalid="ignore"):
        return np.where(known, values, 0).sum(1) / known.sum(1)
