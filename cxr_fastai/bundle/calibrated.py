"""What a network's answers become by the temperature, offsets and task that validation fixed.

Logits and a bundle's meta in, probabilities out. NumPy only; the same arithmetic stands in an
exported graph (`onnx_graph`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from cxr_fastai.core import Task

__all__ = ["calibrated", "offsets_of"]


def offsets_of(
    meta: Mapping[str, Any],  # bundle.json: vocab, offsets
) -> list[float]:  # one a class
    """Return what is added to the logit of each class."""
    return [meta["offsets"].get(name, 0.0) for name in meta["vocab"]]


def calibrated(
    logits: np.ndarray,  # (n, classes), finite
    meta: Mapping[str, Any],  # bundle.json: vocab, task, temperature, offsets
) -> np.ndarray:  # (n, classes) float32
    """Turn logits into probabilities, computed in double precision."""
    logits = logits.astype(np.float64) / meta["temperature"] + offsets_of(meta)
    if Task(meta["task"]) is Task.MULTI_LABEL:
        # neither side overflows: the exponent is never above 0
        small = np.exp(-np.abs(logits))
        probs = np.where(logits >= 0, 1, small) / (1 + small)
        return probs.astype(np.float32)
    weights = np.exp(logits - logits.max(1, keepdims=True))
    return (weights / weights.sum(1, keepdims=True)).astype(np.float32)
