"""What a curation is asked for, finds, counts and writes: the records that all writers take.

Made by `decide` and `pipeline`, read by everybody. Reads and writes no file.
"""

from __future__ import annotations

import html
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cxr_fastai.catalog import Source
from cxr_fastai.cohort.shapes import ClassCounts
from cxr_fastai.core import SPLITS, CxrError, FolderWarning
from cxr_fastai.curation.copies.copy_sets import CopySet
from cxr_fastai.curation.folder.looks import looks_words
from cxr_fastai.curation.folder.negatives import KeptNegative
from cxr_fastai.curation.folder.split import RULE
from cxr_fastai.curation.sources.item import Item, Reject
from cxr_fastai.manifest import MANIFEST_VERSION, Record
from cxr_fastai.negatives import TABLE, negatives_words
from cxr_fastai.recipes import Recipe
from cxr_fastai.reporting.text import count, table

__all__ = ["Request", "Curation", "Summary", "Written", "COUNTS_HEADER", "COPY_KINDS"]

COUNTS_HEADER = ("class", "source", *SPLITS, "all")
COPY_KINDS = ("bytes", "pixels", "near")
STRICT_STAGES = (  # what --strict counts: inputs that are broken, not those left out on purpose
    "table",
    "label",
    "scan",
)
CONFLICT_WORDS = {
    "drop": "left out",
    "upstream": "settled by the original's label",
    "keep-both-out": "laid aside in .conflicts/",
}
# Kinds of the warnings that a curation gives, with sources.item.LISTING_DIFFERS and
# fetch.SOURCE_LEFT_ASIDE and SOURCE_IN_PARTS; those of its Summary.confounds are cohort's.
SOURCE_FAILED = "source_failed"  # a source is absent: the folder is incomplete
CLASS_WITHOUT_IMAGES = "class_without_images"
FOLD_WITHOUT_CLASS = "fold_without_class"  # of a cross-validation
SMALL_FOLDER = "small_folder"  # its test split says little, and it has no folds
FILMS_LIE = "films_lie"  # films look turned, inverted or lateral
NOT_JUDGED = "not_judged"  # films were to be righted, and are too few to tell how they lie
UNEXPECTED_OVERLAP = "unexpected_overlap"  # copies between sources that the catalogue does not link

Row = dict[str, str]  # of a csv


@dataclass(frozen=True)
class Request:
    """What shapes a folder: the content of its curation.json."""

    recipe: Recipe
    layout: str = "class"  # class | split
    quick: bool = False
    seed: int = 0
    on_conflict: str = "drop"  # of copy_sets.ON_CONFLICT
    folds: int = 0  # of cross-validation; 0: none
    right: bool = False  # films that lie on their side, or are inverted, are turned back
    catalog_sha256: str = ""  # of the catalogue's file
    # what was inferred of a folder or csv of the user's own, and the command that says it in full
    own: dict[str, Any] = field(default_factory=dict)

    @property
    def flags(self) -> str:
        """The flags of `cxr curate` that say what is not the default, each after a blank."""
        words = ""
        for name in ("layout", "quick", "seed", "on_conflict", "folds", "right"):
            value = getattr(self, name)
            if value != getattr(Request, name):
                told = "" if value is True else f" {value}"
                words += f" --{name.replace('_', '-')}{told}"
        return words

    def to_dict(self) -> dict[str, Any]:
        """As curation.json holds it, with the versions of format and split rule."""
        own = {"own": self.own} if self.own else {}
        right = {"right": True} if self.right else {}  # folders of before have no such key
        return {
            "manifest_version": MANIFEST_VERSION,
            "recipe": self.recipe.to_dict(),
            "layout": self.layout,
            "quick": self.quick,
            "seed": self.seed,
            "on_conflict": self.on_conflict,
            "folds": self.folds,
            "split_rule": RULE,
            "catalog_sha256": self.catalog_sha256,
            **right,
            **own,
        }


@dataclass(frozen=True)
class Summary:
    """Everything that is counted of a curation, for card, page, croissant.json and terminal."""

    images: int = 0  # radiographs in the folder
    # (class, source, split) -> images; one of several classes counts in each
    counts: dict[tuple[str, str, str], int] = field(default_factory=dict)
    splits: dict[str, int] = field(default_factory=dict)  # split -> images
    sources: dict[str, int] = field(default_factory=dict)  # that gave images, in catalogue order
    # class -> its counts, of those that have images, by name
    classes: dict[str, ClassCounts] = field(default_factory=dict)
    shareable: int = 0  # images of sources that allow redistribution
    # (kept source, source of the copy, kind) -> copies left out
    copies: dict[tuple[str, str, str], int] = field(default_factory=dict)
    conflicts: int = 0  # radiographs whose copies have labels of two classes
    conflicts_kept: int = 0  # of these, with a copy in the folder: settled, or officially tested
    # (stage, reason) -> files or table rows that were left out
    rejects: dict[tuple[str, str], int] = field(default_factory=dict)
    # (kind, source) -> laterals and CT slices that are kept as thumbnails
    negatives: dict[tuple[str, str], int] = field(default_factory=dict)
    unknown: dict[str, int] = field(default_factory=dict)  # column -> images without a value
    notes: dict[str, int] = field(default_factory=dict)  # of images.NOTES -> images that carry it
    looks: dict[str, int] = field(default_factory=dict)  # of own_films.LOOKS -> films
    righted: int = 0  # of these, turned or inverted back
    looked: bool = False  # whether films were judged at all: a few cannot be
    # source -> images of its official test set that are in the folder
    official_tests: dict[str, int] = field(default_factory=dict)
    official_images: int = 0  # in any official test set
    # source -> images in the folder that repeat another of its official test set: `repeat_of`
    official_repeats: dict[str, int] = field(default_factory=dict)
    # source -> its official test images that are left out as copies of another source's
    official_elsewhere: dict[str, int] = field(default_factory=dict)
    # sources with an official test set by the catalogue, of which no image here is marked
    official_absent: tuple[str, ...] = ()
    tied_across_sources: int = 0  # images in one group with images of another source
    related: int = 0  # pairs of exposures of one patient, by their look
    related_joined: int = 0  # of these, tied to one split
    # (source, other source) -> radiographs in both, where the catalogue does not link them
    unexpected: dict[tuple[str, str], int] = field(default_factory=dict)
    confounds: tuple[FolderWarning, ...] = ()  # what tells classes that is not the disease

    @property
    def left_out(self) -> int:
        """Files and table rows that did not reach the folder; copies are not among them."""
        return sum(self.rejects.values())

    def negatives_of_kinds(self) -> dict[str, int]:
        """Count the thumbnails that are kept, by kind."""
        numbers: Counter[str] = Counter()
        for (kind, _), n in self.negatives.items():
            numbers[kind] += n
        return dict(numbers)

    def duplicates(self) -> dict[str, int]:
        """Count copies left out, by kind, and those from another source than the kept one.

        Keys are COPY_KINDS and across_sources; a copy that was left out is in one of the kinds, and
        may be across sources too.
        """
        numbers = dict.fromkeys((*COPY_KINDS, "across_sources"), 0)
        for (kept, source, kind), n in self.copies.items():
            numbers[kind] += n
            if kept != source:
                numbers["across_sources"] += n
        return numbers

    def counts_rows(self) -> list[tuple[str | int, ...]]:
        """Rows of COUNTS_HEADER, sorted; the last one is of all images, each counted once."""
        rows: list[tuple[str | int, ...]] = []
        for label, source in sorted({(label, source) for label, source, _ in self.counts}):
            numbers = [self.counts.get((label, source, split), 0) for split in SPLITS]
            rows.append((label, source, *numbers, sum(numbers)))
        images = [self.splits.get(split, 0) for split in SPLITS]
        return [*rows, ("all", "", *images, self.images)]

    def counts_table(self) -> str:
        """Return class x source x split as text.

        Columns are aligned for a terminal; numbers have no thousands separators.
        """
        rows = []
        for row in [COUNTS_HEADER, *self.counts_rows()]:
            rows.append([str(cell) for cell in row])  # no thousands separators
        return "\n".join(table(rows, left=2))


@dataclass(frozen=True)
class Written:
    """What a run changed in the folder."""

    files: int = 0  # written; 0: everything stood already
    removed: int = 0  # images of an earlier run that no longer belong
    foreign: tuple[str, ...] = ()  # files in the class folders that are not ours; they stay


@dataclass(frozen=True, repr=False)
class Curation:
    """What a curation found, and what it wrote."""

    out: Path
    request: Request
    records: list[Record]  # sorted by path
    copy_sets: list[CopySet]  # of two copies or more
    rejects: list[Reject]
    warnings: list[FolderWarning]
    sources: list[Source]  # that were there
    failed: dict[str, CxrError]  # source id -> why it is absent; with any, the folder is incomplete
    versions: dict[str, Any]  # source id -> version, SHA-256 of its downloads
    quality: list[Row]  # rows of quality.csv
    related: list[Row]  # rows of related.csv: exposures of one patient, most likely
    unexpected: list[dict[str, str]]  # copies between sources that the catalogue does not link
    brightness: dict[str, float]  # path -> mean gray, 0-255
    origins: dict[str, Item]  # pixel_sha256 -> what these pixels are read from again
    # Laterals and CT slices that are kept as thumbnails
    negatives: list[KeptNegative] = field(default_factory=list)
    looked: bool = False  # whether the films were judged by each other
    summary: Summary = field(default_factory=Summary)
    changes: Written = field(default_factory=Written)

    @property
    def recipe(self) -> Recipe:
        """The task that was curated for."""
        return self.request.recipe

    @property
    def on_conflict(self) -> str:
        """How copies with labels of two classes were decided."""
        return self.request.on_conflict

    @property
    def conflicts(self) -> list[CopySet]:
        """The copy sets whose labels contradict each other.

        What became of them is decided by `on_conflict`.
        """
        return [copies for copies in self.copy_sets if copies.conflict]

    @property
    def incomplete(self) -> tuple[str, ...]:
        """Ids of the sources that are absent.

        With any, the folder is incomplete.
        """
        return tuple(self.failed)

    @property
    def faults(self) -> int:
        """Inputs that are broken: what --strict counts."""
        broken = [reject for reject in self.rejects if reject.stage in STRICT_STAGES]
        return len(broken) + len(self.failed)

    @property
    def notes(self) -> dict[str, int]:
        """A note of images.NOTES -> images that carry it.

        Only images of the folder count.
        """
        return self.summary.notes

    @property
    def written(self) -> int:
        """Files that were written; 0: everything stood already."""
        return self.changes.files

    @property
    def removed(self) -> int:
        """Images of an earlier run that no longer belong."""
        return self.changes.removed

    @property
    def foreign(self) -> list[str]:
        """Files in the class folders that are not ours.

        They stay as they are.
        """
        return list(self.changes.foreign)

    def duplicates(self) -> dict[str, int]:
        """Count copies left out, by kind, and those from another source than the kept one.

        As `Summary.duplicates`.
        """
        return self.summary.duplicates()

    def to_dict(self) -> dict[str, Any]:
        """As `cxr curate --json` prints it."""
        counts = []
        for (label, source, split), n in sorted(self.summary.counts.items()):
            counts.append({"class": label, "source": source, "split": split, "images": n})
        rejects = sorted(self.summary.rejects.items())
        own = {"own": self.request.own} if self.request.own else {}
        return {
            "out": str(self.out),
            "recipe": self.recipe.name,
            "images": self.summary.images,
            "counts": counts,
            "duplicates": self.duplicates(),
            "official_repeats": self.summary.official_repeats,
            "conflicts": self.summary.conflicts,
            "on_conflict": self.on_conflict,
            "related": self.summary.related,
            "unexpected": self.unexpected,
            "rejects": {f"{stage}/{reason}": n for (stage, reason), n in rejects},
            "negatives": self.summary.negatives_of_kinds(),
            "sources": [source.id for source in self.sources],
            "incomplete": {source_id: str(error) for source_id, error in self.failed.items()},
            "versions": self.versions,
            "notes": self.notes,
            "looks": self.summary.looks,
            "righted": self.summary.righted,
            "warnings": [str(warning) for warning in self.warnings],
            "foreign": self.foreign,
            "written": self.written,
            "removed": self.removed,
            **own,
        }

    def __str__(self) -> str:
        """Tell it in a terminal: counts, copies, conflicts, exposures, and what was left out."""
        summary, copies = self.summary, self.duplicates()
        left_out = sum(copies[kind] for kind in COPY_KINDS)
        lines = [
            summary.counts_table(),
            "",
            f"copies left out: {left_out} ({copies['bytes']} equal bytes, {copies['pixels']} equal "
            f"pixels, {copies['near']} resized, cropped, turned or else; "
            f"{copies['across_sources']} across sources) -> duplicates.csv",
            *self._repeats_text(),
            *self._conflicts_text(),
            "more exposures of one patient, by their look: "
            f"{count(summary.related, 'pair')}, {summary.related_joined:,} of them tied to one "
            "split -> related.csv",
            f"left out or not read: {summary.left_out} -> rejects.csv",
        ]
        for (stage, reason), n in sorted(summary.rejects.items()):
            lines.append(f"    {n:6}  {stage}: {reason}")
        if summary.looks:
            lines.append(looks_words(summary.looks, summary.righted))
        if summary.negatives:
            kept = negatives_words(summary.negatives_of_kinds())
            lines.append(f"of these kept as thumbnails, for the gate: {kept} -> {TABLE}")
        return "\n".join(lines)

    def _repeats_text(self) -> list[str]:
        """Count the images that repeat others of an official test set; nothing without any."""
        repeats = self.summary.official_repeats
        if not repeats:
            return []
        named = ", ".join(f"{source} {n}" for source, n in repeats.items())
        return [
            f"copies kept, since an official test set is kept whole: {sum(repeats.values())} "
            f"({named}) -> manifest.csv, repeat_of"
        ]

    def _conflicts_text(self) -> list[str]:
        """Count the radiographs whose copies disagree, and say what became of them."""
        settled = self.on_conflict == "upstream"
        tested = 0 if settled else self.summary.conflicts_kept
        others = count(self.summary.conflicts - tested, "radiograph")
        lines = [f"label conflicts {CONFLICT_WORDS[self.on_conflict]}: {others} -> conflicts.csv"]
        if tested:
            radiographs = count(tested, "radiograph")
            lines.append(
                "label conflicts kept, since an official test set is kept whole: "
                f"{radiographs} -> conflicts.csv"
            )
        return lines

    def __repr__(self) -> str:
        images = count(len(self.records), "radiograph")
        return f"<Curation of {images} for recipe {self.recipe.name}>"

    def _repr_html_(self) -> str:
        """Show it in a notebook as in a terminal."""
        return f"<pre>{html.escape(str(self))}</pre>"
