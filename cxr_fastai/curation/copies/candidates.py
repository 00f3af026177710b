"""Which pairs of radiographs may be copies.

Features of many images -> pairs worth a look by geometry. It decides nothing.

Every descriptor votes for the images that hold its nearest neighbours, by how much nearer they are
than the farthest of these: anatomy that all chests share has many neighbours alike and counts for
little.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np

from cxr_fastai.curation.copies.features import Features, inverted, mirrored
from cxr_fastai.progress import SILENT, Progress

__all__ = ["find_candidates", "Candidate", "VARIANTS"]

# (mirrored, inverted) -> how many descriptors of an image ask for neighbours in that variant. All
# images are asked as they are; mirror images and negatives that are else whole copies agree in
# nearly all features, so fewer suffice.
VARIANTS = {(False, False): 96, (True, False): 48, (False, True): 32, (True, True): 32}
HELD = 96  # descriptors of an image that can be found
NEIGHBOURS = 5  # of a descriptor, itself not counted
MAX_BITS = 64  # what is farther is no neighbour
# Bits: where even the farthest neighbour is nearer (many copies of one image), it counts as this
# far.
MIN_FARTHEST_BITS = 24
MIN_VOTES = 20  # bits, both ways together
DESCRIPTORS_A_PIVOT = 192
PROBES = 4  # pivots that a search looks behind
# Of an image at most, the best: many blank films with one text each would be pairs with all others.
MAX_PARTNERS = 40
# More pivots are found through a graph, in 8 us whatever their number; this many one by one in 7.
MAX_FLAT_PIVOTS = 8192
# Bits: what one image says of another counts from here on. Most say less, of very many.
MIN_ONE_WAY_VOTES = 4
IMAGES_A_JOB = 1024  # whose neighbours a thread holds in memory
BITS = 256  # of a descriptor
# On 7,797 distinct real radiographs (532 gold pairs of which pixels differ) these give 4.4 pairs an
# image that hold all 532; MIN_VOTES of 25 gives 1.6 pairs and loses none, 30 gives 0.7. Four times
# the probes change nothing; 64 descriptors instead of 96 lose 2 of 57 cropped copies.

Votes = tuple[np.ndarray, np.ndarray]  # (n,) int64 keys of pairs, (n,) float bits


class Candidate(NamedTuple):
    """Two images that may be copies, and what may have been done to one of them."""

    a: int  # place in the list
    b: int  # > a
    mirrored: bool
    inverted: bool


def find_candidates(
    # in an order that does not depend on files: that of the pixels' hashes
    features: list[Features],
    threads: int = 1,
    new: Sequence[int] | None = None,  # indices: only pairs that hold one; None: all pairs
    progress: Progress = SILENT,
) -> list[Candidate]:
    """Find the pairs that may be copies, sorted."""
    import faiss

    counts = [min(len(f.descriptors), HELD) for f in features]
    if not sum(counts):
        return []
    n = len(features)
    held = np.concatenate([f.descriptors[:HELD] for f in features])
    owner = np.repeat(np.arange(n, dtype=np.int32), counts)
    asking = np.arange(n) if new is None else np.unique(np.asarray(new, dtype=np.int64))
    chunks = [asking[i : i + IMAGES_A_JOB] for i in range(0, len(asking), IMAGES_A_JOB)]
    # Threads of our own, each with faiss alone: those of faiss spin; beside other work it was 60
    # times slower.
    with ThreadPoolExecutor(threads, initializer=faiss.omp_set_num_threads, initargs=(1,)) as pool:
        election = _Election(index=_Index(faiss, held, pool), owner=owner, n=n)
        jobs = []
        for images in chunks:
            for mirror, invert in VARIANTS:
                jobs.append((images, mirror, invert))
        counted = pool.map(election.vote, jobs)
        votes = list(progress.bar(counted, len(jobs), "looking for copies"))
    return _decide(votes, n, MIN_VOTES if new is None else MIN_VOTES / 2)


# ---- the nearest descriptors


class _Index:
    """An inverted file whose pivots are descriptors of the data, taken at equal steps.

    Nothing is trained, so that the same images give the same index on every machine.
    """

    def __init__(
        self,
        faiss: Any,  # the module
        held: np.ndarray,  # (n, 32) uint8: the descriptors that can be found
        pool: ThreadPoolExecutor,
    ):
        """Sort what is held behind its pivots."""
        n_pivots = max(len(held) // DESCRIPTORS_A_PIVOT, 1)
        places = np.linspace(0, len(held) - 1, n_pivots).astype(np.int64)
        self.faiss = faiss
        self.held = held
        self.pivots = held[places]
        self.probes = min(PROBES, n_pivots)
        self.graph = self._graph(n_pivots, pool)
        self.pivots_of_held = self._near_in_parts(pool)  # what is held also asks
        self.index = faiss.IndexBinaryIVF(self.graph, BITS, n_pivots)
        self.index.own_fields = False
        self.index.is_trained = True
        self.index.nprobe = self.probes
        nearest = self.pivots_of_held[:, 0].astype(np.int64)
        self.index.add_core(len(held), faiss.swig_ptr(held), None, faiss.swig_ptr(nearest))

    def _graph(
        self,
        n_pivots: int,
        pool: ThreadPoolExecutor,  # threads
    ) -> Any:
        """Make the index of the pivots themselves."""
        if n_pivots > MAX_FLAT_PIVOTS:
            graph = self.faiss.IndexBinaryHNSW(BITS, 16)
        else:
            graph = self.faiss.IndexBinaryFlat(BITS)
        # by one thread: two build another graph each run
        pool.submit(graph.add, self.pivots).result()
        return graph

    def _near_in_parts(
        self,
        pool: ThreadPoolExecutor,  # threads
    ) -> np.ndarray:
        """Return (n, probes) int32: the pivots near each descriptor that is held.

        The parts bound the memory of each thread.
        """
        step = IMAGES_A_JOB * HELD
        parts = [self.held[i : i + step] for i in range(0, len(self.held), step)]
        near = pool.map(self.near, parts)
        return np.concatenate([part.astype(np.int32) for part in near])

    def near(
        self,
        asked: np.ndarray,  # (n, 32) uint8
    ) -> np.ndarray:  # (n, probes) int64
        """Find the pivots to look behind."""
        near: np.ndarray = self.graph.search(asked, self.probes)[1]
        lost = (near < 0).any(1)  # a graph may lead to fewer
        if lost.any():
            near[lost] = self.faiss.knn_hamming(asked[lost], self.pivots, self.probes)[1]
        return near

    def search(
        self,
        asked: np.ndarray,  # (n, 32) uint8
        near: np.ndarray,  # (n, probes): their pivots
    ) -> tuple[np.ndarray, np.ndarray]:  # (n, NEIGHBOURS + 1) bits, and rows of what is held
        """Find the nearest descriptors that are held; a row of -1 is none."""
        # faiss's per_invlist_search takes half, and writes past its memory where pivots outnumber
        # what is asked
        # distances to the pivots decide nothing; faiss before 1.14 takes no None for them
        unused = np.zeros(near.shape, np.int32)
        bits, rows = self.index.search_preassigned(asked, NEIGHBOURS + 1, near, unused)
        return bits, rows


# ---- votes


class _Election:
    """The images that vote, and how."""

    def __init__(
        self,
        index: _Index,
        owner: np.ndarray,  # (n held,) int32, sorted: the image of each descriptor
        n: int,  # images
    ):
        """Sort what is held behind its pivots."""
        self.index = index
        self.owner = owner
        self.n = n

    def vote(
        self,
        job: tuple[np.ndarray, bool, bool],  # images that vote, sorted; mirrored; inverted
    ) -> Votes:
        """Return the votes of some images, in one variant, from MIN_ONE_WAY_VOTES on.

        A vote is by how many bits a neighbour is nearer than the farthest of the neighbours.
        """
        images, mirror, invert = job
        rows = self._rows_that_ask(images, VARIANTS[mirror, invert])
        if not len(rows):
            return np.empty(0, np.int64), np.empty(0)
        asking, bits, found = self._nearest(rows, mirror, invert)
        is_row = found >= 0
        candidates = np.where(is_row, self.owner[found], -1)
        is_neighbour = is_row & (candidates != asking[:, None]) & (bits <= MAX_BITS)
        farthest = np.where(is_row[:, -1], bits[:, -1], MAX_BITS)
        edge = np.maximum(farthest, MIN_FARTHEST_BITS)[:, None]
        weights = np.where(is_neighbour, edge - bits, 0)
        row, column = np.nonzero(weights > 0)
        keys = asking[row] * self.n + candidates[row, column]
        keys, votes = _sum(keys, weights[row, column])
        counts = votes >= MIN_ONE_WAY_VOTES
        return keys[counts], votes[counts]

    def _rows_that_ask(
        self,
        images: np.ndarray,  # (n,)
        descriptors: int,  # of each image, at most
    ) -> np.ndarray:
        """Return the rows of the first descriptors of some images."""
        begins = np.searchsorted(self.owner, images)
        ends = np.searchsorted(self.owner, images, "right")
        parts = []
        for begin, end in zip(begins, ends):
            parts.append(np.arange(begin, min(end, begin + descriptors)))
        return np.concatenate(parts)

    def _nearest(
        self,
        rows: np.ndarray,  # (n,) of what is held
        mirror: bool,
        invert: bool,
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return (the image that asks, bits, rows found) for each row, in another order.

        Those that look behind the same pivot stand together: that takes 3/4 of the time.
        """
        asking = self.owner[rows].astype(np.int64)
        asked = self.index.held[rows]
        if mirror:
            asked = mirrored(asked)
        if invert:
            asked = inverted(asked)
        if mirror or invert:
            near = self.index.near(asked)
        else:
            near = self.index.pivots_of_held[rows]
        order = np.argsort(near[:, 0], kind="stable")
        bits, found = self.index.search(asked[order], near[order])
        return asking[order], bits, found


def _sum(
    keys: np.ndarray,  # (n,) int64
    votes: np.ndarray,  # (n,)
) -> Votes:
    """Add up the votes of equal keys."""
    unique, index = np.unique(keys, return_inverse=True)
    return unique, np.bincount(index, votes, len(unique))


# ---- verdict


def _decide(
    votes: list[Votes],  # of each job, the variants in turn
    n: int,  # images
    min_votes: float,
) -> list[Candidate]:
    """Add both directions of a pair up, for each variant; keep the best of every image."""
    pair_parts = []
    vote_parts = []
    variant_parts = []
    for variant in range(len(VARIANTS)):
        pairs, both_ways = _both_ways(votes[variant :: len(VARIANTS)], n)
        good = both_ways >= min_votes
        pair_parts.append(pairs[good])
        vote_parts.append(both_ways[good])
        variant_parts.append(np.full(good.sum(), variant))
    pairs = np.concatenate(pair_parts)
    variants = np.concatenate(variant_parts)
    i, j = np.divmod(pairs, n)
    best = _best(i, j, np.concatenate(vote_parts), pairs * len(VARIANTS) + variants)
    flags = list(VARIANTS)
    candidates = []
    for k in best:
        mirror, invert = flags[variants[k]]
        candidates.append(Candidate(int(i[k]), int(j[k]), mirror, invert))
    return sorted(candidates)


def _both_ways(
    parts: list[Votes],  # key: who votes * n + for whom
    n: int,  # images
) -> Votes:  # key: the lesser * n + the greater
    """Add up what two images say of each other.

    The order of the two images no longer matters.
    """
    keys = np.concatenate([keys for keys, _ in parts])
    votes = np.concatenate([votes for _, votes in parts])
    i, j = np.divmod(keys, n)
    return _sum(np.minimum(i, j) * n + np.maximum(i, j), votes)


def _best(
    i: np.ndarray,  # (n,) one image of each pair
    j: np.ndarray,  # (n,) the other
    votes: np.ndarray,  # (n,)
    tie: np.ndarray,  # (n,) decides where votes are equal, the least first
) -> np.ndarray:
    """Return which pairs are among the MAX_PARTNERS best of one of their images, as indices."""
    image = np.concatenate([i, j])
    pair = np.tile(np.arange(len(i)), 2)
    order = np.lexsort((tie[pair], -votes[pair], image))
    ranked = image[order]
    place = np.arange(len(ranked)) - np.searchsorted(ranked, ranked)
    return np.unique(pair[order[place < MAX_PARTNERS]])
