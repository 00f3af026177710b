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
        """Raise `UsageError` where these are not small pictures of known kinds."""
        small = self.small
        if small.dtype != np.uint8 or small.shape[1:] != (SIDE, SIDE):
            found = f"{small.dtype} of shape {small.shape}"
            raise UsageError(f"negatives: expected uint8 (n, {SIDE}, {SIDE}), received {found}")
        self._check_length("kinds", len(self.kinds))
        self._check_length("sources", len(self.sources))
        self._check_length("patients", len(self.patients))
        for kind in self.kinds:
            if kind not in LEARNED:
                raise UsageError(f"negatives: kind {kind!r}, expected {' or '.join(LEARNED)}")

    def _check_length(
        self,
        name: str,  # of the field
        given: int,  # its length
    ) -> None:
        """Raise `UsageError` where a field has not one entry a picture."""
        if given != len(self.small):
            told = f"{given} {name} for {len(self.small)} pictures"
            raise UsageError(f"negatives: {told}; expected as many")

    def __len__(self) -> int:
        return len(self.small)
