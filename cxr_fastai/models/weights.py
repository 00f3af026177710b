"""Weights -> a network's body: from ImageNet, from a file, or none.

Loads all of a body or nothing: either every weight is found and fits, or the network stays as it
was and the error counts what did fit. The head always starts fresh. Never imports fastai.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from cxr_fastai.advice import flag
from cxr_fastai.core import IntegrityError
from cxr_fastai.models.architectures import family_of
from cxr_fastai.models.first_layer import fold, why_not_folded
from cxr_fastai.models.imagenet import imagenet_body, weights_of_file
from cxr_fastai.models.input_scale import OURS
from cxr_fastai.models.networks import first_convolution, set_shift
from cxr_fastai.models.shifted import SHIFT
from cxr_fastai.models.weight_files import BodyWeights, body_names, joined
from cxr_fastai.reporting.text import count

__all__ = ["load_weights"]

UNKNOWN_SCALE = (
    "taken as for images of mean 0.5 and deviation 0.25: the file states no input_mean and "
    "input_std (docs/weights.md)"
)
STEP_COUNTER = "num_batches_tracked"  # of a batch norm: no weight, and older files lack it


def load_weights(
    net: nn.Sequential,  # of build_network(arch, ..); changed in place
    weights: str | Path,  # "none", "imagenet", or a .pth or .safetensors file
    arch: str,  # the name `net` was built from
) -> str:  # what was loaded, as in "imagenet: 216 of 216 body tensors, .."
    """Load the body; the head always starts fresh.

    A network for colours, or for images of another scale, computes of a gray image of the pipeline
    what it computed of the same image in its own scale, repeated in each colour: its normalisation
    goes into its first layer (`first_layer`). A file that states no scale, neither in its header
    nor by its official name, is taken as one for the pipeline's, and the answer says so.

    Raises `SourceUnavailable` (no network), `UsageError` (no such file), `IntegrityError` (not this
    network's weights).
    """
    family_of(arch)  # an unknown one is told first
    source = str(weights)
    if source == "none":
        return "none: every weight starts at random"
    given = imagenet_body(arch) if source == "imagenet" else weights_of_file(weights, arch)
    body = net[0]
    tensors, shift, how = _for_the_pipeline(given, body, arch)
    found = match_body(tensors, body, arch, given.source)
    set_shift(body, shift)
    body.load_state_dict(found, strict=False)  # match_body was strict; only step counters may lack
    kept = _kept(body, arch)
    return f"{given.source}: {len(found)} of {len(found)} body tensors{kept}{how}"


def _kept(body: nn.Sequential, arch: str) -> str:
    """Say how many of an architecture's layers a body has; nothing where it has all."""
    layers = len(body_names(arch))
    return f" of the first {len(body)} of {layers} layers" if len(body) < layers else ""


def _for_the_pipeline(
    given: BodyWeights,
    body: nn.Sequential,
    arch: str,
) -> tuple[dict[str, torch.Tensor], torch.Tensor | None, str]:  # tensors, shift, what was done
    """Fold the scale of a pretrained network's images into its first layer."""
    name, layer = _first_layer(body, arch)
    tensors = dict(given.tensors)
    shift = tensors.pop(f"{name}.{SHIFT}", None)
    weight = tensors.get(f"{name}.weight")
    if given.scale == OURS or weight is None or weight.ndim != 4:
        return tensors, shift, ""
    if given.scale is None:
        return tensors, None, f", {UNKNOWN_SCALE}"
    _check_channels(weight, given)
    why_not = why_not_folded(layer)
    if why_not:
        return tensors, None, f", their scale not in the first layer: {why_not}"
    folded = fold(weight, tensors.get(f"{name}.bias"), given.scale, layer)
    tensors[f"{name}.weight"] = folded.weight
    if folded.bias is not None:
        tensors[f"{name}.bias"] = folded.bias
    return tensors, folded.shift, ", normalisation in the first layer"


def _check_channels(weight: torch.Tensor, given: BodyWeights) -> None:
    """Raise `IntegrityError` where the scale of a file is not of the channels of its weights."""
    channels = weight.shape[1]
    stated = len(given.scale.mean) if given.scale else channels
    if stated != channels:
        raise IntegrityError(
            f"{given.source}: the first layer takes {count(channels, 'channel')}, input_mean and "
            f"input_std are of {stated}"
        )


def _first_layer(body: nn.Sequential, arch: str) -> tuple[str, nn.Conv2d]:
    """Give the first convolution's name in the whole network, and itself."""
    key, layer = first_convolution(body)
    index, _, rest = key.partition(".")
    child = body_names(arch)[int(index)]
    return joined(child, rest) if rest else child, layer


def match_body(
    state: dict[str, torch.Tensor],  # by torchvision's name
    body: nn.Sequential,
    arch: str,
    source: str,  # names the file in errors
) -> dict[str, torch.Tensor]:  # every tensor of `body`, by its own key
    """Find each of the body's tensors. Raises `IntegrityError` that counts and names the first."""
    names = body_names(arch)
    first = first_convolution(body)[0]
    first_weight = f"{first}.weight"
    first_shift = f"{first}.{SHIFT}"
    found: dict[str, torch.Tensor] = {}
    problems: list[str] = []
    for key, wanted in body.state_dict().items():
        if key == first_shift:
            continue  # of other weights
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
        f"{_why_misfit(state, found, body, arch)}"
    )


def _why_misfit(
    state: dict[str, torch.Tensor],  # of the file, by torchvision's name
    found: dict[str, torch.Tensor],  # what fits, by the body's own key
    body: nn.Sequential,
    arch: str,
) -> str:
    """Tell what to do: a file of a body that was cut ends early, and all that it holds fits."""
    last = max((int(key.split(".", 1)[0]) for key in found), default=-1)
    ends_early = 0 <= last < len(body) - 1
    if ends_early and len(found) == len(state):
        kept = count(last + 1, "layer")
        return f"It is of a network cut after {kept}: {flag('layers', last + 1)}."
    return "Is it another architecture's file?"


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
