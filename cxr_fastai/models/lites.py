"""EfficientNet-Lite without timm, whose import takes longer than torch's.

A name -> the body's layers under timm's names. The same weights give the same answers, bit for bit
(tests/models/test_lites.py). EfficientNet is of Tan & Le 2019 (arXiv:1905.11946); Lite leaves out
squeeze-and-excitation and takes ReLU6. Fetches nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import nn

from cxr_fastai.models.same_padding import SameConv2d

__all__ = ["LITE_PLANS", "depths", "lite_layers"]

STEM = 32  # channels of the first convolution, of every size
FEATURES = 1280  # channels of the last one, likewise
EPS = 1e-3  # of batch norms, as TensorFlow has it
DIVISOR = 8  # channels are a multiple of it


@dataclass(frozen=True)
class Stage:
    """Blocks of one width."""

    repeats: int  # at depth 1
    kernel: int
    stride: int  # of the first block
    channels: int  # at width 1


@dataclass(frozen=True)
class Plan:
    """How much wider and deeper than Lite0 one of these networks is."""

    width: float
    depth: float


STAGES = (
    Stage(1, 3, 1, 16),
    Stage(2, 3, 2, 24),
    Stage(2, 5, 2, 40),
    Stage(3, 3, 2, 80),
    Stage(3, 5, 1, 112),
    Stage(4, 5, 2, 192),
    Stage(1, 3, 1, 320),
)
EXPANSION = 6  # of all stages but the first
LITE_PLANS = {
    "tf_efficientnet_lite0": Plan(1.0, 1.0),
    "tf_efficientnet_lite1": Plan(1.0, 1.1),
    "tf_efficientnet_lite2": Plan(1.1, 1.2),
    "tf_efficientnet_lite3": Plan(1.2, 1.4),
    "tf_efficientnet_lite4": Plan(1.4, 1.8),
}


def _convolution(
    n_in: int,  # channels
    n_out: int,
    kernel: int,  # side
    stride: int = 1,
    groups: int = 1,  # n_in: each channel by itself
) -> nn.Conv2d:
    """Make a convolution padded as TensorFlow's SAME; by a constant where that is the same."""
    if stride == 1:
        return nn.Conv2d(n_in, n_out, kernel, 1, kernel // 2, groups=groups, bias=False)
    return SameConv2d(n_in, n_out, kernel, stride, groups=groups, bias=False)


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=EPS)


class SeparableBlock(nn.Module):
    """A convolution of each channel by itself, then one of 1x1."""

    def __init__(
        self,
        n_in: int,  # channels
        n_out: int,
        kernel: int,  # side of the convolution of each channel
        stride: int,  # of the same
    ) -> None:
        super().__init__()
        self.conv_dw = _convolution(n_in, n_in, kernel, stride, n_in)
        self.bn1 = _norm(n_in)
        self.act = nn.ReLU6(inplace=True)
        self.conv_pw = _convolution(n_in, n_out, 1)
        self.bn2 = _norm(n_out)
        self.has_skip = stride == 1 and n_in == n_out

    def forward(
        self,
        x: torch.Tensor,  # (n, n_in, h, w)
    ) -> torch.Tensor:  # (n, n_out, h / stride, w / stride), rounded up
        """Add what is found to what came, where shapes agree."""
        found = self.act(self.bn1(self.conv_dw(x)))
        found = self.bn2(self.conv_pw(found))
        if self.has_skip:
            found = found + x
        return found


class InvertedBlock(nn.Module):
    """More channels by 1x1, a convolution of each by itself, fewer channels by 1x1."""

    def __init__(
        self,
        n_in: int,  # channels
        n_out: int,
        kernel: int,  # side of the convolution of each channel
        stride: int,  # of the same
    ) -> None:
        super().__init__()
        between = n_in * EXPANSION
        self.conv_pw = _convolution(n_in, between, 1)
        self.bn1 = _norm(between)
        self.act = nn.ReLU6(inplace=True)
        self.conv_dw = _convolution(between, between, kernel, stride, between)
        self.bn2 = _norm(between)
        self.conv_pwl = _convolution(between, n_out, 1)
        self.bn3 = _norm(n_out)
        self.has_skip = stride == 1 and n_in == n_out

    def forward(
        self,
        x: torch.Tensor,  # (n, n_in, h, w)
    ) -> torch.Tensor:  # (n, n_out, h / stride, w / stride), rounded up
        """Add what is found to what came, where shapes agree."""
        found = self.act(self.bn1(self.conv_pw(x)))
        found = self.act(self.bn2(self.conv_dw(found)))
        found = self.bn3(self.conv_pwl(found))
        if self.has_skip:
            found = found + x
        return found


def _wide(
    channels: int,  # at width 1
    width: float,
) -> int:
    """Give the channels of a wider network: a multiple of 8, not more than a tenth below."""
    wanted = channels * width
    rounded = max(DIVISOR, int(wanted + DIVISOR / 2) // DIVISOR * DIVISOR)
    return rounded + DIVISOR if rounded < 0.9 * wanted else rounded


def _stage(
    n_in: int,  # channels
    n_out: int,
    stage: Stage,
    repeats: int,  # blocks, at the depth of the network
    is_first: bool,  # of the network
) -> nn.Sequential:
    """Build the blocks of one width."""
    block = SeparableBlock if is_first else InvertedBlock
    blocks = [block(n_in, n_out, stage.kernel, stage.stride)]
    blocks += [block(n_out, n_out, stage.kernel, 1) for _ in range(1, repeats)]
    return nn.Sequential(*blocks)


def depths(
    arch: str,  # of LITE_PLANS
) -> list[int]:
    """Count the blocks of each stage; the first and the last are as deep in every network."""
    deeper = [math.ceil(stage.repeats * LITE_PLANS[arch].depth) for stage in STAGES]
    return [STAGES[0].repeats, *deeper[1:-1], STAGES[-1].repeats]


def lite_layers(
    arch: str,  # of LITE_PLANS
) -> tuple[dict[str, nn.Module], int]:  # layers by name, without pooling; channels they end in
    """Build a body with random weights for images of three channels."""
    plan = LITE_PLANS[arch]
    layers: dict[str, nn.Module] = {
        "conv_stem": SameConv2d(3, STEM, 3, 2, bias=False),
        "bn1": _norm(STEM),
        "act1": nn.ReLU6(inplace=True),
    }
    channels = STEM
    for i, (stage, repeats) in enumerate(zip(STAGES, depths(arch))):
        wide = _wide(stage.channels, plan.width)
        layers[f"blocks.{i}"] = _stage(channels, wide, stage, repeats, is_first=i == 0)
        channels = wide
    layers["conv_head"] = _convolution(channels, FEATURES, 1)
    layers["bn2"] = _norm(FEATURES)
    layers["act2"] = nn.ReLU6(inplace=True)
    for layer in layers.values():
        for module in layer.modules():
            if isinstance(module, nn.Conv2d):
                _draw(module)
    return layers, FEATURES


def _draw(layer: nn.Conv2d) -> None:
    """Draw weights as TensorFlow's EfficientNet does; nothing where they have no memory."""
    if layer.weight.is_meta:
        return
    height, width = layer.kernel_size
    fan_out = height * width * layer.out_channels // layer.groups
    spread = math.sqrt(2.0 / fan_out)
    nn.init.normal_(layer.weight, 0.0, spread)
