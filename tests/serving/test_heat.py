"""A heat on the film's own pixels, on the network's input, and what it is held against.

python -m pytest tests/serving/test_heat.py
"""

import numpy as np
import pytest

from cxr_fastai.images import resize
from cxr_fastai.lungs import LungField
from cxr_fastai.serving.heat import Heat, centre_spot, on_film


def heat(grid, crop=0.0, outside=0.4, lungs=None):
    return Heat("a", np.array(grid, np.float32), crop, lungs, outside, 0.2, 0.7, "words")


@pytest.mark.parametrize("crop", [0.0, 0.1, 0.25])
@pytest.mark.parametrize("height, width", [(64, 64), (90, 200), (33, 21)])
def test_a_place_of_the_map_lies_where_the_network_saw_it(crop, height, width):
    grid = np.zeros((4, 4), np.float32)
    grid[1, 2] = 1
    levels = on_film(grid, crop, height, width)
    assert levels.shape == (height, width)
    # what the network sees of the levels, as if they were a film, has its highest at that place
    seen = resize(np.round(levels * 255).astype(np.uint8), 64, crop)
    rows, columns = np.nonzero(seen >= seen.max() - 2)
    assert rows.mean() == pytest.approx(64 * 1.5 / 4 - 0.5, abs=6)
    assert columns.mean() == pytest.approx(64 * 2.5 / 4 - 0.5, abs=6)


def test_the_margin_that_was_cropped_has_no_heat():
    levels = on_film(np.ones((4, 4), np.float32), 0.25, 40, 80)
    inner = np.zeros((40, 80), bool)
    inner[10:30, 20:60] = True
    assert (levels[inner] == 1).all() and (levels[~inner] == 0).all()


def test_on_the_input_it_fills_the_square():
    one = heat([[0, 1], [0, 1]], crop=0.2)
    levels = one.on_input(32)
    assert levels.shape == (32, 32) and levels[:, 0].max() == 0 and levels[:, -1].min() == 1
    assert (np.diff(levels, axis=1) >= 0).all()


@pytest.mark.parametrize("outside, mostly", [(None, False), (0.5, False), (0.51, True)])
def test_more_than_half_is_most(outside, mostly):
    assert heat([[0, 1], [0, 1]], outside=outside).is_mostly_outside == mostly


def test_it_paints_its_film_with_the_outline_of_lungs():
    sure = np.zeros((64, 64), np.float16)
    sure[16:48, 8:24] = 1
    film = np.full((128, 100), 90, np.uint8)
    with_lungs = heat([[0, 0], [0, 1]], lungs=LungField(sure)).painted(film)
    without = heat([[0, 0], [0, 1]]).painted(film)
    assert with_lungs.shape == (128, 100, 3) and (with_lungs != without).any()
    assert (without[:20, :20] == 90).all()


def test_the_colour_bar_goes_from_0_to_1_in_its_own_colours():
    scale = heat([[0, 1], [0, 1]]).scale()
    assert scale.norm.vmin in (None, 0) and scale.cmap.N == 256
    assert np.allclose(scale.cmap(255)[:3], np.array([253, 231, 37]) / 255)


def test_the_spot_is_round_and_highest_at_the_centre():
    spot = centre_spot()
    assert np.array_equal(spot, spot.T) and np.array_equal(spot, spot[::-1])
    assert spot[31:33, 31:33].min() == spot.max() and spot[0, 0] < 0.1
