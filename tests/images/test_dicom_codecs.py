"""Stored levels of a DICOM file, bits that are none taken off (test_dicom has every coding).

python -m pytest tests/images/test_dicom_codecs.py
"""

from io import BytesIO

import numpy as np
import pytest
from pictures import rejection
from PIL import Image
from pydicom import dcmread
from pydicom.encaps import encapsulate
from pydicom.uid import ExplicitVRBigEndian, HTJ2KLossless, JPEGBaseline8Bit
from toy_dicoms import coded, dicom, encapsulated, film, header, jpeg, written

from cxr_fastai.images.dicom_codecs import stored_levels
from cxr_fastai.images.dicom_file import open_dicom
from cxr_fastai.images.dicom_kind import KIND_KEYWORDS, form_of


def stored(data: bytes) -> np.ndarray:
    file = open_dicom(data, "x", KIND_KEYWORDS)
    return stored_levels(file, form_of(file, "x"), "x")


@pytest.mark.parametrize("coding", [None, "ExplicitVRBigEndian", "RLELossless", "JPEGLSLossless"])
@pytest.mark.parametrize("is_signed", [False, True])
@pytest.mark.parametrize("bits", [8, 10, 12, 16])
def test_levels_come_back_as_they_were_stored(bits, is_signed, coding):
    levels = film(bits, is_signed)
    data = dicom(levels, bits=bits)
    assert np.array_equal(stored(coded(data, coding) if coding else data), levels)


@pytest.mark.parametrize("is_signed", [False, True])
def test_bits_above_and_below_the_level_are_taken_off(is_signed):
    """Bit 3 to 14 hold the level; an overlay and noise stand in the others."""
    levels = film(12, is_signed)
    shifted = (levels.astype(np.int64) & 0xFFF) << 3
    noise = np.random.default_rng(0).integers(0, 8, levels.shape)
    overlay = np.where(noise > 3, 0x8000, 0)
    packed = (shifted | noise | overlay).astype(np.uint16)
    data = dicom(packed, HighBit=14, PixelRepresentation=int(is_signed))
    assert np.array_equal(stored(data), levels)


def test_an_odd_number_of_bytes_is_padded():
    levels = film(8, rows=33, columns=9)
    ds = header(levels, bits=8)
    ds.PixelData = levels.tobytes() + b"\0"
    assert np.array_equal(stored(written(ds)), levels)


@pytest.mark.parametrize("form", ["OB", "OW"])
def test_bytes_in_big_endian_words_are_swapped_back(form):
    levels = film(8)
    ds = header(levels, bits=8)
    ds.file_meta.TransferSyntaxUID = ExplicitVRBigEndian
    if form == "OW":
        ds.PixelData = levels.reshape(-1, 2)[:, ::-1].tobytes()
    ds["PixelData"].VR = form
    data = written(ds)
    assert np.array_equal(stored(data), levels)
    assert np.array_equal(dcmread(BytesIO(data)).pixel_array, levels)


def test_what_jpeg_says_of_its_orientation_is_no_word_of_dicom():
    levels = film(8)
    exif = Image.Exif()
    exif[0x0112] = 6
    file = BytesIO()
    Image.fromarray(levels).save(file, "JPEG", quality=95, exif=exif)
    assert np.array_equal(
        stored(encapsulated(levels, [file.getvalue()])),
        stored(encapsulated(levels, [jpeg(levels)])),
    )


def test_a_stream_in_many_fragments_is_one_picture():
    levels = film(8)
    data = jpeg(levels)
    ds = header(levels, bits=8)
    ds.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    ds.PixelData = encapsulate([data], fragments_per_frame=5)
    ds["PixelData"].VR = "OB"
    ds["PixelData"].is_undefined_length = True
    assert np.array_equal(stored(written(ds)), stored(encapsulated(levels, [data])))


def test_the_highest_bit_of_compressed_levels_is_the_last_that_is_stored():
    data = coded(dicom(film()), "JPEG2000Lossless")
    high_bit = b"\x28\x00\x02\x01US\x02\x00"
    e = rejection(data.replace(high_bit + b"\x0b\x00", high_bit + b"\x0e\x00"))
    assert e.reason == "damaged" and "the highest is bit 14" in str(e)


def test_a_coding_that_is_not_read_is_named():
    levels = film(8)
    e = rejection(encapsulated(levels, [b"\0" * 99], HTJ2KLossless, 8))
    assert "High-Throughput JPEG 2000" in str(e) and e.reason == "format_not_allowed"
