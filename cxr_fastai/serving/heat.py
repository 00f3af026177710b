"""The heat of an answer: where on a film it is most sensitive, and how much of that is lung.

A record, made by `heat_of`: a small map that is laid over what the network saw or over the film. It
does not show why a network answers as it does. Needs no torch, reads and writes no file.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from cxr_fastai.lungs import LungField
from cxr_fastai.lungs.field import SIDE
from cxr_fastai.serving.paint import COLOURS, laid_over
from cxr_fastai.serving.rows import MOSTLY

if TYPE_CHECKING:
    from matplotlib.cm import ScalarMappable

__all__ = ["CAVEAT", "Heat", "centre_spot", "on_film"]

CAVEAT = "The heat shows where the answer is most sensitive; it does not show why."
# Of the spot at the centre, which every heat is held against: standard deviation, of the side
SPOT_WIDTH = 0.2


@dataclass(frozen=True, eq=False)
class Heat:
    """Where on a film an answer is most sensitive; it does not show why."""

    of: str  # the class that it is of
    # (rows, columns) float32 over what the network saw of the film: 0-1, the highest is 1; all 0
    # where no place raises the class
    grid: np.ndarray
    crop: float  # share that the network did not see, on each side of the film
    lungs: LungField | None  # of the film; None: none was found
    outside: float | None  # share of the heat outside the lung field; None: no lungs, or no heat
    # for comparison the same of a spot at the film's centre, and of a heat equal everywhere
    outside_of_spot: float | None
    outside_of_equal: float | None
    says: str  # in words

    @property
    def is_mostly_outside(self) -> bool:
        """Whether most of the heat lies outside the lung field."""
        return self.outside is not None and self.outside > MOSTLY

    def painted(
        self,
        pixels: np.ndarray,  # (h, w) uint8, the whole film
    ) -> np.ndarray:  # (h, w, 3) uint8
        """Lay the heat over its film."""
        height, width = pixels.shape
        lungs = None if self.lungs is None else self.lungs.on_film(height, width)
        return laid_over(pixels, self.on_film(height, width), lungs)

    def scale(self) -> ScalarMappable:
        """Give the colours from 0 to 1, for the colour bar of a figure."""
        from matplotlib.cm import ScalarMappable
        from matplotlib.colors import ListedColormap

        return ScalarMappable(cmap=ListedColormap(COLOURS / 255))

    def on_input(
        self,
        size: int,  # the network's
    ) -> np.ndarray:  # (size, size) float32, 0-1
        """Give the heat on what the network saw."""
        return _stretched(self.grid, size, size)

    def on_film(
        self,
        height: int,
        width: int,
    ) -> np.ndarray:  # (height, width) float32, 0-1
        """Give the heat on the film's own pixels; 0 where the network did not look."""
        return on_film(self.grid, self.crop, height, width)


# ---- maps on a film


def on_film(
    grid: np.ndarray,  # (rows, columns) float32 over what the network saw
    crop: float,  # share of the film that it did not see, on each side
    height: int,  # of the film
    width: int,
) -> np.ndarray:  # (height, width) float32; 0 where the network did not look
    """Lay a map over a film, as `images.resize` cuts and squashes it."""
    top = int(height * crop)
    left = int(width * crop)
    seen = _stretched(grid, height - 2 * top, width - 2 * left)
    return np.pad(seen, ((top, top), (left, left)))


def _stretched(
    grid: np.ndarray,  # (rows, columns) float32
    height: int,
    width: int,
) -> np.ndarray:  # (height, width) float32
    """Stretch a map, straight between the middles of its places."""
    image = Image.fromarray(np.ascontiguousarray(grid, np.float32))
    return np.asarray(image.resize((width, height), Image.Resampling.BILINEAR))


# ---- what a heat is held against


@cache
def centre_spot() -> np.ndarray:  # (SIDE, SIDE) float32
    """Give a round spot at the centre: the heat of one who looks at no film."""
    line = (np.arange(SIDE, dtype=np.float32) + 0.5) / SIDE - 0.5
    far = line[:, None] ** 2 + line[None] ** 2
    return np.exp(-far / (2 * SPOT_WIDTH**2))
