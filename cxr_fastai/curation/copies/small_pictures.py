"""How small images, and crops of radiographs, are made comparable.

Thumbnails -> crops of them, small images as they were, and what is not smooth in either, as unit
vectors. It decides nothing.
"""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np

from cxr_fastai.curation.copies.features import MIN_FEATURES_SIDE, THUMB

__all__ = [
    "FINE_SIDE",
    "ROUGH_SIDE",
    "FINER_CROPS",
    "shares",
    "cut",
    "fine_cuts",
    "sample",
    "restored",
    "details",
    "evened",
    "is_flat",
]

# Pixels a side of what is compared, in the second round and in the first.
FINE_SIDE = 28
ROUGH_SIDE = 14
FINER_CROPS = range(-4, 5)  # around the one that fits best
# Pixels: what is smoother than that is left out. Of 3, 5, 7, 9 and 13 it tells right from wrong
# best.
WINDOW = 5
NOISE_FLOOR = 8  # gray levels, added to the local deviation: noise counts less than bones
# Gray levels: deviation of what is not smooth; 1.8 is the least of MedMNIST, 11 the median.
MIN_DEVIATION = 1.5


# ---- crops


def shares(
    crop: int,  # 100 log(width / height)
) -> tuple[float, float]:
    """Return which shares of width and height a crop shows.

    A crop is of the width, or, where negative, of the height.
    """
    return float(np.exp(-max(crop, 0) / 100)), float(np.exp(min(crop, 0) / 100))


@cache
def cut(
    crop: int,
    side: int,
) -> tuple[np.ndarray, np.ndarray]:  # rows and columns, each (side, THUMB)
    """Return what cuts a crop: rows @ thumb @ columns.T is that crop, shrunk to `side`."""
    x, y = shares(crop)
    return sample(y, side, THUMB), sample(x, side, THUMB)


@cache
def fine_cuts(
    crop: int,
) -> tuple[np.ndarray, np.ndarray]:  # (9, FINE_SIDE, THUMB), (9, THUMB, FINE_SIDE)
    """Return what cuts all crops near one: rows @ thumb @ columns."""
    cuts = [cut(crop + finer, FINE_SIDE) for finer in FINER_CROPS]
    rows = np.stack([rows for rows, _ in cuts])
    columns = np.stack([columns for _, columns in cuts])
    return rows, columns.transpose(0, 2, 1)


@cache
def sample(
    share: float,
    out: int,
    size: int,
) -> np.ndarray:  # (out, size) float32
    """Return what resizes the middle share of `size` pixels to `out`.

    The filter is a triangle, as Pillow's.
    """
    step = size * share / out
    centres = (size - 1) / 2 + (np.arange(out) - (out - 1) / 2) * step
    distance = abs(np.arange(size) - centres[:, None])
    weights = np.maximum(1 - distance / max(step, 1), 0)
    return (weights / weights.sum(1, keepdims=True)).astype(np.float32)


@cache
def _restore(
    size: int,
) -> np.ndarray:  # (FINE_SIDE, THUMB) float32
    """Return what takes back that `size` pixels were stretched to a thumbnail.

    It resizes them to FINE_SIDE, too.
    """
    if size >= MIN_FEATURES_SIDE:
        return sample(1, FINE_SIDE, THUMB)
    one_pixel_each = np.eye(size, dtype=np.float64)
    stretch = cv2.resize(one_pixel_each, (size, THUMB), interpolation=cv2.INTER_LINEAR)
    restored = sample(1, FINE_SIDE, size) @ np.linalg.pinv(stretch)
    return restored.astype(np.float32)


def restored(
    thumb: np.ndarray,  # (THUMB, THUMB) uint8
    width: int,  # of the image, px
    height: int,
) -> np.ndarray:  # (FINE_SIDE, FINE_SIDE) float32
    """Return a small image as it was, but for its size."""
    return _restore(height) @ thumb.astype(np.float32) @ _restore(width).T


# ---- what is compared


@cache
def _mean(
    side: int,
    window: int,
) -> np.ndarray:  # (side, side) float32
    """Return what takes the mean over a window, in one direction."""
    mean: np.ndarray = cv2.blur(np.eye(side, dtype=np.float32), (1, window))
    return mean


def _rest(
    images: np.ndarray,  # (n, side, side)
) -> np.ndarray:  # (n, side, side)
    """Return each pixel less the mean around it.

    What is left are ribs and vessels, not the shape of the chest.
    """
    mean = _mean(images.shape[-1], WINDOW)
    return images - mean @ images @ mean.T


def _unit(
    images: np.ndarray,  # (n, side, side)
) -> np.ndarray:  # (n, side ** 2)
    """Return each image as a vector of mean 0 and length 1."""
    flat = images.reshape(len(images), -1)
    flat = flat - flat.mean(1, keepdims=True)
    length = np.linalg.norm(flat, axis=1, keepdims=True)
    unit: np.ndarray = flat / np.maximum(length, 1e-6)
    return unit


def details(
    images: np.ndarray,  # (n, side, side)
) -> np.ndarray:  # (n, side ** 2)
    """Return what is not smooth in each image, as a unit vector."""
    return _unit(_rest(images))


def evened(
    images: np.ndarray,  # (n, FINE_SIDE, FINE_SIDE)
) -> np.ndarray:  # (n, FINE_SIDE ** 2)
    """Return details against their own deviation around, as unit vectors.

    A marker or a black border then counts no more than ribs.
    """
    rest = _rest(images)
    mean = _mean(FINE_SIDE, 2 * WINDOW - 1)
    variance = np.maximum(mean @ (rest * rest) @ mean.T, 0)
    return _unit(rest / (np.sqrt(variance) + NOISE_FLOOR))


def is_flat(
    image: np.ndarray,  # (FINE_SIDE, FINE_SIDE)
) -> bool:
    """Tell whether an image has no details, its edge left out, where a ramp has some."""
    inner = _rest(image[None])[0, 2:-2, 2:-2]
    return float(inner.std()) < MIN_DEVIATION
