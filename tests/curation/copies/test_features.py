"""Features: what is kept of an image, and what a mirror or a negative does to it."""

from functools import lru_cache

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw

from cxr_fastai.curation.copies import features as F
from cxr_fastai.curation.copies.candidates import MAX_BITS
from cxr_fastai.curation.copies.features import (
    GRID,
    MAX_FEATURES,
    MIN_FEATURES_SIDE,
    THUMB,
    Features,
    extract,
)
from cxr_fastai.phantom import KINDS, draw


@lru_cache
def film(i: int) -> np.ndarray:
    return draw(KINDS[i % len(KINDS)], i, 256, 2000 + i)


@pytest.mark.parametrize("i", range(4))
def test_a_radiograph_has_as_many_features_as_may_be_within_11_kilobytes(i):
    f = extract(film(i))
    assert (
        f.points.shape == (MAX_FEATURES, 2)
        and f.descriptors.shape == (MAX_FEATURES, 32)
        and f.thumb.shape == (THUMB, THUMB)
    )
    assert (
        f.points.dtype == f.descriptors.dtype == f.thumb.dtype == np.uint8
        and len(f.pack()) <= 11_000
    )


@pytest.mark.parametrize(
    "pixels",
    [film(0), film(0)[:70, :50], np.zeros((300, 200), np.uint8), film(0)[:20, :30]],
    ids=["film", "few features", "none", "tiny"],
)
def test_features_come_back_as_they_were_packed(pixels):
    f = extract(pixels)
    back = Features.unpack(f.pack())
    for name in ("points", "descriptors", "thumb"):
        np.testing.assert_array_equal(getattr(back, name), getattr(f, name))


@pytest.mark.parametrize("gray", [0, 1, 128, 255])
@pytest.mark.parametrize("shape", [(48, 48), (256, 256), (500, 300)])
def test_a_flat_image_has_no_features(gray, shape):
    f = extract(np.full(shape, gray, np.uint8))
    assert len(f.points) == len(f.descriptors) == 0 and (f.thumb == gray).all()


@pytest.mark.parametrize(
    "shape, some",
    [
        ((MIN_FEATURES_SIDE - 1, 256), False),
        ((256, MIN_FEATURES_SIDE - 1), False),
        ((1, 1), False),
        ((MIN_FEATURES_SIDE, MIN_FEATURES_SIDE), True),
    ],
)
def test_an_image_with_a_side_below_48_pixels_has_only_a_thumbnail(shape, some):
    f = extract(cv2.resize(film(1), shape[::-1], interpolation=cv2.INTER_AREA))
    assert (len(f.points) > 0) == some and f.thumb.std() >= 0 and f.thumb.shape == (THUMB, THUMB)


def test_features_lie_within_the_square_and_letters_do_not_take_them_all():
    f, lettered = extract(film(2)), Image.fromarray(film(2))
    ImageDraw.Draw(lettered).multiline_text(
        (8, 8), "ST. ELSEWHERE 12:30\nCHEST PA PORTABLE\nBED 7 SUPINE" * 2, 255, font_size=12
    )
    g = extract(np.asarray(lettered))
    least = F.MARGIN * GRID // max(F.SIDES)
    for points in (f.points, g.points):
        assert least <= points.min() and points.max() <= GRID - least
    below = g.points[g.points[:, 1] > 100]
    assert len(below) > 0.5 * len(g.points) and len(below) > 0.6 * (f.points[:, 1] > 100).sum()


def agreeing(one: np.ndarray, other: np.ndarray, bits: int = 8) -> float:
    "Share of the rows that differ by at most so many bits."
    return float((np.bitwise_count(one ^ other).sum(1) <= bits).mean())


def at_reflected(f: Features, g: Features) -> tuple[np.ndarray, np.ndarray]:
    "Indices of f's features and of those of g within 2 steps of where a mirror puts them."
    gap = np.abs(
        np.stack([GRID - 1 - f.points[:, 0], f.points[:, 1]], 1)[:, None].astype(int)
        - g.points[None]
    ).max(2)
    far = np.bitwise_count(F.mirrored(f.descriptors)[:, None] ^ g.descriptors[None]).sum(
        2
    ) + 1000 * (gap > 2)
    return np.arange(len(f.points)), far.argmin(1)


@pytest.mark.parametrize("i", range(6))
def test_the_features_of_a_mirror_image_are_those_of_the_image_reordered(i):
    f, g = extract(film(i)), extract(np.ascontiguousarray(film(i)[:, ::-1]))
    here, there = at_reflected(f, g)
    assert agreeing(F.mirrored(f.descriptors)[here], g.descriptors[there]) > 0.9
    assert agreeing(f.descriptors[here], g.descriptors[there]) < 0.1


@pytest.mark.parametrize("i", range(6))
def test_the_features_of_a_negative_are_those_of_the_image_reordered(i):
    "Less exactly than of a mirror image: gray values are rounded up in both, and the gradient's direction with them."
    f, g = extract(film(i)), extract(255 - film(i))
    gap = np.abs(f.points[:, None].astype(int) - g.points[None]).max(2)
    far = lambda d: (
        np.bitwise_count(d[:, None] ^ g.descriptors[None]).sum(2) + 1000 * (gap > 2)
    ).min(1)
    as_negative, as_it_is = far(F.inverted(f.descriptors)), far(f.descriptors)
    assert (as_negative <= 8).mean() > 0.5 and (as_negative <= MAX_BITS).mean() > 0.8
    assert (as_it_is <= 8).mean() < 0.05 and (as_it_is <= MAX_BITS).mean() < 0.2


def test_mirror_and_negative_undo_themselves_and_commute():
    d = extract(film(0)).descriptors
    for swap in (F.mirrored, F.inverted):
        assert (swap(swap(d)) == d).all() and (swap(d) != d).any(axis=1).all()
    assert (F.mirrored(F.inverted(d)) == F.inverted(F.mirrored(d))).all()


def test_the_same_pixels_give_the_same_features():
    assert extract(film(3)).pack() == extract(film(3).copy()).pack() != extract(film(4)).pack()


def test_the_film_in_a_window_is_packed_with_the_picture():
    page = np.full((480, 480), 40, np.uint8)
    page[100:340, 200:440] = cv2.resize(film(1), (240, 240), interpolation=cv2.INTER_AREA)
    whole = extract(page)
    back = Features.unpack(whole.pack())
    assert back.inset.box == whole.inset.box and back.pack() == whole.pack()
    for one, other in ((back, whole), (back.inset.features, whole.inset.features)):
        assert np.array_equal(one.points, other.points) and np.array_equal(one.thumb, other.thumb)
        assert np.array_equal(one.descriptors, other.descriptors)
    alone = extract(whole.inset.box.cut(page))
    assert np.array_equal(back.inset.features.thumb, alone.thumb) and alone.inset is None
    assert extract(film(1)).inset is Features.unpack(extract(film(1)).pack()).inset is None
