"""Transforms: between squares and pixels, and what they say of a copy in words."""

import cv2
import numpy as np
import pytest

from cxr_fastai.curation.copies.features import GRID
from cxr_fastai.curation.copies.transforms import between_squares, describe, in_pixels


def affine(*rows):
    return np.array(rows, dtype=float)


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


def test_there_and_back_between_squares_of_two_sizes_is_no_move():
    matrix = affine([0.9, 0.1, 5], [-0.2, 1.1, -7])
    small = between_squares(matrix, 256, 64)
    assert np.allclose(between_squares(small, 64, 256), matrix)
    corner = np.array([-0.5, -0.5, 1])  # of a pixel, the same place in every square
    stays = between_squares(affine([1, 0, 0], [0, 1, 0]), 256, 64)
    assert np.allclose(stays @ corner, corner[:2])
