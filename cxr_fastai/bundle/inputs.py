"""A radiograph of any form -> pixels -> what a network is given.

Training and prediction use the same arithmetic.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from cxr_fastai import images
from cxr_fastai.core import ImageRejected

__all__ = ["decode", "normalise", "prepare", "radiograph_of"]

CHANNELS = (1, 2, 3, 4)  # that a picture can have


def radiograph_of(
    source: Any,  # path, bytes, open file, Pillow image, array or tensor
    name: str | None = None,  # what messages call it; None: taken from the source
) -> images.Radiograph:
    """Read a radiograph, by the one rule for ranges. Raises `ImageRejected`."""
    if isinstance(source, torch.Tensor):
        return images.read(_array_of(source, name or "tensor"), name or "tensor")
    return images.read(source, name)


def decode(
    source: Any,  # as for `radiograph_of`
) -> np.ndarray:  # (h, w) uint8, upright, read-only
    """Return the pixels alone. Raises `ImageRejected`."""
    return radiograph_of(source).pixels


def _array_of(
    tensor: torch.Tensor,  # (h, w) or (channels, h, w)
    name: str,  # for messages
) -> np.ndarray:  # (h, w) or (h, w, channels)
    """Turn a tensor into an array, its channels last. Raises `ImageRejected`."""
    plain = tensor.detach().cpu().as_subclass(torch.Tensor)
    if plain.dtype in (torch.float16, torch.bfloat16):
        plain = plain.float()  # NumPy knows no bfloat16
    if plain.ndim == 2:
        return plain.numpy()
    if plain.ndim == 3 and plain.shape[0] in CHANNELS:
        return plain.permute(1, 2, 0).numpy()
    shape = tuple(plain.shape)
    text = (
        f"a tensor of shape {shape}; expected (height, width) or (1 to 4 channels, height, width); "
        "of a batch give list(batch)"
    )
    raise ImageRejected("not_an_image", f"{name}: {text}")


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
