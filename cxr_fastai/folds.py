"""Cross-validation: a network a fold, and all of them scored together on what each had not seen.

A curated folder with folds -> RUN/fold_0, fold_1, .. with a run each, and folds.json and folds.csv
of the out-of-fold predictions. It joins training and evaluation; officially tested images are used
for nothing.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cxr_fastai.advice import flag
from cxr_fastai.bundle.bundle import Bundle
from cxr_fastai.bundle.store import load_bundle
from cxr_fastai.core import Task, UsageError, make_folder, write_json
from cxr_fastai.evaluation.build_report import AnyReport, build_report
from cxr_fastai.evaluation.evaluate import evaluate
from cxr_fastai.evaluation.predictions import Predictions
from cxr_fastai.manifest import Manifest, read_manifest, write_rows
from cxr_fastai.manifest_folds import fold_numbers, held_out_by, seen_by_fold
from cxr_fastai.progress import SILENT, Progress
from cxr_fastai.reporting.text import count, decimal, percent, table
from cxr_fastai.run_files import default_out, is_free, refuse_full
from cxr_fastai.trainable import FEW_GROUPS
from cxr_fastai.training.run import train

if TYPE_CHECKING:
    from cxr_fastai.bundle.meta import Meta

__all__ = ["FoldScores", "train_folds", "FOLDS_CSV", "FOLDS_JSON"]

FOLDS_JSON = "folds.json"
FOLDS_CSV = "folds.csv"
SHOWN = {"macro auroc": "macro AUROC", "macro ap": "macro AP"}  # names of folds.json in words


@dataclass(frozen=True)
class OneFold:
    """The network of one fold, and how it does on what it had not seen."""

    number: int
    bundle: Path
    images: int  # that it is tested on
    scores: dict[str, float | None]
    warnings: list[dict[str, Any]]  # of its training

    def to_dict(self, folder: Path) -> dict[str, Any]:
        """Return everything, as strict JSON; the bundle's path as seen from the run's folder."""
        return {
            "fold": self.number,
            "bundle": self.bundle.relative_to(folder).as_posix(),
            "images": self.images,
            "scores": self.scores,
            "warnings": self.warnings,
        }


@dataclass(frozen=True)
class FoldScores:
    """What cross-validation found. Prints as a table."""

    folder: Path
    folds: list[OneFold]
    report: AnyReport = field(repr=False)  # of the out-of-fold predictions, all together

    def to_dict(self) -> dict[str, Any]:
        """Return everything, as strict JSON."""
        return {
            "folds": [fold.to_dict(self.folder) for fold in self.folds],
            "together": self.report.to_dict(),
        }

    def __str__(self) -> str:
        return "\n".join([str(self.report), "", *table(self._rows()), *self._warnings()])

    def _warnings(self) -> list[str]:
        """Return a line for each kind of warning, with the folds that had it.

        That a fold's validation is small is what cross-validation makes up for.
        """
        folds: dict[str, list[str]] = {}
        for fold in self.folds:
            for warning in fold.warnings:
                if warning["kind"] != FEW_GROUPS:
                    title = warning.get("title") or warning["says"]
                    folds.setdefault(title, []).append(str(fold.number))
        return [f"WARNING: {title}: fold {', '.join(own)}" for title, own in folds.items()]

    def _rows(self) -> list[tuple[object, ...]]:
        """Return a row a fold, below a header."""
        names = [SHOWN.get(name, name) for name in self.folds[0].scores]
        rows: list[tuple[object, ...]] = [("fold", "images", *names)]
        for fold in self.folds:
            scores = [_shown(name, score) for name, score in fold.scores.items()]
            rows.append((str(fold.number), fold.images, *scores))
        return rows


def _shown(name: str, score: float | None) -> str:
    """Return a score as a table shows it."""
    return percent(score) if "accuracy" in name else decimal(score)


def train_folds(
    data: str | Path | Manifest,  # a folder that `cxr curate --folds K` wrote, or its Manifest
    out: str | Path | None = None,  # absent or empty; None: runs/RECIPE-folds, numbered
    *,
    resume: bool = False,  # go on with the folds in `out`: what is over stays
    progress: Progress | None = None,  # None: silence
    resamples: int = 2000,  # draws of the groups, for the 95 % intervals
    **how: Any,  # of `train`: recipe, seed, workers, quiet, and training settings
) -> FoldScores:
    """Train a network on each fold's complement, and score all images by those that held them out.

    Fold k is held out, the next one chooses the epoch, the others train. Officially tested images
    are not used. Intervals are over groups, and do not tell how networks of other draws would do.
    Raises as `train` and `evaluate` do; `UsageError` where the folder has no folds.
    """
    if int(os.environ.get("WORLD_SIZE", 1)) > 1:
        raise UsageError("folds are trained in one process: call this without torchrun.")
    manifest = read_manifest(data)
    numbers = fold_numbers(manifest)
    folder = _folder(manifest, out, resume)
    show = progress or SILENT
    quiet = {"quiet": progress is None, **how}
    bundles = []
    for number in numbers:
        seen = seen_by_fold(manifest, number, len(numbers))
        run = folder / f"fold_{number}"
        show.say(f"fold {number + 1} of {len(numbers)}")
        goes_on = resume and not is_free(run)
        bundles.append(load_bundle(train(seen, run, resume=goes_on, beside=[], **quiet)))
    found = _scored(manifest, folder, bundles, show, resamples)
    _write(found)
    return found


def _folder(manifest: Manifest, out: str | Path | None, resume: bool) -> Path:
    """Return where the folds go. Raises `UsageError` for what is in the way."""
    if out is None and resume:
        raise UsageError(f"which folds are to go on? Name their folder: {flag('out', 'DIR')}.")
    folder = Path(out) if out is not None else default_out(f"{manifest.recipe.name}-folds")
    if not resume:
        refuse_full(folder)
    return make_folder(folder)


# ---- scores


def _scored(
    manifest: Manifest,
    folder: Path,
    bundles: Sequence[Bundle],  # of fold 0, 1, ..
    progress: Progress,
    resamples: int,
) -> FoldScores:
    """Score each network on its fold, and all predictions together."""
    folds = []
    parts = []
    for number, bundle in enumerate(bundles):
        seen = seen_by_fold(manifest, number, len(bundles))
        tested = held_out_by(seen, number)
        report = evaluate(bundle, tested, "test", progress=progress, resamples=1, pixel_floor=False)
        assert report.predictions is not None  # of evaluate
        parts.append(report.predictions)
        folds.append(_one_fold(number, bundle, report))
    together = _together(manifest, bundles, parts, resamples)
    return FoldScores(folder, folds, together)


def _one_fold(number: int, bundle: Bundle, report: AnyReport) -> OneFold:
    """Sum up one fold."""
    keys: tuple[str, ...] = ("macro_auroc", "macro_ap")
    if bundle.task is Task.SINGLE_LABEL:
        keys = ("accuracy", "balanced_accuracy", "macro_auroc")
    metrics: dict[str, Any] = dict(report.metrics)
    return OneFold(
        number=number,
        bundle=bundle.path,
        images=report.n,
        scores={key.replace("_", " "): metrics.get(key) for key in keys},
        warnings=list(bundle.meta["warnings"]),
    )


def _no_answers() -> np.ndarray:
    """Return what no network answered."""
    return np.empty(0, int)


@dataclass(frozen=True, eq=False)
class _Pooled(Bundle):
    """The networks of all folds as one, which answered as that one did which had not seen."""

    # (n,) class indices, or (n, classes) bool: what each network answered
    preds: np.ndarray = field(default_factory=_no_answers)

    def answers(self, probs: np.ndarray) -> np.ndarray:
        """Return the classes that were answered."""
        return self.preds

    def found(self, probs: np.ndarray) -> np.ndarray:
        """Return the findings that were answered."""
        return self.preds


def _together(
    manifest: Manifest,
    bundles: Sequence[Bundle],
    parts: Sequence[Predictions],  # of each fold
    resamples: int,
) -> AnyReport:
    """Report on the predictions of all folds, each image answered by the network of its fold."""
    probs = np.concatenate([part.probs for part in parts])
    preds = np.concatenate([part.preds for part in parts])
    rows = [row for part in parts for row in part.rows]
    first = bundles[0]
    # thresholds, temperature and weights are each network's own: none stands for all
    meta: Meta = {
        **first.meta,
        "decision": {},
        "thresholds": {},
        "temperature": math.nan,
        "offsets": {},
        "weights_sha256": "",
        "warnings": [],
    }
    meta["manifest_sha256"] = manifest.sha256
    pooled = _Pooled(runtime=first.runtime, meta=meta, path=first.path, preds=preds)
    note = (
        f"Cross-validation: {count(len(bundles), 'network')}, each image answered by the one that "
        "had not seen it, nor its group. Probabilities of different networks stand in one ranking."
    )
    report = build_report(pooled, manifest, "out-of-fold", rows, probs, resamples)
    return replace(report, notes=[note, *report.notes])


def _write(found: FoldScores) -> None:
    """Write folds.csv, and folds.json last: where it stands the other does."""
    rows, columns = found.report.prediction_table()
    predictions = found.report.predictions
    assert predictions is not None  # of build_report
    for row, of_manifest in zip(rows, predictions.rows):
        row["fold"] = of_manifest["fold"]
    write_rows(found.folder / FOLDS_CSV, rows, [*columns, "fold"])
    write_json(found.folder / FOLDS_JSON, found.to_dict())
