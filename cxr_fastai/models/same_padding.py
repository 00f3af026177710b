"""Convolutions padded as TensorFlow's SAME: as much as the stride leaves over, and more at the end.

Maps in, maps of ceil(side / stride) out. Of dilation 1.
"""

from __future__ import annotations

import torch
from torch import nn

__all__ = ["SameConv2d"]


class SameConv2d(nn.Conv2d):
    """A convolution whose padding follows the image's side."""

    def forward(
        self,
        x: torch.Tensor,  # (n, in_channels, h, w)
    ) -> torch.Tensor:  # (n, out_channels, ceil(h / stride), ceil(w / stride))
        """Pad with zeros, and convolve."""
        down = _left_over(x.shape[-2], self.kernel_size[0], self.stride[0])
        across = _left_over(x.shape[-1], self.kernel_size[1], self.stride[1])
        before = (across // 2, down // 2)
        sides = [before[0], across - before[0], before[1], down - before[1]]
        padded = nn.functional.pad(x, sides)
        return nn.functional.conv2d(padded, self.weight, self.bias, self.stride, 0, 1, self.groups)


def _left_over(side: int, kernel: int, stride: int) -> int:
    """Count the pixels that are missing of a whole number of strides."""
    steps = -(-side // stride)
    return max((steps - 1) * stride + kernel - side, 0)
