"""A number divided as others stand to each other. Numbers in, numbers out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

__all__ = ["shares"]


def shares(
    n: int,
    weights: Sequence[int],  # as the real counts of a source
) -> list[int]:  # whole numbers whose sum is `n`
    """Divide `n` as the weights stand to each other."""
    ends = np.cumsum([0, *weights]) * n / sum(weights)
    counts: list[int] = np.diff(np.round(ends).astype(int)).tolist()
    return counts
