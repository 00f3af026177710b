"""An architecture's name -> the ImageNet weights of its body, from a cache or fetched into it.

torchvision's come through torch.hub's cache, timm's through the Hugging Face hub's. A file whose
hash is not the one in its name is fetched again, and never used.
"""

from __future__ import annotations

import errno
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from urllib.parse import urlparse

import torch
import torchvision

from cxr_fastai.advice import flag
from cxr_fastai.core import SourceUnavailable, StorageError, UsageError, one_line, sha256_file
from cxr_fastai.models.architectures import from_timm
from cxr_fastai.models.at_hand import OFFICIAL_LITES, find_weights, hash_start
from cxr_fastai.models.input_scale import IMAGENET, INCEPTION, InputScale
from cxr_fastai.models.lite_files import timm_named
from cxr_fastai.models.weight_files import read_body

__all__ = ["Pretrained", "imagenet_body", "is_at_hand"]

MAX_SILENCE = 30  # seconds after which a download gives up; torch.hub itself would wait for ever
OTHER_CHOICES = (
    f"Train from scratch with {flag('weights', 'none')}, or give a .pth or .safetensors state "
    f"dict, or a bundle's model.safetensors, with {flag('weights', 'FILE')}."
)
DISK_ERRORS = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True)
class Pretrained:
    """Weights of a body, and what they were trained on."""

    tensors: dict[str, torch.Tensor]  # by their names in the whole network
    scale: InputScale  # of their images
    source: str  # for people


def imagenet_body(arch: str) -> Pretrained:
    """Give pretrained tensors, from this machine where they are at hand, else fetched.

    Raises `SourceUnavailable` where they cannot be had, `StorageError` where they cannot be kept,
    `UsageError` for the baseline, which nobody pretrained.
    """
    if arch == "cnn":
        raise UsageError(
            "cnn is a plain baseline that nobody pretrained: train it with "
            f"{flag('weights', 'none')}."
        )
    if arch in OFFICIAL_LITES:
        return _lite_weights(arch)
    if from_timm(arch):
        return Pretrained(_timm_weights(arch), IMAGENET, "imagenet")
    file = _torchvision_file(arch)
    return Pretrained(read_body(file, arch, "imagenet"), IMAGENET, "imagenet")


def _lite_weights(arch: str) -> Pretrained:
    """Give the weights of an EfficientNet-Lite."""
    found = find_weights(OFFICIAL_LITES[arch])
    if found is None:
        return Pretrained(_timm_weights(arch), INCEPTION, "imagenet")
    tensors = timm_named(read_body(found.file, arch, str(found.file)), arch)
    return Pretrained(tensors, INCEPTION, f"imagenet ({found.file.name})")


def is_at_hand(
    arch: str,  # of torchvision
) -> bool:
    """Tell whether torchvision's official weights lie in torch.hub's cache, whole.

    Fetches nothing.
    """
    file = _cached_file(_torchvision_url(arch))
    return file.is_file() and sha256_file(file).startswith(hash_start(file.name))


def _torchvision_url(arch: str) -> str:
    """Give the address of torchvision's official weights."""
    return str(torchvision.models.get_model_weights(arch).DEFAULT.url)


def _cached_file(url: str) -> Path:
    """Give the place of a download in torch.hub's cache."""
    return Path(torch.hub.get_dir()) / "checkpoints" / Path(urlparse(url).path).name


def _timm_weights(arch: str) -> dict[str, torch.Tensor]:
    """Give timm's default weights, by its own download into the Hugging Face hub's cache."""
    import timm

    try:
        whole = timm.create_model(arch, pretrained=True, num_classes=0)
        state: dict[str, torch.Tensor] = whole.state_dict()
    except Exception as e:  # the hub's client has many errors, for no network alone
        why = one_line(e)[:120]
        raise SourceUnavailable(
            f"cannot fetch pretrained weights of {arch} by timm ({why}). {OTHER_CHOICES}"
        ) from e
    return state


def _torchvision_file(arch: str) -> Path:
    """Give torchvision's official weights, from torch.hub's cache or fetched into it."""
    url = _torchvision_url(arch)
    file = _cached_file(url)
    if is_at_hand(arch):
        return file
    start = hash_start(file.name)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise _no_place(file, e) from e
    _fetch(arch, url, file, start)
    return file


def _fetch(arch: str, url: str, file: Path, start: str) -> None:
    """Download weights; a file of another hash is refused and not kept."""
    shown = sys.stderr.isatty()
    try:
        with _silence_limit(MAX_SILENCE):
            torch.hub.download_url_to_file(url, str(file), start or None, progress=shown)
    except (OSError, HTTPException, RuntimeError) as e:
        if isinstance(e, OSError) and e.errno in DISK_ERRORS:
            raise _no_place(file, e) from e
        why = one_line(e).strip("<>")
        raise SourceUnavailable(
            f"cannot fetch ImageNet weights of {arch} from {url} ({why}). {OTHER_CHOICES}"
        ) from e


def _no_place(file: Path, e: OSError) -> StorageError:
    return StorageError(
        f"cannot keep weights at {file}: {e.strerror}. Set TORCH_HOME to another folder."
    )


@contextmanager
def _silence_limit(seconds: float) -> Iterator[None]:
    """Make sockets opened inside give up after `seconds` of silence."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
