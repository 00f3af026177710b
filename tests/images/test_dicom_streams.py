"""What a compressed picture says of itself (tests/hostile_dicoms.py has those that lie).

python -m pytest tests/images/test_dicom_streams.py
"""

import io
import struct

import numpy as np
import pytest
from PIL import Image
from toy_dicoms import coded, dicom, film, jpeg

from cxr_fastai.core import ImageRejected
from cxr_fastai.images.containers import MAX_PASSES
from cxr_fastai.images.dicom_kind import Form
from cxr_fastai.images.dicom_streams import MAX_TILES, Coding, stream_of

LEVELS = film(12)


def form(rows: int = 72, columns: int = 64, is_signed: bool = False, stored: int = 12) -> Form:
    return Form(
        rows=rows,
        columns=columns,
        allocated=16,
        stored=stored,
        high_bit=stored - 1,
        is_signed=is_signed,
        photometric="MONOCHROME2",
    )


def stream(coding: str, levels: np.ndarray = LEVELS) -> bytes:
    """Return what stands in the fragments of a file."""
    data = coded(dicom(levels), coding)
    start = max(data.find(b"\xff\xd8\xff"), data.find(b"\xff\x4f\xff\x51"))
    return data[start : data.rindex(b"\xff\xd9") + 2]


@pytest.mark.parametrize(
    "coding,expected,bits",
    [
        ("JPEGLosslessProcess14", Coding.LOSSLESS, (12, 16)),
        ("JPEGLSLossless", Coding.LS, (12, 16)),
        ("JPEG2000Lossless", Coding.JPEG_2000, (12, 16)),
    ],
)
def test_coding_bits_and_size_are_those_of_the_content(coding, expected, bits):
    found = stream_of(stream(coding), expected == Coding.JPEG_2000, form(), "x")
    assert (found.coding, found.rows, found.columns) == (expected, 72, 64)
    assert found.bits in bits and not found.is_signed


def test_jpeg_2000_says_whether_it_is_signed():
    signed = stream("JPEG2000Lossless", film(12, is_signed=True))
    assert stream_of(signed, True, form(is_signed=True), "x").is_signed
    with pytest.raises(ImageRejected, match="signed levels, its header unsigned"):
        stream_of(signed, True, form(), "x")


def test_boxes_before_jpeg_2000_are_left():
    data = stream("JPEG2000Lossless")
    boxed = b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(40) + data
    assert stream_of(boxed, True, form(), "x").data == data


def progressive() -> bytes:
    """Return a JPEG whose last scan comes often."""
    file = io.BytesIO()
    Image.fromarray(film(8)).save(file, "JPEG", progressive=True)
    data = file.getvalue()
    at = data.rindex(b"\xff\xda")
    return data[:at] + data[at:-2] * (MAX_PASSES + 1) + b"\xff\xd9"


def tiled() -> bytes:
    """Return JPEG 2000 of more tiles than is sensible."""
    data = bytearray(stream("JPEG2000Lossless"))
    struct.pack_into(">8I", data, 8, 6400, 7200, 6336, 7128, 8, 8, 0, 0)
    return bytes(data)


def coloured() -> bytes:
    file = io.BytesIO()
    Image.fromarray(film(8)).convert("RGB").save(file, "JPEG")
    return file.getvalue()


def of_bits(bits: int) -> bytes:
    """Return a JPEG that says it has other bits."""
    data = bytearray(jpeg(film(8)))
    data[data.index(b"\xff\xc0") + 4] = bits
    return bytes(data)


@pytest.mark.parametrize(
    "data,is_2000,reason,words",
    [
        (progressive(), False, "too_large", "passes: at most"),
        (tiled(), True, "too_large", f"tiles: at most {MAX_TILES:,}"),
        (coloured(), False, "damaged", "3 components"),
        (of_bits(12), False, "format_not_allowed", "JPEG of 12 bits"),
        (
            jpeg(film(8)).replace(b"\xff\xc0", b"\xff\xc9"),
            False,
            "format_not_allowed",
            "arithmetic",
        ),
        (b"\xff\xd8\xff\xda" + bytes(99), False, "damaged", "no start of frame"),
        (b"\xff\xd8" + b"\xff\xe0\0\2" * 2000, False, "damaged", "no start of frame"),
        (b"\xff\xd8\xff", False, "truncated", "within its header"),
        (b"\xff\x4f\xff\x51", True, "truncated", "within its header"),
        (b"", False, "damaged", "no JPEG"),
    ],
    ids=lambda value: value[:20] if isinstance(value, str) else "",
)
def test_what_no_decoder_need_see_is_rejected(data, is_2000, reason, words):
    with pytest.raises(ImageRejected, match=words) as e:
        stream_of(data, is_2000, form(), "x")
    assert e.value.reason == reason


def test_filling_before_a_marker_is_passed_over():
    data = jpeg(film(8))
    filled = data[:2] + b"\xff\xff" + data[2:]
    assert stream_of(filled, False, form(stored=8), "x").bits == 8
