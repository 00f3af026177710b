"""Tiny raw sources and catalogues for curation tests: what the tests say, nothing more."""

import csv
import hashlib
from pathlib import Path

import numpy as np
from PIL import Image

from cxr_fastai.catalog import COLUMNS, Rule, Source
from cxr_fastai.manifest import read_rows  # noqa: F401, tests read what the house wrote


def gray(seed: int, size=(24, 20)) -> np.ndarray:
    "(h, w) uint8 noise that differs by seed."
    return np.random.default_rng(seed).integers(0, 256, size, dtype=np.uint8)


def put(path: Path, seed: int, **kw) -> Path:
    "Save noise of `seed` at `path`, in the format of its extension."
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(gray(seed)).save(path, **kw)
    return path


def rule(source="one", **cells) -> dict:
    "A catalogue row of a local source labelled by folder, but for `cells`."
    base = dict(source=source)
    if cells.pop("first", True):
        base |= dict(
            on="yes",
            transport="local",
            handle=source,
            title=source,
            glob="*/*.png",
            label_from="folder",
            licence="CC0",
            redistribute="yes",
            age_group="adult",
        )
    return {**base, **cells}


def remote(transport, handle, id="one", **cells) -> Source:  # noqa: A002  # as Source calls it
    "A Source of one rule that knows nothing but where its files are."
    named = dict(row=2, source=id, transport=transport, handle=handle, **cells)
    return Source(id, (Rule(**{**dict.fromkeys(COLUMNS, ""), **named}),))


def filled(folder: Path) -> Path:
    "A folder with a file in it."
    folder.mkdir(parents=True)
    (folder / "a.png").write_bytes(b"x")
    return folder


def kagglehub(cache: Path, *versions, whole=True, handle="own/cxr") -> Path:
    "As kagglehub leaves it: versions/N, and beside that folder N.complete, touched last."
    for n in versions:
        filled(cache / "datasets" / handle / "versions" / str(n))
        if whole:
            (cache / "datasets" / handle / f"{n}.complete").touch()
    return cache


def write_catalog(path: Path, *rows) -> Path:
    with open(path, "w", newline="") as f:
        w = csv.DictWriter(f, COLUMNS)
        w.writeheader()
        w.writerows(rows)
    return path


def tree(root: Path) -> dict:
    "Every file, hidden ones too, and every folder."
    return {
        p.relative_to(root).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest()
        if p.is_file()
        else "folder"
        for p in sorted(root.rglob("*"))
    }
