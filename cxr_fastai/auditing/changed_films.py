"""Changes to a film that take the lungs out of it, or what lies beside them, for P12.

Gray pixels in, changed gray pixels out. Opens no file, knows no model.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

__all__ = ["Change", "ring_only", "centre_only", "NUISANCES"]

# (h, w) uint8 -> uint8 of the same size, or cropped
Change: TypeAlias = Callable[[np.ndarray], np.ndarray]

RING = 0.10  # share of a side that the border takes, on each side; as in probes.features
CORNER = 0.15  # share of a side that each corner takes
CENTRE = 0.60  # share of a side that the middle keeps
MARKER = 0.06  # share of a side that a pasted marker takes; letters of films are 2 to 6 %
WHITE = 255
# What takes the place of what is taken out: of every film the same, since a film's own mean would
# tell of the lungs where these are to be hidden.
GRAY = 128


def _edges(pixels: np.ndarray, share: float) -> tuple[int, int]:
    """Return how many rows and columns a share of the sides is, one at least."""
    height, width = pixels.shape
    return max(round(height * share), 1), max(round(width * share), 1)


def ring_only(pixels: np.ndarray) -> np.ndarray:
    """Keep the outer tenth on each side; the rest becomes even gray."""
    rows, columns = _edges(pixels, RING)
    changed = pixels.copy()
    changed[rows:-rows, columns:-columns] = GRAY
    return changed


def centre_only(pixels: np.ndarray) -> np.ndarray:
    """Keep the middle 60 % of each side; the rest becomes even gray."""
    rows, columns = _edges(pixels, (1 - CENTRE) / 2)
    changed = np.full_like(pixels, GRAY)
    changed[rows:-rows, columns:-columns] = pixels[rows:-rows, columns:-columns]
    return changed


def corners_blanked(pixels: np.ndarray) -> np.ndarray:
    """Make the four corners even gray: markers and letters stand there."""
    rows, columns = _edges(pixels, CORNER)
    changed = pixels.copy()
    for down in (slice(None, rows), slice(-rows, None)):
        for across in (slice(None, columns), slice(-columns, None)):
            changed[down, across] = GRAY
    return changed


def marker_pasted(pixels: np.ndarray) -> np.ndarray:
    """Paste a white L into the upper right corner, where a side marker would stand."""
    rows, columns = _edges(pixels, MARKER)
    top, left = rows, pixels.shape[1] - 2 * columns
    stroke = max(min(rows, columns) // 4, 1)
    changed = pixels.copy()
    changed[top : top + rows, left : left + stroke] = WHITE
    changed[top + rows - stroke : top + rows, left : left + columns] = WHITE
    return changed


def border_cropped(pixels: np.ndarray) -> np.ndarray:
    """Cut a twentieth off each side; the network's input stretches what is left."""
    rows, columns = _edges(pixels, RING / 2)
    return np.ascontiguousarray(pixels[rows:-rows, columns:-columns])


# What no answer should hang on, in words.
NUISANCES: dict[str, Change] = {
    "corners blanked": corners_blanked,
    "a marker pasted": marker_pasted,
    "the border cropped": border_cropped,
}
