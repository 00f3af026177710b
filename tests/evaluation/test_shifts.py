"""pytest tests/evaluation/test_shifts.py

Each change does its own thing and nothing else, and the same film gets the same changes.
"""

from dataclasses import replace

import numpy as np
import pytest
from toy_bundles import picture

from cxr_fastai.evaluation.shifts import MOST_CROPPED, Shift, draw_shift, seed_of, shift

SAME = Shift(
    cut=(0, 0, 0, 0),
    resolution=1,
    sharpened=0,
    gamma=1,
    low=0,
    high=1,
    is_stretched=True,
    quality=100,
)
FILM = picture(3, (120, 100))


def roughness(pixels):
    "How much neighbours differ."
    return np.abs(np.diff(pixels.astype(float), axis=1)).mean()


def test_nothing_asked_leaves_the_film_but_for_the_file():
    assert np.abs(shift(FILM, SAME).astype(int) - FILM).max() <= 3


def test_a_film_is_never_mirrored_nor_turned():
    for draw in range(20):
        how = draw_shift(np.random.default_rng(draw))
        only_light = replace(how, cut=(0, 0, 0, 0))
        shifted = shift(FILM, only_light).astype(float).ravel()
        likeness = np.corrcoef(shifted, FILM.ravel())[0, 1]
        for other in (FILM[:, ::-1], FILM[::-1], FILM[::-1, ::-1]):
            assert likeness > np.corrcoef(shifted, other.ravel())[0, 1] + 0.1, how


def test_edges_are_cut_by_their_shares():
    how = replace(SAME, cut=(0.1, 0.2, 0.05, 0))
    shifted = shift(FILM, how)
    assert shifted.shape == (80, 102)
    assert np.abs(shifted.astype(int) - FILM[20:, 12:-6]).max() <= 3


@pytest.mark.parametrize("gamma,sign", [(1.5, -1), (0.6, 1)])
def test_gamma_makes_darker_or_lighter(gamma, sign):
    change = shift(FILM, replace(SAME, gamma=gamma)).mean() - FILM.mean()
    assert sign * change > 5


def test_a_window_is_cut_or_left_empty():
    squeezed = shift(FILM, replace(SAME, low=0.1, high=0.9, is_stretched=False))
    stretched = shift(FILM, replace(SAME, low=0.1, high=0.9))
    assert squeezed.std() < FILM.std() < stretched.std()
    assert squeezed.min() >= 23 and squeezed.max() <= 232


def test_a_film_gets_softer_or_sharper():
    noise = np.random.default_rng(0).integers(60, 200, (64, 64), np.uint8)
    soft = shift(noise, replace(SAME, resolution=0.4))
    sharp = shift(noise, replace(SAME, sharpened=120))
    assert soft.shape == noise.shape == sharp.shape
    assert roughness(soft) < roughness(noise) < roughness(sharp)


def test_draws_follow_the_film_the_round_and_the_seed_alone():
    sha = "12ab" * 16
    first = draw_shift(seed_of(sha, 0, 0))
    assert first == draw_shift(seed_of(sha, 0, 0))
    others = [seed_of(sha, 1, 0), seed_of(sha, 0, 1), seed_of("12ac" * 16, 0, 0)]
    assert first not in [draw_shift(draws) for draws in others]


def test_draws_stay_in_their_ranges():
    for draw in range(200):
        how = draw_shift(np.random.default_rng(draw))
        assert max(how.cut) <= MOST_CROPPED and 0.35 <= how.resolution <= 1
        assert 0 <= how.low < how.high <= 1 and 25 <= how.quality <= 95
        assert not (how.sharpened and how.resolution < 1), "soft or sharp, not both"
