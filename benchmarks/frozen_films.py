"""What a pretrained network that is not trained further sees of curated films.

Rows of a folder -> a row of numbers a film, of the whole film or of its lungs alone: cut to their
box, each point told by how far it lies from the gray around it, in deviations of that place, which
takes exposure, collimation and a machine's own curve away. The lungs are those of cxr_fastai.lungs.
Pooled where lung is. Downloads nothing, writes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from scipy import ndimage
from torch import nn

from cxr_fastai import images
from cxr_fastai.lungs.field import lung_field
from cxr_fastai.manifest import Record
from cxr_fastai.models.input_scale import GRAY_MEAN, GRAY_STD
from cxr_fastai.models.networks import build_network
from cxr_fastai.models.weights import load_weights

__all__ = [
    "FILM",
    "LUNGS",
    "OWN",
    "PLAIN",
    "POOLS",
    "VIEWS",
    "Change",
    "frozen_body",
    "frozen_features",
    "gray_squares",
    "own_differences",
    "plain_pool",
]

FILM = "film"  # whole
LUNGS = "lungs"  # cut to their box, gray by its distance from what is around
VIEWS = (FILM, LUNGS)
STORED_SIDE = 128  # px: the films at hand have no more
RIM = 0.06  # of the film's side, left around the lungs' box
AROUND, SPREAD = 16, 24  # px of STORED_SIDE, of the Gaussians of mean gray and deviation
LEAST_DEVIATION = 2  # gray levels
SHOWN = 6  # deviations from black to white
OUTSIDE = 0.01  # what a point outside the lungs weighs in the gray around
GRID = 6  # places along and down, to which maps are pooled; thirds and halves of it are zones
AT_ONCE = 32  # films

Change = Callable[[np.ndarray], np.ndarray]  # (h, w) uint8, of a film, in and out


@dataclass(frozen=True, eq=False)
class View:
    """A film as the network is given it."""

    pixels: np.ndarray  # (side, side) float32, 0-1
    weight: np.ndarray  # (side, side) float32, 0-1: what counts when features are pooled


# ---- features of a network


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
    pool: str,  # one of POOLS
    change: Change | None = None,  # what happens to each film first
) -> np.ndarray:  # (n, f)
    """Compute the features of films."""
    pooled = partial(_pooled, body, POOLS[pool])
    return np.concatenate([pooled(batch) for batch in _batches(root, rows, view, side, change)])


def _pooled(
    body: nn.Module,
    pool: Callable[[np.ndarray, np.ndarray], np.ndarray],
    views: Sequence[View],
) -> np.ndarray:  # (n, f)
    """Run the body and pool its maps."""
    pixels = torch.from_numpy(np.stack([view.pixels for view in views]))[:, None]
    weights = torch.from_numpy(np.stack([view.weight for view in views]))[:, None]
    squeeze = nn.functional.adaptive_avg_pool2d
    with torch.inference_mode():
        maps = squeeze(body((pixels - GRAY_MEAN) / GRAY_STD), GRID)
        weigh = squeeze(weights, GRID) + 1e-3
    return pool(maps.numpy(), weigh.numpy())


def plain_pool(
    maps: np.ndarray,  # (n, channels, GRID, GRID)
    weigh: np.ndarray,  # (n, 1, GRID, GRID)
) -> np.ndarray:  # (n, 3 * channels)
    """Take the means of all, and the means and deviations where the views weigh."""
    mean, deviation = _moments(maps, weigh)
    return np.concatenate([maps.mean(axis=(2, 3)), mean, deviation], axis=1)


def own_differences(
    maps: np.ndarray,  # (n, channels, GRID, GRID)
    weigh: np.ndarray,  # (n, 1, GRID, GRID)
) -> np.ndarray:  # (n, 10 * channels)
    """Tell a film by its own differences, and each third by its fuller and its emptier side.

    Tuberculosis is seldom even: it sits above, and on one side more. Which side is not asked.
    """
    upper, lower = [_sides(maps, weigh, rows) for rows in _parts(2)]
    parts = [_moments(maps, weigh)[1]]
    parts += [abs(left - right) for left, right in (upper, lower)]
    parts.append(upper[0] + upper[1] - lower[0] - lower[1])
    for rows in _parts(3):
        sides = np.stack(_sides(maps, weigh, rows))
        parts += [sides.max(axis=0), sides.min(axis=0)]
    return np.concatenate(parts, axis=1)


PLAIN = "plain"
OWN = "own differences"
POOLS = {PLAIN: plain_pool, OWN: own_differences}


def _moments(
    maps: np.ndarray,  # (n, channels, h, w)
    weigh: np.ndarray,  # (n, 1, h, w)
) -> tuple[np.ndarray, np.ndarray]:  # (n, channels) each
    """Take weighed means and deviations."""
    total = weigh.sum(axis=(2, 3))
    mean = (maps * weigh).sum(axis=(2, 3)) / total
    square = (maps**2 * weigh).sum(axis=(2, 3)) / total
    return mean, np.sqrt(np.maximum(square - mean**2, 0))


def _parts(n: int) -> list[slice]:
    """Cut the grid into equal parts, from above."""
    step = GRID // n
    return [slice(first, first + step) for first in range(0, GRID, step)]


def _sides(
    maps: np.ndarray,  # (n, channels, GRID, GRID)
    weigh: np.ndarray,  # (n, 1, GRID, GRID)
    rows: slice,
) -> list[np.ndarray]:  # left and right of the picture, (n, channels) each
    """Take weighed means of both sides of some rows."""
    return [_moments(maps[:, :, rows, half], weigh[:, :, rows, half])[0] for half in _parts(2)]


# ---- gray levels, for floors


def gray_squares(
    root: Path,  # of the curated folder
    rows: Sequence[Record],
    view: str,  # one of VIEWS
    side: int,  # squares along and down, that divides STORED_SIDE
    change: Change | None = None,  # what happens to each film first
) -> np.ndarray:  # (n, side * side)
    """Take the mean gray of squares: the pixel floor of a view."""
    step = STORED_SIDE // side
    parts = []
    for batch in _batches(root, rows, view, STORED_SIDE, change):
        stack = np.stack([one.pixels for one in batch])
        squares = stack.reshape(len(batch), side, step, side, step).mean(axis=(2, 4))
        parts.append(squares.reshape(len(batch), -1))
    return np.concatenate(parts)


# ---- films


def _batches(
    root: Path,
    rows: Sequence[Record],
    view: str,
    side: int,  # px
    change: Change | None,
) -> Iterator[list[View]]:
    """Read some films at a time."""
    for first in range(0, len(rows), AT_ONCE):
        some = rows[first : first + AT_ONCE]
        yield [_view(_read(root / row.path, change), view, side) for row in some]


def _read(file: Path, change: Change | None) -> np.ndarray:  # (STORED_SIDE, STORED_SIDE) uint8
    """Read a film and let it be changed."""
    square = images.resize(images.decode(file), STORED_SIDE)
    if change is None:
        return square
    return images.resize(change(square), STORED_SIDE)


def _view(
    square: np.ndarray,  # (STORED_SIDE, STORED_SIDE) uint8
    view: str,
    side: int,  # px
) -> View:
    """Make what the network is given of a film."""
    field = lung_field(square)
    sure = _enlarged(field.sure, STORED_SIDE)
    if not field.is_plausible:
        sure = np.ones_like(sure)
    if view == FILM:
        return View(_enlarged(square, side) / 255, _enlarged(sure, side))
    inside = sure > 0.5
    box = _box_of(inside)
    return View(_enlarged(_locally(square, inside), side, box), _enlarged(sure, side, box))


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


def _locally(
    square: np.ndarray,  # (h, w) uint8
    inside: np.ndarray,  # (h, w) bool
) -> np.ndarray:  # (h, w) float32, 0-1
    """Give each point its distance from the gray around, in deviations of that place."""
    gray = square.astype(np.float32)
    weigh = inside.astype(np.float32) + OUTSIDE
    apart = gray - _around(gray, weigh, AROUND)
    deviation = np.sqrt(_around(apart**2, weigh, SPREAD)) + LEAST_DEVIATION
    return np.clip(0.5 + apart / deviation / SHOWN, 0, 1)


def _around(
    picture: np.ndarray,  # (h, w) float32
    weigh: np.ndarray,  # (h, w) float32
    width: float,  # px, of the Gaussian
) -> np.ndarray:  # (h, w) float32
    """Take a weighed mean around each point."""
    blurred: np.ndarray = ndimage.gaussian_filter(picture * weigh, width)
    return blurred / ndimage.gaussian_filter(weigh, width)


def _enlarged(
    picture: np.ndarray,  # (h, w)
    side: int,  # px
    box: tuple[float, float, float, float] | None = None,  # left, top, right, bottom; None: all
) -> np.ndarray:  # (side, side) float32
    """Resize a part of a picture."""
    whole = Image.fromarray(picture.astype(np.float32))
    return np.asarray(whole.resize((side, side), Image.Resampling.BILINEAR, box=box))
