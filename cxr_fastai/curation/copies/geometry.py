"""Whether two radiographs are one: the transform that carries one onto the other, and how alike they then are. Takes
Features of two, returns a Match or None; reads no file. The verdict needs both: local features that agree on a
transform, and thumbnails that are alike wherever they overlap once it is applied.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from cxr_fastai.curation.copies.features import GRID, THUMB, Features, inverted, mirrored

__all__ = ["Match", "match", "align", "describe", "in_pixels"]

RATIO = 0.8  # a feature's nearest partner must be nearer than this share of the next (Lowe 2004)
WITHIN = 4  # of GRID: how far from the transform a feature may lie
INLIERS = 8  # fewer features agree: not looked at further
TRIES = 500  # of RANSAC: where four of ten features agree, as EVIDENCE asks, three that do are drawn 32 times
UNSURE = (0.4, 0.95)  # of a first correlation: what lies between is worth a refined transform
# The verdict. `evidence` is the correlation plus half the share of the matched features that agree. Of 2,001 copies
# made of real radiographs (turned, cropped by up to 25 % a side, compressed, darkened, written on) and gold pairs, 1.20
# takes 98 %; of 376 pairs that show one patient on two days, 6 %. Pairs of different NIH patients reach 1.06 at most.
EVIDENCE = 1.20
SURE = (14, 0.88)  # and so many inliers, or such a correlation
SAME_PATIENT = (
    24,
    0.70,
)  # inliers and correlation from which two are exposures of one person: 14 and .66 at most for
# two NIH patients, of 107 pairs that came as far as a transform
STRETCH = 2.5  # of one axis against the other; more is no copy that anyone makes
SHRINK = (0.2, 5)  # sides of the square, one against the other
OVERLAP = 0.2  # least share of either image
BAND = 2  # thumbnail pixels: deviation of the blur whose rest is compared


@dataclass(frozen=True)
class Match:
    kind: str  # near | same_patient
    score: float  # 0-1: median over the overlap of local correlation
    evidence: float  # score and half the share of matched features that agree; 1.5 at most
    inliers: int  # features that agree on the transform
    matrix: tuple[float, ...]  # six numbers, row by row, GRID coordinates of a -> those of b
    inverted: bool
    overlap: float  # share of b that a covers

    @classmethod
    def from_json(cls, cells: dict[str, Any]) -> Match:
        """Make a Match of its fields as JSON gives them back."""
        return cls(**{**cells, "matrix": tuple(cells["matrix"])})


def match(
    a: Features,
    b: Features,
    mirror: bool = False,  # whether b is to be taken for a mirrored ..
    invert: bool = False,  # .. or a negative copy of a
) -> Match | None:
    """The verdict on two images; `Match.kind` near: one radiograph. The same on every run; near a threshold (b, a) may
    be judged otherwise than (a, b), so that callers order them by the hashes of their pixels.
    """
    inliers, share, matrix = _agree(a, b, mirror, invert)
    if not _verdict(inliers, share, 1) or not _plausible(matrix):
        return None
    score, matrix, overlap = align(a.thumb, b.thumb, matrix, invert)
    kind = _verdict(inliers, share, score)
    if not kind or not _plausible(matrix):
        return None
    return Match(
        kind,
        round(score, 4),
        round(score + share / 2, 4),
        inliers,
        tuple(round(float(x), 4) for x in matrix.ravel()),
        invert,
        overlap,
    )


def _verdict(inliers: int, share: float, score: float) -> str:
    if inliers < INLIERS:
        return ""
    if score + share / 2 >= EVIDENCE and (inliers >= SURE[0] or score >= SURE[1]):
        return "near"
    return "same_patient" if inliers >= SAME_PATIENT[0] and score >= SAME_PATIENT[1] else ""


def _agree(
    a: Features, b: Features, mirror: bool, invert: bool
) -> tuple[int, float, np.ndarray | None]:
    """How many features agree on an affine transform of the squares, their share of those matched, and that transform."""
    descriptors = a.descriptors
    if mirror:
        descriptors = mirrored(descriptors)
    if invert:
        descriptors = inverted(descriptors)
    if min(len(descriptors), len(b.descriptors)) < INLIERS:
        return 0, 0, None
    import faiss

    faiss.omp_set_num_threads(1)  # of this thread: pairs are compared side by side
    far, at = faiss.knn_hamming(
        descriptors, b.descriptors, 2
    )  # a third of the time of OpenCV's batchDistance
    good = far[:, 0] < RATIO * far[:, 1]
    if good.sum() < INLIERS:
        return 0, 0, None
    there = b.points[at[good, 0]].astype(np.float32)
    matrix, kept = cv2.estimateAffine2D(
        a.points[good].astype(np.float32), there, ransacReprojThreshold=WITHIN, maxIters=TRIES
    )
    if matrix is None:
        return 0, 0, None
    places = (
        b.points[at[good, 0]].view(np.uint16)[kept > 0].tolist()
    )  # features of two sizes may lie on one point
    return len(set(places)), float(kept.mean()), matrix


def _plausible(matrix) -> bool:
    """Whether a transform is one that makes copies, not one that squeezes an image into a line."""
    if matrix is None or not np.isfinite(matrix).all():
        return False
    large, small = np.linalg.svd(matrix[:, :2], compute_uv=False)
    return SHRINK[0] <= small <= large <= SHRINK[1] and large <= STRETCH * small


# ---- how alike they are


def align(
    a: np.ndarray,  # (THUMB, THUMB) uint8
    b: np.ndarray,
    matrix: np.ndarray,  # (2, 3), GRID coordinates of a -> those of b
    invert: bool = False,
) -> tuple[float, np.ndarray, float]:
    """(correlation, refined matrix, overlap). The matrix is refined on the thumbnails (ECC, Evangelidis and Psarakis
    2008); where that fails it stays.
    """
    if invert:
        a = 255 - a
    back = _back(matrix, GRID, THUMB).astype(np.float32)
    best = (*_alike(a, b, back), back)
    if UNSURE[0] <= best[0] < UNSURE[1]:
        stop = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 30, 1e-4)
        try:
            _, back = cv2.findTransformECC(b, a, back.copy(), cv2.MOTION_AFFINE, stop, None, 3)
        except cv2.error:
            pass  # it did not converge
        if np.isfinite(back).all():
            best = max(best, (*_alike(a, b, back), back), key=lambda x: x[0])
    score, overlap, back = best
    return score, _back(back, THUMB, GRID), overlap


def _back(matrix, size: int, other: int) -> np.ndarray:
    """The inverse of a transform between squares of `size`, for squares of `other`; points are pixels' centres."""
    f = other / size
    scale = np.array([[f, 0, (f - 1) / 2], [0, f, (f - 1) / 2], [0, 0, 1]])
    return (scale @ np.linalg.inv(np.vstack([matrix, [0, 0, 1]])) @ np.linalg.inv(scale))[:2]


def _alike(a, b, back) -> tuple[float, float]:
    """(median local correlation of band-passed images over the overlap, share of b that is covered)."""
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    moved = cv2.warpAffine(a.astype(np.float32), back, (THUMB, THUMB), flags=flags)
    mask = (
        cv2.warpAffine(np.ones((THUMB, THUMB), np.float32), back, (THUMB, THUMB), flags=flags)
        > 0.99
    )
    overlap = float(mask.mean())
    if overlap < OVERLAP or overlap * abs(np.linalg.det(back[:, :2])) < OVERLAP:
        return 0.0, overlap
    weight = mask.astype(np.float32)
    blur = lambda x, s: cv2.GaussianBlur(x, (0, 0), s, borderType=cv2.BORDER_CONSTANT)
    around = np.maximum(blur(weight, BAND), 1e-3)
    x, y = ((i - blur(i * weight, BAND) / around) * weight for i in (moved, b.astype(np.float32)))
    xx, yy, xy = (blur(i, 2 * BAND) for i in (x * x, y * y, x * y))
    return float(np.median((xy / np.sqrt((xx + 1) * (yy + 1)))[mask])), overlap


# ---- in the images' own pixels, and in words


def in_pixels(
    matrix,  # six numbers or (2, 3), GRID coordinates
    size_a: tuple[int, int],  # width, height
    size_b: tuple[int, int],
) -> np.ndarray:  # (2, 3)
    """The transform between pixel coordinates (x, y) of the two images as they were decoded."""

    def up(size):
        fx, fy = size[0] / GRID, size[1] / GRID
        return np.array([[fx, 0, (fx - 1) / 2], [0, fy, (fy - 1) / 2], [0, 0, 1]])

    square = np.vstack([np.reshape(matrix, (2, 3)), [0, 0, 1]])
    return (up(size_b) @ square @ np.linalg.inv(up(size_a)))[:2]


def describe(
    matrix,  # (2, 3) between pixel coordinates
    size_a: tuple[int, int],
    size_b: tuple[int, int],
    invert: bool = False,
) -> str:
    """What was done to a to make b, in words: mirrored (left for right, before it was turned), rotated 90 (degrees
    clockwise), resized 0.22 x 0.25 (width, height), crop 81 % (so much of a is left), framed, inverted.
    """
    m = np.asarray(matrix)[:, :2]
    flip = np.linalg.det(m) < 0
    if flip:
        m = m @ np.diag([-1, 1])
    turn = math.degrees(math.atan2(m[1, 0] - m[0, 1], m[0, 0] + m[1, 1])) % 360
    sx, sy = np.linalg.norm(m[:, 0]), np.linalg.norm(m[:, 1])
    said = [
        ("mirrored", flip),
        (f"rotated {turn:.0f}", 1 <= turn <= 359),
        (f"resized {sx:.2f} x {sy:.2f}", max(abs(sx - 1), abs(sy - 1)) > 0.015),
        (_framing(np.asarray(matrix), size_a, size_b), True),
        ("inverted", invert),
    ]
    return ", ".join(words for words, true in said if true and words)


def _framing(matrix, size_a, size_b) -> str:
    """How much of a is seen in b, or that b has a frame around it."""
    corners = lambda w, h: np.float32(
        [[-0.5, -0.5], [w - 0.5, -0.5], [w - 0.5, h - 0.5], [-0.5, h - 0.5]]
    )
    inside = corners(*size_a) @ matrix[:, :2].T.astype(np.float32) + matrix[:, 2].astype(np.float32)
    common, _ = cv2.intersectConvexConvex(inside.astype(np.float32), corners(*size_b))
    of_a, of_b = (
        common / max(cv2.contourArea(inside.astype(np.float32)), 1e-9),
        common / (size_b[0] * size_b[1]),
    )
    words = [f"crop {100 * of_a:.0f} %"] if of_a < 0.97 else []
    return ", ".join(words + ([f"framed, image {100 * of_b:.0f} %"] if of_b < 0.97 else []))
