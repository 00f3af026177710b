"""pytest tests/gate/test_made.py"""

import numpy as np
import pytest
from gate_films import films

from cxr_fastai.gate import made


def rng():
    return np.random.default_rng(3)


def test_made_pictures_are_small_gray_and_the_same_for_one_seed():
    some = films(9)
    makers = {
        "cut": lambda: made.cut(some, rng()),
        "varied": lambda: made.varied(some, rng()),
        "inverted": lambda: made.inverted(some, rng()),
        "noise": lambda: made.noise(9, rng()),
        "photographs": lambda: made.photographs(9, rng())[0],
    }
    for name, make in makers.items():
        first = make()
        assert first.shape == (9, 64, 64) and first.dtype == np.uint8, name
        assert np.array_equal(first, make()), name
        assert len({picture.tobytes() for picture in first}) == 9, name


def test_films_are_not_changed_where_pictures_are_made_of_them():
    some = films(9).copy()
    for make in (made.cut, made.varied, made.inverted):
        make(some, rng())
    assert np.array_equal(some, films(9))


def test_a_third_of_inverted_films_is_turned_as_well():
    found = made.inverted(films(9), rng())
    upright = [np.array_equal(255 - picture, film) for picture, film in zip(found, films(9))]
    assert upright == [False, True, True] * 3


@pytest.mark.parametrize("maker", made.NOISES)
def test_every_noise_spreads_over_gray_levels(maker):
    found = np.asarray(maker(rng()))
    assert found.shape == (64, 64) and found.std() > 5


def test_crops_are_of_both_photographs():
    assert set(made.photographs(4, rng())[1]) == {"china.jpg", "flower.jpg"}
