"""A U-Net that runs in numpy: what tells lung from the rest, without torch.

Weights and one standardised square in, a logit a pixel out. The layers are those that
benchmarks/lungs.py trains, their batch normalisation folded into the convolutions.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

__all__ = ["WIDTHS", "Weights", "logits", "layer_shapes"]

WIDTHS = (8, 16, 32, 48)  # channels of each level, from the finest; each level halves the side
DEEPEST = len(WIDTHS) - 1  # level
UP = range(DEEPEST - 1, -1, -1)  # the levels on the way back
Weights = Mapping[str, np.ndarray]  # NAME.weight (out, in, k, k) and NAME.bias (out,) of each layer


def layer_shapes() -> dict[str, tuple[int, int, int]]:  # layer -> outputs, inputs, side of kernel
    """Name every convolution and its shape."""
    shapes: dict[str, tuple[int, int, int]] = {}
    before = 1
    for level, width in enumerate(WIDTHS):
        shapes |= _block_shapes(f"down{level}", before, width)
        before = width
    for level in UP:
        width = WIDTHS[level]
        shapes |= _block_shapes(f"up{level}", before + width, width)
        before = width
    shapes["out"] = (1, before, 1)
    return shapes


def _block_shapes(
    name: str,
    inputs: int,  # channels
    outputs: int,
) -> dict[str, tuple[int, int, int]]:  # layer -> outputs, inputs, side of kernel
    """Name the two convolutions of a block."""
    return {
        f"{name}.0": (outputs, inputs, 3),
        f"{name}.1": (outputs, outputs, 3),
    }


def logits(
    square: np.ndarray,  # (side, side) float32 of mean 0 and deviation 1; side a multiple of 8
    weights: Weights,
) -> np.ndarray:  # (side, side) float32: above 0 is lung
    """Run the network on one square."""
    x = square[None].astype(np.float32)
    kept = []
    for level in range(DEEPEST):
        x = _block(x, f"down{level}", weights)
        kept.append(x)
        x = _halved(x)
    x = _block(x, f"down{DEEPEST}", weights)
    for level in UP:
        x = np.concatenate([_doubled(x), kept[level]])
        x = _block(x, f"up{level}", weights)
    only = _convolve(x, "out", weights)
    return only[0]


def _block(
    x: np.ndarray,  # (channels, side, side)
    name: str,
    weights: Weights,
) -> np.ndarray:
    """Convolve twice, each time with what is below 0 put to 0."""
    for part in (0, 1):
        x = np.maximum(_convolve(x, f"{name}.{part}", weights), 0)
    return x


def _convolve(
    x: np.ndarray,  # (channels, side, side)
    name: str,
    weights: Weights,
) -> np.ndarray:  # (outputs, side, side)
    """Convolve with zeros around, so that the side stays."""
    kernel = weights[f"{name}.weight"]
    bias = weights[f"{name}.bias"]
    outputs, inputs, side, _ = kernel.shape
    _, height, width = x.shape
    margin = (side // 2, side // 2)
    padded = np.pad(x, ((0, 0), margin, margin))
    total = np.repeat(bias[:, None], height * width, axis=1)  # (outputs, pixels)
    for dy, dx in np.ndindex(side, side):
        rows = padded[:, dy : dy + height]
        moved = rows[:, :, dx : dx + width]
        pixels = moved.reshape(inputs, -1)
        factors = kernel[:, :, dy, dx]  # (outputs, inputs)
        total += factors @ pixels
    return total.reshape(outputs, height, width)


def _halved(x: np.ndarray) -> np.ndarray:
    """Keep the largest of each two by two pixels."""
    channels, height, width = x.shape
    rows = height // 2
    columns = width // 2
    blocks = x.reshape(channels, rows, 2, columns, 2)
    return blocks.max(axis=(2, 4))


def _doubled(x: np.ndarray) -> np.ndarray:
    """Repeat each pixel two by two."""
    taller = x.repeat(2, axis=1)
    return taller.repeat(2, axis=2)
