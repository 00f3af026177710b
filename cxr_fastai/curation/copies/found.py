"""What `find` returns: the copies among some images, as rows, JSON, a DataFrame and text.

CopySets, Links and Rejects -> their tables. It reads and writes no file.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from cxr_fastai.core import printable
from cxr_fastai.curation.copies.copy_sets import DUPLICATE_COLUMNS, CopySet
from cxr_fastai.curation.copies.known import NewImage
from cxr_fastai.curation.copies.links import Link
from cxr_fastai.curation.sources.item import Reject
from cxr_fastai.reporting.text import count

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Found"]

MAX_SHOWN = 20  # copies that the text names
KIND_WORDS = {"bytes": "equal bytes", "pixels": "equal pixels", "near": "altered"}


@dataclass(frozen=True, repr=False)
class Found:
    """The copies among some images."""

    images: int  # that were read
    old: int  # of these, in `against`
    groups: list[CopySet]  # of two copies or more; with `against`, those that hold a new image
    related: list[Link]  # other exposures of one patient, most likely
    rejects: list[Reject]
    paths: dict[str, str]  # pixel_sha256 -> path of the first image that has it
    # those that are not in `against`, sorted by path; empty: there is nothing to compare with
    new: list[NewImage] = field(default_factory=list)

    @property
    def kinds(self) -> Counter[str]:
        """Copies by their kind; the kept images are not counted."""
        kinds: Counter[str] = Counter()
        for copies in self.groups:
            kinds.update(copy.kind for copy in copies.copies[1:])
        return kinds

    @property
    def rows(self) -> list[dict[str, str]]:
        """A row an image: the columns of duplicates.csv and its label, the kept one first."""
        rows = []
        for copies in self.groups:
            for row, member in zip(copies.rows(), copies.members):
                rows.append({**row, "label": member.label})
        return rows

    @cached_property
    def df(self) -> pd.DataFrame:
        """The rows as a DataFrame; scores are numbers, `kept` is true or false."""
        import pandas as pd

        df = pd.DataFrame(self.rows, columns=[*DUPLICATE_COLUMNS, "label"])
        return df.assign(score=df["score"].astype(float), kept=df["kept"] == "yes")

    def related_rows(self) -> list[dict[str, str]]:
        """Return the rows of related.csv."""
        rows = []
        for link in self.related:
            row = {
                "path": self.paths[link.a],
                "other_path": self.paths[link.b],
                "score": f"{link.score:.4g}",
                "inliers": str(link.inliers),
            }
            rows.append(row)
        return rows

    def to_dict(self) -> dict[str, Any]:
        """Return all of it as strict JSON."""
        known = Counter(image.known for image in self.new if image.known)
        return {
            "images": self.images,
            "old": self.old,
            "known": dict(known),
            "new": [image.row() for image in self.new if image.is_safe],
            "groups": len(self.groups),
            "copies": dict(self.kinds),
            "duplicates": self.rows,
            "related": self.related_rows(),
            "rejects": [reject.row() for reject in self.rejects],
        }

    def __str__(self) -> str:
        """Return what a terminal shows: the counts, and a line a copy under each kept image."""
        return "\n".join([*self.summary_lines(), *self.copy_lines("more in .df")])

    def summary_lines(self) -> list[str]:
        """Return the counts: what is known and new, copies, exposures, what could not be read."""
        lines = [*self.new_lines(), self._copies_line()]
        if self.related:
            look = "pair looks", "pairs look"
            pairs = count(len(self.related), *look)
            one, other = self.related[0].a, self.related[0].b
            example = f"{printable(self.paths[one])} and {printable(self.paths[other])}"
            lines.append(
                f"{pairs} like two exposures of one patient, no copies: {example} the first"
            )
        if self.rejects:
            first = self.rejects[0]
            example = f"{printable(first.path)} the first ({first.reason})"
            lines.append(f"{count(len(self.rejects), 'file')} could not be read: {example}")
        return lines

    def copy_lines(
        self,
        where_more: str,  # names the place where the others stand
        most: int = MAX_SHOWN,  # copies that are named
    ) -> list[str]:
        """Return a line a copy under each kept image, and how many more there are."""
        lines = []
        shown = 0
        for copies in self.groups:
            if shown == most:
                break
            lines.append(f"{copies.id}  {printable(copies.kept.item.path)}")
            for member, copy in list(zip(copies.members, copies.copies))[1:][: most - shown]:
                path = printable(member.item.path)
                line = f"    {copy.kind:<7}{copy.score:.3f}  {path}  {copy.transform}"
                lines.append(line.rstrip())
                shown += 1
        more = self.kinds.total() - shown
        if more:
            lines.append(f"and {more:,} {where_more}")
        return lines

    def new_lines(self) -> list[str]:
        """Say which of the new images are known, and how many are safe to add."""
        if not self.new:
            return []
        known = Counter(image.known for image in self.new if image.known)
        spare = sum(bool(image.copy_of) for image in self.new)
        safe = [image for image in self.new if image.is_safe]
        exposures = sum(bool(image.same_patient_as) for image in safe)
        images = count(len(self.new), "new image")
        are = "is" if known.total() == 1 else "are"
        how = f" ({_kinds_in_words(known)})" if known else ""
        lines = [f"{known.total():,} of {images} {are} known{how}"]
        safe_words = f"{count(len(safe), 'image')} safe to add"
        if spare:
            of_these = "is a copy of one of these", "are copies of these"
            safe_words += f"; {count(spare, 'more ' + of_these[0], 'more ' + of_these[1])}"
        lines.append(safe_words)
        if exposures:
            look = "looks" if exposures == 1 else "look"
            lines.append(
                f"{exposures:,} of these {look} like another exposure of a patient of the old "
                "images: no copies, but keep them in that patient's split"
            )
        return lines

    def _copies_line(self) -> str:
        """Return the counts of copies in one line."""
        old = f", {self.old:,} of them old" if self.old else ""
        images = f"{count(self.images, 'image')}{old}"
        if not self.groups:
            return f"{images}: no copies"
        radiographs = count(len(self.groups), "radiograph")
        copies = count(self.kinds.total(), "copy", "copies")
        return f"{images}: {radiographs} with copies, {copies} ({_kinds_in_words(self.kinds)})"

    def __repr__(self) -> str:
        """Show how many radiographs have copies, among how many images."""
        radiographs = count(len(self.groups), "radiograph")
        return f"<{radiographs} with copies among {count(self.images, 'image')}>"


def _kinds_in_words(
    kinds: Counter[str],  # kind -> copies
) -> str:
    """Count copies by kind: 3 equal bytes, 0 equal pixels, 1 altered."""
    return ", ".join(f"{kinds[kind]:,} {words}" for kind, words in KIND_WORDS.items())
