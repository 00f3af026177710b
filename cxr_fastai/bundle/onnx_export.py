"""A bundle -> its network as ONNX, for any runtime: normalisation and calibration inside.

The graph takes gray values and gives probabilities, logits and features (names in `onnx_file`).
What is written was run before, on images drawn here, against torch. Never changes a weight.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from importlib.metadata import version
from io import StringIO
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import nn

from cxr_fastai.advice import command
from cxr_fastai.bundle.bundle import Bundle
from cxr_fastai.bundle.calibrated import calibrated, offsets_of
from cxr_fastai.bundle.files import BUNDLE_JSON, read_bytes
from cxr_fastai.bundle.hub_names import check_own
from cxr_fastai.bundle.inputs import prepare
from cxr_fastai.bundle.meta import check_meta
from cxr_fastai.bundle.onnx_file import (
    FEATURES,
    GRAY,
    LOGITS,
    MODEL_ONNX,
    PROBABILITIES,
    check_onnx,
    made_of,
    need,
    record_beside,
)
from cxr_fastai.bundle.onnx_runtime import session_of
from cxr_fastai.core import (
    IntegrityError,
    StrPath,
    Task,
    UsageError,
    atomic_path,
    one_line,
    write_json,
)

__all__ = ["MAX_APART", "Exporting", "export_onnx", "onnx_of", "parity", "varied_images"]

# Of a probability, between torch and the exported graph: issue 18; measured 1e-6 at most.
MAX_APART = 1e-4
# Of a logit, as a share of the largest: probabilities of 0 and 1 would hide a difference.
MAX_LOGIT_APART = 1e-3
GATE = "gate.safetensors"  # of a bundle
OUTPUTS = (PROBABILITIES, LOGITS, FEATURES)
MAX_BYTES = 2**31 - 2**20  # that a file of protobuf can hold, less what is no weight
TRIED_BATCHES = (1, 3)  # images at a time, besides all together


class Exporting(nn.Module):
    """A network from gray values to calibrated probabilities."""

    def __init__(
        self,
        net: nn.Module,  # of build_network: body, head
        meta: Mapping[str, Any],
    ) -> None:
        super().__init__()
        self.body, self.head = net.children()
        self.channels: int = meta["in_channels"]
        self.mean: float = meta["mean"]
        self.std: float = meta["std"]
        self.temperature: float = meta["temperature"]
        self.is_multi_label = Task(meta["task"]) is Task.MULTI_LABEL
        self.register_buffer("offsets", torch.tensor(offsets_of(meta), dtype=torch.float32))

    def forward(
        self,
        gray: torch.Tensor,  # (n, 1, size, size) float32, 0-255
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Give probabilities, logits and features."""
        x = (gray / 255 - self.mean) / self.std
        if self.channels > 1:
            x = torch.cat([x] * self.channels, 1)
        features = self.head[:-1](self.body(x))
        logits = self.head[-1](features)
        scaled = logits / self.temperature + self.offsets
        probs = scaled.sigmoid() if self.is_multi_label else scaled.softmax(1)
        return probs, logits, features


def export_onnx(
    bundle: Bundle,  # of load_bundle, in torch
    file: StrPath | None = None,  # NAME.onnx, with NAME.onnx.json beside it; None: into the bundle
) -> Path:  # the .onnx file
    """Write a bundle's network as ONNX, once it was seen to answer as it does in torch.

    Into the bundle: as model.onnx, with key `onnx` of bundle.json. Raises `UsageError` where the
    extra onnx is missing, `IntegrityError` where the graph answers otherwise than torch.
    """
    if isinstance(bundle, str | PathLike):
        raise UsageError(f"export_onnx takes a bundle: export_onnx(load_bundle({str(bundle)!r}))")
    target = bundle.path / MODEL_ONNX if file is None else Path(file)
    if file is None:
        way = command("cxr export BUNDLE --onnx FILE", "export_onnx(bundle, file)")
        check_own(bundle.path, f"export to a file: {way}")
    else:
        _check_gate(bundle, target.parent)  # before anything is written
    data, record = onnx_of(bundle)
    meta = {**bundle.meta, "onnx": record}
    check_onnx(data, meta, target)
    with atomic_path(target) as part:
        part.write_bytes(data)
    beside = bundle.path / BUNDLE_JSON
    if file is not None:
        beside = record_beside(target)
        meta["trained_on_sha256"] = ""  # that list stays in the bundle
        _take_gate(bundle, target.parent)
    write_json(beside, dict(check_meta(meta, beside)))
    return target


def _takes_gate(bundle: Bundle, folder: Path) -> bool:
    """Tell whether a gate is to be copied beside an exported file."""
    return "gate" in bundle.meta and folder.resolve() != bundle.path.resolve()


def _check_gate(bundle: Bundle, folder: Path) -> None:
    """Raise `UsageError` where the gate of another bundle lies in a folder."""
    there = folder / GATE
    if not _takes_gate(bundle, folder) or not there.exists():
        return
    if not there.is_file() or there.read_bytes() != read_bytes(bundle.path / GATE):
        raise UsageError(
            f"{there} is the gate of another bundle, and would be replaced: export to a folder of "
            "its own"
        )


def _take_gate(bundle: Bundle, folder: Path) -> None:
    """Copy the gate of a bundle beside an exported file."""
    if not _takes_gate(bundle, folder):
        return
    with atomic_path(folder / GATE) as part:
        part.write_bytes(read_bytes(bundle.path / GATE))


def onnx_of(bundle: Bundle) -> tuple[bytes, dict[str, Any]]:
    """Make the graph of a bundle and what is to be known of it, held against torch."""
    onnx = need("onnx")
    onnxruntime = need("onnxruntime")
    need("onnxscript")
    data = _exported(bundle)
    model = onnx.load_model_from_string(data)
    found = parity(bundle, data)
    if not found["probabilities"] <= MAX_APART or not found["logits"] <= MAX_LOGIT_APART:
        raise IntegrityError(
            f"{bundle.path}: as ONNX it answers otherwise than in torch (probabilities up to "
            f"{found['probabilities']:.2g} apart, logits {found['logits']:.2g} of the largest; "
            f"allowed {MAX_APART:g} and {MAX_LOGIT_APART:g}): not written"
        )
    record = {
        "sha256": hashlib.sha256(data).hexdigest(),
        "made_of": made_of(bundle.meta),
        "opset": max(each.version for each in model.opset_import),
        "ir_version": model.ir_version,
        "input": f"{GRAY}: (batch, 1, {bundle.size}, {bundle.size}) float32, gray values 0-255",
        "outputs": [f"{PROBABILITIES}: calibrated, in the order of vocab", LOGITS, FEATURES],
        "parity": found,
        "libraries": {
            "torch": str(torch.__version__),
            "onnx": onnx.__version__,
            "onnxruntime": onnxruntime.__version__,
            "onnxscript": version("onnxscript"),
        },
    }
    return data, record


def _exported(bundle: Bundle) -> bytes:
    """Let torch export the network; what it prints is kept back."""
    net = bundle.net
    weighs = sum(t.numel() * t.element_size() for t in net.state_dict().values())
    if weighs > MAX_BYTES:
        raise UsageError(
            f"{bundle.path}: its weights take {weighs:,} bytes, and one ONNX file holds "
            f"{MAX_BYTES:,}: it cannot be exported"
        )
    where = next(net.parameters()).device
    whole = Exporting(net, bundle.meta).to(where).eval()
    example = torch.zeros(2, 1, bundle.size, bundle.size, device=where)
    batch = torch.export.Dim("batch", min=1, max=2**20)
    try:
        with warnings.catch_warnings(), redirect_stdout(StringIO()), redirect_stderr(StringIO()):
            warnings.simplefilter("ignore")
            program = torch.onnx.export(
                whole,
                (example,),
                dynamo=True,
                verbose=False,
                input_names=[GRAY],
                output_names=list(OUTPUTS),
                dynamic_shapes={"gray": {0: batch}},
            )
            data: bytes = program.model_proto.SerializeToString()
    except Exception as e:  # the exporter has errors of several libraries, of many lines
        raise IntegrityError(
            f"{bundle.path}: torch {torch.__version__} cannot export {bundle.meta['arch']} as "
            f"ONNX: {one_line(e)[:160]}"
        ) from e
    return data


# ---- held against torch


def varied_images(
    size: int,  # px
) -> list[np.ndarray]:  # (size, size) uint8 each
    """Draw images of every kind: even, noise fine and coarse, ramps; the same at every call."""
    rng = np.random.default_rng(0)
    images = [np.full((size, size), level, np.uint8) for level in (0, 127, 255)]
    for side in (3, 7, 20, size):
        for _ in range(3):
            coarse = rng.integers(0, 256, (side, side), np.uint8)
            images.append(_enlarged(coarse, size))
    ramp = np.linspace(0, 255, size).astype(np.uint8)
    images.append(np.tile(ramp, (size, 1)))
    images.append(images[-1].T[::-1].copy())
    return images


def _enlarged(coarse: np.ndarray, size: int) -> np.ndarray:
    """Enlarge an image smoothly."""
    return np.array(Image.fromarray(coarse).resize((size, size), Image.Resampling.BICUBIC))


def parity(
    bundle: Bundle,  # in torch
    data: bytes,  # of the graph
) -> dict[str, Any]:  # images; greatest differences of probabilities, logits, features
    """Hold a graph against torch on varied images, one by one and together.

    Differences of logits and features are shares of the largest that torch gives.
    """
    session = session_of(data, bundle.path)
    images = varied_images(bundle.size)
    gray = np.stack(images)[:, None].astype(np.float32)
    batch = np.stack([prepare(image, {**bundle.meta, "crop": 0.0}) for image in images])
    logits = bundle.runtime.logits(batch)
    wanted = {
        PROBABILITIES: calibrated(logits, bundle.meta),
        LOGITS: logits,
        FEATURES: bundle.runtime.features(batch),
    }
    apart = dict.fromkeys(OUTPUTS, 0.0)
    for bs in (*TRIED_BATCHES, len(images)):
        found = _in_batches(session, gray, bs)
        for name in OUTPUTS:
            scale = 1.0 if name == PROBABILITIES else max(1.0, float(np.abs(wanted[name]).max()))
            difference = float(np.abs(found[name] - wanted[name]).max()) / scale
            apart[name] = max(apart[name], difference) if difference == difference else np.inf
    return {"images": len(images), **apart}


def _in_batches(
    session: Any,
    gray: np.ndarray,  # (n, 1, size, size)
    bs: int,
) -> dict[str, np.ndarray]:
    """Run a graph on images, so many at a time."""
    parts = []
    for start in range(0, len(gray), bs):
        batch = gray[start : start + bs]
        try:
            parts.append(session.run(list(OUTPUTS), {GRAY: batch}))
        except Exception as e:  # the runtime has errors of its own, of many lines
            raise IntegrityError(
                f"as ONNX the network does not take {len(batch)} images at a time "
                f"({one_line(e)[:160]}): not written"
            ) from e
    return {name: np.concatenate(own) for name, own in zip(OUTPUTS, zip(*parts))}
