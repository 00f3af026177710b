"""Architectures by name: torchvision's, timm's where it is installed, and a plain baseline.

A name in, the body's layers out, under the names that pretrained files have for them. Builds with random weights and
fetches nothing; heads, parameter groups and weight files are models.py's. Never imports fastai.
"""

from __future__ import annotations

import copy
import difflib
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torchvision
from torch import nn

from cxr_fastai.core import UnknownName

__all__ = ["COMMON", "Family", "FAMILIES", "is_arch", "family_of", "body_parts", "from_timm"]

COMMON = (
    "cnn",
    "resnet18",
    "resnet34",
    "resnet50",
    "densenet121",
    "efficientnet_b0",
    "convnext_tiny",
    "vit_b_16",
)


@dataclass(frozen=True)
class Family:
    """How the networks of one kind are taken apart."""

    names: Callable[[], list[str]]
    # name, input channels -> the body's children by the name that they have in the whole network ("" where it is the
    # whole), and the number of channels that the body ends in
    parts: Callable[[str, int], tuple[dict[str, nn.Module], int]]
    early: Callable[
        [nn.Sequential], list[nn.Parameter]
    ]  # body -> those of its weights that learn slowest, the first


def _torchvision(*starts: str) -> Callable[[], list[str]]:
    """Names of torchvision's classifiers that begin so."""

    def names() -> list[str]:
        return [
            n for n in torchvision.models.list_models(torchvision.models) if n.startswith(starts)
        ]

    return names


def _whole(arch: str) -> nn.Module:
    return torchvision.models.get_model(arch, weights=None)


def _resnet_parts(arch: str, _: int) -> tuple[dict[str, nn.Module], int]:
    """A ResNet's children without pooling and classifier."""
    parts = dict(_whole(arch).named_children())
    del parts["avgpool"]
    return parts, parts.pop("fc").in_features


def _features_parts(arch: str, _: int) -> tuple[dict[str, nn.Module], int]:
    """The children of `features`, which all of these have; DenseNet's own forward ends with a ReLU."""
    features = _whole(arch).features
    parts = {f"features.{name}": child for name, child in features.named_children()}
    if arch.startswith("densenet"):
        parts["relu"] = nn.ReLU(inplace=True)
    with torch.device("meta"), torch.no_grad():
        blank = nn.Sequential(*copy.deepcopy(features).to("meta").children()).eval()
        return parts, blank(torch.empty(1, 3, 64, 64)).shape[1]


def _half(body: nn.Sequential) -> list[nn.Parameter]:
    """The first half of the weights, to the end of a layer."""
    layers = [[*m.parameters(recurse=False)] for m in body.modules()]
    half, early = sum(map(len, layers)) / 2, []
    for layer in layers:
        if len(early) >= half:
            break
        early += layer
    return early


class FreeViT(torchvision.models.VisionTransformer):
    """torchvision's vision transformer for squares of any multiple of its patch; positions are interpolated."""

    def forward(self, x):
        patches = self.conv_proj(x)
        tokens = torch.cat(
            [self.class_token.expand(len(x), -1, -1), patches.flatten(2).transpose(1, 2)], 1
        )
        tokens = tokens + self._positions(patches.shape[-1])
        return self.encoder.ln(self.encoder.layers(self.encoder.dropout(tokens)))[:, 0]

    def _positions(self, side: int) -> torch.Tensor:
        first, rest = self.encoder.pos_embedding[:, :1], self.encoder.pos_embedding[:, 1:]
        known = round(rest.shape[1] ** 0.5)
        if known == side:
            return self.encoder.pos_embedding
        grid = rest.transpose(1, 2).unflatten(2, (known, known))
        grid = nn.functional.interpolate(grid, (side, side), mode="bicubic", align_corners=False)
        return torch.cat([first, grid.flatten(2).transpose(1, 2)], 1)


def _vit_parts(arch: str, _: int) -> tuple[dict[str, nn.Module], int]:
    whole = _whole(arch)
    nf, whole.heads, whole.__class__ = whole.hidden_dim, nn.Identity(), FreeViT
    return {"": whole, "map": nn.Unflatten(1, (nf, 1, 1))}, nf


def _timm_names() -> list[str]:
    try:
        import timm
    except ImportError:
        return []
    return timm.list_models()


def _timm_parts(arch: str, in_channels: int) -> tuple[dict[str, nn.Module], int]:
    """The whole network with its own pooling, without its classifier."""
    import timm

    free = dict(dynamic_img_size=True) if "vit_" in arch else {}
    try:
        whole = timm.create_model(
            arch, pretrained=False, num_classes=0, in_chans=in_channels, **free
        )
    except TypeError:
        whole = timm.create_model(arch, pretrained=False, num_classes=0, in_chans=in_channels)
    return {"": whole, "map": nn.Unflatten(1, (whole.num_features, 1, 1))}, whole.num_features


def _cnn_parts(_: str, in_channels: int) -> tuple[dict[str, nn.Module], int]:
    """A plain baseline: five times convolution, batch norm, ReLU and halving, 32 to 512 channels."""
    widths = (in_channels, 32, 64, 128, 256, 512)

    def block(a: int, b: int) -> nn.Module:
        return nn.Sequential(
            nn.Conv2d(a, b, 3, padding=1, bias=False),
            nn.BatchNorm2d(b),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(2, ceil_mode=True),
        )

    return {f"block{i}": block(*pair) for i, pair in enumerate(zip(widths, widths[1:]))}, widths[-1]


# To add an architecture: its family. timm's come last: of a name that both have, torchvision's network is meant.
FAMILIES = (
    Family(lambda: ["cnn"], _cnn_parts, lambda body: [*body[:2].parameters()]),
    # body[:6] ends with layer2, as in fastai's _resnet_split
    Family(
        _torchvision("resnet", "resnext", "wide_resnet"),
        _resnet_parts,
        lambda body: [*body[:6].parameters()],
    ),
    Family(
        _torchvision("densenet", "efficientnet", "convnext", "mobilenet_v", "vgg", "squeezenet"),
        _features_parts,
        _half,
    ),
    Family(_torchvision("vit_"), _vit_parts, _half),
    Family(_timm_names, _timm_parts, _half),
)


def family_of(arch: str) -> Family:
    for family in FAMILIES:
        if arch in family.names():
            return family
    ours, theirs = (
        {name for f in part for name in f.names()} for part in (FAMILIES[:-1], FAMILIES[-1:])
    )
    near = [
        name
        for names, n in ((ours, 3), (theirs - ours, 2))
        for name in difflib.get_close_matches(str(arch), sorted(names), n=n, cutoff=0.4)
    ]
    timm = "" if theirs else "; timm's, once it is installed: pip install 'cxr_fastai[timm]'"
    raise UnknownName(
        f"unknown architecture {arch!r}. Closest: {', '.join(near) or 'none'}. "
        f"Common ones: {', '.join(COMMON)}{timm}."
    )


def is_arch(arch) -> bool:
    return isinstance(arch, str) and any(arch in family.names() for family in FAMILIES)


def body_parts(
    arch: str,
    in_channels: int = 3,  # only timm's own networks and the baseline are built for it; others are three-channel
) -> tuple[dict[str, nn.Module], int]:
    """The body's children by their name in the whole network, and the channels that it ends in. Raises `UnknownName`."""
    return family_of(arch).parts(arch, in_channels)


def from_timm(arch: str) -> bool:
    return family_of(arch) is FAMILIES[-1]
