"""Read a radiograph: path, bytes, file, array or Pillow image in, upright 8-bit gray pixels out.

The house's only decoder: scanning, hashing, training, evaluation and prediction all call `read` or
`decode`, so that they see the same pixels. It never trusts an extension, never opens a format off
`FORMATS`, never salvages a damaged file, never keeps metadata, never prints, never writes
(`write_png` apart) and leaves no setting of Pillow or of the warnings module changed.

A file that is no readable radiograph raises `core.ImageRejected`, whose `reason` is a key of
`REASONS`; what is odd about one that is read stands in its `notes`, keys of `NOTES`. Damage inside
a JPEG's data that libjpeg conceals passes: the format has no checksum.

`source` gets the bytes, `sniff` names their format, `containers` and `tiff` tell what no decoder
need see, `picture` decodes, `deep` gets both bytes of 16-bit colour, `ranges` says what is black
and white (docs/pixels.md), `levels` and `gray` make 8-bit gray of it, `pixels` resizes and saves.
`dicom` reads DICOM, with an extra: pydicom and gdcm, imported when the first such file is met.
"""

from __future__ import annotations

import os

import numpy as np
from PIL import Image

from cxr_fastai.core import StrPath
from cxr_fastai.images.gray import levels_to_gray
from cxr_fastai.images.in_memory import read_image
from cxr_fastai.images.picture import OPENERS, finished, read_picture
from cxr_fastai.images.pixels import pixel_sha256, resize, write_png
from cxr_fastai.images.radiograph import NOTES, REASONS, Radiograph, rejected
from cxr_fastai.images.size import (
    MAX_ASPECT,
    MAX_BYTES,
    MAX_PIXELS,
    MIN_SIDE,
    check_byte_count,
    check_size,
)
from cxr_fastai.images.sniff import FORMATS, SUFFIXES, sniff, unwelcome
from cxr_fastai.images.source import Source, bytes_of

__all__ = [
    "REASONS",
    "NOTES",
    "MAX_PIXELS",
    "MAX_BYTES",
    "MIN_SIDE",
    "MAX_ASPECT",
    "FORMATS",
    "DECODER_VERSION",
    "Radiograph",
    "read",
    "decode",
    "resize",
    "write_png",
    "pixel_sha256",
    "is_image_name",
]

# Raise when pixels, notes or reasons of any file change: what was computed then is stale. That
# DICOM, refused before, is read since raised it not: no pixels were computed of one.
# 3: all levels of 16-bit colour; floats that overshoot 0-1 or 0-255, or fit neither.
DECODER_VERSION = 3


def read(
    # an array is (h, w) or (h, w, 1-4) of bool, integers or floats; an image is Pillow's
    source: Source | np.ndarray | Image.Image,
    name: str | None = None,  # what messages call it; taken from the source if not given
) -> Radiograph:
    """Decode one picture. Raises `ImageRejected`, whose message starts with the name."""
    if isinstance(source, np.ndarray):
        return _read_array(source, name or "array")
    if isinstance(source, Image.Image):
        return read_image(source, name)
    data, name = bytes_of(source, name)
    if not data:
        raise rejected("empty_file", name, "the file is empty (0 bytes)")
    check_byte_count(len(data), name)
    kind = sniff(data)
    if kind == "DICOM":
        # here: imports for 27 ms, and most folders hold none
        from cxr_fastai.images.dicom import read_dicom

        return read_dicom(data, name)
    if kind not in OPENERS:
        raise unwelcome(data, name)
    return read_picture(data, kind, name)


def decode(
    source: Source | np.ndarray | Image.Image,  # as for `read`
) -> np.ndarray:  # (h, w) uint8, upright, read-only
    """Return the pixels alone. Raises `ImageRejected`."""
    return read(source).pixels


def is_image_name(
    name: StrPath,  # file name or path
) -> bool:
    """Tell whether a listing should look at this file, by its extension alone.

    DICOM files often have none: `sniff` tells them by their first 132 bytes.
    """
    return os.path.splitext(os.fspath(name))[1].lower() in SUFFIXES


def _read_array(levels: np.ndarray, name: str) -> Radiograph:
    """Read an array by the rules for files.

    2-D is gray; 3-D has 1 (gray), 2 (gray + alpha), 3 (RGB) or 4 (RGBA) channels last.
    """
    if not _is_picture(levels):
        text = (
            f"an array of {levels.dtype} and shape {levels.shape}; expected numbers in "
            "(height, width) or (height, width, 1 to 4 channels)"
        )
        raise rejected("not_an_image", name, text)
    height, width = levels.shape[:2]
    check_size(width, height, f"an array of {levels.dtype}", name)
    notes: list[str] = []
    mode = str(levels.dtype)
    pixels, bits = levels_to_gray(levels, name, notes)
    return finished(np.ascontiguousarray(pixels), "array", mode, bits, name, notes)


def _is_picture(levels: np.ndarray) -> bool:
    """Tell whether an array has the type and shape of a picture."""
    if levels.dtype.kind not in "buif":  # bool, integers, floats
        return False
    if levels.ndim == 3:
        return levels.shape[2] in (1, 2, 3, 4)
    return levels.ndim == 2
