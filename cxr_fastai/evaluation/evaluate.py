"""Put a bundle to the test.

Reads a bundle and a curated folder, returns a report and, where a folder is given, writes
report.html, a picture, predictions.csv, CLAIM.md and metrics.json there; never trains, never
touches an image.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cxr_fastai.advice import command, flag
from cxr_fastai.bundle.claim import CLAIM_FILE, claim
from cxr_fastai.bundle.conformal import Promise
from cxr_fastai.bundle.coverage import CoverageReport, measure_coverage
from cxr_fastai.core import (
    SPLITS,
    Task,
    UnknownName,
    UsageError,
    atomic_path,
    make_folder,
    unknown_name,
    write_text,
)
from cxr_fastai.evaluation.build_report import AnyReport, build_report
from cxr_fastai.evaluation.films_shown import FilmsShown, show_classes, show_findings
from cxr_fastai.evaluation.folder_audit import audit_folder
from cxr_fastai.evaluation.gate_alarms import Watching
from cxr_fastai.evaluation.multi_label_report import FindingsReport
from cxr_fastai.evaluation.pixel_scores import Passing, PixelScores, score_pixels
from cxr_fastai.evaluation.predictions import Row
from cxr_fastai.evaluation.single_label_report import Report
from cxr_fastai.evaluation.unseen import ALL_SPLITS, Selection, select_rows
from cxr_fastai.intervals.bootstrap import RESAMPLES
from cxr_fastai.manifest import Manifest, read_manifest, write_rows
from cxr_fastai.manifest_pixels import verified_pixels
from cxr_fastai.outputs import check_outside, check_own_files
from cxr_fastai.progress import SILENT, Progress
from cxr_fastai.reporting.text import count

if TYPE_CHECKING:
    from cxr_fastai.bundle.bundle import Bundle

__all__ = ["evaluate"]

NOT_ASKED = "it was not asked for"
PAGE, ANSWERS, METRICS = "report.html", "predictions.csv", "metrics.json"
# All that may stand beside the page; beside.html is the verb's.
OTHER_FILES = (METRICS, ANSWERS, CLAIM_FILE, Report.picture, FindingsReport.picture, "beside.html")
MAX_RESAMPLES = 1_000_000  # a second digit of an interval's end; more would not end, or not fit


def evaluate(
    bundle: Bundle | str | Path,  # a bundle, or its folder
    data: Manifest | str | Path,  # a curated folder, or its Manifest
    split: str = "test",  # train | valid | test | all: a folder as outer test
    out: str | Path | None = None,  # folder for the files; None: write nothing
    bs: int = 64,  # images a batch
    progress: Progress | None = None,  # None: silence
    resamples: int = RESAMPLES,  # draws of the groups, for the intervals
    seed: int = 0,  # of these draws
    pixel_floor: bool = True,  # also what gray squares reach; decodes train films once, and asks P8
    coverage: float | None = None,  # of prediction sets, that is to be held against these images
) -> AnyReport:  # a Report; of a multi-label bundle a FindingsReport
    """Answer every image of one split as the bundle does, and count.

    The files are metrics.json, predictions.csv, a picture, report.html and CLAIM.md, a checklist
    filled from these numbers; `write_card` takes metrics.json. Raises `UsageError` for a split that
    is unknown or empty, for classes that the bundle does not know and for a coverage that it cannot
    promise, `IntegrityError` for an image that is gone, unreadable or not that of its row any more.
    """
    progress = progress or SILENT
    _check_draws(resamples, seed)
    manifest = read_manifest(data)
    rows = _rows_of_split(manifest, split)
    if out is not None:
        _make_out(out, manifest)  # an --out that cannot be written is told before the long part
    model = _load(bundle)
    promise = _promise(model, coverage, manifest, split)
    chosen = select_rows(model, manifest, rows, split)
    _check_answerable(model, chosen, split)
    passing = Passing(_decoder(chosen), is_asked=pixel_floor)
    watching = Watching(model.gate, passing.decode)
    probs = _probs(model, chosen, watching.decode, bs, progress)
    alarms = watching.alarms(_source_of(chosen))
    pixels: PixelScores | str = NOT_ASKED
    if pixel_floor:
        pixels = score_pixels(model, manifest, chosen, split, progress, passing)
    scores = None if isinstance(pixels, str) else pixels
    report = build_report(model, chosen.data, split, chosen.rows, probs, resamples, seed, scores)
    report = replace(
        report,
        notes=[*chosen.notes, *report.notes, *([alarms.says] if alarms else [])],
        gate=alarms,
        why_no_pixels=pixels if isinstance(pixels, str) else "",
        audit=audit_folder(manifest, progress, seed) if pixel_floor else None,
        films=_films(model, report, Path(manifest.root)),
        coverage=_coverage(promise, report) if promise is not None else None,
    )
    if out is not None:
        _write(report, claim(model.meta, report.to_dict()), Path(out))
    return report


def _check_draws(
    resamples: int,
    seed: int,
) -> None:
    """Raise `UsageError` for draws that cannot be made."""
    if seed < 0 or not 1 <= resamples <= MAX_RESAMPLES:
        raise UsageError(
            f"seed is {seed} and resamples are {resamples}: expected 0 or more, and 1 to "
            f"{MAX_RESAMPLES:,}."
        )


def _make_out(
    out: str | Path,
    data: Manifest,  # that is read
) -> None:
    """Make the folder of the report, unless it holds what is of others, or lies in the data."""
    check_outside(out, data.root, flag("out"))
    check_own_files(out, PAGE, OTHER_FILES, flag("out"))
    make_folder(out)


def _source_of(chosen: Selection) -> dict[Path, str]:
    """Return the source of each film that is judged."""
    root = Path(chosen.data.root)
    return {root / row["path"]: row["source"] for row in chosen.rows}


def _rows_of_split(
    data: Manifest,
    split: str,  # train | valid | test | all
) -> list[Row]:
    """Return the rows of one split.

    Raises `UsageError` where there is no such split, or no image in it.
    """
    if split not in (*SPLITS, ALL_SPLITS):
        raise UnknownName(unknown_name("split", split, (*SPLITS, ALL_SPLITS)))
    rows = [dict(vars(row)) for row in data.rows if split in (row.split, ALL_SPLITS)]
    if rows:
        return rows
    images = Counter(row.split for row in data.rows)
    have = ", ".join(f"{name} {images[name]:,}" for name in SPLITS)
    raise UsageError(
        f"{data.root} has no images in split {split!r}: it has {have}. "
        f"Choose another {flag('split')}."
    )


def _load(bundle: Bundle | str | Path) -> Bundle:
    """Load a bundle that is given as its folder."""
    if not isinstance(bundle, (str, Path)):
        return bundle
    # torch: not needed by who brings a bundle, or only reads a report
    from cxr_fastai.bundle.store import load_bundle

    return load_bundle(bundle)


def _promise(
    bundle: Bundle,
    coverage: float | None,  # None: nothing is promised
    data: Manifest,
    split: str,  # train | valid | test | all
) -> Promise | None:
    """Return what makes prediction sets. Raises `UsageError` where it cannot be promised, or held.

    On the images that they were fixed on, prediction sets keep what they promise by construction.
    """
    if coverage is None:
        return None
    promise = bundle.promise(coverage)
    if split != "test" and bundle.meta["manifest_sha256"] == data.sha256:
        raise UsageError(
            f"{flag('coverage')} is held against images that training and validation did not have, "
            f"and split {split!r} of {data.root} is theirs: take {flag('split', 'test')}."
        )
    return promise


def _coverage(
    promise: Promise,
    report: AnyReport,
) -> CoverageReport | None:
    """Count how often the prediction sets hold what is true."""
    found = report.predictions
    if found is None:
        return None
    return measure_coverage(promise, found.probs, found.targs, found.groups, found.sources)


def _check_answerable(
    bundle: Bundle,
    chosen: Selection,  # the images that are judged
    split: str,  # train | valid | test | all
) -> None:
    """Raise `UsageError` where the bundle cannot answer for these images."""
    data = chosen.data
    name = bundle.meta["recipe"]["name"]
    way = command(f"cxr curate --recipe {name}", f'curate(out, recipe="{name}")')
    remedy = f"Curate the data for the bundle's recipe: {way}."
    if data.recipe.task is not bundle.task:
        raise UsageError(
            f"{bundle.path} is a {bundle.task} bundle, and {data.root} was curated for the "
            f"{data.recipe.task} recipe {data.recipe.name}. {remedy}"
        )
    if bundle.task is Task.MULTI_LABEL:
        labels = set(data.recipe.vocab)
    else:
        labels = {row["label"] for row in chosen.rows}
    unknown = sorted(labels - set(bundle.vocab))
    if unknown:
        raise UsageError(
            f"{data.root}, split {split}: class {', '.join(map(repr, unknown))} is none of the "
            f"bundle's, which knows {', '.join(bundle.vocab)}. {remedy}"
        )


def _decoder(
    chosen: Selection,  # the images that are judged
) -> Callable[[Path], np.ndarray]:
    """Return what reads the image of a row.

    It raises `IntegrityError` for one that is gone, or not that of its row any more.
    """
    root = Path(chosen.data.root)
    sha256s = {root / row["path"]: row["pixel_sha256"] for row in chosen.rows}

    def decode(path: Path) -> np.ndarray:
        """Return the pixels of a row's image."""
        return verified_pixels(path, sha256s[path])

    return decode


def _probs(
    bundle: Bundle,
    chosen: Selection,  # the images that are judged
    decode: Callable[[Path], np.ndarray],
    bs: int,  # images a batch
    progress: Progress,
) -> np.ndarray:
    """Return what the bundle answers to the images, (n, c)."""
    root = Path(chosen.data.root)
    paths = [root / row["path"] for row in chosen.rows]
    shown = progress.bar(paths, len(paths), f"reading {count(len(paths), 'image')}")
    return np.asarray(bundle.probs(shown, bs=bs, decode=decode))


def _films(
    bundle: Bundle,
    report: AnyReport,
    root: Path,  # the curated folder
) -> FilmsShown | None:
    """Choose the films that the page shows."""
    found = report.predictions
    if found is None:
        return None
    if bundle.task is Task.MULTI_LABEL:
        return show_findings(found, report.names, bundle.meta.get("thresholds") or {}, root)
    return show_classes(found, report.names, bundle.meta.get("decision") or {}, root)


# ---- files


def _write(
    report: AnyReport,  # to write
    checklist: str,  # of CLAIM
    out: Path,  # folder
) -> None:
    """Write the report's files.

    The page first, by which the others are known as ours; metrics.json last, so that where it
    stands the others do.
    """
    png = report.to_png()
    write_text(out / PAGE, report.to_html())
    write_text(out / CLAIM_FILE, checklist)
    rows, columns = report.prediction_table()
    write_rows(out / ANSWERS, rows, columns)
    with atomic_path(out / report.picture) as part:
        part.write_bytes(png)
    strict = json.dumps(
        report.to_dict(),
        indent=2,
        sort_keys=True,
        ensure_ascii=False,
        allow_nan=False,
    )
    write_text(out / METRICS, strict + "\n")
