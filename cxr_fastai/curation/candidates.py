"""Which pairs of radiographs may be copies. Takes Features of many, returns pairs worth a look by geometry; decides
nothing. Every descriptor votes for the images that hold its nearest neighbours, by how much nearer they are than the
farthest of these: anatomy that all chests share has many neighbours alike and counts for little."""
from __future__ import annotations

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
GRAPH = 4096     # more pivots are found through a graph
AT_ONCE = 4096   # images whose neighbours are held in memory
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
    faiss.omp_set_num_threads(threads)
    counts = [min(len(f.descriptors), HELD) for f in features]
    if not sum(counts): return []
    held = np.concatenate([f.descriptors[:HELD] for f in features])
    owner = np.repeat(np.arange(len(features), dtype=np.int32), counts)
    index = _index(faiss, held, threads)
    asking = np.arange(len(features)) if new is None else np.unique(np.asarray(new, dtype=np.int64))
    chunks = [asking[i:i + AT_ONCE] for i in range(0, len(asking), AT_ONCE)]
    if progress: chunks = progress(chunks, len(chunks), "looking for copies")
    said = [_vote(index, features, owner, part, variant) for part in chunks for variant in VARIANTS]
    return _decide(said, len(features), VOTES if new is None else VOTES / 2)

def _index(faiss, held, threads):
    """An inverted file whose pivots are descriptors of the data, taken at equal steps: nothing is trained, so that the
    same images give the same index on every machine."""
    n = max(len(held) // A_LIST, 1)
    pivots = held[np.linspace(0, len(held) - 1, n).astype(np.int64)]
    if n > GRAPH:
        coarse = faiss.IndexBinaryHNSW(256, 16)
        faiss.omp_set_num_threads(1)  # a graph that two threads build differs from run to run
        coarse.add(pivots)
        faiss.omp_set_num_threads(threads)
    else:
        coarse = faiss.IndexBinaryFlat(256)
        coarse.add(pivots)
    index = faiss.IndexBinaryIVF(coarse, 256, n)
    index.own_fields, index.coarse = False, coarse  # kept alive by Python
    index.is_trained, index.nprobe = True, PROBES
    index.add(held)
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
    return _sum(who[row] * len(features) + whose[row, column], votes[row, column])

def _sum(keys, votes):
    unique, at = np.unique(keys, return_inverse=True)
    return unique, np.bincount(at, votes, len(unique))

def _decide(said, n:int, least:float)->list[tuple[int, int, bool, bool]]:
    "Both directions of a pair added up, for each variant."
    out = []
    for k, (mirror, invert) in enumerate(VARIANTS):
        keys = np.concatenate([s[0] for s in said[k::len(VARIANTS)]])
        votes = np.concatenate([s[1] for s in said[k::len(VARIANTS)]])
        i, j = np.divmod(keys, n)
        pairs, votes = _sum(np.minimum(i, j) * n + np.maximum(i, j), votes)
        out += [(*divmod(int(p), n), mirror, invert) for p in pairs[votes >= least]]
    return sorted(out)
