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

__all__ = ["Step", "Way", "find_steps", "reach"]

# Evidence (of 1.5) from which two images of one named patient are one radiograph, and not two
# exposures. Of NIH follow-ups, at 64 px hard to tell from copies, the greatest of 59 has 1.33;
# turned and mirrored copies have 1.44 at least.
MIN_EVIDENCE_WITHIN_PATIENT = 1.38


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

    A step backwards has the inverse matrix.
    """
    steps: dict[str, list[Step]] = {pixels: [] for pixels in patients}
    for link in links:
        if link.kind != "near" or link.a not in patients or link.b not in patients:
            continue
        if _two_exposures(link, patients[link.a], patients[link.b]):
            continue
        matrix = np.vstack([np.reshape(link.matrix, (2, 3)), [0, 0, 1]])
        back = np.linalg.inv(matrix)
        steps[link.a].append(Step(link.b, link.score, matrix, link.inverted))
        steps[link.b].append(Step(link.a, link.score, back, link.inverted))
    return steps


def _two_exposures(
    link: Link,
    some: set[str],  # patients named for one image
    others: set[str],  # for the other
) -> bool:
    """Tell whether a link joins two exposures of one named patient, and no copies.

    Links of images that are too small for local features are not doubted.
    """
    if link.inliers == 0 or link.evidence >= MIN_EVIDENCE_WITHIN_PATIENT:
        return False
    return not some.isdisjoint(others)


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
