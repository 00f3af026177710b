"""Where a network's answer is most sensitive: Grad-CAM at the last layer that has places.

A network of body and head and one input -> a small map, 0 or more. It does not show why a network
answers as it does (Selvaraju et al. 2017, arXiv 1610.02391; how far such maps are from what people
mark on radiographs: Saporta et al. 2022, doi 10.1038/s42256-022-00536-x). Changes no weight, no
gradient and no setting of the network beside its `eval`, as every prediction does.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import isqrt
from typing import Any

import numpy as np
import torch
from torch import nn

from cxr_fastai.core import UsageError

__all__ = ["LEAST_PLACES", "sensitivity"]

# Places along a map. Of 2 x 2 nothing can be said of a lung: then an earlier layer is asked.
LEAST_PLACES = 4
# A layer has at most one place for so many pixels along the input: maps of attention between
# tokens, which are squares too, have more.
LEAST_STRIDE = 4

Score = Callable[[torch.Tensor], torch.Tensor]  # (1, classes) logits -> a number


@dataclass(frozen=True, eq=False)
class _Layer:
    """What one module gave for the input."""

    given: torch.Tensor
    channels_at: int  # the dimension of its channels
    skipped: int  # tokens before those of places

    @property
    def channels(self) -> int:
        """How many channels it has."""
        return self.given.shape[self.channels_at]


def sensitivity(
    net: nn.Sequential,  # of build_network: body, head
    x: torch.Tensor,  # (1, in_channels, size, size), on the network's device
    score: Score,  # what the gradient is of
) -> np.ndarray:  # (rows, columns) float32, 0 or more; all 0 where no place raises the score
    """Weigh each channel of the last layer with places by its mean gradient, and add them up.

    Raises `UsageError` for a network none of whose layers has places.
    """
    net.eval()
    body, head = net
    with torch.inference_mode(False), torch.enable_grad():
        own = x.detach().clone()
        with torch.no_grad():
            last = body(own)
        if last.shape[-1] >= LEAST_PLACES:
            return _of_last(last, head, score)
        return _of_inner(net, own, score)


def _of_last(
    last: torch.Tensor,  # (1, channels, rows, columns) that the head pools
    head: nn.Module,
    score: Score,
) -> np.ndarray:
    """Take the gradient at what the head pools."""
    leaf = last.detach().clone().requires_grad_()
    (slope,) = torch.autograd.grad(score(head(leaf)), leaf)
    return _weighed(leaf, slope)


def _weighed(
    maps: torch.Tensor,  # (1, channels, rows, columns)
    slope: torch.Tensor,  # the same shape
) -> np.ndarray:  # (rows, columns) float32
    """Add up the channels, each by its mean gradient; what is below 0 speaks against."""
    weights = slope.mean((2, 3), keepdim=True)
    total = (weights * maps).sum(1)[0].clamp_min(0)
    found: np.ndarray = total.detach().float().cpu().numpy()
    return found


# ---- networks that pool for themselves: vision transformers, timm's


def _of_inner(
    net: nn.Sequential,
    x: torch.Tensor,
    score: Score,
) -> np.ndarray:
    """Take the gradient at the last inner layer whose places the answer hangs on."""
    with _recording(net) as given:
        value = score(net(x.requires_grad_()))
    layers = list(_layers(given, net[0], x.shape[-1]))
    if not layers:
        raise _no_places()
    slopes = torch.autograd.grad(value, [one.given for one in layers], allow_unused=True)
    pairs = list(zip(layers, slopes))
    widths = _widths(net)
    last = [(layer, slope) for layer, slope in pairs if layer.channels in widths]
    for layer, slope in [*reversed(last), *reversed(pairs)]:
        if slope is None:
            continue
        slope_map = _as_map(layer, slope)
        if slope_map.any():
            return _weighed(_as_map(layer, layer.given), slope_map)
    raise _no_places()


def _no_places() -> UsageError:
    """Say that nothing can be shown."""
    return UsageError(
        "no layer of this network has places that its answer hangs on: nothing can be shown on "
        "the film."
    )


@contextmanager
def _recording(net: nn.Module) -> Iterator[list[torch.Tensor]]:
    """List what every module gives, in order, in this thread alone."""
    given: list[torch.Tensor] = []
    thread = threading.get_ident()

    def note(module: nn.Module, inputs: Any, output: Any) -> None:
        """Keep what a module gave to this thread."""
        if threading.get_ident() == thread and isinstance(output, torch.Tensor):
            given.append(output)

    handles = [module.register_forward_hook(note) for module in net[0].modules()]
    try:
        yield given
    finally:
        for handle in handles:
            handle.remove()


def _widths(net: nn.Sequential) -> set[int]:
    """Tell how many channels the last layers of a body have."""
    found = {module.num_features // 2 for module in net[1] if isinstance(module, nn.BatchNorm1d)}
    own = [getattr(module, "num_features", None) for module in net[0].children()]
    return found.union(width for width in own if isinstance(width, int))


def _layers(
    given: list[torch.Tensor],
    body: nn.Module,
    size: int,  # side of the input
) -> Iterator[_Layer]:
    """Keep what has places: squares, and rows of tokens that are one."""
    before = _tokens_before(body)
    for one in given:
        if not one.requires_grad or not one.is_floating_point() or one.shape[0] != 1:
            continue
        layer = _as_layer(one, before)
        if layer is None:
            continue
        side = _as_map(layer, one).shape[-1]
        if LEAST_PLACES <= side <= max(size // LEAST_STRIDE, LEAST_PLACES):
            yield layer


def _tokens_before(body: nn.Module) -> int | None:
    """Count the tokens that stand for no place, where the network says it; None: it does not."""
    for module in body.modules():
        n = getattr(module, "num_prefix_tokens", None)
        if isinstance(n, int):
            return n
    return None


def _as_layer(
    given: torch.Tensor,
    before: int | None,  # tokens that stand for no place
) -> _Layer | None:
    """Tell where channels and places stand; None where there is no square of places."""
    if given.ndim == 4:
        _, a, b, c = given.shape
        if b == c:
            return _Layer(given, 1, 0)
        if a == b:
            return _Layer(given, 3, 0)
    if given.ndim == 3:
        n = given.shape[1]
        for skipped in (before, n - isqrt(n) ** 2):
            if skipped is not None and n > skipped and isqrt(n - skipped) ** 2 == n - skipped:
                return _Layer(given, 2, skipped)
    return None


def _as_map(
    layer: _Layer,
    values: torch.Tensor,  # of the layer's shape
) -> torch.Tensor:  # (1, channels, rows, columns)
    """View a layer as maps."""
    if layer.channels_at == 1:
        return values
    if layer.channels_at == 3:
        return values.permute(0, 3, 1, 2)
    tokens = values[:, layer.skipped :].transpose(1, 2)
    side = isqrt(tokens.shape[2])
    return tokens.unflatten(2, (side, side))
