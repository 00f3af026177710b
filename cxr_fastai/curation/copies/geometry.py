"""Whether two radiographs are one: the transform between them, and how alike they then are.

Features of two images -> a Match or None. It reads no file.

The verdict needs three things: local features that agree on a transform, thumbnails that are alike
where they overlap once it is applied, and that no part of them moved against the whole. The third
tells copies from exposures of one patient, and from different films in one frame.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import cv2
import numpy as np

from cxr_fastai.curation.copies.features import GRID, THUMB, Features, inverted, mirrored
from cxr_fastai.curation.copies.overlay import Agreement, agreement, lay
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
MIN_OVERLAP = 0.12  # share of either image
# What features leave open is looked at place by place from here on (share of matched features that
# agree, correlation), ..
MIN_SHARE_TO_LOOK = 0.3
MIN_SCORE_TO_LOOK = 0.6
# .. and is a copy where no place moved against the whole by more: % of the side, of three quarters
# and of nine tenths of the places (Agreement). Of 16,929 pairs that 2,500 real radiographs give,
# none of fewer than 24 inliers, or of evidence below 1.3, comes below .5 and .8.
STRICT_DRIFT = 0.22
STRICT_FAR_DRIFT = 0.40
# Share of the places that are not alike, of a copy: gold pairs .02 at most, cropped copies within
# frames .05, 98 % of those with letters .06; half the pairs of different films in one frame have
# more than .08.
MAX_DISPUTED = 0.08
# What features call a copy may move more. Of 1,087 gold pairs .10 and .20 at most, of copies within
# eleven drawn frames .16 and .36, of 98 % of the copies with up to six lines of letters .21 and
# .47. Of 113 pairs of NIH exposures .33 and .49 at least, of 2,600 pairs of different films in one
# frame .27 and .45.
MAX_DRIFT = 0.23
MAX_FAR_DRIFT = 0.55
# Or a little more of all places where the far ones moved as little as a strict copy's: of phantoms
# altered twice .235 and .249, with .39 and .36 far; two films in one window had .24 with .46.
MAX_EVEN_DRIFT = 0.25
# Or, under banners, nine tenths of the places between them: 85 % of such copies are below, of
# exposures none (.35), of different films in one frame none (.48).
MAX_CORE_DRIFT = 0.30
# Or, beside a ruler or a mark, which make what is near seem to move: so many features agree, nearly
# all that matched, and in every part of the picture. Of 173 pairs of exposures 77 features at most;
# of different films in one frame those of the frame alone.
MIN_INLIERS_EVERYWHERE = 120
MIN_SHARE_EVERYWHERE = 0.9
MAX_DRIFT_EVERYWHERE = 0.5
MAX_DISPUTED_EVERYWHERE = 0.12  # the places beside the ruler
PARTS = 6  # the picture is cut in PARTS x PARTS; those at the edge do not count
MIN_FEATURES_A_PART = 4  # a part with fewer tells nothing
MIN_INLIERS_A_PART = 2
# Share of the places that are the same to the pixel, of two exposures: .14 at most of 136 pairs; of
# different films in one frame three quarters have more.
MAX_SAME_OF_EXPOSURES = 0.15


@dataclass(frozen=True)
class Match:
    """How one image comes of another."""

    kind: str  # near: one radiograph | same_patient: two exposures | frame: different films in one
    score: float  # 0-1: median over the overlap of local correlation
    evidence: float  # score and half the share of matched features that agree; 1.5 at most
    inliers: int  # features that agree on the transform
    matrix: tuple[float, ...]  # six numbers, row by row, GRID coordinates of a -> those of b
    inverted: bool
    overlap: float  # share of b that a covers
    sure: bool = True  # of a copy: no place moved; else a frame might pass for one

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
    consensus = _agree(a, b, mirror, invert)
    if consensus is None or not _is_plausible(consensus.matrix):
        return None
    if not _is_worth_a_look(consensus, score=1):
        return None
    if (np.linalg.det(consensus.matrix[:, :2]) < 0) != mirror:
        return None  # a film is half its own mirror image
    aligned = align(a.thumb, b.thumb, consensus.matrix, invert)
    if not _is_worth_a_look(consensus, aligned.score) or not _is_plausible(aligned.matrix):
        return None
    told = agreement(255 - a.thumb if invert else a.thumb, b.thumb, aligned.matrix)
    kind = _verdict(consensus, aligned.score, told)
    if not kind:
        return None
    return Match(
        kind=kind,
        score=round(aligned.score, 4),
        evidence=round(aligned.score + consensus.share / 2, 4),
        inliers=consensus.inliers,
        matrix=tuple(round(float(x), 4) for x in aligned.matrix.ravel()),
        inverted=invert,
        overlap=aligned.overlap,
        sure=_is_still(told) or _agrees_everywhere(consensus, aligned.score, told),
    )


# ---- features that agree


class _Consensus(NamedTuple):
    """An affine transform of the squares, and how many features agree on it."""

    inliers: int
    share: float  # of the features that were matched
    matrix: np.ndarray  # (2, 3), GRID coordinates of a -> those of b
    is_everywhere: bool = False  # they agree in every part of b


def _is_worth_a_look(
    consensus: _Consensus,
    score: float,
) -> bool:
    """Tell whether two images may still be one, or two exposures, as far as features tell."""
    if consensus.inliers < MIN_INLIERS:
        return False
    if _by_features(consensus, score):
        return True
    return consensus.share >= MIN_SHARE_TO_LOOK and score >= MIN_SCORE_TO_LOOK


def _by_features(
    consensus: _Consensus,
    score: float,
) -> str:
    """Return near, same_patient, or '' where features leave open what two images are."""
    inliers = consensus.inliers
    is_sure = inliers >= SURE_INLIERS or score >= SURE_SCORE
    if is_sure and score + consensus.share / 2 >= MIN_EVIDENCE:
        return "near"
    if inliers >= MIN_PATIENT_INLIERS and score >= MIN_PATIENT_SCORE:
        return "same_patient"
    return ""


def _verdict(
    consensus: _Consensus,
    score: float,
    told: Agreement,  # of the places
) -> str:
    """Return near, same_patient, frame, or '' where two images are neither.

    A copy has no part that moves against the whole. Two films in one frame have, and are the same
    to the pixel elsewhere, which two exposures are not.
    """
    if _is_still(told):
        return "near"
    by_features = _by_features(consensus, score)
    if by_features and (_holds(told) or told.core_drift <= MAX_CORE_DRIFT):
        return "near"
    if _agrees_everywhere(consensus, score, told):
        return "near"
    if told.same > MAX_SAME_OF_EXPOSURES:
        return "frame" if by_features else ""
    if consensus.inliers >= MIN_PATIENT_INLIERS and score >= MIN_PATIENT_SCORE:
        return "same_patient"
    return ""


def _agrees_everywhere(
    consensus: _Consensus,
    score: float,
    told: Agreement,  # of the places
) -> bool:
    """Tell whether features leave no doubt, though places beside a mark seem to have moved."""
    if not consensus.is_everywhere or _by_features(consensus, score) != "near":
        return False
    return told.drift <= MAX_DRIFT_EVERYWHERE and told.disputed <= MAX_DISPUTED_EVERYWHERE


def _holds(told: Agreement) -> bool:
    """Tell whether places moved no more than those of a copy that features vouch for."""
    if told.disputed > MAX_DISPUTED:
        return False
    if told.drift <= MAX_DRIFT:
        return told.far_drift <= MAX_FAR_DRIFT
    return told.drift <= MAX_EVEN_DRIFT and told.far_drift <= STRICT_FAR_DRIFT


def _is_still(told: Agreement) -> bool:
    """Tell whether no place moved against the whole."""
    holds = told.drift <= STRICT_DRIFT and told.far_drift <= STRICT_FAR_DRIFT
    return holds and told.disputed <= MAX_DISPUTED


def _agree(
    a: Features,  # (THUMB, THUMB) uint8
    b: Features,
    mirror: bool,
    invert: bool,
) -> _Consensus | None:
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
    n = len(set(places))
    share = float(is_inlier.mean())
    many = n >= MIN_INLIERS_EVERYWHERE and share >= MIN_SHARE_EVERYWHERE
    inliers = partner_points[is_inlier.ravel() > 0]
    return _Consensus(n, share, matrix, many and _is_everywhere(b.points, inliers))


def _is_everywhere(
    points: np.ndarray,  # (n, 2) uint8: of all features of a picture
    inliers: np.ndarray,  # (m, 2) uint8: of those that agree
) -> bool:
    """Tell whether features agree in every inner part of a picture that has some.

    Where a film lies in a frame that another film lies in, they agree in the frame alone.
    """
    there = _inner_parts(points)
    agreed = _inner_parts(inliers)
    return bool((agreed[there >= MIN_FEATURES_A_PART] >= MIN_INLIERS_A_PART).all())


def _inner_parts(
    points: np.ndarray,  # (n, 2) uint8
) -> np.ndarray:  # (PARTS - 2, PARTS - 2) int
    """Count the points in each part of a picture that is not at its edge."""
    x, y = (points.astype(np.int64) * PARTS // GRID).T
    counts = np.bincount(y * PARTS + x, minlength=PARTS * PARTS)
    return counts.reshape(PARTS, PARTS)[1:-1, 1:-1]


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
    laid = lay(a, b, back)
    overlap = float(laid.mask.mean())
    overlap_of_a = overlap * abs(np.linalg.det(back[:, :2]))
    if overlap < MIN_OVERLAP or overlap_of_a < MIN_OVERLAP:
        return _Trial(0.0, overlap, back)
    return _Trial(laid.score, overlap, back)
