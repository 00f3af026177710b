"""pytest tests/gate/test_features.py"""

import numpy as np
from gate_films import films

from cxr_fastai.gate.features import BINS, FEATURES, SQUARES, contrast_of, features_of, thumbnail


def test_a_picture_of_any_size_becomes_one_row_of_features():
    small = thumbnail(np.arange(300 * 200, dtype=np.uint32).reshape(300, 200).astype(np.uint8))
    found = features_of(small[None])
    assert small.shape == (64, 64)
    assert found.shape == (1, FEATURES) and found.dtype == np.float32


def test_exposure_moves_no_feature_much_and_inversion_does():
    film = films(1)
    darker = (film * 0.6 + 20).astype(np.uint8)
    apart = np.abs(features_of(film) - features_of(darker)).max()
    inverted = np.abs(features_of(film) - features_of(255 - film)).max()
    assert apart < 0.05 < inverted


def test_a_slope_to_the_right_counts_in_the_first_direction_alone():
    slope = np.tile(np.arange(64, dtype=np.uint8) * 4, (64, 1))[None]
    counts = features_of(slope)[0, SQUARES * SQUARES :].reshape(64, BINS)
    assert (counts[:, 0] > 0).all()
    assert (counts[:, 1:] < 1e-6).all()


def test_a_slope_the_other_way_counts_in_the_opposite_direction():
    slope = np.tile(np.arange(64, dtype=np.uint8)[::-1] * 4, (64, 1))[None]
    counts = features_of(slope)[0, SQUARES * SQUARES :].reshape(64, BINS)
    assert (counts[:, BINS // 2] > 0).all()
    assert np.delete(counts, BINS // 2, axis=1).max() < 1e-3


def test_many_pictures_have_the_features_that_each_has_alone():
    some = np.resize(films(20), (600, 64, 64))
    assert np.array_equal(features_of(some)[[0, 299]], features_of(some[[0, 299]]))


def test_a_film_smaller_than_the_thumbnail_is_enlarged():
    assert thumbnail(films(1)[0][::2, ::2].copy()).shape == (64, 64)


def test_a_flat_picture_has_no_contrast_and_finite_features():
    flat = np.full((1, 64, 64), 7, np.uint8)
    assert contrast_of(flat)[0] == 0
    assert np.isfinite(features_of(flat)).all()
    assert features_of(flat[:0]).shape == (0, FEATURES)
