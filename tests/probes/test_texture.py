"""pytest tests/probes/test_texture.py

Exposure is none of its business, texture and place are.
"""

import numpy as np
import pytest

from cxr_fastai.probes.films import Films, measure_pixels
from cxr_fastai.probes.texture import texture

PLACED = 16 * 16 + 5 * 8 * 8  # numbers that hang on places; the spectrum follows


def films(*pictures):
    measured = [measure_pixels(picture) for picture in pictures]
    return Films([None] * len(pictures), *[np.stack(part) for part in zip(*measured)])


@pytest.fixture
def noise():
    return np.random.default_rng(0).normal(100, 20, (64, 64)).clip(0, 200).astype(np.uint8)


def test_a_film_of_other_brightness_and_contrast_has_the_same_features(noise):
    brighter = (noise * 1.2 + 10).round().astype(np.uint8)
    one, two = texture(films(noise, brighter))
    np.testing.assert_allclose(one[:PLACED], two[:PLACED], atol=0.12)


def test_a_rough_corner_is_told_from_a_smooth_one(noise):
    smooth = noise.copy()
    smooth[:16, :16] = 100
    one, two = texture(films(noise, smooth))
    edges = slice(256, 256 + 64)
    fell = (one - two)[edges].reshape(8, 8)
    assert fell[0, 0] > 0.8 and abs(fell[5:, 5:]).max() < 0.2


def test_a_black_film_has_features_too():
    assert np.isfinite(texture(films(np.zeros((64, 64), np.uint8)))).all()
