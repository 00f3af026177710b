"""What was in a folder of one's own, counted: for the terminal, the page and prototype.json.

A Curation -> Counts. It opens no file.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from cxr_fastai.core import SPLITS, Task
from cxr_fastai.curation.folder.result import COPY_KINDS, Curation
from cxr_fastai.recipes import NONE, present

__all__ = ["Counts", "counts_of"]


@dataclass(frozen=True)
class Counts:
    """What was in the folder."""

    images: int
    splits: dict[str, int]
    classes: dict[str, int]  # name to show -> images
    copies: int  # that were left out
    conflicts: int  # radiographs whose copies have labels of two classes
    left_out: int  # files and table rows
    patients: int  # images whose patient is known
    no_finding: int = 0  # images of none of several labels, which are no class
    several: bool = False  # whether an image may have several of the classes


def counts_of(curation: Curation) -> Counts:
    """Count what a folder held."""
    summary, recipe = curation.summary, curation.recipe
    copies = curation.duplicates()
    classes: Counter[str] = Counter()
    for record in curation.records:
        classes.update(present(record.label))
    names = {label: recipe.display.get(label, label) for label in recipe.vocab}
    return Counts(
        images=summary.images,
        splits={split: summary.splits.get(split, 0) for split in SPLITS},
        classes={name: classes[label] for label, name in names.items()},
        copies=sum(copies[kind] for kind in COPY_KINDS),
        conflicts=summary.conflicts,
        left_out=summary.left_out,
        patients=sum(bool(record.patient) for record in curation.records),
        no_finding=classes[NONE],
        several=recipe.task is Task.MULTI_LABEL,
    )
