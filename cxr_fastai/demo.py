"""`cxr demo`: the whole road on drawn radiographs, curate -> train -> evaluate -> predict.

It also checks that curation found everything that was planted. Writes one folder; needs no
download.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cxr_fastai import progress
from cxr_fastai.core import IntegrityError, UsageError
from cxr_fastai.manifest import read_manifest, read_rows
from cxr_fastai.progress import say

if TYPE_CHECKING:
    from cxr_fastai.phantom import Planted

__all__ = ["demo", "check_planted"]

# Small enough for three minutes on two cores; chosen on the validation split.
IMAGES_PER_CLASS = 90
DRAWN_SIDE = 128  # px
SETTINGS: dict[str, Any] = {
    "arch": "resnet18",
    "size": 64,
    "epochs": 24,
    "bs": 32,
    "lr": 3e-3,
    "weights": "none",
}

Place = tuple[str, str]  # of an image: source, path in it
Row = dict[str, str]  # of a csv


def demo(
    out: Path,
    seed: int = 0,
) -> int:
    """Run the road into `out` and print what it found.

    Raises `UsageError` for a folder with something in it that is not a demo's.
    """
    if out.exists() and any(out.iterdir()) and not (out / "planted.json").exists():
        raise UsageError(f"{out} is not empty and is not a demo's: choose another --out.")
    begun = time.monotonic()
    curated = out / "curated"
    planted = _draw(out, seed)
    _curate(planted, curated, seed)
    bundle = _train(curated, out / "run", seed)
    _evaluate(bundle, curated, out / "report")
    _predict(bundle, curated)
    report = out / "report" / "report.html"
    print(f"\nreport: {report}   bundle: {bundle}   curated folder: {curated}")
    say(f"done in {time.monotonic() - begun:.0f} s")
    return 0


def _draw(out: Path, seed: int) -> Planted:
    """Draw five sources with known flaws."""
    from cxr_fastai.phantom import write_sources

    say(f"1/5 drawing radiographs of five sources into {out / 'mirror'}")
    return write_sources(out, IMAGES_PER_CLASS, DRAWN_SIDE, seed)


def _curate(planted: Planted, curated: Path, seed: int) -> None:
    """Curate them and print what was found of the flaws."""
    from cxr_fastai.curation.pipeline import curate

    flags = f"--manifest {planted.catalog} --mirror {planted.mirror} --out {curated}"
    say(f"2/5 curating them: cxr curate {flags}")
    result = curate(
        curated, manifest=planted.catalog, mirror=planted.mirror, seed=seed, progress=progress
    )
    print(result)
    for line in check_planted(planted, curated):
        print(line)


def _train(curated: Path, run: Path, seed: int) -> Path:
    """Return the bundle, also that of an earlier demo."""
    bundle = run / "bundle"
    if (bundle / "bundle.json").exists():
        say(f"3/5 the model of an earlier demo stands in {run}: not trained again")
        return bundle
    say(f"3/5 training {SETTINGS['arch']} from scratch at {SETTINGS['size']} px")
    from cxr_fastai.training.run import train

    return train(curated, run, seed=seed, **SETTINGS)


def _evaluate(bundle: Path, curated: Path, out: Path) -> None:
    """Score the bundle on the test split and print its report."""
    say(f"4/5 scoring it on the test split: cxr evaluate {bundle} {curated} --out {out}")
    from cxr_fastai.evaluation.evaluate import evaluate

    report = evaluate(bundle, curated, split="test", out=out, progress=progress)
    print(f"\n{report}")


def _predict(bundle: Path, curated: Path) -> None:
    """Ask the bundle about an image of each class and print its answers."""
    from cxr_fastai.bundle.store import load_bundle
    from cxr_fastai.serving.predict import format_rows, predict_paths

    examples = read_manifest(curated).part("test").drop_duplicates("label")
    say(f"5/5 asking it about an image of each class: cxr predict {bundle} IMAGE..")
    model = load_bundle(bundle)
    rows = predict_paths(model, [curated / path for path in examples["path"]])
    print(f"\n{format_rows(rows)}")


# ---- whether curation found what was planted


def check_planted(
    planted: Planted,
    curated: Path,  # the folder that was made of its sources
) -> list[str]:
    """Return a line for each kind of planted flaw. Raises `IntegrityError` where one was missed."""
    copies = _by_place(curated / "duplicates.csv")
    conflicts = _by_place(curated / "conflicts.csv")
    rejects = _by_place(curated / "rejects.csv")
    kept = {(row["source"], row["original_path"]) for row in read_rows(curated / "manifest.csv")}
    copied = [(_place(original), _place(copy)) for original, copy, _ in planted.copies]
    contradicting = [(_place(one), _place(other)) for one, other in planted.conflicts]
    lines = [
        _tally("copies", [_is_copy(pair, copies, kept) for pair in copied]),
        _tally("label conflicts", [_is_conflict(pair, conflicts, kept) for pair in contradicting]),
        _tally("damaged files", _rejected_at("scan", planted.damaged, rejects)),
        _tally("CT and lateral images", _rejected_at("filter", planted.filtered, rejects)),
    ]
    return lines


def _tally(what: str, found: list[bool]) -> str:
    """Return how many were found. Raises `IntegrityError` where that is not all."""
    count = f"{sum(found)} of {len(found)}"
    if not all(found):
        raise IntegrityError(f"curation missed {what}: found {count} planted.")
    return f"planted {what} found: {count}"


def _is_copy(pair: tuple[Place, Place], copies: dict[Place, Row], kept: set[Place]) -> bool:
    """Tell whether two images are one group of duplicates.csv, of which not both were kept."""
    if not copies.keys() >= set(pair):
        return False
    if kept >= set(pair):
        return False
    one, other = (copies[place] for place in pair)
    return one["group"] == other["group"]


def _is_conflict(pair: tuple[Place, Place], conflicts: dict[Place, Row], kept: set[Place]) -> bool:
    """Tell whether two images are in conflicts.csv and neither was kept."""
    return conflicts.keys() >= set(pair) and kept.isdisjoint(pair)


def _rejected_at(stage: str, files: Iterable[str], rejects: dict[Place, Row]) -> list[bool]:
    """Tell of each file whether it was left out at that stage."""
    found = []
    for file in files:
        row = rejects.get(_place(file))
        found.append(row is not None and row["stage"] == stage)
    return found


def _place(file: str) -> Place:
    """Return source and path of a file of the answer sheet, source/path."""
    source, _, path = file.partition("/")
    return source, path


def _by_place(file: Path) -> dict[Place, Row]:
    """Return the rows of a csv by the image that they speak of."""
    return {(row["source"], row["path"]): row for row in read_rows(file)}
