"""Run lengths.

python -m pytest tests/images/test_dicom_rle.py
"""

import struct
import tracemalloc

import numpy as np
import pytest

from cxr_fastai.core import ImageRejected
from cxr_fastai.images.dicom_kind import Form
from cxr_fastai.images.dicom_rle import unpacked


def form(rows: int, columns: int, allocated: int = 8) -> Form:
    return Form(
        rows=rows,
        columns=columns,
        allocated=allocated,
        stored=allocated,
        high_bit=allocated - 1,
        is_signed=False,
        photometric="MONOCHROME2",
    )


def rle(*segments: bytes) -> bytes:
    starts = []
    place = 64
    for segment in segments:
        starts.append(place)
        place += len(segment)
    table = [len(segments), *starts, *[0] * (15 - len(starts))]
    return struct.pack("<16I", *table) + b"".join(segments)


def test_copies_and_bytes_as_they_are_and_nothing_at_all():
    data = rle(b"\x02abc" + b"\x80" + b"\xfex" + b"\xff\x01" + b"\0y" + b"\0")
    assert unpacked(data, form(3, 3), "x").tobytes() == b"abcxxx\1\1y"


def test_the_uppermost_byte_comes_first():
    data = rle(b"\xfd\1", b"\x03abcd")
    levels = unpacked(data, form(2, 2, 16), "x")
    assert np.array_equal(levels, 256 + np.frombuffer(b"abcd", np.uint8).astype(int).reshape(2, 2))


@pytest.mark.parametrize(
    "data,reason",
    [
        (bytes(20), "truncated"),
        (rle(b"\x02ab"), "truncated"),
        (rle(b"\xfea"), "truncated"),
        (rle(b"\x81a" * 1000), "damaged"),
        (rle(b"\x03abcd\x03abcd"), "damaged"),
        (rle(b"\x03abcd", b"\x03abcd"), "damaged"),
        (struct.pack("<16I", 1, 9000, *[0] * 14), "damaged"),
        (struct.pack("<16I", 1, 3, *[0] * 14) + bytes(9), "damaged"),
        (struct.pack("<16I", 77, *[64] * 15), "damaged"),
        (struct.pack("<16I", 0, *[64] * 15), "damaged"),
    ],
)
def test_what_unpacks_to_another_size_is_rejected(data, reason):
    with pytest.raises(ImageRejected) as e:
        unpacked(data, form(2, 2), "x")
    assert e.value.reason == reason


def test_a_bomb_is_unpacked_no_further_than_the_picture():
    data = rle(b"\x81a" * 100_000)  # 13 MB
    tracemalloc.start()
    try:
        with pytest.raises(ImageRejected):
            unpacked(data, form(9, 9), "x")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1 << 21
