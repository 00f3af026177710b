"""Which pairs of radiographs may be copies. Takes Features of many, returns pairs worth a look by geometry; decides
nothing. Every descriptor votes for the images that hold its nearest neighbours, by how much nearer they are than the
farthest of these: anatomy that all chests share has many neighbours alike and counts for little."""
from __future__ import annotations
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from .features import Features, inverted, mirrored

__all__ = ["find_candidates", "VARIANTS"]

# (mirrored, inverted) -> how many descriptors of an image ask for neighbours in that variant. All images are asked as
# they are; mirror images and negatives that are else whole copies agree in nearly all features, so fewer suffice.
VARIANTS = {(False, False): 96, (True, False): 48, (False, True): 32, (True, True): 32}
HELD = 96        # descriptors of an image that can be found
NEIGHBOURS = 5   # of a descriptor, itself not counted
FAR = 64         # bits: what is farther is no neighbour
COMMON = 24      # bits: where even the farthest neighbour is nearer (many copies of one image), it counts as this far
VOTES = 20       # bits, both ways together
A_LIST = 192     # descriptors that share a pivot
PROBES = 4       # pivots that a search looks behind
PARTNERS = 40    # of an image at most, the best: of many blank films with one text each would be a pair with all others
GRAPH = 4096     # more pivots are found through a graph
HEARD = 4        # bits: what one image says of another counts from here on. Most say less, of very many
AT_ONCE = 1024   # images whose neighbours a thread holds in memory
# On 7,797 distinct real radiographs (532 gold pairs of which pixels differ) these give 4.5 pairs an image that hold all
# 532; VOTES of 25 gives 1.6 pairs and loses none, 30 gives 0.7. Four times the probes change nothing; 64 descriptors
# instead of 96 lose 2 of 57 cropped copies.


def find_candidates(
    features:list[Features],  # in an order that does not depend on files: that of the pixels' hashes
    threads:int=1,
    new=None,                 # indices: only pairs that hold one of them; None: all pairs
    progress=None,
)->list[tuple[int, int, bool, bool]]:
    "(i, j, mirrored, inverted) sorted, i < j: pairs that may be copies, and what would have been done to one of them."
    import faiss
    counts = [min(len(f.descriptors), HELD) for f in features]
    if not sum(counts): return []
    held = np.concatenate([f.descriptors[:HELD] for f in features])
    owner = np.repeat(np.arange(len(features), dtype=np.int32), counts)
    asking = np.arange(len(features)) if new is None else np.unique(np.asarray(new, dtype=np.int64))
    chunks = [asking[i:i + AT_ONCE] for i in range(0, len(asking), AT_ONCE)]
    jobs = [(part, variant) for part in chunks for variant in VARIANTS]
    # Threads of our own, each with faiss alone: those of faiss spin, and where anything else ran it was 60 times slower.
    with ThreadPoolExecutor(threads, initializer=faiss.omp_set_num_threads, initargs=(1,)) as pool:
        index = _index(faiss, held, pool)
        said = pool.map(lambda job: _vote(index, features, owner, *job), jobs)
        said = list(progress(said, len(jobs), "looking for copies") if progress else said)
    return _decide(said, len(features), VOTES if new is None else VOTES / 2)

def _index(faiss, held, pool):
    """An inverted file whose pivots are descriptors of the data, taken at equal steps: nothing is trained, so that the
    same images give the same index on every machine."""
    n = max(len(held) // A_LIST, 1)
    pivots = held[np.linspace(0, len(held) - 1, n).astype(np.int64)]
    coarse = faiss.IndexBinaryHNSW(256, 16) if n > GRAPH else faiss.IndexBinaryFlat(256)
    pool.submit(coarse.add, pivots).result()  # by one thread: a graph that two build differs from run to run
    index = faiss.IndexBinaryIVF(coarse, 256, n)
    index.own_fields, index.coarse = False, coarse  # kept alive by Python
    index.is_trained, index.nprobe = True, PROBES
    step = AT_ONCE * HELD
    behind = pool.map(lambda i: coarse.search(held[i:i + step], 1)[1][:, 0], range(0, len(held), step))
    behind = np.concatenate(list(behind)).astype(np.int64)
    index.add_core(len(held), faiss.swig_ptr(held), None, faiss.swig_ptr(behind))
    return index

def _vote(index, features, owner, asking, variant):
    "(pair keys, votes) that the images of `asking` give."
    mirror, invert = variant
    asked = [features[i].descriptors[:VARIANTS[variant]] for i in asking]
    who = np.repeat(asking, [len(a) for a in asked])
    if not len(who): return np.empty(0, np.int64), np.empty(0)
    asked = np.concatenate(asked)
    if mirror: asked = mirrored(asked)
    if invert: asked = inverted(asked)
    far, at = index.search(asked, NEIGHBOURS + 1)
    whose = np.where(at >= 0, owner[at], -1)
    edge = np.maximum(np.where(at[:, -1] >= 0, far[:, -1], FAR), COMMON)[:, None]
    votes = np.where((at >= 0) & (whose != who[:, None]) & (far <= FAR), edge - far, 0)
    row, column = np.nonzero(votes > 0)
    keys, votes = _sum(who[row] * len(features) + whose[row, column], votes[row, column])
    return keys[votes >= HEARD], votes[votes >= HEARD]

def _sum(keys, votes):
    unique, at = np.unique(keys, return_inverse=True)
    return unique, np.bincount(at, votes, len(unique))

def _decide(said, n:int, least:float)->list[tuple[int, int, bool, bool]]:
    "Both directions of a pair added up, for each variant; the best of every image."
    found = []
    for k in range(len(VARIANTS)):
        keys, votes = (np.concatenate([s[part] for s in said[k::len(VARIANTS)]]) for part in (0, 1))
        i, j = np.divmod(keys, n)
        pairs, votes = _sum(np.minimum(i, j) * n + np.maximum(i, j), votes)
        good = votes >= least
        found.append((pairs[good], votes[good], np.full(good.sum(), k)))
    pairs, votes, variant = map(np.concatenate, zip(*found))
    i, j = np.divmod(pairs, n)
    best = _best(i, j, votes, pairs * len(VARIANTS) + variant)
    ways = list(VARIANTS)
    return sorted((int(i[k]), int(j[k]), *ways[variant[k]]) for k in best)

def _best(i, j, votes, tie)->np.ndarray:
    "Indices of the pairs that are among the PARTNERS best of one of their images."
    side, pair = np.concatenate([i, j]), np.tile(np.arange(len(i)), 2)
    order = np.lexsort((tie[pair], -votes[pair], side))
    ranked = side[order]
    return np.unique(pair[order[np.arange(len(ranked)) - np.searchsorted(ranked, ranked) < PARTNERS]])
