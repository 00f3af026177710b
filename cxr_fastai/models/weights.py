"""Weights -> a network's body: from ImageNet, from a file, or none.

Loads all of a body or nothing: either every weight is found and fits, or the network stays as it
was and the error counts what did fit. The head always starts fresh. Never imports fastai.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from cxr_fastai.core import IntegrityError
from cxr_fastai.models.architectures import family_of
from cxr_fastai.models.imagenet import imagenet_body
from cxr_fastai.models.input_scale import INCEPTION
from cxr_fastai.models.networks import first_convolution
from cxr_fastai.models.weight_files import body_names, existing_file, joined, read_body

__all__ = ["load_weights"]

STEP_COUNTER = "num_batches_tracked"  # of a batch norm: no weight, and older files lack it


def load_weights(
    net: nn.Sequential,  # of build_network(arch, ..); changed in place
    weights: str | Path,  # "none", "imagenet", or a .pth or .safetensors file
    arch: str,  # the name `net` was built from
) -> str:  # what was loaded, as in "imagenet: 216 of 216 body tensors"
    """Load the body; the head always starts fresh.

    A three-channel first convolution is summed over its channels for a one-channel network: a gray
    image repeated three times and the image itself then give the same activations, exactly where
    all three channels are normalised with one mean and deviation, as radiographs are here.
    ImageNet's own constants differ by channel (means 0.406 to 0.485, deviations 0.224 to 0.229), so
    its body sees inputs slightly shifted and scaled; training absorbs that.

    Raises `SourceUnavailable` (no network), `UsageError` (no such file), `IntegrityError` (not this
    network's weights).
    """
    family_of(arch)  # an unknown one is told first
    source = str(weights)
    if source == "none":
        return "none: every weight starts at random"
    scale = None
    if source == "imagenet":
        given = imagenet_body(arch)
        state, scale, source = given.tensors, given.scale, given.source
    else:
        state = read_body(existing_file(weights), arch, source)
    body = net[0]
    found = match_body(state, body, arch, source)
    if scale == INCEPTION:  # grey repeated: no shift, one gain
        found[first_convolution(body)[0] + ".weight"] *= scale.gains[0]
    body.load_state_dict(found, strict=False)  # match_body was strict; only step counters may lack
    return f"{source}: {len(found)} of {len(found)} body tensors"


def match_body(
    state: dict[str, torch.Tensor],  # by torchvision's name
    body: nn.Sequential,
    arch: str,
    source: str,  # names the file in errors
) -> dict[str, torch.Tensor]:  # every tensor of `body`, by its own key
    """Find each of the body's tensors. Raises `IntegrityError` that counts and names the first."""
    names = body_names(arch)
    first_weight = first_convolution(body)[0] + ".weight"
    found: dict[str, torch.Tensor] = {}
    problems: list[str] = []
    for key, wanted in body.state_dict().items():
        index, rest = key.split(".", 1)
        name = joined(names[int(index)], rest)
        given = state.get(name)
        if given is None and name.endswith(STEP_COUNTER):
            continue
        if given is not None and key == first_weight:
            given = _fit_channels(given, wanted.shape[1])
        problem = _misfit(given, wanted)
        if given is None or problem:
            problems.append(f"{name} {problem}")
        else:
            found[key] = given
    if not problems:
        return found
    raise IntegrityError(
        f"{source}: {len(found)} of {len(found) + len(problems)} body tensors of {arch} fit; "
        f"the first that does not: {problems[0]}. Nothing was loaded. "
        "Is it another architecture's file?"
    )


def _fit_channels(
    weight: torch.Tensor,  # (out, c, h, w), of a first convolution
    n: int,  # input channels that are wanted
) -> torch.Tensor:
    """Change the input channels of a weight where that loses nothing, else leave it as it is."""
    if weight.ndim != 4 or weight.shape[1] == n:
        return weight
    if n == 1 and weight.shape[1] == 3:
        return weight.sum(1, keepdim=True)
    if n == 3 and weight.shape[1] == 1:
        return weight.expand(-1, n, -1, -1) / n
    return weight


def _misfit(
    given: torch.Tensor | None,  # None: the file has none of that name
    wanted: torch.Tensor,
) -> str:
    """Say why a tensor cannot stand for the wanted one; empty where it can."""
    if given is None:
        return "is missing"
    if given.shape != wanted.shape:
        return f"has shape {tuple(given.shape)}, expected {tuple(wanted.shape)}"
    if given.is_floating_point() != wanted.is_floating_point():
        return f"is {given.dtype}, expected {wanted.dtype}"
    if not torch.isfinite(given).all():
        return "holds values that are not finite"
    return ""
