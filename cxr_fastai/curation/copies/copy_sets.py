"""Which files hold the same radiograph, and which of them disagree. Takes fingerprinted, labelled images and the Links
between them, returns DuplicateGroups; never reads or deletes a file.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from cxr_fastai.curation.copies.fingerprint import Fingerprint
from cxr_fastai.curation.copies.geometry import describe
from cxr_fastai.curation.copies.links import Link
from cxr_fastai.curation.sources.listing import Item
from cxr_fastai.recipes import contradict

__all__ = [
    "ScannedImage",
    "Copy",
    "CopySet",
    "collect_copies",
    "same_patient",
    "unexpected_overlap",
    "DUPLICATE_COLUMNS",
    "CONFLICT_COLUMNS",
    "RELATED_COLUMNS",
    "ON_CONFLICT",
    "ASIDE",
]

DUPLICATE_COLUMNS = ("group", "path", "source", "kind", "score", "transform", "kept")
CONFLICT_COLUMNS = (
    "group",
    "path",
    "source",
    "label",
    "findings",
    "source_label",
    "patient",
    "aside",
)
RELATED_COLUMNS = ("path", "source", "other_path", "other_source", "score", "inliers", "joined")
ASIDE = "conflicts"  # a folder
AGAIN = 1.38  # evidence (of 1.5) from which two images of one named patient are one radiograph. Of NIH follow-ups,
# at 64 px hard to tell from copies, the greatest of 59 has 1.33; turned and mirrored copies 1.44 at least
ON_CONFLICT = ("drop", "upstream", "keep-both-out")


@dataclass(frozen=True)
class ScannedImage:
    """An image that was read, with its class under the recipe."""

    item: Item
    fingerprint: Fingerprint
    label: str  # class slug, or ''
    why: str  # it has none
    rank: tuple  # the least is kept: a class, the nearest to the original, an official test image, the largest,
    # the shortest name (copies get prefixes), catalogue order, path


@dataclass(frozen=True)
class Copy:
    """How a member of a group comes of the kept one."""

    kind: str  # bytes | pixels | near
    score: float = 1.0  # the least correlation on the way from the kept one
    transform: str = ""  # in words


@dataclass(frozen=True)
class CopySet:
    """Copies of one radiograph, the kept one first."""

    id: str  # the start of the least of its pixels' hashes
    members: list[ScannedImage]
    copies: list[Copy]  # beside the members
    settled: bool = False  # a conflict of labels was decided for the kept one

    @property
    def kept(self) -> ScannedImage:
        return self.members[0]

    @property
    def labels(self) -> list[str]:
        return sorted({m.label for m in self.members if m.label})

    @property
    def conflict(self) -> bool:
        return any(contradict(a, b) for a, b in combinations(self.labels, 2))

    @property
    def whole(self) -> bool:
        """Whether its kept image goes into the folder."""
        return not self.conflict or self.settled

    def rows(self) -> list[dict]:
        """Rows of duplicates.csv; nothing of a group in conflict is kept, unless that was settled."""
        return [
            dict(
                group=self.id,
                path=m.item.path,
                source=m.item.source,
                kind=c.kind,
                score=f"{c.score:.4g}",
                transform=c.transform,
                kept="yes" if m is self.kept and self.whole else "no",
            )
            for m, c in zip(self.members, self.copies)
        ]

    def aside(self, m: ScannedImage) -> str:
        """Where the image of a member stands that is laid aside for a person to look at."""
        return f"{ASIDE}/{self.id}/{m.fingerprint.pixel_sha256[:32]}.png"

    def conflict_rows(self, aside=False) -> list[dict]:
        return [
            dict(
                group=self.id,
                path=m.item.path,
                source=m.item.source,
                label=m.label,
                findings="|".join(m.item.findings),
                source_label=m.item.source_label,
                patient="|".join(m.item.patients),
                aside=self.aside(m) if aside else "",
            )
            for m in self.members
        ]


def collect_copies(
    seen: list[ScannedImage],
    links: list[Link] = (),  # of kind near; others are passed over
    on_conflict: str = "drop",  # | upstream: the kept one's label stands | keep-both-out: as drop, for the folder
) -> list[CopySet]:
    """One group a radiograph, singletons included, in the order of their ids; the order of `seen` and `links` does not
    matter.
    """
    by: dict[str, list[ScannedImage]] = defaultdict(list)
    for s in seen:
        by[s.fingerprint.pixel_sha256].append(s)
    near: dict[str, list] = {k: [] for k in by}
    for link in links:
        if link.kind != "near" or link.a not in by or link.b not in by:
            continue
        if 0 < link.inliers and link.evidence < AGAIN and _twice(by[link.a], by[link.b]):
            continue
        there = np.vstack([np.reshape(link.matrix, (2, 3)), [0, 0, 1]])
        near[link.a].append((link.b, link.score, there, link.inverted))
        near[link.b].append((link.a, link.score, np.linalg.inv(there), link.inverted))
    done, out = set(), []
    for pixels in sorted(by):
        if pixels in done:
            continue
        reached = _reach(pixels, near)
        done |= set(reached)
        members = sorted((s for k in reached for s in by[k]), key=lambda s: s.rank)
        out.append(_group(pixels, members, near, settled=on_conflict == "upstream"))
    return out


def _twice(some: list[ScannedImage], others: list[ScannedImage]) -> bool:
    """Whether one patient is named for both: two exposures, before anything else."""

    def said(seen):
        return {p for s in seen for p in s.item.patients}

    return bool(said(some) & said(others))


def _group(id: str, members: list[ScannedImage], near, settled: bool) -> CopySet:
    kept = members[0].fingerprint
    ways = _reach(kept.pixel_sha256, near)
    copies = [_copy(kept, m.fingerprint, *ways[m.fingerprint.pixel_sha256]) for m in members]
    return CopySet(id[:16], members, copies, settled)


def _copy(kept: Fingerprint, own: Fingerprint, score: float, matrix, inverted: bool) -> Copy:
    if own.sha256 == kept.sha256:
        return Copy("bytes")
    if own.pixel_sha256 == kept.pixel_sha256:
        return Copy("pixels")
    words = describe(matrix[:2], (kept.width, kept.height), (own.width, own.height), inverted)
    return Copy("near", score, words)


def _reach(start: str, near) -> dict[str, tuple]:
    """Pixels -> (score, matrix from start, inverted) of all that links lead to, by the way whose worst link is best."""
    best, queue = {}, [_Step((-1.0, start, np.eye(3), False))]
    while queue:
        score, at, matrix, inverted = heapq.heappop(queue)
        if at in best:
            continue
        best[at] = -score, matrix, inverted
        for to, s, step, flip in near[at]:
            if to not in best:
                heapq.heappush(queue, _Step((max(score, -s), to, step @ matrix, inverted ^ flip)))
    return best


class _Step(tuple):
    """Ordered by score and pixels; matrices have no order."""

    def __lt__(self, other):
        return self[:2] < other[:2]


# ---- beyond one radiograph


def same_patient(groups: list[CopySet], links: list[Link]) -> list[tuple[Link, bool]]:
    """(link, whether it is joined) for each same_patient link between two groups that nothing else ties. Not joined are
    those that would tie two patients whom one source tells apart. The strongest come first.
    """
    home = {m.fingerprint.pixel_sha256: g.id for g in groups for m in g.members}
    parent = {g.id: g.id for g in groups}
    people = {g.id: {p for m in g.members for p in m.item.patients} for g in groups}

    def root(x):
        while parent[x] != x:
            parent[x] = x = parent[parent[x]]
        return x

    _join_patients(groups, root, parent, people)
    out = []
    for link in sorted(links, key=lambda k: (-k.inliers, -k.score, k.a, k.b)):
        if link.kind != "same_patient" or link.a not in home or link.b not in home:
            continue
        a, b = root(home[link.a]), root(home[link.b])
        if a == b:
            continue
        apart = _told_apart(people[a], people[b])
        out.append((link, not apart))
        if apart:
            continue
        parent[b] = a
        people[a] |= people.pop(b)
    return out


def _join_patients(groups, root, parent, people):
    """Groups that a patient or a declared radiograph ties already."""
    first: dict = {}
    for g in groups:
        for tie in {t for m in g.members for t in (*m.item.patients, m.item.radiograph) if t}:
            a, b = root(first.setdefault(tie, g.id)), root(g.id)
            if a != b:
                parent[b] = a
                people[a] |= people.pop(b)


def _told_apart(some: set, others: set) -> bool:
    """Whether a namespace names people in both, and none in common."""
    names = lambda people: {p.split(":")[0] for p in people}
    return any(
        not {p for p in some if p.startswith(f"{n}:")}
        & {p for p in others if p.startswith(f"{n}:")}
        for n in names(some) & names(others)
    )


def unexpected_overlap(groups: list[CopySet], expected) -> list[dict]:
    """A row for each two sources of a group for which `expected(source, other)` is false: the first copy of each."""
    out = []
    for g in groups:
        first: dict = {}
        for m, c in zip(g.members, g.copies):
            first.setdefault(m.item.source, (m, c))
        for (m, _), (n, c) in combinations(first.values(), 2):
            if not expected(m.item.source, n.item.source):
                out.append(
                    dict(
                        group=g.id,
                        path=m.item.path,
                        source=m.item.source,
                        other_path=n.item.path,
                        other_source=n.item.source,
                        score=f"{c.score:.4g}",
                        transform=c.transform,
                    )
                )
    return out
