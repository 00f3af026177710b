"""pytest tests/serving/test_views.py

Test-time views: what is turned and zoomed, how little, and that nothing is mirrored.
"""

import numpy as np
import pytest

from cxr_fastai.serving.views import VIEWS, View, seen, views_of
from cxr_fastai.training.augment import AMOUNTS

SIZE = 64


def film(channels=1):
    "A bright heart left of the middle and low, on gray, one film in all channels."
    gray = np.full((SIZE, SIZE), -1.0, np.float32)
    gray[34:50, 36:52] = 1.0
    return np.repeat(gray[None], channels, 0)


def centre(array):
    "(down, across) of what is bright, px."
    weights = array[0] - array[0].min()
    ys, xs = np.mgrid[0:SIZE, 0:SIZE]
    return (ys * weights).sum() / weights.sum(), (xs * weights).sum() / weights.sum()


def test_the_first_view_is_the_film_itself_and_all_have_its_shape():
    batch = np.stack([film(3), film(3) * 0.5])
    views = list(views_of(batch))
    assert views[0] is batch and len(views) == len(VIEWS) == 5
    for view in views:
        assert view.shape == batch.shape and view.dtype == np.float32
        np.testing.assert_array_equal(view[:, 0], view[:, 2])


def test_no_view_mirrors_or_goes_further_than_half_of_what_training_does():
    mild = AMOUNTS["mild"]
    for view in VIEWS:
        assert abs(view.turn) <= mild.rotate / 2
        assert abs(np.log(view.zoom)) <= 0.052 <= 0.52 * mild.scale
    for array in views_of(film()[None]):
        assert centre(array[0])[1] > SIZE / 2, "the heart stays on its side"


def test_the_same_film_gives_the_same_views():
    first, second = (np.stack(list(views_of(film()[None]))) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_a_quarter_turn_is_numpys_and_no_turn_changes_nothing():
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(1, SIZE, SIZE)).astype(np.float32)
    np.testing.assert_allclose(seen(noise, View(0, 1)), noise, atol=1e-5)
    turned = seen(film(), View(90, 1))
    np.testing.assert_allclose(turned[0], np.rot90(film()[0]), atol=1e-4)


def test_zoom_brings_closer_about_the_centre():
    down, across = centre(film())
    closer_down, closer_across = centre(seen(film(), View(0, 1.05)))
    middle = (SIZE - 1) / 2
    assert closer_down - middle == pytest.approx(1.05 * (down - middle), abs=0.1)
    assert closer_across - middle == pytest.approx(1.05 * (across - middle), abs=0.1)
    assert (seen(film(), View(0, 1.05)) > 0).sum() > (film() > 0).sum()


def test_what_lies_beyond_the_edge_is_reflected_not_black():
    bright = np.full((1, SIZE, SIZE), 2.0, np.float32)
    for view in VIEWS:
        np.testing.assert_allclose(seen(bright, view), 2.0, atol=1e-6)


@pytest.mark.parametrize("size", [16, 32, 96])
def test_the_edge_reaches_as_far_as_any_view_needs(size):
    ramp = np.tile(np.arange(size, dtype=np.float32) + 1, (size, 1))[None]
    for view in VIEWS:
        assert seen(ramp, view).min() > 0.9, "no corner is filled with nothing"
