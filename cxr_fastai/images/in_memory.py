"""A picture that Pillow holds already -> a Radiograph, by the rules for files.

It reads what Pillow would show, turned as its EXIF says; it never opens the picture's file again,
as the picture may have been changed since.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from cxr_fastai.images.gray import to_gray
from cxr_fastai.images.picture import BAD_DATA, ORIENTATION, TURNS, finished
from cxr_fastai.images.radiograph import Radiograph, rejected
from cxr_fastai.images.size import check_size

__all__ = ["read_image"]


def read_image(
    im: Image.Image,  # of any mode; it is not changed
    name: str | None,  # what messages call it; None: the name of its file
) -> Radiograph:
    """Read a picture of Pillow's. Raises `ImageRejected`."""
    name = name or str(getattr(im, "filename", "") or "image")
    check_size(im.width, im.height, f"a picture of mode {im.mode}", name)
    notes: list[str] = []
    try:
        im.load()
        turn = TURNS.get(im.getexif().get(ORIENTATION))  # type: ignore[arg-type] # any value
    except BAD_DATA as e:
        raise rejected("unreadable", name, e) from e
    upright = im
    if turn is not None:
        notes.append("exif_rotated")
        upright = im.transpose(turn)
    pixels, bits = to_gray(upright, name, notes)
    # a copy: what Pillow holds may be changed by its owner, and a Radiograph is read-only
    return finished(np.array(pixels, order="C"), "array", im.mode, bits, name, notes)
