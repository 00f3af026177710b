"""Which pairs of radiographs may be copies. Takes Features of many, returns pairs worth a look by geometry; decides
nothing. Every descriptor votes for the images that hold its nearest neighbours, by how much nearer they are than the
farthest of these: anatomy that all chests share has many neighbours alike and counts for little.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from cxr_fastai.curation.copies.features import Features, inverted, mirrored
from cxr_fastai.progress import SILENT, Progress

__all__ = ["find_candidates", "VARIANTS"]

# (mirrored, inverted) -> how many descriptors of an image ask for neighbours in that variant. All images are asked as
# they are; mirror images and negatives that are else whole copies agree in nearly all features, so fewer suffice.
VARIANTS = {(False, False): 96, (True, False): 48, (False, True): 32, (True, True): 32}
HELD = 96  # descriptors of an image that can be found
NEIGHBOURS = 5  # of a descriptor, itself not counted
FAR = 64  # bits: what is farther is no neighbour
COMMON = 24  # bits: where even the farthest neighbour is nearer (many copies of one image), it counts as this far
VOTES = 20  # bits, both ways together
A_LIST = 192  # descriptors that share a pivot
PROBES = 4  # pivots that a search looks behind
PARTNERS = 40  # of an image at most, the best: of many blank films with one text each would be a pair with all others
GRAPH = 8192  # more pivots are found through a graph, in 8 us whatever their number; this many one by one in 7
HEARD = 4  # bits: what one image says of another counts from here on. Most say less, of very many
AT_ONCE = 1024  # images whose neighbours a thread holds in memory
# On 7,797 distinct real radiographs (532 gold pairs of which pixels differ) these give 4.4 pairs an image that hold all
# 532; VOTES of 25 gives 1.6 pairs and loses none, 30 gives 0.7. Four times the probes change nothing; 64 descriptors
# instead of 96 lose 2 of 57 cropped copies.


class Candidate(NamedTuple):
    """Two images that may be copies, by their place in the list, and what may have been done to one of them."""

    a: int
    b: int  # > a
    mirrored: bool
    inverted: bool


def find_candidates(
    features: list[
        Features
    ],  # in an order that does not depend on files: that of the pixels' hashes
    threads: int = 1,
    new=None,  # indices: only pairs that hold one of them; None: all pairs
    progress: Progress = SILENT,
) -> list[Candidate]:
    """(i, j, mirrored, inverted) sorted, i < j: pairs that may be copies, and what would have been done to one of them."""
    import faiss

    counts = [min(len(f.descriptors), HELD) for f in features]
    if not sum(counts):
        return []
    held = np.concatenate([f.descriptors[:HELD] for f in features])
    owner = np.repeat(np.arange(len(features), dtype=np.int32), counts)
    asking = np.arange(len(features)) if new is None else np.unique(np.asarray(new, dtype=np.int64))
    chunks = [asking[i : i + AT_ONCE] for i in range(0, len(asking), AT_ONCE)]
    jobs = [(part, variant) for part in chunks for variant in VARIANTS]
    # Threads of our own, each with faiss alone: those of faiss spin; beside other work it was 60 times slower.
    with ThreadPoolExecutor(threads, initializer=faiss.omp_set_num_threads, initargs=(1,)) as pool:
        search = _Search(faiss, held, pool)
        said = pool.map(lambda job: _vote(search, len(features), owner, *job), jobs)
        said = list(progress.bar(said, len(jobs), "looking for copies"))
    return _decide(said, len(features), VOTES if new is None else VOTES / 2)


class _Search:
    """An inverted file whose pivots are descriptors of the data, taken at equal steps: nothing is trained, so that the
    same images give the same index on every machine.
    """

    def __init__(self, faiss, held, pool):
        n = max(len(held) // A_LIST, 1)
        self.faiss, self.pivots = faiss, held[np.linspace(0, len(held) - 1, n).astype(np.int64)]
        self.graph = faiss.IndexBinaryHNSW(256, 16) if n > GRAPH else faiss.IndexBinaryFlat(256)
        pool.submit(
            self.graph.add, self.pivots
        ).result()  # by one thread: two build another graph each run
        self.held, self.probes, step = held, min(PROBES, n), AT_ONCE * HELD
        near = pool.map(
            lambda i: self._near(held[i : i + step]).astype(np.int32), range(0, len(held), step)
        )
        self.near = np.concatenate(list(near))  # the pivots of what is held, which also asks
        self.index = faiss.IndexBinaryIVF(self.graph, 256, n)
        self.index.own_fields = False
        self.index.is_trained, self.index.nprobe = True, self.probes
        behind = self.near[:, 0].astype(np.int64)
        self.index.add_core(len(held), faiss.swig_ptr(held), None, faiss.swig_ptr(behind))

    def _near(self, asked):
        """(n, probes): the pivots to look behind."""
        near = self.graph.search(asked, self.probes)[1]
        lost = (near < 0).any(1)  # a graph may lead to fewer
        if lost.any():
            near[lost] = self.faiss.knn_hamming(asked[lost], self.pivots, self.probes)[1]
        return near

    def __call__(self, who, asked, near=None):
        """(who asks, bits, rows) of the nearest that are held, a row for each asked, those that look behind the same
        pivot together: that takes 3/4 of the time. `near`: their pivots, where they are known.
        """
        near = self._near(asked) if near is None else near
        order = np.argsort(near[:, 0], kind="stable")
        # faiss's per_invlist_search takes half, and writes past its memory where pivots outnumber what is asked
        return who[order], *self.index.search_preassigned(
            asked[order], NEIGHBOURS + 1, near[order], None
        )


def _vote(search, n: int, owner, asking, variant):
    """(pair keys, votes) that the images of `asking` give, of n images."""
    mirror, invert = variant
    begin, end = np.searchsorted(owner, asking), np.searchsorted(owner, asking, "right")
    rows = np.concatenate([np.arange(a, min(b, a + VARIANTS[variant])) for a, b in zip(begin, end)])
    if not len(rows):
        return np.empty(0, np.int64), np.empty(0)
    who, asked = owner[rows].astype(np.int64), search.held[rows]
    if mirror:
        asked = mirrored(asked)
    if invert:
        asked = inverted(asked)
    who, far, at = search(who, asked, None if mirror or invert else search.near[rows])
    whose = np.where(at >= 0, owner[at], -1)
    edge = np.maximum(np.where(at[:, -1] >= 0, far[:, -1], FAR), COMMON)[:, None]
    votes = np.where((at >= 0) & (whose != who[:, None]) & (far <= FAR), edge - far, 0)
    row, column = np.nonzero(votes > 0)
    keys, votes = _sum(who[row] * n + whose[row, column], votes[row, column])
    return keys[votes >= HEARD], votes[votes >= HEARD]


def _sum(keys, votes):
    unique, at = np.unique(keys, return_inverse=True)
    return unique, np.bincount(at, votes, len(unique))


def _decide(said, n: int, least: float) -> list[Candidate]:
    """Both directions of a pair added up, for each variant; the best of every image."""
    found = []
    for k in range(len(VARIANTS)):
        keys, votes = (
            np.concatenate([s[part] for s in said[k :: len(VARIANTS)]]) for part in (0, 1)
        )
        i, j = np.divmod(keys, n)
        pairs, votes = _sum(np.minimum(i, j) * n + np.maximum(i, j), votes)
        good = votes >= least
        found.append((pairs[good], votes[good], np.full(good.sum(), k)))
    pairs, votes, variant = map(np.concatenate, zip(*found))
    i, j = np.divmod(pairs, n)
    best = _best(i, j, votes, pairs * len(VARIANTS) + variant)
    ways = list(VARIANTS)
    return sorted(Candidate(int(i[k]), int(j[k]), *ways[variant[k]]) for k in best)


def _best(i, j, votes, tie) -> np.ndarray:
    """Indices of the pairs that are among the PARTNERS best of one of their images."""
    side, pair = np.concatenate([i, j]), np.tile(np.arange(len(i)), 2)
    order = np.lexsort((tie[pair], -votes[pair], side))
    ranked = side[order]
    return np.unique(
        pair[order[np.arange(len(ranked)) - np.searchsorted(ranked, ranked) < PARTNERS]]
    )
