"""What geometry needs of a radiograph: local features and a thumbnail. Takes decoded pixels, returns Features of at
most 11 kB; decides nothing.

Copies in this field are squashed to squares, so every image is squashed to one first: a copy of another aspect then
differs by shift and scale alone. Corners (Shi and Tomasi 1994) of three sizes are described by 256 comparisons of
pixels around them, turned to the local gradient, as ORB does (Rublee et al. 2011). The comparisons here are laid out
in four blocks that a mirror image, or a negative, only exchanges: the features of a mirrored copy are those of the
original with bytes moved, and no image is described twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

__all__ = [
    "Features",
    "extract",
    "mirrored",
    "inverted",
    "FEATURES_VERSION",
    "GRID",
    "THUMB",
    "TINY",
    "MOST",
]

FEATURES_VERSION = 2  # raise when features or verdicts change: what was computed then is stale
GRID = 256  # the square in which points are told, in steps that a byte holds
THUMB = 64  # pixels a side of the thumbnail
TINY = 48  # pixels: an image with a shorter side has no features, only a thumbnail
MOST = 192  # features an image
SIDES = (
    160,
    113,
    80,
)  # pixels a side of the squares in which corners are looked for. From 192 px up (four sizes)
# extraction takes 40 % longer, and true pairs have as many agreeing features
CELLS = 6  # the square is cut in CELLS x CELLS, ..
SHARE = 2  # .. and none gives more than SHARE times its share: letters burned into a film took all features else
FLAT = 3  # gray levels, added to the local deviation: noise of a flat image is not blown up
REACH = 13  # pixels: how far from a corner its comparisons go
MARGIN = REACH + 1
TURNS = 64  # directions that are told apart, in a full turn
BLOCK = np.ones((5, 5), np.uint8)  # a corner is the strongest of so many
LEAST = 1e-4  # corners weaker than this (least eigenvalue, of OpenCV's scale) are none


@dataclass(frozen=True, eq=False)
class Features:
    points: (
        np.ndarray
    )  # (n, 2) uint8: x, y in the square of GRID, strongest first, the three sizes in turn
    descriptors: np.ndarray  # (n, 32) uint8
    thumb: np.ndarray  # (THUMB, THUMB) uint8: the squashed image

    def pack(self) -> bytes:
        return self.thumb.tobytes() + self.points.tobytes() + self.descriptors.tobytes()

    @classmethod
    def unpack(cls, data: bytes) -> Features:
        n = (len(data) - THUMB * THUMB) // 34
        flat, end = np.frombuffer(data, np.uint8), THUMB * THUMB
        return cls(
            flat[end : end + 2 * n].reshape(n, 2),
            flat[end + 2 * n :].reshape(n, 32),
            flat[:end].reshape(THUMB, THUMB),
        )


def extract(
    pixels: np.ndarray,  # (height, width) uint8
) -> Features:
    """Features of a decoded image; none of one that is flat or smaller than TINY."""
    if min(pixels.shape) < TINY:
        return Features(
            np.empty((0, 2), np.uint8), np.empty((0, 32), np.uint8), _squash(pixels, THUMB)
        )
    square = _squash(pixels, SIDES[0])
    soft = image = _even(square)
    rank, points, descriptors = [], [], []
    for side in SIDES:
        if side != SIDES[0]:
            image = cv2.resize(soft, (side, side), interpolation=cv2.INTER_LINEAR)
        soft = cv2.GaussianBlur(image, (5, 5), 1.3)
        at = _corners(image, side)
        rank.append(np.arange(len(at)) / _quota(side))
        points.append(
            np.stack([at % side, at // side], 1) * (GRID / side) + 0.5 * (GRID / side - 1)
        )
        descriptors.append(_describe(image, soft, at, side))
    order = np.argsort(np.concatenate(rank), kind="stable")
    points = np.rint(np.concatenate(points)[order]).astype(np.uint8)
    return Features(points, np.concatenate(descriptors)[order], _squash(square, THUMB))


def _squash(pixels: np.ndarray, side: int) -> np.ndarray:
    area = cv2.INTER_AREA if min(pixels.shape) >= side else cv2.INTER_LINEAR
    return cv2.resize(pixels, (side, side), interpolation=area)


def mirrored(descriptors: np.ndarray) -> np.ndarray:
    """The descriptors that the same points have in the image's mirror image."""
    return _swap(descriptors, [1, 0, 3, 2])


def inverted(descriptors: np.ndarray) -> np.ndarray:
    """The descriptors that the same points have in the image's negative."""
    return _swap(descriptors, [2, 3, 0, 1])


def _swap(descriptors, blocks):
    return np.ascontiguousarray(descriptors).view(np.uint64).take(blocks, axis=1).view(np.uint8)


def _even(image: np.ndarray) -> np.ndarray:
    """Each pixel against mean and deviation of its neighbourhood: one contrast for all films, and all parts of one."""
    window = (len(image) // 8 | 1,) * 2
    mean = cv2.boxFilter(image, cv2.CV_32F, window)
    spread = cv2.sqrBoxFilter(image, cv2.CV_32F, window)
    spread -= mean * mean
    np.maximum(spread, 0, out=spread)
    cv2.sqrt(spread, spread)
    spread += FLAT
    even = np.subtract(image, mean, out=mean)
    even /= spread
    even *= 42
    even += 128
    return cv2.convertScaleAbs(cv2.max(even, 0))


def _quota(side: int) -> int:
    return round(MOST * side / sum(SIDES))


def _corners(image: np.ndarray, side: int) -> np.ndarray:
    """Indices into the flat image of its corners, strongest first, spread over the cells."""
    strength = cv2.cornerMinEigenVal(image, 3, ksize=3)
    inner = (slice(MARGIN, side - MARGIN),) * 2
    here, quota = strength[inner], _quota(side)
    at = np.flatnonzero((here == cv2.dilate(strength, BLOCK)[inner]) & (here > LEAST))
    at = at[np.argsort(-here.reshape(-1).take(at), kind="stable")]
    whole, cells = _squares(side)
    if len(at) > quota:
        cell = cells.take(at)
        by_cell = np.argsort(cell, kind="stable")
        cell = cell.take(by_cell)
        place = np.arange(len(cell)) - np.searchsorted(
            cell, np.arange(CELLS * CELLS, dtype=np.uint8)
        ).take(cell)
        at = at.take(np.sort(by_cell[place < max(1, SHARE * quota // CELLS**2)])[:quota])
    return whole.take(at)


@lru_cache
def _squares(side: int) -> tuple[np.ndarray, np.ndarray]:
    """Of each pixel within the margin: its index in the whole flat image, and its cell."""
    n = side - 2 * MARGIN
    y, x = np.divmod(np.arange(n * n), n)
    return (y + MARGIN) * side + x + MARGIN, (y * CELLS // n * CELLS + x * CELLS // n).astype(
        np.uint8
    )


def _describe(image: np.ndarray, soft: np.ndarray, at: np.ndarray, side: int) -> np.ndarray:
    """(n, 32): which of two pixels is brighter, 256 times, in the frame of the local gradient."""
    wide = cv2.blur(image, (11, 11)).ravel().astype(np.int16)
    right, down = wide[at + 5] - wide[at - 5], wide[at + 5 * side] - wide[at - 5 * side]
    turn = np.rint(np.arctan2(down, right) * (TURNS / (2 * np.pi))).astype(np.int64) % TURNS
    place = _offsets(side).take(turn, axis=0)
    place += at[:, None]
    seen = soft.ravel().take(place)
    return np.packbits(seen[:, :256] < seen[:, 256:], axis=1)


def _pattern() -> np.ndarray:
    """(256, 2, 2) comparisons (p, q) of points (u, v), u along the gradient. 64 are drawn, as BRIEF does (Calonder et
    al. 2010); the others are what a mirror (v changes sign) and a negative (the gradient turns round, darker becomes
    brighter) make of them, a block each.
    """
    rng, drawn = np.random.default_rng(7), []
    while len(drawn) < 64:
        p, q = rng.normal(0, REACH / 2, (2, 2))
        if max(np.hypot(*p), np.hypot(*q)) <= REACH and np.hypot(*(p - q)) >= 4:
            drawn.append((p, q))
    plain = np.array(drawn)
    mirror = plain * [1, -1]
    return np.concatenate([plain, mirror, -plain[:, ::-1], -mirror[:, ::-1]])


@lru_cache
def _offsets(side: int) -> np.ndarray:
    """(TURNS, 512) steps in a flat image of that side to the first points of all comparisons, then to the second."""
    angle = np.arange(TURNS)[:, None, None] * (2 * np.pi / TURNS)
    u, v = _pattern()[..., 0].T, _pattern()[..., 1].T
    x, y = np.cos(angle) * u - np.sin(angle) * v, np.sin(angle) * u + np.cos(angle) * v
    return (np.rint(y).astype(np.int64) * side + np.rint(x).astype(np.int64)).reshape(TURNS, 512)
