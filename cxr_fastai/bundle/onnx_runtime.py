"""A bundle's network in ONNX Runtime: without torch, from a cold start in a fraction of its time.

model.onnx and a Meta in, an OnnxRuntime out. Only a checked graph is run. Never imports torch,
fastai or pandas, writes nothing.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from cxr_fastai.bundle.files import read_bytes
from cxr_fastai.bundle.meta import Meta
from cxr_fastai.bundle.onnx_file import FEATURES, GRAY, LOGITS, check_onnx, need
from cxr_fastai.core import IntegrityError, UsageError, one_line

__all__ = ["OnnxRuntime", "read_onnx", "session_of"]

ONLY_ERRORS = 4  # of ONNX Runtime's log: fatal ones, as all others are raised


@dataclass(frozen=True, eq=False)
class OnnxRuntime:
    """A graph that answers."""

    session: Any = field(repr=False)  # onnxruntime.InferenceSession
    mean: float  # by which inputs were normalised
    std: float
    name: str = "onnx"

    def logits(
        self,
        batch: np.ndarray,  # (n, in_channels, size, size) float32, of `inputs.prepare`
    ) -> np.ndarray:  # (n, classes) float32
        """Compute what the network answers."""
        return self._run(LOGITS, batch)

    def features(
        self,
        batch: np.ndarray,  # as for `logits`
    ) -> np.ndarray:  # (n, d) float32
        """Compute what the last layer is given."""
        return self._run(FEATURES, batch)

    def _run(self, wanted: str, batch: np.ndarray) -> np.ndarray:
        """Run the graph.

        It normalises gray values itself, so that anybody can use it: they are made of a normalised
        batch again, of its first channel, as all channels are alike.
        """
        gray = (batch[:, :1] * np.float32(self.std) + np.float32(self.mean)) * np.float32(255)
        found: np.ndarray = self.session.run([wanted], {GRAY: gray})[0]
        return found


def read_onnx(
    file: Path,
    meta: Meta,  # with key onnx, of the bundle or beside the file
) -> OnnxRuntime:
    """Read a graph after checking all of it.

    Raises `IntegrityError` where it is not what `meta` says, `UsageError` without ONNX Runtime.
    """
    need("onnxruntime")
    data = read_bytes(file)
    check_onnx(data, meta, file)
    return OnnxRuntime(session_of(data, file), meta["mean"], meta["std"])


def session_of(
    data: bytes,
    file: Path,  # named in errors
) -> Any:  # onnxruntime.InferenceSession
    """Prepare a graph to be run on the processor. Raises `IntegrityError`."""
    onnxruntime = need("onnxruntime")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = ONLY_ERRORS
    options.intra_op_num_threads = _threads()
    # threads that wait give their core away, to those that read films: as `threads` says of torch
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(
            data,
            options,
            providers=["CPUExecutionProvider"],
            enable_fallback=0,  # it prints to stdout, and tries the same again
        )
    except Exception as e:  # the runtime has errors of its own, for newer versions too
        raise IntegrityError(
            f"{file} cannot be run by ONNX Runtime {onnxruntime.__version__}: "
            f"{one_line(e)[:160]}. Where a newer version wrote it: pip install -U onnxruntime"
        ) from e


def _threads() -> int:
    """Return how many threads compute: as many as torch is told to take; 0: one a core."""
    told = os.environ.get("OMP_NUM_THREADS", "")
    if not told:
        return 0
    if not told.isdecimal():
        raise UsageError(f"OMP_NUM_THREADS is {told!r}: expected a whole number")
    return int(told)
