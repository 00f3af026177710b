"""Stored levels to gray: against the functions of pydicom, and against the rules of the page.

python -m pytest tests/images/test_dicom_gray.py
"""

import io

import numpy as np
import pytest
from pictures import rejection
from pydicom import DataElement, dcmread
from pydicom.pixels import apply_modality_lut, apply_presentation_lut, apply_voi_lut
from toy_dicoms import dicom, film, header, lut, written

from cxr_fastai.core import ImageRejected
from cxr_fastai.images import decode, read

WINDOW = {"WindowCenter": 2000, "WindowWidth": 2600}
RESCALE = {"RescaleSlope": 2, "RescaleIntercept": -1000}
CURVE = np.rint(4095 * (np.arange(4096) / 4095) ** 0.6).astype(np.int64)


def by_pydicom(data: bytes, least: float, greatest: float) -> np.ndarray:
    """Return what pydicom's own three steps give, brought from a scale to 8 bits."""
    ds = dcmread(io.BytesIO(data))
    levels = apply_voi_lut(apply_modality_lut(ds.pixel_array, ds), ds)
    shares = (levels.astype(np.float64) - least) / (greatest - least)
    if ds.PhotometricInterpretation == "MONOCHROME1":
        shares = 1 - shares
    else:
        assert np.array_equal(apply_presentation_lut(shares, ds), shares)
    return np.rint(np.round(shares * 255, 6)).astype(np.uint8)


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize(
    "elements,least,greatest",
    [
        ({}, 0, 4095),
        (WINDOW, 0, 4095),
        ({"WindowCenter": [2000, 9], "WindowWidth": [2600, 9]}, 0, 4095),
        ({**WINDOW, "VOILUTFunction": "LINEAR"}, 0, 4095),
        ({**WINDOW, "VOILUTFunction": "LINEAR_EXACT"}, 0, 4095),
        ({**WINDOW, "VOILUTFunction": "SIGMOID"}, 0, 4095),
        ({**WINDOW, "WindowWidth": 1}, 0, 4095),
        ({**WINDOW, **RESCALE}, -1000, 7190),
        (RESCALE, -1000, 7190),
        ({"VOILUTSequence": lut(CURVE)}, 0, 4095),
        ({"VOILUTSequence": lut(CURVE[500:3000], first=500)}, 0, 4095),
        ({"ModalityLUTSequence": lut(CURVE, bits=16)}, 0, 65535),
        ({"ModalityLUTSequence": lut(CURVE * 16, bits=16), **WINDOW}, 0, 65535),
        ({"VOILUTSequence": lut(CURVE), **RESCALE}, 0, 4095),
        ({"PresentationLUTShape": "IDENTITY", **WINDOW}, 0, 4095),
    ],
    ids=lambda value: "+".join(value) if isinstance(value, dict) else "",
)
def test_the_gray_is_that_of_pydicoms_own_steps(elements, least, greatest, photometric):
    data = dicom(film(), PhotometricInterpretation=photometric, **elements)
    found = read(data)
    expected = by_pydicom(data, least, greatest)
    if "range_stretched" in found.notes:  # the table of 16 bits that uses 12: see below
        assert "ModalityLUTSequence" in elements
        expected = by_pydicom(data, 0, 4095)
    assert np.array_equal(found.pixels, expected)


@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
def test_signed_levels_go_through_a_window_as_pydicom_has_it(function):
    levels = film(12, is_signed=True)
    data = dicom(levels, WindowCenter=-100, WindowWidth=3000, VOILUTFunction=function)
    assert np.array_equal(decode(data), by_pydicom(data, -2048, 2047))


def test_inverse_and_monochrome1_invert_once_together():
    levels = film()
    one = decode(dicom(levels, PhotometricInterpretation="MONOCHROME1", **WINDOW))
    inverse = {"PresentationLUTShape": "INVERSE", **WINDOW}
    assert np.array_equal(one, decode(dicom(levels, **inverse)))
    both = dicom(levels, PhotometricInterpretation="MONOCHROME1", **inverse)
    assert np.array_equal(one, decode(both))
    assert np.abs(one.astype(int) + decode(dicom(levels, **WINDOW)) - 255).max() <= 1


# ---- no window


@pytest.mark.parametrize("bits,used", [(16, 12), (16, 14), (14, 12), (12, 10), (16, 8)])
def test_levels_that_use_a_quarter_of_their_scale_are_stretched_and_so_is_the_negative(bits, used):
    levels = film(used).astype(np.uint16)
    expected = decode(levels) if used != 8 else levels.astype(np.uint8)
    found = read(dicom(levels, bits=bits))
    assert found.notes == ("no_window", "range_stretched")
    assert np.array_equal(found.pixels, expected)
    for top in ((1 << used) - 1, (1 << bits) - 1):  # of its own depth, or of the header's
        negative = (top - levels).astype(np.uint16)
        other = dicom(negative, bits=bits, PhotometricInterpretation="MONOCHROME1")
        assert np.array_equal(decode(other), expected)


def test_eight_bits_are_taken_as_they_are_however_dark():
    levels = (film(8) // 8).astype(np.uint8)
    assert np.array_equal(decode(dicom(levels, bits=8)), levels)
    assert np.array_equal(decode(dicom(levels.astype(np.uint16), bits=8)), levels)


def test_half_a_window_is_none():
    assert read(dicom(film(), WindowCenter=5)).notes == ("no_window",)
    assert read(dicom(film(), WindowWidth=5)).notes == ("no_window",)


def test_a_negative_slope_turns_the_scale_round():
    levels = film()
    turned = dicom(levels, RescaleSlope=-1, RescaleIntercept=4095)
    expected = decode(dicom((4095 - levels).astype(np.uint16)))
    assert np.array_equal(decode(turned), expected)
    windowed = dicom(levels, RescaleSlope=-1, RescaleIntercept=4095, **WINDOW)
    assert np.array_equal(
        decode(windowed), decode(dicom((4095 - levels).astype(np.uint16), **WINDOW))
    )


# ---- padding


def test_padding_is_black_in_film_and_negative_and_does_not_count_for_the_range():
    levels = (film(10) + 1000).astype(np.uint16)  # of 12 bits: stretched
    expected = decode(dicom(levels))
    padded = levels.copy()
    padded[:, :9] = 0
    black = expected.copy()
    black[:, :9] = 0
    assert np.array_equal(decode(dicom(padded, PixelPaddingValue=0)), black)
    negative = (4095 - padded).astype(np.uint16)
    of_negative = {"PhotometricInterpretation": "MONOCHROME1", "PixelPaddingValue": 4095}
    assert np.array_equal(decode(dicom(negative, **of_negative)), black)
    ranged = levels.copy()
    ranged[:, :9] = 40
    both = dicom(ranged, PixelPaddingValue=0, PixelPaddingRangeLimit=50)
    assert np.array_equal(decode(both), black)


def test_padding_of_signed_levels_may_be_written_as_unsigned():
    levels = film(12, is_signed=True)
    levels[:, :9] = -2000
    ds = header(levels)
    ds.add_new("PixelPaddingValue", "US", 65536 - 2000)
    assert (decode(written(ds))[:, :9] == 0).all()


def test_padding_at_the_white_end_blackens_no_bone():
    levels = film()
    assert np.array_equal(decode(dicom(levels, PixelPaddingValue=4095)), decode(dicom(levels)))
    negative = {"PhotometricInterpretation": "MONOCHROME1"}
    padded = dicom(levels, PixelPaddingValue=0, **negative)
    assert np.array_equal(decode(padded), decode(dicom(levels, **negative)))


# ---- what is refused


@pytest.mark.parametrize(
    "elements,words",
    [
        ({"WindowCenter": 5, "WindowWidth": 0}, "a LINEAR window of width 0"),
        (
            {"WindowCenter": 5, "WindowWidth": 0, "VOILUTFunction": "SIGMOID"},
            "a SIGMOID window of width 0",
        ),
        ({"WindowCenter": 5, "WindowWidth": -3}, "a LINEAR window of width -3"),
        ({**WINDOW, "VOILUTFunction": "CUBIC"}, "none of LINEAR, LINEAR_EXACT, SIGMOID"),
        ({"RescaleSlope": 0, "RescaleIntercept": 4}, "its rescale lacks"),
        ({"RescaleSlope": 2}, "its rescale lacks"),
        ({"VOILUTSequence": lut(CURVE, bits=11)}, "its VOILUTSequence is not the table"),
        ({"VOILUTSequence": lut(CURVE, bits=7)}, "its VOILUTSequence is not the table"),
        ({"ModalityLUTSequence": lut(CURVE, bits=40)}, "its ModalityLUTSequence is not the table"),
    ],
)
def test_a_header_that_contradicts_itself_is_damaged(elements, words):
    e = rejection(dicom(film(), **elements))
    assert e.reason == "damaged" and words in str(e)


@pytest.mark.parametrize("keyword", ["WindowCenter", "WindowWidth", "RescaleSlope"])
@pytest.mark.parametrize("value", [b"ab12", b"nan ", b"-inf"])
def test_a_number_that_is_none_is_damaged(keyword, value):
    numbers = {"WindowCenter": "1111", "WindowWidth": "2222", "RescaleSlope": "3333"}
    data = dicom(film(), RescaleIntercept="0", **numbers)
    assert data.count(numbers[keyword].encode()) == 1
    e = rejection(data.replace(numbers[keyword].encode(), value))
    assert e.reason == "damaged" and str(e).endswith(f"its {keyword} cannot be read")


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
@pytest.mark.parametrize("keyword", ["WindowCenter", "WindowWidth", "RescaleSlope", "PixelPadding"])
@pytest.mark.parametrize("value", ["1e308", "-1e308", "1e-308", "1e-320", "1e12", "-1e12", "9e9"])
def test_numbers_beyond_all_reason_give_gray_or_a_rejection(value, keyword, function):
    elements = {**WINDOW, **RESCALE, "VOILUTFunction": function}
    if keyword in elements:
        elements[keyword] = value
    ds = header(film(), **elements)
    if keyword not in elements:
        ds.add_new("PixelPaddingValue", "DS", value)
    try:
        found = read(written(ds))
    except ImageRejected as e:
        assert e.reason in ("damaged", "constant")
    else:
        assert found.pixels.dtype == np.uint8


@pytest.mark.parametrize("value", ["nan", "inf", "1e300", "0.5", "-1e300"])
@pytest.mark.parametrize("keyword", ["Rows", "BitsStored", "HighBit", "NumberOfFrames"])
def test_a_whole_number_of_another_kind_is_damaged(keyword, value):
    """An explicit header may say that a number of two bytes is a text."""
    ds = header(film())
    ds[keyword] = DataElement(keyword, "LO", value)
    assert rejection(written(ds)).reason == "damaged"


def test_presentation_other_than_identity_and_inverse_is_not_read():
    for elements in (
        {"PresentationLUTShape": "LIN OD"},
        {"PresentationLUTSequence": lut(CURVE)},
    ):
        e = rejection(dicom(film(), **elements))
        assert e.reason == "format_not_allowed" and "presentation LUT" in str(e)
