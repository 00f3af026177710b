"""Whether the images of a curated folder still hold the pixels that its manifest names.

A manifest in, faults or an error out. Labels, copies, groups and splits were decided on these
pixels: an image with others is not the image of its row. Reads images, writes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from cxr_fastai import images
from cxr_fastai.core import ImageRejected, IntegrityError
from cxr_fastai.manifest import MANIFEST, Manifest, read_manifest
from cxr_fastai.manifest_check import Record
from cxr_fastai.progress import SILENT, Progress
from cxr_fastai.reporting.text import count

__all__ = ["pixels_of", "verified_pixels", "pixel_faults"]

REMEDY = "Put the file back as it was, or curate the folder again"


def pixels_of(
    root: Path,  # the curated folder
    row: Record,
) -> np.ndarray:  # (height, width) uint8
    """Decode the image of a row. Raises `IntegrityError` where it is not that image any more."""
    return verified_pixels(root / row.path, row.pixel_sha256)


def verified_pixels(
    path: Path,
    pixel_sha256: str,  # of its row
) -> np.ndarray:  # (height, width) uint8
    """Decode an image. Raises `IntegrityError` where it is not that of its row any more."""
    try:
        pixels = images.decode(path)
    except ImageRejected as e:
        raise IntegrityError(
            f"{e}. It was readable when the folder was curated: curate the folder again."
        ) from e
    if images.pixel_sha256(pixels) != pixel_sha256:
        raise IntegrityError(
            f"{path}: its pixels are not those that {MANIFEST} names: the file was changed after "
            f"the folder was curated, and its label and split belong to the old one. {REMEDY}."
        )
    return pixels


def pixel_faults(
    data: Path | Manifest,  # a folder that `cxr curate` wrote, or a Manifest
    threads: int | None = None,  # None: Python's own choice
    progress: Progress | None = None,  # None: silence
) -> list[str]:
    """Return a line for each image that is missing, unreadable or not that of its row."""
    manifest = read_manifest(data)

    def fault(row: Record) -> str:
        """Return what is wrong with one image; empty where nothing is."""
        try:
            pixels_of(manifest.root, row)
        except IntegrityError as e:
            return str(e)
        return ""

    with ThreadPoolExecutor(threads) as pool:
        faults = pool.map(fault, manifest.rows)
        what = f"verifying the pixels of {count(len(manifest.rows), 'image')}"
        shown: Iterable[str] = (progress or SILENT).bar(faults, len(manifest.rows), what)
        return list(_not_empty(shown))


def _not_empty(lines: Iterable[str]) -> Iterator[str]:
    """Yield the lines that say something."""
    for line in lines:
        if line:
            yield line
