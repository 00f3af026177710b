"""What trained bundles of a recipe reach on a folder's test split, beside all floors.

python benchmarks/recipe_scores.py DATA BUNDLE .. [--split test] [--json]

DATA is a folder that `cxr curate` wrote, each BUNDLE a run or bundle of its recipe, one a seed.
Each is scored alone, and all together: the mean of their probabilities, as `cxr predict A,B,C` has
it (its answer where no threshold decides: the most probable class; of a yes or no the vote of the
bundles' own thresholds). Beside it stand the majority, source-only and pixel floors, the paired
gain over the last two, and the scores within each source that has two classes, where knowing the
source is of no help: a class is ranked there against the others of the same source by the ratio of
their probabilities. 95 % intervals over patients.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from official_tests import numbers_of, voted
from told import print_found, told

from cxr_fastai.bundle.bundle import Bundle
from cxr_fastai.bundle.store import load_bundle
from cxr_fastai.core import UsageError
from cxr_fastai.evaluation.build_report import AnyReport, build_report
from cxr_fastai.evaluation.evaluate import evaluate
from cxr_fastai.evaluation.multi_label_counts import SingleDraw
from cxr_fastai.evaluation.pixel_scores import PixelScores, fit_pixels
from cxr_fastai.evaluation.predictions import Predictions, Row, finding_targets_of
from cxr_fastai.evaluation.single_label import positives_and_risk
from cxr_fastai.intervals.bootstrap import Resampling
from cxr_fastai.intervals.interval_trees import Interval
from cxr_fastai.manifest import Manifest, read_manifest
from cxr_fastai.probes.shortcuts import fitting_rows
from cxr_fastai.reporting.text import decimal, percent, span, table

TINY = 1e-7  # keeps the ratio of two probabilities finite
SHARES = ("accuracy", "balanced_accuracy", "sensitivity", "specificity")

Numbers = dict[str, Any]  # strict JSON


@dataclass(frozen=True)
class Pair:
    """How well two classes of one source are told apart."""

    source: str
    positive: str  # class
    negative: str  # class
    images: tuple[int, int]  # of each
    auroc: float
    interval: Interval
    pixels: float | None  # AUROC of the pixel floor
    pixels_interval: Interval


# ---- all that is told


def scored(data: Manifest, bundles: Sequence[Bundle], split: str) -> Numbers:
    """Score bundles alone and together."""
    reports = [evaluate(bundle, data, split, pixel_floor=False) for bundle in bundles]
    first = reports[0].predictions
    assert first is not None  # evaluate keeps them
    pixels = _pixels(data, first.rows, list(bundles[0].vocab))
    mean = _mean_probs(bundles, reports)
    together = build_report(bundles[0], data, split, first.rows, mean, pixels=pixels)
    of_together = numbers_of(together)
    if together.to_dict().get("decision") and len(bundles) > 1:
        of_together = {**of_together, **_vote(bundles, reports)}
    told = together.to_dict()
    pairs = within_sources(first, mean, list(bundles[0].vocab), pixels)
    return {
        "recipe": data.recipe.name,
        "split": split,
        "n": len(first.rows),
        "groups": together.groups,
        "classes": _counts(first, list(bundles[0].vocab)),
        "networks": [numbers_of(report) for report in reports],
        "together": of_together,
        "metrics": _headline(together),
        "floors": told["floors"],
        "floor_intervals": together.intervals.get("floors"),
        "gain_over_source_only": together.intervals.get("gain"),
        "pixel_verdict": together.pixels.words if together.pixels else "",
        "within": [vars(pair) for pair in pairs],
        "triage": told.get("triage"),
        "triage_intervals": together.intervals.get("triage"),
        "minutes": [round(bundle.meta["trained"]["seconds"] / 60, 1) for bundle in bundles],
        "settings": bundles[0].meta["recipe"]["train"],
        "manifest_sha256": data.sha256,
    }


def _mean_probs(bundles: Sequence[Bundle], reports: Sequence[AnyReport]) -> np.ndarray:
    """Average the probabilities of all bundles."""
    probs = []
    for bundle, report in zip(bundles, reports):
        if list(bundle.vocab) != list(bundles[0].vocab):
            raise UsageError(f"{bundle.path}: its classes are not those of {bundles[0].path}.")
        assert report.predictions is not None
        probs.append(report.predictions.probs)
    mean: np.ndarray = np.mean(probs, axis=0)
    return mean


def _vote(bundles: Sequence[Bundle], reports: Sequence[AnyReport]) -> Numbers:
    """Count the vote of the bundles' own thresholds."""
    negative = bundles[0].meta["decision"]["negative"]
    first = reports[0].predictions
    assert first is not None
    risks, votes = [], []
    for bundle, report in zip(bundles, reports):
        assert report.predictions is not None
        vocab = bundle.vocab
        _, risk = positives_and_risk(first.targs, report.predictions.probs, vocab, negative)
        risks.append(risk)
        votes.append(risk >= bundle.meta["decision"]["threshold"])
    truth = (first.targs != bundles[0].vocab.index(negative)).astype(int)
    return voted(truth, risks, votes, first.groups)


def _pixels(data: Manifest, rows: Sequence[Row], vocab: list[str]) -> PixelScores | None:
    """Fit the pixel floor."""
    of_path = {row.path: row for row in data.rows}
    judged = [of_path[row["path"]] for row in rows]
    fitted = [dict(vars(row)) for row in fitting_rows(data)]
    targs = finding_targets_of(data.recipe, fitted, vocab, data.recipe.task)
    found = fit_pixels(data, targs, judged, vocab)
    return None if isinstance(found, str) else found


def _counts(found: Predictions, vocab: Sequence[str]) -> dict[str, int]:
    """Count the images of each class."""
    if found.targs.ndim > 1:
        return {name: int((found.targs[:, i] == 1).sum()) for i, name in enumerate(vocab)}
    return {name: int((found.targs == i).sum()) for i, name in enumerate(vocab)}


def _headline(report: AnyReport) -> Numbers:
    """Return the means over classes with their intervals, also where a decision is the headline."""
    metrics: Any = report.to_dict()["metrics"]
    intervals: Any = report.intervals["metrics"]
    found = {}
    for key, value in metrics.items():
        if isinstance(value, float):
            found[key] = value
            found[f"{key}_interval"] = intervals.get(key)
    return found


# ---- within a source


def within_sources(
    found: Predictions,
    probs: np.ndarray,  # (n, c)
    vocab: Sequence[str],  # (c,)
    pixels: PixelScores | None,
) -> list[Pair]:
    """Tell each two classes of one source apart; of several findings there is nothing to tell."""
    if found.targs.ndim > 1:
        return []
    sources = np.array(found.sources)
    squares = pixels.by_side[pixels.side] if pixels else None
    pairs = []
    for source in sorted(set(sources.tolist())):
        own = sources == source
        classes = np.unique(found.targs[own]).tolist()
        for one, other in itertools.combinations(classes, 2):
            pairs.append(_pair(found, probs, squares, vocab, source, (one, other)))
    return pairs


def _pair(
    found: Predictions,
    probs: np.ndarray,  # (n, c)
    squares: np.ndarray | None,  # (n, c) of the pixel floor
    vocab: Sequence[str],
    source: str,
    classes: tuple[int, int],
) -> Pair:
    """Rank one class against another within a source; that of no finding is the negative one."""
    positive, negative = classes
    if vocab[positive] == "normal":
        positive, negative = negative, positive
    of_two = np.isin(found.targs, (positive, negative))
    among = (np.array(found.sources) == source) & of_two
    truth = found.targs == positive
    resampling = Resampling(found.groups)
    auroc, between = _auroc(resampling, truth, _ratio(probs, positive, negative), among)
    floor, floor_between = None, None
    if squares is not None:
        ratio = _ratio(squares, positive, negative)
        floor, floor_between = _auroc(resampling, truth, ratio, among)
    images = (int((among & truth).sum()), int((among & ~truth).sum()))
    names = vocab[positive], vocab[negative]
    return Pair(source, *names, images, auroc, between, floor, floor_between)


def _ratio(probs: np.ndarray, positive: int, negative: int) -> np.ndarray:
    """Return how much more probable one class is than another, as a logarithm."""
    own = np.log(probs[:, positive] + TINY)
    ratio: np.ndarray = own - np.log(probs[:, negative] + TINY)
    return ratio


def _auroc(
    resampling: Resampling,
    positive: np.ndarray,  # (n,) bool
    scores: np.ndarray,  # (n,)
    among: np.ndarray,  # (n,) bool
) -> tuple[float, Interval]:
    """Count an AUROC and its interval."""
    value = float(SingleDraw().aurocs(positive, scores, among)[0])
    draws = resampling.aurocs(positive, scores, among)
    groups = resampling.groups_of(positive & among, ~positive & among)
    return value, resampling.interval(draws, value, groups, is_ranking=True)


# ---- the command


def text_of(found: Numbers) -> str:
    """Put the numbers into lines and tables."""
    settings = found["settings"]
    classes = ", ".join(f"{name} {n}" for name, n in found["classes"].items())
    lines = [
        f"{found['recipe']}, {found['split']}: {found['n']} images of {found['groups']} groups "
        f"({classes}); {settings['arch']}, {settings['weights']}, {settings['size']} px, "
        f"{settings['epochs']} epochs, minutes {found['minutes']}",
        f"together: {_told(found['together'])}",
        f"together, classes: {_told(found['metrics'])}",
    ]
    lines += [f"alone: {_told(numbers)}" for numbers in found["networks"]]
    lines += _floor_lines(found)
    rows: list[tuple[object, ...]] = [("source", "classes", "images", "AUROC", "pixel floor")]
    for pair in found["within"]:
        rows.append(_pair_row(Pair(**pair)))
    return "\n".join([*lines, "", *table(rows)])


def _floor_lines(found: Numbers) -> list[str]:
    """Say what the floors reach."""
    lines = [found["pixel_verdict"]]
    intervals = found["floor_intervals"] or {}
    for name in ("majority", "source_only"):
        floor = found["floors"].get(name, {})
        own = {}
        for key, value in floor.items():
            if isinstance(value, float):
                own[key] = value
                own[f"{key}_interval"] = intervals.get(name, {}).get(key)
        lines.append(f"{name} floor: {_told(own)}")
    gain = found["gain_over_source_only"]
    if isinstance(gain, list):
        lines.append(f"gain in accuracy over source-only, paired: {span(gain, as_share=True)}")
    return lines


def _pair_row(pair: Pair) -> tuple[object, ...]:
    """Return a row of the table of sources."""
    floor = "-"
    if pair.pixels is not None:
        floor = f"{decimal(pair.pixels)} ({span(pair.pixels_interval, as_share=False)})"
    return (
        pair.source,
        f"{pair.positive} or {pair.negative}",
        f"{pair.images[0]} + {pair.images[1]}",
        f"{decimal(pair.auroc)} ({span(pair.interval, as_share=False)})",
        floor,
    )


def _told(numbers: Numbers) -> str:
    """Put numbers and their intervals into one line."""
    parts = []
    for key, value in numbers.items():
        if not isinstance(value, float) or key == "threshold":
            continue
        as_share = key in SHARES
        between = numbers.get(f"{key}_interval")
        told = percent(value) if as_share else decimal(value)
        parts.append(f"{key} {told} ({span(between, as_share=as_share)})")
    return ", ".join(parts)


def main(arguments: Sequence[str]) -> int:
    """Score and print."""
    return told(partial(_scored_and_printed, arguments))


def _scored_and_printed(arguments: Sequence[str]) -> None:
    """Score and print; raises `CxrError`."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", metavar="DATA", type=Path)
    parser.add_argument("bundles", metavar="BUNDLE", nargs="+", type=Path)
    parser.add_argument("--split", default="test", help="default: %(default)s")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args(arguments)
    bundles = [load_bundle(path) for path in given.bundles]
    found = scored(read_manifest(given.data), bundles, given.split)
    print_found(found, given.json, text_of)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
