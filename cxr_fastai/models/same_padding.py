"""Convolutions padded as TensorFlow's SAME: as much as the stride leaves over, and more at the end.

Maps in, maps of ceil(side / stride) out. Of dilation 1.
"""

from __future__ import annotations

import torch
from torch import nn

__all__ = ["SameConv2d", "is_same_padded"]


class SameConv2d(nn.Conv2d):
    """A convolution whose padding follows the image's side."""

    def _conv_forward(
        self,
        input: torch.Tensor,  # noqa: A002  (n, channels, h, w); torch's own name
        weight: torch.Tensor,
        bias: torch.Tensor | None,
    ) -> torch.Tensor:  # (n, out_channels, ceil(h / stride), ceil(w / stride))
        """Pad with zeros, and convolve: what torch's own forward asks for."""
        height, width = input.shape[-2:]
        down = _left_over(height, self.kernel_size[0], self.stride[0])
        across = _left_over(width, self.kernel_size[1], self.stride[1])
        left = across // 2
        above = down // 2
        sides = [left, across - left, above, down - above]
        padded = nn.functional.pad(input, sides)
        return nn.functional.conv2d(padded, weight, bias, self.stride, 0, 1, self.groups)


def is_same_padded(layer: nn.Module) -> bool:
    """Tell whether a layer pads so, ours or timm's (`Conv2dSame`)."""
    kind = type(layer)
    is_timms = kind.__name__ == "Conv2dSame" and kind.__module__.startswith("timm.")
    return is_timms or isinstance(layer, SameConv2d)


def _left_over(
    side: int,  # px
    kernel: int,  # side of the same direction
    stride: int,
) -> int:
    """Count the pixels that are missing of a whole number of strides."""
    steps = -(-side // stride)
    return max((steps - 1) * stride + kernel - side, 0)
