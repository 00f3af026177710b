"""Pictures made of films and of photographs, that the gate learns to refuse or not to refuse.

Small pictures in, small pictures out, by the random generator that is given. The photographs are
the two that scikit-learn ships; nothing is fetched.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image

from cxr_fastai.gate.features import SIDE, thumbnail

__all__ = ["cut", "inverted", "noise", "photographs", "turned", "varied"]

BLACK = 0
WHITE = 255
PHOTOGRAPHS = ("china.jpg", "flower.jpg")  # of scikit-learn
LEAST_OF_PHOTOGRAPH = 0.15  # share of its shorter side that a crop shows at least
KEPT_OF_CUT = (0.4, 0.6)  # share of a film that is left when it is cut

# How far a good film may differ from those of training and still be one: turned by a hand, cropped
# by a viewer, windowed, lettered, of few gray levels. Each with the share of films that it happens
# to.
MAX_TILT = 10.0  # degrees
MAX_CROP = 0.1  # of each side
MAX_FRAME = 0.2  # on each side
GAMMAS = (0.6, 1.6)
STRETCHES = (0.8, 1.6)
LEVELS_LEFT = 8
OFTEN = 0.7
SELDOM = 0.3
WORKING_SIDE = 2 * SIDE  # px, at which a picture is tilted and cropped


def turned(
    small: np.ndarray,  # (n, SIDE, SIDE) uint8
    quarters: int,  # of a whole turn, counter-clockwise
) -> np.ndarray:
    """Turn pictures."""
    return np.ascontiguousarray(np.rot90(small, quarters, (1, 2)))


def inverted(
    small: np.ndarray,  # (n, SIDE, SIDE) uint8
    rng: np.random.Generator,
) -> np.ndarray:
    """Exchange black and white; a third of the pictures is turned besides."""
    found = WHITE - small
    for i in range(0, len(found), 3):
        found[i] = np.rot90(found[i], int(rng.integers(1, 4)))
    return found


def cut(
    small: np.ndarray,  # (n, SIDE, SIDE) uint8
    rng: np.random.Generator,
) -> np.ndarray:
    """Keep the left, right, upper or lower half or so of each picture."""
    found = np.empty_like(small)
    for i, picture in enumerate(small):
        kept = round(SIDE * rng.uniform(*KEPT_OF_CUT))
        parts = (picture[:, :kept], picture[:, -kept:], picture[:kept], picture[-kept:])
        found[i] = thumbnail(np.ascontiguousarray(parts[rng.integers(4)]))
    return found


def varied(
    small: np.ndarray,  # (n, SIDE, SIDE) uint8
    rng: np.random.Generator,
) -> np.ndarray:
    """Change films as other viewers and hands would, each a little, so that all stay films."""
    return np.stack([_varied(picture, rng) for picture in small])


def _varied(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Change one film."""
    large = Image.fromarray(picture).resize((WORKING_SIDE,) * 2, Image.Resampling.BILINEAR)
    if rng.random() < OFTEN:
        tilt = float(rng.uniform(-MAX_TILT, MAX_TILT))
        fill = int(rng.choice([BLACK, int(np.median(picture))]))
        large = large.rotate(tilt, Image.Resampling.BILINEAR, fillcolor=fill)
    if rng.random() < OFTEN:
        left, top, right, bottom = rng.uniform(0, MAX_CROP * WORKING_SIDE, 4).astype(int).tolist()
        large = large.crop((left, top, WORKING_SIDE - right, WORKING_SIDE - bottom))
    if rng.random() < SELDOM:
        large = _framed(large, rng)
    levels = thumbnail(np.asarray(large)) / WHITE
    if rng.random() < OFTEN:
        levels = levels ** rng.uniform(*GAMMAS)
    if rng.random() < SELDOM:
        levels = (levels - 0.5) * rng.uniform(*STRETCHES) + 0.5
    found = (np.clip(levels, 0, 1) * WHITE).astype(np.uint8)
    if rng.random() < SELDOM:
        step = 256 // LEVELS_LEFT
        found = found // step * step
    if rng.random() < SELDOM:
        _mark(found, rng)
    return found


def _framed(picture: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Lay a film on a ground that is black or white, as viewers and light boxes do."""
    left, top, right, bottom = rng.uniform(0, MAX_FRAME * WORKING_SIDE, 4).astype(int).tolist()
    size = (picture.width + left + right, picture.height + top + bottom)
    ground = Image.new("L", size, int(rng.choice([BLACK, WHITE])))
    ground.paste(picture, (left, top))
    return ground


def _mark(
    picture: np.ndarray,  # is changed
    rng: np.random.Generator,
) -> None:
    """Lay a bright side marker into an upper corner."""
    width, height = rng.integers(2, 7, 2)
    x = int(rng.integers(2, 10))
    if rng.random() < 0.5:
        x = SIDE - x - int(width)
    y = int(rng.integers(2, 14))
    picture[y : y + height, x : x + width] = WHITE


# ---- noise


def noise(
    n: int,
    rng: np.random.Generator,
) -> np.ndarray:  # (n, SIDE, SIDE) uint8
    """Draw noise of each pixel, of normal levels, smooth noise, and gradients, in turn."""
    found = np.empty((n, SIDE, SIDE), np.uint8)
    for i in range(n):
        found[i] = NOISES[i % len(NOISES)](rng)
    return found


def _even_noise(rng: np.random.Generator) -> np.ndarray:
    """Draw each pixel for itself, any gray level."""
    return rng.integers(0, 256, (SIDE, SIDE))


def _normal_noise(rng: np.random.Generator) -> np.ndarray:
    """Draw each pixel for itself, about a middle gray."""
    levels = rng.normal(rng.uniform(60, 190), rng.uniform(15, 60), (SIDE, SIDE))
    return np.clip(levels, 0, WHITE)


def _smooth_noise(rng: np.random.Generator) -> np.ndarray:
    """Draw clouds of any size."""
    side = int(2 ** rng.uniform(1, 5.5))
    coarse = Image.fromarray(rng.integers(0, 256, (side, side), np.uint8))
    return np.asarray(coarse.resize((SIDE, SIDE), Image.Resampling.BICUBIC))


def _gradient(rng: np.random.Generator) -> np.ndarray:
    """Draw one slope of gray, straight or round."""
    y, x = np.mgrid[0:SIDE, 0:SIDE] / SIDE
    turn = rng.uniform(0, 2 * np.pi)
    slope = np.cos(turn) * x + np.sin(turn) * y
    if rng.random() < 0.5:
        slope = np.hypot(x - rng.random(), y - rng.random())
    share = (slope - slope.min()) / np.ptp(slope)
    levels = WHITE * share ** rng.uniform(*GAMMAS)
    return levels if rng.random() < 0.5 else WHITE - levels


NOISES: tuple[Callable[[np.random.Generator], np.ndarray], ...] = (
    _even_noise,
    _normal_noise,
    _smooth_noise,
    _gradient,
)


# ---- photographs


def photographs(
    n: int,
    rng: np.random.Generator,
) -> tuple[np.ndarray, list[str]]:  # (n, SIDE, SIDE) uint8; the photograph that each is of
    """Crop photographs: as they are, mirrored, turned, inverted, blurred."""
    from sklearn.datasets import load_sample_image

    grays = {}
    for name in PHOTOGRAPHS:
        grays[name] = np.asarray(Image.fromarray(load_sample_image(name)).convert("L"))
    found = np.empty((n, SIDE, SIDE), np.uint8)
    names = []
    for i in range(n):
        name = PHOTOGRAPHS[i % len(PHOTOGRAPHS)]
        found[i] = _crop(grays[name], rng)
        names.append(name)
    return found, names


def _crop(
    photograph: np.ndarray,  # (h, w) uint8
    rng: np.random.Generator,
) -> np.ndarray:  # (SIDE, SIDE) uint8
    """Cut a piece out of a photograph."""
    shorter = min(photograph.shape)
    height, width = (rng.uniform(LEAST_OF_PHOTOGRAPH, 1, 2) * shorter).astype(int)
    top = rng.integers(photograph.shape[0] - height + 1)
    left = rng.integers(photograph.shape[1] - width + 1)
    piece = thumbnail(np.ascontiguousarray(photograph[top : top + height, left : left + width]))
    if rng.random() < SELDOM:
        piece = _blurred(piece, rng)
    piece = np.rot90(piece, int(rng.integers(4)))
    if rng.random() < SELDOM:
        piece = WHITE - piece
    if rng.random() < 0.5:
        piece = piece[:, ::-1]
    return piece


def _blurred(
    picture: np.ndarray,  # (SIDE, SIDE) uint8
    rng: np.random.Generator,
) -> np.ndarray:
    """Take the fine part out of a picture."""
    side = int(rng.integers(SIDE // 8, SIDE // 2))
    coarse = Image.fromarray(picture).resize((side, side), Image.Resampling.BILINEAR)
    return np.asarray(coarse.resize((SIDE, SIDE), Image.Resampling.BICUBIC))
