"""Architectures by name: torchvision's, timm's where it is installed, and a plain baseline.

A name -> the body's layers, under the names that pretrained files have for them. Builds with random
weights and fetches nothing; `networks` makes heads and parameter groups, `weights` reads files.
Never imports fastai.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
import torchvision
from torch import nn

from cxr_fastai.core import UnknownName, UsageError, one_line
from cxr_fastai.models.names import BASELINE, COMMON, unknown_arch

__all__ = [
    "COMMON",
    "BodyParts",
    "Family",
    "FAMILIES",
    "is_arch",
    "family_of",
    "body_parts",
    "from_timm",
]

CNN_WIDTHS = (32, 64, 128, 256, 512)  # channels that the baseline's blocks end in


@dataclass(frozen=True)
class BodyParts:
    """The layers of a network without its classifier."""

    layers: dict[str, nn.Module]  # by name in the whole network; "" where it is the whole
    channels: int  # that the last layer ends in


@dataclass(frozen=True)
class Family:
    """How the networks of one kind are taken apart."""

    names: Callable[[], list[str]]
    parts: Callable[[str, int], BodyParts]  # name, input channels -> the body
    early: Callable[[nn.Sequential], list[nn.Parameter]]  # body -> its slowest weights, the first


# ---- which names a family has


def _torchvision_names(*starts: str) -> list[str]:
    """List the names of torchvision's classifiers that begin so."""
    every = torchvision.models.list_models(torchvision.models)
    return [name for name in every if name.startswith(starts)]


def _timm_names() -> list[str]:
    try:
        import timm
    except ImportError:
        return []
    names: list[str] = timm.list_models()
    return names


def _cnn_names() -> list[str]:
    return [BASELINE]


# ---- which weights of a body learn slowest


def _first_children(n: int, body: nn.Sequential) -> list[nn.Parameter]:
    """Give the weights of a body's first `n` children."""
    return list(body[:n].parameters())


def _first_half(body: nn.Sequential) -> list[nn.Parameter]:
    """Give the first half of the weights, to the end of a layer."""
    layers = [list(module.parameters(recurse=False)) for module in body.modules()]
    half = sum(len(layer) for layer in layers) / 2
    early: list[nn.Parameter] = []
    for layer in layers:
        if len(early) >= half:
            break
        early += layer
    return early


# ---- how a body is taken out of the whole


def _whole(arch: str) -> nn.Module:
    """Build torchvision's network with random weights."""
    whole: nn.Module = torchvision.models.get_model(arch, weights=None)
    return whole


def _resnet_parts(arch: str, in_channels: int) -> BodyParts:
    """Take a ResNet's children without pooling and classifier."""
    layers = dict(_whole(arch).named_children())
    del layers["avgpool"]
    classifier = layers.pop("fc")
    return BodyParts(layers, classifier.in_features)


def _features_parts(arch: str, in_channels: int) -> BodyParts:
    """Take the children of `features`, which all of these have.

    DenseNet's own forward goes on with a ReLU after them.
    """
    features = _whole(arch).features
    layers = {f"features.{name}": child for name, child in features.named_children()}
    if arch.startswith("densenet"):
        layers["relu"] = nn.ReLU(inplace=True)
    return BodyParts(layers, _channels_after(features))


def _channels_after(features: nn.Module) -> int:
    """Count the channels that `features` ends in, by a run that computes shapes only."""
    with torch.device("meta"), torch.no_grad():
        copied = copy.deepcopy(features).to("meta")
        blank = nn.Sequential(*copied.children()).eval()
        channels: int = blank(torch.empty(1, 3, 64, 64)).shape[1]
    return channels


class FreeViT(torchvision.models.VisionTransformer):
    """torchvision's vision transformer for squares of any multiple of its patch.

    Its learned positions are interpolated to the squares that come.
    """

    def forward(
        self,
        x: torch.Tensor,  # (n, 3, side, side)
    ) -> torch.Tensor:
        """Give the class token of each image: (n, hidden_dim)."""
        patches = self.conv_proj(x)
        classes = self.class_token.expand(len(x), -1, -1)
        tokens = torch.cat([classes, patches.flatten(2).transpose(1, 2)], 1)
        tokens = tokens + self._positions(patches.shape[-1])
        encoded = self.encoder.layers(self.encoder.dropout(tokens))
        return self.encoder.ln(encoded)[:, 0]

    def _positions(
        self,
        side: int,  # patches
    ) -> torch.Tensor:
        """Give a position for the class token and each patch of a square."""
        learned: torch.Tensor = self.encoder.pos_embedding
        first = learned[:, :1]
        rest = learned[:, 1:]
        known = round(rest.shape[1] ** 0.5)
        if known == side:
            return learned
        grid = rest.transpose(1, 2).unflatten(2, (known, known))
        grid = nn.functional.interpolate(grid, (side, side), mode="bicubic", align_corners=False)
        return torch.cat([first, grid.flatten(2).transpose(1, 2)], 1)


def _vit_parts(arch: str, in_channels: int) -> BodyParts:
    """Take a whole vision transformer without its classifier, as a map of one pixel."""
    whole = _whole(arch)
    channels = whole.hidden_dim
    whole.heads = nn.Identity()
    whole.__class__ = FreeViT
    return _as_map(whole, channels)


def _timm_parts(arch: str, in_channels: int) -> BodyParts:
    """Take timm's whole network with its own pooling, without its classifier."""
    try:
        whole = _timm_whole(arch, in_channels)
    except Exception as e:  # each of timm's networks has errors of its own
        raise UsageError(
            f"timm cannot build {arch} for images of {in_channels} channel: "
            f"{one_line(e) or type(e).__name__}. Choose another network, as resnet18."
        ) from e
    # what it gives before its classifier; num_features is what its last convolution gives
    channels = getattr(whole, "head_hidden_size", None) or whole.num_features
    return _as_map(whole, channels)


def _timm_whole(arch: str, in_channels: int) -> Any:
    """Build timm's network with random weights, for squares of any size where it can."""
    import timm

    options = {"pretrained": False, "num_classes": 0, "in_chans": in_channels}
    any_size = {"dynamic_img_size": True} if "vit_" in arch else {}
    try:
        return timm.create_model(arch, **options, **any_size)
    except TypeError:  # not every network of that name takes squares of any size
        return timm.create_model(arch, **options)


def _as_map(
    whole: nn.Module,  # gives (n, channels)
    channels: int,
) -> BodyParts:
    """View what a whole network gives as maps of one pixel: (n, channels, 1, 1)."""
    as_map = nn.Unflatten(1, (channels, 1, 1))
    return BodyParts({"": whole, "map": as_map}, channels)


def _cnn_parts(arch: str, in_channels: int) -> BodyParts:
    """Build the baseline: five blocks, each of which halves width and height."""
    layers: dict[str, nn.Module] = {}
    before = in_channels
    for i, width in enumerate(CNN_WIDTHS):
        layers[f"block{i}"] = _cnn_block(before, width)
        before = width
    return BodyParts(layers, before)


def _cnn_block(n_in: int, n_out: int) -> nn.Module:
    """Build one block of the baseline, from `n_in` to `n_out` channels."""
    return nn.Sequential(
        nn.Conv2d(n_in, n_out, 3, padding=1, bias=False),
        nn.BatchNorm2d(n_out),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(2, ceil_mode=True),
    )


# ---- the table. To add an architecture: its family

CNN = Family(names=_cnn_names, parts=_cnn_parts, early=partial(_first_children, 2))
RESNETS = Family(
    names=partial(_torchvision_names, "resnet", "resnext", "wide_resnet"),
    parts=_resnet_parts,
    early=partial(_first_children, 6),  # ends with layer2, as in fastai's _resnet_split
)
CONVOLUTIONAL = Family(
    names=partial(
        _torchvision_names,
        "densenet",
        "efficientnet",
        "convnext",
        "mobilenet_v",
        "vgg",
        "squeezenet",
    ),
    parts=_features_parts,
    early=_first_half,
)
TRANSFORMERS = Family(
    names=partial(_torchvision_names, "vit_"), parts=_vit_parts, early=_first_half
)
TIMM = Family(names=_timm_names, parts=_timm_parts, early=_first_half)

# timm's come last: of a name that both have, torchvision's network is meant.
FAMILIES = (CNN, RESNETS, CONVOLUTIONAL, TRANSFORMERS, TIMM)


def _find_family(arch: object) -> Family | None:
    """Give the first family that has `arch`; None where none has."""
    for family in FAMILIES:
        if arch in family.names():
            return family
    return None


def is_arch(arch: object) -> bool:
    """Tell whether `arch` is the name of an architecture that can be built here."""
    return _find_family(arch) is not None


def family_of(arch: str) -> Family:
    """Give the family of an architecture. Raises `UnknownName`, which names the nearest."""
    family = _find_family(arch)
    if family is None:
        raise UnknownName(_unknown(arch))
    return family


def _unknown(arch: str) -> str:
    """Say which names are nearest to one that nobody has."""
    ours: set[str] = set()
    for family in FAMILIES[:-1]:
        ours.update(family.names())
    return unknown_arch(arch, ours, set(TIMM.names()))


def body_parts(
    arch: str,
    in_channels: int = 3,  # only timm's and the baseline are built for it; others take three
) -> BodyParts:
    """Build the layers of a body with random weights. Raises `UnknownName`."""
    return family_of(arch).parts(arch, in_channels)


def from_timm(arch: str) -> bool:
    """Tell whether an architecture is one of timm's. Raises `UnknownName`."""
    return family_of(arch) is TIMM
