"""ResNet, ResNeXt and Wide ResNet without torchvision, whose import takes as long as torch's.

A name -> the body's layers under torchvision's names. The same seed gives the same weights, and the
same weights the same answers, bit for bit (tests/models/test_resnets.py). He 2016
(arXiv:1512.03385), with the stride in the 3x3 convolution; Xie 2017 (1611.05431); Zagoruyko 2016
(1605.07146). Fetches nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from cxr_fastai.models.starting import draw_kaiming

__all__ = ["RESNETS", "resnet_layers"]

IMAGENET_CLASSES = 1000
PLANES = (64, 128, 256, 512)  # of the four stages


@dataclass(frozen=True)
class Plan:
    """What one of these networks is made of."""

    blocks: tuple[int, int, int, int]  # of the four stages
    expansion: int = 4  # channels that a block ends in, in its planes; 1: of two 3x3 convolutions
    groups: int = 1  # of the 3x3 convolution
    width: int = 64  # of the 3x3 convolution, of 64 planes and a group


RESNETS = {
    "resnet18": Plan((2, 2, 2, 2), expansion=1),
    "resnet34": Plan((3, 4, 6, 3), expansion=1),
    "resnet50": Plan((3, 4, 6, 3)),
    "resnet101": Plan((3, 4, 23, 3)),
    "resnet152": Plan((3, 8, 36, 3)),
    "resnext50_32x4d": Plan((3, 4, 6, 3), groups=32, width=4),
    "resnext101_32x8d": Plan((3, 4, 23, 3), groups=32, width=8),
    "resnext101_64x4d": Plan((3, 4, 23, 3), groups=64, width=4),
    "wide_resnet50_2": Plan((3, 4, 6, 3), width=128),
    "wide_resnet101_2": Plan((3, 4, 23, 3), width=128),
}


def _convolution(n_in: int, n_out: int, side: int, stride: int = 1, groups: int = 1) -> nn.Conv2d:
    """Make a convolution that keeps width and height, over its stride."""
    padding = side // 2
    return nn.Conv2d(n_in, n_out, side, stride, padding, groups=groups, bias=False)


class BasicBlock(nn.Module):
    """Two 3x3 convolutions, and the way around them."""

    def __init__(
        self,
        n_in: int,
        planes: int,
        stride: int,
        downsample: nn.Module | None,  # the way around, where shapes differ
        plan: Plan,
    ) -> None:
        super().__init__()
        self.conv1 = _convolution(n_in, planes, 3, stride)
        self.bn1 = nn.BatchNorm2d(planes)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = _convolution(planes, planes, 3)
        self.bn2 = nn.BatchNorm2d(planes)
        self.downsample = downsample

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Add what the convolutions find to what came."""
        found = self.relu(self.bn1(self.conv1(x)))
        found = self.bn2(self.conv2(found))
        found += x if self.downsample is None else self.downsample(x)
        return self.relu(found)


class Bottleneck(nn.Module):
    """A 3x3 convolution between two of 1x1, and the way around them."""

    def __init__(
        self,
        n_in: int,
        planes: int,
        stride: int,
        downsample: nn.Module | None,  # the way around, where shapes differ
        plan: Plan,
    ) -> None:
        super().__init__()
        width = planes * plan.width // 64 * plan.groups
        n_out = planes * plan.expansion
        self.conv1 = _convolution(n_in, width, 1)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = _convolution(width, width, 3, stride, plan.groups)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = _convolution(width, n_out, 1)
        self.bn3 = nn.BatchNorm2d(n_out)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = downsample

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Add what the convolutions find to what came."""
        found = self.relu(self.bn1(self.conv1(x)))
        found = self.relu(self.bn2(self.conv2(found)))
        found = self.bn3(self.conv3(found))
        found += x if self.downsample is None else self.downsample(x)
        return self.relu(found)


def _stage(
    n_in: int,  # channels
    planes: int,
    blocks: int,
    stride: int,  # of the first block
    plan: Plan,
) -> nn.Sequential:
    """Build one of the four stages."""
    block = BasicBlock if plan.expansion == 1 else Bottleneck
    n_out = planes * plan.expansion
    downsample = None
    if stride != 1 or n_in != n_out:
        around = _convolution(n_in, n_out, 1, stride)
        downsample = nn.Sequential(around, nn.BatchNorm2d(n_out))
    layers = [block(n_in, planes, stride, downsample, plan)]
    layers += [block(n_out, planes, 1, None, plan) for _ in range(1, blocks)]
    return nn.Sequential(*layers)


def resnet_layers(
    arch: str,  # of RESNETS
) -> tuple[dict[str, nn.Module], int]:  # layers by name, without pooling; channels they end in
    """Build a body with random weights for images of three channels."""
    plan = RESNETS[arch]
    layers: dict[str, nn.Module] = {
        "conv1": nn.Conv2d(3, PLANES[0], 7, 2, 3, bias=False),
        "bn1": nn.BatchNorm2d(PLANES[0]),
        "relu": nn.ReLU(inplace=True),
        "maxpool": nn.MaxPool2d(3, 2, 1),
    }
    channels = PLANES[0]
    for i, (planes, blocks) in enumerate(zip(PLANES, plan.blocks)):
        stride = 1 if i == 0 else 2
        layers[f"layer{i + 1}"] = _stage(channels, planes, blocks, stride, plan)
        channels = planes * plan.expansion
    nn.Linear(channels, IMAGENET_CLASSES)  # draws as torchvision's classifier does, and is dropped
    for module in nn.ModuleDict(layers).modules():
        if isinstance(module, nn.Conv2d):
            draw_kaiming(module.weight, mode="fan_out", nonlinearity="relu")
    return layers, channels
