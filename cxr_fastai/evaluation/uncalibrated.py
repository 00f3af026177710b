"""Probabilities as the network gave them, before a bundle's temperature and offsets.

Calibrated probabilities and a bundle's meta in, the network's own out: the step is undone, so no
network is asked again. Reads no file.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from cxr_fastai.core import Task

__all__ = ["before_calibration", "temperature_of"]

TINY = 1e-30  # a probability of 0 in float32 stands for one below it


def temperature_of(
    meta: Mapping[str, Any],  # of the bundle
) -> float | None:  # None of several networks, where none stands for all: in meta it is nan
    """Return what logits are divided by; 1 where the bundle says nothing."""
    temperature = float(meta.get("temperature", 1.0))
    return None if math.isnan(temperature) else temperature


def before_calibration(
    probs: np.ndarray,  # (n, c), of the bundle
    meta: Mapping[str, Any],  # of the bundle
    vocab: Sequence[str],  # (c,)
    task: Task,
) -> np.ndarray:  # (n, c) float64; nan where the temperature is not known
    """Undo temperature and offsets."""
    temperature = temperature_of(meta)
    if temperature is None:
        return np.full(probs.shape, np.nan)
    offsets = np.array([meta.get("offsets", {}).get(name, 0.0) for name in vocab])
    numbers = np.asarray(probs, float)
    if task is Task.MULTI_LABEL:
        odds = np.log(np.maximum(numbers, TINY)) - np.log(np.maximum(1 - numbers, TINY))
        return 1 / (1 + np.exp(-(odds - offsets) * temperature))
    logits = (np.log(np.maximum(numbers, TINY)) - offsets) * temperature
    logits -= logits.max(1, keepdims=True)
    shares: np.ndarray = np.exp(logits)
    return shares / shares.sum(1, keepdims=True)
