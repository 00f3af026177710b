"""Any picture's levels to 8-bit gray, and what is to be said of the result.

A loaded Pillow image or an array -> (h, w) uint8 pixels; notes, keys of images.NOTES, go onto a
list. It never clips wide levels, as Pillow's convert('L') would.
"""

from __future__ import annotations

from operator import mul
from typing import cast

import numpy as np
from PIL import Image

from cxr_fastai.images.deep import OPAQUE
from cxr_fastai.images.levels import check_finite, opacity, to_8bit
from cxr_fastai.images.radiograph import rejected

__all__ = [
    "NEAR_CONSTANT",
    "TINY",
    "UNUSUAL_ASPECT",
    "TINTED",
    "MARKED",
    "to_gray",
    "deep_to_gray",
    "levels_to_gray",
    "flatten",
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
    clear_level = im.info.get("transparency")
    if isinstance(clear_level, int):
        levels = _without(levels == clear_level, levels, notes)
    return to_8bit(levels, name, notes)


def levels_to_gray(
    levels: np.ndarray,  # (h, w) or (h, w, 1 to 4 channels) of any number type
    name: str,  # for messages
    notes: list[str],  # appended to
    opaque: int | None = None,  # alpha's white in a file; an array does not say
) -> tuple[np.ndarray, int]:  # (h, w) uint8, and the bit depth
    """Return gray of levels; an even number of channels ends with alpha.

    Raises `ImageRejected` where no range can be told.
    """
    if levels.ndim == 2:
        return to_8bit(levels, name, notes)
    channels = levels.shape[2]
    if channels == 1:
        return to_8bit(levels[..., 0], name, notes)
    if channels == 3 or levels.dtype in (bool, np.uint8):
        pixels, bits = to_8bit(levels, name, notes)
        return flatten(Image.fromarray(pixels), notes), bits
    check_finite(levels, name)
    alpha = opacity(levels[..., -1], levels, name, opaque)
    if alpha.min() == 255:
        return levels_to_gray(levels[..., :-1], name, notes)
    # what is not seen says nothing of the range
    seen = np.where(alpha[..., None] > 0, levels[..., :-1], 0)
    pixels, bits = to_8bit(seen, name, notes)
    with_alpha = np.concatenate([pixels, alpha[..., None]], axis=2)
    return flatten(Image.fromarray(with_alpha), notes), bits


def deep_to_gray(
    levels: np.ndarray,  # (h, w, 2 to 4 channels) uint16 of a file
    is_premultiplied: bool,  # the channels are on black already
    clear_level: object,  # one colour that is transparent, as Pillow has it; else anything
    name: str,  # for messages
    notes: list[str],  # appended to
) -> tuple[np.ndarray, int]:  # (h, w) uint8, and the bit depth
    """Return gray of the 16-bit channels of a file."""
    if is_premultiplied:
        if levels[..., -1].min() < OPAQUE:
            notes.append("alpha_composited")
        levels = levels[..., :-1]
    if isinstance(clear_level, tuple) and len(clear_level) == levels.shape[2]:
        is_clear = (levels == np.array(clear_level)).all(axis=2)
        levels = _without(is_clear, levels, notes)
    return levels_to_gray(levels, name, notes, OPAQUE)


def _without(
    is_clear: np.ndarray,  # (h, w) bool
    levels: np.ndarray,  # (h, w) or (h, w, channels)
    notes: list[str],  # appended to
) -> np.ndarray:  # of the same shape
    """Blacken what a file declares transparent, before its range is told: it is not seen."""
    if not is_clear.any():
        return levels
    notes.append("alpha_composited")
    levels = levels.copy()
    levels[is_clear] = 0
    return levels


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
