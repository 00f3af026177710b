"""Convolutions that add what the normalisation of a pretrained network's images adds.

Radiographs here are normalised with one mean; a network for colours was trained with other ones, a
mean a colour, and with zeros at the border, which are those means and no gray value. What that adds
to each output is the same for every image: the convolution of ones, with zeros at the border, and a
kernel of its own.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from cxr_fastai.models.same_padding import SameConv2d, is_same_padded

__all__ = ["SHIFT", "Shifted", "ShiftedConv2d", "ShiftedSameConv2d", "plain", "shifted"]

SHIFT = "shift"  # the kernel's name among the tensors of its layer


class Shifted(nn.Conv2d):
    """A convolution that adds a shift."""

    shift: torch.Tensor  # (out_channels, 1, h, w); no parameter: training leaves it alone

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.register_buffer(SHIFT, torch.zeros_like(self.weight[:, :1]))

    def forward(
        self,
        x: torch.Tensor,  # (n, in_channels, h, w)
    ) -> torch.Tensor:
        """Convolve, and add the shift of each place."""
        found = super().forward(x)
        ones = x.new_ones(1, 1, x.shape[-2], x.shape[-1])
        found += self._conv_forward(ones, self.shift, None)
        return found


class ShiftedConv2d(Shifted):
    """torch's convolution, with a shift."""


class ShiftedSameConv2d(Shifted, SameConv2d):
    """TensorFlow's SAME convolution, with a shift."""


def shifted(layer: nn.Conv2d) -> Shifted:
    """Give a layer with the same weights and a shift of zero."""
    kind = ShiftedSameConv2d if is_same_padded(layer) else ShiftedConv2d
    return _remade(layer, kind)


def plain(layer: nn.Conv2d) -> nn.Conv2d:
    """Give a layer with the same weights and without a shift."""
    if not isinstance(layer, Shifted):
        return layer
    kind = SameConv2d if isinstance(layer, SameConv2d) else nn.Conv2d
    return _remade(layer, kind)


def _remade(layer: nn.Conv2d, kind: Any) -> Any:
    """Make a layer of another class that shares the weights of one."""
    with torch.device("meta"):
        new = kind(
            layer.in_channels,
            layer.out_channels,
            layer.kernel_size,
            layer.stride,
            layer.padding,
            layer.dilation,
            layer.groups,
            bias=layer.bias is not None,
        )
    new.weight, new.bias = layer.weight, layer.bias
    if hasattr(new, SHIFT):
        setattr(new, SHIFT, torch.zeros_like(layer.weight[:, :1]).detach())
    return new.train(layer.training)
