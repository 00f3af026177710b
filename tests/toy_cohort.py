"""Rows, folders and cohorts whose every number is known; tests of cohort and audit count them."""

import hashlib
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from toy_sources import rule, write_catalog

from cxr_fastai.catalog import load_catalog
from cxr_fastai.cohort.confounds import find_confounds
from cxr_fastai.cohort.counts import gather
from cxr_fastai.images import pixel_sha256, write_png
from cxr_fastai.manifest import COLUMNS, Manifest, Record
from cxr_fastai.recipes import Recipe

AGE_GROUP_OF_SOURCE = {"one": "adult", "two": "adult", "kids": "child", "all": "mixed", "some": ""}


@cache
def toy_catalog() -> dict:
    """Source id -> Source, of the sources of AGE_GROUP_OF_SOURCE."""
    rules = [
        rule(source, title=source, age_group=group, redistribute="yes", label_value="x")
        for source, group in AGE_GROUP_OF_SOURCE.items()
    ]
    with TemporaryDirectory() as folder:
        return load_catalog(write_catalog(Path(folder) / "catalog.csv", *rules))


def row(label="a", source="one", split="train", **cells) -> Record:
    """A record whose identity is that of all its cells."""
    given = {
        "label": label,
        "source": source,
        "split": split,
        "width": "100",
        "height": "80",
        "mode": "L/8",
        "licence": "CC0",
        **cells,
    }
    sha = hashlib.sha256(repr(given).encode()).hexdigest()
    own = {"path": f"{sha[:16]}.png", "pixel_sha256": sha, "group": sha}
    return Record(**{**dict.fromkeys(COLUMNS, ""), **own, **given})


def folder(rows, root="", task="single_label", vocab="abc", **recipe) -> Manifest:
    """A curated folder without files."""
    toy = Recipe("toy", "Toy classes", {label: [] for label in vocab}, task=task, **recipe)
    return Manifest(root, list(rows), toy, "0" * 64)


def drawn(rows, root, gray=None, size=(8, 10), **kw) -> Manifest:
    """The same folder with images, of the brightness that `gray` gives a row."""
    with_pixels = []
    for i, each in enumerate(rows):
        pixels = np.full(size, 100 if gray is None else gray(each), np.uint8)
        pixels[0, :2] += np.array([i % 50, 1], np.uint8)
        write_png(pixels, root / each.path)
        with_pixels.append(replace(each, pixel_sha256=pixel_sha256(pixels)))
    return folder(with_pixels, root, **kw)


def even(n=20, classes="ab", sources=("one", "two")) -> list[Record]:
    """n rows of each class, source and split, numbered in phash: ages, sexes and views alike."""
    rows = []
    for label in classes:
        for source in sources:
            for split in ("train", "valid", "test"):
                rows += [_even_row(label, source, split, i) for i in range(n)]
    return rows


def _even_row(label, source, split, i) -> Record:
    age = ("10", "40")[i % 2]
    sex = "FM"[i // 2 % 2]
    view = ("PA", "AP")[i % 2]
    return row(label, source, split, age=age, sex=sex, view=view, phash=str(i))


def but(rows, change, **cells) -> list[Record]:
    """The rows, those for which `change` holds with other cells (a callable is given the row)."""

    def changed(each):
        values = {k: v(each) if callable(v) else v for k, v in cells.items()}
        return replace(each, **values)

    return [changed(each) if change(each) else each for each in rows]


def is_a(each) -> bool:
    return each.label == "a"


def cohort_of(data, split="all"):
    return gather(data.root, data.rows, data.recipe, toy_catalog(), split)


def warned(data, gray=lambda each: 100, split="all") -> dict:
    """Kind -> FolderWarning of a folder without images, of the brightness that `gray` gives."""
    cohort = cohort_of(data, split)
    brightness = {each.path: gray(each) for each in cohort.rows}
    return {warning.kind: warning for warning in find_confounds(cohort, brightness)}
