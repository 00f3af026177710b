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

BILINEAR = Image.Resampling.BILINEAR
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


def _varied(
    picture: np.ndarray,  # (SIDE, SIDE) uint8
    rng: np.random.Generator,
) -> np.ndarray:
    """Change one film."""
    large = Image.fromarray(picture).resize((WORKING_SIDE, WORKING_SIDE), BILINEAR)
    if rng.random() < OFTEN:
        large = _tilted(large, rng)
    if rng.random() < OFTEN:
        large = _cropped(large, rng)
    if rng.random() < SELDOM:
        large = _framed(large, rng)
    found = _windowed(thumbnail(np.asarray(large)), rng)
    if rng.random() < SELDOM:
        step = 256 // LEVELS_LEFT
        found = found // step * step
    if rng.random() < SELDOM:
        _mark(found, rng)
    return found


def _tilted(
    picture: Image.Image,
    rng: np.random.Generator,
) -> Image.Image:
    """Turn a film by a few degrees; what comes into sight is black or gray."""
    tilt = float(rng.uniform(-MAX_TILT, MAX_TILT))
    middle = int(np.median(np.asarray(picture)))
    fill = BLACK if rng.random() < 0.5 else middle
    return picture.rotate(tilt, BILINEAR, fillcolor=fill)


def _margins(
    most: float,  # of each side, as a share
    rng: np.random.Generator,
) -> list[int]:  # left, top, right, bottom, px
    """Draw a margin for each side."""
    margins = rng.uniform(0, most * WORKING_SIDE, 4)
    found: list[int] = margins.astype(int).tolist()
    return found


def _cropped(
    picture: Image.Image,
    rng: np.random.Generator,
) -> Image.Image:
    """Cut a little off each side."""
    left, top, right, bottom = _margins(MAX_CROP, rng)
    box = (left, top, picture.width - right, picture.height - bottom)
    return picture.crop(box)


def _framed(
    picture: Image.Image,
    rng: np.random.Generator,
) -> Image.Image:
    """Lay a film on a ground that is black or white, as viewers and light boxes do."""
    left, top, right, bottom = _margins(MAX_FRAME, rng)
    width = picture.width + left + right
    height = picture.height + top + bottom
    gray = BLACK if rng.random() < 0.5 else WHITE
    ground = Image.new("L", (width, height), gray)
    ground.paste(picture, (left, top))
    return ground


def _windowed(
    picture: np.ndarray,  # (SIDE, SIDE) uint8
    rng: np.random.Generator,
) -> np.ndarray:  # uint8
    """Bend and stretch gray levels, as another exposure and another window do."""
    levels = picture / WHITE
    if rng.random() < OFTEN:
        levels = levels ** rng.uniform(*GAMMAS)
    if rng.random() < SELDOM:
        stretch = rng.uniform(*STRETCHES)
        levels = (levels - 0.5) * stretch + 0.5
    bounded = np.clip(levels, 0, 1) * WHITE
    found: np.ndarray = bounded.astype(np.uint8)
    return found


def _mark(
    picture: np.ndarray,  # is changed
    rng: np.random.Generator,
) -> None:
    """Lay a bright side marker into an upper corner."""
    width = int(rng.integers(2, 7))
    height = int(rng.integers(2, 7))
    x = int(rng.integers(2, 10))
    y = int(rng.integers(2, 14))
    if rng.random() < 0.5:
        x = SIDE - x - width
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


def _even_noise(
    rng: np.random.Generator,
) -> np.ndarray:  # (SIDE, SIDE)
    """Draw each pixel for itself, any gray level."""
    return rng.integers(0, 256, (SIDE, SIDE))


def _normal_noise(
    rng: np.random.Generator,
) -> np.ndarray:  # (SIDE, SIDE)
    """Draw each pixel for itself, about a middle gray."""
    middle = rng.uniform(60, 190)
    deviation = rng.uniform(15, 60)
    levels = rng.normal(middle, deviation, (SIDE, SIDE))
    return np.clip(levels, BLACK, WHITE)


def _smooth_noise(
    rng: np.random.Generator,
) -> np.ndarray:  # (SIDE, SIDE)
    """Draw clouds of any size."""
    side = int(2 ** rng.uniform(1, 5.5))
    grains = rng.integers(0, 256, (side, side), np.uint8)
    return _enlarged(grains)


def _gradient(
    rng: np.random.Generator,
) -> np.ndarray:  # (SIDE, SIDE)
    """Draw one slope of gray, straight or round, dark or bright where it begins."""
    y, x = np.mgrid[0:SIDE, 0:SIDE] / SIDE
    if rng.random() < 0.5:
        slope = np.hypot(x - rng.random(), y - rng.random())
    else:
        turn = rng.uniform(0, 2 * np.pi)
        slope = np.cos(turn) * x + np.sin(turn) * y
    least = slope.min()
    share = (slope - least) / (slope.max() - least)
    levels = WHITE * share ** rng.uniform(*GAMMAS)
    return levels if rng.random() < 0.5 else WHITE - levels


def _enlarged(
    coarse: np.ndarray,  # (s, s) uint8
) -> np.ndarray:  # (SIDE, SIDE) uint8
    """Enlarge a picture smoothly."""
    large = Image.fromarray(coarse).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    return np.asarray(large)


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
    piece = thumbnail(_piece(photograph, rng))
    if rng.random() < SELDOM:
        piece = _blurred(piece, rng)
    quarters = int(rng.integers(4))
    piece = np.rot90(piece, quarters)
    if rng.random() < SELDOM:
        piece = WHITE - piece
    if rng.random() < 0.5:
        piece = piece[:, ::-1]
    return piece


def _piece(
    photograph: np.ndarray,  # (h, w) uint8
    rng: np.random.Generator,
) -> np.ndarray:
    """Take a rectangle out of a photograph."""
    shorter = min(photograph.shape)
    shares = rng.uniform(LEAST_OF_PHOTOGRAPH, 1, 2)
    height, width = (shares * shorter).astype(int)
    top = rng.integers(photograph.shape[0] - height + 1)
    left = rng.integers(photograph.shape[1] - width + 1)
    rows = photograph[top : top + height]
    return np.ascontiguousarray(rows[:, left : left + width])


def _blurred(
    picture: np.ndarray,  # (SIDE, SIDE) uint8
    rng: np.random.Generator,
) -> np.ndarray:
    """Take the fine part out of a picture."""
    side = int(rng.integers(SIDE // 8, SIDE // 2))
    coarse = Image.fromarray(picture).resize((side, side), BILINEAR)
    return _enlarged(np.asarray(coarse))
