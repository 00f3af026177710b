"""Affine transforms between images: in squares, in pixels, and in words.

Matrices and sizes -> matrices and a sentence of what was done to a copy. It sees no pixel.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np

from cxr_fastai.curation.copies.features import GRID

__all__ = ["between_squares", "in_pixels", "describe"]

Size = tuple[int, int]  # width, height in pixels

# What is so near to nothing that it is not told.
MIN_TURN = 1  # degrees
MIN_RESIZING = 0.015  # of a side
MAX_CROPPED_SHARE = 0.97  # so much of an image left, or more, is all of it


def between_squares(
    matrix: np.ndarray,  # (2, 3), between squares of `size`
    size: int,
    other: int,
) -> np.ndarray:  # (2, 3)
    """Return the inverse of a transform, for squares of `other`; points are pixels' centres."""
    factor = other / size
    shift = (factor - 1) / 2
    scale = np.array([[factor, 0, shift], [0, factor, shift], [0, 0, 1]])
    return (scale @ np.linalg.inv(_square(matrix)) @ np.linalg.inv(scale))[:2]


def in_pixels(
    matrix: Sequence[float] | np.ndarray,  # six numbers or (2, 3), GRID coordinates
    size_a: Size,
    size_b: Size,
) -> np.ndarray:  # (2, 3)
    """Return the transform between pixel coordinates (x, y) of two images as they were decoded."""
    transform = _square(np.reshape(matrix, (2, 3)))
    return (_from_grid(size_b) @ transform @ np.linalg.inv(_from_grid(size_a)))[:2]


def _square(
    matrix: np.ndarray,  # (2, 3)
) -> np.ndarray:  # (3, 3)
    """Add the row that makes an affine transform a square matrix."""
    return np.vstack([matrix, [0, 0, 1]])


def _from_grid(size: Size) -> np.ndarray:  # (3, 3)
    """Return the transform from GRID coordinates to pixels of an image.

    Points are pixels' centres, so that the first corner is at -0.5 in both.
    """
    fx = size[0] / GRID
    fy = size[1] / GRID
    return np.array([[fx, 0, (fx - 1) / 2], [0, fy, (fy - 1) / 2], [0, 0, 1]])


# ---- in words


def describe(
    matrix: np.ndarray,  # (2, 3) between pixel coordinates
    size_a: Size,
    size_b: Size,
    invert: bool = False,
) -> str:
    """Say what was done to a to make b; '' where nothing was.

    In words: mirrored (left for right, before it was turned), rotated 90 (degrees clockwise),
    resized 0.22 x 0.25 (width, height), crop 81 % (so much of a is left), framed, inverted.
    """
    matrix = np.asarray(matrix)
    axes = matrix[:, :2]
    words = []
    if np.linalg.det(axes) < 0:
        axes = axes @ np.diag([-1, 1])
        words.append("mirrored")
    sine = axes[1, 0] - axes[0, 1]
    cosine = axes[0, 0] + axes[1, 1]
    turn = math.degrees(math.atan2(sine, cosine)) % 360
    if MIN_TURN <= turn <= 360 - MIN_TURN:
        words.append(f"rotated {turn:.0f}")
    width = np.linalg.norm(axes[:, 0])
    height = np.linalg.norm(axes[:, 1])
    if max(abs(width - 1), abs(height - 1)) > MIN_RESIZING:
        words.append(f"resized {width:.2f} x {height:.2f}")
    words += _framing(matrix, size_a, size_b)
    if invert:
        words.append("inverted")
    return ", ".join(words)


def _framing(
    matrix: np.ndarray,  # (2, 3)
    size_a: Size,
    size_b: Size,
) -> list[str]:
    """Say how much of a is seen in b, and how much of b is a frame around it.

    Shares from MAX_CROPPED_SHARE on are not told.
    """
    axes = matrix[:, :2].T.astype(np.float32)
    a_in_b = _corners(size_a) @ axes + matrix[:, 2].astype(np.float32)
    common, _ = cv2.intersectConvexConvex(a_in_b, _corners(size_b))
    share_of_a = common / max(cv2.contourArea(a_in_b), 1e-9)
    share_of_b = common / (size_b[0] * size_b[1])
    words = []
    if share_of_a < MAX_CROPPED_SHARE:
        words.append(f"crop {100 * share_of_a:.0f} %")
    if share_of_b < MAX_CROPPED_SHARE:
        words.append(f"framed, image {100 * share_of_b:.0f} %")
    return words


def _corners(size: Size) -> np.ndarray:  # (4, 2) float32
    """Return the corners of an image, in pixel coordinates."""
    left, top = -0.5, -0.5
    right, bottom = size[0] - 0.5, size[1] - 0.5
    corners = [[left, top], [right, top], [right, bottom], [left, bottom]]
    return np.array(corners, dtype=np.float32)
