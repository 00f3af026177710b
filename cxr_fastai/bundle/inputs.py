"""Decoded pixels -> what a network is given. Training and prediction use the same arithmetic."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from cxr_fastai import images

__all__ = ["prepare", "normalise"]


def normalise(
    x: torch.Tensor,  # gray values 0-255, any shape
    mean: float,  # of gray values scaled to 0-1
    std: float,
) -> torch.Tensor:  # float32
    """Scale gray values to mean 0 and deviation 1 of the data that the constants come from."""
    return (x.to(torch.float32) / 255 - mean) / std


def prepare(
    pixels: np.ndarray,  # (h, w) uint8, as from images.decode
    meta: Mapping[str, Any],  # bundle.json: size, crop, in_channels, mean, std
) -> torch.Tensor:  # (in_channels, size, size) float32
    """Turn decoded pixels into the network's input. Training uses the same steps and constants."""
    gray = torch.tensor(images.resize(pixels, meta["size"], meta["crop"]))
    scaled = normalise(gray, meta["mean"], meta["std"])
    return scaled.expand(meta["in_channels"], -1, -1)
