"""How large a picture may be, held against what its header states before anything is decoded."""

from __future__ import annotations

from cxr_fastai.core import ImageRejected
from cxr_fastai.images.radiograph import rejected

__all__ = [
    "MAX_PIXELS",
    "MAX_BYTES",
    "MIN_SIDE",
    "MAX_ASPECT",
    "check_byte_count",
    "check_size",
]

# Radiographs reach about 4k x 5k = 20 megapixels; Pillow only warns at 89 and stops at 179.
MAX_PIXELS = 64_000_000
MAX_BYTES = 1 << 29  # 64 megapixels of four 16-bit channels, uncompressed
MIN_SIDE = 8  # pixels; a technical least: PneumoniaMNIST is 28 x 28
MAX_ASPECT = 8  # longer side to shorter: the widest of 7,844 public chest radiographs has 2.2


def check_byte_count(
    n: int,  # bytes
    name: str,  # of the file, for people
) -> None:
    """Raise `ImageRejected` for a file of more bytes than are read."""
    if n > MAX_BYTES:
        text = f"{n:,} bytes, more than the limit of {MAX_BYTES:,}"
        raise rejected("too_large", name, text)


def check_size(
    width: int,
    height: int,
    what: str,  # that has this size: "PNG", "an array of uint8"
    name: str,  # of the file, for people
) -> None:
    """Raise `ImageRejected` for a picture too large, too small or too long."""
    error = _size_error(width, height, f"{what} of {width} x {height} pixels", name)
    if error is not None:
        raise error


def _size_error(
    width: int,
    height: int,
    found: str,  # what has this size, in words
    name: str,  # of the file, for people
) -> ImageRejected | None:
    """Return what is wrong with a size, or None."""
    shorter = min(width, height)
    if width * height > MAX_PIXELS:
        text = f"{found}, more than the limit of {MAX_PIXELS:,}"
        return rejected("too_large", name, text)
    if shorter < MIN_SIDE:
        text = f"{found}, less than {MIN_SIDE} on a side"
        return rejected("too_small", name, text)
    if max(width, height) > MAX_ASPECT * shorter:
        text = f"{found}, more than {MAX_ASPECT} times longer than wide"
        return rejected("extreme_aspect", name, text)
    return None
