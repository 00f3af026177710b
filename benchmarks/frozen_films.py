"""What a pretrained network that is not trained further sees of curated films.

Rows of a folder -> a row of numbers a film, of the whole film or of its lungs alone: cut to their
box, gray levels dealt evenly among the lungs' points, which takes exposure, collimation and a
machine's own curve away. Pooled where lung is. The lungs are those of cxr_fastai.lungs. Downloads
nothing, writes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn

from cxr_fastai import images
from cxr_fastai.lungs.field import lung_field
from cxr_fastai.manifest import Record
from cxr_fastai.models.input_scale import GRAY_MEAN, GRAY_STD
from cxr_fastai.models.networks import build_network
from cxr_fastai.models.weights import load_weights

__all__ = ["FILM", "LUNGS", "VIEWS", "frozen_body", "frozen_features"]

FILM = "film"  # whole
LUNGS = "lungs"  # cut to their box, and evened
VIEWS = (FILM, LUNGS)
STORED_SIDE = 128  # px: the films at hand have no more
RIM = 0.06  # of the film's side, left around the lungs' box
AT_ONCE = 32  # films


@dataclass(frozen=True, eq=False)
class View:
    """A film as the network is given it."""

    pixels: np.ndarray  # (side, side) float32, 0-1
    weight: np.ndarray  # (side, side) float32, 0-1: what counts when features are pooled


def frozen_body(
    arch: str,
    weights: str,  # imagenet, a file, none
    layers: int | None,  # of the body, from the first; None: all
) -> nn.Module:
    """Build the part of a body that features come from."""
    torch.manual_seed(0)
    net = build_network(arch, 1)
    load_weights(net, weights, arch)
    return net[0][:layers].eval()


def frozen_features(
    body: nn.Module,
    root: Path,  # of the curated folder
    rows: Sequence[Record],
    view: str,  # one of VIEWS
    side: int,  # px
) -> np.ndarray:  # (n, 3 * channels): means of all, means and deviations of the lungs
    """Compute the features of films."""
    parts = [_pooled(body, batch) for batch in _batches(root, rows, view, side)]
    return np.concatenate(parts)


def _batches(
    root: Path,
    rows: Sequence[Record],
    view: str,
    side: int,  # px
) -> Iterator[list[View]]:
    """Read some films at a time."""
    for first in range(0, len(rows), AT_ONCE):
        some = rows[first : first + AT_ONCE]
        yield [_view(images.decode(root / row.path), view, side) for row in some]


def _view(
    pixels: np.ndarray,  # (h, w) uint8
    view: str,
    side: int,  # px
) -> View:
    """Make what the network is given of a film."""
    square = images.resize(pixels, STORED_SIDE)
    field = lung_field(square)
    sure = _enlarged(field.sure.astype(np.float32), STORED_SIDE)
    if not field.is_plausible:
        sure = np.ones_like(sure)
    if view == FILM:
        return View(_enlarged(square, side) / 255, _enlarged(sure, side))
    inside = sure > 0.5
    box = _box_of(inside)
    even = _evened(square, inside)
    return View(_enlarged(even, side, box) / 255, _enlarged(sure, side, box))


def _box_of(
    inside: np.ndarray,  # (h, w) bool
) -> tuple[float, float, float, float]:  # left, top, right, bottom
    """Give the box of the lungs with a rim around."""
    height, width = inside.shape
    rows = np.flatnonzero(inside.any(axis=1))
    columns = np.flatnonzero(inside.any(axis=0))
    return (
        max(0, columns[0] - RIM * width),
        max(0, rows[0] - RIM * height),
        min(width, columns[-1] + 1 + RIM * width),
        min(height, rows[-1] + 1 + RIM * height),
    )


def _evened(
    square: np.ndarray,  # (h, w) uint8
    inside: np.ndarray,  # (h, w) bool
) -> np.ndarray:  # (h, w) float32, 0-255
    """Give each gray level the share of the lung's points that are darker."""
    levels = np.sort(square[inside])
    darker = np.searchsorted(levels, square.ravel()) / len(levels)
    return (255 * darker).reshape(square.shape).astype(np.float32)


def _enlarged(
    picture: np.ndarray,  # (h, w)
    side: int,  # px
    box: tuple[float, float, float, float] | None = None,  # left, top, right, bottom; None: all
) -> np.ndarray:  # (side, side) float32
    """Resize a part of a picture."""
    whole = Image.fromarray(picture.astype(np.float32))
    return np.asarray(whole.resize((side, side), Image.Resampling.BILINEAR, box=box))


def _pooled(
    body: nn.Module,
    views: Sequence[View],
) -> np.ndarray:  # (n, 3 * channels)
    """Run the body; take the mean of its maps, and mean and deviation where the views weigh."""
    pixels = torch.from_numpy(np.stack([view.pixels for view in views]))[:, None]
    weights = torch.from_numpy(np.stack([view.weight for view in views]))[:, None]
    with torch.inference_mode():
        maps = body((pixels - GRAY_MEAN) / GRAY_STD)
        weigh = nn.functional.adaptive_avg_pool2d(weights, maps.shape[2:]) + 1e-3
        total = weigh.sum(dim=(2, 3))
        mean = (maps * weigh).sum(dim=(2, 3)) / total
        square = (maps**2 * weigh).sum(dim=(2, 3)) / total
    deviation = (square - mean**2).clamp(min=0).sqrt()
    features: np.ndarray = torch.cat([maps.mean(dim=(2, 3)), mean, deviation], dim=1).numpy()
    return features
