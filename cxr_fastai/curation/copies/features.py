"""What geometry needs of a radiograph: local features and a thumbnail.

Decoded pixels -> Features of at most 11 kB, and as many of a film that lies in the picture. It
decides nothing.

Copies in this field are squashed to squares, so every image is squashed to one first: a copy of
another aspect then differs by shift and scale alone. Corners (Shi and Tomasi 1994) of three sizes
are described by 256 comparisons of pixels around them, turned to the local gradient, as ORB does
(Rublee et al. 2011). The comparisons here are laid out in four blocks that a mirror image, or a
negative, only exchanges: the features of a mirrored copy are those of the original with bytes
moved, and no image is described twice.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import cv2
import numpy as np

from cxr_fastai.curation.copies.inset import Box, find_inset

__all__ = [
    "Features",
    "Inset",
    "extract",
    "mirrored",
    "inverted",
    "FEATURES_VERSION",
    "GRID",
    "THUMB",
    "MIN_FEATURES_SIDE",
    "MAX_FEATURES",
]

FEATURES_VERSION = 4  # raise when features or verdicts change: what was computed then is stale
GRID = 256  # the square in which points are told, in steps that a byte holds
THUMB = 64  # pixels a side of the thumbnail
# Pixels: an image with a shorter side has no features, only a thumbnail.
MIN_FEATURES_SIDE = 48
MAX_FEATURES = 192  # of an image
# Pixels a side of the squares in which corners are looked for. From 192 px up (four sizes)
# extraction takes 40 % longer, and true pairs have as many agreeing features.
SIDES = (160, 113, 80)
CELLS = 6  # a square is cut in CELLS x CELLS, ..
# .. and none gives more than so many times its share: letters burned into a film took all features
# else.
MAX_SHARES_A_CELL = 2
NOISE_FLOOR = 3  # gray levels, added to the local deviation: noise of a flat image is not blown up
REACH = 13  # pixels: how far from a corner its comparisons go
MARGIN = REACH + 1
TURNS = 64  # directions that are told apart, in a full turn
CORNER_BLOCK = np.ones((5, 5), np.uint8)  # a corner is the strongest of so many
MIN_STRENGTH = 1e-4  # weaker corners (least eigenvalue, of OpenCV's scale) are none
COMPARISONS = 256  # of a descriptor, a bit each
DESCRIPTOR_BYTES = COMPARISONS // 8
POINT_BYTES = 2
THUMB_BYTES = THUMB * THUMB
TRAILER_BYTES = 5  # of packed features: a box, and a count
# Blocks of 64 comparisons that a mirror image, or a negative, exchanges.
MIRRORED_BLOCKS = [1, 0, 3, 2]
INVERTED_BLOCKS = [2, 3, 0, 1]


@dataclass(frozen=True, eq=False)
class Features:
    """What is known of an image without its pixels."""

    # (n, 2) uint8: x, y in the square of GRID, strongest first, the three sizes in turn
    points: np.ndarray
    descriptors: np.ndarray  # (n, 32) uint8
    thumb: np.ndarray  # (THUMB, THUMB) uint8: the squashed image

    inset: Inset | None = None  # the film in it, where it shows more

    def pack(self) -> bytes:
        """Return the features as bytes: thumbnail, points, descriptors, and those of the inset.

        The last bytes tell the inset's box and how many features of its own it has; a box of no
        size is none.
        """
        if self.inset is None:
            return self._pack_own() + bytes(TRAILER_BYTES)
        film = self.inset.features
        trailer = bytes([*self.inset.box, len(film.points)])
        return self._pack_own() + film._pack_own() + trailer

    def _pack_own(self) -> bytes:
        """Return what the picture itself has, as bytes."""
        return self.thumb.tobytes() + self.points.tobytes() + self.descriptors.tobytes()

    @classmethod
    def unpack(
        cls,
        data: bytes,  # as `pack` made it
    ) -> Features:
        """Return the features that were packed; the arrays are views of `data`."""
        flat = np.frombuffer(data, np.uint8)
        *edges, n_of_film = flat[-TRAILER_BYTES:].tolist()
        own = flat[:-TRAILER_BYTES]
        box = Box(*edges)
        if not any(box):
            return cls._unpack_own(own)
        begin = len(own) - THUMB_BYTES - n_of_film * (POINT_BYTES + DESCRIPTOR_BYTES)
        film = cls._unpack_own(own[begin:])
        return replace(cls._unpack_own(own[:begin]), inset=Inset(box, film))

    @classmethod
    def _unpack_own(
        cls,
        flat: np.ndarray,  # (bytes,) uint8
    ) -> Features:
        """Return the features of one picture."""
        n = (len(flat) - THUMB_BYTES) // (POINT_BYTES + DESCRIPTOR_BYTES)
        points_end = THUMB_BYTES + POINT_BYTES * n
        return cls(
            points=flat[THUMB_BYTES:points_end].reshape(n, POINT_BYTES),
            descriptors=flat[points_end:].reshape(n, DESCRIPTOR_BYTES),
            thumb=flat[:THUMB_BYTES].reshape(THUMB, THUMB),
        )


@dataclass(frozen=True, eq=False)
class Inset:
    """The film in a picture that shows more."""

    box: Box  # where it lies
    features: Features  # of the film alone


def extract(
    pixels: np.ndarray,  # (height, width) uint8
) -> Features:
    """Extract the features of a decoded image, and of the film in it where it shows more.

    One that is flat, or has a side below MIN_FEATURES_SIDE, has a thumbnail only.
    """
    features = _own_features(pixels)
    box = find_inset(pixels) if len(features.points) else None
    if box is None:
        return features
    film = box.cut(pixels)
    if min(film.shape) < MIN_FEATURES_SIDE:
        return features
    return replace(features, inset=Inset(box, _own_features(film)))


def _own_features(
    pixels: np.ndarray,  # (height, width) uint8
) -> Features:
    """Extract the features of a picture as it is."""
    if min(pixels.shape) < MIN_FEATURES_SIDE:
        return Features(
            points=np.empty((0, POINT_BYTES), np.uint8),
            descriptors=np.empty((0, DESCRIPTOR_BYTES), np.uint8),
            thumb=_squash(pixels, THUMB),
        )
    square = _squash(pixels, SIDES[0])
    image = _even(square)
    soft = image
    rank = []  # of each corner among those of its size, as a share of these
    points = []
    descriptors = []
    for side in SIDES:
        if side != SIDES[0]:
            image = cv2.resize(soft, (side, side), interpolation=cv2.INTER_LINEAR)
        soft = cv2.GaussianBlur(image, (5, 5), 1.3)
        corners = _corners(image, side)
        rank.append(np.arange(len(corners)) / _quota(side))
        points.append(_grid_points(corners, side))
        descriptors.append(_describe(image, soft, corners, side))
    order = np.argsort(np.concatenate(rank), kind="stable")
    return Features(
        points=np.rint(np.concatenate(points)[order]).astype(np.uint8),
        descriptors=np.concatenate(descriptors)[order],
        thumb=_squash(square, THUMB),
    )


def _squash(
    pixels: np.ndarray,  # (height, width) uint8
    side: int,
) -> np.ndarray:  # (side, side) uint8
    """Resize an image to a square, whatever its aspect."""
    shrinks = min(pixels.shape) >= side
    interpolation = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    squashed: np.ndarray = cv2.resize(pixels, (side, side), interpolation=interpolation)
    return squashed


# ---- what a mirror, or a negative, does to descriptors


def mirrored(
    descriptors: np.ndarray,  # (n, 32) uint8
) -> np.ndarray:
    """Return the descriptors that the same points have in the image's mirror image."""
    return _exchange(descriptors, MIRRORED_BLOCKS)


def inverted(
    descriptors: np.ndarray,  # (n, 32) uint8
) -> np.ndarray:
    """Return the descriptors that the same points have in the image's negative."""
    return _exchange(descriptors, INVERTED_BLOCKS)


def _exchange(
    descriptors: np.ndarray,  # (n, 32) uint8
    blocks: list[int],  # their new order
) -> np.ndarray:
    """Put the four blocks of each descriptor in another order.

    A block is 64 comparisons, which is one number of 8 bytes.
    """
    in_blocks = np.ascontiguousarray(descriptors).view(np.uint64)
    return in_blocks.take(blocks, axis=1).view(np.uint8)


# ---- corners


def _even(
    image: np.ndarray,  # (side, side) uint8
) -> np.ndarray:  # (side, side) uint8
    """Give one contrast to all films, and to all parts of one.

    Each pixel is taken against mean and deviation of its neighbourhood.
    """
    size = len(image) // 8 | 1  # odd, so that it has a middle
    window = (size, size)
    mean = cv2.boxFilter(image, cv2.CV_32F, window)
    spread = cv2.sqrBoxFilter(image, cv2.CV_32F, window)
    spread -= mean * mean
    np.maximum(spread, 0, out=spread)
    cv2.sqrt(spread, spread)
    spread += NOISE_FLOOR
    even = np.subtract(image, mean, out=mean)
    even /= spread
    even *= 42
    even += 128
    in_bytes: np.ndarray = cv2.convertScaleAbs(cv2.max(even, 0))
    return in_bytes


def _quota(
    side: int,  # px of the square
) -> int:
    """Return how many features the square of a side may give."""
    return round(MAX_FEATURES * side / sum(SIDES))


def _corners(
    image: np.ndarray,  # (side, side) uint8
    side: int,
) -> np.ndarray:  # (n,) int64, n <= quota
    """Find corners, spread over the cells; return their indices in the flat image.

    The strongest come first.
    """
    strength = cv2.cornerMinEigenVal(image, 3, ksize=3)
    inner = (slice(MARGIN, side - MARGIN), slice(MARGIN, side - MARGIN))
    inside = strength[inner]
    is_peak = inside == cv2.dilate(strength, CORNER_BLOCK)[inner]
    corners = np.flatnonzero(is_peak & (inside > MIN_STRENGTH))
    strongest_first = np.argsort(-inside.reshape(-1).take(corners), kind="stable")
    corners = corners[strongest_first]
    index_in_image, cell_of_pixel = _inner_pixels(side)
    quota = _quota(side)
    if len(corners) > quota:
        corners = _spread(corners, cell_of_pixel.take(corners), quota)
    return index_in_image.take(corners)


def _spread(
    corners: np.ndarray,  # (n,) the strongest first
    cells: np.ndarray,  # (n,) uint8, the cell of each
    quota: int,
) -> np.ndarray:  # (quota,) or less
    """Keep the strongest corners of each cell, and of these the strongest of all.

    Where cells give too few, the others do not give more.
    """
    by_cell = np.argsort(cells, kind="stable")
    cells = cells.take(by_cell)
    first_of_cell = np.searchsorted(cells, np.arange(CELLS * CELLS, dtype=np.uint8))
    place_in_cell = np.arange(len(cells)) - first_of_cell.take(cells)
    max_of_cell = max(1, MAX_SHARES_A_CELL * quota // CELLS**2)
    kept = np.sort(by_cell[place_in_cell < max_of_cell])
    return corners.take(kept[:quota])


@lru_cache
def _inner_pixels(
    side: int,
) -> tuple[np.ndarray, np.ndarray]:  # (n,) int64, (n,) uint8
    """Return, for each pixel within the margin, its index in the flat image and its cell."""
    n = side - 2 * MARGIN
    y, x = np.divmod(np.arange(n * n), n)
    index = (y + MARGIN) * side + x + MARGIN
    cell = y * CELLS // n * CELLS + x * CELLS // n
    return index, cell.astype(np.uint8)


def _grid_points(
    corners: np.ndarray,  # (n,) indices in the flat image
    side: int,
) -> np.ndarray:  # (n, 2) float
    """Return x and y of corners, in GRID coordinates."""
    xy = np.stack([corners % side, corners // side], 1)
    scale = GRID / side
    return xy * scale + 0.5 * (scale - 1)


# ---- descriptors


def _describe(
    image: np.ndarray,  # (side, side) uint8
    soft: np.ndarray,  # the same, smoothed
    corners: np.ndarray,  # (n,) indices in the flat image
    side: int,
) -> np.ndarray:  # (n, 32) uint8
    """Tell which of two pixels is brighter, 256 times, in the frame of the local gradient.

    The gradient is taken over wider means, so that noise does not turn it.
    """
    wide = cv2.blur(image, (11, 11)).ravel().astype(np.int16)
    right = wide[corners + 5] - wide[corners - 5]
    down = wide[corners + 5 * side] - wide[corners - 5 * side]
    angle = np.arctan2(down, right)
    turn = np.rint(angle * (TURNS / (2 * np.pi))).astype(np.int64) % TURNS
    places = _offsets(side).take(turn, axis=0)
    places += corners[:, None]
    gray = soft.ravel().take(places)
    return np.packbits(gray[:, :COMPARISONS] < gray[:, COMPARISONS:], axis=1)


def _pattern() -> np.ndarray:
    """Return (256, 2, 2): comparisons (p, q) of points (u, v), u along the gradient.

    64 are drawn, as BRIEF does (Calonder et al. 2010). The others are what a mirror (v changes
    sign) and a negative (the gradient turns round, darker becomes brighter) make of them, a block
    each.
    """
    rng = np.random.default_rng(7)
    drawn: list[tuple[np.ndarray, np.ndarray]] = []
    while len(drawn) < COMPARISONS // 4:
        p, q = rng.normal(0, REACH / 2, (2, 2))
        within_reach = max(np.hypot(*p), np.hypot(*q)) <= REACH
        far_apart = np.hypot(*(p - q)) >= 4
        if within_reach and far_apart:
            drawn.append((p, q))
    plain = np.array(drawn)
    mirror = plain * [1, -1]
    return np.concatenate([plain, mirror, -plain[:, ::-1], -mirror[:, ::-1]])


@lru_cache
def _offsets(
    side: int,
) -> np.ndarray:  # (TURNS, 512) int64
    """Return the steps in a flat image to the points of all comparisons, for each direction.

    The first points of the comparisons come first, then the second.
    """
    angle = np.arange(TURNS)[:, None, None] * (2 * np.pi / TURNS)
    pattern = _pattern()
    u = pattern[..., 0].T
    v = pattern[..., 1].T
    x = np.cos(angle) * u - np.sin(angle) * v
    y = np.sin(angle) * u + np.cos(angle) * v
    steps = np.rint(y).astype(np.int64) * side + np.rint(x).astype(np.int64)
    return steps.reshape(TURNS, 2 * COMPARISONS)
