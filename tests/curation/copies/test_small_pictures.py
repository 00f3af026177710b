"""Small pictures: crops, what a small image was, and what is left of either to compare."""

import cv2
import numpy as np
import pytest

from cxr_fastai.curation.copies.features import THUMB
from cxr_fastai.curation.copies.small_pictures import (
    FINE_SIDE,
    FINER_CROPS,
    cut,
    details,
    evened,
    fine_cuts,
    is_flat,
    restored,
    sample,
    shares,
)
from cxr_fastai.phantom import draw


@pytest.fixture(scope="module")
def thumb():
    return cv2.resize(draw("normal", 1, 256, 4000), (THUMB, THUMB), interpolation=cv2.INTER_AREA)


@pytest.mark.parametrize(
    "crop, x, y", [(0, 1, 1), (100, np.exp(-1), 1), (-100, 1, np.exp(-1)), (40, np.exp(-0.4), 1)]
)
def test_a_crop_takes_a_share_of_one_side(crop, x, y):
    assert shares(crop) == pytest.approx((x, y))


def test_what_resizes_keeps_a_flat_image_and_the_middle():
    weights = sample(0.5, 14, 64)
    assert weights.shape == (14, 64) and np.allclose(weights.sum(1), 1)
    assert np.allclose(weights @ np.arange(64) + (weights @ np.arange(64))[::-1], 63, atol=1e-3)
    assert not weights[:, :15].any() and not weights[:, -15:].any()


def test_a_crop_of_the_width_is_the_middle_of_the_thumbnail(thumb):
    rows, columns = cut(70, FINE_SIDE)  # half of the width
    got = rows @ thumb.astype(np.float32) @ columns.T
    middle = thumb[:, 16:48].astype(np.float32)
    want = cv2.resize(middle, (FINE_SIDE, FINE_SIDE), interpolation=cv2.INTER_AREA)
    assert np.corrcoef(got.ravel(), want.ravel())[0, 1] > 0.98


def test_the_fine_cuts_are_the_crops_around_one():
    rows, columns = fine_cuts(8)
    for n, finer in enumerate(FINER_CROPS):
        one_row, one_column = cut(8 + finer, FINE_SIDE)
        assert (rows[n] == one_row).all() and (columns[n] == one_column.T).all()


@pytest.mark.parametrize("side", [24, 28, 40])
def test_a_small_image_comes_back_from_its_thumbnail(thumb, side):
    small = cv2.resize(thumb, (side, side), interpolation=cv2.INTER_AREA)
    stretched = cv2.resize(small, (THUMB, THUMB), interpolation=cv2.INTER_LINEAR)
    got = restored(stretched, side, side)
    matrix = sample(1, FINE_SIDE, side)
    assert np.abs(got - matrix @ small.astype(np.float32) @ matrix.T).max() < 3


def test_what_is_compared_is_of_length_one_and_knows_no_contrast(thumb):
    image = cv2.resize(thumb, (FINE_SIDE, FINE_SIDE), interpolation=cv2.INTER_AREA)[None]
    for prepared in (details, evened):
        vectors = prepared(image.astype(np.float32))
        assert vectors.shape == (1, FINE_SIDE**2) and np.isclose(np.linalg.norm(vectors), 1)
    darker = image.astype(np.float32) / 2 + 10
    assert np.allclose(details(darker), details(image.astype(np.float32)), atol=1e-4)


def test_ramps_are_flat_and_chests_are_not(thumb):
    ramp = np.tile(np.linspace(0, 255, FINE_SIDE, dtype=np.float32), (FINE_SIDE, 1))
    image = cv2.resize(thumb, (FINE_SIDE, FINE_SIDE), interpolation=cv2.INTER_AREA)
    assert is_flat(ramp) and not is_flat(image.astype(np.float32))
