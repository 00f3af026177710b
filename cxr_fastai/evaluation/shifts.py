"""A film as another machine or hospital would have had it: exposure, sharpness, crop, file.

(h, w) uint8 and a generator in, the same kind out. Never flips, never turns, hides no lung: the
label stays true. For a validation that resembles the shift to other hospitals; nothing trains on
it.
"""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO

import numpy as np
from PIL import Image, ImageFilter

__all__ = ["Shift", "draw_shift", "shift", "seed_of"]

# Where an official test differs from its train images (Kermany's normals: other years, sizes and
# exposures), validation by patients cannot show it. The ranges are wider than those of training's
# "acquisition" (training/augment.py), and of other kinds: files, window and resolution are not
# among those, so that whoever trains with it is not judged by its own pictures.
MOST_CROPPED = 0.10  # share of a side
LEAST_RESOLUTION = 0.35  # of the side, where the film was once smaller: blur
MOST_SHARPENED = 150  # %, of Pillow's unsharp mask
GAMMA = 0.6  # natural logarithm of the exponent
MOST_WINDOW = 0.15  # of the gray range, cut or left empty at either end
LEAST_QUALITY, MOST_QUALITY = 25, 95  # of a JPEG
ODDS = 0.5  # of each of two ways


@dataclass(frozen=True)
class Shift:
    """What happens to one film."""

    cut: tuple[float, float, float, float]  # left, top, right, bottom; shares of a side
    resolution: float  # 0-1 of the side; 1: as it is
    sharpened: int  # %, 0: not
    gamma: float  # exponent
    low: float  # share of the gray range
    high: float
    is_stretched: bool  # the window is cut to low and high; False: squeezed between them
    quality: int  # of a JPEG


def draw_shift(
    draws: np.random.Generator,
) -> Shift:
    """Draw what happens to one film."""
    left, top, right, bottom = draws.uniform(0, MOST_CROPPED, 4).tolist()
    resolution = float(draws.uniform(LEAST_RESOLUTION, 1))
    sharpened = int(draws.uniform(0, MOST_SHARPENED))
    is_sharpened = bool(draws.uniform() < ODDS)
    low, high = draws.uniform(0, MOST_WINDOW, 2).tolist()
    return Shift(
        cut=(left, top, right, bottom),
        resolution=1.0 if is_sharpened else resolution,
        sharpened=sharpened if is_sharpened else 0,
        gamma=float(np.exp(draws.uniform(-GAMMA, GAMMA))),
        low=low,
        high=1 - high,
        is_stretched=bool(draws.uniform() < ODDS),
        quality=int(draws.integers(LEAST_QUALITY, MOST_QUALITY, endpoint=True)),
    )


def shift(
    pixels: np.ndarray,  # (h, w) uint8
    how: Shift,
) -> np.ndarray:  # (h', w') uint8; smaller by what is cut
    """Make the film what `how` says."""
    film = Image.fromarray(_relit(_cut(pixels, how), how))
    film = _resharpened(film, how)
    file = BytesIO()
    film.save(file, "JPEG", quality=how.quality)
    return np.asarray(Image.open(file).convert("L"))


def seed_of(
    pixel_sha256: str,  # of a film
    of_round: int,
    seed: int,
) -> np.random.Generator:
    """Return the draws of one film in one round, whatever films stand beside it."""
    return np.random.default_rng([seed, of_round, int(pixel_sha256[:16], 16)])


def _cut(pixels: np.ndarray, how: Shift) -> np.ndarray:
    """Cut the edges off."""
    height, width = pixels.shape
    left, top, right, bottom = how.cut
    rows = slice(int(top * height), height - int(bottom * height))
    columns = slice(int(left * width), width - int(right * width))
    return pixels[rows, columns]


def _relit(pixels: np.ndarray, how: Shift) -> np.ndarray:
    """Change exposure and window."""
    gray = (pixels / 255.0) ** how.gamma
    if how.is_stretched:
        gray = (gray - how.low) / (how.high - how.low)
    else:
        gray = how.low + gray * (how.high - how.low)
    return np.rint(gray.clip(0, 1) * 255).astype(np.uint8)


def _resharpened(film: Image.Image, how: Shift) -> Image.Image:
    """Sharpen, or bring to a smaller size and back."""
    if how.sharpened:
        return film.filter(ImageFilter.UnsharpMask(2, how.sharpened, 0))
    if how.resolution == 1:
        return film
    small = [max(1, round(side * how.resolution)) for side in film.size]
    reduced = film.resize((small[0], small[1]), Image.Resampling.BOX)
    return reduced.resize(film.size, Image.Resampling.BILINEAR)
