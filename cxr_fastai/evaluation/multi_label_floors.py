"""What several findings can be answered right without reading a radiograph.

Labels and sources in; answers that see no image, and their numbers, out. Multi-label only.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict

import numpy as np

from cxr_fastai.evaluation.arrays import finding_targets, source_names
from cxr_fastai.evaluation.multi_label import (
    Headline,
    first_draw,
    first_draw_by_class,
)
from cxr_fastai.evaluation.multi_label_counts import (
    FindingCounts,
    SingleDraw,
    count_findings,
)
from cxr_fastai.recipes import NONE

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

__all__ = [
    "FLOOR_CLASS_KEYS",
    "BlindAnswers",
    "FindingsFloors",
    "SourceOnlyFindings",
    "answer_nothing",
    "answer_by_source",
    "findings_floors",
]

FLOOR_CLASS_KEYS = ("auroc", "ap", "f1")


class SourceOnlyFindings(Headline):
    """What ranking and answering by the source alone reaches."""

    per_class: dict[str, dict[str, float | None]]  # slug -> FLOOR_CLASS_KEYS
    answers: dict[str, str]  # source -> label


class FindingsFloors(TypedDict):
    """What can be had without reading a radiograph."""

    all_absent: Headline
    source_only: SourceOnlyFindings


@dataclass(frozen=True, eq=False)
class BlindAnswers:
    """Answers that see no radiograph."""

    scores: np.ndarray  # (n, c)
    preds: np.ndarray  # (n, c) bool


def findings_floors(
    targs: ArrayLike,  # (n, c) as for findings_metrics
    sources: Iterable[object],  # (n,) the source that each image came from
    vocab: Sequence[str],  # (c,) finding slugs
) -> FindingsFloors:
    """Count what can be had without reading a radiograph; only above it a number says anything.

    `all_absent` answers every image with nothing, and ranks none above another. `source_only`
    ranks images by how common a finding is in their source, the best AUROC that any model can
    reach which sees only where an image came from (0.5 where there is one source), and answers the
    finding in the sources that give the best F1 (`answers`: {source: label}; with one source,
    everywhere, and F1 is 2p/(1+p) of prevalence p). Both look at the evaluated images themselves,
    so this is the strictest form of the floor: rules learnt on other images can only do worse here.
    """
    labels = finding_targets(targs, vocab)
    names = source_names(sources, len(labels))
    by_source = answer_by_source(labels, names)
    source_only = _count(labels, by_source)
    per_class: dict[str, dict[str, float | None]] = {}
    for slug, numbers in zip(vocab, first_draw_by_class(source_only.per_class)):
        per_class[slug] = {key: numbers[key] for key in FLOOR_CLASS_KEYS}
    return {
        "all_absent": _headline(_count(labels, answer_nothing(labels))),
        "source_only": {
            **_headline(source_only),
            "per_class": per_class,
            "answers": _labels_by_source(by_source.preds, names, vocab),
        },
    }


def answer_nothing(
    labels: np.ndarray,  # (n, c)
) -> BlindAnswers:
    """Answer every image with nothing, and rank none above another."""
    return BlindAnswers(np.zeros(labels.shape), np.zeros(labels.shape, bool))


def answer_by_source(
    labels: np.ndarray,  # (n, c) 1 present, 0 absent, nan unknown
    names: np.ndarray,  # (n,) sources
) -> BlindAnswers:
    """Rank by how common a finding is in the source; answer it where that gives the best F1."""
    scores = np.zeros(labels.shape)
    preds = np.zeros(labels.shape, bool)
    known = ~np.isnan(labels)
    present = labels == 1
    for source in sorted(set(names)):
        own = names == source
        scores[own] = present[own].sum(0) / np.maximum(known[own].sum(0), 1)
    for i in range(labels.shape[1]):
        threshold = _best_threshold(scores[:, i], known[:, i], present[:, i])
        if threshold is not None:
            preds[:, i] = scores[:, i] >= threshold
    return BlindAnswers(scores, preds)


def _best_threshold(
    scores: np.ndarray,  # (n,)
    known: np.ndarray,  # (n,) bool
    present: np.ndarray,  # (n,) bool
) -> float | None:  # of several, the lowest; None where no score is above 0
    """Return the score from which on answering a finding gives the best F1."""
    best = None
    best_f1 = -1.0
    for threshold in np.unique(scores):
        if threshold == 0:
            continue
        f1 = _f1(known & (scores >= threshold), present)
        if f1 > best_f1:
            best, best_f1 = float(threshold), f1
    return best


def _f1(
    answered: np.ndarray,  # (n,) bool
    present: np.ndarray,  # (n,) bool
) -> float:
    """Return the F1 of answers to one finding.

    Defined wherever it is asked: some image has the finding.
    """
    n_right = (answered & present).sum()
    return float(2 * n_right / (answered.sum() + present.sum()))


def _count(
    labels: np.ndarray,  # (n, c) 1, 0, nan
    blind: BlindAnswers,
) -> FindingCounts:
    """Count blind answers on the images as they came."""
    return count_findings(SingleDraw(), labels, blind.scores, blind.preds)


def _headline(counts: FindingCounts) -> Headline:
    """Return the headline, in the order of HEADLINE_KEYS."""
    numbers = first_draw(counts.headline)
    return Headline(
        macro_auroc=numbers["macro_auroc"],
        macro_ap=numbers["macro_ap"],
        macro_f1=numbers["macro_f1"],
        micro_f1=numbers["micro_f1"],
        weighted_f1=numbers["weighted_f1"],
        samples_f1=numbers["samples_f1"],
        exact=numbers["exact"],
    )


def _labels_by_source(
    preds: np.ndarray,  # (n, c) bool
    names: np.ndarray,  # (n,) sources
    vocab: Sequence[str],  # (c,) slugs
) -> dict[str, str]:
    """Return what is answered in each source, as a manifest's label."""
    labels: dict[str, str] = {}
    for source in sorted(set(names)):
        answers = preds[names == source][0]  # the same for all its images
        labels[source] = "|".join(slug for slug, yes in zip(vocab, answers) if yes) or NONE
    return labels
