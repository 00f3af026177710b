"""Which files hold the same radiograph, and which of them disagree.

Fingerprinted, labelled images and the Links between them -> CopySets, the rows that are written of
them, and what ties radiographs to one another. It never reads or deletes a file.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from cxr_fastai.curation.copies.fingerprint import Fingerprint
from cxr_fastai.curation.copies.links import Link
from cxr_fastai.curation.copies.transforms import describe
from cxr_fastai.curation.sources.item import Item
from cxr_fastai.disjoint_sets import DisjointSets
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
    "ASIDE_FOLDER",
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
ON_CONFLICT = ("drop", "upstream", "keep-both-out")
ASIDE_FOLDER = "conflicts"  # where images are laid aside for a person to look at
# Evidence (of 1.5) from which two images of one named patient are one radiograph, and not two
# exposures. Of NIH follow-ups, at 64 px hard to tell from copies, the greatest of 59 has 1.33;
# turned and mirrored copies have 1.44 at least.
MIN_EVIDENCE_WITHIN_PATIENT = 1.38


@dataclass(frozen=True)
class ScannedImage:
    """An image that was read, with its class under the recipe."""

    item: Item
    fingerprint: Fingerprint
    label: str  # class slug, or ''
    why_unlabelled: str  # why it has no label, or ''
    # Of copies the one of the least rank is kept: a class, the nearest to the original, an official
    # test image, the largest, the shortest name (copies get prefixes), catalogue order, path.
    rank: tuple[Any, ...]


@dataclass(frozen=True)
class Copy:
    """How a member of a set of copies comes of the kept one."""

    kind: str  # bytes | pixels | near
    score: float = 1.0  # the least correlation on the way from the kept one
    transform: str = ""  # in words


@dataclass(frozen=True)
class CopySet:
    """Copies of one radiograph, the kept one first."""

    id: str  # the start of the least of its pixels' hashes
    members: list[ScannedImage]
    copies: list[Copy]  # one for each member
    settled: bool = False  # a conflict of labels is decided for the kept one

    @property
    def kept(self) -> ScannedImage:
        """The member that stands for the radiograph."""
        return self.members[0]

    @property
    def labels(self) -> list[str]:
        """The different labels of the members, sorted; members without one give none."""
        return sorted({member.label for member in self.members if member.label})

    @property
    def conflict(self) -> bool:
        """Whether two members have labels that contradict each other."""
        return any(contradict(a, b) for a, b in combinations(self.labels, 2))

    @property
    def is_included(self) -> bool:
        """Whether the kept image goes into the folder: not if labels conflict, unless settled."""
        return self.settled or not self.conflict

    def rows(self) -> list[dict[str, str]]:
        """Return the rows of duplicates.csv, one for each member."""
        rows = []
        for member, copy in zip(self.members, self.copies):
            is_kept = self.is_included and member is self.kept
            row = {
                "group": self.id,
                "path": member.item.path,
                "source": member.item.source,
                "kind": copy.kind,
                "score": f"{copy.score:.4g}",
                "transform": copy.transform,
                "kept": "yes" if is_kept else "no",
            }
            rows.append(row)
        return rows

    def aside_path(self, member: ScannedImage) -> str:
        """Return where a member's image stands, below the folder, if it is laid aside."""
        return f"{ASIDE_FOLDER}/{self.id}/{member.fingerprint.pixel_sha256[:32]}.png"

    def conflict_rows(self, aside: bool = False) -> list[dict[str, str]]:
        """Return the rows of conflicts.csv; with `aside`, where each image is laid aside."""
        rows = []
        for member in self.members:
            row = {
                "group": self.id,
                "path": member.item.path,
                "source": member.item.source,
                "label": member.label,
                "findings": "|".join(member.item.findings),
                "source_label": member.item.source_label,
                "patient": "|".join(member.item.patients),
                "aside": self.aside_path(member) if aside else "",
            }
            rows.append(row)
        return rows


# ---- copies of one radiograph


def collect_copies(
    images: Iterable[ScannedImage],
    links: Sequence[Link] = (),  # those of kind near are used
    on_conflict: str = "drop",  # | upstream: the kept one's label stands
    # | keep-both-out: as drop, for the folder
) -> list[CopySet]:
    """Return a CopySet for each radiograph, also for one of a single image, in the order of ids.

    The order of `images` and `links` does not matter.
    """
    by_pixels: dict[str, list[ScannedImage]] = defaultdict(list)
    for image in images:
        by_pixels[image.fingerprint.pixel_sha256].append(image)
    steps = _steps(by_pixels, links)
    placed: set[str] = set()
    sets = []
    for pixels in sorted(by_pixels):
        if pixels in placed:
            continue
        reached = _reach(pixels, steps)
        placed.update(reached)
        members = [image for key in reached for image in by_pixels[key]]
        members.sort(key=lambda image: image.rank)
        sets.append(_copy_set(pixels, members, steps, settled=on_conflict == "upstream"))
    return sets


@dataclass(frozen=True)
class _Step:
    """A link, walked in one of its directions."""

    to: str  # pixel_sha256
    score: float
    matrix: np.ndarray  # (3, 3), pixel coordinates
    inverted: bool


@dataclass(frozen=True)
class _Way:
    """A chain of steps from one image to another."""

    score: float  # of its worst step
    to: str  # pixel_sha256
    matrix: np.ndarray  # (3, 3), from the first image
    inverted: bool

    def __lt__(self, other: _Way) -> bool:
        """Put the better way first, then the lesser hash; matrices have no order."""
        return (-self.score, self.to) < (-other.score, other.to)

    def then(self, step: _Step) -> _Way:
        """Return the way that goes one step further."""
        return _Way(
            score=min(self.score, step.score),
            to=step.to,
            matrix=step.matrix @ self.matrix,
            inverted=self.inverted ^ step.inverted,
        )


def _steps(
    by_pixels: dict[str, list[ScannedImage]], links: Iterable[Link]
) -> dict[str, list[_Step]]:
    """Return, for each image, the steps from it to its copies."""
    steps: dict[str, list[_Step]] = {pixels: [] for pixels in by_pixels}
    for link in links:
        if link.kind != "near" or link.a not in by_pixels or link.b not in by_pixels:
            continue
        if _two_exposures(link, by_pixels[link.a], by_pixels[link.b]):
            continue
        matrix = np.vstack([np.reshape(link.matrix, (2, 3)), [0, 0, 1]])
        back = np.linalg.inv(matrix)
        steps[link.a].append(_Step(link.b, link.score, matrix, link.inverted))
        steps[link.b].append(_Step(link.a, link.score, back, link.inverted))
    return steps


def _two_exposures(link: Link, some: list[ScannedImage], others: list[ScannedImage]) -> bool:
    """Tell whether a link joins two exposures of one named patient, and no copies.

    Links of images that are too small for local features are not doubted.
    """
    if link.inliers == 0 or link.evidence >= MIN_EVIDENCE_WITHIN_PATIENT:
        return False
    return not _patients(some).isdisjoint(_patients(others))


def _patients(images: Iterable[ScannedImage]) -> set[str]:
    patients: set[str] = set()
    for image in images:
        patients.update(image.item.patients)
    return patients


def _reach(start: str, steps: dict[str, list[_Step]]) -> dict[str, _Way]:
    """Return the best way to each image that links lead to: that whose worst link is best."""
    best: dict[str, _Way] = {}
    queue = [_Way(score=1.0, to=start, matrix=np.eye(3), inverted=False)]
    while queue:
        way = heapq.heappop(queue)
        if way.to in best:
            continue
        best[way.to] = way
        for step in steps[way.to]:
            if step.to not in best:
                heapq.heappush(queue, way.then(step))
    return best


def _copy_set(
    least_pixels: str, members: list[ScannedImage], steps: dict[str, list[_Step]], settled: bool
) -> CopySet:
    kept = members[0].fingerprint
    ways = _reach(kept.pixel_sha256, steps)
    copies = []
    for member in members:
        own = member.fingerprint
        copies.append(_copy(kept, own, ways[own.pixel_sha256]))
    return CopySet(id=least_pixels[:16], members=members, copies=copies, settled=settled)


def _copy(kept: Fingerprint, own: Fingerprint, way: _Way) -> Copy:
    if own.sha256 == kept.sha256:
        return Copy("bytes")
    if own.pixel_sha256 == kept.pixel_sha256:
        return Copy("pixels")
    kept_size = (kept.width, kept.height)
    own_size = (own.width, own.height)
    return Copy("near", way.score, describe(way.matrix[:2], kept_size, own_size, way.inverted))


# ---- beyond one radiograph


def same_patient(sets: list[CopySet], links: Iterable[Link]) -> list[tuple[Link, bool]]:
    """Return (link, whether it is joined) for each same_patient link that tells something new.

    Links between sets that a patient, a declared radiograph or a stronger link ties already are
    left out. Not joined are those that would tie two patients whom one source tells apart. The
    strongest come first.
    """
    home = {member.fingerprint.pixel_sha256: s.id for s in sets for member in s.members}
    patients = {s.id: _patients(s.members) for s in sets}  # of the root of each joined set
    joined: DisjointSets[str] = DisjointSets()
    _join_declared(sets, joined, patients)
    out = []
    for link in sorted(links, key=lambda k: (-k.inliers, -k.score, k.a, k.b)):
        if link.kind != "same_patient" or link.a not in home or link.b not in home:
            continue
        a = joined.find(home[link.a])
        b = joined.find(home[link.b])
        if a == b:
            continue
        may_join = not _told_apart(patients[a], patients[b])
        out.append((link, may_join))
        if may_join:
            _join(joined, patients, a, b)
    return out


def _join_declared(
    sets: list[CopySet], joined: DisjointSets[str], patients: dict[str, set[str]]
) -> None:
    """Join the sets that a patient or a declared radiograph ties already."""
    first: dict[str, str] = {}  # what ties -> id of the first set that has it
    for s in sets:
        for member in s.members:
            for tie in (*member.item.patients, member.item.radiograph):
                if tie:
                    _join(joined, patients, first.setdefault(tie, s.id), s.id)


def _join(joined: DisjointSets[str], patients: dict[str, set[str]], a: str, b: str) -> None:
    a = joined.find(a)
    b = joined.find(b)
    if a != b:
        joined.join(a, b)
        patients[a] |= patients.pop(b)


def _told_apart(some: set[str], others: set[str]) -> bool:
    """Tell whether a namespace names people in both, and none in common."""
    return any(
        _named_in(some, namespace).isdisjoint(_named_in(others, namespace))
        for namespace in _namespaces(some) & _namespaces(others)
    )


def _namespaces(patients: set[str]) -> set[str]:
    return {patient.split(":")[0] for patient in patients}


def _named_in(patients: set[str], namespace: str) -> set[str]:
    return {patient for patient in patients if patient.startswith(f"{namespace}:")}


def unexpected_overlap(
    sets: list[CopySet],
    expected: Callable[[str, str], bool],  # (source, other) -> whether they may share radiographs
) -> list[dict[str, str]]:
    """Return a row for each two sources of a set that are not expected to share one.

    The first copy of each source stands for it.
    """
    rows = []
    for s in sets:
        first: dict[str, tuple[ScannedImage, Copy]] = {}
        for member, copy in zip(s.members, s.copies):
            first.setdefault(member.item.source, (member, copy))
        for (one, _), (other, copy) in combinations(first.values(), 2):
            if expected(one.item.source, other.item.source):
                continue
            row = {
                "group": s.id,
                "path": one.item.path,
                "source": one.item.source,
                "other_path": other.item.path,
                "other_source": other.item.source,
                "score": f"{copy.score:.4g}",
                "transform": copy.transform,
            }
            rows.append(row)
    return rows
