"""What the probes look at: each film decoded once, as a small picture and two curves.

Rows of a curated folder -> Films. What was measured is kept in the cache folder under the size and
time of every file, so that a changed film is measured again. Never changes the folder.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from zipfile import BadZipFile

import numpy as np

from cxr_fastai import images
from cxr_fastai.core import atomic_path, cache_dir
from cxr_fastai.manifest import Record
from cxr_fastai.manifest_pixels import pixels_of
from cxr_fastai.progress import SILENT, Progress

__all__ = ["Films", "measure_films", "measure_pixels", "SIDE", "LEVELS", "BANDS"]

SIDE = 64  # px of the small picture
LEVELS = 32  # bins of the histogram of gray levels
BANDS = 24  # rings of the spectrum
SPECTRUM_SIDE = 128  # px of the square whose spectrum is taken: the smallest collection's size
VERSION = 1  # raise when anything of a Film changes


class Film(NamedTuple):
    """What is measured of one film."""

    small: np.ndarray  # (SIDE, SIDE) uint8, squashed
    histogram: np.ndarray  # (LEVELS,) float32, shares of the pixels
    spectrum: np.ndarray  # (BANDS,) float32, log power from low to high frequency


@dataclass(frozen=True, eq=False)
class Films:
    """What is measured of the films of some rows, in their order."""

    rows: Sequence[Record]
    small: np.ndarray  # (n, SIDE, SIDE) uint8
    histogram: np.ndarray  # (n, LEVELS) float32
    spectrum: np.ndarray  # (n, BANDS) float32

    def __len__(self) -> int:
        return len(self.rows)

    def of(
        self,
        chosen: np.ndarray,  # (n,) bool, or indices
    ) -> Films:
        """Return a part of the films."""
        indices = np.arange(len(self))[chosen]
        return Films(
            rows=[self.rows[i] for i in indices],
            small=self.small[indices],
            histogram=self.histogram[indices],
            spectrum=self.spectrum[indices],
        )


def measure_films(
    root: Path,  # the curated folder
    rows: Sequence[Record],  # of its manifest
    progress: Progress = SILENT,
) -> Films:
    """Measure films, or return what an earlier run measured of the same files.

    Raises `IntegrityError` naming a film that cannot be read, or is not that of its row any more.
    """
    file = cache_dir() / "probes" / f"{_key(root, rows)}.npz"
    kept = _kept(file)
    if kept is None:
        measured = _measured(root, rows, progress)
        kept = [np.stack(part) for part in zip(*measured)]
        _keep(file, kept)
    small, histogram, spectrum = kept
    return Films(rows=rows, small=small, histogram=histogram, spectrum=spectrum)


def measure_pixels(
    pixels: np.ndarray,  # (h, w) uint8
) -> Film:
    """Measure one film."""
    counts = np.bincount(pixels.ravel() // (256 // LEVELS), minlength=LEVELS)
    return Film(
        small=images.resize(pixels, SIDE),
        histogram=(counts / counts.sum()).astype(np.float32),
        spectrum=_spectrum(images.resize(pixels, SPECTRUM_SIDE)),
    )


def _spectrum(
    square: np.ndarray,  # (s, s) uint8
) -> np.ndarray:  # (BANDS,) float32
    """Return the mean log power of rings of frequency, from the longest waves to the shortest.

    A window keeps the edges of the square out of it.
    """
    side = len(square)
    window = np.hanning(side)
    gray = square / 255
    waves = np.fft.fft2((gray - gray.mean()) * np.outer(window, window))
    power = np.log1p(np.abs(waves) ** 2)
    frequency = np.fft.fftfreq(side)
    radius = np.hypot(frequency[:, None], frequency)  # 0 to .71 cycles a pixel
    band = np.minimum(radius / 0.5 * BANDS, BANDS - 1).astype(int).ravel()
    sums = np.bincount(band, power.ravel(), BANDS)
    return (sums / np.bincount(band, minlength=BANDS)).astype(np.float32)


def _measured(
    root: Path,
    rows: Sequence[Record],
    progress: Progress,
) -> list[Film]:
    """Decode and measure each film, in threads, because decoding releases the GIL."""

    def _one(row: Record) -> Film:
        """Measure the film of a row."""
        return measure_pixels(pixels_of(root, row))

    measure: Callable[[Record], Film] = _one
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(progress.bar(pool.map(measure, rows), len(rows), "measuring films"))


# ---- what an earlier run measured


def _key(
    root: Path,
    rows: Sequence[Record],
) -> str:
    """Return what the measures of these files are kept under."""
    digest = hashlib.sha256(f"{VERSION}|{images.DECODER_VERSION}|{root.resolve()}".encode())
    for row in rows:
        digest.update(f"|{row.path}|{row.pixel_sha256}|{_stamp(root / row.path)}".encode())
    return digest.hexdigest()[:32]


def _stamp(file: Path) -> str:
    """Return size, time of change and inode of a file; empty where it is not there."""
    try:
        stat = os.stat(file)
    except OSError:
        return ""
    return f"{stat.st_size}|{stat.st_mtime_ns}|{stat.st_ino}"


def _kept(file: Path) -> list[np.ndarray] | None:
    """Return what a file of the cache holds; None where it is not there, or damaged."""
    try:
        with np.load(file, allow_pickle=False) as arrays:
            return [arrays[name] for name in Film._fields]
    except (OSError, ValueError, KeyError, EOFError, BadZipFile):
        return None


def _keep(
    file: Path,
    arrays: list[np.ndarray],  # in the order of Film's fields
) -> None:
    """Keep what was measured; a cache that cannot be written costs the next run time only."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        small, histogram, spectrum = arrays
        with atomic_path(file) as half:
            with open(half, "wb") as stream:
                np.savez(stream, small=small, histogram=histogram, spectrum=spectrum)
    except OSError:
        pass
