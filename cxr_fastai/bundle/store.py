"""The second door: save, verify, load a trained model without pickle.

A network and its meta in, a folder out: `model.safetensors`, `bundle.json`, `README.md` (the model
card). The folder in, a `Bundle` out. Nothing is loaded that was not checked: keys and types, the
SHA-256 of the weights, every tensor's shape. Never unpickles, never imports fastai or pandas, never
fetches. A hash beside a file finds accidents, not forgers: whoever can change the weights can also
change bundle.json. torch is imported when a network of it is saved or loaded.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cxr_fastai.bundle.bundle import Bundle
from cxr_fastai.bundle.files import (
    BUNDLE_JSON,
    MODEL_CARD,
    TRAINED_ON,
    WEIGHTS,
    find_folder,
    read_meta,
)
from cxr_fastai.bundle.meta import Meta, check_meta, complete
from cxr_fastai.bundle.model_card import card
from cxr_fastai.bundle.runtime import RUNTIMES, Runtime
from cxr_fastai.bundle.trained_on import names_text
from cxr_fastai.core import (
    UsageError,
    atomic_path,
    make_folder,
    sha256_text,
    write_json,
    write_text,
)

if TYPE_CHECKING:
    import torch

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
    import safetensors.torch

    from cxr_fastai.bundle.torch_runtime import check_tensors, stored_tensors

    folder = Path(folder)
    tensors = stored_tensors(net)
    data = safetensors.torch.save(tensors)
    names = names_text(trained_on)
    record = complete(
        {**meta, "trained_on_sha256": sha256_text(names) if names else ""},
        weights_sha256=hashlib.sha256(data).hexdigest(),
    )
    checked = check_meta(record, folder / BUNDLE_JSON)
    check_tensors(tensors, checked, folder / WEIGHTS)
    make_folder(folder)
    (folder / BUNDLE_JSON).unlink(missing_ok=True)
    with atomic_path(folder / WEIGHTS) as part:
        part.write_bytes(data)
    if names:
        write_text(folder / TRAINED_ON, names)
    write_text(folder / MODEL_CARD, card(checked))
    write_json(folder / BUNDLE_JSON, checked)
    return folder


# ---- load


def load_bundle(
    path: str | Path,  # a bundle's folder, or a run's folder that holds `bundle`
    # "cpu", "cuda", ..; None: a GPU if there is one. Of the runtime torch alone
    device: str | torch.device | None = None,
    runtime: str = RUNTIMES[0],  # what computes the network: torch, or onnx of an exported one
) -> Bundle:
    """Load a trained model after checking all of it; never unpickles.

    Raises `UsageError` where there is no bundle, `IntegrityError` where it is not what it claims to
    be, `NotTrained` where the network never learned.
    """
    if runtime not in RUNTIMES:
        raise UsageError(f"unknown runtime {runtime!r}: expected {' or '.join(RUNTIMES)}")
    folder = find_folder(Path(path))
    meta = read_meta(folder / BUNDLE_JSON)
    return Bundle(_runtime(runtime, folder, meta, device), meta, folder)


def _runtime(
    name: str,  # one of RUNTIMES
    folder: Path,
    meta: Meta,
    device: str | torch.device | None,
) -> Runtime:
    """Read what computes a bundle's network."""
    from cxr_fastai.bundle.torch_runtime import read_network

    return read_network(folder, meta, device)
