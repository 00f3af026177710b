"""What 8x8 and 16x16 gray squares reach on a folder's test split: no network is needed.

    python benchmarks/pixel_floor.py DATA ..

DATA: folders that `cxr curate` wrote. Logistic regression of each class against the rest, fitted on
train; validation chooses the size; intervals over patients. `cxr evaluate` prints the same floor
beside a model, with the paired interval of the model's gain.
"""

from __future__ import annotations

import sys

import numpy as np

from cxr_fastai.core import Task
from cxr_fastai.evaluation.pixel_floor import (
    PixelFloor,
    class_pixel_floor,
    finding_pixel_floor,
)
from cxr_fastai.evaluation.pixel_scores import PixelScores, fit_pixels
from cxr_fastai.evaluation.predictions import Predictions, finding_targets_of
from cxr_fastai.intervals.bootstrap import Resampling
from cxr_fastai.manifest import Manifest, read_manifest
from cxr_fastai.probes.shortcuts import fitting_rows
from cxr_fastai.reporting.text import decimal, span, table

HEADER = ("folder", "test images", "squares", "on validation", "macro AUROC", "accuracy")


def main(folders: list[str]) -> None:
    """Print a table of the folders."""
    rows: list[tuple[object, ...]] = [HEADER]
    for folder in folders:
        data = read_manifest(folder)
        rows += _rows(data)
    print("\n".join(table(rows)))


def _rows(data: Manifest) -> list[tuple[object, ...]]:
    """Return a row a size."""
    test = [dict(vars(row)) for row in data.rows if row.split == "test"]
    judged = [row for row in data.rows if row.split == "test"]
    vocab = list(data.vocab)
    fitted = [dict(vars(row)) for row in fitting_rows(data)]
    targs = finding_targets_of(data.recipe, fitted, vocab, data.recipe.task)
    scores = fit_pixels(data, targs, judged, vocab)
    if isinstance(scores, str):
        return [(data.recipe.name, len(test), "none", scores, "-", "-")]
    floor = _floor(data, test, scores)
    rows: list[tuple[object, ...]] = []
    for side, own in floor.by_side.items():
        mark = " *" if side == floor.side else ""
        auroc = _number(own.values["macro_auroc"], own.intervals["macro_auroc"])
        accuracy = _number(own.values.get("accuracy"), own.intervals.get("accuracy"))
        valid = decimal(own.valid_macro_auroc)
        rows.append((data.recipe.name, len(test), f"{side}x{side}{mark}", valid, auroc, accuracy))
    return rows


def _floor(data: Manifest, test: list[dict[str, str]], scores: PixelScores) -> PixelFloor:
    """Count the floor of the test split; in the place of a model stands the floor itself."""
    vocab = list(data.vocab)
    names = {slug: slug for slug in vocab}
    targs = finding_targets_of(data.recipe, test, vocab, data.recipe.task)
    probs = scores.by_side[scores.side]
    resampling = Resampling([row["group"] for row in test])
    if data.recipe.task is Task.MULTI_LABEL:
        found = Predictions(test, targs, probs, np.zeros(targs.shape, bool))
        return finding_pixel_floor(resampling, found, names, scores)
    found = Predictions(test, targs.argmax(1), probs, probs.argmax(1))
    return class_pixel_floor(resampling, found, names, scores)


def _number(value: float | None, between: list[float] | None) -> str:
    return f"{decimal(value)} ({span(between, as_share=False)})"


if __name__ == "__main__":
    main(sys.argv[1:])
