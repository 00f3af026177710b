"""Which files hold the same radiograph, and which of them disagree.

Fingerprinted, labelled images and the Links between them -> CopySets, the rows that are written of
them, and what ties radiographs to one another. It never reads or deletes a file.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import PurePosixPath
from typing import Any

from cxr_fastai.curation.copies.fingerprint import Fingerprint
from cxr_fastai.curation.copies.link_graph import Step, Way, find_steps, reach, told_apart
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
# Where images are laid aside for a person to look at: hidden, so that nobody reads it as a class.
# Folders of before the dot name have `conflicts`.
ASIDE_FOLDER = ".conflicts"


@dataclass(frozen=True)
class ScannedImage:
    """An image that was read, with its class under the recipe."""

    item: Item
    fingerprint: Fingerprint
    label: str  # class slug, or ''
    why_unlabelled: str  # why it has no label, or ''
    # Of copies the one of the least rank is kept: a class, an official test image, the nearest to
    # the original, the largest, DICOM, the shortest name (copies get prefixes), catalogue order,
    # path.
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
        """Whether the kept image goes into the folder.

        Not if labels conflict, unless that is settled, or the image is one of an official test set:
        a published score counts it, whatever its copies are called.
        """
        return self.settled or not self.conflict or _is_official(self.kept)

    @property
    def staying(self) -> list[ScannedImage]:
        """The members that go into the folder: the kept one, and those that repeat it officially.

        An official test set is kept whole. So where the kept image is of one, the other images of
        the same source's test set stay too, each under its own label; all other copies go. Files of
        one name and label are one image of the set, which the download holds twice.
        """
        if not self.is_included:
            return []
        if not _is_official(self.kept):
            return [self.kept]
        stay: dict[tuple[str, str], ScannedImage] = {}
        for member in self.members:
            item = member.item
            if _is_official(member) and item.source == self.kept.item.source:
                name = PurePosixPath(item.path).name if item.array is None else item.path
                stay.setdefault((name, item.source_label), member)
        return list(stay.values())

    def rows(self) -> list[dict[str, str]]:
        """Return the rows of duplicates.csv, one for each member."""
        rows = []
        staying = self.staying
        for member, copy in zip(self.members, self.copies):
            is_kept = any(member is one for one in staying)
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

    def aside_path(
        self,
        member: ScannedImage,  # of this set
    ) -> str:
        """Return where a member's image stands, below the folder, if it is laid aside."""
        return f"{ASIDE_FOLDER}/{self.id}/{member.fingerprint.pixel_sha256[:32]}.png"

    def conflict_rows(
        self,
        aside: bool = False,  # images are laid aside, for a person to look at
    ) -> list[dict[str, str]]:
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


def _is_official(
    image: ScannedImage,  # a member of a set
) -> bool:
    """Whether an image with a class is of its source's official test set."""
    return image.item.official == "test" and image.label != ""


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
    patients = {pixels: _patients(same) for pixels, same in by_pixels.items()}
    steps = find_steps(patients, links)
    placed: set[str] = set()
    sets = []
    for pixels in sorted(by_pixels):
        if pixels in placed:
            continue
        reached = reach(pixels, steps)
        placed.update(reached)
        members: list[ScannedImage] = []
        for key in reached:
            members += by_pixels[key]
        members.sort(key=lambda image: image.rank)
        sets.append(_copy_set(pixels, members, steps, settled=on_conflict == "upstream"))
    return sets


def _patients(
    images: Iterable[ScannedImage],  # of any kind
) -> set[str]:
    """Return all patients that are named for some images."""
    patients: set[str] = set()
    for image in images:
        patients.update(image.item.patients)
    return patients


def _copy_set(
    least_pixels: str,  # the least pixel_sha256 of the set
    members: list[ScannedImage],  # the kept one first
    steps: dict[str, list[Step]],  # of all images
    settled: bool,  # a conflict is decided for the kept one
) -> CopySet:
    """Make a CopySet, and say how each member comes of the kept one."""
    kept = members[0].fingerprint
    ways = reach(kept.pixel_sha256, steps)
    copies = []
    for member in members:
        own = member.fingerprint
        copies.append(_copy(kept, own, ways[own.pixel_sha256]))
    return CopySet(id=least_pixels[:16], members=members, copies=copies, settled=settled)


def _copy(
    kept: Fingerprint,
    own: Fingerprint,  # of another member
    way: Way,  # from the kept one
) -> Copy:
    """Say how one image comes of the kept one: by bytes, by pixels, or altered."""
    if own.sha256 == kept.sha256:
        return Copy("bytes")
    if own.pixel_sha256 == kept.pixel_sha256:
        return Copy("pixels")
    kept_size = (kept.width, kept.height)
    own_size = (own.width, own.height)
    return Copy("near", way.score, describe(way.matrix[:2], kept_size, own_size, way.inverted))


# ---- beyond one radiograph


def same_patient(
    sets: list[CopySet],  # all of them
    links: Iterable[Link],  # of any kind
) -> list[tuple[Link, bool]]:
    """Return (link, whether it is joined) for each link between sets that tells something new.

    Links between sets that a patient, a declared radiograph or a stronger link ties already are
    left out. Not joined are those that would tie two patients whom one source tells apart, also
    where their images look like copies. The strongest come first.
    """
    home: dict[str, str] = {}  # pixel_sha256 -> id of its set
    for s in sets:
        for member in s.members:
            home[member.fingerprint.pixel_sha256] = s.id
    patients = {s.id: _patients(s.members) for s in sets}  # of the root of each joined set
    joined: DisjointSets[str] = DisjointSets()
    _join_declared(sets, joined, patients)
    out = []
    for link in sorted(links, key=lambda k: (-k.inliers, -k.score, k.a, k.b)):
        if link.a not in home or link.b not in home:
            continue
        a = joined.find(home[link.a])
        b = joined.find(home[link.b])
        if a == b:
            continue
        may_join = not told_apart(patients[a], patients[b])
        out.append((link, may_join))
        if may_join:
            _join(joined, patients, a, b)
    return out


def _join_declared(
    sets: list[CopySet],  # all of them
    joined: DisjointSets[str],  # ids of sets
    patients: dict[str, set[str]],  # of the root of each joined set
) -> None:
    """Join the sets that a patient or a declared radiograph ties already."""
    first: dict[str, str] = {}  # what ties -> id of the first set that has it
    for s in sets:
        for member in s.members:
            for tie in (*member.item.patients, member.item.radiograph):
                if tie:
                    _join(joined, patients, first.setdefault(tie, s.id), s.id)


def _join(
    joined: DisjointSets[str],  # ids of sets
    patients: dict[str, set[str]],  # of the root of each joined set
    a: str,  # id of a set
    b: str,  # id of another
) -> None:
    """Make one of two joined sets; the patients of the second go to the first."""
    a = joined.find(a)
    b = joined.find(b)
    if a != b:
        joined.join(a, b)
        patients[a] |= patients.pop(b)


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
