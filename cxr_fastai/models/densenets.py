"""DenseNet without torchvision, whose import takes as long as torch's.

A name -> the body's layers under torchvision's names. The same seed gives the same weights, and the
same weights the same answers, bit for bit (tests/models/test_densenets.py). Huang 2017
(arXiv:1608.06993). Fetches nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from cxr_fastai.models.starting import draw_kaiming

__all__ = ["DENSENETS", "densenet_layers"]

IMAGENET_CLASSES = 1000
BOTTLENECK = 4  # channels between the two convolutions of a layer, in its growth


@dataclass(frozen=True)
class Plan:
    """What one of these networks is made of."""

    growth: int  # channels that a layer adds
    blocks: tuple[int, int, int, int]  # layers of each
    first: int  # channels of the first convolution


DENSENETS = {
    "densenet121": Plan(32, (6, 12, 24, 16), 64),
    "densenet161": Plan(48, (6, 12, 36, 24), 96),
    "densenet169": Plan(32, (6, 12, 32, 32), 64),
    "densenet201": Plan(32, (6, 12, 48, 32), 64),
}


class DenseLayer(nn.Module):
    """A 1x1 and a 3x3 convolution of all that the layers before it found."""

    def __init__(self, n_in: int, growth: int) -> None:
        super().__init__()
        between = BOTTLENECK * growth
        self.norm1 = nn.BatchNorm2d(n_in)
        self.relu1 = nn.ReLU(inplace=True)
        self.conv1 = nn.Conv2d(n_in, between, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(between)
        self.relu2 = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(between, growth, 3, padding=1, bias=False)

    def forward(self, before: list[torch.Tensor]) -> torch.Tensor:
        """Find what is new."""
        found = self.conv1(self.relu1(self.norm1(torch.cat(before, 1))))
        new: torch.Tensor = self.conv2(self.relu2(self.norm2(found)))
        return new


class DenseBlock(nn.ModuleDict):
    """Layers of which each sees all that came before it."""

    def __init__(self, layers: int, n_in: int, growth: int) -> None:
        super().__init__()
        for i in range(layers):
            self.add_module(f"denselayer{i + 1}", DenseLayer(n_in + i * growth, growth))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Join what came and what each layer found."""
        found = [x]
        for layer in self.values():
            found.append(layer(found))
        return torch.cat(found, 1)


class Transition(nn.Sequential):
    """Half the channels, half of width and height."""

    def __init__(self, n_in: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(n_in)
        self.relu = nn.ReLU(inplace=True)
        self.conv = nn.Conv2d(n_in, n_in // 2, 1, bias=False)
        self.pool = nn.AvgPool2d(2, 2)


def densenet_layers(
    arch: str,  # of DENSENETS
) -> tuple[dict[str, nn.Module], int]:  # layers by name, with the last ReLU; channels they end in
    """Build a body with random weights for images of three channels."""
    plan = DENSENETS[arch]
    layers: dict[str, nn.Module] = {
        "conv0": nn.Conv2d(3, plan.first, 7, 2, 3, bias=False),
        "norm0": nn.BatchNorm2d(plan.first),
        "relu0": nn.ReLU(inplace=True),
        "pool0": nn.MaxPool2d(3, 2, 1),
    }
    channels = plan.first
    for i, count in enumerate(plan.blocks):
        layers[f"denseblock{i + 1}"] = DenseBlock(count, channels, plan.growth)
        channels += count * plan.growth
        if i < len(plan.blocks) - 1:
            layers[f"transition{i + 1}"] = Transition(channels)
            channels //= 2
    layers["norm5"] = nn.BatchNorm2d(channels)
    nn.Linear(channels, IMAGENET_CLASSES)  # draws as torchvision's classifier does, and is dropped
    for module in nn.ModuleDict(layers).modules():
        if isinstance(module, nn.Conv2d):
            draw_kaiming(module.weight)
    named = {f"features.{name}": layer for name, layer in layers.items()}
    return {**named, "relu": nn.ReLU(inplace=True)}, channels
