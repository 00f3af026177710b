"""Architectures by name: torchvision's, timm's where it is installed, and a plain baseline.

A name -> the body's layers, under the names that pretrained files have for them. Builds with random
weights and fetches nothing; `networks` makes heads and parameter groups, `weights` reads files.
torchvision, whose import takes as long as torch's, is imported for the families that it builds.
Never imports fastai.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import nn

from cxr_fastai.core import UnknownName, UsageError, one_line
from cxr_fastai.models.densenets import DENSENETS, densenet_layers
from cxr_fastai.models.lites import lite_layers
from cxr_fastai.models.names import BASELINE, COMMON, LITES, unknown_arch
from cxr_fastai.models.resnets import RESNETS, resnet_layers

__all__ = [
    "COMMON",
    "BodyParts",
    "Family",
    "FAMILIES",
    "is_arch",
    "family_of",
    "body_parts",
    "from_timm",
    "timm_parts",
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
    import torchvision

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


def _resnet_names() -> list[str]:
    return list(RESNETS)


def _densenet_names() -> list[str]:
    return list(DENSENETS)


def _lite_names() -> list[str]:
    return list(LITES)


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
    import torchvision

    whole: nn.Module = torchvision.models.get_model(arch, weights=None)
    return whole


def _resnet_parts(arch: str, in_channels: int) -> BodyParts:
    """Build a ResNet without pooling and classifier."""
    return BodyParts(*resnet_layers(arch))


def _densenet_parts(arch: str, in_channels: int) -> BodyParts:
    """Build a DenseNet without pooling and classifier, with the ReLU that its forward ends in."""
    return BodyParts(*densenet_layers(arch))


def _lite_parts(arch: str, in_channels: int) -> BodyParts:
    """Build an EfficientNet-Lite without pooling and classifier."""
    return BodyParts(*lite_layers(arch))


def _features_parts(arch: str, in_channels: int) -> BodyParts:
    """Take the children of `features`, which all of these have."""
    features = _whole(arch).features
    layers = {f"features.{name}": child for name, child in features.named_children()}
    return BodyParts(layers, _channels_after(features))


def _channels_after(features: nn.Module) -> int:
    """Count the channels that `features` ends in, by a run that computes shapes only."""
    with torch.device("meta"), torch.no_grad():
        copied = copy.deepcopy(features).to("meta")
        blank = nn.Sequential(*copied.children()).eval()
        channels: int = blank(torch.empty(1, 3, 64, 64)).shape[1]
    return channels


def _vit_parts(arch: str, in_channels: int) -> BodyParts:
    """Take a whole vision transformer without its classifier, as a map of one pixel."""
    from cxr_fastai.models.free_vit import FreeViT

    whole = _whole(arch)
    channels = whole.hidden_dim
    whole.heads = nn.Identity()
    whole.__class__ = FreeViT
    return _as_map(whole, channels)


def timm_parts(arch: str, in_channels: int) -> BodyParts:
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
RESIDUAL = Family(
    names=_resnet_names,
    parts=_resnet_parts,
    early=partial(_first_children, 6),  # ends with layer2, as in fastai's _resnet_split
)
DENSE = Family(names=_densenet_names, parts=_densenet_parts, early=_first_half)
LITE = Family(names=_lite_names, parts=_lite_parts, early=_first_half)
CONVOLUTIONAL = Family(
    names=partial(
        _torchvision_names,
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
TIMM = Family(names=_timm_names, parts=timm_parts, early=_first_half)

# timm's come last: of a name that both have, torchvision's or our own network is meant.
FAMILIES = (CNN, RESIDUAL, DENSE, LITE, CONVOLUTIONAL, TRANSFORMERS, TIMM)


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


def __getattr__(name: str) -> Any:
    """Give `FreeViT` to files that were pickled when it stood here."""
    if name == "FreeViT":
        from cxr_fastai.models.free_vit import FreeViT

        return FreeViT
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
