"""Bytes of a picture file -> a Radiograph, by Pillow, under this library's own rules.

It opens no format off the list, never fills up a damaged file, keeps no metadata, and leaves no
setting of Pillow or of the warnings module changed.
"""

from __future__ import annotations

import io
import os
import re
import struct
import threading
import warnings
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
from PIL import (
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from cxr_fastai.core import ImageRejected
from cxr_fastai.images.containers import check, is_cut, is_short, webp_size
from cxr_fastai.images.deep import DeepForm, deep_form, joined, raw_mode_of, set_raw_mode
from cxr_fastai.images.gray import deep_to_gray, look, to_gray
from cxr_fastai.images.jpeg_tables import tables_text
from cxr_fastai.images.radiograph import Radiograph, rejected
from cxr_fastai.images.size import check_size
from cxr_fastai.images.sniff import SUFFIXES
from cxr_fastai.images.tiff import black_is_zero, has_words

__all__ = ["BAD_DATA", "OPENERS", "finished", "note_suffix", "read_picture", "strict"]

# One constructor a format, not `Image.open`: nothing off the list can be opened, and a refusal
# keeps its cause.
OPENERS: dict[str, Callable[[io.BytesIO], ImageFile.ImageFile]] = {
    "PNG": PngImagePlugin.PngImageFile,
    "JPEG": JpegImagePlugin.jpeg_factory,
    "TIFF": TiffImagePlugin.TiffImageFile,
    "BMP": BmpImagePlugin.BmpImageFile,
    "WEBP": WebPImagePlugin.WebPImageFile,
    "GIF": GifImagePlugin.GifImageFile,
}
ORIENTATION = 0x0112  # the EXIF and TIFF tag
# As in ImageOps.exif_transpose, which would also rewrite the EXIF, and so trip over a broken one.
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# keys of info under which an orientation may stand
EXIF_KEYS = {"exif", "xmp", "Raw profile type exif"}
# ... and side notes that are never kept
WORD_KEYS = {"xmp", "photoshop", "comment", "flashpix"}
# These decode without a warning, so without the lock: threads can do so side by side.
QUIET_FORMATS = ("PNG", "JPEG")
# Pillow's raw mode of a gray PNG of few bits -> the factor by which it widens the levels
WIDENED = {"L;2": 85, "L;4": 17}
PAGED_FORMATS = ("TIFF", "JPEG")  # several frames of these are pages, not a moving picture


def read_picture(
    data: bytes,
    kind: str,  # of OPENERS, as `sniff` found it
    name: str,  # for messages
) -> Radiograph:
    """Decode a picture. Raises `ImageRejected`."""
    notes = note_suffix(kind, name)
    check(data, kind, name)
    try:
        positive = black_is_zero(data) if kind == "TIFF" else None
        im, lenient = _open(positive or data, kind, name, notes)
        mode = im.mode
        form = im.format
        deep = deep_form(im, name)
        if deep is not None:
            set_raw_mode(im, deep.high)
        _load(im, kind, lenient)
        if (kind != "PNG" or _ends_black(im)) and is_short(data, kind):
            text = f"truncated {kind}: its pixel data ends before its last row"
            raise rejected("truncated", name, text)
        turn = _turn(im, data, kind, notes)
        if deep is None:
            pixels, bits = to_gray(_turned(im, turn), name, notes)
        else:
            levels = _deep_levels(im, deep, data, kind, name)
            clear_level = im.info.get("transparency")
            pixels, bits = deep_to_gray(levels, deep.is_premultiplied, clear_level, name, notes)
            if turn is not None:
                pixels = np.array(Image.fromarray(pixels).transpose(turn))
    except BAD_DATA as e:
        raise _broken(e, data, kind, name) from e
    if positive:
        notes.append("white_is_zero")
        pixels = 255 - pixels
    film = finished(pixels, form or kind, mode, bits, name, notes)
    film.jpeg_tables = tables_text(im)
    return film


def finished(
    pixels: np.ndarray,  # (h, w) uint8, which becomes read-only
    form: str,  # of FORMATS, or "array"
    mode: str,
    bits: int,
    name: str,  # for messages
    notes: list[str],  # found so far
) -> Radiograph:
    """Look at the pixels and make the record. Raises `ImageRejected` where all are equal."""
    look(pixels, name, notes)
    # Pillow's buffer is so already; a copy of it would cost as much as decoding a JPEG
    pixels.flags.writeable = False
    height, width = pixels.shape
    return Radiograph(
        pixels=pixels,
        format=form,
        mode=mode,
        bits=bits,
        width=width,
        height=height,
        notes=tuple(notes),
    )


def note_suffix(
    kind: str,  # by the content
    name: str,  # whose suffix claims one
) -> list[str]:
    """Return the first notes: whether the name claims another format."""
    _, suffix = os.path.splitext(name)
    claimed = SUFFIXES.get(suffix.lower(), kind)
    if claimed != kind:
        return ["extension_mismatch"]
    return []


# ---- Pillow, strictly

_LOCK = threading.Lock()  # warning filters and Pillow's switches belong to the whole process


@contextmanager
def strict() -> Iterator[bool]:
    """Hold Pillow without warnings on stderr and without filling up truncated files.

    Yields whether the importing program had asked for such filling up. libtiff's own lines come
    from C and stay.
    """
    with _LOCK, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        lenient = ImageFile.LOAD_TRUNCATED_IMAGES
        ImageFile.LOAD_TRUNCATED_IMAGES = False
        try:
            yield lenient
        finally:
            ImageFile.LOAD_TRUNCATED_IMAGES = lenient


def _open(
    data: bytes,
    kind: str,  # of OPENERS
    name: str,  # for messages
    notes: list[str],  # appended to
) -> tuple[ImageFile.ImageFile, bool]:  # and what `strict` yields
    """Read the header and hold its size and frames against what is allowed."""
    if kind == "WEBP":
        _check_webp_size(data, name)
    with strict() as lenient:
        im = OPENERS[kind](io.BytesIO(data))
        check_size(*im.size, kind, name)
        _check_frames(im, kind, name, notes)
        _widen_clear_level(im)
        if isinstance(im, TiffImagePlugin.TiffImageFile) and _tiff_turn(im) in TURNS:
            notes.append("exif_rotated")  # turns as it loads
    return im, lenient


def _check_webp_size(
    data: bytes,
    name: str,  # for messages
) -> None:
    """Check the size that a header states, before Pillow's decoder allocates as much."""
    width, height = webp_size(data)
    if width and height:
        check_size(width, height, "WEBP", name)


def _tiff_turn(im: TiffImagePlugin.TiffImageFile) -> object:
    """Return the orientation that a TIFF states, if any."""
    return im.tag_v2.get(ORIENTATION)


def _widen_clear_level(im: ImageFile.ImageFile) -> None:
    """Widen the level that a PNG names transparent as Pillow widens its pixels, and not that."""
    clear_level = im.info.get("transparency")
    factor = WIDENED.get(raw_mode_of(im))
    if factor is not None and isinstance(clear_level, int):
        levels = 255 // factor + 1
        im.info["transparency"] = clear_level % levels * factor  # bits beyond its depth say nothing


def _check_frames(
    im: ImageFile.ImageFile,
    kind: str,  # of OPENERS
    name: str,  # for messages
    notes: list[str],  # appended to
) -> None:
    """Refuse a moving picture; note that there are more pages."""
    if not getattr(im, "is_animated", False):  # asks for a second frame, never counts them
        return
    if kind not in PAGED_FORMATS:
        raise rejected("animated", name, f"an animated {kind} of several frames")
    notes.append("first_frame")


def _load(im: ImageFile.ImageFile, kind: str, lenient: bool) -> None:
    """Decode the pixels, under the lock where that may warn."""
    if kind in QUIET_FORMATS and not lenient:
        im.load()
        return
    with strict():
        im.load()


def _deep_levels(
    high: ImageFile.ImageFile,  # loaded under the form's upper raw mode
    form: DeepForm,
    data: bytes,  # that it was read from
    kind: str,  # of OPENERS
    name: str,  # for messages
) -> np.ndarray:  # (h, w, channels) uint16
    """Decode the lower bytes of 16-bit channels too, as strictly, and put them together."""
    low, lenient = _open(data, kind, name, [])
    set_raw_mode(low, form.low)
    _load(low, kind, lenient)
    return joined(high, low, form)


def _ends_black(im: ImageFile.ImageFile) -> bool:
    """Tell whether rows of a loaded PNG may never have been written."""
    if im.info.get("interlace"):
        return True
    last_row = im.crop((0, im.height - 1, im.width, im.height))
    levels = last_row.tobytes()
    return levels.count(0) == len(levels)


# ---- side notes


def _turn(
    im: ImageFile.ImageFile,  # loaded
    data: bytes,  # that it was read from
    kind: str,  # of OPENERS
    notes: list[str],  # appended to
) -> Image.Transpose | None:
    """Return how its EXIF or XMP says to turn it, and note whether it carries more than that."""
    turn = None
    words = _has_words(im, data, kind)
    if not im.info.keys().isdisjoint(EXIF_KEYS):
        with strict():
            try:
                exif = im.getexif()
                turn = TURNS.get(exif.get(ORIENTATION))  # type: ignore[arg-type] # any value
                words |= kind != "TIFF" and bool(set(exif) - {ORIENTATION})
            except BAD_DATA:  # a broken side note is no broken picture
                notes.append("exif_unreadable")
                words = True
    if words:
        notes.append("metadata_dropped")
    if turn is not None:
        notes.append("exif_rotated")
    return turn


def _turned(
    im: Image.Image,
    turn: Image.Transpose | None,
) -> Image.Image:
    """Return it turned, or itself."""
    if turn is None:
        return im
    return im.transpose(turn)


def _has_words(
    im: ImageFile.ImageFile,  # loaded
    data: bytes,  # that it was read from
    kind: str,  # of OPENERS
) -> bool:
    """Tell whether side notes other than EXIF are there; none of them is looked at."""
    if kind == "TIFF":
        return has_words(data)
    if kind == "GIF" and b"XMP DataXMP" in data:
        return True
    if not im.info.keys().isdisjoint(WORD_KEYS):
        return True
    texts = getattr(im, "text", None)  # of a PNG
    return bool(texts)


# ---- what Pillow raises

BOMBS = (Image.DecompressionBombError, Image.DecompressionBombWarning)
BAD_DATA = (
    *BOMBS,
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    struct.error,
    zlib.error,
    MemoryError,
    ArithmeticError,
    LookupError,
    TypeError,
    AttributeError,
    AssertionError,
    RuntimeError,
)
HUGE_WORDS = re.compile("data too large|too much memory", re.I)
QUOTED = re.compile(r"""(['"]).{9,}\1""")  # a message may quote a text of the file
CUT_WORDS = re.compile("truncated|unexpected end|not enough|end of file", re.I)
VARIANT_WORDS = re.compile(
    "unknown pixel mode|unknown data organi|unsupported|not supported|cannot handle|not yet", re.I
)


def _broken(
    e: BaseException,  # that Pillow raised
    data: bytes,  # while it read this
    kind: str,  # of OPENERS
    name: str,  # for messages
) -> ImageRejected:
    """Return the rejection for whatever Pillow raised."""
    words = QUOTED.sub("...", str(e))
    text = words or type(e).__name__
    if isinstance(e, BOMBS) or HUGE_WORDS.search(text):
        reason = "too_large"
        found = f"{kind} too large: {text}"
    elif isinstance(e, MemoryError):
        reason = "too_large"
        found = f"{kind} needs more memory than there is"
    elif VARIANT_WORDS.search(text):
        reason = "format_not_allowed"
        found = f"a {kind} of a kind not read: {text}"
    elif CUT_WORDS.search(text) or is_cut(data, kind):
        reason = "truncated"
        found = f"truncated {kind}: {text}"
    else:
        reason = "damaged"
        found = f"damaged {kind}: {text}"
    return rejected(reason, name, found)
