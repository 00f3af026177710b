"""Geometry: the verdict on two images, and how alike they are under a transform."""

from functools import lru_cache

import cv2
import numpy as np
import pytest

from cxr_fastai.curation.copies.candidates import VARIANTS
from cxr_fastai.curation.copies.features import (
    GRID,
    MAX_FEATURES,
    THUMB,
    Features,
    extract,
)
from cxr_fastai.curation.copies.geometry import (
    MIN_INLIERS_EVERYWHERE,
    _Consensus,
    _is_everywhere,
    _is_plausible,
    _verdict,
    align,
    match,
)
from cxr_fastai.curation.copies.overlay import Agreement
from cxr_fastai.phantom import KINDS, draw


@lru_cache
def film(i: int) -> np.ndarray:
    return draw(KINDS[i % len(KINDS)], i, 256, 2000 + i)


def affine(*rows):
    return np.array(rows, dtype=float)


def test_an_image_matches_itself_by_the_transform_that_moves_nothing():
    m = match(extract(film(0)), extract(film(0)))
    assert (
        m.kind == "near"
        and m.score > 0.99
        and m.overlap > 0.95
        and not m.inverted
        and m.inliers > 0.9 * MAX_FEATURES
    )
    np.testing.assert_allclose(np.reshape(m.matrix, (2, 3)), affine([1, 0, 0], [0, 1, 0]), atol=0.5)


def test_two_films_do_not_match():
    assert not any(match(extract(film(i)), extract(film(i + 8))) for i in range(8))


def test_a_variant_is_found_only_as_that_variant():
    for how in VARIANTS:
        copy = film(5)[:, ::-1] if how[0] else film(5)
        copy = extract(np.ascontiguousarray(255 - copy if how[1] else copy))
        verdicts = {v: match(extract(film(5)), copy, *v) for v in VARIANTS}
        assert {v for v, m in verdicts.items() if m} == {how} and verdicts[how].inverted == how[1]
        assert (np.linalg.det(np.reshape(verdicts[how].matrix, (2, 3))[:, :2]) < 0) == how[0]


def moved(f: Features, matrix) -> Features:
    "The same features elsewhere: points and thumbnail under an affine transform of the square; what leaves it is lost."
    to = f.points @ matrix[:, :2].T + matrix[:, 2]
    inside = ((to >= 0) & (to < GRID)).all(1)
    small = cv2.warpAffine(
        f.thumb, np.hstack([matrix[:, :2], matrix[:, 2:] / 4]), (THUMB, THUMB), borderValue=0
    )
    return Features(np.rint(to[inside]).astype(np.uint8), f.descriptors[inside], small)


@pytest.mark.parametrize(
    "matrix, may",
    [
        (affine([0.8, 0, 20], [0, 0.8, 30]), True),
        (affine([0.9, 0, 10], [0, 0.5, 60]), True),
        (affine([1, 0, 0], [0, 0.3, 90]), False),  # one axis squeezed more than 2.5 times
        (affine([0.9, 0.6, 0], [0.3, 0.7, 0]), False),  # sheared as much
        (affine([0.15, 0, 100], [0, 0.15, 100]), False),  # a seventh of the side
    ],
    ids=["smaller", "squashed", "squeezed", "sheared", "much smaller"],
)
def test_features_that_agree_on_a_transform_no_copy_has_are_refused(matrix, may):
    f = extract(film(6))
    assert _is_plausible(matrix) == may and bool(match(f, moved(f, matrix))) == may


@pytest.mark.parametrize(
    "matrix",
    [
        np.full((2, 3), np.nan),
        affine([1, 0, 0], [0, np.inf, 0]),
        affine([1, 1, 0], [1, 1, 0]),
        np.zeros((2, 3)),
        affine([6, 0, 0], [0, 6, 0]),
    ],
    ids=["nan", "infinite", "a line", "a point", "six times"],
)
def test_a_transform_that_makes_no_copy_is_not_is_plausible(matrix):
    assert not _is_plausible(matrix)


def test_features_that_agree_are_not_enough_where_the_pictures_differ():
    f = extract(film(0))
    other = Features(f.points, f.descriptors, extract(film(1)).thumb)
    noise = Features(
        f.points,
        f.descriptors,
        np.random.default_rng(0).integers(0, 256, f.thumb.shape, dtype=np.uint8),
    )
    assert match(f, f).kind == "near" and not match(f, noise)
    assert getattr(match(f, other), "kind", "") != "near"


def test_few_features_are_no_proof():
    f = extract(film(0))
    few = Features(f.points[:7], f.descriptors[:7], f.thumb)
    assert not match(f, few) and not match(few, f) and not match(few, few)


def test_features_of_which_none_resembles_another_match_nothing():
    rng = np.random.default_rng(0)
    a, b = (
        Features(
            rng.integers(0, 256, (n, 2), dtype=np.uint8),
            rng.integers(0, 256, (n, 32), dtype=np.uint8),
            extract(film(0)).thumb,
        )
        for n in (100, 60)
    )
    assert not any(
        match(x, y, *how) for x in (a, b) for y in (b, a) if x is not y for how in VARIANTS
    )


def test_alignment_mends_a_transform_that_is_a_little_off():
    f = extract(film(2))
    off = affine([1.01, 0, 2], [0, 0.99, -2])
    score, matrix, overlap = align(f.thumb, f.thumb, off)
    assert score > 0.95 and overlap > 0.9
    middle = np.array([64, 192, 1])
    assert np.abs(matrix @ middle - middle[:2]).max() < 1 < np.abs(off @ middle - middle[:2]).max()


def test_a_negative_is_alike_only_as_a_negative():
    thumb, same = extract(film(2)).thumb, affine([1, 0, 0], [0, 1, 0])
    assert (
        align(thumb, 255 - thumb, same, True)[0] > 0.99 and align(thumb, 255 - thumb, same)[0] < 0
    )


def test_too_small_an_overlap_is_not_looked_at():
    thumb = extract(film(2)).thumb
    assert align(thumb, thumb, affine([1, 0, 230], [0, 1, 0]))[0] == 0
    assert align(thumb, thumb, affine([3, 0, -256], [0, 3, -256]))[0] == 0  # a ninth of a is seen


def grid_without(left, top, right, bottom):
    "Points all over the square, but for a part of it."
    steps = np.arange(8, GRID, 14)
    points = np.stack(np.meshgrid(steps, steps), -1).reshape(-1, 2)
    x, y = points.T
    gone = (left <= x) & (x < right) & (top <= y) & (y < bottom)
    return points[~gone].astype(np.uint8)


@pytest.mark.parametrize(
    "gone, everywhere",
    [
        ((0, 0, 0, 0), True),
        ((220, 0, GRID, GRID), True),  # a ruler down the right
        ((0, 0, GRID, 30), True),  # a banner
        ((60, 100, 175, 215), False),  # a film that takes a fifth of a window
        ((0, 140, 115, 255), False),
    ],
)
def test_features_agree_everywhere_where_no_inner_part_is_without(gone, everywhere):
    assert _is_everywhere(grid_without(0, 0, 0, 0), grid_without(*gone)) == everywhere
    assert _is_everywhere(grid_without(*gone), grid_without(*gone))  # nothing is there to agree


@pytest.mark.parametrize(
    "inliers, is_everywhere, drift, disputed, kind",
    [
        (170, True, 0.35, 0.02, "near"),  # a film that is mirrored beside a ruler that is not
        (170, False, 0.35, 0.02, "frame"),  # two films in one frame
        (170, True, 0.60, 0.02, "frame"),
        (170, True, 0.35, 0.13, "frame"),
    ],
)
def test_what_agrees_everywhere_may_seem_to_move_a_little(
    inliers, is_everywhere, drift, disputed, kind
):
    consensus = _Consensus(inliers, 0.98, np.eye(2, 3), is_everywhere)
    told = Agreement(drift=drift, far_drift=0.9, core_drift=0.9, disputed=disputed, same=0.4)
    assert inliers >= MIN_INLIERS_EVERYWHERE
    assert _verdict(consensus, 0.9, told) == kind
