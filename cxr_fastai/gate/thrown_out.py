"""Laterals and CT slices that curation threw out, small: what the gate learns them from.

Arrays and lists, checked. `cxr_fastai.negatives` reads what a curated folder keeps of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from cxr_fastai.core import UsageError
from cxr_fastai.gate.features import SIDE

__all__ = ["LEARNED", "Negatives"]

LEARNED = ("lateral", "ct")  # kinds of pictures that are thrown out and learned from


def _none() -> np.ndarray:
    """Return no pictures."""
    return np.empty((0, SIDE, SIDE), np.uint8)


@dataclass(frozen=True, eq=False)
class Negatives:
    """Small pictures of what is no frontal chest film."""

    small: np.ndarray = field(default_factory=_none)  # (n, SIDE, SIDE) uint8, of `thumbnail`
    kinds: Sequence[str] = ()  # (n,) of LEARNED
    sources: Sequence[str] = ()  # (n,)
    patients: Sequence[str] = ()  # (n,) namespace:id; empty: not known

    def __post_init__(self) -> None:
        if self.small.dtype != np.uint8 or self.small.shape[1:] != (SIDE, SIDE):
            found = f"{self.small.dtype} of shape {self.small.shape}"
            raise UsageError(f"negatives: expected uint8 (n, {SIDE}, {SIDE}), received {found}")
        for name in ("kinds", "sources", "patients"):
            if len(getattr(self, name)) != len(self.small):
                given = f"{len(getattr(self, name))} {name} for {len(self.small)} pictures"
                raise UsageError(f"negatives: {given}; expected as many")
        unknown = sorted(set(self.kinds) - set(LEARNED))
        if unknown:
            raise UsageError(f"negatives: kind {unknown[0]!r}, expected {' or '.join(LEARNED)}")

    def __len__(self) -> int:
        return len(self.small)
