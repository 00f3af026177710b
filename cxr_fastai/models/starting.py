"""How weights start: drawn at random, where they have memory.

A weight in, the same weight filled. torch draws on its meta device through its compiler, whose
import takes 1.4 s of a processor; a network that is to be read from a file draws nothing.
"""

from __future__ import annotations

import torch
from torch import nn

__all__ = ["draw_kaiming"]


def draw_kaiming(
    weight: torch.Tensor,
    mode: str = "fan_in",  # of nn.init.kaiming_normal_
    nonlinearity: str = "leaky_relu",  # of nn.init.kaiming_normal_
) -> None:
    """Draw weights from He's normal distribution (arXiv:1502.01852)."""
    if not weight.is_meta:
        nn.init.kaiming_normal_(weight, mode=mode, nonlinearity=nonlinearity)
