"""Pixels of a curated folder: the mean gray of images, thumbnails, and which images are shown.

Rows of a manifest -> numbers and pictures by path. Never changes a file.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import numpy as np
from joblib import cpu_count
from PIL import Image

from cxr_fastai.core import sha256_text
from cxr_fastai.manifest import Record
from cxr_fastai.manifest_pixels import pixels_of
from cxr_fastai.progress import SILENT, Progress
from cxr_fastai.reporting.html import thumbnail

__all__ = ["map_pixels", "mean_gray", "shown_thumbnail", "choose_shown"]

MAX_SHOWN = 8  # radiographs of a class on the page
THUMBNAIL_QUALITY = 72  # of its JPEG

T = TypeVar("T")


def map_pixels(
    measure: Callable[[np.ndarray], T],  # of (h, w) uint8 pixels
    root: Path,  # the curated folder
    rows: list[Record],  # an image that stands in several is decoded once
    what: str,  # the bar's words
    progress: Progress = SILENT,
) -> dict[str, T]:  # path -> what `measure` gave
    """Decode images and measure each; in threads, because decoding releases the GIL.

    Raises `IntegrityError` naming a file that cannot be read, or is not that of its row any more.
    """
    by_path = {row.path: row for row in rows}

    def _measure_file(row: Record) -> T:
        """Measure the image of a row."""
        return measure(pixels_of(root, row))

    with ThreadPoolExecutor(cpu_count()) as pool:
        measured = pool.map(_measure_file, by_path.values())
        return dict(zip(by_path, progress.bar(measured, len(by_path), what)))


def mean_gray(
    pixels: np.ndarray,  # (h, w) uint8
) -> float:
    """Return the mean of the pixels, 0-255."""
    return float(pixels.mean())


def shown_thumbnail(
    pixels: np.ndarray,  # (h, w) uint8
) -> tuple[str, int, int]:
    """Return (data URI of a small JPEG, its width, its height in px)."""
    lanczos = Image.Resampling.LANCZOS
    return thumbnail(pixels, quality=THUMBNAIL_QUALITY, resample=lanczos)


def choose_shown(
    rows: list[Record],  # of one class
    split: str,  # that the shown ones are of
    seed: int,
) -> list[Record]:
    """Draw at most MAX_SHOWN of a class's images at random, each source in its turn."""

    def _lot(row: Record) -> str:
        """Return what shuffles rows, the same on each run."""
        return sha256_text(f"{seed}|{row.pixel_sha256}")

    of_split = [row for row in rows if row.split == split]
    shuffled = sorted(of_split, key=_lot)
    drawn: Counter[str] = Counter()  # of each source, so far
    turns = []
    for place, row in enumerate(shuffled):
        turns.append((drawn[row.source], place))
        drawn[row.source] += 1
    first_turns = sorted(turns)[:MAX_SHOWN]
    return [shuffled[place] for _, place in first_turns]
