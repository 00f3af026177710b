"""The second door: save, verify, load a trained model without pickle.

A network and its meta in, a folder out: `model.safetensors`, `bundle.json`, `README.md` (the model
card). The folder in, a `Bundle` out. Nothing is loaded that was not checked: keys and types, the
SHA-256 of the weights, every tensor's shape. Never unpickles, never imports fastai or pandas, never
fetches but what is named hub:OWNER/NAME. A hash beside a file finds accidents, not forgers: whoever
can change the weights can also change bundle.json. torch is imported when a network of it is saved
or loaded.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cxr_fastai.advice import command
from cxr_fastai.bundle.bundle import Bundle
from cxr_fastai.bundle.files import (
    BUNDLE_JSON,
    EVALUATION,
    MODEL_CARD,
    TRAINED_ON,
    WEIGHTS,
    check_alone,
    find_folder,
    is_onnx,
    read_meta,
)
from cxr_fastai.bundle.gates import GATE, check_no_gate_file, read_gate, write_gate
from cxr_fastai.bundle.meta import Meta, check_meta, complete
from cxr_fastai.bundle.model_card import card
from cxr_fastai.bundle.onnx_file import MODEL_ONNX
from cxr_fastai.bundle.runtime import ONNX, RUNTIMES, Runtime
from cxr_fastai.bundle.trained_on import names_text
from cxr_fastai.core import (
    UsageError,
    atomic_path,
    make_folder,
    sha256_text,
    write_json,
    write_text,
)
from cxr_fastai.gate.stored import gate_bytes

if TYPE_CHECKING:
    import torch

    from cxr_fastai.gate.gate import Gate

__all__ = ["save_bundle", "load_bundle"]


# ---- save


def save_bundle(
    folder: str | Path,  # created if need be; a bundle that lies there is replaced
    net: torch.nn.Module,  # of models.build_network, on any device
    meta: Mapping[str, Any],  # arch, vocab, size, mean, std, recipe, manifest_sha256, trained; the
    # other KEYS have defaults or are computed. Further keys are kept
    trained_on: Iterable[str] = (),  # names of images and patients that training or validation saw:
    # pixel_sha256, namespace:id
    gate: Gate | None = None,  # of gate.fit_gate; None: every picture is answered
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
    meta = {key: value for key, value in meta.items() if key != "gate" or gate is not None}
    more: dict[str, Any] = {"trained_on_sha256": sha256_text(names) if names else ""}
    gate_data = b"" if gate is None else gate_bytes(gate)
    if gate is not None:
        known = meta.get("gate", gate.facts)
        more["gate"] = {**known, "sha256": hashlib.sha256(gate_data).hexdigest()}
    record = complete(
        {**meta, **more},
        weights_sha256=hashlib.sha256(data).hexdigest(),
    )
    checked = check_meta(record, folder / BUNDLE_JSON)
    check_tensors(tensors, checked, folder / WEIGHTS)
    make_folder(folder)
    (folder / BUNDLE_JSON).unlink(missing_ok=True)
    for file in (MODEL_ONNX, EVALUATION):
        (folder / file).unlink(missing_ok=True)  # of another network
    with atomic_path(folder / WEIGHTS) as part:
        part.write_bytes(data)
    if names:
        write_text(folder / TRAINED_ON, names)
    if gate_data:
        write_gate(folder, gate_data)
    else:
        (folder / GATE).unlink(missing_ok=True)  # of another network
    write_text(folder / MODEL_CARD, card(checked))
    write_json(folder / BUNDLE_JSON, checked)
    return folder


# ---- load


def load_bundle(
    # a bundle's folder, or a run's folder that holds `bundle`; or NAME.onnx that was exported; or
    # hub:OWNER/NAME@REVISION, of the Hugging Face Hub
    path: str | Path,
    # "cpu", "cuda", ..; None: a GPU if there is one. Of the runtime torch alone
    device: str | torch.device | None = None,
    # what computes the network: torch, or onnx, which needs no torch, once it was exported; None:
    # torch for a folder
    runtime: str | None = None,
) -> Bundle:
    """Load a trained model after checking all of it; never unpickles.

    Raises `UsageError` where there is no bundle, `IntegrityError` where it is not what it claims to
    be, `NotTrained` where the network never learned, `SourceUnavailable` where the Hub cannot be
    asked and no copy is here.
    """
    _check_asked(device, runtime)
    path = Path(path)
    if is_onnx(path):
        return _exported_alone(path, runtime)
    folder = find_folder(path)
    meta = read_meta(folder / BUNDLE_JSON)
    gate = read_gate(folder, meta)
    if gate is None:
        check_no_gate_file(folder)
    if runtime == ONNX:
        return Bundle(_in_onnx(folder / MODEL_ONNX, meta, folder), meta, folder, gate)
    from cxr_fastai.bundle.torch_runtime import read_network

    return Bundle(read_network(folder, meta, device), meta, folder, gate)


def _check_asked(
    device: str | torch.device | None,
    runtime: str | None,
) -> None:
    """Raise `UsageError` for a runtime that is none, or a device that it does not take."""
    if runtime is not None and runtime not in RUNTIMES:
        raise UsageError(f"unknown runtime {runtime!r}: expected {' or '.join(RUNTIMES)}")
    if runtime == ONNX and device is not None and str(device) != "cpu":
        raise UsageError(f"the runtime onnx computes on the processor: device {device} is torch's")


def _exported_alone(
    file: Path,  # NAME.onnx
    runtime: str | None,
) -> Bundle:
    """Load what was exported to a file of its own."""
    beside = check_alone(file)
    if runtime not in (None, ONNX):
        raise UsageError(f"{file} holds no network for {runtime}: give the bundle's folder")
    meta = read_meta(beside)
    gate = read_gate(file.parent, meta)
    return Bundle(_in_onnx(file, meta, beside), meta, file, gate)


def _in_onnx(
    file: Path,
    meta: Meta,
    where: Path,  # names the bundle in errors
) -> Runtime:
    """Read a graph. Raises `UsageError` where none was exported."""
    if "onnx" not in meta:
        way = command("cxr export BUNDLE --onnx", "cxr_fastai.bundle.export_onnx(bundle)")
        raise UsageError(f"{where} has no {MODEL_ONNX} yet: make it with {way}")
    from cxr_fastai.bundle.onnx_runtime import read_onnx

    return read_onnx(file, meta)
