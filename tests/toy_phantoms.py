"""Drawn sources for the tests of phantom: read back here, and not by the house."""

import csv
import hashlib
from functools import lru_cache

import numpy as np
from PIL import Image

from cxr_fastai.catalog import load_catalog
from cxr_fastai.curation.pipeline import curate
from cxr_fastai.phantom import LAYOUTS

N, SIZE = 30, 64  # images of a source and their width
CATALOG = load_catalog()
LISTS = ("test_list.txt", "train_val_list.txt")
VIRAL = "Viral Pneumonia"  # of covid_radiography: six_class leaves it to Kermany


def tree_hash(root):
    "One hash of all names and bytes below a folder."
    h = hashlib.sha256()
    for p in sorted(p for p in root.rglob("*") if p.is_file()):
        h.update(f"{p.relative_to(root).as_posix()} {p.stat().st_size} ".encode() + p.read_bytes())
    return h.hexdigest()


def pixels(path):
    "uint8 grey pixels, decoded here and not by the house."
    with Image.open(path) as im:
        return (
            (np.asarray(im) // 257).astype(np.uint8)
            if im.mode.startswith("I")
            else np.asarray(im.convert("L"))
        )


def rows(path, encoding="utf-8"):
    with open(path, encoding=encoding, newline="") as f:
        return list(csv.DictReader(f))


@lru_cache
def curated(mirror, *only, recipe="six_class"):
    return curate(mirror / "never_written", recipe, mirror=mirror, only=only, check=True, workers=1)


def place_of(mirror, source):
    return mirror / LAYOUTS[source].folder


def by_path(done):
    return {r.original_path: r for r in done.records}
