"""Parts of a film that hold no lung, or too little of one to see a disease: what a probe is given.

Films and rows of a manifest -> arrays of numbers, a row a film. Reads no file.

The parts are those of the studies that found shortcuts by them: everything but the lungs (Maguolo
and Nanni 2021), the corners with their markers (DeGrave 2021), gray levels without their places
(Ong Ly 2024, by shuffled pixels), a picture too small for any model to see a lesion (Dagaev 2023).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from cxr_fastai.manifest import Record
from cxr_fastai.probes.films import SIDE, Films

__all__ = [
    "gray",
    "squares",
    "ring",
    "corners",
    "centre",
    "histogram",
    "spectrum",
    "facts",
    "has_facts",
    "FACTS",
]

RING = 0.10  # share of a side that the border takes, on each side
CORNER = 0.15  # share of a side that each corner takes
CENTRE = 0.60  # share of a side that the middle keeps
BORDER_SIDE = 32  # px: border and corners are looked at in half the small picture's resolution


def gray(
    films: Films,
    side: int,  # px; a divisor of SIDE
) -> np.ndarray:  # (n, side * side) float64, 0-255
    """Return the films as squares of so many pixels, each the mean of those that it covers."""
    return squares(films.small, side)


def squares(
    pictures: np.ndarray,  # (n, SIDE, SIDE)
    side: int,  # a divisor of SIDE
) -> np.ndarray:  # (n, side * side)
    """Return the mean of each square of each picture."""
    n = len(pictures)
    step = SIDE // side
    blocks = pictures.reshape(n, side, step, side, step)
    means: np.ndarray = blocks.mean((2, 4))
    return means.reshape(n, side * side)


def ring(films: Films) -> np.ndarray:
    """Return the outer tenth of each film on all four sides."""
    return _where(films, _ring_mask())


def corners(films: Films) -> np.ndarray:
    """Return the four corners of each film."""
    edge = round(BORDER_SIDE * CORNER)
    outer = np.zeros(BORDER_SIDE, bool)
    outer[:edge] = True
    outer[-edge:] = True
    return _where(films, np.outer(outer, outer))


def centre(films: Films) -> np.ndarray:
    """Return the middle of each film."""
    edge = round(BORDER_SIDE * (1 - CENTRE) / 2)
    inner = np.zeros(BORDER_SIDE, bool)
    inner[edge:-edge] = True
    return _where(films, np.outer(inner, inner))


def histogram(films: Films) -> np.ndarray:
    """Return how often each gray level occurs: what a film is without the places of its pixels."""
    return films.histogram


def spectrum(films: Films) -> np.ndarray:
    """Return how much of a film is coarse and how much is fine: its sharpness and its noise."""
    return films.spectrum


def _ring_mask() -> np.ndarray:
    """Mark the outer tenth of a square."""
    edge = round(BORDER_SIDE * RING)
    mask = np.ones((BORDER_SIDE, BORDER_SIDE), bool)
    mask[edge:-edge, edge:-edge] = False
    return mask


def _where(
    films: Films,
    mask: np.ndarray,  # (BORDER_SIDE, BORDER_SIDE) bool
) -> np.ndarray:  # (n, pixels of the mask)
    """Return the pixels that a mask names, of each film."""
    return gray(films, BORDER_SIDE)[:, mask.ravel()]


# ---- facts of the file


def _number(text: str) -> float:
    """Return a cell as a number; -1 where it is empty."""
    return float(text) if text else -1.0


def _ratio(row: Record) -> float:
    """Return width by height; -1 where the height is unknown."""
    if not row.height:
        return -1.0
    return _number(row.width) / _number(row.height)


def _bytes_a_pixel(row: Record) -> float:
    """Return the bytes that a pixel takes in the source file; -1 where that is unknown."""
    if not row.bytes or not row.width or not row.height:
        return -1.0
    pixels = float(row.width) * float(row.height)
    return float(row.bytes) / pixels


def _jpeg_step(row: Record) -> float:
    """Return the mean step of a JPEG's first table; -1 without any."""
    step, _, _ = row.jpeg_tables.partition(":")
    return _number(step)


# What compression makes of a film follows its gray levels, and so the disease, too: on the NIH
# sample alone AUROC .791 of abnormal, .498 by the other facts. It is asked of sources only.
BYTES = "bytes a pixel"
FACTS: dict[str, Callable[[Record], float]] = {
    "width": lambda row: _number(row.width),
    "height": lambda row: _number(row.height),
    "width by height": _ratio,
    BYTES: _bytes_a_pixel,
    "JPEG quality": _jpeg_step,
}
CODED: dict[str, Callable[[Record], str]] = {  # words, which become numbers in their order
    "pixel format": lambda row: row.mode,
    "file format": lambda row: row.format,
    "JPEG tables": lambda row: row.jpeg_tables,
}


def facts(
    rows: Sequence[Record],
    with_bytes: bool = True,  # BYTES too
) -> np.ndarray:  # (n, FACTS and CODED) float64; -1 is unknown
    """Return what the source file tells before it is decoded, a column a fact."""
    columns = []
    for name, number in FACTS.items():
        if with_bytes or name != BYTES:
            columns.append([number(row) for row in rows])
    for word in CODED.values():
        words = [word(row) for row in rows]
        number_of = {text: i for i, text in enumerate(sorted(set(words)))}
        columns.append([float(number_of[text]) for text in words])
    return np.array(columns).T


def has_facts(
    rows: Sequence[Record],
) -> bool:
    """Tell whether the manifest holds them: one of before version 3 lacks format and bytes."""
    return any(row.format for row in rows)
