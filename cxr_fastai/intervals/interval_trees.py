"""Intervals of a report, nested as its numbers are: found by their keys, and of which kind each is.

Trees in, intervals and their kinds out; counts nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias, cast

__all__ = [
    "ExactInterval",
    "Interval",
    "ScoreInterval",
    "IntervalTree",
    "KindTree",
    "branch",
    "find_interval",
    "includes_zero",
    "is_above_zero",
    "interval_kinds",
]

Interval: TypeAlias = "list[float] | None"  # [low, high]; None where nothing can be told
# Intervals by the name of their number, nested as the numbers are.
IntervalTree: TypeAlias = "Mapping[str, Interval | IntervalTree | Sequence[IntervalTree]]"
# bootstrap, exact, score or None by the name of a number, nested as its intervals are
KindTree: TypeAlias = "dict[str, str | None | KindTree | list[KindTree]]"


class ExactInterval(list[float]):
    """[low, high] by an exact rule, not by resamples; in JSON a list as any other."""


class ScoreInterval(list[float]):
    """[low, high] of resamples, at least as wide as Newcombe's; in JSON a list as any other."""


def find_interval(
    tree: IntervalTree,
    *keys: str,  # of the tree, from its root on
) -> Interval:
    """Return the interval that the keys lead to; None where the tree does not hold it."""
    found: object = tree
    for key in keys:
        if not isinstance(found, Mapping):
            return None
        found = found.get(key)
    return cast("Interval", found)


def branch(
    tree: IntervalTree,
    *keys: str,  # of the tree, from its root on
) -> IntervalTree:
    """Return the part of a tree that the keys lead to; empty where the tree does not hold it."""
    found: object = tree
    for key in keys:
        if not isinstance(found, Mapping):
            return {}
        found = found.get(key)
    return cast("IntervalTree", found or {})


def includes_zero(
    between: Interval,  # [low, high], or None
) -> bool:
    """Tell whether 0 lies within an interval; False where there is none."""
    if between is None:
        return False
    low, high = between
    return low <= 0 <= high


def is_above_zero(
    between: Interval,  # [low, high], or None
) -> bool:
    """Tell whether a whole interval lies above 0; False where there is none."""
    return between is not None and between[0] > 0


# ---- which rule gave an interval


def interval_kinds(tree: IntervalTree) -> KindTree:
    """Return the kind of each interval, nested as they are.

    That is bootstrap, exact, score, or None of none.
    """
    kinds: KindTree = {}
    for key, found in tree.items():
        if isinstance(found, Mapping):
            kinds[key] = interval_kinds(found)
        elif found and isinstance(found[0], Mapping):
            kinds[key] = [interval_kinds(each) for each in found if isinstance(each, Mapping)]
        else:
            kinds[key] = _kind(found)
    return kinds


def _kind(interval: object) -> str | None:
    """Return the kind of one interval; None where there is none."""
    if not interval:
        return None
    if isinstance(interval, ExactInterval):
        return "exact"
    return "score" if isinstance(interval, ScoreInterval) else "bootstrap"
