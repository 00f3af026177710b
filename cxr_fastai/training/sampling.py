"""Which train images make up an epoch, and in which order.

Labels in, the indices of each epoch out. Never draws from a global generator: the order follows
from the seed and the number of the epoch alone.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from cxr_fastai.core import UsageError, unknown_name
from cxr_fastai.recipes import NONE, SAMPLING, present

__all__ = ["Draws", "draw_classes"]


class Draws:
    """Draw every group as often as the others, and no image twice before all of its group came.

    Each group is an endless row of its images, reshuffled at each turn; an epoch takes the next n/k
    of each of k. So a small group comes round many times an epoch, and a large one is seen whole
    over several. The same seed draws the same.
    """

    def __init__(
        self,
        groups: list[list[int]],  # indices of images, no group empty
        n: int,  # draws an epoch, at least one a group
        seed: int,  # 0 or more
    ) -> None:
        self.groups = groups
        self.n = n
        self.seed = seed

    def epoch(self, number: int) -> list[int]:
        """Return the n indices of an epoch, counted from 0, in the order of training."""
        n_groups = len(self.groups)
        drawn = [self._share(group, number) for group in range(n_groups)]
        in_turns = np.concatenate(drawn)
        return self._generator(n_groups, number).permutation(in_turns).tolist()

    def _share(self, group: int, epoch: int) -> np.ndarray:
        """Return what an epoch takes of one group.

        The draws of all epochs are numbered through; number g belongs to group g % k, and is the
        (g // k)-th of that group.
        """
        start = self._draws_before(epoch * self.n, group)
        stop = self._draws_before((epoch + 1) * self.n, group)
        return self._stretch(group, start, stop)

    def _draws_before(
        self,
        number: int,  # of a draw
        group: int,
    ) -> int:
        """Count the draws before that number that belong to the group."""
        # (number - group) / groups, rounded up
        return -((group - number) // len(self.groups))

    def _stretch(self, group: int, start: int, stop: int) -> np.ndarray:
        """Return places start to stop-1 of a group's endless row."""
        size = len(self.groups[group])
        first_turn = start // size
        last_turn = -(-stop // size)  # rounded up
        turns = [
            self._generator(group, turn).permutation(self.groups[group])
            for turn in range(first_turn, last_turn)
        ]
        return np.concatenate(turns)[start % size :][: stop - start]

    def _generator(self, *key: int) -> np.random.Generator:
        """Make a generator of its own for each key."""
        return np.random.default_rng([self.seed, *key])

    @property
    def frequency(self) -> torch.Tensor:
        """(images,) how often each is drawn, as a share of all draws."""
        last_image = max(max(group) for group in self.groups)
        shares = torch.zeros(last_image + 1, dtype=torch.float64)
        for group in self.groups:
            shares[group] += 1 / len(group) / len(self.groups)
        return shares


def draw_classes(
    labels: Sequence[str],  # of the train images, as a manifest has them
    vocab: list[str],
    sampling: str,  # of recipes.SAMPLING
    seed: int,
) -> Draws:
    """Draw images of each class in turn, or all of them as one group.

    An image of several classes has its turn in each, one of none in a group of its own.
    Undersampling ends an epoch with the smallest group. Raises `UsageError` for an unknown name.
    """
    if sampling not in SAMPLING:
        raise UsageError(unknown_name("sampling", sampling, SAMPLING))
    if sampling == "none":
        return Draws([list(range(len(labels)))], len(labels), seed)
    groups = _by_class(labels, vocab)
    if sampling == "undersample":
        smallest = min(len(group) for group in groups)
        return Draws(groups, len(groups) * smallest, seed)
    return Draws(groups, len(labels), seed)


def _by_class(labels: Sequence[str], vocab: list[str]) -> list[list[int]]:
    """Return the images of each class that has some, and last those of none."""
    classes_of = [present(label) for label in labels]
    groups = []
    for name in [*vocab, NONE]:
        group = [i for i, classes in enumerate(classes_of) if name in classes]
        if group:
            groups.append(group)
    return groups
