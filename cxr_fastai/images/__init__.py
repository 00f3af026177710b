"""Read a radiograph: path, bytes, binary file or array in, upright 8-bit gray pixels out. The house's only decoder.

Scanning, hashing, training, evaluation and prediction all call `read` or `decode`, so that they see the same pixels.
It never trusts an extension, never opens a format off `FORMATS`, never salvages a damaged file, never keeps metadata,
never prints, never writes (`write_png` apart) and leaves no setting of Pillow or of the warnings module changed.
A file that is no readable radiograph raises `core.ImageRejected`, whose `reason` is a key of `REASONS`; what is odd
about one that is read stands in its `notes`, keys of `NOTES`. `sniff` tells what no decoder need see, `gray` makes
8-bit gray of any levels. Damage inside a JPEG's data that libjpeg conceals passes: the format has no checksum.
"""

from __future__ import annotations

import io
import os
import re
import stat
import struct
import threading
import warnings
import zlib
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field

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

from cxr_fastai.core import ImageRejected, UsageError
from cxr_fastai.images.gray import flatten, look, to_8bit, to_gray
from cxr_fastai.images.sniff import (
    FORMATS,
    SUFFIXES,
    black_is_zero,
    check,
    has_words,
    is_cut,
    is_short,
    rejected,
    sniff,
    unwelcome,
    webp_size,
)

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
    "is_image_name",
]

REASONS = {
    "missing_file": "There is no file of that name, or it is a link to nothing.",
    "unreadable": "The operating system does not let it be read: permission, a folder, a device, a failing disk.",
    "empty_file": "The file holds no bytes.",
    "not_an_image": "The content is no picture: text, HTML, an archive, a side file, an array of another shape.",
    "format_not_allowed": "A picture in a format, or a variant of one, that is not read here.",
    "truncated": "The picture ends before its last row: a download or copy that stopped. Never filled up with gray.",
    "damaged": "The picture's bytes contradict themselves: a wrong checksum, a broken header, undecodable data.",
    "too_large": "More pixels, bytes, text or passes than any radiograph has, or than memory holds.",
    "too_small": "Fewer pixels than can show anything.",
    "extreme_aspect": "A strip, many times longer than wide: a banner, a scale or a row of a picture, not a chest.",
    "animated": "A moving picture: none of its frames is the radiograph by right.",
    "constant": "All pixels are equal: there is nothing to be seen.",
    "not_finite": "A floating point picture that holds NaN or infinity.",
    "dicom": "A DICOM file; these are not read yet.",
}
NOTES = {
    "extension_mismatch": "The file's name claims another format than its content has.",
    "first_frame": "The first of several pages was read.",
    "exif_rotated": "Turned upright as its metadata says.",
    "exif_unreadable": "Its metadata is broken, so that it was not turned.",
    "metadata_dropped": "It carries EXIF, XMP, IPTC, text or a comment, which may name a patient; none of it is kept.",
    "alpha_composited": "Partly transparent; laid on black.",
    "cmyk": "Stored as printing inks.",
    "tinted": "A colour picture, not gray: perhaps a photograph of a film.",
    "colour_marks": "Parts of it are strongly coloured: arrows or letters drawn on it may show where the disease is.",
    "white_is_zero": "Stored as a negative; inverted.",
    "high_byte_only": "Colour of 16 bits, of which the upper 8 were read.",
    "range_stretched": "Its numbers say nothing of their range: least to greatest became black to white.",
    "near_constant": "Almost without contrast.",
    "tiny": "Less than 64 pixels on a side.",
    "unusual_aspect": "More than twice as long as wide: perhaps several pictures side by side.",
}
MAX_PIXELS = 64_000_000  # radiographs reach about 4k x 5k = 20 megapixels; Pillow only warns at 89 and stops at 179
MAX_BYTES = 1 << 29  # 64 megapixels of four 16-bit channels, uncompressed
MIN_SIDE = 8  # pixels; a technical least: PneumoniaMNIST is 28 x 28
MAX_ASPECT = 8  # longer side to shorter: the widest of 7,844 public chest radiographs has 2.2
DECODER_VERSION = (
    2  # raise when pixels, notes or reasons of any file change: what was computed then is stale
)


@dataclass(eq=False)
class Radiograph:
    """One decoded picture, and what had to be done to it."""

    pixels: np.ndarray = field(
        repr=False
    )  # (height, width) uint8, C-contiguous, upright, read-only; 0 is black
    format: str  # one of FORMATS, or "array"
    mode: str  # Pillow's mode of the file, or the array's dtype
    bits: int  # meaningful depth found: 1, 8, 10, 12, 14, 16 or 32
    width: int  # pixels, of the upright picture
    height: int
    notes: tuple[str, ...] = ()  # keys of NOTES


def read(
    source,  # a path, bytes, a binary file, or an array (h, w) or (h, w, 1-4) of bool, integers or floats
    name: str | None = None,  # what messages call it; taken from the source if not given
) -> Radiograph:
    """Decode one picture. Raises `ImageRejected`, whose message starts with the name."""
    if isinstance(source, np.ndarray):
        return _read_array(source, name or "array")
    data, name = _bytes_of(source, name)
    if not data:
        raise rejected("empty_file", name, "the file is empty (0 bytes)")
    if len(data) > MAX_BYTES:
        raise _too_many_bytes(len(data), name)
    kind = sniff(data)
    if kind not in _READERS:
        raise unwelcome(data, name)
    return _READERS[kind](data, kind, name)


def decode(
    source,  # as for `read`
) -> np.ndarray:  # (h, w) uint8, upright, read-only
    """The pixels alone."""
    return read(source).pixels


def resize(
    pixels: np.ndarray,  # (h, w) uint8, as from `decode`
    size: int,  # side of the square, pixels
    crop: float = 0.0,  # share cut off each of the four sides before, below 0.5
) -> np.ndarray:  # (size, size) uint8, a new array that may be written to
    """Squash to a square with Pillow's antialiased bilinear filter, for training, evaluation and prediction alike.
    No crop unless asked: the corners hold the costophrenic angles, and letters that may tell the source. No padding:
    bars would tell it too. So aspect is lost.
    """
    _check_pixels(pixels)
    if crop:
        y, x = (int(side * crop) for side in pixels.shape)
        pixels = np.ascontiguousarray(pixels[y : pixels.shape[0] - y, x : pixels.shape[1] - x])
    if size < 1:
        raise UsageError(f"cannot resize to {size} pixels: expected a side of 1 or more")
    if pixels.shape == (size, size):
        return pixels.copy()
    return np.array(Image.fromarray(pixels).resize((size, size), Image.Resampling.BILINEAR))


def write_png(
    pixels: np.ndarray,  # (h, w) uint8
    path,  # any name: the content is PNG. `core.atomic_path` makes it whole or not at all
):
    """Save as 8-bit gray PNG without any metadata; the same pixels give the same bytes."""
    _check_pixels(pixels)
    Image.fromarray(pixels).save(path, "PNG", compress_level=1)


def is_image_name(
    name,  # file name or path
) -> bool:
    """Whether a listing should look at this file, by its extension alone. DICOM is, so that each is rejected by name."""
    return os.path.splitext(os.fspath(name))[1].lower() in SUFFIXES


# ---- errors

_BOMB = (Image.DecompressionBombError, Image.DecompressionBombWarning)
# What Pillow raises for bad data.
_BAD = (
    *_BOMB,
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
_HUGE = re.compile("data too large|too much memory", re.I)
_QUOTED = re.compile(r"""(['"]).{9,}\1""")  # a message may quote a text of the file
_CUT = re.compile("truncated|unexpected end|not enough|end of file", re.I)
_VARIANT = re.compile(
    "unknown pixel mode|unknown data organi|unsupported|not supported|cannot handle|not yet", re.I
)


def _too_many_bytes(n: int, name: str) -> ImageRejected:
    return rejected("too_large", name, f"{n:,} bytes, more than the limit of {MAX_BYTES:,}")


def _check_size(w: int, h: int, what: str, name: str):
    """Hold the size a header states against the limits, before anything is decoded."""
    if w * h > MAX_PIXELS:
        raise rejected(
            "too_large", name, f"{what} of {w} x {h} pixels, more than the limit of {MAX_PIXELS:,}"
        )
    if min(w, h) < MIN_SIDE:
        raise rejected(
            "too_small", name, f"{what} of {w} x {h} pixels, less than {MIN_SIDE} on a side"
        )
    if max(w, h) > MAX_ASPECT * min(w, h):
        raise rejected(
            "extreme_aspect",
            name,
            f"{what} of {w} x {h} pixels, more than {MAX_ASPECT} times longer than wide",
        )


def _check_pixels(pixels):
    if not (
        isinstance(pixels, np.ndarray)
        and pixels.dtype == np.uint8
        and pixels.ndim == 2
        and pixels.size
    ):
        found = (
            f"{pixels.dtype} of shape {pixels.shape}"
            if isinstance(pixels, np.ndarray)
            else type(pixels).__name__
        )
        raise UsageError(
            f"expected (height, width) uint8 pixels, as `decode` gives them, received {found}"
        )


def _broken(e: BaseException, data: bytes, kind: str, name: str) -> ImageRejected:
    """The rejection for whatever Pillow raised while it read `data`."""
    text = _QUOTED.sub("...", str(e)) or type(e).__name__
    if isinstance(e, _BOMB) or _HUGE.search(text):
        return rejected("too_large", name, f"{kind} too large: {text}")
    if isinstance(e, MemoryError):
        return rejected("too_large", name, f"{kind} needs more memory than there is")
    if _VARIANT.search(text):
        return rejected("format_not_allowed", name, f"a {kind} of a kind not read: {text}")
    if _CUT.search(text) or is_cut(data, kind):
        return rejected("truncated", name, f"truncated {kind}: {text}")
    return rejected("damaged", name, f"damaged {kind}: {text}")


# ---- where it comes from


def _bytes_of(source, name: str | None) -> tuple[bytes, str]:
    """All the bytes of a source, and the name it goes by."""
    if isinstance(source, (bytes, bytearray, memoryview)):
        return bytes(source), name or "image"
    if isinstance(source, (str, os.PathLike)):
        return _file_bytes(source, name or os.fsdecode(source))
    if not hasattr(source, "read") or isinstance(source, io.TextIOBase):
        raise UsageError(
            "expected a path, bytes, a file opened with 'rb', or a NumPy array, "
            f"received {type(source).__name__}"
        )
    given = getattr(source, "name", None)
    name = name or (given if isinstance(given, str) else "image")
    try:
        if getattr(source, "seekable", bool)():
            source.seek(0)
        return source.read(), name
    except OSError as e:
        raise rejected("unreadable", name, e.strerror or e) from e


def _file_bytes(path, name: str) -> tuple[bytes, str]:
    try:
        st = os.stat(path)
        if stat.S_ISDIR(st.st_mode):
            raise rejected("unreadable", name, "a folder, not a file")
        if not stat.S_ISREG(st.st_mode):
            raise rejected("unreadable", name, "a pipe or device, not a file")
        if st.st_size > MAX_BYTES:
            raise _too_many_bytes(st.st_size, name)
        with open(path, "rb") as f:
            return f.read(), name
    except (FileNotFoundError, NotADirectoryError) as e:
        raise rejected("missing_file", name, "no such file") from e
    except (OSError, ValueError) as e:
        raise rejected("unreadable", name, getattr(e, "strerror", None) or e) from e


# ---- pictures, by Pillow

# One constructor a format, not `Image.open`: nothing off the list can be opened, and a refusal keeps its cause.
_OPENERS = {
    "PNG": PngImagePlugin.PngImageFile,
    "JPEG": JpegImagePlugin.jpeg_factory,
    "TIFF": TiffImagePlugin.TiffImageFile,
    "BMP": BmpImagePlugin.BmpImageFile,
    "WEBP": WebPImagePlugin.WebPImageFile,
    "GIF": GifImagePlugin.GifImageFile,
}
_ORIENTATION = 0x0112  # the EXIF and TIFF tag
# As in ImageOps.exif_transpose, which would also rewrite the EXIF, and so trip over a broken one.
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_HAS_EXIF = {
    "exif",
    "xmp",
    "Raw profile type exif",
}  # keys of info under which an orientation may stand
_HAS_WORDS = {"xmp", "photoshop", "comment", "flashpix"}  # ... and side notes that are never kept
_LOCK = threading.Lock()  # warning filters and Pillow's switches belong to the whole process


@contextmanager
def _strict():
    """Pillow without warnings on stderr (libtiff's own lines come from C and stay) and without filling up truncated
    files. Yields whether the importing program had asked for such filling up.
    """
    with _LOCK, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        lenient, ImageFile.LOAD_TRUNCATED_IMAGES = ImageFile.LOAD_TRUNCATED_IMAGES, False
        try:
            yield lenient
        finally:
            ImageFile.LOAD_TRUNCATED_IMAGES = lenient


def _read_picture(data: bytes, kind: str, name: str) -> Radiograph:
    """Decode bytes of one of the formats of `_OPENERS`."""
    notes = (
        ["extension_mismatch"]
        if SUFFIXES.get(os.path.splitext(name)[1].lower(), kind) != kind
        else []
    )
    check(data, kind, name)
    try:
        positive = black_is_zero(data) if kind == "TIFF" else None
        im, lenient = _open(positive or data, kind, name, notes)
        mode, form = im.mode, im.format
        # PNG and JPEG decode without a warning, so without the lock: threads can do so side by side.
        with _strict() if lenient or kind not in ("PNG", "JPEG") else nullcontext():
            im.load()
        if (kind != "PNG" or _ends_black(im)) and is_short(data, kind):
            raise rejected(
                "truncated", name, f"truncated {kind}: its pixel data ends before its last row"
            )
        pixels, bits = to_gray(_upright(im, data, kind, notes), name, notes)
    except _BAD as e:
        raise _broken(e, data, kind, name) from e
    if positive:
        notes.append("white_is_zero")
        pixels = 255 - pixels
    return _radiograph(pixels, form, mode, bits, name, notes)


def _radiograph(
    pixels: np.ndarray, form: str, mode: str, bits: int, name: str, notes: list
) -> Radiograph:
    look(pixels, name, notes)
    pixels.flags.writeable = (
        False  # Pillow's buffer is so already; a copy of it would cost as much as decoding a JPEG
    )
    return Radiograph(pixels, form, mode, bits, pixels.shape[1], pixels.shape[0], tuple(notes))


def _open(data: bytes, kind: str, name: str, notes: list) -> tuple[ImageFile.ImageFile, bool]:
    """Read the header and hold its size and frames against the limits. Also what `_strict` yields."""
    if kind == "WEBP" and all(size := webp_size(data)):
        _check_size(*size, kind, name)
    with _strict() as lenient:
        im = _OPENERS[kind](io.BytesIO(data))
        _check_size(*im.size, kind, name)
        if getattr(im, "is_animated", False):  # asks for a second frame, never counts them
            if kind not in ("TIFF", "JPEG"):
                raise rejected("animated", name, f"an animated {kind} of several frames")
            notes.append("first_frame")
        if im.mode[0] != "I" and ";16" in str(im.tile[:1]):
            notes.append("high_byte_only")  # 16-bit colour, by Pillow
        if kind == "TIFF" and im.tag_v2.get(_ORIENTATION) in _TURNS:
            notes.append("exif_rotated")  # turns as it loads
    return im, lenient


def _ends_black(im: ImageFile.ImageFile) -> bool:
    """Whether rows of a loaded PNG may never have been written."""
    last = im.crop((0, im.height - 1, *im.size)).tobytes()
    return last.count(0) == len(last) or bool(im.info.get("interlace"))


def _upright(im: ImageFile.ImageFile, data: bytes, kind: str, notes: list) -> Image.Image:
    """Turn a loaded picture as its EXIF or XMP says, and note whether it carries more than that."""
    turn, words = None, _has_words(im, data, kind)
    if not im.info.keys().isdisjoint(_HAS_EXIF):
        with _strict():
            try:
                exif = im.getexif()
                turn = _TURNS.get(exif.get(_ORIENTATION))
                words |= kind != "TIFF" and bool(set(exif) - {_ORIENTATION})
            except _BAD:  # a broken side note is no broken picture
                notes.append("exif_unreadable")
                words = True
    if words:
        notes.append("metadata_dropped")
    if turn is None:
        return im
    notes.append("exif_rotated")
    return im.transpose(turn)


def _has_words(im: ImageFile.ImageFile, data: bytes, kind: str) -> bool:
    """Whether side notes other than EXIF are there; none of them is looked at."""
    if kind == "TIFF":
        return has_words(data)
    if kind == "GIF" and b"XMP DataXMP" in data:
        return True
    return not im.info.keys().isdisjoint(_HAS_WORDS) or bool(getattr(im, "text", None))


# ---- arrays, and the door for DICOM


def _read_array(a: np.ndarray, name: str) -> Radiograph:
    """An array by the rules for files: 2-D gray; 3-D with 1 (gray), 2 (gray + alpha), 3 (RGB) or 4 (RGBA) channels last."""
    if a.dtype.kind not in "buif" or not (
        a.ndim == 2 or a.ndim == 3 and a.shape[2] in (1, 2, 3, 4)
    ):
        raise rejected(
            "not_an_image",
            name,
            f"an array of {a.dtype} and shape {a.shape}; expected numbers in "
            "(height, width) or (height, width, 1 to 4 channels)",
        )
    _check_size(a.shape[1], a.shape[0], f"an array of {a.dtype}", name)
    notes = []
    pixels, bits = to_8bit(a[..., 0] if a.shape[2:] == (1,) else a, name, notes)
    if pixels.ndim == 3:
        pixels = flatten(Image.fromarray(pixels), notes)
    return _radiograph(np.ascontiguousarray(pixels), "array", str(a.dtype), bits, name, notes)


def _read_dicom(data: bytes, kind: str, name: str) -> Radiograph:
    """The door for a DICOM reader: bytes in, Radiograph out (modality LUT, then window, MONOCHROME1 inverted last)."""
    raise rejected("dicom", name, "DICOM is not read yet; export it as PNG or TIFF, 8 or 16 bits")


_READERS = {
    **dict.fromkeys(_OPENERS, _read_picture),
    "DICOM": _read_dicom,
}  # what `sniff` finds -> who reads it
