"""Levels of any number type to 8 bits, by the rule for ranges.

An array of a picture's levels -> uint8 of the same shape; notes, keys of images.NOTES, go onto a
list. It never clips, but for what resampling made overshoot its scale, and never guesses between
two scales: such a picture is rejected.
"""

from __future__ import annotations

import numpy as np

from cxr_fastai.images.radiograph import rejected
from cxr_fastai.images.ranges import (
    DARKEST_WHITE,
    OVERSHOOT,
    RANGES,
    REFUSED,
    SCALED,
    STRETCHED,
    Range,
    range_of,
)

__all__ = ["to_8bit", "opacity", "check_finite"]

WIDENED = 257  # what turns 8 bits into the same share of 16
MAX_LEVEL = 0xFFFF
# What full opacity is in any depth
WHITES = {int(row.white) for row in RANGES if row.reading == SCALED and not row.floats}


def to_8bit(
    levels: np.ndarray,  # of any number type
    name: str,  # for messages
    notes: list[str],  # appended to
) -> tuple[np.ndarray, int]:  # uint8 of the same shape, and the bit depth
    """Scale levels to 0-255 by the row of `RANGES` that takes them.

    Raises `ImageRejected` for NaN and infinity, and where no range can be told.
    """
    if levels.dtype == bool:
        return levels * np.uint8(255), 1
    if levels.dtype == np.uint8:
        return np.array(levels, order="C"), 8
    row = _row(levels, name)
    if row.reading == REFUSED:
        raise rejected("unknown_range", name, _refusal(levels))
    if row.reading == STRETCHED:
        return _stretched(levels, notes), row.bits
    if row.floats:
        return _floats_to_8bit(levels, row, notes), row.bits
    if row.step == WIDENED:
        return (levels // WIDENED).astype(np.uint8), row.bits
    return _looked_up(levels, row.bits), row.bits


def opacity(
    alpha: np.ndarray,  # (h, w) numbers
    levels: np.ndarray,  # (h, w, channels) of the same picture and type
    name: str,  # for messages
    white: int | None,  # what is opaque in the file; None: an array, which does not say
) -> np.ndarray:  # (h, w) uint8
    """Scale an alpha channel to 0-255 by its own range, which need not be that of the levels.

    Where its greatest is the white of some depth, that is opaque. Else floats are read by `RANGES`,
    whole numbers by `white`, or by the white of the depth that levels and alpha need together.
    """
    floats = alpha.dtype.kind == "f"
    row = _row(alpha, name)
    greatest = alpha.max()
    if alpha.min() >= 0 and greatest in WHITES:
        white = int(greatest)
    elif row.reading != SCALED:
        text = (
            f"its alpha channel runs from {alpha.min():.5g} to {greatest:.5g}; "
            "expected 0 to 1 of floats, or 0 to the white of 8 to 16 bits"
        )
        raise rejected("unknown_range", name, text)
    elif floats:
        return _floats_to_8bit(alpha, row, [])
    elif white is None:
        both = min(max(int(greatest), int(levels.max())), MAX_LEVEL)
        white = int(range_of(False, 0, both).white)
    if alpha.min() == white:
        return np.full(alpha.shape, 255, np.uint8)
    share = alpha.astype(np.float32) / white
    return np.rint(share * 255).astype(np.uint8)


def check_finite(
    levels: np.ndarray,  # of any number type
    name: str,  # for messages
) -> None:
    """Raise `ImageRejected` for NaN and infinity, wherever they stand."""
    if levels.dtype.kind == "f" and not np.isfinite(levels).all():
        raise rejected("not_finite", name, "the picture holds NaN or infinite values")


def _row(
    levels: np.ndarray,  # whole numbers or floats
    name: str,  # for messages
) -> Range:
    """Return the row of the table that takes these levels. Raises `ImageRejected` for NaN."""
    if levels.dtype.kind == "f":
        check_finite(levels, name)
        return range_of(True, float(levels.min()), float(levels.max()))
    least = int(levels.min())
    greatest = int(levels.max())
    step = WIDENED if _is_widened(levels, least, greatest) else 1
    return range_of(False, least, greatest, step)


def _is_widened(
    levels: np.ndarray,  # whole numbers
    least: int,  # of them
    greatest: int,
) -> bool:
    """Tell whether these are 8 bits widened to 16: every level a multiple of 257."""
    if least < 0 or not WIDENED <= greatest <= MAX_LEVEL or greatest % WIDENED:
        return False
    return not (levels % WIDENED).any()


def _refusal(levels: np.ndarray) -> str:
    """Return why floats are refused, and what to do."""
    return (
        f"floats from {levels.min():.4g} to {levels.max():.4g}: too bright for a scale of 0 to 1 "
        f"(at most {1 + OVERSHOOT:g}), too dark for 0 to 255 (at least {DARKEST_WHITE:g}); "
        "scale them to 0-1 or 0-255, or save whole numbers"
    )


def _looked_up(
    levels: np.ndarray,  # (h, w) or (h, w, channels), 0 to below 2**bits
    bits: int,
) -> np.ndarray:  # uint8 of the same shape
    """Return the gray of each level by its depth."""
    table = _depth_table(bits)
    if levels.ndim == 2:
        return table[levels]
    pixels = np.empty(levels.shape, np.uint8)
    for channel in range(levels.shape[2]):  # numpy's index takes 8 bytes a level
        pixels[..., channel] = table[levels[..., channel]]
    return pixels


def _depth_table(
    bits: int,
) -> np.ndarray:  # (2**bits,) uint8
    """Return the gray of every level of a bit depth, rounded."""
    white = (1 << bits) - 1
    levels = np.arange(white + 1, dtype=np.uint32)
    rounded = (levels * 255 + white // 2) // white
    return rounded.astype(np.uint8)


def _floats_to_8bit(
    levels: np.ndarray,  # finite floats
    row: Range,  # that scales them
    notes: list[str],  # appended to
) -> np.ndarray:  # uint8 of the same shape
    """Scale floats from 0 to the row's white, and clip what overshoots it."""
    if levels.min() < 0 or levels.max() > row.white:
        notes.append("overshoot")
        levels = np.clip(levels, 0, row.white)
    scaled = levels * 255.0 if row.white == 1 else levels
    return np.rint(scaled).astype(np.uint8)


def _stretched(
    levels: np.ndarray,
    notes: list[str],  # appended to
) -> np.ndarray:  # uint8 of the same shape
    """Map least to greatest onto 0-255, for numbers that say nothing of their range."""
    notes.append("range_stretched")
    # halves: the difference of two extremes must not overflow
    half = levels.astype(np.float64) / 2
    least = half.min()
    span = half.max() - least
    share = (half - least) / (span or 1)
    return np.rint(share * 255).astype(np.uint8)
