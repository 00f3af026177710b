"""Changes to a batch of train images, on the batch's device. (n, 1, h, w) float 0-1 in, the same shape and range out.

Never flips and never turns far: a mirrored chest is another anatomy. What leaves the picture is lost; at the edge where
it is missing the strip beside it is reflected. (Black edges, which validation images do not have, cost much: ResNet18
on PneumoniaMNIST, four epochs of "strong": validation AUROC .929 with them, .988 without.) Draws from torch's global
CPU generator alone, so that a seed makes the run.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from fastai.vision.core import TensorImageBW
from fasttransform import Transform

__all__ = ["Augment", "AMOUNTS", "RANDAUGMENT"]


@dataclass(frozen=True)
class Amounts:
    """Each is drawn evenly from minus to plus the amount."""

    rotate: float  # degrees
    scale: float  # natural logarithm of the zoom
    shift: float  # share of the side
    brightness: float  # added to gray values of 0-1
    contrast: float  # natural logarithm of the factor
    gamma: float  # natural logarithm of the exponent
    aspect: float = 0  # natural logarithm of width by height
    sharpness: float = 0  # minus 1: nine tenths of a 3 x 3 mean; plus 1: as much sharper


# "acquisition" varies most what differs between machines, hospitals and downloads: exposure, sharpness, and the shape
# that squashing to a square took away. Where these go with the class, as in Kermany's train images, a network learns
# them.
AMOUNTS = {
    "mild": Amounts(10, 0.10, 0.05, 0.10, 0.20, 0.20),
    "strong": Amounts(15, 0.20, 0.10, 0.20, 0.40, 0.40),
    "acquisition": Amounts(10, 0.10, 0.05, 0.20, 0.40, 0.40, aspect=0.2, sharpness=1),
}
RANDAUGMENT = dict(
    n=2, strength=0.3
)  # Cubuk et al. 2020 (arXiv 1909.13719): two operations, magnitude 9 of 30
ERASED = (
    0.02,
    0.15,
)  # share of the picture that a rectangle covers; Zhong et al. 2017 (arXiv 1708.04896) go to 0.4


class Augment(Transform):
    """Geometry, gray values and erasing by name; only on train batches."""

    order, split_idx = 50, 0  # after uint8 became float, before normalisation

    def __init__(
        self,
        name: str = "mild",  # mild | strong | acquisition | randaugment | none
        erase: float = 0.0,  # share of the images in which a rectangle is erased
    ):
        super().__init__()
        self.kind, self.erase = name, erase

    def encodes(
        self, x: TensorImageBW
    ):  # dispatched on: no `from __future__ import annotations` in this file
        gray = x.as_subclass(torch.Tensor)  # without fastai's bookkeeping at each operation
        if self.kind in AMOUNTS:
            gray = _varied(gray, AMOUNTS[self.kind])
        if self.kind == "randaugment":
            gray = _randaugment(gray, **RANDAUGMENT)
        if self.erase:
            gray = _erased(gray, self.erase)
        return gray.as_subclass(type(x))


def _even(n: int, amount: float = 1.0) -> torch.Tensor:
    return (torch.rand(n) * 2 - 1) * amount


def _varied(x: torch.Tensor, a: Amounts) -> torch.Tensor:
    n = len(x)
    maps = _maps(
        _even(n, math.radians(a.rotate)),
        _even(n, a.scale).exp(),
        _even(n, 2 * a.shift),
        _even(n, 2 * a.shift),
        aspect=_even(n, a.aspect).exp(),
    )
    x = _gray(
        _moved(x, maps), _even(n, a.gamma).exp(), _even(n, a.contrast).exp(), _even(n, a.brightness)
    )
    return _sharpened(x, _even(n, a.sharpness)) if a.sharpness else x


def _maps(angle, zoom, right, down, shear_x=0.0, shear_y=0.0, aspect=1.0) -> torch.Tensor:
    """(n, 2, 3) maps from places of the new picture to those of the old, both -1 to 1 from edge to edge."""
    cos, sin, zero, wide, tall = (
        angle.cos(),
        angle.sin(),
        torch.zeros_like(angle),
        zoom * aspect**0.5,
        zoom / aspect**0.5,
    )
    rows = (
        [cos / wide, sin / tall + shear_x, right + zero],
        [shear_y - sin / wide, cos / tall, down + zero],
    )
    return torch.stack([torch.stack(row, -1) for row in rows], 1)


def _moved(x: torch.Tensor, maps: torch.Tensor) -> torch.Tensor:
    grid = F.affine_grid(maps.to(x.device, x.dtype), list(x.shape), align_corners=False)
    return F.grid_sample(x, grid, mode="bilinear", padding_mode="reflection", align_corners=False)


def _gray(x: torch.Tensor, gamma, contrast, brightness) -> torch.Tensor:
    """Change `x`, which is the caller's own, in place."""
    gamma, contrast, brightness = (
        v.to(x.device, x.dtype).view(-1, 1, 1, 1) for v in (gamma, contrast, brightness)
    )
    return x.clamp_(min=0).pow_(gamma).sub_(0.5).mul_(contrast).add_(0.5 + brightness).clamp_(0, 1)


def _erased(x: torch.Tensor, share: float) -> torch.Tensor:
    """Fill a rectangle of some images with one gray value."""
    n, _, h, w = x.shape
    area, ratio = torch.empty(n).uniform_(*ERASED), _even(n, math.log(2)).exp()
    tall, wide = (area * ratio).sqrt(), (area / ratio).sqrt()
    top, left, chosen, gray = (
        torch.rand(n) * (1 - tall),
        torch.rand(n) * (1 - wide),
        torch.rand(n) < share,
        torch.rand(n),
    )
    inside = (
        _between(h, top, tall)[:, :, None]
        & _between(w, left, wide)[:, None, :]
        & chosen[:, None, None]
    )[:, None]
    return torch.where(inside.to(x.device), gray.to(x.device, x.dtype).view(-1, 1, 1, 1), x)


def _between(side: int, start, length) -> torch.Tensor:
    """(n, side): is the middle of a pixel within?"""
    at = (torch.arange(side) + 0.5) / side
    return (at >= start[:, None]) & (at < (start + length)[:, None])


# ---- RandAugment: operations by name, each (images, strength -1 to 1 an image) -> images


def _posterized(x, s):
    levels = (
        torch.round(2 ** (8 - 4 * s.abs())).to(x.device, x.dtype).view(-1, 1, 1, 1)
    )  # 256 to 16
    return (x * (levels - 1)).round() / (levels - 1)


def _stretched(x, s):
    low, high = x.amin((1, 2, 3), keepdim=True), x.amax((1, 2, 3), keepdim=True)
    return (x - low) / (high - low).clamp(min=1 / 255)


def _equalized(x, s):
    """Each image's gray values spread evenly over 0-1, by their rank."""
    flat = (x.flatten(1) * 255).long().clamp_(0, 255)
    counts = torch.zeros(len(x), 256, device=x.device).scatter_add_(
        1, flat, torch.ones_like(flat, dtype=torch.float32)
    )
    return (counts.cumsum(1) / flat.shape[1]).gather(1, flat).to(x.dtype).view_as(x)


def _sharpened(x, s):
    """Minus: blurred, plus: sharpened; by up to nine tenths of the difference to a 3 x 3 mean."""
    soft = F.avg_pool2d(F.pad(x, (1, 1, 1, 1), mode="replicate"), 3, 1)
    return (x + (x - soft) * (0.9 * s.to(x.device, x.dtype).view(-1, 1, 1, 1))).clamp_(0, 1)


def _moves(**of):
    """An operation that moves the picture: the strength times `of`, of _maps' arguments."""

    def move(x, s):
        none = torch.zeros(len(s))
        given = {k: s * v for k, v in of.items()}
        zoom = given.pop("zoom", none).exp()
        return _moved(
            x, _maps(**{"angle": none, "zoom": zoom, "right": none, "down": none, **given})
        )

    return move


def _grays(**of):
    def change(x, s):
        one, none = torch.ones(len(s)), torch.zeros(len(s))
        given = {k: s * v if k == "brightness" else (s * v).exp() for k, v in of.items()}
        return _gray(x.clone(), **{"gamma": one, "contrast": one, "brightness": none, **given})

    return change


OPERATIONS = {  # at full strength: 30 degrees, shear of 0.3 as in the paper; no inversion, no flip, no color
    "identity": lambda x, s: x,
    "rotate": _moves(angle=math.radians(30)),
    "zoom": _moves(zoom=0.3),
    "shift_x": _moves(right=0.6),
    "shift_y": _moves(down=0.6),
    "shear_x": _moves(shear_x=0.3),
    "shear_y": _moves(shear_y=0.3),
    "brightness": _grays(brightness=0.6),
    "contrast": _grays(contrast=0.9),
    "gamma": _grays(gamma=0.9),
    "posterize": _posterized,
    "stretch": _stretched,
    "equalize": _equalized,
    "sharpness": _sharpened,
}


def _randaugment(x: torch.Tensor, n: int, strength: float) -> torch.Tensor:
    """`n` operations an image, each drawn evenly from OPERATIONS, to either side by `strength`."""
    for _ in range(n):
        drawn, side = torch.randint(len(OPERATIONS), (len(x),)), _even(len(x)).sign() * strength
        out = torch.empty_like(x)
        for i, change in enumerate(OPERATIONS.values()):
            where = (drawn == i).nonzero()[:, 0]
            if len(where):
                out[where.to(x.device)] = change(x[where.to(x.device)], side[where])
        x = out
    return x
