"""Train, valid, test by group: images linked by patient or radiograph stay together. Takes radiographs with their
links, returns each one's group and split. The split hangs on the group and what its source says of it, never on a
recipe."""
from __future__ import annotations
from collections import Counter, defaultdict
from dataclasses import dataclass

from ..core import sha256_text

__all__ = ["Radiograph", "assign_splits", "FRACTIONS"]

FRACTIONS = {"train": 0.8, "valid": 0.1, "test": 0.1}


@dataclass(frozen=True)
class Radiograph:
    "What splitting needs to know of one radiograph, its copies merged."
    id: str              # pixel_sha256
    links: frozenset     # patients and declared identities of all copies
    stratum: str         # source and finding, of the kept copy
    source: str
    official: frozenset  # splits that its sources fix


def assign_splits(
    radiographs:list[Radiograph],
    seed=0,
)->dict[str, tuple[str, str]]:
    """id -> (group, split): 80/10/10 in every stratum, by images;
    a source with an official test set has no other test images."""
    groups = connect(radiographs)
    tested = {r.source for r in radiographs if "test" in r.official}
    size = Counter(r.stratum for r in radiographs)
    split, free = {}, defaultdict(list)
    for g, members in groups.items():
        fixed = set().union(*(r.official for r in members))
        if fixed: split[g] = next(s for s in ("test", "valid", "train") if s in fixed)
        else: free[min((r.stratum for r in members), key=lambda s: (size[s], s))].append(g)
    for stratum, ids in sorted(free.items()):
        ids.sort(key=lambda g: sha256_text(f"{seed}|{g}"))
        locked = bool({r.source for g in ids for r in groups[g]} & tested)
        split.update(_fill({g: len(groups[g]) for g in ids}, locked))
    return {r.id: (g, split[g]) for g, members in groups.items() for r in members}

def connect(radiographs:list[Radiograph])->dict[str, list[Radiograph]]:
    "Connected components over shared links: group id -> members. The id is the start of the least radiograph id in it."
    parent: dict = {}
    def root(x):
        parent.setdefault(x, x)
        while parent[x] != x: parent[x] = x = parent[parent[x]]
        return x
    for r in radiographs:
        for link in r.links: parent[root(("link", link))] = root(("id", r.id))
    by = defaultdict(list)
    for r in sorted(radiographs, key=lambda r: r.id): by[root(("id", r.id))].append(r)
    return {members[0].id[:16]: members for members in by.values()}

def _fill(sizes:dict[str, int], locked:bool)->dict[str, str]:
    """Deal groups, in the order given, to the split that lacks most of its share. Where there are more groups than
    held-out splits, each of these has room for the smallest; a group too large for what they lack is trained on."""
    n = sum(sizes.values())
    held_out = {"valid": 1/9} if locked else {s: FRACTIONS[s] for s in ("valid", "test")}
    want = {s: max(min(sizes.values()), round(n * f)) if len(sizes) > len(held_out) else 0 for s, f in held_out.items()}
    want["train"] = n - sum(want.values())
    have, out = Counter(), {}
    for g, k in sizes.items():
        fits = [s for s in want if s == "train" or have[s] + k <= want[s]]
        best = max(fits, key=lambda s: ((want[s] - have[s]) / max(want[s], 1), s == "train"))
        have[best] += k
        out[g] = best
    return out
