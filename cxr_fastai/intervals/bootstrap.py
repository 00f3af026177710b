"""How far a number would move had other patients come: expanded percentile bootstrap over groups.

Groups and the values of their images in, the number in each resample and its 95 % interval out;
never reads a file, never sees a network.

The images of one patient resemble each other, so groups are drawn and not images: as many groups
as there are, with replacement, and an image counts as often as its group was drawn (Efron and
Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13; whole groups drawn: Field and
Welsh, Bootstrapping clustered data, J. R. Stat. Soc. B 2007, 69:369-390). Percentiles of a few
groups lie too close, as the normal distribution's do beside Student's: they are taken further out
(expanded percentile interval, Hesterberg, The American Statistician 2015, 69:371-386), with 20
groups from the 1.6th to the 98.4th.

Where a number rests on fewer than 20 groups, where all resamples are alike, and where fewer than 5
groups have what a share counts, or lack it, an exact interval stands instead (`exact`); where a
ranking is near to 1, Newcombe's is the least that is told. How often they hold the truth:
benchmarks/results/intervals.md. They know nothing of what all the images share: their hospital,
their machine, the luck of one training run.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_matrix
from scipy.special import ndtr, stdtrit

from cxr_fastai.core import UsageError
from cxr_fastai.intervals.exact import (
    differ_in_few,
    effective_groups,
    exact_share,
    is_few,
    is_near_end,
    is_near_one,
    ranking_span,
)
from cxr_fastai.intervals.interval_trees import Interval, ScoreInterval

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

__all__ = [
    "RESAMPLES",
    "Resampling",
    "interval",
    "is_constant",
]

RESAMPLES = 2000
# Draws of images at a time: 64 resamples of 25,000 images were faster than 128 or 256; this takes
# tens of megabytes.
MAX_DRAWS_PER_BLOCK = 1_600_000
MIN_RESAMPLES_PER_BLOCK = 16
MAX_HELD_BYTES = (
    400_000_000  # of draws that are kept; of more groups they are drawn again each time
)

TAIL_PERCENT = 2.5  # on each side of a 95 % interval
ROUNDING = 1e-9  # numbers that differ by less are one number


def interval(
    values: ArrayLike,  # (R,) a number in each resample, nan where it is undefined
    groups: float | None = None,  # that the number rests on, 2 or more; None: many
) -> Interval:
    """Return the 95 % interval; None where fewer than half of the resamples define the number."""
    numbers = np.asarray(values, float)
    known = numbers[~np.isnan(numbers)]
    if 2 * len(known) < len(numbers) or not len(known):
        return None
    tail = TAIL_PERCENT if groups is None else _expanded_tail(groups)
    return [float(x) for x in np.percentile(known, (tail, 100 - tail))]


def _expanded_tail(
    groups: float,  # 2 or more
) -> float:
    """Return the percentile at which an interval of so many groups begins."""
    reach = np.sqrt(groups / (groups - 1)) * stdtrit(groups - 1, 1 - TAIL_PERCENT / 100)
    return float(100 * ndtr(-reach))


def is_constant(
    values: np.ndarray,  # (R,) nan where undefined
) -> bool:
    """Tell whether all resamples that define a number give the same."""
    known = values[~np.isnan(values)]
    return bool(len(known)) and float(np.ptp(known)) < ROUNDING


class Resampling:
    """The same draws of groups for every number of a report, so that differences are paired.

    The r-th draw hangs on `seed` and r alone. All numbers are nan where there are fewer than 2
    groups. Raises `UsageError` for no image, and for no resample.
    """

    def __init__(
        self,
        groups: Iterable[Hashable],  # (n,) what the images of one patient, or radiograph, share
        resamples: int = RESAMPLES,  # R
        seed: int = 0,
    ):
        if resamples < 1:
            raise UsageError(f"resamples is {resamples}: expected 1 or more.")
        numbers: dict[Hashable, int] = {}
        group_of_image = [numbers.setdefault(group, len(numbers)) for group in groups]
        if not numbers:
            raise UsageError("groups is empty: expected the group of each image.")
        self.group_of_image = np.array(group_of_image, np.int64)  # (n,)
        self.n_images = len(group_of_image)
        self.n_groups = len(numbers)
        self.resamples = resamples
        self.seed = seed
        self._held: dict[int, np.ndarray] = {}  # blocks of draws, by their first resample

    # ---- numbers in each resample

    def draws(self) -> Iterator[np.ndarray]:
        """Yield the images of each resample, as a plain loop would use them.

        Each is an array of indices, in which an image stands as often as it counts.
        """
        for block in self._blocks():
            for times_drawn in block.T:
                yield np.repeat(np.arange(self.n_images), times_drawn[self.group_of_image])

    def totals(
        self,
        values: ArrayLike,  # (n,) or (n, k) numbers or bools
    ) -> np.ndarray:  # (R,) or (R, k) float64
        """Sum over the images of each resample."""
        numbers = np.asarray(values)
        kind = np.int32 if numbers.dtype == bool else float
        columns = numbers.reshape(self.n_images, -1).astype(kind)
        members = self._ones(
            self.group_of_image, np.arange(self.n_images), self.n_groups, self.n_images
        )
        # Sparse, of each group's sum: on busy cores the threads of a dense product would wait
        # for one another.
        sums = csr_matrix((members @ columns).T)
        found = self.in_each_resample(lambda times_drawn: (sums @ times_drawn).T)
        return found.reshape(self.resamples, *numbers.shape[1:])

    def shares(
        self,
        parts: ArrayLike,  # (n,) or (n, k) numbers or bools
        wholes: ArrayLike | None = None,  # the same shape, or (n,); None: 1 an image
    ) -> np.ndarray:  # (R,) or (R, k) float64
        """Divide the sum of `parts` by that of `wholes`; nan where that is nothing of nothing."""
        if wholes is None:
            wholes = np.ones(self.n_images, bool)
        whole = self.totals(wholes)
        part = self.totals(parts)
        if part.ndim > whole.ndim:
            whole = whole[:, None]
        with np.errstate(invalid="ignore", divide="ignore"):
            return part / whole

    def aurocs(
        self,
        positive: ArrayLike,  # (n,) bool; or (n, k), of which all columns count together
        scores: ArrayLike,  # the same shape; higher is more positive
        among: ArrayLike | None = None,  # the same shape, bool: what counts; None: all
    ) -> np.ndarray:  # (R,) float64, nan where a resample lacks one side
        """Return the area under the ROC curve in each resample; equal scores count half."""
        chosen = self._choose(positive, scores, among)
        mostly_positive = 2 * np.count_nonzero(chosen.positive) > len(chosen.positive)
        # The smaller side is ranked among the larger.
        ranked = chosen.positive if not mostly_positive else ~chosen.positive
        ranks = self._rank(chosen, ranked)

        def area(times_drawn: np.ndarray) -> np.ndarray:
            own = ranks.own @ times_drawn
            below = (ranks.rest @ times_drawn).cumsum(0, dtype=np.int32)
            at_and_below = below[:-1:2] + below[1::2]
            won = np.einsum("kr,kr->r", own, at_and_below, dtype=np.int64)
            return won / (2 * own.sum(0) * below[-1].astype(np.int64))

        found = self.in_each_resample(area)
        return 1 - found if mostly_positive else found

    def average_precisions(
        self,
        positive: ArrayLike,  # as for `aurocs`
        scores: ArrayLike,
        among: ArrayLike | None = None,
    ) -> np.ndarray:  # (R,) float64, nan where a resample has no positive image
        """Return the average precision in each resample.

        It is the precision at each score of a positive image, weighted by the recall gained there.
        """
        chosen = self._choose(positive, scores, among)
        ranks = self._rank(chosen, chosen.positive)

        def mean_precision(times_drawn: np.ndarray) -> np.ndarray:
            own = ranks.own @ times_drawn
            below = (ranks.rest @ times_drawn).cumsum(0, dtype=np.int32)
            positive_from_here = own[::-1].cumsum(0)[::-1]  # at this score or above
            all_from_here = positive_from_here + below[-1] - below[:-1:2]
            weighted = own * positive_from_here / np.maximum(all_from_here, 1)
            return weighted.sum(0) / own.sum(0)

        return self.in_each_resample(mean_precision)

    def in_each_resample(
        self,
        number: Callable[[np.ndarray], np.ndarray],  # see below
    ) -> np.ndarray:  # (R, ..) float64
        """Compute a number of your own in each resample.

        `number` takes an int32 array (groups, block), how often each group was drawn, and returns
        (block, ..), a number a resample; an image counts as often as its group was drawn.
        """
        with np.errstate(invalid="ignore", divide="ignore"):
            blocks = [number(block.astype(np.int32)) for block in self._blocks()]
            found = np.concatenate(blocks).astype(float)
        return found if self.n_groups > 1 else np.full_like(found, np.nan)

    # ---- intervals

    def groups_of(
        self,
        *sides: ArrayLike,  # (n,) bool: images that a number rests on, as an AUROC on two sides
    ) -> int:
        """Return the number of groups, of the side that has fewest."""
        fewest = self.n_groups
        for side in sides:
            images = np.bincount(self.group_of_image, np.asarray(side, bool), self.n_groups)
            fewest = min(fewest, int(np.count_nonzero(images)))
        return fewest

    def interval(
        self,
        values: ArrayLike,  # (R,)
        number: float | None,  # of the images as they came; None where undefined
        groups: int,  # that it rests on, of the smaller side
        is_ranking: bool = False,  # AUROC, AP: moves by less than a group where one changes sides
    ) -> Interval:
        """Return the interval of a number; None where it is undefined, or of less than 2 groups.

        A group alone tells nothing of others. Of answers, as F1, an exact interval stands also
        where the number is as near to 0 or 1 as a share of fewer than 5 groups. That of a ranking
        near 1 reaches at least as far as Newcombe's.
        """
        if number is None or groups < 2:
            return None
        numbers = np.asarray(values, float)
        near_end = not is_ranking and is_near_end(number, groups)
        if near_end or is_few(groups) or is_constant(numbers):
            return exact_share(number, groups)
        found = interval(numbers, groups)
        if found is None or not (is_ranking and is_near_one(number, groups)):
            return found
        score = ranking_span(number, groups)
        return ScoreInterval([min(found[0], score[0]), max(found[1], score[1])])

    def share_interval(
        self,
        values: ArrayLike,  # (R,)
        part: np.ndarray,  # (n,) or (n, k) bool: the images that have it
        whole: np.ndarray,  # the same shape: the images of which it is a share
    ) -> Interval:
        """Return the interval of a share; None where less than 2 groups hold its images."""
        parts = self._group_sums(part & whole)
        wholes = self._group_sums(whole)
        own = wholes > 0
        parts, wholes = parts[own], wholes[own]
        groups = len(wholes)
        if groups < 2:
            return None
        if is_few(groups) or differ_in_few(parts, wholes):
            return exact_share(parts.sum() / wholes.sum(), effective_groups(parts, wholes))
        return interval(values, groups)

    def _group_sums(
        self,
        images: np.ndarray,  # (n,) or (n, k) bool
    ) -> np.ndarray:
        """Count in each group, (groups,)."""
        counts = images if images.ndim == 1 else images.sum(1)
        return np.bincount(self.group_of_image, counts, self.n_groups)

    # ---- parts

    def _blocks(self) -> Iterator[np.ndarray]:
        """Yield (groups, a block of resamples) uint8: how often each group was drawn.

        255 draws of one group do not occur.
        """
        step = max(MAX_DRAWS_PER_BLOCK // self.n_images, MIN_RESAMPLES_PER_BLOCK)
        for start in range(0, self.resamples, step):
            block = self._held.get(start)
            if block is None:
                block = self._draw(range(start, min(start + step, self.resamples)))
            if self.n_groups * self.resamples <= MAX_HELD_BYTES:
                self._held[start] = block
            yield block

    def _draw(
        self,
        resamples: range,  # their numbers
    ) -> np.ndarray:
        n = self.n_groups
        counts = np.empty((len(resamples), n), np.uint8)
        for row, resample in zip(counts, resamples):
            generator = np.random.default_rng((self.seed, resample))
            row[:] = np.bincount(generator.integers(0, n, n), minlength=n)
        return np.ascontiguousarray(counts.T)

    def _choose(
        self,
        positive: ArrayLike,
        scores: ArrayLike,
        among: ArrayLike | None,
    ) -> _Chosen:
        """Return the images that count, flat."""
        is_positive = np.asarray(positive, bool)
        keep = np.ones(is_positive.shape, bool)
        if among is not None:
            keep = np.asarray(among, bool)
        groups = self.group_of_image
        if is_positive.ndim > 1:
            groups = np.broadcast_to(groups[:, None], is_positive.shape)
        return _Chosen(groups[keep], is_positive[keep], np.asarray(scores)[keep])

    def _rank(
        self,
        chosen: _Chosen,
        ranked: np.ndarray,  # (m,) bool: those that are ranked among the rest
    ) -> _Ranks:
        """Return what turns draws of groups into numbers of images; no resample sorts again."""
        scores = chosen.scores
        marks = np.unique(scores[ranked])
        place = np.searchsorted(marks, scores, "left") + np.searchsorted(marks, scores, "right")
        k = max(len(marks), 1)  # without any of the ranked one row of zeros
        own = self._ones(place[ranked] // 2, chosen.groups[ranked], k, self.n_groups)
        rest = self._ones(place[~ranked], chosen.groups[~ranked], 2 * k + 1, self.n_groups)
        return _Ranks(own, rest)

    def _ones(
        self,
        rows: np.ndarray,  # of each one
        columns: np.ndarray,  # of each one
        height: int,
        width: int,
    ) -> csr_matrix:
        """Return a sparse (height, width) of ones; two at one place make a 2."""
        ones = np.ones(len(rows), np.int32)
        return csr_matrix((ones, (rows, columns)), (height, width))


@dataclass(frozen=True, eq=False)
class _Chosen:
    """Images that count in a ranking, flat."""

    groups: np.ndarray  # (m,)
    positive: np.ndarray  # (m,) bool
    scores: np.ndarray  # (m,)


@dataclass(frozen=True, eq=False)
class _Ranks:
    """Sparse matrices of k scores, from low to high, by groups."""

    own: csr_matrix  # (k, groups): the ranked images at each score
    # (2k + 1, groups): the other images below the first score, at it, between it and the second,
    # at that, and so on
    rest: csr_matrix
