"""Where the film lies in a picture that shows more: a viewer's window, a page, a side panel.

Decoded pixels -> the box of the film, or None. It decides nothing and reads no file.

What stands around a film is drawn: its ground has one gray value, or a few, to the level, and
letters leave most of it free. A film has such a value hardly anywhere. So the film is the largest
place that is densely covered by other grays.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

__all__ = ["Box", "find_inset", "INSET_SIDE"]

# The square that boxes are told in. Of 810 pictures in nine drawn frames it finds as many films as
# one of 256, in a third of the time.
INSET_SIDE = 128
# Share of a picture that holds one gray value and its neighbours, of a ground at least. A title bar
# of a twentieth is one; of 60 NIH films a third have such a value of their own, black mostly.
MIN_GROUND_SHARE = 0.03
# .. and so many times that of the values around it.
MIN_PEAK = 3
PEAK_WINDOW = 31  # gray levels
GROUND_SPREAD = 5  # gray levels: JPEG at quality 40 leaves a ground within
WINDOW = 5  # steps of the square in which cover is measured: two lines of fine print
# Share of a window that is no ground, of a film. Lines of letters come to .6.
MIN_COVER = 0.7
MIN_FILL = 0.5  # share of its box that a film covers; films with black corners of their own .51
MIN_AREA = 0.06  # share of the picture; a smaller one is an icon
MAX_AREA = 0.92  # a larger one is the picture, cut a little
MAX_RIVAL = 0.3  # of the largest place, the next: two films on a page are no film in a frame


class Box(NamedTuple):
    """A part of a picture, in steps of the INSET_SIDE square; the ends are not of it."""

    left: int
    top: int
    right: int
    bottom: int

    def cut(
        self,
        pixels: np.ndarray,  # (height, width) uint8
    ) -> np.ndarray:
        """Return the part of a picture."""
        height, width = pixels.shape
        rows = slice(self.top * height // INSET_SIDE, self.bottom * height // INSET_SIDE)
        columns = slice(self.left * width // INSET_SIDE, self.right * width // INSET_SIDE)
        return np.ascontiguousarray(pixels[rows, columns])

    @property
    def share(self) -> float:
        """How much of the picture it is."""
        return (self.right - self.left) * (self.bottom - self.top) / INSET_SIDE**2

    def corners(
        self,
        side: int,  # of the square in which they are told
    ) -> np.ndarray:  # (2, 2) float
        """Return the first and the last corner."""
        edges = np.array([[self.left, self.top], [self.right, self.bottom]])
        return edges * (side / INSET_SIDE) - 0.5  # points are pixels' centres

    def matrix(
        self,
        side: int,  # of both squares
    ) -> np.ndarray:  # (3, 3)
        """Return the transform from the square of the part to that of the picture."""
        wide = (self.right - self.left) / INSET_SIDE
        high = (self.bottom - self.top) / INSET_SIDE
        x, y = self.corners(side)[0] + [wide / 2, high / 2]
        return np.array([[wide, 0, x], [0, high, y], [0, 0, 1]])


def find_inset(
    pixels: np.ndarray,  # (height, width) uint8
) -> Box | None:
    """Find the film in a picture; None where the film is the picture, or nothing is a film."""
    # pixels are picked: a mean over them would blur letters into their ground
    square = cv2.resize(pixels, (INSET_SIDE, INSET_SIDE), interpolation=cv2.INTER_NEAREST)
    ground = _ground_values(square)
    if not ground.any():
        return None
    covered = cv2.LUT(square, 1 - ground)
    window = (WINDOW, WINDOW)
    cover = cv2.boxFilter(covered, cv2.CV_32F, window, borderType=cv2.BORDER_REPLICATE)
    dense = (cover > MIN_COVER).astype(np.uint8)
    n, _, places, _ = cv2.connectedComponentsWithStats(dense, connectivity=4)
    if n < 2:
        return None  # the first is what is not dense
    return _box(places[1:])


def _ground_values(
    square: np.ndarray,  # (INSET_SIDE, INSET_SIDE) uint8
) -> np.ndarray:  # (256,) uint8: 1 where a gray value is that of a ground
    """Return the gray values that very many pixels have, beside their neighbours."""
    counts = np.bincount(square.ravel(), minlength=256)
    near = np.convolve(counts, np.ones(3), "same")
    usual = np.convolve(counts, np.ones(PEAK_WINDOW), "same") * (3 / PEAK_WINDOW)
    is_peak = (near >= MIN_GROUND_SHARE * INSET_SIDE**2) & (near >= MIN_PEAK * usual)
    around = np.convolve(is_peak, np.ones(2 * GROUND_SPREAD + 1), "same")
    return (around > 0).astype(np.uint8)


def _box(
    places: np.ndarray,  # (n, 5) int: left, top, width, height, area of each dense place
) -> Box | None:
    """Return the box of the largest place, where it may be a film."""
    areas = np.sort(places[:, cv2.CC_STAT_AREA])[::-1]
    left, top, wide, high, area = places[places[:, cv2.CC_STAT_AREA].argmax()].tolist()
    share = wide * high / INSET_SIDE**2
    if not MIN_AREA <= share <= MAX_AREA or area < MIN_FILL * wide * high:
        return None
    if len(areas) > 1 and areas[1] > MAX_RIVAL * area:
        return None
    return Box(left, top, left + wide, top + high)
