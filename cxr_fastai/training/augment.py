"""Changes to a batch of train images, on the batch's device.

(n, 1, h, w) float 0-1 in, the same shape and range out. Never flips and never turns far: a mirrored
chest is another anatomy. What leaves the picture is lost; at the edge where it is missing the strip
beside it is reflected. (Black edges, which validation images do not have, cost much: ResNet18 on
PneumoniaMNIST, four epochs of "strong": validation AUROC .929 with them, .988 without.) Draws from
torch's global CPU generator alone, so that a seed makes the run.
"""

# no `from __future__ import annotations`: fasttransform dispatches on the annotations of `encodes`

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from fastai.vision.core import TensorImageBW
from fasttransform import Transform  # type: ignore[import-untyped]  # it has no stubs
from torch import Tensor

__all__ = [
    "Augment",
    "Repeat",
    "AMOUNTS",
    "OPERATIONS",
    "RANDAUGMENT_OPERATIONS",
    "RANDAUGMENT_STRENGTH",
]


@dataclass(frozen=True)
class Amounts:
    """How far images may change; each is drawn evenly from minus to plus the amount."""

    rotate: float  # degrees
    scale: float  # natural logarithm of the zoom
    shift: float  # share of the side
    brightness: float  # added to gray values of 0-1
    contrast: float  # natural logarithm of the factor
    gamma: float  # natural logarithm of the exponent
    aspect: float = 0  # natural logarithm of width by height
    sharpness: float = 0  # minus 1: nine tenths of a 3 x 3 mean; plus 1: as much sharper


# "acquisition" varies most what differs between machines, hospitals and downloads: exposure,
# sharpness, and the shape that squashing to a square took away. Where these go with the class, as
# in Kermany's train images, a network learns them.
AMOUNTS = {
    "mild": Amounts(rotate=10, scale=0.10, shift=0.05, brightness=0.10, contrast=0.20, gamma=0.20),
    "strong": Amounts(
        rotate=15, scale=0.20, shift=0.10, brightness=0.20, contrast=0.40, gamma=0.40
    ),
    "acquisition": Amounts(
        rotate=10,
        scale=0.10,
        shift=0.05,
        brightness=0.20,
        contrast=0.40,
        gamma=0.40,
        aspect=0.2,
        sharpness=1,
    ),
}
# Cubuk et al. 2020 (arXiv 1909.13719): two operations, magnitude 9 of 30
RANDAUGMENT_OPERATIONS = 2
RANDAUGMENT_STRENGTH = 0.3
# share of the picture that a rectangle covers; Zhong et al. 2017 (arXiv 1708.04896) go to 0.4
MIN_ERASED = 0.02
MAX_ERASED = 0.15

ALL_PIXELS = (1, 2, 3)  # dimensions of an image in a batch


class Augment(Transform):
    """Geometry, gray values and erasing by name; only on train batches."""

    order = 50  # after uint8 became float, before normalisation
    split_idx = 0  # train

    def __init__(
        self,
        name: str = "mild",  # mild | strong | acquisition | randaugment | none
        erase: float = 0.0,  # share of the images in which a rectangle is erased
    ) -> None:
        super().__init__()
        self.kind = name
        self.erase = erase

    def encodes(self, x: TensorImageBW) -> TensorImageBW:
        """Change a batch, each image in its own way."""
        gray = x.as_subclass(Tensor)  # without fastai's bookkeeping at each operation
        if self.kind in AMOUNTS:
            gray = _varied(gray, AMOUNTS[self.kind])
        if self.kind == "randaugment":
            gray = _randaugment(gray, RANDAUGMENT_OPERATIONS, RANDAUGMENT_STRENGTH)
        if self.erase:
            gray = _erased(gray, self.erase)
        return gray.as_subclass(type(x))


class Repeat(Transform):
    """(n, 1, h, w) gray -> (n, channels, h, w), for networks that were made for colour."""

    order = 98  # after augmentation, before normalisation, which takes each channel alike

    def __init__(
        self,
        channels: int,
    ) -> None:
        super().__init__()
        self.channels = channels

    def encodes(self, x: TensorImageBW) -> TensorImageBW:
        """Repeat the one channel."""
        return x.expand(-1, self.channels, -1, -1)

    def decodes(self, x: TensorImageBW) -> TensorImageBW:
        """Keep one channel, of a batch or of an image."""
        return x[..., :1, :, :]


def _even(
    n: int,
    amount: float = 1.0,
) -> Tensor:  # (n,)
    """Draw `n` numbers evenly from minus to plus the amount."""
    return (torch.rand(n) * 2 - 1) * amount


def _an_image(
    values: Tensor,  # (n,)
    x: Tensor,  # (n, 1, h, w)
) -> Tensor:  # (n, 1, 1, 1)
    """Shape the values so that each of them meets all pixels of its image."""
    return values.to(x.device, x.dtype).view(-1, 1, 1, 1)


def _varied(
    x: Tensor,
    amounts: Amounts,
) -> Tensor:
    """Move, light and sharpen each image by amounts of its own, drawn in this order."""
    n = len(x)
    maps = _maps(
        angle=_even(n, math.radians(amounts.rotate)),
        zoom=_even(n, amounts.scale).exp(),
        right=_even(n, 2 * amounts.shift),
        down=_even(n, 2 * amounts.shift),
        aspect=_even(n, amounts.aspect).exp(),
    )
    changed = _lit(
        _moved(x, maps),
        gamma=_even(n, amounts.gamma).exp(),
        contrast=_even(n, amounts.contrast).exp(),
        brightness=_even(n, amounts.brightness),
    )
    if not amounts.sharpness:
        return changed
    return _sharpened(changed, _even(n, amounts.sharpness))


def _maps(
    angle: Tensor,  # (n,) radians
    zoom: Tensor,  # (n,) factors
    right: Tensor,  # (n,) 2: a whole side
    down: Tensor,
    shear_x: Tensor | float = 0.0,
    shear_y: Tensor | float = 0.0,
    aspect: Tensor | float = 1.0,  # width by height
) -> Tensor:
    """Make (n, 2, 3) maps from places of the new picture to those of the old.

    Places are -1 to 1 from edge to edge.
    """
    cos = angle.cos()
    sin = angle.sin()
    zero = torch.zeros_like(angle)
    wide = zoom * aspect**0.5
    tall = zoom / aspect**0.5
    x_row = torch.stack([cos / wide, sin / tall + shear_x, right + zero], -1)
    y_row = torch.stack([shear_y - sin / wide, cos / tall, down + zero], -1)
    return torch.stack([x_row, y_row], 1)


def _moved(
    x: Tensor,
    maps: Tensor,  # of _maps
) -> Tensor:
    """Move the picture; what is missing at an edge is the reflection of the strip beside it."""
    grid = F.affine_grid(maps.to(x.device, x.dtype), list(x.shape), align_corners=False)
    return F.grid_sample(
        x,
        grid,
        mode="bilinear",
        padding_mode="reflection",
        align_corners=False,
    )


def _lit(
    x: Tensor,  # the caller's own: changed in place
    gamma: Tensor,  # (n,) exponents
    contrast: Tensor,  # (n,) factors around middle gray
    brightness: Tensor,  # (n,) added
) -> Tensor:
    """Change gray values."""
    x.clamp_(min=0).pow_(_an_image(gamma, x))
    x.sub_(0.5).mul_(_an_image(contrast, x)).add_(0.5 + _an_image(brightness, x))
    return x.clamp_(0, 1)


def _erased(x: Tensor, share: float) -> Tensor:
    """Fill a rectangle of some images with one gray value; all is drawn in this order."""
    n, _, height, width = x.shape
    area = torch.empty(n).uniform_(MIN_ERASED, MAX_ERASED)
    ratio = _even(n, math.log(2)).exp()
    tall = (area * ratio).sqrt()
    wide = (area / ratio).sqrt()
    top = torch.rand(n) * (1 - tall)
    left = torch.rand(n) * (1 - wide)
    chosen = torch.rand(n) < share
    gray = torch.rand(n)
    rows = _between(height, top, tall).view(n, 1, height, 1)
    columns = _between(width, left, wide).view(n, 1, 1, width)
    inside = rows & columns & chosen.view(n, 1, 1, 1)
    return torch.where(inside.to(x.device), _an_image(gray, x), x)


def _between(
    side: int,  # px
    start: Tensor,  # (n,) shares of the side
    length: Tensor,  # (n,) likewise
) -> Tensor:  # (n, side) bool
    """Tell of each pixel whether its middle is within."""
    middles = (torch.arange(side) + 0.5) / side
    first = start[:, None]
    last = (start + length)[:, None]
    return (middles >= first) & (middles < last)


# ---- RandAugment: operations by name

# images (n, 1, h, w) and the strength of each, (n,) from -1 to 1 -> images
Operation = Callable[[Tensor, Tensor], Tensor]


def _unchanged(x: Tensor, strength: Tensor) -> Tensor:
    """Return the images as they are."""
    return x


def _posterized(x: Tensor, strength: Tensor) -> Tensor:
    """Round gray values to 256 levels, or down to 16."""
    bits = 8 - 4 * strength.abs()
    levels = _an_image(torch.round(2**bits), x)
    steps = levels - 1
    return (x * steps).round() / steps


def _stretched(x: Tensor, strength: Tensor) -> Tensor:
    """Spread each image's gray values from 0 to 1."""
    low = x.amin(ALL_PIXELS, keepdim=True)
    high = x.amax(ALL_PIXELS, keepdim=True)
    span = (high - low).clamp(min=1 / 255)
    return (x - low) / span


def _equalized(x: Tensor, strength: Tensor) -> Tensor:
    """Spread each image's gray values evenly over 0-1, by their rank."""
    gray = x.flatten(1)
    levels = (gray * 255).long().clamp_(0, 255)
    one_each = torch.ones_like(levels, dtype=torch.float32)
    counts = torch.zeros(len(x), 256, device=x.device)
    counts.scatter_add_(1, levels, one_each)
    ranks = counts.cumsum(1) / gray.shape[1]
    return ranks.gather(1, levels).to(x.dtype).view_as(x)


def _sharpened(x: Tensor, strength: Tensor) -> Tensor:
    """Minus: blurred, plus: sharpened; by up to nine tenths of the difference to a 3 x 3 mean."""
    padded = F.pad(x, (1, 1, 1, 1), mode="replicate")
    soft = F.avg_pool2d(padded, 3, 1)
    amount = 0.9 * _an_image(strength, x)
    return (x + (x - soft) * amount).clamp_(0, 1)


def _moving(**full: float) -> Operation:
    """Make an operation that moves the picture, from what `_maps` takes at full strength.

    Instead of zoom there is its logarithm, log_zoom.
    """

    def move(x: Tensor, strength: Tensor) -> Tensor:
        """Move each image by its strength."""
        none = torch.zeros(len(strength))
        given = {"angle": none, "log_zoom": none, "right": none, "down": none}
        for name, amount in full.items():
            given[name] = strength * amount
        zoom = given.pop("log_zoom").exp()
        return _moved(x, _maps(zoom=zoom, **given))

    return move


def _lighting(
    brightness: float = 0.0,
    log_contrast: float = 0.0,
    log_gamma: float = 0.0,
) -> Operation:
    """Make an operation that changes gray values, from what it does at full strength."""

    def light(x: Tensor, strength: Tensor) -> Tensor:
        """Light each image by its strength."""
        return _lit(
            x.clone(),
            gamma=(strength * log_gamma).exp(),
            contrast=(strength * log_contrast).exp(),
            brightness=strength * brightness,
        )

    return light


# At full strength: 30 degrees, shear of 0.3 as in the paper; no inversion, no flip, no color.
OPERATIONS: dict[str, Operation] = {
    "identity": _unchanged,
    "rotate": _moving(angle=math.radians(30)),
    "zoom": _moving(log_zoom=0.3),
    "shift_x": _moving(right=0.6),
    "shift_y": _moving(down=0.6),
    "shear_x": _moving(shear_x=0.3),
    "shear_y": _moving(shear_y=0.3),
    "brightness": _lighting(brightness=0.6),
    "contrast": _lighting(log_contrast=0.9),
    "gamma": _lighting(log_gamma=0.9),
    "posterize": _posterized,
    "stretch": _stretched,
    "equalize": _equalized,
    "sharpness": _sharpened,
}


def _randaugment(x: Tensor, n: int, strength: float) -> Tensor:
    """Do `n` operations an image, each drawn evenly from OPERATIONS, to either side."""
    for _ in range(n):
        drawn = torch.randint(len(OPERATIONS), (len(x),))
        strengths = _even(len(x)).sign() * strength
        x = _operated(x, drawn, strengths)
    return x


def _operated(
    x: Tensor,
    drawn: Tensor,  # (n,) the index of each image's operation
    strengths: Tensor,  # (n,)
) -> Tensor:
    """Do to each image the operation that was drawn for it."""
    out = torch.empty_like(x)
    for i, operation in enumerate(OPERATIONS.values()):
        chosen = (drawn == i).nonzero()[:, 0]
        if len(chosen):
            on_device = chosen.to(x.device)
            out[on_device] = operation(x[on_device], strengths[chosen])
    return out
