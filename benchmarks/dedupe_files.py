"""The same files for both sides of benchmarks/dedupe.py, and what is known of them.

A folder of images in, links to those that this library and imagededup both read out; and the pairs
of which it is known whether they are copies.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from cxr_fastai.core import ImageRejected
from cxr_fastai.curation.engines import open_engine, spread
from cxr_fastai.curation.sources.tree import folder_tree
from cxr_fastai.images import decode, is_image_name
from cxr_fastai.junk import is_junk

KINDS = ("same_pixels", "resized", "cropped", "flipped", "rotated")
DIFFERENT = "different"  # the kind of a pair of two patients
# formats that imagededup reads
THEIR_FORMATS = ("JPEG", "PNG", "BMP", "MPO", "PPM", "TIFF", "GIF", "WEBP")


class GoldPair(NamedTuple):
    """Two images of which it is known whether they are copies."""

    a: str  # path relative to the folder of images
    b: str
    kind: str  # of KINDS, or DIFFERENT


def readable_many(files: list[str]) -> list[bool]:
    """Tell whether both sides read each file, in a worker."""
    return [_is_readable(file) for file in files]


def _is_readable(file: str) -> bool:
    try:
        decode(file)
        with Image.open(file) as image:
            image.convert("RGBA")
            return image.format in THEIR_FORMATS
    except (ImageRejected, OSError, ValueError, SyntaxError):
        return False


def link_all(
    folder: str,  # of images
    to: str,  # folder for the links
    first: Collection[str],  # paths below `folder` that come first
    at_most: int | None,
    workers: int,
) -> dict[str, str]:
    """Link all images that both sides read; return path below `folder` -> name of its link."""
    files = {}
    for path, file in folder_tree(folder).files.items():
        if is_image_name(path) and not is_junk(path):
            files[path] = file
    paths = sorted(files, key=lambda path: path not in first)[:at_most]
    with open_engine("local", workers) as engine:
        good = dict(spread(engine, readable_many, [files[path] for path in paths]))
    readable = [path for i, path in enumerate(paths) if good[i] is True]
    names = {}
    for i, path in enumerate(readable):
        names[path] = f"{i:07}{Path(path).suffix.lower()}"
        os.symlink(os.path.abspath(files[path]), f"{to}/{names[path]}")
    return names


def gold_pairs(folder: str) -> list[GoldPair]:
    """Read both tables of a folder."""
    near = [GoldPair(r["path_a"], r["path_b"], r["kind"]) for r in _rows(folder, "near_pairs.csv")]
    apart = []
    for r in _rows(folder, "different_pairs.csv"):
        apart.append(GoldPair(r["path_a"], r["path_b"], DIFFERENT))
    return near + apart


def _rows(folder: str, name: str) -> list[dict[str, str]]:
    with open(Path(folder) / name, newline="", encoding="utf-8") as f:
        return list(csv.DictReader(f))
