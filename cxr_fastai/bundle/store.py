"""The second door: save, verify, load a trained model without pickle.

A network and its meta in, a folder out: `model.safetensors`, `bundle.json`, `README.md` (the model
card). The folder in, a `Bundle` out. Nothing is loaded that was not checked: keys and types, the
SHA-256 of the weights, every tensor's shape. Never unpickles, never imports fastai or pandas, never
fetches. A hash beside a file finds accidents, not forgers: whoever can change the weights can also
change bundle.json.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import safetensors.torch
import torch

from cxr_fastai.bundle.bundle import Bundle
from cxr_fastai.bundle.files import (
    BUNDLE_JSON,
    MODEL_CARD,
    TRAINED_ON,
    WEIGHTS,
    find_folder,
    read_bytes,
    read_meta,
)
from cxr_fastai.bundle.meta import Meta, check_meta, complete
from cxr_fastai.bundle.model_card import card
from cxr_fastai.bundle.trained_on import names_text
from cxr_fastai.core import (
    IntegrityError,
    UsageError,
    atomic_path,
    make_folder,
    one_line,
    sha256_text,
    write_json,
    write_text,
)
from cxr_fastai.models.networks import build_network

__all__ = ["save_bundle", "load_bundle"]


# ---- save


def save_bundle(
    folder: str | Path,  # created if need be; a bundle that lies there is replaced
    net: torch.nn.Module,  # of models.build_network, on any device
    meta: Mapping[str, Any],  # arch, vocab, size, mean, std, recipe, manifest_sha256, trained; the
    # other KEYS have defaults or are computed. Further keys are kept
    trained_on: Iterable[str] = (),  # names of images and patients that training or validation saw:
    # pixel_sha256, namespace:id
) -> Path:  # the folder; the same network gives the same bytes of weights
    """Write a bundle; bundle.json comes last, so that its existence means the rest is whole.

    Raises `IntegrityError`, writing nothing, where `net` is not what `meta` says.
    """
    folder = Path(folder)
    tensors = {name: _stored(tensor) for name, tensor in net.state_dict().items()}
    data = safetensors.torch.save(tensors)
    names = names_text(trained_on)
    record = complete(
        {**meta, "trained_on_sha256": sha256_text(names) if names else ""},
        weights_sha256=hashlib.sha256(data).hexdigest(),
    )
    checked = check_meta(record, folder / BUNDLE_JSON)
    _check_tensors(tensors, checked, folder / WEIGHTS)
    make_folder(folder)
    (folder / BUNDLE_JSON).unlink(missing_ok=True)
    with atomic_path(folder / WEIGHTS) as part:
        part.write_bytes(data)
    if names:
        write_text(folder / TRAINED_ON, names)
    write_text(folder / MODEL_CARD, card(checked))
    write_json(folder / BUNDLE_JSON, checked)
    return folder


def _stored(tensor: torch.Tensor) -> torch.Tensor:
    """Copy a tensor into main memory, contiguous; floats as float32."""
    dtype = torch.float32 if tensor.is_floating_point() else tensor.dtype
    return tensor.detach().to("cpu", dtype, copy=True).contiguous()


# ---- load


def load_bundle(
    path: str | Path,  # a bundle's folder, or a run's folder that holds `bundle`
    device: str | torch.device | None = None,  # "cpu", "cuda", ..; None: a GPU if there is one
) -> Bundle:
    """Load a trained model after checking all of it; never unpickles.

    Raises `UsageError` where there is no bundle, `IntegrityError` where it is not what it claims to
    be, `NotTrained` where the network never learned.
    """
    folder = find_folder(Path(path))
    meta = read_meta(folder / BUNDLE_JSON)
    weights = folder / WEIGHTS
    tensors = _read_tensors(weights, meta["weights_sha256"])
    _check_tensors(tensors, meta, weights)
    net = _blank_network(meta)
    net.load_state_dict(tensors, assign=True)
    where = _device(device)
    return Bundle(net=net.to(where).eval(), meta=meta, path=folder, device=where)


def _read_tensors(file: Path, expected_sha256: str) -> dict[str, torch.Tensor]:
    """Read the weights. The same bytes are hashed and parsed, so none can change in between."""
    data = read_bytes(file)
    actual = hashlib.sha256(data).hexdigest()
    if actual != expected_sha256:
        raise IntegrityError(
            f"{file}: SHA-256 is {actual}, {BUNDLE_JSON} says {expected_sha256}. The weights were "
            "damaged or replaced after training: copy the bundle again from where it was made."
        )
    try:
        tensors: dict[str, torch.Tensor] = safetensors.torch.load(data)
    except Exception as e:  # the parser refuses foreign bytes with errors of several libraries
        raise IntegrityError(f"{file} is no safetensors file: {one_line(e)[:120]}") from e
    return tensors


def _device(name: str | torch.device | None) -> torch.device:
    """Find the device to compute on. Raises `UsageError` where it cannot be had."""
    usual = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name or usual)
    except RuntimeError as e:
        raise UsageError(f"unknown device {str(name)!r}: expected cpu, cuda or cuda:N") from e
    if device.type == "cuda" and not torch.cuda.is_available():
        raise UsageError(f"no GPU for device {name!r}: use cpu")
    return device


# ---- the network that bundle.json describes


def _blank_network(meta: Meta) -> torch.nn.Sequential:
    """Build the network that `meta` describes, without memory for its weights.

    Touches no random generator.
    """
    with torch.device("meta"):
        return build_network(meta["arch"], len(meta["vocab"]), meta["in_channels"])


def _check_tensors(
    tensors: dict[str, torch.Tensor],
    meta: Meta,
    file: Path,  # named in errors
) -> None:
    """Raise `IntegrityError` unless these are the tensors of the network that `meta` describes.

    They must be the same one for one, and finite.
    """
    wanted = _blank_network(meta).state_dict()
    network = f"a {meta['arch']} of {len(meta['vocab'])} classes"
    for key in (*wanted, *tensors):
        if key not in tensors:
            raise IntegrityError(f"{file}: tensor {key!r} of {network} is missing")
        if key not in wanted:
            raise IntegrityError(f"{file}: tensor {key!r} does not belong to {network}")
        problem = _misfit(tensors[key], wanted[key], network)
        if problem:
            raise IntegrityError(f"{file}: tensor {key!r} {problem}")


def _misfit(
    given: torch.Tensor,
    wanted: torch.Tensor,
    network: str,  # in words
) -> str:
    """Say why a tensor cannot stand for the wanted one; empty where it can."""
    if (given.shape, given.dtype) != (wanted.shape, wanted.dtype):
        return (
            f"is {given.dtype} {tuple(given.shape)}, "
            f"{network} has {wanted.dtype} {tuple(wanted.shape)}"
        )
    if not torch.isfinite(given).all():
        return "is not finite everywhere"
    return ""
