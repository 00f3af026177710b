"""How far a number would move had other patients come: percentile bootstrap over groups. Groups and the values of their
images in, the number in each resample and its 95 % interval out; never reads a file, never sees a network.

The images of one patient resemble each other, so groups are drawn and not images: as many groups as there are, with
replacement, and an image counts as often as its group was drawn. The interval reaches from the 2.5th to the 97.5th
percentile of the number in the resamples (Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13;
whole groups drawn: Field and Welsh, Bootstrapping clustered data, J. R. Stat. Soc. B 2007, 69:369-390).

It says too little in two places. Where every image was answered right, every resample is, and the interval has no
width: of g groups all right, up to about 3/g may still be wrong elsewhere. And with few groups it is too narrow: 95 %
intervals of a simulated accuracy held the truth in 92 to 94 % of trials with 100 groups, 89 to 94 % with 50, 69 to 89 %
with 10 (benchmarks/results/intervals.md). It knows nothing of what all the images share: their hospital, their machine,
the luck of one training run.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_matrix

from cxr_fastai.core import UsageError

__all__ = ["RESAMPLES", "Resampling", "interval"]

RESAMPLES = 2000
BLOCK = 1_600_000  # draws of images at a time: 64 resamples of 25,000 were faster than 128 or 256; tens of megabytes
HELD = 400_000_000  # bytes of draws that are kept; of more groups they are drawn again at each use


def interval(
    values,  # (R,) a number in each resample, nan where it is undefined
) -> list[float] | None:
    """[low, high], the 95 % interval; None where fewer than half of the resamples define the number."""
    values = np.asarray(values, float)
    known = values[~np.isnan(values)]
    if 2 * len(known) < len(values) or not len(known):
        return None
    return [float(x) for x in np.percentile(known, (2.5, 97.5))]


class Resampling:
    """The same draws of groups for every number of a report, so that differences are paired. The r-th draw hangs on
    `seed` and r alone. All numbers are nan where there are fewer than 2 groups. Raises `UsageError` for no image, and
    for no resample.
    """

    def __init__(
        self,
        groups,  # (n,) what the images of one patient, or of one radiograph, share; any hashable
        resamples: int = RESAMPLES,  # R
        seed: int = 0,
    ):
        if resamples < 1:
            raise UsageError(f"resamples is {resamples}: expected 1 or more.")
        numbers: dict = {}
        self.of = np.array(
            [numbers.setdefault(g, len(numbers)) for g in groups], np.int64
        )  # (n,) an image's group
        if not numbers:
            raise UsageError("groups is empty: expected the group of each image.")
        self.n, self.n_groups, self.resamples, self.seed, self._held = (
            len(self.of),
            len(numbers),
            resamples,
            seed,
            {},
        )

    def draws(self):
        """An array a resample: indices of its images, each as often as it counts. What a plain loop would use."""
        for block in self._blocks():
            for counts in block.T:
                yield np.repeat(np.arange(self.n), counts[self.of])

    def totals(
        self,
        values,  # (n,) or (n, k) numbers or bools
    ) -> np.ndarray:  # (R,) or (R, k) float64
        """Sums over the images of each resample."""
        values = np.asarray(values)
        table = values.reshape(self.n, -1).astype(np.int32 if values.dtype == bool else float)
        # sparse, of each group's sum: on busy cores the threads of a dense product would wait for one another
        sums = csr_matrix((self._rows(self.of, np.arange(self.n), self.n_groups, self.n) @ table).T)
        return self.each(lambda counts: (sums @ counts).T).reshape(
            self.resamples, *values.shape[1:]
        )

    def shares(
        self,
        parts,  # (n,) or (n, k) numbers or bools
        wholes=None,  # the same shape, or (n,); None: 1 an image
    ) -> np.ndarray:  # (R,) or (R, k) float64
        """Sum of `parts` over sum of `wholes` in each resample; nan where that is nothing of nothing."""
        whole = self.totals(np.ones(self.n, bool) if wholes is None else wholes)
        part = self.totals(parts)
        if part.ndim > whole.ndim:
            whole = whole[:, None]
        with np.errstate(invalid="ignore", divide="ignore"):
            return part / whole

    def aurocs(
        self,
        positive,  # (n,) bool; or (n, k), of which all columns count together
        scores,  # the same shape; higher is more positive
        among=None,  # the same shape, bool: the images that count; None: all
    ) -> np.ndarray:  # (R,) float64, nan where a resample lacks one side
        """Area under the ROC curve in each resample; equal scores count half."""
        of, positive, scores = self._chosen(positive, scores, among)
        flip = 2 * np.count_nonzero(positive) > len(
            positive
        )  # the smaller side is ranked among the larger
        few, rest = self._ranked(of, ~positive if flip else positive, scores)

        def one(counts):
            own, below = few @ counts, (rest @ counts).cumsum(0, dtype=np.int32)
            won = np.einsum("kr,kr->r", own, below[:-1:2] + below[1::2], dtype=np.int64)
            return won / (2 * own.sum(0) * below[-1].astype(np.int64))

        found = self.each(one)
        return 1 - found if flip else found

    def average_precisions(
        self,
        positive,  # as for `aurocs`
        scores,
        among=None,
    ) -> np.ndarray:  # (R,) float64, nan where a resample has no positive image
        """Average precision in each resample: precision at each score of a positive image, weighted by recall gained."""
        few, rest = self._ranked(*self._chosen(positive, scores, among))

        def one(counts):
            own, below = few @ counts, (rest @ counts).cumsum(0, dtype=np.int32)
            found = own[::-1].cumsum(0)[::-1]  # positive images at this score or above
            answered = found + below[-1] - below[:-1:2]  # all images there
            return (own * found / np.maximum(answered, 1)).sum(0) / own.sum(0)

        return self.each(one)

    def each(
        self,
        one,  # int32 (groups, block), how often each group was drawn -> (block, ..), a number a resample
    ) -> np.ndarray:  # (R, ..) float64
        """A number of your own in each resample; an image counts as often as its group, `of[i]`, was drawn."""
        with np.errstate(invalid="ignore", divide="ignore"):
            found = np.concatenate(
                [one(block.astype(np.int32)) for block in self._blocks()]
            ).astype(float)
        return found if self.n_groups > 1 else np.full_like(found, np.nan)

    def interval(
        self,
        values,  # (R,)
        *sides,  # (n,) bool: images that the number rests on, as the positive and the negative ones of an AUROC
    ) -> list[float] | None:
        """`interval`; None also where one of `sides` has fewer than 2 groups: a group alone tells nothing of others."""
        few = any(len(np.unique(self.of[np.asarray(side, bool)])) < 2 for side in sides)
        return None if few else interval(values)

    # ---- parts

    def _blocks(self):
        """Yield (groups, a block of resamples) uint8: how often each was drawn; 255 draws of one group do not occur."""
        step = max(BLOCK // self.n, 16)
        for start in range(0, self.resamples, step):
            block = self._held.get(start)
            if block is None:
                block = self._draw(range(start, min(start + step, self.resamples)))
            if self.n_groups * self.resamples <= HELD:
                self._held[start] = block
            yield block

    def _draw(self, which: range) -> np.ndarray:
        counts, g = np.empty((len(which), self.n_groups), np.uint8), self.n_groups
        for row, r in zip(counts, which):
            row[:] = np.bincount(
                np.random.default_rng((self.seed, r)).integers(0, g, g), minlength=g
            )
        return np.ascontiguousarray(counts.T)

    def _chosen(self, positive, scores, among):
        """(group, positive, score) of the images that count, flat."""
        positive, scores = np.asarray(positive, bool), np.asarray(scores)
        keep = np.ones(positive.shape, bool) if among is None else np.asarray(among, bool)
        of = np.broadcast_to(self.of if positive.ndim == 1 else self.of[:, None], positive.shape)
        return of[keep], positive[keep], scores[keep]

    def _ranked(self, of, few, scores):
        """(few, rest): matrices that turn draws of groups into numbers of images. `few` has a row for each of the k
        scores of the few, from low to high; `rest` has 2k + 1: below the first score, at it, between it and the
        second, at that, and so on. No sorting is left to do in a resample.
        """
        marks = np.unique(scores[few])
        place = np.searchsorted(marks, scores, "left") + np.searchsorted(marks, scores, "right")
        k = max(len(marks), 1)  # without any of the few one row of zeros
        return self._rows(place[few] // 2, of[few], k), self._rows(place[~few], of[~few], 2 * k + 1)

    def _rows(self, rows, columns, height: int, width: int | None = None):
        """Sparse (height, width) of ones; two at one place make a 2."""
        return csr_matrix(
            (np.ones(len(rows), np.int32), (rows, columns)), (height, width or self.n_groups)
        )
