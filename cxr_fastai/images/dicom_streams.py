"""What the compressed picture inside a DICOM file says of itself, held against the file's header.

Bytes, Form -> a Stream that a decoder may see, or `ImageRejected`: another size, several pictures
one after the other, a cut end, passes or tiles without number. It decodes nothing.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass, field
from enum import IntEnum

from cxr_fastai.images.containers import MAX_PASSES
from cxr_fastai.images.dicom_kind import Form
from cxr_fastai.images.radiograph import rejected

__all__ = ["MAX_TILES", "PILLOW_CODINGS", "Coding", "Stream", "stream_of"]


class Coding(IntEnum):
    """How a picture is coded: a JPEG's start of frame."""

    JPEG_2000 = 0
    BASELINE = 0xC0
    EXTENDED = 0xC1
    PROGRESSIVE = 0xC2
    LOSSLESS = 0xC3
    LS = 0xF7


WORDS = {
    Coding.JPEG_2000: "JPEG 2000",
    Coding.BASELINE: "JPEG",
    Coding.EXTENDED: "extended JPEG",
    Coding.PROGRESSIVE: "progressive JPEG",
    Coding.LOSSLESS: "lossless JPEG",
    Coding.LS: "JPEG-LS",
}
PILLOW_CODINGS = (Coding.BASELINE, Coding.EXTENDED, Coding.PROGRESSIVE)
# Bits of a level that a decoder here takes. CharLS, in gdcm, fails at 6 and 7.
BITS = {
    Coding.JPEG_2000: range(8, 17),
    Coding.BASELINE: (8,),
    Coding.EXTENDED: (8, 12),
    Coding.PROGRESSIVE: (8,),
    Coding.LOSSLESS: range(8, 17),
    Coding.LS: range(8, 17),
}
MAX_TILES = 10_000  # of JPEG 2000: 64 megapixels in tiles of 80 x 80

JPEG_START = b"\xff\xd8\xff"
SCAN = 0xDA
TABLES = (0xC4, 0xC8, 0xCC)  # markers among those of a start of frame that are none
END = b"\xff\xd9"  # of either; no coded data can hold it
PASS = b"\xff\xda"
J2K_START = b"\xff\x4f\xff\x51"
J2K_WITHIN = 4096  # bytes: boxes may stand before it
ANOTHER = re.compile(rb"\xff\xd9\0*(?:\xff\xd8\xff|\xff\x4f\xff\x51)")
MAX_SEGMENTS = 1000  # before the first scan


@dataclass(frozen=True)
class Stream:
    """A compressed gray picture."""

    data: bytes = field(repr=False)
    coding: Coding
    bits: int  # of a level
    is_signed: bool  # its levels; JPEG 2000 alone says so
    rows: int
    columns: int

    @property
    def words(self) -> str:
        """How it is coded, for people."""
        return WORDS[self.coding]


def stream_of(
    data: bytes,
    is_2000: bool,  # JPEG 2000; False: another of the JPEG family, told by its content
    form: Form,
    name: str,  # for messages
) -> Stream:
    """Return what is to be decoded. Raises `ImageRejected`."""
    try:
        stream = _j2k(data, name) if is_2000 else _jpeg(data, name)
    except (struct.error, IndexError) as e:
        text = "truncated DICOM: its JPEG ends within its header"
        raise rejected("truncated", name, text) from e
    if (stream.columns, stream.rows) != (form.columns, form.rows):
        text = (
            f"its {stream.words} is {stream.columns} x {stream.rows} pixels, "
            f"its header says {form.columns} x {form.rows}"
        )
        raise rejected("damaged", name, f"damaged DICOM: it contradicts itself: {text}")
    if stream.bits not in BITS[stream.coding]:
        text = f"DICOM with {stream.words} of {stream.bits} bits a level is not read"
        raise rejected("format_not_allowed", name, text)
    if stream.is_signed and not form.is_signed:
        text = f"its {stream.words} has signed levels, its header unsigned ones"
        raise rejected("damaged", name, f"damaged DICOM: it contradicts itself: {text}")
    _check_end(stream, name)
    return stream


def _check_end(
    stream: Stream,
    name: str,  # for messages
) -> None:
    """Refuse a stream that is cut, that has another behind it, or passes without number."""
    if END not in stream.data:
        text = f"truncated DICOM: its {stream.words} lacks the marker of its end"
        raise rejected("truncated", name, text)
    if ANOTHER.search(stream.data):
        text = f"DICOM with several frames of {stream.words}, not one picture"
        raise rejected("multi_frame", name, text)
    passes = stream.data.count(PASS) if stream.coding != Coding.JPEG_2000 else 1
    if passes > MAX_PASSES:
        text = f"a DICOM whose {stream.words} has {passes:,} passes: at most {MAX_PASSES}"
        raise rejected("too_large", name, text)


def _jpeg(
    data: bytes,
    name: str,  # for messages
) -> Stream:
    """Walk the segments of a JPEG to its start of frame."""
    if not data.startswith(JPEG_START):
        raise rejected("damaged", name, "damaged DICOM: its pixel data are no JPEG")
    place = 2
    for _ in range(MAX_SEGMENTS):
        while data[place] == 0xFF and data[place + 1] == 0xFF:  # filling
            place += 1
        marker = data[place + 1]
        if data[place] != 0xFF or marker == SCAN:
            break
        is_frame = 0xC0 <= marker <= 0xCF and marker not in TABLES
        if is_frame or marker == Coding.LS:
            return _jpeg_frame(data, marker, place + 4, name)
        (length,) = struct.unpack_from(">H", data, place + 2)
        place += 2 + length
    raise rejected("damaged", name, "damaged DICOM: its JPEG has no start of frame")


def _jpeg_frame(
    data: bytes,
    marker: int,  # of the start of frame
    place: int,  # byte at which its content begins
    name: str,  # for messages
) -> Stream:
    """Read a start of frame."""
    if marker not in list(Coding):
        text = "DICOM with hierarchical or arithmetic JPEG is not read"
        raise rejected("format_not_allowed", name, text)
    bits, rows, columns, components = struct.unpack_from(">BHHB", data, place)
    _check_gray(components, name)
    return Stream(
        data=data,
        coding=Coding(marker),
        bits=bits,
        is_signed=False,
        rows=rows,
        columns=columns,
    )


def _j2k(
    data: bytes,
    name: str,  # for messages
) -> Stream:
    """Read the SIZ segment of JPEG 2000, as ISO 15444-1 A.5.1 has it."""
    start = data.find(J2K_START, 0, J2K_WITHIN)
    if start < 0:
        raise rejected("damaged", name, "damaged DICOM: its pixel data are no JPEG 2000")
    sizes = struct.unpack_from(">8IH3B", data, start + 8)
    right, bottom, left, top, tile_width, tile_height, _, _, components, depth, dx, dy = sizes
    _check_gray(components, name)
    if not tile_width or not tile_height or (dx, dy) != (1, 1):
        raise rejected("damaged", name, "damaged DICOM: its JPEG 2000 states no sizes")
    tiles = -(-right // tile_width) * -(-bottom // tile_height)
    if tiles > MAX_TILES:
        text = f"a DICOM whose JPEG 2000 has {tiles:,} tiles: at most {MAX_TILES:,}"
        raise rejected("too_large", name, text)
    return Stream(
        data=data[start:],
        coding=Coding.JPEG_2000,
        bits=(depth & 0x7F) + 1,
        is_signed=depth > 0x7F,
        rows=bottom - top,
        columns=right - left,
    )


def _check_gray(
    components: int,
    name: str,  # for messages
) -> None:
    """Refuse a stream in colour."""
    if components != 1:
        text = f"its JPEG has {components} components, its header says gray"
        raise rejected("damaged", name, f"damaged DICOM: it contradicts itself: {text}")
