"""Which files hold the same radiograph, and which of them disagree. Takes fingerprinted, labelled images, returns
DuplicateGroups and Conflicts; never deletes a file. Copies here are exact: equal bytes or equal pixels."""
from __future__ import annotations
from dataclasses import dataclass

from .fingerprint import Fingerprint
from .listing import Item

__all__ = ["Seen", "DuplicateGroup", "group_copies"]

DUPLICATE_COLUMNS = ("group", "path", "source", "kind", "score", "kept")
CONFLICT_COLUMNS = ("group", "path", "source", "label", "findings", "source_label", "patient")


@dataclass(frozen=True)
class Seen:
    "An image that was read, with its class under the recipe."
    item: Item
    print: Fingerprint
    label: str   # class slug, or ''
    why: str     # it has none
    rank: tuple  # the least is kept: a class, an official test image, the nearest to the original,
                 # catalogue order, path

@dataclass(frozen=True)
class DuplicateGroup:
    "Copies of one radiograph, the kept one first."
    id: str             # the start of the pixels' hash
    members: list[Seen]

    @property
    def kept(self)->Seen: return self.members[0]
    @property
    def labels(self)->list[str]: return sorted({m.label for m in self.members if m.label})
    @property
    def conflict(self)->bool: return len(self.labels) > 1

    def kind(self, m:Seen)->str: return "bytes" if m.print.sha256 == self.kept.print.sha256 else "pixels"

    def rows(self)->list[dict]:
        "Rows of duplicates.csv; nothing of a group in conflict is kept."
        return [dict(group=self.id, path=m.item.path, source=m.item.source, kind=self.kind(m), score="1.0",
                     kept="yes" if m is self.kept and not self.conflict else "no") for m in self.members]

    def conflict_rows(self)->list[dict]:
        return [dict(group=self.id, path=m.item.path, source=m.item.source, label=m.label,
                     findings="|".join(m.item.findings), source_label=m.item.source_label,
                     patient="|".join(m.item.patients)) for m in self.members]


def group_copies(seen:list[Seen])->list[DuplicateGroup]:
    """One group a radiograph, singletons included, in the order of their pixels' hash;
    the order of `seen` does not matter."""
    by: dict[str, list[Seen]] = {}
    for s in seen: by.setdefault(s.print.pixel_sha256, []).append(s)
    return [DuplicateGroup(k[:16], sorted(v, key=lambda s: s.rank)) for k, v in sorted(by.items())]
