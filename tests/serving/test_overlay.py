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
from cxr_fastai.serving.paint import COLOURS, laid_over

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


def test_the_colour_follows_the_heat_and_no_heat_leaves_the_film():
    levels = np.zeros((20, 40), np.float32)
    levels[:, 20:30] = 0.25
    levels[:, 30:] = 1.0
    mixed = laid_over(np.full((20, 40), 100, np.uint8), levels, None)
    assert (mixed[:, :20] == 100).all()
    assert (mixed[5, 35] == np.round(0.4 * 100 + 0.6 * COLOURS[255])).all()
    faint = mixed[5, 25].astype(int)
    assert (faint == np.round(0.7 * 100 + 0.3 * COLOURS[64])).all()


def test_a_contour_is_drawn_at_half_and_a_dotted_line_round_the_lungs():
    levels = np.zeros((40, 40), np.float32)
    levels[10:30, 10:30] = 0.6
    lungs = np.zeros((40, 40), bool)
    lungs[5:35, 2:8] = True
    mixed = laid_over(np.full((40, 40), 100, np.uint8), levels, lungs)
    assert (mixed[10, 10:30] == 255).all() and (mixed[9, 10:30] == 0).all()
    edge = (mixed[5:35, 2] == 255).all(1)
    assert edge.any() and not edge.all()
    below = laid_over(np.full((40, 40), 100, np.uint8), levels * 0.8, None)
    assert not (below == 255).any()


def test_colours_grow_evenly_lighter():
    lightness = COLOURS @ np.array([0.2126, 0.7152, 0.0722])
    steps = np.diff(lightness[::8])  # single colours are rounded
    assert steps.min() > 3 and steps.max() < 12


def test_it_draws_what_has_no_heat_no_lungs_or_odd_names():
    odd = Prediction(label=None, probs={}, decision="no answer: \x1b[31m ü 肺", source="a\nb.png")
    nothing = heat(grid=((0, 0), (0, 0)), lungs=False, says="there is no heat")
    assert opened(overlay_png(film(), odd, nothing)).format == "PNG"
