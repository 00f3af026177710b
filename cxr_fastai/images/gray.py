"""Any picture's levels to 8-bit gray, and what is to be said of the result.

A loaded Pillow image or an array -> (h, w) uint8 pixels; notes, keys of images.NOTES, go onto a
list. It never clips, as Pillow's convert('L') would.
"""

from __future__ import annotations

from operator import mul
from typing import cast

import numpy as np
from PIL import Image

from cxr_fastai.images.radiograph import rejected

__all__ = [
    "NEAR_CONSTANT",
    "TINY",
    "UNUSUAL_ASPECT",
    "TINTED",
    "MARKED",
    "to_gray",
    "flatten",
    "to_8bit",
    "look",
]

# What a note begins at, beside what 7,844 public chest radiographs have.
NEAR_CONSTANT = 4  # gray levels, standard deviation; the flattest of them has 14.8
TINY = 64  # pixels on a side
UNUSUAL_ASPECT = 2  # longer side to shorter; the widest single radiograph has 1.86
# gray levels between a pixel's channels, on average: 21 of them have more, none has 7 to 9
TINTED = 8
MARKED = 64  # gray levels between a pixel's channels: arrows and letters drawn in colour have more
COLOUR_GRID = 64  # samples a side that a note of colour is taken from: it costs microseconds
CONTRAST_GRID = 8  # samples a side, at most, that spare almost every picture the whole look
BIT_DEPTHS = (8, 10, 12, 14, 16)  # 12-bit values in a 16-bit file are the usual export


def to_gray(
    im: Image.Image,  # loaded, in any mode
    name: str,  # for messages
    notes: list[str],  # appended to
) -> tuple[np.ndarray, int]:  # (h, w) uint8, and the meaningful bits of the file
    """Return the pixels of a loaded picture. Raises `ImageRejected` where they are no numbers."""
    if im.mode == "L" and "transparency" not in im.info:
        return np.asarray(im), 8
    if im.mode[0] not in "IF":  # no mode of wide integers or floats
        bits = 1 if im.mode == "1" else 8
        return flatten(im, notes), bits
    levels = np.asarray(im)
    pixels, bits = to_8bit(levels, name, notes)
    clear_level = im.info.get("transparency")
    if isinstance(clear_level, int):
        is_clear = levels == clear_level
        if is_clear.any():
            pixels[is_clear] = 0
            notes.append("alpha_composited")
    return pixels, bits


# ---- colour and transparency


def flatten(
    im: Image.Image,
    notes: list[str],  # appended to
) -> np.ndarray:  # (h, w) uint8
    """Return gray of a picture of 8-bit channels or less, on black where it is transparent.

    Colour profiles are not applied.
    """
    if im.mode == "CMYK":
        notes.append("cmyk")  # Pillow has undone Adobe's inversion by then
    im, alpha = _split_alpha(im)
    if im.mode not in ("RGB", "RGBA", "1"):
        im = im.convert("RGB")  # whence equal channels give exactly that channel
    if im.mode != "1":
        _note_colour(im, notes)
    gray = np.asarray(im.convert("L"))
    if alpha is None or cast(int, alpha.getextrema()[0]) == 255:
        return gray
    notes.append("alpha_composited")
    weighted = gray * np.asarray(alpha, np.uint16)
    return ((weighted + 127) // 255).astype(np.uint8)


def _split_alpha(im: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """Return a picture and its opacity; None where it is opaque, or on black already."""
    if im.mode in ("La", "RGBa"):  # premultiplied: these channels are already on black
        *channels, _ = im.split()
        return Image.merge(im.mode[:-1], channels), None
    if not im.has_transparency_data:
        return im, None
    if im.mode != "RGBA":
        im = im.convert("RGBA")
    return im, im.getchannel("A")


def _note_colour(
    im: Image.Image,  # RGB or RGBA
    notes: list[str],  # appended to
) -> None:
    """Note where the channels of an RGB or RGBA picture differ, by a grid of its pixels."""
    grid = im.resize((COLOUR_GRID, COLOUR_GRID), Image.Resampling.NEAREST).tobytes()
    step = len(im.mode)
    red = grid[0::step]
    green = grid[1::step]
    blue = grid[2::step]
    if red == green == blue:
        return
    r = np.frombuffer(red, np.uint8)
    g = np.frombuffer(green, np.uint8)
    b = np.frombuffer(blue, np.uint8)
    greatest = np.maximum(np.maximum(r, g), b)
    least = np.minimum(np.minimum(r, g), b)
    spread = greatest - least
    if spread.mean() > TINTED:
        notes.append("tinted")
    if (spread > MARKED).sum() > 1:
        notes.append("colour_marks")


# ---- depth


def to_8bit(
    levels: np.ndarray,  # of any number type
    name: str,  # for messages
    notes: list[str],  # appended to
) -> tuple[np.ndarray, int]:  # uint8 of the same shape, and the bit depth
    """Scale levels to 0-255 by their bit depth. Raises `ImageRejected` for NaN and infinity."""
    if levels.dtype == bool:
        return levels * np.uint8(255), 1
    if levels.dtype == np.uint8:
        return np.array(levels, order="C"), 8
    if levels.dtype.kind == "f":
        return _float_to_8bit(levels, name, notes), 32
    least = int(levels.min())
    greatest = int(levels.max())
    if least < 0 or greatest > 0xFFFF:
        return _stretch(levels, notes), 32
    # 8 bits widened to 16, also where it is too dark to need 16
    if greatest % 257 == 0 and not (levels % 257).any():
        return (levels // 257).astype(np.uint8), 8
    bits = next(depth for depth in BIT_DEPTHS if greatest < 1 << depth)
    return _depth_table(bits)[levels], bits


def _depth_table(
    bits: int,
) -> np.ndarray:  # (2**bits,) uint8
    """Return the gray of every level of a bit depth, rounded."""
    white = (1 << bits) - 1
    levels = np.arange(white + 1, dtype=np.uint32)
    rounded = (levels * 255 + white // 2) // white
    return rounded.astype(np.uint8)


def _float_to_8bit(
    levels: np.ndarray,
    name: str,  # for messages
    notes: list[str],  # appended to
) -> np.ndarray:  # uint8 of the same shape
    """Scale floats: 0 to 1, 0 to 255, or least to greatest."""
    if not np.isfinite(levels).all():
        raise rejected("not_finite", name, "the picture holds NaN or infinite values")
    least = levels.min()
    greatest = levels.max()
    if least < 0 or greatest > 255:
        return _stretch(levels, notes)
    scaled = levels * 255.0 if greatest <= 1 else levels
    return np.rint(scaled).astype(np.uint8)


def _stretch(
    levels: np.ndarray,
    notes: list[str],  # appended to
) -> np.ndarray:  # uint8 of the same shape
    """Map least to greatest value onto 0-255, for numbers that say nothing of their range."""
    notes.append("range_stretched")
    # halves: the difference of two extremes must not overflow
    half = levels.astype(np.float64) / 2
    least = half.min()
    span = half.max() - least
    share = (half - least) / (span or 1)
    return np.rint(share * 255).astype(np.uint8)


# ---- looks


def look(
    pixels: np.ndarray,  # (h, w) uint8
    name: str,  # for messages
    notes: list[str],  # appended to
) -> None:
    """Note what is odd about the decoded pixels.

    Raises `ImageRejected` where all of them are equal.
    """
    h, w = pixels.shape
    if _grid_variance(pixels) < 4 * NEAR_CONSTANT**2:
        if pixels.min() == pixels.max():
            level = pixels[0, 0]
            text = f"all {w} x {h} pixels have the one gray level {level}"
            raise rejected("constant", name, text)
        if pixels.std() < NEAR_CONSTANT:
            notes.append("near_constant")
    if min(h, w) < TINY:
        notes.append("tiny")
    if max(h, w) > UNUSUAL_ASPECT * min(h, w):
        notes.append("unusual_aspect")


def _grid_variance(pixels: np.ndarray) -> float:
    """Return the variance of a few pixels, in plain Python: numpy would take longer to begin."""
    h, w = pixels.shape
    row_step = -(-h // CONTRAST_GRID)
    column_step = -(-w // CONTRAST_GRID)
    few = pixels[::row_step, ::column_step].tobytes()
    total = sum(few)
    total_of_squares = sum(map(mul, few, few))
    mean = total / len(few)
    mean_square = total_of_squares / len(few)
    return mean_square - mean**2
