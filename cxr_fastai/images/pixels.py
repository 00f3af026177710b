"""What is done with decoded pixels: squash to a square, save as PNG, hash.

(h, w) uint8 pixels, as `decode` gives them -> a new array, a file without any metadata, or a hash.
"""

from __future__ import annotations

import hashlib

import numpy as np
from PIL import Image

from cxr_fastai.core import StrPath, UsageError

__all__ = ["resize", "write_png", "pixel_sha256"]


def resize(
    pixels: np.ndarray,  # (h, w) uint8, as from `decode`
    size: int,  # side of the square, pixels
    crop: float = 0.0,  # share cut off each of the four sides before, below 0.5
) -> np.ndarray:  # (size, size) uint8, a new array that may be written to
    """Squash to a square with Pillow's antialiased bilinear filter.

    For training, evaluation and prediction alike. No crop unless asked: the corners hold the
    costophrenic angles, and letters that may tell the source. No padding: bars would tell it too.
    So aspect is lost.
    """
    _check_pixels(pixels)
    if crop:
        height, width = pixels.shape
        top = int(height * crop)
        left = int(width * crop)
        pixels = np.ascontiguousarray(pixels[top : height - top, left : width - left])
    if size < 1:
        raise UsageError(f"cannot resize to {size} pixels: expected a side of 1 or more")
    if pixels.shape == (size, size):
        return pixels.copy()
    square = Image.fromarray(pixels).resize((size, size), Image.Resampling.BILINEAR)
    return np.array(square)


def write_png(
    pixels: np.ndarray,  # (h, w) uint8
    path: StrPath,  # any name: the content is PNG. `core.atomic_path` makes it whole or not at all
) -> None:
    """Save as 8-bit gray PNG without any metadata; the same pixels give the same bytes."""
    _check_pixels(pixels)
    Image.fromarray(pixels).save(path, "PNG", compress_level=1)


def pixel_sha256(
    pixels: np.ndarray,  # (height, width) uint8
) -> str:  # 64 hex digits
    """Return the SHA-256 of size and pixels: equal for the same picture in any container."""
    height, width = pixels.shape
    digest = hashlib.sha256(f"{width}x{height}:".encode())
    digest.update(np.ascontiguousarray(pixels).data)
    return digest.hexdigest()


def _check_pixels(pixels: object) -> None:
    """Raise `UsageError` for what `decode` does not give."""
    if not isinstance(pixels, np.ndarray):
        found = type(pixels).__name__
    elif pixels.dtype != np.uint8 or pixels.ndim != 2 or not pixels.size:
        found = f"{pixels.dtype} of shape {pixels.shape}"
    else:
        return
    raise UsageError(
        f"expected (height, width) uint8 pixels, as `decode` gives them, received {found}"
    )
