"""Which images links lead to from another, and by which way.

Links, and the patients that are named for images -> the best way to each image that can be reached.
It reads no file and knows nothing of labels.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from cxr_fastai.curation.copies.links import Link
from cxr_fastai.disjoint_sets import DisjointSets

__all__ = ["Step", "Way", "find_steps", "reach", "told_apart"]


@dataclass(frozen=True)
class Step:
    """A link, walked in one of its directions."""

    to: str  # pixel_sha256
    score: float
    matrix: np.ndarray  # (3, 3), pixel coordinates
    inverted: bool


@dataclass(frozen=True)
class Way:
    """A chain of steps from one image to another."""

    score: float  # of its worst step
    to: str  # pixel_sha256
    matrix: np.ndarray  # (3, 3), from the first image
    inverted: bool

    def __lt__(self, other: Way) -> bool:
        """Put the better way first, then the lesser hash; matrices have no order."""
        return (-self.score, self.to) < (-other.score, other.to)

    def then(
        self,
        step: Step,  # from where this way ends
    ) -> Way:
        """Return the way that goes one step further."""
        return Way(
            score=min(self.score, step.score),
            to=step.to,
            matrix=step.matrix @ self.matrix,
            inverted=self.inverted ^ step.inverted,
        )


def find_steps(
    patients: dict[str, set[str]],  # pixel_sha256 of each image -> who is named for it
    links: Iterable[Link],  # of any kind
) -> dict[str, list[Step]]:
    """Return, for each image, the steps from it to its copies.

    A step backwards has the inverse matrix. No chain of steps leads from one patient to another
    whom the same source names: what looks alike is no proof against a name. Where it would, its
    weakest link is the one without a step.
    """
    steps: dict[str, list[Step]] = {pixels: [] for pixels in patients}
    chained: DisjointSets[str] = DisjointSets()
    named = {pixels: set(names) for pixels, names in patients.items()}  # of each chain's root
    for link in sorted(links, key=_strongest_first):
        if link.kind != "near" or link.a not in patients or link.b not in patients:
            continue
        a = chained.find(link.a)
        b = chained.find(link.b)
        if a != b:
            if told_apart(named[a], named[b]):
                continue
            chained.join(a, b)
            named[a] |= named.pop(b)
        matrix = np.vstack([np.reshape(link.matrix, (2, 3)), [0, 0, 1]])
        back = np.linalg.inv(matrix)
        steps[link.a].append(Step(link.b, link.score, matrix, link.inverted))
        steps[link.b].append(Step(link.a, link.score, back, link.inverted))
    return steps


def _strongest_first(link: Link) -> tuple[float, float, str, str]:
    """Return what links are sorted by; no order of theirs decides."""
    return -link.score, -link.evidence, link.a, link.b


def told_apart(
    some: set[str],  # patients, as NAMESPACE:ID
    others: set[str],
) -> bool:
    """Tell whether a namespace names people in both, and none in common.

    People of two namespaces may be the same.
    """
    return any(
        _named_in(some, namespace).isdisjoint(_named_in(others, namespace))
        for namespace in _namespaces(some) & _namespaces(others)
    )


def _namespaces(
    patients: set[str],  # as NAMESPACE:ID
) -> set[str]:
    """Return the namespaces that patients are named in: a source, or a hospital."""
    return {patient.split(":")[0] for patient in patients}


def _named_in(
    patients: set[str],  # as NAMESPACE:ID
    namespace: str,  # before the colon
) -> set[str]:
    """Return the patients of one namespace."""
    return {patient for patient in patients if patient.startswith(f"{namespace}:")}


def reach(
    start: str,  # pixel_sha256
    steps: dict[str, list[Step]],  # of all images
) -> dict[str, Way]:
    """Return the best way to each image that links lead to: that whose worst link is best.

    This is Dijkstra's algorithm, with the worst score of a way for its length.
    """
    best: dict[str, Way] = {}
    queue = [Way(score=1.0, to=start, matrix=np.eye(3), inverted=False)]
    while queue:
        way = heapq.heappop(queue)
        if way.to in best:
            continue
        best[way.to] = way
        for step in steps[way.to]:
            if step.to not in best:
                heapq.heappush(queue, way.then(step))
    return best
