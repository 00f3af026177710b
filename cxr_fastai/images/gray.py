"""Any picture's levels to 8-bit gray, and what is to be said of the result. A loaded Pillow image or an array in,
(h, w) uint8 pixels out; notes, keys of images.NOTES, go onto a list. Never clips, as Pillow's convert('L') would.
"""

from __future__ import annotations

from operator import mul

import numpy as np
from PIL import Image

from cxr_fastai.images.sniff import rejected

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

# Limits of notes, beside what 7,844 public chest radiographs have.
NEAR_CONSTANT = 4  # gray levels, standard deviation; the flattest of them has 14.8
TINY = 64  # pixels on a side
UNUSUAL_ASPECT = 2  # longer side to shorter; the widest single radiograph has 1.86
TINTED = (
    8  # gray levels between a pixel's channels, on average: 21 of them have more, none has 7 to 9
)
MARKED = 64  # gray levels between a pixel's channels: arrows and letters drawn in colour have more
_GRID = 64  # samples a side that a note is taken from, so that it costs microseconds


def to_gray(
    im: Image.Image,  # loaded, in any mode
    name: str,  # for messages
    notes: list,  # appended to
) -> tuple[np.ndarray, int]:  # (h, w) uint8, and the meaningful bits of the file
    """Pixels of a loaded picture. Raises `ImageRejected` where they are no numbers."""
    if im.mode == "L" and "transparency" not in im.info:
        return np.asarray(im), 8
    if im.mode[0] not in "IF":
        return flatten(im, notes), 1 if im.mode == "1" else 8
    levels = np.asarray(im)
    pixels, bits = to_8bit(levels, name, notes)
    clear = im.info.get("transparency")
    if isinstance(clear, int) and (levels == clear).any():
        pixels[levels == clear] = 0
        notes.append("alpha_composited")
    return pixels, bits


def flatten(im: Image.Image, notes: list) -> np.ndarray:
    """Gray of a picture of 8-bit channels or less, on black where it is transparent. Colour profiles are not applied."""
    if im.mode == "CMYK":
        notes.append("cmyk")  # Pillow has undone Adobe's inversion by then
    alpha = None
    if im.mode in ("La", "RGBa"):  # premultiplied: these channels are already on black
        im = Image.merge(im.mode[:-1], im.split()[:-1])
    elif im.has_transparency_data:
        if im.mode != "RGBA":
            im = im.convert("RGBA")
        alpha = im.getchannel("A")
    if im.mode not in ("RGB", "RGBA", "1"):
        im = im.convert("RGB")  # whence equal channels give exactly that channel
    if im.mode != "1":
        _note_colour(im, notes)
    gray = im.convert("L")
    if alpha is not None and alpha.getextrema()[0] < 255:
        notes.append("alpha_composited")
        return ((np.asarray(gray) * np.asarray(alpha, np.uint16) + 127) // 255).astype(np.uint8)
    return np.asarray(gray)


def _note_colour(im: Image.Image, notes: list):
    """Note where the channels of an RGB or RGBA picture differ, by a grid of its pixels."""
    grid, step = im.resize((_GRID, _GRID), Image.Resampling.NEAREST).tobytes(), len(im.mode)
    channels = [grid[i::step] for i in range(3)]
    if channels[0] == channels[1] == channels[2]:
        return
    r, g, b = (np.frombuffer(c, np.uint8) for c in channels)
    spread = np.maximum(np.maximum(r, g), b) - np.minimum(np.minimum(r, g), b)
    if spread.mean() > TINTED:
        notes.append("tinted")
    if (spread > MARKED).sum() > 1:
        notes.append("colour_marks")


def to_8bit(levels: np.ndarray, name: str, notes: list) -> tuple[np.ndarray, int]:
    """Levels of any number type as uint8 by their bit depth, and that depth."""
    if levels.dtype == bool:
        return levels * np.uint8(255), 1
    if levels.dtype == np.uint8:
        return np.array(levels, order="C"), 8
    if levels.dtype.kind == "f":
        return _float_to_8bit(levels, name, notes), 32
    lo, hi = int(levels.min()), int(levels.max())
    if lo < 0 or hi > 0xFFFF:
        return _stretch(levels, notes), 32
    if (
        hi % 257 == 0 and not (levels % 257).any()
    ):  # 8 bits widened to 16, also where it is too dark to need 16
        return (levels // 257).astype(np.uint8), 8
    bits = next(
        b for b in (8, 10, 12, 14, 16) if hi < 1 << b
    )  # 12-bit values in a 16-bit file are the usual export
    full = (1 << bits) - 1
    table = ((np.arange(full + 1, dtype=np.uint32) * 255 + full // 2) // full).astype(np.uint8)
    return table[levels], bits


def _float_to_8bit(levels: np.ndarray, name: str, notes: list) -> np.ndarray:
    if not np.isfinite(levels).all():
        raise rejected("not_finite", name, "the picture holds NaN or infinite values")
    lo, hi = levels.min(), levels.max()
    if lo < 0 or hi > 255:
        return _stretch(levels, notes)
    return np.rint(levels * 255.0 if hi <= 1 else levels).astype(np.uint8)


def _stretch(levels: np.ndarray, notes: list) -> np.ndarray:
    """Least to greatest value onto 0-255, for numbers that say nothing of their range."""
    notes.append("range_stretched")
    half = levels.astype(np.float64) / 2  # halves: the difference of two extremes must not overflow
    lo, hi = half.min(), half.max()
    return np.rint((half - lo) / ((hi - lo) or 1) * 255).astype(np.uint8)


def look(
    pixels: np.ndarray,  # (h, w) uint8
    name: str,
    notes: list,  # appended to
):
    """Note what is odd about the decoded pixels. Raises `ImageRejected` where all of them are equal."""
    h, w = pixels.shape
    few = pixels[
        :: -(-h // 8), :: -(-w // 8)
    ].tobytes()  # their spread spares almost every picture the whole look
    if sum(map(mul, few, few)) / len(few) - (sum(few) / len(few)) ** 2 < 4 * NEAR_CONSTANT**2:
        if pixels.min() == pixels.max():
            raise rejected(
                "constant", name, f"all {w} x {h} pixels have the one gray level {pixels[0, 0]}"
            )
        if pixels.std() < NEAR_CONSTANT:
            notes.append("near_constant")
    if min(h, w) < TINY:
        notes.append("tiny")
    if max(h, w) > UNUSUAL_ASPECT * min(h, w):
        notes.append("unusual_aspect")
