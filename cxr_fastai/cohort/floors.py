"""What accuracy can be had without looking at a radiograph: majority and source-only floor.

Classes and sources of images -> a Floors record. Asked by `cxr evaluate` (of the evaluated images)
and by `cxr eda` (of a folder). Single-label only; never reads a file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypedDict

import numpy as np

__all__ = ["Floors", "FloorNumbers", "find_floors", "commonest_class"]


class FloorNumbers(TypedDict):
    """Floors with class names, as eda.json holds them."""

    majority: str  # class
    majority_accuracy: float
    source_only_accuracy: float
    righted: float
    answers: dict[str, str]  # source -> class


@dataclass(frozen=True)
class Floors:
    """Right answers of two rules that see no radiograph; classes are indices into the vocab.

    Both rules look the commonest class up in the images themselves, so this is the strictest form
    of a floor: rules learnt on other images can only do worse here.
    """

    majority: int  # commonest class, always answered
    answers: dict[str, int]  # source -> its commonest class; sources in alphabetical order
    images: int
    majority_right: int  # images
    source_only_right: int  # images

    @property
    def majority_accuracy(self) -> float:
        """Accuracy of always answering the commonest class, 0-1."""
        return self.majority_right / self.images

    @property
    def source_only_accuracy(self) -> float:
        """Accuracy of answering each source's commonest class, 0-1."""
        return self.source_only_right / self.images

    @property
    def righted(self) -> float:
        """Share of the majority floor's errors that knowing the source rights, 0-1.

        Lambda of Goodman and Kruskal 1954 (J Am Stat Assoc 49:732): 1 where each source holds one
        class, 0 where the majority floor makes no error.
        """
        errors = self.images - self.majority_right
        if not errors:
            return 0.0
        return (self.source_only_right - self.majority_right) / errors

    def to_dict(
        self,
        vocab: Sequence[str],  # class slugs, in the order of the indices
    ) -> FloorNumbers:
        """Return the numbers as strict JSON, with class slugs instead of indices."""
        return FloorNumbers(
            majority=vocab[self.majority],
            majority_accuracy=self.majority_accuracy,
            source_only_accuracy=self.source_only_accuracy,
            righted=self.righted,
            answers={source: vocab[answer] for source, answer in self.answers.items()},
        )


def find_floors(
    targs: np.ndarray,  # (n,) classes, as indices into the vocab; n > 0
    sources: Sequence[str] | np.ndarray,  # (n,) source of each image
    n_classes: int,  # length of the vocab
) -> Floors:
    """Count what always answering one class, and one class a source, gets right.

    On a tie the class earlier in the vocab is the answer.
    """
    names, source_index = np.unique(np.asarray(sources), return_inverse=True)
    table = np.zeros((len(names), n_classes), int)  # images of each source and class
    np.add.at(table, (source_index, targs), 1)
    answers = table.argmax(1)  # the first of several
    return Floors(
        majority=commonest_class(targs, n_classes),
        answers={str(name): int(answer) for name, answer in zip(names, answers)},
        images=len(targs),
        majority_right=int(table.sum(0).max()),
        source_only_right=int(table.max(1).sum()),
    )


def commonest_class(
    targs: np.ndarray,  # (n,) classes, as indices into the vocab
    n_classes: int,  # length of the vocab
) -> int:
    """Return the index of the commonest class; of several, the first in the vocab."""
    return int(np.bincount(targs, minlength=n_classes).argmax())
