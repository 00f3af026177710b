"""The picture of a heat: the same bytes each time, its colours, lines and words.

python -m pytest tests/serving/test_overlay.py
"""

import io

import numpy as np
import pytest
from PIL import Image

from cxr_fastai.core import Prediction
from cxr_fastai.lungs import LungField
from cxr_fastai.serving.heat import Heat
from cxr_fastai.serving.overlay import GAP, MADE_BY, PANEL, overlay_png

ANSWER = Prediction(label="a", probs={"a": 0.9, "b": 0.1}, decision="A: 0.90", source="/x/f.png")


def heat(grid=((0, 0), (0, 1)), lungs=True, says="heat of A: 10.0 % lies outside"):
    sure = np.zeros((64, 64), np.float16)
    sure[16:48, 8:24] = 1
    field = LungField(sure) if lungs else None
    return Heat("a", np.array(grid, np.float32), 0.0, field, 0.1, 0.2, 0.3, says)


def film(height=100, width=80):
    return np.full((height, width), 90, np.uint8)


def opened(data):
    return Image.open(io.BytesIO(data))


def test_the_same_heat_gives_the_same_bytes_and_bears_no_date():
    first = overlay_png(film(), ANSWER, heat())
    assert first == overlay_png(film(), ANSWER, heat())
    assert opened(first).info == dict([MADE_BY])
    other = overlay_png(film(), ANSWER, heat(grid=((1, 0), (0, 0))))
    assert other != first


@pytest.mark.parametrize("height, width", [(100, 80), (60, 200), (700, 900), (3, 2)])
def test_the_plain_film_stands_beside_the_film_with_its_heat(height, width):
    pixels = film(height, width)
    sheet = np.asarray(opened(overlay_png(pixels, ANSWER, heat())))
    scale = PANEL / max(height, width)
    wide = round(width * scale)
    rows = np.flatnonzero((sheet[:, GAP] == 90).all(1))
    assert len(rows) == round(height * scale)
    plain = sheet[rows[0] : rows[-1] + 1, GAP : GAP + wide]
    assert (plain == 90).all()
    start = GAP + wide + GAP
    heated = sheet[rows[0] : rows[-1] + 1, start : start + wide]
    assert (heated != 90).any()


def test_it_draws_what_has_no_heat_no_lungs_or_odd_names():
    odd = Prediction(label=None, probs={}, decision="no answer: \x1b[31m ü 肺", source="a\nb.png")
    nothing = heat(grid=((0, 0), (0, 0)), lungs=False, says="there is no heat")
    assert opened(overlay_png(film(), odd, nothing)).format == "PNG"
