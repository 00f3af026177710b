"""Train, valid, test by group: images linked by patient or radiograph stay together. Takes radiographs with their
links, returns each one's group and split. A group's split is drawn from its own name and what its source says of it, so
that another recipe, with other sources beside, gives it the same. It can differ where the name does: one folder has the
original with its patient, the other only a copy without; a list of official test images is at hand for one only; images
of two named patients were tied by their look. A bundle therefore knows what it was trained on.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass

from cxr_fastai.core import sha256_text

__all__ = ["Radiograph", "assign_splits", "FRACTIONS"]

FRACTIONS = {"train": 0.8, "valid": 0.1, "test": 0.1}
RULE = 2  # of `assign_splits`; 1 dealt groups to the split that lacked most. A folder keeps the rule it was made by
TIE = "exposures "  # begins a link between two images that look like exposures of one patient


@dataclass(frozen=True)
class Radiograph:
    """What splitting needs to know of one radiograph, its copies merged."""

    id: str  # pixel_sha256
    links: frozenset  # patients and declared identities of all copies, and TIEs
    stratum: str  # source and finding, of the kept copy
    source: str
    official: frozenset  # splits that its sources fix


def assign_splits(
    radiographs: list[Radiograph],
    seed=0,
) -> dict[str, tuple[str, str]]:
    """Id -> (group, split): each group has a chance of 80/10/10, and where a stratum has three groups, each split has
    one of them, but for a test split that the source has itself. Such a source has no other test images.
    """
    groups = connect(radiographs)
    tested = {r.source for r in radiographs if "test" in r.official}
    size = Counter(r.stratum for r in radiographs)
    split, free = {}, defaultdict(list)
    for g, members in groups.items():
        fixed = set().union(*(r.official for r in members))
        if fixed:
            split[g] = next(s for s in ("test", "valid", "train") if s in fixed)
        else:
            free[min((r.stratum for r in members), key=lambda s: (size[s], s))].append(g)
    for stratum, ids in sorted(free.items()):
        drawn = {g: _drawn(groups[g], seed) for g in ids}
        locked = {g for g in ids if tested & {r.source for r in groups[g]}}
        split.update(
            _deal(
                {g: len(groups[g]) for g in sorted(ids, key=lambda g: (drawn[g], g))}, drawn, locked
            )
        )
    return {r.id: (g, split[g]) for g, members in groups.items() for r in members}


def connect(radiographs: list[Radiograph]) -> dict[str, list[Radiograph]]:
    """Connected components over shared links: group id -> members. The id is the start of the least radiograph id in it."""
    parent: dict = {}

    def root(x):
        parent.setdefault(x, x)
        while parent[x] != x:
            parent[x] = x = parent[parent[x]]
        return x

    for r in radiographs:
        for link in r.links:
            parent[root(("link", link))] = root(("id", r.id))
    by = defaultdict(list)
    for r in sorted(radiographs, key=lambda r: r.id):
        by[root(("id", r.id))].append(r)
    return {members[0].id[:16]: members for members in by.values()}


def _drawn(members: list[Radiograph], seed) -> float:
    """0 to 1 by the name of the group: the least of its patients and declared identities, which copies from other
    sources seldom change, or else of its radiographs.
    """
    names = [n for r in members for n in r.links if not n.startswith(TIE)] or [
        r.id for r in members
    ]
    return int(sha256_text(f"{seed}|{min(names)}")[:13], 16) / 16**13


def _deal(sizes: dict[str, int], drawn: dict[str, float], locked: set) -> dict[str, str]:
    """Groups, in the order of what they drew: the first tenth is tested on, the second validates. A group larger than a
    tenth of the images is trained on; a split that would stay empty has a group of the split that has most.
    """
    most = max(round(sum(sizes.values()) * FRACTIONS["test"]), min(sizes.values()))
    test, held = FRACTIONS["test"], FRACTIONS["test"] + FRACTIONS["valid"]
    out = {g: "train" for g in sizes}
    splits = ["valid", "test"] if len(locked) < len(sizes) else ["valid"]
    if len(sizes) <= len(splits):
        return out  # nothing could be learnt from what is left
    for g, k in sizes.items():
        if k > most:
            continue
        if drawn[g] < test:
            out[g] = "train" if g in locked else "test"
        elif drawn[g] < held:
            out[g] = "valid"
    for split in ("train", *splits):
        if split in out.values():
            continue
        counts = Counter(out.values())
        spare = [
            g
            for g in sizes
            if counts[out[g]] > 1
            and (split == "train" or sizes[g] <= most)
            and not (split == "test" and g in locked)
        ]
        if spare:
            out[
                min(
                    spare,
                    key=lambda g: (-counts[out[g]], -drawn[g] if split == "train" else drawn[g]),
                )
            ] = split
    return out
