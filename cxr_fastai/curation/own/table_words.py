"""What was read into a user's csv, in words, in JSON, and as the command that says it in full.

What was read -> lines, warnings, a command. It reads no file.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cxr_fastai.core import FolderWarning, StrPath, Task, printable
from cxr_fastai.csv_of_others import CsvFile
from cxr_fastai.curation.own.dicom_headers import DicomHeaders
from cxr_fastai.curation.own.own_data import own_command, own_warning, recipe_flag
from cxr_fastai.curation.own.own_recipe import NO_FINDING, OwnClasses
from cxr_fastai.curation.own.table_cells import EXPECTED
from cxr_fastai.curation.own.table_columns import OwnColumns
from cxr_fastai.curation.own.table_labels import APART, ONE_LABEL, TableLabels
from cxr_fastai.curation.own.table_rows import OwnRows, alike_patients
from cxr_fastai.curation.sources.item import Reject
from cxr_fastai.curation.sources.listing import Listing
from cxr_fastai.recipes import Recipe
from cxr_fastai.reporting.text import count

__all__ = ["Read", "counted_texts", "inferred_of", "table_warnings", "table_command"]

MAX_TEXTS = 8  # texts that a sentence names
MAX_CLASSES = 20  # labels that a line names


@dataclass(frozen=True)
class Read:
    """A csv as it was read, and what came of it."""

    name: str  # of the csv
    csv: CsvFile
    columns: OwnColumns
    rows: OwnRows
    labels: TableLabels
    own: OwnClasses
    images: int  # in the folder
    where: str  # the folder
    listing: Listing  # of the source that the csv is the table of
    headers: DicomHeaders = field(default_factory=DicomHeaders)  # of DICOM files

    @property
    def labelled(self) -> int:
        """How many images have a label, with those that are left out for their view."""
        filtered = [reject for reject in self.listing.rejects if reject.stage == "filter"]
        return len(self.listing.items) + len(filtered)

    @property
    def left_out(self) -> Counter[str]:
        """Text of a label cell -> rows, of those that give no class."""
        left = Counter(self.labels.left)
        if self.labels.is_by_column:
            return left
        for (text,) in self.labels.cells:
            labels = [text] if not self.labels.separator else text.split("|")
            if text not in self.labels.left and not set(labels) <= self.own.findings.keys():
                left[text] += 1
        return left

    def rejects(self, reason: str) -> list[Reject]:
        """Return the rejects of one reason."""
        return [reject for reject in self.listing.rejects if reject.reason == reason]


def counted_texts(
    counts: Mapping[str, int],  # text -> how often
    most: int = MAX_TEXTS,  # texts to name
) -> str:
    """Return texts with their numbers, the commonest first: 4 'Normal', 3 'tb', 4 blank."""
    common = sorted(counts.items(), key=_most_first)
    named = [f"{n:,} {_quoted(text)}" for text, n in common[:most]]
    more = common[most:]
    if more:
        rows = sum(n for _, n in more)
        named.append(f"{rows:,} in {count(len(more), 'other text')}")
    return ", ".join(named)


def _most_first(
    pair: tuple[str, int],  # a text and how often
) -> tuple[bool, int, str]:
    """Sort texts by how often they stand, blank ones last."""
    text, n = pair
    return text == "", -n, text


def _quoted(
    text: str,  # of a cell
) -> str:
    """Return a text in quotes, and a word for none."""
    return repr(text) if text else "blank"


# ---- what was inferred


def inferred_of(read: Read) -> dict[str, Any]:
    """Return what was read into a csv, as strict JSON; `lines` say it to people."""
    labels = read.labels
    dicom = {"dicom": dict(read.headers.told)} if read.headers.told else {}
    return {
        **dicom,
        "lines": _lines(read),
        "table": read.name,
        "separator": read.csv.separator_name,
        "encoding": read.csv.encoding,
        "columns": read.columns.to_dict(),
        "rows": len(read.rows.numbers),
        "task": str(read.own.recipe.task),
        "label_separator": labels.separator,
        "labels": dict(sorted(labels.counts.items())),
        "classes": _labels_of_classes(read),
        "no_finding_labels": _no_finding_labels(read),
        "rows_left_out": {text or "blank": n for text, n in sorted(read.left_out.items())},
        "cells_not_understood": {role: dict(odd) for role, odd in read.rows.odd.items() if odd},
        "images": read.images,
        "images_labelled": read.labelled,
        "images_without_a_row": len(read.rejects("no_row")),
        "files_not_found": len(read.rejects("missing_file")),
    }


def _lines(read: Read) -> list[str]:
    """Say what was read into a csv."""
    parted = f"parted by {read.csv.separator_name}, in {read.csv.encoding}"
    columns = ", ".join(f"{what} {col!r}" for what, col in read.columns.to_dict().items())
    labels = {text: n for text, n in read.labels.counts.items() if text in read.own.findings}
    lines = [
        f"{read.name}: {count(len(read.rows.numbers), 'row')}, {parted}; columns: {columns}",
        f"labels ({_form(read.labels)}): {counted_texts(labels, MAX_CLASSES)}",
    ]
    lines += _classes_line(read)
    lines += _no_finding_line(read)
    if read.left_out:
        lines.append(f"rows without a class: {counted_texts(read.left_out)}")
    labelled = f"{read.labelled:,} of {count(read.images, 'image')} have a label"
    lines.append(f"{read.where}: {labelled}")
    lines.append(_patients_line(read))
    return [*lines, *read.headers.lines(read.rows.others.keys())]


def _classes_line(read: Read) -> list[str]:
    """Say which labels make a class, where one is called otherwise."""
    labels_of = _labels_of_classes(read)
    if all(labels == [own] for own, labels in labels_of.items()):
        return []
    named = [f"{own} (of {', '.join(map(repr, labels))})" for own, labels in labels_of.items()]
    return [f"classes: {', '.join(named)}"]


def _labels_of_classes(read: Read) -> dict[str, list[str]]:
    """Return class -> the labels that are it."""
    labels_of: dict[str, list[str]] = {}
    for label, own in sorted(read.own.class_of.items()):
        labels_of.setdefault(own, []).append(label)
    return dict(sorted(labels_of.items()))


def _no_finding_labels(read: Read) -> list[str]:
    """Return the labels that say that none of several findings is there, which are no class."""
    recipe = read.own.recipe
    if recipe.task is not Task.MULTI_LABEL:
        return []
    labels = read.own.findings.items()
    return sorted(label for label, own in labels if own == (NO_FINDING,))


def _no_finding_line(read: Read) -> list[str]:
    """Say that such a label is no class, and what its images are called."""
    labels = _no_finding_labels(read)
    if not labels:
        return []
    named = ", ".join(map(repr, labels))
    told = "is no class: it says" if len(labels) == 1 else "are no classes: they say"
    return [f"{named} {told} that nothing was found: its images are counted as none"]


def _patients_line(read: Read) -> str:
    """Say how many patients there are, or that nobody told."""
    patients = read.rows.others.get("patient")
    by_header = read.headers.patients()
    if patients is None and by_header:
        images = f"{len(by_header):,} of {count(read.labelled, 'image')}"
        return f"patients: {count(len(set(by_header.values())), 'patient')} in {images}"
    if patients is None:
        return (
            "patients: not told; copies and look-alikes stay in one split, other images of one "
            "patient may not: --patient COL names their column (Python: patient)"
        )
    named = [patient for patient in patients if patient]
    rows = f"{len(named):,} of {count(len(patients), 'row')}"
    return f"patients: {count(len(set(named)), 'patient')} in {rows}"


def _form(
    labels: TableLabels,  # of all rows
) -> str:
    """Say how labels stand in the cells."""
    if labels.is_one_hot:
        return "a column a class, one of them in each row"
    if labels.is_by_column:
        return "a column a finding"
    if labels.separator:
        return f"several in a cell, parted by {APART[labels.separator]}"
    return "one in a cell"


# ---- warnings


def table_warnings(read: Read) -> list[FolderWarning]:
    """Say what a reader must know of how a csv was read."""
    told = [*_encoding(read), *_surplus(read), *_missing(read), *_patients(read)]
    for role, odd in read.rows.odd.items():
        if odd:
            n = count(sum(odd.values()), "cell stays", "cells stay")
            says = f"{read.name}, {role}: {n} blank that cannot be understood: {counted_texts(odd)}"
            told.append(own_warning(says, f"{EXPECTED[role]}", {"role": role, **odd}))
    return told


def _encoding(read: Read) -> list[FolderWarning]:
    """Say that an encoding was taken, and show a text by which it can be judged."""
    if not read.csv.foreign:
        return []
    text = printable(read.csv.foreign)
    says = (
        f"{read.name} is no UTF-8 and was read in {read.csv.encoding}: its first text is {text!r}"
    )
    return [own_warning(says, "where that reads wrong, save it as CSV UTF-8")]


def _surplus(read: Read) -> list[FolderWarning]:
    """Say which rows have more cells than there are columns."""
    numbers = read.rows.surplus
    if not numbers:
        return []
    rows = count(len(numbers), "row has", "rows have")
    says = f"{read.name}: {rows} more cells than columns (row {numbers[0]} the first): left out"
    do = f"quote a cell that holds a {read.csv.separator_name}"
    return [own_warning(says, do, {"rows": list(numbers)})]


def _missing(read: Read) -> list[FolderWarning]:
    """Say how many files of the csv are not there, and what is nearest."""
    missing = read.rejects("missing_file")
    if not missing:
        return []
    files = count(len(missing), "file")
    says = f"{files} of {read.name} not found: {missing[0].path!r} the first: {missing[0].message}"
    return [own_warning(says, "rejects.csv names each", {"files": len(missing)})]


def _patients(read: Read) -> list[FolderWarning]:
    """Say which rows have no patient, and which patients may be one."""
    patients = read.rows.others.get("patient")
    if patients is None:
        return []
    told = []
    blank = sum(not patient for patient in patients)
    if blank:
        says = f"{read.name}: no patient in {blank:,} of {count(len(patients), 'row')}"
        do = "images without one may stand in train and in test: name each patient"
        told.append(own_warning(says, do, {"rows": blank}))
    pairs = alike_patients(patients)
    if pairs:
        one, other = pairs[0]
        n = count(len(pairs), "pair")
        says = (
            f"{read.name}: {n} of patients may be one and are taken as two: {one!r} and {other!r}"
        )
        told.append(own_warning(says, "write each patient one way", {"pairs": len(pairs)}))
    return told


# ---- the command


def table_command(
    read: Read,
    table: StrPath,
    folder: StrPath | None,
    same: Sequence[str],
    take_as: Mapping[str, str],
    recipe: Recipe | None,
    salt: StrPath | None,
) -> str:
    """Return the command that says in full what was read, but for where to write."""
    flags = [("--table", str(table))]
    flags += [(f"--{role}", column) for role, column in read.columns.to_dict().items()]
    if folder is not None:
        flags.append(("--folder", str(folder)))
    flags.append(("--salt", str(salt or "")))
    flags.append(("--recipe", recipe_flag(recipe)))
    if not read.labels.is_by_column:
        flags.append(("--label-separator", read.labels.separator or ONE_LABEL))
    flags += [("--same", said) for said in same]
    flags += [("--as", f"{name}={label}") for name, label in take_as.items()]
    return own_command(*flags)
