"""A file of weights -> the tensors of a network's body, by torchvision's names of their layers.

Reads .pth and .safetensors: torchvision's own, our own, and what usual trainers wrap around either.
Unpickles tensors and plain containers only; never runs what a file holds, never fetches.
"""

from __future__ import annotations

import math
import re
import warnings
from dataclasses import dataclass
from pathlib import Path

import safetensors
import safetensors.torch
import torch

from cxr_fastai.core import IntegrityError, StorageError, UsageError
from cxr_fastai.inputs import readable_path
from cxr_fastai.models.architectures import body_parts
from cxr_fastai.models.input_scale import OURS, InputScale
from cxr_fastai.models.torchxrayvision import OF_TORCHXRAYVISION

__all__ = ["BodyWeights", "read_body", "read_weights", "existing_file", "body_names", "joined"]

# What DataParallel, Lightning and torch.compile put before every key.
WRAPPERS = ("module.", "model.", "_orig_mod.")
# What a file may state of the images that it was trained on.
STATED = ("input_mean", "input_std")
OLD_DENSENET = re.compile(r"(denselayer\d+\.(?:norm|conv))\.(\d+\.)")  # norm.1 for norm1


@dataclass(frozen=True)
class BodyWeights:
    """What a file tells of a network's body."""

    tensors: dict[str, torch.Tensor]  # by torchvision's name of the layer
    scale: InputScale | None  # of the images that it was trained on; None: the file does not say
    source: str  # for people


def read_weights(
    file: Path,
    arch: str,
    source: str,  # names the file in errors
) -> BodyWeights:
    """Read the body's weights of a checkpoint, and what it states of its images.

    Raises `StorageError` where the file cannot be read, `IntegrityError` where it is no state dict,
    or states what can be none.
    """
    content = _read(file)
    scale = _stated_scale(content, file)
    tensors = _tensors(content, source)
    if scale is None and OF_TORCHXRAYVISION in tensors:
        raise IntegrityError(
            f"{source} is a network of TorchXRayVision, whose images are of -1024 to 1024, and "
            "does not state it: convert it first (docs/weights.md)"
        )
    if any(key.startswith("0.") for key in tensors):
        scale = OURS
    return BodyWeights(_body_state(tensors, arch), scale, source)


def read_body(
    file: Path,
    arch: str,
    source: str,  # names the file in errors
) -> dict[str, torch.Tensor]:  # by torchvision's name of the layer
    """Read the body's weights of a checkpoint. Raises as `read_weights` does."""
    return read_weights(file, arch, source).tensors


def _stated_scale(content: object, file: Path) -> InputScale | None:
    """Return the scale of images that a file states: `input_mean` and `input_std`."""
    stated = [_numbers(_statement(content, file, key)) for key in STATED]
    if stated == [None, None]:
        return None
    mean, std = stated
    if not mean or not std or len(mean) != len(std) or min(std) <= 0:
        raise IntegrityError(
            f"{file}: {' and '.join(STATED)} are to be one number each, or three, with commas "
            "between, of gray values scaled to 0-1 (docs/weights.md)"
        )
    return InputScale(mean=mean, std=std)


def _statement(content: object, file: Path, key: str) -> object:
    """Look a statement up: in the header of a .safetensors file, beside the weights of a .pth."""
    if file.suffix.lower() == ".safetensors":
        with safetensors.safe_open(file, "pt") as opened:
            return (opened.metadata() or {}).get(key)
    return content.get(key) if isinstance(content, dict) else None


def _numbers(stated: object) -> tuple[float, ...] | None:  # empty: it holds something else
    """Read one finite number or three; None where nothing is stated."""
    if stated is None:
        return None
    parts = stated.split(",") if isinstance(stated, str) else stated
    parts = [parts] if isinstance(parts, (int, float)) else parts
    try:
        numbers = tuple(float(part) for part in parts)  # type: ignore[attr-defined]
    except (TypeError, ValueError):
        return ()
    is_usable = len(numbers) in (1, 3) and all(math.isfinite(number) for number in numbers)
    return numbers if is_usable else ()


def existing_file(weights: str | Path) -> Path:
    """Give the path of a weights file. Raises `UsageError` where there is none."""
    file = readable_path(weights, "weights")
    if file.is_file():
        return file
    raise UsageError(
        f"no weights file {str(weights)!r}: expected imagenet, none, or a .pth or .safetensors file"
    )


def _read(file: Path) -> object:
    """Read what a weights file holds. Only tensors and plain containers are ever unpickled."""
    try:
        if file.suffix.lower() == ".safetensors":
            return safetensors.torch.load_file(file)
        with warnings.catch_warnings():  # torch warns of the pickle's protocol, and then refuses it
            warnings.simplefilter("ignore", UserWarning)
            return torch.load(file, map_location="cpu", weights_only=True)
    except OSError as e:
        raise StorageError(f"cannot read {file}: {e.strerror or e}") from e
    except Exception as e:  # a damaged or hostile file may fail in any way inside the parser
        raise IntegrityError(
            f"{file} is no plain state dict ({_why(e)}); nothing in it was run. Give the network's "
            "state_dict(), saved with safetensors or torch.save."
        ) from e


def _why(e: Exception) -> str:
    """Say torch's refusal in a few words.

    Its own text goes on to advise loading the file without protection.
    """
    code = re.search(r"GLOBAL (\S+)", str(e))
    if code:
        return f"it asks for the Python object {code[1]}"
    return f"{type(e).__name__} while reading"


def _tensors(content: object, source: str) -> dict[str, torch.Tensor]:
    """Give the tensors of a state dict, also of a wrapped one, without the wrappers' prefixes."""
    for key in ("state_dict", "model"):
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
    if not isinstance(content, dict):
        return {}
    tensors: dict[str, torch.Tensor] = {}
    for key, value in content.items():
        if not isinstance(value, torch.Tensor):
            continue
        bare = _without_wrappers(str(key))
        if bare in tensors:
            raise IntegrityError(f"{source} holds {bare!r} twice, under different prefixes")
        tensors[bare] = value
    return tensors


def _without_wrappers(key: str) -> str:
    """Take off what trainers put before a key, also several of them."""
    while key.startswith(WRAPPERS):
        key = key.split(".", 1)[1]
    return key


def _body_state(tensors: dict[str, torch.Tensor], arch: str) -> dict[str, torch.Tensor]:
    """Name tensors as torchvision names their layers, from torchvision's keys or our own."""
    ours = any(key.startswith("0.") for key in tensors)
    if not ours:
        return {OLD_DENSENET.sub(r"\1\2", key): value for key, value in tensors.items()}
    names = body_names(arch)
    state = {}
    for key, value in tensors.items():
        body, _, key_in_body = key.partition(".")
        index, _, rest = key_in_body.partition(".")
        if body != "0" or not index.isdecimal():
            continue
        if int(index) < len(names):
            state[joined(names[int(index)], rest)] = value
    return state


def joined(
    child: str,  # of the body, by its name in the whole network; "" where it is the whole
    rest: str,  # name of a tensor in it
) -> str:
    """Name a tensor as it is named in the whole network."""
    return f"{child}.{rest}" if child else rest


def body_names(arch: str) -> list[str]:
    """List torchvision's names of the body's children, in order."""
    with torch.device("meta"):
        return list(body_parts(arch).layers)
