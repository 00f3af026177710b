"""Whether two radiographs are one: the transform between them, and how alike they then are.

Features of two images -> a Match or None. It reads no file.

The verdict needs both: local features that agree on a transform, and thumbnails that are alike
wherever they overlap once it is applied.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import cv2
import numpy as np

from cxr_fastai.curation.copies.features import GRID, THUMB, Features, inverted, mirrored
from cxr_fastai.curation.copies.transforms import between_squares

__all__ = ["Match", "match", "Aligned", "align"]

# A feature's nearest partner must be nearer than this share of the next (Lowe 2004).
MAX_RATIO = 0.8
MAX_OFFSET = 4  # of GRID: how far from the transform a feature may lie
MIN_INLIERS = 8  # fewer features agree: not looked at further
# Of RANSAC: where four of ten features agree, as MIN_EVIDENCE asks, three that do are drawn 32
# times.
MAX_TRIES = 500
# Of a first correlation: what lies between is worth a refined transform.
REFINED_SCORES = (0.4, 0.95)
# The verdict. `evidence` is the correlation plus half the share of the matched features that agree.
# Of 2,001 copies made of real radiographs (turned, cropped by up to 25 % a side, compressed,
# darkened, written on) and gold pairs, 1.20 takes 98 %; of 376 pairs that show one patient on two
# days, 6 %. Pairs of different NIH patients reach 1.06 at most.
MIN_EVIDENCE = 1.20
# And so many inliers, or such a correlation.
SURE_INLIERS = 14
SURE_SCORE = 0.88
# Inliers and correlation from which two are exposures of one person: 14 and .66 at most for two NIH
# patients, of 107 pairs that came as far as a transform.
MIN_PATIENT_INLIERS = 24
MIN_PATIENT_SCORE = 0.70
MAX_STRETCH = 2.5  # of one axis against the other; more is no copy that anyone makes
# Sides of the square, one against the other.
MIN_SCALE = 0.2
MAX_SCALE = 5
MIN_OVERLAP = 0.2  # share of either image
BAND = 2  # thumbnail pixels: deviation of the blur whose rest is compared


@dataclass(frozen=True)
class Match:
    """How one image comes of another."""

    kind: str  # near: one radiograph | same_patient: two exposures
    score: float  # 0-1: median over the overlap of local correlation
    evidence: float  # score and half the share of matched features that agree; 1.5 at most
    inliers: int  # features that agree on the transform
    matrix: tuple[float, ...]  # six numbers, row by row, GRID coordinates of a -> those of b
    inverted: bool
    overlap: float  # share of b that a covers

    @classmethod
    def from_json(
        cls,
        cells: dict[str, Any],  # of a Match, by name
    ) -> Match:
        """Make a Match of its fields as JSON gives them back."""
        return cls(**{**cells, "matrix": tuple(cells["matrix"])})


def match(
    a: Features,
    b: Features,
    mirror: bool = False,  # whether b is to be taken for a mirrored ..
    invert: bool = False,  # .. or a negative copy of a
) -> Match | None:
    """Decide whether two images are one radiograph, or two exposures of one patient.

    The verdict is the same on every run. Near a threshold (b, a) may be judged otherwise than
    (a, b), so that callers order them by the hashes of their pixels.
    """
    agreement = _agree(a, b, mirror, invert)
    if agreement is None or not _is_plausible(agreement.matrix):
        return None
    if not _verdict(agreement, score=1):
        return None
    aligned = align(a.thumb, b.thumb, agreement.matrix, invert)
    kind = _verdict(agreement, aligned.score)
    if not kind or not _is_plausible(aligned.matrix):
        return None
    return Match(
        kind=kind,
        score=round(aligned.score, 4),
        evidence=round(aligned.score + agreement.share / 2, 4),
        inliers=agreement.inliers,
        matrix=tuple(round(float(x), 4) for x in aligned.matrix.ravel()),
        inverted=invert,
        overlap=aligned.overlap,
    )


# ---- features that agree


class _Agreement(NamedTuple):
    """An affine transform of the squares, and how many features agree on it."""

    inliers: int
    share: float  # of the features that were matched
    matrix: np.ndarray  # (2, 3), GRID coordinates of a -> those of b


def _verdict(
    agreement: _Agreement,
    score: float,
) -> str:
    """Return near, same_patient, or '' where two images are neither."""
    inliers = agreement.inliers
    if inliers < MIN_INLIERS:
        return ""
    is_sure = inliers >= SURE_INLIERS or score >= SURE_SCORE
    if is_sure and score + agreement.share / 2 >= MIN_EVIDENCE:
        return "near"
    if inliers >= MIN_PATIENT_INLIERS and score >= MIN_PATIENT_SCORE:
        return "same_patient"
    return ""


def _agree(
    a: Features,  # (THUMB, THUMB) uint8
    b: Features,
    mirror: bool,
    invert: bool,
) -> _Agreement | None:
    """Find the transform that most of the matched features agree on; None where too few match."""
    descriptors = a.descriptors
    if mirror:
        descriptors = mirrored(descriptors)
    if invert:
        descriptors = inverted(descriptors)
    if min(len(descriptors), len(b.descriptors)) < MIN_INLIERS:
        return None
    import faiss

    faiss.omp_set_num_threads(1)  # of this thread: pairs are compared side by side
    # a third of the time of OpenCV's batchDistance
    bits, partners = faiss.knn_hamming(descriptors, b.descriptors, 2)
    distinct = bits[:, 0] < MAX_RATIO * bits[:, 1]
    if distinct.sum() < MIN_INLIERS:
        return None
    points = a.points[distinct]
    partner_points = b.points[partners[distinct, 0]]
    matrix, is_inlier = cv2.estimateAffine2D(
        points.astype(np.float32),
        partner_points.astype(np.float32),
        ransacReprojThreshold=MAX_OFFSET,
        maxIters=MAX_TRIES,
    )
    if matrix is None:
        return None
    # features of two sizes may lie on one point, which counts once
    places = partner_points.view(np.uint16)[is_inlier > 0].tolist()
    return _Agreement(len(set(places)), float(is_inlier.mean()), matrix)


def _is_plausible(
    matrix: np.ndarray,  # (2, 3)
) -> bool:
    """Tell whether a transform is one that makes copies.

    One that squeezes an image into a line is none.
    """
    if not np.isfinite(matrix).all():
        return False
    large, small = np.linalg.svd(matrix[:, :2], compute_uv=False)
    return bool(MIN_SCALE <= small <= large <= MAX_SCALE and large <= MAX_STRETCH * small)


# ---- how alike they are


class Aligned(NamedTuple):
    """How alike two thumbnails are, one laid on the other."""

    score: float  # correlation
    matrix: np.ndarray  # (2, 3), GRID coordinates of a -> those of b
    overlap: float  # share of b that a covers


class _Trial(NamedTuple):
    """How alike two thumbnails are under one transform."""

    score: float
    overlap: float
    back: np.ndarray  # (2, 3) float32, thumbnail pixels of b -> those of a


def align(
    a: np.ndarray,  # (THUMB, THUMB) uint8
    b: np.ndarray,  # the same
    matrix: np.ndarray,  # (2, 3), GRID coordinates of a -> those of b
    invert: bool = False,  # whether a is to be taken for its negative
) -> Aligned:
    """Lay a thumbnail on another, and refine the transform where that may decide.

    It is refined on the thumbnails (ECC, Evangelidis and Psarakis 2008); where that fails, or makes
    them less alike, it stays.
    """
    if invert:
        a = 255 - a
    back = between_squares(matrix, GRID, THUMB).astype(np.float32)
    best = _try(a, b, back)
    low, high = REFINED_SCORES
    if low <= best.score < high:
        refined = _refine(a, b, back)
        if np.isfinite(refined).all():
            second = _try(a, b, refined)
            if second.score > best.score:
                best = second
    return Aligned(best.score, between_squares(best.back, THUMB, GRID), best.overlap)


def _refine(
    a: np.ndarray,
    b: np.ndarray,
    back: np.ndarray,  # (2, 3) float32
) -> np.ndarray:
    """Return a transform under which the thumbnails are more alike, or the same one."""
    stop = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 30, 1e-4)
    try:
        _, refined = cv2.findTransformECC(b, a, back.copy(), cv2.MOTION_AFFINE, stop, None, 3)
    except cv2.error:
        return back  # it did not converge
    transform: np.ndarray = refined
    return transform


def _try(
    a: np.ndarray,  # (THUMB, THUMB) uint8
    b: np.ndarray,
    back: np.ndarray,  # (2, 3) float32, thumbnail pixels of b -> those of a
) -> _Trial:
    """Measure how alike two thumbnails are under a transform.

    The score is the median, over the overlap, of the local correlation of band-passed images.
    """
    moved = _moved(a.astype(np.float32), back)
    mask = _moved(np.ones((THUMB, THUMB), np.float32), back) > 0.99
    overlap = float(mask.mean())
    overlap_of_a = overlap * abs(np.linalg.det(back[:, :2]))
    if overlap < MIN_OVERLAP or overlap_of_a < MIN_OVERLAP:
        return _Trial(0.0, overlap, back)
    weight = mask.astype(np.float32)
    around = np.maximum(_blur(weight, BAND), 1e-3)
    x = (moved - _blur(moved * weight, BAND) / around) * weight
    target = b.astype(np.float32)
    y = (target - _blur(target * weight, BAND) / around) * weight
    xx = _blur(x * x, 2 * BAND)
    yy = _blur(y * y, 2 * BAND)
    xy = _blur(x * y, 2 * BAND)
    correlation = xy / np.sqrt((xx + 1) * (yy + 1))
    return _Trial(float(np.median(correlation[mask])), overlap, back)


def _moved(
    image: np.ndarray,  # (THUMB, THUMB) float32
    back: np.ndarray,  # (2, 3) float32
) -> np.ndarray:
    """Return what an image looks like in the other's frame; 0 where it does not reach."""
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    moved: np.ndarray = cv2.warpAffine(image, back, (THUMB, THUMB), flags=flags)
    return moved


def _blur(
    image: np.ndarray,  # (THUMB, THUMB) float32
    deviation: float,  # px
) -> np.ndarray:
    """Blur an image; beyond its edge all is 0."""
    blurred: np.ndarray = cv2.GaussianBlur(image, (0, 0), deviation, borderType=cv2.BORDER_CONSTANT)
    return blurred
