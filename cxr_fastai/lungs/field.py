"""Where the lungs of a film are, and how much of something lies outside them.

(h, w) uint8 pixels in, a `LungField` out: 64 x 64 points over the whole film. The network travels
with the package (NOTICE.md beside it says from whose masks it learned, and what was not measured).
Needs no torch, writes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import safetensors.numpy
from PIL import Image

from cxr_fastai import images
from cxr_fastai.lungs.network import logits

__all__ = ["SIDE", "WEIGHTS", "LungField", "lung_field", "mean_field", "share_outside"]

SIDE = 64  # points along and down a film
WEIGHTS = Path(__file__).with_name("lungs.safetensors")
LUNGS = 2
# Of the whole film, what is taken for lungs: of 150 films each of six public collections, children
# and adults, it found 14 to 57 % from the 1st to the 99th percentile.
LEAST_SHARE = 0.08
MOST_SHARE = 0.65


@dataclass(frozen=True, eq=False)
class LungField:
    """The lungs of one film."""

    sure: np.ndarray  # (SIDE, SIDE) float16, 0-1: how surely each point is lung

    @property
    def inside(self) -> np.ndarray:  # (SIDE, SIDE) bool
        """The points that are rather lung than not."""
        return self.sure > 0.5

    def on_film(
        self,
        height: int,
        width: int,
    ) -> np.ndarray:  # (height, width) bool
        """Give the lungs on the film's own pixels."""
        sure = Image.fromarray(self.sure.astype(np.float32))
        return np.asarray(sure.resize((width, height), Image.Resampling.BILINEAR)) > 0.5

    @property
    def share(self) -> float:
        """The share of the film that is lung, 0-1."""
        return float(self.inside.mean())

    @property
    def is_plausible(self) -> bool:
        """Whether as much of the film is lung as of a chest film is."""
        return LEAST_SHARE <= self.share <= MOST_SHARE


def lung_field(
    pixels: np.ndarray,  # (h, w) uint8, as from images.decode
) -> LungField:
    """Find the lungs of a film, squashed to a square."""
    square = standardised(images.resize(pixels, SIDE))
    found = logits(square, _weights())
    sure = 1 / (1 + np.exp(-np.clip(found, -30, 30)))
    return LungField(np.where(is_stray(found > 0), 0, sure).astype(np.float16))


def is_stray(
    inside: np.ndarray,  # (side, side) bool
) -> np.ndarray:  # (side, side) bool
    """Tell which points belong to none of the two largest parts: a chest has two lungs.

    On validation that changed 2 of 216 films, and the mean Dice from 0.9466 to 0.9467; on films of
    other machines it takes islands in armpits and bowels off.
    """
    from scipy import ndimage  # which a server that answers without heats does without

    parts, n = ndimage.label(inside)
    sizes = np.bincount(parts.ravel(), minlength=n + 1)
    sizes[0] = 0  # what is no part
    lungs = np.argsort(-sizes, kind="stable")[:LUNGS]
    return inside & ~np.isin(parts, lungs)


def mean_field() -> np.ndarray:  # (SIDE, SIDE) float32, 0-1
    """Give the share of the training films whose lungs hold each point."""
    return _weights()["mean_mask"]


def share_outside(
    heat: np.ndarray,  # (SIDE, SIDE), 0 or more
    inside: np.ndarray,  # (SIDE, SIDE) bool, of a LungField
) -> float | None:  # 0-1; None where there is no heat
    """Tell which share of a heat lies outside the lungs."""
    total = float(heat.sum())
    if total <= 0:
        return None
    return float(heat[~inside].sum()) / total


def standardised(
    square: np.ndarray,  # (side, side) uint8
) -> np.ndarray:  # float32
    """Give gray levels of mean 0 and deviation 1."""
    levels = square.astype(np.float32) / 255
    spread = max(float(levels.std()), 1e-6)
    return (levels - levels.mean()) / spread


@cache
def _weights() -> dict[str, np.ndarray]:
    """Read the network's weights, once a process."""
    weights: dict[str, np.ndarray] = safetensors.numpy.load_file(WEIGHTS)
    return weights
