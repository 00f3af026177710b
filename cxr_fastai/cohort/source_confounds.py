"""Warnings of sources that give a class away.

A Cohort -> FolderWarnings, each with its numbers. In a folder of one source the source tells no
classes apart, so only that one warning is given. Never looks at a pixel or a file.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from cxr_fastai.cohort.attributes import AttributeScore
from cxr_fastai.cohort.counts import Cohort, tally
from cxr_fastai.cohort.floors import Floors, find_floors
from cxr_fastai.cohort.wording import (
    MIN_DOMINANT_SHARE,
    auroc_words,
    name_some,
    portion,
    telling_aurocs,
    warning,
)
from cxr_fastai.core import FolderWarning, Task
from cxr_fastai.reporting.text import count

__all__ = ["source_warnings", "cohort_floors"]

# least share of the majority's errors that knowing the source rights, to be warned of
MIN_ERRORS_RIGHTED = 0.1


def source_warnings(
    cohort: Cohort,
    scores: Mapping[str, AttributeScore],  # class -> how well the source alone tells it
) -> list[FolderWarning]:
    """Warn of classes of one source, sources of one class, and of what knowing the source gives."""
    totals = tally(cohort.columns["source"].tolist())
    if len(totals) == 1:
        return [_single_source(totals)]
    found = [
        _class_of_one_source(cohort),
        _source_of_one_class(cohort, totals),
        _source_only_floor(cohort, scores),
    ]
    return [each for each in found if each is not None]


def cohort_floors(cohort: Cohort) -> Floors | None:
    """Return the floors of a single-label cohort; None where an image may have several classes."""
    if cohort.task is Task.MULTI_LABEL:
        return None
    vocab = list(cohort.names)
    index = {label: i for i, label in enumerate(vocab)}
    targs = [index[row.label] for row in cohort.rows]
    sources = cohort.columns["source"]
    return find_floors(np.array(targs), sources, len(vocab))


def _single_source(totals: dict[str, int]) -> FolderWarning:
    return warning(
        "single_source",
        f"All images come from one source: {next(iter(totals))}.",
        "No score on this folder tells how a model does elsewhere: test it on a folder of other "
        "sources.",
        {"sources": totals},
    )


def _class_of_one_source(cohort: Cohort) -> FolderWarning | None:
    """Warn of classes nearly all of whose images come from one source."""
    bound = {}
    sentences = []
    for label, sources in cohort.tallies("source").items():
        if not sources:
            continue
        source, images = next(iter(sources.items()))  # the largest
        total = sum(sources.values())
        if images >= MIN_DOMINANT_SHARE * total:
            bound[label] = {"source": source, "images": images, "of": total}
            sentences.append(f"{cohort.names[label]}, {portion(images, total)} from {source}")
    if not bound:
        return None
    classes = count(len(bound), "class", "classes")
    return warning(
        "class_of_one_source",
        f"{classes} of nearly one source: {name_some(sentences)}.",
        "A model may learn the source instead of the disease: add sources that hold the class "
        "beside others (cxr sources), and judge a score within each source, as cxr evaluate "
        "prints it.",
        bound,
    )


def _source_of_one_class(
    cohort: Cohort,
    totals: dict[str, int],  # source -> images
) -> FolderWarning | None:
    """Warn of sources nearly all of whose images have one class."""
    by_class = cohort.tallies("source")
    pure = {}
    sentences = []
    for source in sorted(totals):
        label, images = _commonest(by_class, source)
        total = totals[source]
        if images >= MIN_DOMINANT_SHARE * total:
            pure[source] = {"class": label, "images": images, "of": total}
            sentences.append(f"{source}, {portion(images, total)} {cohort.names[label]}")
    if not pure:
        return None
    sources = count(len(totals), "source")
    verb = "holds" if len(pure) == 1 else "hold"
    return warning(
        "source_of_one_class",
        f"{len(pure)} of {sources} {verb} nearly one class: {name_some(sentences)}.",
        "Within such a source no score can be told from always answering its class: leave it out, "
        "or add images of its other classes.",
        pure,
    )


def _commonest(
    by_class: Mapping[str, Mapping[str, int]],  # class -> source -> images
    source: str,
) -> tuple[str, int]:
    """Return the commonest class of a source, the first of several, and its images there."""
    images = {label: sources.get(source, 0) for label, sources in by_class.items()}
    label = max(images, key=images.__getitem__)
    return label, images[label]


def _source_only_floor(
    cohort: Cohort,
    scores: Mapping[str, AttributeScore],  # class -> how well the source alone tells it
) -> FolderWarning | None:
    """Warn where knowing the source alone answers well: by accuracy, or by each finding's AUROC."""
    floors = cohort_floors(cohort)
    if floors is None:
        return _source_only_auroc(cohort, scores)
    if floors.righted < MIN_ERRORS_RIGHTED:
        return None
    labels = list(cohort.names)
    majority = cohort.names[labels[floors.majority]]
    return warning(
        "source_only_floor",
        "Answering each source's commonest class is right for "
        f"{100 * floors.source_only_accuracy:.1f} % of the images, always answering {majority} for "
        f"{100 * floors.majority_accuracy:.1f} %.",
        "An accuracy means something only above the source-only floor, which cxr evaluate prints "
        "beside it.",
        dict(floors.to_dict(labels)),
    )


def _source_only_auroc(
    cohort: Cohort,
    scores: Mapping[str, AttributeScore],  # class -> how well the source alone tells it
) -> FolderWarning | None:
    """Warn of findings that the source alone tells."""
    aurocs = telling_aurocs(scores)
    if not aurocs:
        return None
    return warning(
        "source_only_floor",
        f"AUROC of knowing the source alone: {auroc_words(cohort, aurocs)}.",
        "An AUROC of such a finding means something only above this, or within one source.",
        aurocs,
    )
