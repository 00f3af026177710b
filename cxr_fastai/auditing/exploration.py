"""What `cxr eda` found: a record that prints as tables and warnings and makes a page.

Counts and warnings in; text, strict JSON and html out. Counts nothing itself, writes no file.
"""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypedDict

from cxr_fastai.advice import command
from cxr_fastai.auditing.page import page_values
from cxr_fastai.auditing.tables import (
    MAX_COLUMNS,
    Table,
    attribute_lines,
    class_lines,
    count_tables,
)
from cxr_fastai.cohort.attributes import AttributeScore
from cxr_fastai.cohort.shapes import ClassCounts, FindingCounts, PatientCounts, SourceCounts
from cxr_fastai.core import SPLITS, FolderWarning, Task, printable
from cxr_fastai.recipes import NONE
from cxr_fastai.reporting.html import render
from cxr_fastai.reporting.text import count, wrap

__all__ = ["About", "Shot", "Exploration"]

TERMINAL_COLUMNS = 110  # of a wrapped warning
AUDIT = f"What pixels and files tell of the classes: {command('cxr audit DATA', 'audit(data)')}."


class About(TypedDict):
    """What was looked at."""

    title: str  # of the recipe
    recipe: str  # its name
    task: str  # single_label | multi_label
    split: str  # all | train | valid | test
    shown: str  # split that the shown radiographs are of
    seed: int  # that they were drawn with
    images: int
    ages_known: int  # images whose age is given
    patients: PatientCounts
    manifest_sha256: str


class Shot(TypedDict):
    """A radiograph that the page shows; cells of its row in the manifest."""

    path: str
    source: str
    age: str
    sex: str
    view: str
    split: str


@dataclass(frozen=True, repr=False)
class Exploration:
    """What a curated folder holds. Prints as tables and warnings, and makes a page."""

    about: About
    classes: dict[str, ClassCounts]  # class -> its counts, in vocab order
    sources: dict[str, SourceCounts]  # source -> its counts, the largest first
    findings: FindingCounts
    floors: dict[str, Any]  # FloorNumbers; empty where an image may have several classes
    alone: dict[str, dict[str, AttributeScore]]  # attribute -> class -> AUROC of nothing else
    warnings: list[FolderWarning]
    notes: list[str]
    grid: dict[str, list[Shot]]  # class -> the radiographs shown
    thumbs: dict[str, tuple[str, int, int]] = field(
        default_factory=dict  # path -> (data URI, width, height)
    )

    def to_dict(self) -> dict[str, Any]:
        """Return everything but the pictures, as strict JSON."""
        return {
            "about": self.about,
            "classes": self.classes,
            "sources": self.sources,
            "findings": self.findings,
            "floors": self.floors,
            "alone": self.alone,
            "warnings": [_warning_numbers(warning) for warning in self.warnings],
            "notes": self.notes,
            "grid": self.grid,
        }

    @property
    def n_classes(self) -> int:
        """How many classes there are; `none` is what an image of no class has, and no class."""
        classes = set(self.classes) - {NONE}
        return len(classes)

    @property
    def names(self) -> dict[str, str]:
        """Class -> name to show."""
        return {label: counts["name"] for label, counts in self.classes.items()}

    @property
    def splits(self) -> tuple[str, ...]:
        """The splits that were looked at."""
        split = self.about["split"]
        if split == "all":
            return SPLITS
        return (split,)

    @property
    def summary(self) -> str:
        """One line: recipe, splits, and how many radiographs, classes, sources and patients."""
        split = self.about["split"]
        looked_at = "all splits" if split == "all" else f"split {split}"
        counts = [
            count(self.about["images"], "radiograph"),
            count(self.n_classes, "class", "classes"),
            count(len(self.sources), "source"),
            count(self.about["patients"]["patients"], "named patient"),
        ]
        return f"{self.about['recipe']}, {looked_at}: {', '.join(counts)}"

    def tables(self) -> dict[str, Table]:
        """Return split, source, age_group, sex and view against the classes, and findings."""
        return count_tables(
            self.classes,
            self.sources,
            self.findings,
            self.splits,
            several=self.about["task"] == Task.MULTI_LABEL.value,
        )

    def to_html(self) -> str:
        """Return the page: one file that fetches nothing and runs nothing."""
        return render(
            "auditing",
            "eda.html",
            e=self,
            about=self.about,
            tables=self.tables(),
            **page_values(self.classes, self.findings),
        )

    def __str__(self) -> str:
        """Return summary, warnings and tables as lines of a terminal."""
        warnings = _warning_lines(self.warnings)
        parts = [self.summary, *self.notes, "\n".join(warnings) or "No warnings."]
        for table in self.tables().values():
            if table.rows and len(table.head) <= MAX_COLUMNS:
                parts.append(str(table))
        parts.append("\n".join(class_lines(self.classes)))
        parts.append("\n".join(attribute_lines(self.names, self.alone)))
        parts.append(AUDIT)
        return "\n\n".join(parts)

    def __repr__(self) -> str:
        """Return what was looked at."""
        return f"<Exploration of {self.summary}>"

    def _repr_html_(self) -> str:
        """Return the same lines, which a notebook shows."""
        return f"<pre>{html.escape(str(self))}</pre>"


def _warning_numbers(warning: FolderWarning) -> Mapping[str, Any]:
    """Return a warning in the order of eda.json."""
    return {
        "kind": warning.kind,
        "title": warning.title,
        "says": warning.says,
        "do": warning.do,
        "numbers": warning.numbers,
    }


def _warning_lines(warnings: list[FolderWarning]) -> list[str]:
    """Lines of a terminal; a warning begins with `!`, and what can be done stands under it."""
    lines = []
    for warning in warnings:
        says = printable(f"{warning.title}: {warning.says}")
        lines += wrap(says, TERMINAL_COLUMNS, first="! ", rest="  ")
        lines += wrap(printable(warning.do), TERMINAL_COLUMNS, first="  ", rest="  ")
    return lines
