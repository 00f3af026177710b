"""Look-up tables of a header.

python -m pytest tests/images/test_dicom_lut.py
"""

import numpy as np
import pytest
from pydicom import Dataset
from toy_dicoms import coded, dicom, film, header, lut, written

from cxr_fastai.core import ImageRejected
from cxr_fastai.images import read
from cxr_fastai.images.dicom_file import open_dicom
from cxr_fastai.images.dicom_lut import Lut, lut_of

CURVE = np.arange(100, 1100) * 3


def found(data: bytes) -> Lut | None:
    file = open_dicom(data, "x", ["VOILUTSequence"])
    return lut_of(file, "VOILUTSequence", "x")


def table(form: str, data: object, descriptor: list[int]) -> list[Dataset]:
    item = Dataset()
    item.add_new("LUTDescriptor", "US", descriptor)
    item.add_new("LUTData", form, data)
    return [item]


@pytest.mark.parametrize("coding", [None, "ImplicitVRLittleEndian", "ExplicitVRBigEndian"])
def test_entries_are_the_same_in_every_order_of_bytes(coding):
    data = dicom(film(), VOILUTSequence=table("US", CURVE.tolist(), [1000, 7, 12]))
    lut = found(coded(data, coding) if coding else data)
    assert np.array_equal(lut.entries, CURVE)
    assert (lut.first, lut.bits, lut.greatest) == (7, 12, 4095)


def test_words_and_bytes_are_told_by_their_number():
    words = table("OW", CURVE.astype("<u2").tobytes(), [1000, 0, 12])
    assert np.array_equal(found(dicom(film(), VOILUTSequence=words)).entries, CURVE)
    small = (CURVE[:999] % 256).astype(np.uint8)
    packed = table("OW", small.tobytes() + b"\0", [999, 0, 8])
    assert np.array_equal(found(dicom(film(), VOILUTSequence=packed)).entries, small)


def test_nought_entries_are_all_that_there_can_be():
    assert len(found(dicom(film(), VOILUTSequence=lut(np.arange(65536), bits=16))).entries) == 65536


def test_the_first_of_several_tables_is_taken():
    tables = lut(CURVE) + lut(CURVE[::-1])
    assert found(dicom(film(), VOILUTSequence=tables)).entries[0] == CURVE[0]
    assert found(dicom(film())) is None and found(dicom(film(), VOILUTSequence=[])) is None


def test_a_first_level_below_zero_may_be_written_as_unsigned():
    levels = film(12, is_signed=True)
    entries = np.arange(4096)
    ds = header(levels, VOILUTSequence=table("US", entries.tolist(), [4096, 65536 - 2048, 12]))
    plain = read(dicom(levels))
    assert np.array_equal(read(written(ds)).pixels, plain.pixels)


@pytest.mark.parametrize(
    "items",
    [
        [Dataset()],
        table("US", CURVE.tolist(), [999, 0, 12]),
        table("US", CURVE.tolist(), [1000, 0]),
        table("US", CURVE.tolist(), [1000, 0, 11]),
        table("US", CURVE.tolist(), [1000, 0, 17]),
        table("US", [], [1000, 0, 12]),
        table("OW", b"", [1000, 0, 12]),
    ],
)
def test_a_table_that_is_not_what_it_says_is_damaged(items):
    with pytest.raises(ImageRejected, match="VOILUTSequence is not the table") as e:
        found(dicom(film(), VOILUTSequence=items))
    assert e.value.reason == "damaged"
