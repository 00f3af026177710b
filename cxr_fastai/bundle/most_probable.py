"""The class of a radiograph, by the one rule that bundles and exported learners answer by.

Probabilities in, indices of classes out. Reads no file.
"""

from __future__ import annotations

import numpy as np

__all__ = ["most_probable", "risk_besides"]


def risk_besides(
    probs: np.ndarray,  # (.., classes)
    negative: int,  # index of the class of those who have nothing
) -> np.ndarray:  # (..)
    """Sum the probabilities of all classes but one."""
    others: np.ndarray = np.delete(probs, negative, -1)
    return others.sum(-1)


def most_probable(
    probs: np.ndarray,  # (.., classes)
    negative: int | None = None,  # index of the class of those who have nothing; None: no decision
    threshold: float = 0.0,  # that the others together must reach, fixed on validation
) -> np.ndarray:  # (..) indices
    """Return the most probable class.

    Where there is a decision, it is the negative one unless the others together reach the
    threshold; then it is the most probable of these.
    """
    if negative is None:
        return np.asarray(probs.argmax(-1))
    others = probs.copy()
    others[..., negative] = -1
    risk = risk_besides(probs, negative)
    return np.where(risk >= threshold, others.argmax(-1), negative)
