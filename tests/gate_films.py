"""Drawn films and foreign pictures at the gate's size, and gates that were fitted on them."""

from functools import lru_cache

import numpy as np

from cxr_fastai.gate import Gate, Negatives, fit_gate
from cxr_fastai.gate.features import thumbnail
from cxr_fastai.phantom import CLASSES, draw

DRAWN_AT = 64


@lru_cache
def films(n: int = 60, first: int = 0) -> np.ndarray:  # (n, 64, 64) uint8
    """Draw films, each of a patient of its own."""
    return np.stack([draw(CLASSES[i % 6], first + i, DRAWN_AT) for i in range(n)])


def lateral_like(n: int = 12, first: int = 0) -> np.ndarray:
    """Press films to a narrow column: stands for a lateral, of which the package draws none."""
    pressed = []
    for film in films(n, 500 + first):
        narrow = thumbnail(film)[:, ::2]
        frame = np.zeros((64, 64), np.uint8)
        frame[:, 16:48] = narrow
        pressed.append(frame)
    return np.stack(pressed)


def thrown_out(n: int = 12) -> Negatives:
    """Return pictures as curation throws them out."""
    return Negatives(
        small=lateral_like(n),
        kinds=["lateral"] * n,
        sources=["clinic"] * n,
        patients=[f"clinic:{i}" for i in range(n)],
    )


@lru_cache
def small_gate() -> Gate:
    """Fit a gate on 60 films of two sources, without laterals."""
    return fit_gate(films(), [f"p{i}" for i in range(60)], ["a", "b"] * 30)


@lru_cache
def gate_with_laterals() -> Gate:
    """Fit a gate on 102 films, enough to fix 1 % of false alarms, and on laterals."""
    return fit_gate(films(102), [f"p{i}" for i in range(102)], ["a", "b", "b"] * 34, thrown_out())
