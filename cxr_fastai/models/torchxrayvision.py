"""A network of TorchXRayVision -> a file of weights that `--weights FILE` takes.

Its networks take gray images of -1024 to 1024 (Cohen 2022, arXiv:2111.00595; xrv.datasets.normalize
of version 1). The file states that, and the first layer is given it when the file is loaded: times
512 for inputs of the pipeline's scale. Its releases are pickles of whole networks, which run code:
convert them beside torchxrayvision, once (docs/weights.md). Never unpickles.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import safetensors.torch
import torch

from cxr_fastai.core import UsageError, atomic_path

__all__ = ["OF_TORCHXRAYVISION", "convert"]

# Operating points, which no other network's state dict has.
OF_TORCHXRAYVISION = "op_threshs"
FIRST_LAYERS = ("features.conv0.weight", "model.conv1.weight")
MEAN = 0.5  # of gray values scaled to 0-1: the middle of their range
STD = 1 / 2048  # the range is 2048 wide


def convert(
    state: Mapping[str, torch.Tensor],  # state_dict() of xrv.models.DenseNet or ResNet
    file: str | Path,  # to write, .safetensors
) -> Path:
    """Write the body's weights, and the scale of the images that they are for.

    Raises `UsageError` for what is no network for gray images, or no name of a .safetensors file.
    """
    target = Path(file)
    if target.suffix != ".safetensors":
        raise UsageError(f"convert writes NAME.safetensors, not {target.name}")
    first = next((name for name in FIRST_LAYERS if name in state), None)
    if first is None or state[first].ndim != 4 or state[first].shape[1] != 1:
        raise UsageError(
            "this is no state_dict() of xrv.models.DenseNet or ResNet: its first layer, "
            f"{' or '.join(FIRST_LAYERS)}, is to take one channel"
        )
    tensors = {key: value.detach().clone() for key, value in state.items() if _is_of_body(key)}
    stated = {"input_mean": str(MEAN), "input_std": str(STD)}
    with atomic_path(target) as part:
        safetensors.torch.save_file(tensors, part, metadata=stated)
    return target


def _is_of_body(key: str) -> bool:
    """Tell whether a tensor belongs to the body: to no classifier, to no operating point."""
    is_of_head = key.startswith(("classifier.", "model.fc."))
    return not is_of_head and key != OF_TORCHXRAYVISION
