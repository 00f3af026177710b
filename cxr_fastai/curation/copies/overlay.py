"""What two thumbnails say of each other, place by place, once one is laid on the other.

Two thumbnails and a transform -> how alike they are, and how far what they show has moved. It
decides nothing and reads no file.

A copy is the original moved as a whole: what is left of local movement is noise. Between two
exposures ribs, diaphragm and heart move by themselves, and of two films in one frame the chests lie
as they happen to: neither is the frame's whole movement, however well the rest agrees.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from cxr_fastai.curation.copies.features import GRID, THUMB
from cxr_fastai.curation.copies.transforms import between_squares

__all__ = ["Agreement", "Overlay", "agreement", "lay"]

BAND = 2  # thumbnail pixels: deviation of the blur whose rest is compared
MIN_ENERGY = 9  # gray levels, squared: where either picture has less, it shows nothing
# Local contrast of the one against the other, squared: where less, one is written on or covered.
MIN_ENERGY_RATIO = 0.25
MIN_CORRELATION_TO_FIT = 0.3  # what is less alike tells nothing of the movement of the whole
# What is as alike before anything is moved as after belongs to a frame that both lie in ..
SHARED_CORRELATION = 0.9
# .. unless the transform moves nothing: thumbnail pixels, the mean over the picture.
MIN_MOVE = 2.0
# Of what shows something, at least so much must lie outside the frame.
MIN_SHARE_BESIDE_FRAME = 0.15
ROUNDS = 2  # of mending the transform by the movement that is left
CORE = slice(16, 52)  # rows of the thumbnail: banners above and below cover none of them
MIN_PLACES = 50  # thumbnail pixels that show something in both; fewer prove nothing
MIN_CORRELATION = 0.5  # what is less alike is disputed, however little it seems to have moved
SAME_CORRELATION = 0.98  # what is as alike is the same to the pixel


class Overlay(NamedTuple):
    """One thumbnail laid on another, in the frame of the second; all (THUMB, THUMB)."""

    mask: np.ndarray  # bool: both are there
    moved: np.ndarray  # float32: the first, band-passed
    still: np.ndarray  # the second
    moved_energy: np.ndarray  # float32: local mean of its squares
    still_energy: np.ndarray
    correlation: np.ndarray  # float32: local

    @property
    def score(self) -> float:
        """The median over the overlap of local correlation."""
        return float(np.median(self.correlation[self.mask]))


class Agreement(NamedTuple):
    """How far the places of two pictures moved against the movement of the whole."""

    drift: float  # % of the side: three quarters of the places moved less
    far_drift: float  # % of the side: nine in ten moved less
    core_drift: float  # % of the side: nine in ten of the CORE moved less; 100 the disputed
    disputed: float  # share of the places that are not alike
    same: float  # share of the places that are the same to the pixel

    @classmethod
    def none(cls) -> Agreement:
        """Return that of two pictures that show nothing in common."""
        return cls(drift=100.0, far_drift=100.0, core_drift=100.0, disputed=1.0, same=0.0)


def lay(
    a: np.ndarray,  # (THUMB, THUMB) uint8
    b: np.ndarray,
    back: np.ndarray,  # (2, 3) float32, thumbnail pixels of b -> those of a
) -> Overlay:
    """Lay a thumbnail on another."""
    mask = _moved(np.ones((THUMB, THUMB), np.float32), back) > 0.99
    weight = mask.astype(np.float32)
    around = np.maximum(_blur(weight, BAND), 1e-3)
    moved = _band(_moved(a.astype(np.float32), back), weight, around)
    still = _band(b.astype(np.float32), weight, around)
    moved_energy = _blur(moved * moved, 2 * BAND)
    still_energy = _blur(still * still, 2 * BAND)
    both = _blur(moved * still, 2 * BAND)
    correlation = both / np.sqrt((moved_energy + 1) * (still_energy + 1))
    return Overlay(mask, moved, still, moved_energy, still_energy, correlation)


def agreement(
    a: np.ndarray,  # (THUMB, THUMB) uint8
    b: np.ndarray,
    matrix: np.ndarray,  # (2, 3), GRID coordinates of a -> those of b
) -> Agreement:
    """Measure how far what two thumbnails show moved, beside the movement of the whole.

    The coarser is the one that stays. A frame that both lie in at one place, while what it holds
    was moved, is left out. The transform is mended first by the movement that is found.
    """
    if abs(np.linalg.det(matrix[:, :2])) > 1:
        a, b = b, a
        matrix = np.linalg.inv(np.vstack([matrix, [0, 0, 1]]))[:2]
    back = between_squares(matrix, GRID, THUMB).astype(np.float32)
    frame = _common_frame(a, b, back)
    everywhere = _places(lay(a, b, back), np.zeros_like(frame))
    if frame[everywhere].sum() > (1 - MIN_SHARE_BESIDE_FRAME) * everywhere.sum():
        return Agreement.none()
    best_score = -1.0
    best = Agreement.none()
    for _ in range(ROUNDS + 1):
        laid = lay(a, b, back)
        places = _places(laid, frame)
        if places.sum() < MIN_PLACES:
            break
        score = float(np.median(laid.correlation[places]))
        movement = _movement(laid, places)
        fitted = _whole(movement, places & (laid.correlation > MIN_CORRELATION_TO_FIT))
        if score > best_score:
            best_score = score
            best = _agreement(laid, places, movement - _BASIS @ fitted)
        back = _mended(back, fitted)
    return best


def _agreement(
    laid: Overlay,
    places: np.ndarray,  # (THUMB, THUMB) bool
    rest: np.ndarray,  # (THUMB, THUMB, 2): movement that is not that of the whole, in pixels
) -> Agreement:
    """Sum up the movement that is left."""
    distance = np.hypot(rest[..., 0], rest[..., 1]) * (100 / THUMB)
    drift, far_drift = np.percentile(distance[places], (75, 90))
    is_disputed = laid.correlation < MIN_CORRELATION
    core = np.where(is_disputed, 100.0, distance)[CORE][places[CORE]]
    core_drift = np.percentile(core, 90) if len(core) >= MIN_PLACES else np.inf
    same = (laid.correlation[places] > SAME_CORRELATION).mean()
    return Agreement(
        drift=float(drift),
        far_drift=float(far_drift),
        core_drift=float(core_drift),
        disputed=float(is_disputed[places].mean()),
        same=float(same),
    )


# ---- which places count


def _places(
    laid: Overlay,
    frame: np.ndarray,  # (THUMB, THUMB) bool: left out
) -> np.ndarray:  # (THUMB, THUMB) bool
    """Return the places where both pictures show something, and neither is written on alone."""
    shows = np.minimum(laid.moved_energy, laid.still_energy) > MIN_ENERGY
    shows &= laid.mask & ~frame
    if not shows.any():
        return shows
    ratio = (laid.moved_energy + 1) / (laid.still_energy + 1)
    ratio /= np.median(ratio[shows])  # a copy may have another contrast
    return shows & (np.minimum(ratio, 1 / ratio) > MIN_ENERGY_RATIO)


def _common_frame(
    a: np.ndarray,  # (THUMB, THUMB) uint8
    b: np.ndarray,
    back: np.ndarray,  # (2, 3) float32, thumbnail pixels of b -> those of a
) -> np.ndarray:  # (THUMB, THUMB) bool
    """Return where two pictures are the same although all was moved: it is a frame's."""
    move = _GRID_OF_PIXELS @ back[:, :2].T + back[:, 2] - _GRID_OF_PIXELS
    if np.hypot(move[..., 0], move[..., 1]).mean() < MIN_MOVE:
        return np.zeros((THUMB, THUMB), bool)
    unmoved = lay(a, b, np.eye(2, 3, dtype=np.float32))
    frame: np.ndarray = unmoved.correlation > SHARED_CORRELATION
    return frame


# ---- movement


_GRID_OF_PIXELS = np.stack(np.meshgrid(np.arange(THUMB), np.arange(THUMB)), -1).astype(np.float32)
# (THUMB, THUMB, 3): 1, x, y, from the middle, of a side
_BASIS = np.concatenate(
    [np.ones((THUMB, THUMB, 1), np.float32), _GRID_OF_PIXELS / THUMB - 0.5], axis=-1
)


def _movement(
    laid: Overlay,
    places: np.ndarray,  # (THUMB, THUMB) bool: what else there is does not count
) -> np.ndarray:  # (THUMB, THUMB, 2) float32: x, y in pixels
    """Return how far each place of the second picture lies from its like in the first.

    By local least squares of gray differences (Lucas and Kanade 1981), both at one contrast.
    """
    weight = places.astype(np.float32)
    first = _blur(laid.moved / np.sqrt(laid.moved_energy + 1), 0.7)
    second = _blur(laid.still / np.sqrt(laid.still_energy + 1), 0.7)
    mean = (first + second) / 2
    across = cv2.Sobel(mean, cv2.CV_32F, 1, 0, scale=1 / 8)
    down = cv2.Sobel(mean, cv2.CV_32F, 0, 1, scale=1 / 8)
    rest = (first - second) * weight
    xx = _blur(across * across * weight, 3 * BAND) + 1e-4
    xy = _blur(across * down * weight, 3 * BAND)
    yy = _blur(down * down * weight, 3 * BAND) + 1e-4
    x = _blur(across * rest, 3 * BAND)
    y = _blur(down * rest, 3 * BAND)
    determinant = xx * yy - xy * xy
    return np.stack([yy * x - xy * y, xx * y - xy * x], -1) / determinant[..., None]


def _whole(
    movement: np.ndarray,  # (THUMB, THUMB, 2) pixels
    places: np.ndarray,  # (THUMB, THUMB) bool: to be fitted
) -> np.ndarray:  # (3, 2): what 1, x and y of _BASIS count
    """Fit the affine movement of the whole, twice: the second time without what strays."""
    fitted = np.zeros((3, 2), np.float32)
    chosen = places
    for _ in range(2):
        if chosen.sum() < MIN_PLACES:
            break
        basis = _BASIS[chosen].astype(np.float64)
        fitted = np.linalg.lstsq(basis.T @ basis, basis.T @ movement[chosen], rcond=None)[0]
        rest = movement - _BASIS @ fitted
        distance = np.hypot(rest[..., 0], rest[..., 1])
        chosen = places & (distance <= 1.5 * np.median(distance[places]))
    return fitted


def _mended(
    back: np.ndarray,  # (2, 3) float32, thumbnail pixels of b -> those of a
    fitted: np.ndarray,  # (3, 2): movement of the whole
) -> np.ndarray:
    """Return the transform with the movement of the whole taken out."""
    still = np.eye(3)
    still[:2, :2] -= fitted[1:].T / THUMB
    still[:2, 2] -= fitted[0] - 0.5 * fitted[1:].sum(0)
    mended: np.ndarray = (np.vstack([back, [0, 0, 1]]) @ still)[:2].astype(np.float32)
    return mended


# ---- pictures


def _band(
    image: np.ndarray,  # (THUMB, THUMB) float32
    weight: np.ndarray,  # 1 within the overlap, else 0
    around: np.ndarray,  # the weight, blurred
) -> np.ndarray:
    """Return an image less its blur, within the overlap."""
    banded: np.ndarray = (image - _blur(image * weight, BAND) / around) * weight
    return banded


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
