"""What a JPEG's quantisation tables tell."""

import io

import numpy as np
import pytest
from PIL import Image

from cxr_fastai.images import read
from cxr_fastai.images.jpeg_tables import tables_text

PIXELS = np.random.default_rng(0).integers(0, 256, (80, 90), dtype=np.uint8)


def saved(form: str, **how) -> bytes:
    file = io.BytesIO()
    Image.fromarray(PIXELS).save(file, form, **how)
    return file.getvalue()


def step(text: str) -> float:
    return float(text.split(":")[0])


def test_the_step_falls_with_quality_and_equal_tables_have_one_name():
    at = {q: read(saved("JPEG", quality=q)).jpeg_tables for q in (50, 75, 90, 100)}
    assert step(at[50]) == pytest.approx(57.6, abs=0.1) and step(at[100]) == 1.0
    assert step(at[50]) > step(at[75]) > step(at[90]) > step(at[100])
    assert len({text.split(":")[1] for text in at.values()}) == 4
    assert read(saved("JPEG", quality=75, optimize=True)).jpeg_tables == at[75]


@pytest.mark.parametrize("form", ["PNG", "TIFF", "BMP"])
def test_other_formats_have_none(form):
    assert read(saved(form)).jpeg_tables == ""


def test_an_array_has_none():
    assert read(PIXELS).jpeg_tables == "" and tables_text(Image.fromarray(PIXELS)) == ""
