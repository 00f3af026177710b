"""From a bundle's probabilities to a report, for either task.

A bundle, a Manifest, rows of it and (n, c) probabilities in, a Report or a FindingsReport out;
reads no image, writes no file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from cxr_fastai.bundle.training_warnings import training_warnings
from cxr_fastai.core import Task
from cxr_fastai.evaluation.closer_look import look_at_classes, look_at_findings
from cxr_fastai.evaluation.distinct import distinct_indices, distinct_words
from cxr_fastai.evaluation.multi_label import findings_by_source, findings_metrics
from cxr_fastai.evaluation.multi_label_floors import findings_floors
from cxr_fastai.evaluation.multi_label_intervals import findings_intervals
from cxr_fastai.evaluation.multi_label_report import FindingsReport
from cxr_fastai.evaluation.notes import finding_notes, floor_notes, split_notes
from cxr_fastai.evaluation.pixel_floor import class_pixel_floor, finding_pixel_floor
from cxr_fastai.evaluation.pixel_scores import PixelScores
from cxr_fastai.evaluation.predictions import (
    Predictions,
    Row,
    finding_targets_of,
    identities,
)
from cxr_fastai.evaluation.single_label import (
    DecisionMetrics,
    FloorMetrics,
    classification_metrics,
    decision_metrics,
    floors,
    positives_and_risk,
    source_metrics,
)
from cxr_fastai.evaluation.single_label_intervals import (
    classification_intervals,
    decision_intervals,
    floor_intervals,
    source_intervals,
)
from cxr_fastai.evaluation.single_label_report import Report
from cxr_fastai.evaluation.triage import (
    Triage,
    triage_intervals,
    triage_metrics,
)
from cxr_fastai.intervals.bootstrap import RESAMPLES, Resampling
from cxr_fastai.intervals.interval_trees import Interval, IntervalTree
from cxr_fastai.manifest import Manifest

if TYPE_CHECKING:
    from cxr_fastai.bundle.bundle import Bundle
    from cxr_fastai.bundle.meta import Decision

__all__ = ["AnyReport", "build_report", "class_report", "findings_report"]

AnyReport: TypeAlias = "Report | FindingsReport"


def build_report(
    bundle: Bundle,
    data: Manifest,
    split: str,  # train | valid | test | all
    rows: list[Row],  # of the manifest, one an image
    probs: np.ndarray,  # (n, c), of the bundle
    resamples: int = RESAMPLES,  # draws of the groups
    seed: int = 0,  # of the draws
    pixels: PixelScores | None = None,  # of the same images; None: there is no pixel floor
) -> AnyReport:
    """Count what a bundle answers to the images of `rows`, as its task asks.

    Where rows show a radiograph of an official test set again, over each radiograph once too.
    """
    whole = _build(bundle, data, split, rows, probs, resamples, seed, pixels)
    once = distinct_indices(rows)
    if len(once) == len(rows):
        return whole
    rows_once = [rows[i] for i in once]
    pixels_once = pixels.of(once) if pixels else None
    distinct = _build(bundle, data, split, rows_once, probs[once], resamples, seed, pixels_once)
    notes = [*whole.notes, distinct_words(whole, distinct)]
    return replace(whole, distinct=distinct, notes=notes)


def _build(
    bundle: Bundle,
    data: Manifest,
    split: str,  # train | valid | test | all
    rows: list[Row],  # of the manifest, one an image
    probs: np.ndarray,  # (n, c), of the bundle
    resamples: int,  # draws of the groups
    seed: int,  # of the draws
    pixels: PixelScores | None,
) -> AnyReport:
    """Count over these rows alone, as the bundle's task asks."""
    if bundle.task is Task.MULTI_LABEL:
        return findings_report(bundle, data, split, rows, probs, resamples, seed, pixels)
    return class_report(bundle, data, split, rows, probs, resamples, seed, pixels)


# ---- single-label


def class_report(
    bundle: Bundle,
    data: Manifest,
    split: str,  # train | valid | test | all
    rows: list[Row],  # of the manifest, one an image
    probs: np.ndarray,  # (n, c), of the bundle
    resamples: int = RESAMPLES,  # draws of the groups
    seed: int = 0,  # of the draws
    pixels: PixelScores | None = None,  # of the same images
) -> Report:
    """Count what a single-label bundle answers to the images of `rows`."""
    vocab = list(bundle.vocab)
    targs = np.array([vocab.index(row["label"]) for row in rows])
    found = Predictions(rows=rows, targs=targs, probs=probs, preds=bundle.answers(probs))
    fixed: Decision = bundle.meta.get("decision") or {}
    decision, triage = _decide(found, vocab, fixed)
    floor = floors(targs, found.sources, vocab)
    resampling = Resampling(found.groups, resamples, seed)
    names = _names(bundle)
    negative = fixed.get("negative", "")
    return Report(
        metrics=classification_metrics(targs, probs, vocab, found.preds),
        floors=floor,
        sources=source_metrics(targs, probs, found.sources, vocab, found.preds),
        n=len(rows),
        split=split,
        names=names,
        title=data.recipe.title,
        notes=[*split_notes(bundle, data, split), *floor_notes(floor)],
        training_warnings=training_warnings(bundle.meta),
        about=identities(bundle, data),
        decision=decision,
        triage=triage,
        intervals=_class_intervals(resampling, found, vocab, floor, fixed),
        groups=resampling.n_groups,
        side_groups=_side_groups(resampling, found, vocab, fixed),
        class_groups={slug: resampling.groups_of(targs == i) for i, slug in enumerate(vocab)},
        resamples=resamples,
        seed=seed,
        headline_keys=list(data.recipe.metrics),
        predictions=found,
        pixels=class_pixel_floor(resampling, found, names, pixels, negative) if pixels else None,
        closer=look_at_classes(found, bundle.meta, names, resampling),
    )


def _decide(
    found: Predictions,  # what the bundle predicted
    vocab: Sequence[str],  # (c,) slugs
    fixed: Decision,  # of the bundle; empty where it decides nothing
) -> tuple[DecisionMetrics | None, Triage | None]:
    """Count the yes or no of a bundle's threshold, and the worklist; None where it has none."""
    if not fixed:
        return None, None
    targs, probs, negative = found.targs, found.probs, fixed["negative"]
    positive, risk = positives_and_risk(targs, probs, vocab, negative)
    decision = decision_metrics(targs, probs, vocab, negative, fixed["threshold"])
    return decision, triage_metrics(positive, risk, found.groups, fixed.get("triage", ()))


def _side_groups(
    resampling: Resampling,  # R draws of the groups of these images
    found: Predictions,  # what the bundle predicted
    vocab: Sequence[str],  # (c,) slugs
    fixed: Decision,  # of the bundle; empty where it decides nothing
) -> dict[str, int]:
    """Return how many groups each side of the decision has; empty where there is none."""
    if not fixed:
        return {}
    positive, _ = positives_and_risk(found.targs, found.probs, vocab, fixed["negative"])
    return {
        "positive": resampling.groups_of(positive),
        "negative": resampling.groups_of(~positive),
    }


def _class_intervals(
    resampling: Resampling,  # R draws of the groups of these images
    found: Predictions,  # what the bundle predicted
    vocab: Sequence[str],  # (c,) slugs
    floor: FloorMetrics,  # of `floors`
    fixed: Decision,  # of the bundle; empty where it decides nothing
) -> IntervalTree:
    """Return the intervals of all numbers of a single-label report."""
    targs, probs, preds = found.targs, found.probs, found.preds
    metrics = classification_intervals(resampling, targs, probs, vocab, preds)
    by_source = source_intervals(resampling, targs, preds, found.sources)
    floor_tree, gain = floor_intervals(resampling, targs, preds, found.sources, vocab, floor)
    decision: IntervalTree = {}
    triage: IntervalTree = {}
    if fixed:
        negative = fixed["negative"]
        decision = decision_intervals(resampling, targs, probs, vocab, negative, fixed["threshold"])
        positive, risk = positives_and_risk(targs, probs, vocab, negative)
        triage = triage_intervals(resampling, positive, risk, fixed.get("triage", ()))
    tree: dict[str, Interval | IntervalTree] = {
        "metrics": metrics,
        "decision": decision,
        "triage": triage,
        "by_source": by_source,
        "floors": floor_tree,
        "gain": gain,
    }
    return tree


# ---- multi-label


def findings_report(
    bundle: Bundle,
    data: Manifest,
    split: str,  # train | valid | test | all
    rows: list[Row],  # of the manifest, one an image
    probs: np.ndarray,  # (n, c), of the bundle
    resamples: int = RESAMPLES,  # draws of the groups
    seed: int = 0,  # of the draws
    pixels: PixelScores | None = None,  # of the same images
) -> FindingsReport:
    """Count what a multi-label bundle answers to the images of `rows`.

    A finding that the folder's recipe lacks is unknown.
    """
    vocab = list(bundle.vocab)
    names = _names(bundle)
    targs = finding_targets_of(data.recipe, rows, vocab, bundle.task)
    found = Predictions(rows=rows, targs=targs, probs=probs, preds=bundle.found(probs))
    sources, preds = found.sources, found.preds
    metrics = findings_metrics(targs, probs, vocab, preds, bundle.meta["thresholds"])
    resampling = Resampling(found.groups, resamples, seed)
    return FindingsReport(
        metrics=metrics,
        floors=findings_floors(targs, sources, vocab),
        sources=findings_by_source(targs, probs, vocab, preds, sources),
        n=len(rows),
        split=split,
        names=names,
        predictions=found,
        title=data.recipe.title,
        notes=[*split_notes(bundle, data, split), *finding_notes(metrics, names, sources)],
        training_warnings=training_warnings(bundle.meta),
        about=identities(bundle, data),
        intervals=findings_intervals(resampling, targs, probs, vocab, preds, sources),
        groups=resampling.n_groups,
        class_groups=_finding_groups(resampling, targs, vocab),
        resamples=resamples,
        seed=seed,
        headline_keys=list(data.recipe.metrics),
        pixels=finding_pixel_floor(resampling, found, names, pixels) if pixels else None,
        closer=look_at_findings(found, bundle.meta, names, resampling),
    )


def _finding_groups(
    resampling: Resampling,  # R draws of the groups of these images
    targs: np.ndarray,  # (n, c) 1, 0, nan
    vocab: Sequence[str],  # (c,) slugs
) -> dict[str, int]:
    """Return how many groups have each finding, or lack it where these are fewer."""
    found: dict[str, int] = {}
    for slug, labels in zip(vocab, targs.T):
        found[slug] = resampling.groups_of(labels == 1, labels == 0)
    return found


def _names(bundle: Bundle) -> dict[str, str]:
    """Return class -> name to show."""
    return {slug: bundle.display.get(slug, slug) for slug in bundle.vocab}
