"""What `find` returns: the copies among some images, as rows, JSON, a DataFrame and text.

CopySets, Links and Rejects -> their tables. It reads and writes no file.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from cxr_fastai.core import printable
from cxr_fastai.curation.copies.copy_sets import DUPLICATE_COLUMNS, CopySet
from cxr_fastai.curation.copies.links import Link
from cxr_fastai.curation.sources.item import Reject

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Found"]


@dataclass(frozen=True, repr=False)
class Found:
    """The copies among some images."""

    images: int  # that were read
    old: int  # of these, in `against`
    groups: list[CopySet]  # of two copies or more; with `against`, those that hold a new image
    related: list[Link]  # other exposures of one patient, most likely
    rejects: list[Reject]
    paths: dict[str, str]  # pixel_sha256 -> path of the first image that has it

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
        return {
            "images": self.images,
            "old": self.old,
            "groups": len(self.groups),
            "copies": dict(self.kinds),
            "duplicates": self.rows,
            "related": self.related_rows(),
            "rejects": [reject.row() for reject in self.rejects],
        }

    def __str__(self) -> str:
        """Return what a terminal shows: a line a copy under each kept image."""
        lines = [self._first_line()]
        for copies in self.groups:
            lines.append(f"{copies.id}  {printable(copies.kept.item.path)}")
            for member, copy in list(zip(copies.members, copies.copies))[1:]:
                path = printable(member.item.path)
                line = f"    {copy.kind:<7}{copy.score:.3f}  {path}  {copy.transform}"
                lines.append(line.rstrip())
        if self.related:
            pairs = len(self.related)
            lines.append(f"{pairs} pairs look like two exposures of one patient; no copies")
        if self.rejects:
            first = self.rejects[0]
            example = f"{printable(first.path)} the first ({first.reason})"
            lines.append(f"{len(self.rejects)} could not be read: {example}")
        return "\n".join(lines)

    def _first_line(self) -> str:
        """Return the counts in one line."""
        kinds = self.kinds
        old = f", {self.old} of them old" if self.old else ""
        return (
            f"{self.images} images{old}: {len(self.groups)} radiographs with copies, "
            f"{kinds.total()} copies ({kinds['bytes']} equal bytes, "
            f"{kinds['pixels']} equal pixels, {kinds['near']} altered)"
        )

    def __repr__(self) -> str:
        """Show how many radiographs have copies, among how many images."""
        return f"<{len(self.groups)} radiographs with copies among {self.images} images>"
