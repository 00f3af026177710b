"""A radiograph of any form -> pixels -> what a network is given.

Training and prediction use the same arithmetic. torch is not imported: a tensor is known where
some caller has it.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from cxr_fastai import images
from cxr_fastai.core import ImageRejected

if TYPE_CHECKING:
    import torch

__all__ = ["decode", "is_tensor", "normalise", "prepare", "radiograph_of"]

CHANNELS = (1, 2, 3, 4)  # that a picture can have


def is_tensor(source: Any) -> bool:
    """Tell whether a source is a tensor; where torch was not imported, none can be."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(source, torch.Tensor)


def radiograph_of(
    # path, bytes, open file, Pillow image, array or tensor; or what became of one that was read
    # elsewhere: a Radiograph, or the ImageRejected of one that could not be
    source: Any,
    name: str | None = None,  # what messages call it; None: taken from the source
) -> images.Radiograph:
    """Read a radiograph, by the one rule for ranges. Raises `ImageRejected`."""
    if isinstance(source, images.Radiograph):
        return source
    if isinstance(source, ImageRejected):
        raise source
    if is_tensor(source):
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
    torch = sys.modules["torch"]
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
    gray: np.ndarray,  # gray values 0-255, any shape
    mean: float,  # of gray values scaled to 0-1
    std: float,
) -> np.ndarray:  # float32, bit for bit what training's transforms make of the same values
    """Scale gray values to mean 0 and deviation 1 of the data that the constants come from."""
    scaled = gray.astype(np.float32) / np.float32(255)
    return (scaled - np.float32(mean)) / np.float32(std)


def prepare(
    pixels: np.ndarray,  # (h, w) uint8, as from images.decode
    meta: Mapping[str, Any],  # bundle.json: size, crop, in_channels, mean, std
) -> np.ndarray:  # (in_channels, size, size) float32
    """Turn decoded pixels into the network's input. Training uses the same steps and constants."""
    gray = images.resize(pixels, meta["size"], meta["crop"])
    scaled = normalise(gray, meta["mean"], meta["std"])
    return np.repeat(scaled[None], meta["in_channels"], 0)
