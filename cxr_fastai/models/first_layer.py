"""A first convolution for colours of their own scale -> one for what this library gives.

A gray image x of the pipeline stands for three equal colours; the network was trained on colours
of another scale, u = gain * x + shift. Gains go into the weights. A shift is the same everywhere
but at the border, where the network was trained with zeros, which are the mean colour and no gray
value: `shifted` adds it, place by place. Exact but for rounding, borders included. Changes no
tensor that it is given.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from cxr_fastai.models.input_scale import InputScale
from cxr_fastai.models.same_padding import is_same_padded
from cxr_fastai.models.shifted import ShiftedConv2d

__all__ = ["Folded", "fold", "why_not_folded"]


@dataclass(frozen=True)
class Folded:
    """What a first convolution is to hold."""

    weight: torch.Tensor  # (out, channels, h, w)
    bias: torch.Tensor | None
    shift: torch.Tensor | None  # (out, 1, h, w); None: none is needed


def why_not_folded(layer: nn.Conv2d) -> str:
    """Say why a scale cannot be folded into a layer; empty where it can.

    A layer that standardises its own weights, as timm's StdConv2d, undoes every gain.
    """
    plain = (nn.Conv2d, ShiftedConv2d)
    if type(layer) not in plain and not is_same_padded(layer):
        return f"it is a {type(layer).__name__}"
    if layer.padding_mode != "zeros":
        return f"it is padded by {layer.padding_mode}"
    return ""


def fold(
    weight: torch.Tensor,  # (out, 1 or 3, h, w), of the pretrained network
    bias: torch.Tensor | None,  # (out,)
    scale: InputScale,  # of the images that it was trained on, of as many channels
    layer: nn.Conv2d,  # that is to hold it, of one input channel or of three equal ones
) -> Folded:
    """Fold a scale into a first convolution; sums are of 64 bits."""
    exact = weight.double()
    shift = (exact * _by_channel(scale.shifts)).sum(1, keepdim=True)
    gained = exact * _by_channel(scale.gains)
    if layer.in_channels == 1:
        gained = gained.sum(1, keepdim=True)
    elif weight.shape[1] == 1:
        gained = gained.expand(-1, layer.in_channels, -1, -1) / layer.in_channels
    folded = gained.to(weight.dtype).contiguous()
    if not any(scale.shifts):
        return Folded(folded, bias, None)
    if bias is not None and not _is_padded(layer):  # the same everywhere
        moved = bias.double() + shift.sum((1, 2, 3))
        return Folded(folded, moved.to(bias.dtype), None)
    return Folded(folded, bias, shift.to(weight.dtype))


def _by_channel(numbers: list[float]) -> torch.Tensor:
    """Lay numbers out over the input channels of a convolution's weights."""
    return torch.tensor(numbers, dtype=torch.float64).view(1, -1, 1, 1)


def _is_padded(layer: nn.Conv2d) -> bool:
    """Tell whether a layer sees zeros beyond the border."""
    if is_same_padded(layer) or isinstance(layer.padding, str):
        return True
    return any(layer.padding)
