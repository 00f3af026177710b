"""pytest tests/curation/test_geometry.py

The parts that find copies, each alone: features and what a mirror does to them, candidates, transforms, their words."""

from functools import lru_cache

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw

from cxr_fastai.curation.copies import candidates
from cxr_fastai.curation.copies import features as F
from cxr_fastai.curation.copies.candidates import FAR, VARIANTS, find_candidates
from cxr_fastai.curation.copies.features import GRID, MOST, THUMB, TINY, Features, extract
from cxr_fastai.curation.copies.geometry import _plausible, align, describe, in_pixels, match
from cxr_fastai.phantom import KINDS, draw


@lru_cache
def film(i: int) -> np.ndarray:
    return draw(KINDS[i % len(KINDS)], i, 256, 2000 + i)


def turned(film, angle):
    return cv2.warpAffine(film, cv2.getRotationMatrix2D((127.5, 127.5), angle, 1), (256, 256))


def affine(*rows):
    return np.array(rows, dtype=float)


# ---- features


@pytest.mark.parametrize("i", range(4))
def test_a_radiograph_has_as_many_features_as_may_be_within_11_kilobytes(i):
    f = extract(film(i))
    assert (
        f.points.shape == (MOST, 2)
        and f.descriptors.shape == (MOST, 32)
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
    [((TINY - 1, 256), False), ((256, TINY - 1), False), ((1, 1), False), ((TINY, TINY), True)],
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
    assert (as_negative <= 8).mean() > 0.5 and (as_negative <= FAR).mean() > 0.8
    assert (as_it_is <= 8).mean() < 0.05 and (as_it_is <= FAR).mean() < 0.2


def test_mirror_and_negative_undo_themselves_and_commute():
    d = extract(film(0)).descriptors
    for swap in (F.mirrored, F.inverted):
        assert (swap(swap(d)) == d).all() and (swap(d) != d).any(axis=1).all()
    assert (F.mirrored(F.inverted(d)) == F.inverted(F.mirrored(d))).all()


def test_the_same_pixels_give_the_same_features():
    assert extract(film(3)).pack() == extract(film(3).copy()).pack() != extract(film(4)).pack()


# ---- candidates


def texture(i: int) -> np.ndarray:
    "Blurred noise: unlike a chest, neither half of it resembles the other."
    return cv2.resize(
        np.random.default_rng(i).integers(0, 256, (24, 24), dtype=np.uint8), (256, 256)
    )


def test_a_copy_gets_most_votes_in_the_variant_that_it_is_of(monkeypatch):
    made = {
        (False, False): turned(texture(0), 7),
        (True, False): texture(1)[:, ::-1],
        (False, True): 255 - texture(2),
        (True, True): 255 - texture(3)[:, ::-1],
    }
    assert set(made) == set(VARIANTS)
    pictures = [
        extract(np.ascontiguousarray(p)) for p in (*map(texture, range(100)), *made.values())
    ]
    monkeypatch.setattr(
        candidates, "VOTES", 3 * candidates.VOTES
    )  # in so small a set strangers get 20, too
    pairs = find_candidates(pictures)
    assert [p for p in pairs if p[0] < 4 and p[1] == 100 + p[0]] == [
        (i, 100 + i, *how) for i, how in enumerate(made)
    ]


def test_a_chest_is_a_candidate_with_its_copy_and_pairs_are_sorted():
    films = [extract(film(i)) for i in range(8)] + [
        extract(turned(film(i), 2 * i)) for i in range(8)
    ]
    pairs = find_candidates(films)
    assert {(i, 8 + i, False, False) for i in range(8)} <= set(pairs)
    assert (
        pairs == sorted(pairs)
        and all(i < j for i, j, *_ in pairs)
        and len(set(pairs)) == len(pairs)
    )


def test_there_are_no_candidates_among_images_without_features():
    blank = extract(np.zeros((64, 64), np.uint8))
    assert find_candidates([]) == find_candidates([blank] * 3) == []
    pairs = find_candidates([blank, extract(film(0)), blank, extract(turned(film(0), 3))])
    assert (1, 3, False, False) in pairs and {k for p in pairs for k in p[:2]} == {1, 3}


def test_only_pairs_of_a_new_image_are_asked_for_when_new_ones_are_named():
    films = [extract(film(i)) for i in range(6)] + [extract(turned(film(i), 4)) for i in range(6)]
    pairs = find_candidates(films, new=[7])
    assert (1, 7, False, False) in pairs and all(7 in p[:2] for p in pairs)


def test_the_number_of_threads_changes_no_candidate():
    films = [extract(turned(film(i % 4), i)) for i in range(8)]
    assert find_candidates(films, 1) == find_candidates(films, 2)


# ---- verdict


def test_an_image_matches_itself_by_the_transform_that_moves_nothing():
    m = match(extract(film(0)), extract(film(0)))
    assert (
        m.kind == "near"
        and m.score > 0.99
        and m.overlap > 0.95
        and not m.inverted
        and m.inliers > 0.9 * MOST
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
    assert _plausible(matrix) == may and bool(match(f, moved(f, matrix))) == may


@pytest.mark.parametrize(
    "matrix",
    [
        None,
        np.full((2, 3), np.nan),
        affine([1, 0, 0], [0, np.inf, 0]),
        affine([1, 1, 0], [1, 1, 0]),
        np.zeros((2, 3)),
        affine([6, 0, 0], [0, 6, 0]),
    ],
    ids=["none", "nan", "infinite", "a line", "a point", "six times"],
)
def test_a_transform_that_is_none_is_not_plausible(matrix):
    assert not _plausible(matrix)


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
    assert align(thumb, thumb, affine([1, 0, 220], [0, 1, 0]))[0] == 0
    assert align(thumb, thumb, affine([3, 0, -256], [0, 3, -256]))[0] == 0  # a ninth of a is seen


# ---- in pixels


def square_of(w, h):
    return np.array(
        [[GRID / w, 0, (GRID / w - 1) / 2], [0, GRID / h, (GRID / h - 1) / 2], [0, 0, 1]]
    )


@pytest.mark.parametrize(
    "a, b, pixels",
    [
        ((300, 200), (300, 200), affine([1, 0, 0], [0, 1, 0])),
        (
            (300, 200),
            (600, 400),
            affine([2, 0, 0.5], [0, 2, 0.5]),
        ),  # pixels' centres: half a pixel more
        ((300, 200), (128, 128), affine([128 / 300, 0, -0.5 + 64 / 300], [0, 0.64, -0.18])),
        ((300, 200), (200, 300), affine([0, 1, 0], [-1, 0, 299])),  # a quarter turn to the left
        ((300, 200), (300, 200), affine([-1, 0, 299], [0, 1, 0])),  # mirrored
        (
            (300, 200),
            (240, 170),
            affine([1, 0, -30], [0, 1, -20]),
        ),  # 30 px off the left, 20 off the top
    ],
    ids=["same", "twice", "squashed", "turned", "mirrored", "cropped"],
)
def test_a_transform_of_squares_is_told_in_the_pixels_of_images_that_are_none(a, b, pixels):
    square = (square_of(*b) @ np.vstack([pixels, [0, 0, 1]]) @ np.linalg.inv(square_of(*a)))[:2]
    np.testing.assert_allclose(in_pixels(square, a, b), pixels, atol=1e-9)
    np.testing.assert_allclose(in_pixels(tuple(square.ravel()), a, b), pixels, atol=1e-9)


def test_the_same_square_for_images_of_two_sizes_is_a_resize_that_keeps_corners():
    m = in_pixels(affine([1, 0, 0], [0, 1, 0]), (300, 200), (75, 100))
    corners = np.array([[-0.5, -0.5, 1], [299.5, 199.5, 1]]) @ m.T
    np.testing.assert_allclose(corners, [[-0.5, -0.5], [74.5, 99.5]], atol=1e-9)


# ---- in words

SIZE = (300, 200)


@pytest.mark.parametrize(
    "matrix, size_b, inverted, words",
    [
        (affine([1, 0, 0], [0, 1, 0]), SIZE, False, ""),
        (affine([1, 0, 0], [0, 1, 0]), SIZE, True, "inverted"),
        (affine([-1, 0, 299], [0, 1, 0]), SIZE, False, "mirrored"),
        (affine([0, -1, 199], [1, 0, 0]), (200, 300), False, "rotated 90"),
        (affine([-1, 0, 299], [0, -1, 199]), SIZE, False, "rotated 180"),
        (affine([0, 1, 0], [-1, 0, 299]), (200, 300), False, "rotated 270"),
        (affine([0, 1, 0], [1, 0, 0]), (200, 300), False, "mirrored, rotated 270"),
        (affine([1, 0, 0], [0, -1, 199]), SIZE, False, "mirrored, rotated 180"),  # upside down
        (affine([0.5, 0, -0.25], [0, 0.5, -0.25]), (150, 100), False, "resized 0.50 x 0.50"),
        (affine([0.5, 0, -0.25], [0, 0.75, -0.125]), (150, 150), False, "resized 0.50 x 0.75"),
        (affine([1.01, 0, 0], [0, 0.99, 0]), (303, 198), False, ""),  # less than 1.5 %
        (affine([1, 0, -30], [0, 1, -20]), (240, 160), False, "crop 64 %"),
        (affine([1, 0, -3], [0, 1, -1]), (294, 198), False, ""),  # 97 % of it
        (affine([1, 0, 50], [0, 1, 0]), (400, 200), False, "framed, image 75 %"),
        (affine([1, 0, -60], [0, 1, 20]), (240, 240), False, "crop 80 %, framed, image 83 %"),
        (
            affine([-0.5, 0, 119.25], [0, 0.5, -0.25]),
            (120, 100),
            True,
            "mirrored, resized 0.50 x 0.50, crop 80 %, inverted",
        ),
        (affine([1, 0, 1000], [0, 1, 0]), SIZE, False, "crop 0 %, framed, image 0 %"),
    ],
)
def test_a_transform_is_told_in_words(matrix, size_b, inverted, words):
    assert describe(matrix, SIZE, size_b, inverted) == words


@pytest.mark.parametrize("angle", [-10, -1.2, 3, 9.6, 45])
def test_a_turn_is_told_in_whole_degrees_clockwise(angle):
    turn = np.radians(angle)
    m = affine([np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0])
    assert describe(m, SIZE, SIZE).startswith(f"rotated {angle % 360:.0f}")
    assert "resized" not in describe(m, SIZE, SIZE)


def test_a_turn_of_less_than_a_degree_is_not_told():
    m = cv2.getRotationMatrix2D((149.5, 99.5), 0.4, 1)
    assert describe(m, SIZE, SIZE) == ""
