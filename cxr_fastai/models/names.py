"""The architectures that are offered first, by name.

Kept without torch, so that a flag or a check of bundle.json can name them at once. What else can be
built is known to `architectures` alone.
"""

from __future__ import annotations

__all__ = ["COMMON"]

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
