"""Which sides of square images a network takes.

A network of `build_network` and a side in, a reason or a side out. A copy without weights is run
on an image without pixels (torch's meta device): shapes alone are computed, no weight is touched,
copied or changed. Never imports fastai, fetches nothing.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import nn

from cxr_fastai.core import one_line

__all__ = ["why_not", "nearest_side"]

# Side of ImageNet's images, px, at which torchvision's networks are made.
USUAL_SIDE = 224


def why_not(
    net: nn.Sequential,  # of build_network
    side: int,  # px
    in_channels: int = 1,
) -> str:  # empty: it takes them
    """Say why a network cannot take square images of this side.

    A network of which the shapes cannot be computed alone is run on a black image instead: 0.02 to
    0.5 s against 0.6 to 4 s on two cores (28 networks of torchvision and timm at 48 px).
    """
    if not _reason(_without_weights(net), side, in_channels):
        return ""
    return _reason(copy.deepcopy(net), side, in_channels)


def nearest_side(
    net: nn.Sequential,  # of build_network
    side: int,  # px, that it does not take
    in_channels: int = 1,
) -> int | None:  # px; None: none was found
    """Find a side that a network takes.

    That it was made for, as timm states it; where that is not the only one, the least that a
    bisection between `side` and it finds.
    """
    trial = _without_weights(net)
    stated = _stated(net)
    works = int(stated.get("input_size", [USUAL_SIDE])[-1])
    if _reason(trial, works, in_channels):
        trial = copy.deepcopy(net)
        if _reason(trial, works, in_channels):
            return None
    if stated.get("fixed_input_size"):
        return works
    fails = side
    while works - fails > 1:
        middle = (works + fails) // 2
        if _reason(trial, middle, in_channels):
            fails = middle
        else:
            works = middle
    return works


def _stated(net: nn.Sequential) -> dict[str, Any]:
    """Return what timm states of one of its networks (`pretrained_cfg`); empty of others."""
    for part in net[0]:
        stated = getattr(part, "pretrained_cfg", None)
        if stated:
            return dict(stated)
    return {}


def _without_weights(net: nn.Sequential) -> nn.Sequential:
    """Copy a network without its numbers: shapes alone."""
    tensors = [*net.parameters(), *net.buffers()]
    shapes: dict[int, object] = {id(tensor): _shape_of(tensor) for tensor in tensors}
    return copy.deepcopy(net, shapes)


def _shape_of(tensor: torch.Tensor) -> torch.Tensor:
    """Return a tensor that has shape and kind of another, and no numbers."""
    shape = torch.empty_like(tensor, device="meta", requires_grad=False)
    if isinstance(tensor, nn.Parameter):
        return nn.Parameter(shape, requires_grad=False)
    return shape


def _reason(
    net: nn.Sequential,  # a copy: it is put into evaluation
    side: int,  # px
    in_channels: int,
) -> str:
    """Return what a run on one image of this side fails with; empty where it does not."""
    device = next(net.parameters()).device
    black = torch.zeros(1, in_channels, side, side, device=device)
    try:
        with torch.no_grad():
            net.eval()(black)
    except Exception as e:  # each library has errors of its own for what does not fit
        return one_line(e) or type(e).__name__
    return ""
