"""Which things belong together, when all that is told is pairs of them (union-find).

Pairs -> sets that share no member. Order matters only for which member stands for a set.
It never forgets a member and never parts a set again.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

__all__ = ["DisjointSets"]

T = TypeVar("T", bound=Hashable)


class DisjointSets(Generic[T]):
    """Sets that share no member; each is named by one of its members, its root.

    A member is added, as a set of its own, when it is first seen. Finding and joining take almost
    constant time, by path halving (Tarjan and van Leeuwen 1984).
    """

    def __init__(self) -> None:
        self._parent: dict[T, T] = {}  # member -> another of its set; a root -> itself

    def find(self, x: T) -> T:
        """Return the root of the set that `x` is in."""
        parent = self._parent
        parent.setdefault(x, x)
        while parent[x] != x:
            grandparent = parent[parent[x]]
            parent[x] = grandparent
            x = grandparent
        return x

    def join(self, a: T, b: T) -> T:
        """Make one set of the sets of `a` and `b`; return its root, which was that of `a`."""
        kept = self.find(a)
        other = self.find(b)
        self._parent[other] = kept
        return kept
