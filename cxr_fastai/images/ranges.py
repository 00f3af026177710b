"""The rule for ranges, as one table: which numbers of a picture are black and which are white.

Least and greatest of a picture's levels -> the row of `RANGES` that reads them. It looks at no
pixel. docs/pixels.md prints the same table, with its reasons.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

__all__ = [
    "OVERSHOOT",
    "DARKEST_WHITE",
    "SCALED",
    "STRETCHED",
    "REFUSED",
    "RANGES",
    "Range",
    "range_of",
]

# How far a resampled picture leaves its scale, as a share of it. Of 400 public radiographs, each
# resized to 224, 512 and 1024 pixels by the bicubic and Lanczos filters of Pillow and OpenCV, the
# worst reached 1.276 and -0.222.
OVERSHOOT = 0.3
# What the brightest level of a picture of 0 to 255 reaches at least: of 1,500 public radiographs
# the darkest has 148. Numbers of another kind end below: logarithms of 16-bit counts at 11.1.
DARKEST_WHITE = 32.0

SCALED = "scaled"  # 0 becomes black, `white` becomes white
STRETCHED = "stretched"  # least becomes black, greatest white: noted as range_stretched
REFUSED = "refused"  # two scales claim such numbers: rejected as unknown_range


@dataclass(frozen=True)
class Range:
    """A row of the table: which levels it takes, and how it reads them."""

    floats: bool  # of floating point numbers; False: of whole ones
    bits: int  # meaningful depth that such levels have
    reading: str  # SCALED, STRETCHED or REFUSED
    white: float = math.nan  # the level that becomes 255, where it is scaled
    lowest_top: float = -math.inf  # what the greatest level reaches at least
    highest_top: float = math.inf  # ... and at most
    undershoot: float = math.inf  # how far below 0 the least may lie, as a share of the greatest
    step: int = 1  # every level is a multiple of it

    def takes(
        self,
        floats: bool,
        least: float,  # level of the picture, finite
        greatest: float,
    ) -> bool:
        """Tell whether this row is for such levels, its step left aside."""
        if floats != self.floats:
            return False
        if not self.lowest_top <= greatest <= self.highest_top:
            return False
        if self.undershoot == math.inf:
            return True
        return least >= -self.undershoot * greatest


def _depth(bits: int) -> Range:
    """Return the row of whole numbers that need this many bits."""
    white = (1 << bits) - 1
    return Range(
        floats=False,
        bits=bits,
        reading=SCALED,
        white=white,
        highest_top=white,
        undershoot=0.0,
    )


# The first row that takes a picture's levels reads them.
RANGES = (
    # 8 bits widened to 16, also where it is too dark to need 16
    Range(
        floats=False,
        bits=8,
        reading=SCALED,
        white=0xFFFF,
        highest_top=0xFFFF,
        undershoot=0.0,
        step=257,
    ),
    # 12-bit values in a 16-bit file are the usual export
    _depth(8),
    _depth(10),
    _depth(12),
    _depth(14),
    _depth(16),
    Range(floats=False, bits=32, reading=STRETCHED),
    # 0 to 1
    Range(
        floats=True,
        bits=32,
        reading=SCALED,
        white=1.0,
        highest_top=1 + OVERSHOOT,
        undershoot=OVERSHOOT,
    ),
    # 0 to 255
    Range(
        floats=True,
        bits=32,
        reading=SCALED,
        white=255.0,
        lowest_top=DARKEST_WHITE,
        highest_top=255 * (1 + OVERSHOOT),
        undershoot=OVERSHOOT,
    ),
    # too bright for 0 to 1, too dark for 0 to 255
    Range(
        floats=True,
        bits=32,
        reading=REFUSED,
        highest_top=DARKEST_WHITE,
        undershoot=OVERSHOOT,
    ),
    # no known scale: counts, Hounsfield units, z-scores, -1024 to 1024
    Range(floats=True, bits=32, reading=STRETCHED),
)


def range_of(
    floats: bool,
    least: float,  # level of the picture, finite
    greatest: float,
    step: int = 1,  # every level is a multiple of it
) -> Range:
    """Return the row that reads such levels; the last of either kind takes any."""
    rows = [row for row in RANGES if step % row.step == 0]
    return next(row for row in rows if row.takes(floats, least, greatest))
