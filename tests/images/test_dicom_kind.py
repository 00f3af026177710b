"""Which DICOM files are plain radiographs (tests/hostile_dicoms.py has those that are none).

python -m pytest tests/images/test_dicom_kind.py
"""

import pytest
from toy_dicoms import CR, DX, dicom, film

from cxr_fastai.images.dicom_file import open_dicom
from cxr_fastai.images.dicom_kind import (
    KIND_KEYWORDS,
    MODALITIES,
    OTHER_MODALITIES,
    Form,
    form_of,
)

CAPTURE = "1.2.840.10008.5.1.4.1.1.7"


def form(levels, **elements) -> Form:
    return form_of(open_dicom(dicom(levels, **elements), "x", KIND_KEYWORDS), "x")


@pytest.mark.parametrize("sop_class", [CR, DX, CAPTURE])
@pytest.mark.parametrize("modality", MODALITIES)
def test_computed_digital_and_scanned_radiographs_are_plain_ones(sop_class, modality):
    found = form(film(), sop_class=sop_class, Modality=modality)
    assert (found.rows, found.columns, found.photometric) == (72, 64, "MONOCHROME2")


@pytest.mark.parametrize(
    "bits,is_signed,least,greatest",
    [(8, False, 0, 255), (12, False, 0, 4095), (12, True, -2048, 2047), (16, True, -32768, 32767)],
)
def test_the_scale_of_levels_is_that_of_the_bits_stored(bits, is_signed, least, greatest):
    found = form(film(bits, is_signed), bits=bits)
    assert (found.least, found.greatest, found.is_signed) == (least, greatest, is_signed)


@pytest.mark.parametrize("frames", [1, "1.0", "", None])
def test_one_frame_may_be_stated_or_not(frames):
    elements = {} if frames is None else {"NumberOfFrames": frames}
    assert form(film(), **elements).stored == 12


def test_no_modality_is_of_both_kinds():
    assert not OTHER_MODALITIES & set(MODALITIES)
    assert all(code.isalnum() and code.isupper() for code in OTHER_MODALITIES)
