"""model.onnx: what it must be, and what bundle.json says of it.

Bytes and a Meta in, nothing or an `IntegrityError` out. A graph is trusted with nothing: it may
read no file beside it, run no operator but those of the ONNX standard, and must take and give what
the bundle says. Never imports torch, writes nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from cxr_fastai.bundle.file_names import MODEL_ONNX
from cxr_fastai.core import IntegrityError, UsageError, one_line
from cxr_fastai.telemetry import reports_nothing

__all__ = [
    "FEATURES",
    "GRAY",
    "LOGITS",
    "MODEL_ONNX",
    "PROBABILITIES",
    "check_onnx",
    "made_of",
    "need",
    "record_beside",
]

GRAY = "gray"  # the input: (batch, 1, size, size) float32, gray values 0-255
PROBABILITIES = "probabilities"  # (batch, classes), calibrated, in the order of vocab
LOGITS = "logits"  # (batch, classes), before temperature and offsets
FEATURES = "features"  # (batch, d), what the last layer is given
STANDARD = ("", "ai.onnx")  # domains of operators: any other is somebody's own code
# What a graph depends on besides the weights: with any of these changed it answers otherwise.
DEPENDS_ON = (
    "weights_sha256",
    "arch",
    "vocab",
    "task",
    "size",
    "in_channels",
    "mean",
    "std",
    "temperature",
    "offsets",
)


def need(
    name: str,  # of a package of the extra onnx
) -> Any:  # the module
    """Import a package of the extra. Raises `UsageError` that names the pip command."""
    reports_nothing(name)
    try:
        return import_module(name)
    except ImportError as e:
        raise UsageError(
            f"ONNX needs {name}, which cannot be imported ({one_line(e)[:80]}): "
            "pip install 'cxr_fastai[onnx]'"
        ) from e


def made_of(
    meta: Mapping[str, Any],  # bundle.json
) -> str:  # SHA-256
    """Name what a graph was exported from: weights, normalisation, calibration, classes."""
    told = {key: meta[key] for key in DEPENDS_ON}
    text = json.dumps(told, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def record_beside(file: Path) -> Path:
    """Return the name of the record of an .onnx file that lies outside a bundle."""
    return file.with_name(file.name + ".json")


def check_onnx(
    data: bytes,
    meta: Mapping[str, Any],  # bundle.json, with key onnx
    file: Path,  # named in errors
) -> None:
    """Raise `IntegrityError` unless these bytes are the graph that the record describes."""
    record = meta["onnx"]
    actual = hashlib.sha256(data).hexdigest()
    if actual != record["sha256"]:
        raise IntegrityError(
            f"{file}: SHA-256 is {actual}, its record says {record['sha256']}. The file was cut, "
            "damaged or replaced after it was exported: export it again with cxr export."
        )
    if record.get("made_of") != made_of(meta):
        raise IntegrityError(
            f"{file} was exported from other weights, classes or calibration than the record "
            "beside it has: export it again with cxr export."
        )
    _check_graph(_parsed(data, file), meta, file)


def _parsed(data: bytes, file: Path) -> Any:
    """Parse a graph. Raises `IntegrityError`."""
    onnx = need("onnx")
    try:
        return onnx.load_model_from_string(data)
    except Exception as e:  # protobuf's parser has errors of its own
        raise IntegrityError(f"{file} is no ONNX file: {one_line(e)[:120]}") from e


def _check_graph(
    model: Any,  # onnx.ModelProto
    meta: Mapping[str, Any],
    file: Path,
) -> None:
    """Raise `IntegrityError` for a graph that reads files, runs code of others, or misfits."""
    if len(model.functions):
        raise IntegrityError(f"{file} holds functions of its own: expected standard operators")
    for graph in _graphs(model.graph):
        for tensor in _tensors(graph):
            if tensor.data_location or tensor.external_data:
                raise IntegrityError(
                    f"{file} keeps weights in a file beside it ({tensor.name[:60]!r}): expected "
                    "all of them inside, as cxr export writes them"
                )
        for node in graph.node:
            if node.domain not in STANDARD:
                raise IntegrityError(
                    f"{file} runs an operator of {node.domain[:60]!r} ({node.op_type[:60]!r}): "
                    "expected those of the ONNX standard alone"
                )
    _check_ends(model.graph, meta, file)


def _graphs(graph: Any) -> Iterator[Any]:
    """Yield a graph and those inside its nodes."""
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from _graphs(attribute.g)
            for inner in attribute.graphs:
                yield from _graphs(inner)


def _tensors(graph: Any) -> Iterator[Any]:
    """Yield every tensor that a graph carries."""
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield sparse.values
        yield sparse.indices
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t
            yield from attribute.tensors


def _check_ends(
    graph: Any,
    meta: Mapping[str, Any],
    file: Path,
) -> None:
    """Raise `IntegrityError` unless a graph takes and gives what the bundle says."""
    size = meta["size"]
    classes = len(meta["vocab"])
    wanted = {GRAY: [None, 1, size, size], PROBABILITIES: [None, classes], LOGITS: [None, classes]}
    inputs = {value.name: _shape(value) for value in graph.input}
    outputs = {value.name: _shape(value) for value in graph.output}
    if list(inputs) != [GRAY]:
        raise IntegrityError(f"{file} takes {', '.join(inputs) or 'nothing'}: expected {GRAY}")
    for name, shape in wanted.items():
        found = (inputs if name == GRAY else outputs).get(name)
        if found != shape:
            raise IntegrityError(
                f"{file}: {name} has the shape {_words(found)}, expected {_words(shape)} for "
                f"{classes} classes at {size} px"
            )
    if FEATURES not in outputs:
        raise IntegrityError(f"{file} gives no {FEATURES}: export it again with cxr export")


def _shape(value: Any) -> list[int | None]:
    """Return a shape; None: any number."""
    sides = value.type.tensor_type.shape.dim
    return [side.dim_value if side.HasField("dim_value") else None for side in sides]


def _words(shape: list[int | None] | None) -> str:
    """Say a shape."""
    if shape is None:
        return "of nothing"
    return " x ".join("any" if side is None else str(side) for side in shape)
