"""Names of architectures: those offered first, and what is said of one that nobody has.

Kept without torch, so that a flag or a check of bundle.json can name them at once. What can be
built is known to `architectures`; `known` reads the same names without torch.
"""

from __future__ import annotations

import difflib

__all__ = ["BASELINE", "COMMON", "LITES", "TORCHVISION_STARTS", "unknown_arch"]

BASELINE = "cnn"  # a plain network of this library's own
# EfficientNet-Lite under timm's names, without timm.
LITES = tuple(f"tf_efficientnet_lite{i}" for i in range(5))
COMMON = (
    BASELINE,
    "resnet18",
    "resnet34",
    "resnet50",
    "densenet121",
    "efficientnet_b0",
    "tf_efficientnet_lite0",
    "convnext_tiny",
    "vit_b_16",
)
# How the names begin of torchvision's classifiers that can be taken apart.
TORCHVISION_STARTS = (
    "resnet",
    "resnext",
    "wide_resnet",
    "densenet",
    "efficientnet",
    "convnext",
    "mobilenet_v",
    "vgg",
    "squeezenet",
    "vit_",
)


def unknown_arch(
    arch: str,
    ours: set[str],  # the baseline and torchvision's
    timms: set[str],  # empty: timm is not installed
) -> str:
    """Say which names are nearest to one that nobody has."""
    nearest = _nearest(arch, ours, 3) + _nearest(arch, timms - ours, 2)
    hint = "" if timms else "; timm's, once it is installed: pip install 'cxr_fastai[timm]'"
    return (
        f"unknown architecture {arch!r}. Closest: {', '.join(nearest) or 'none'}. "
        f"Common ones: {', '.join(COMMON)}{hint}."
    )


def _nearest(
    arch: str,
    names: set[str],
    n: int,  # at most so many
) -> list[str]:
    """List the names that are spelled most like `arch`, the nearest first."""
    return difflib.get_close_matches(str(arch), sorted(names), n=n, cutoff=0.4)
