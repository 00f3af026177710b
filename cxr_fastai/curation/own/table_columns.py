"""Which column of a user's csv tells what.

A csv and the columns that were asked for -> OwnColumns, or an error that lists the columns. What
was not asked for is not guessed: the error says what would be typed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from cxr_fastai.advice import flag
from cxr_fastai.core import UsageError, unknown_name
from cxr_fastai.csv_of_others import CsvFile
from cxr_fastai.curation.sources.cells import is_blank
from cxr_fastai.images import is_image_name

__all__ = ["OwnColumns", "choose_columns", "file_columns"]

ROLES = ("file", "label", "patient", "age", "sex", "view")
SURE_SHARE = 0.5  # least share of cells that name a file, of a column that is offered for files
MAX_OFFERED = 3  # columns that may be meant, in an error
MAX_LABELS = 30  # different texts of a column that is offered for labels
IMAGES_A_LABEL = 2  # least images a text, on average, of a column that may hold labels


@dataclass(frozen=True)
class OwnColumns:
    """The columns of a csv by what they tell; '' where none does."""

    file: str
    label: tuple[str, ...]  # one, or one for each finding
    patient: str = ""
    age: str = ""
    sex: str = ""
    view: str = ""

    def to_dict(self) -> dict[str, str]:
        """Return what -> column, of those that are named; several columns are joined by a comma."""
        named = {role: getattr(self, role) for role in ROLES}
        named["label"] = ",".join(self.label)
        return {role: column for role, column in named.items() if column}


def choose_columns(
    table: CsvFile,
    name: str,  # of the csv, for errors
    asked: Mapping[str, str],  # of ROLES -> column, '' where none was named
    paths: Collection[str],  # of the images, to see which column names them
) -> OwnColumns:
    """Check the columns that were asked for. Raises `UsageError` with those that there are."""
    if not asked["file"] or not asked["label"]:
        raise UsageError(_offer(table, name, asked, paths))
    labels = _label_columns(asked["label"], table.columns)
    for role in ROLES:
        named = labels if role == "label" else (asked[role],)
        for column in named:
            if column and column not in table.columns:
                raise UsageError(_unknown(table, name, role, column))
    if asked["file"] in labels:
        raise UsageError(
            f"{name}: column {asked['file']!r} cannot hold both the files and the labels: "
            f"it has {', '.join(table.columns)}."
        )
    twice = [column for column, n in Counter(labels).items() if n > 1]
    if twice:
        raise UsageError(f"{name}: the column {twice[0]!r} is named twice for the labels.")
    others = {role: asked[role] for role in ROLES if role not in ("file", "label")}
    return OwnColumns(file=asked["file"], label=labels, **others)


def _label_columns(
    asked: str,  # as typed: A,B,C
    columns: Sequence[str],  # of the csv
) -> tuple[str, ...]:
    """Return the columns of `A,B,C`; one that has commas in its name is one."""
    if asked in columns:
        return (asked,)
    return tuple(part.strip() for part in asked.split(",") if part.strip()) or (asked,)


def _unknown(
    table: CsvFile,  # the csv as it was read
    name: str,  # of the csv, for errors
    role: str,  # what the column tells
    column: str,  # that was named
) -> str:
    """Say that a column is not there, which are, and which is the nearest."""
    sentence = unknown_name(f"column of {role}s", column, table.columns, name)
    if any(is_image_name(each) for each in table.columns):
        return f"{sentence} Its first line looks like a row: put a line of column names above it."
    return sentence


# ---- what would be typed


def _offer(
    table: CsvFile,
    name: str,
    asked: Mapping[str, str],
    paths: Collection[str],
) -> str:
    """Say which columns there are and which might be meant; nothing is taken unasked."""
    files = [asked["file"]] if asked["file"] else file_columns(table, paths)
    labels = (
        [asked["label"]] if asked["label"] else _possible_labels(table, {*files, *asked.values()})
    )
    missing = [role for role in ("file", "label") if not asked[role]]
    question = " and ".join(f"the {role}s" for role in missing)
    has = ", ".join(table.columns) or "none"
    sentence = f"{name}: name the column of {question}: it has {has}."
    offers = {"file": files, "label": labels}
    said = [f"{flag(role)} {_any_of(offers[role])}" for role in missing if offers[role]]
    return f"{sentence} Perhaps {' and '.join(said)}." if said else sentence


def _any_of(
    columns: Sequence[str],  # that may be meant
) -> str:
    """Name columns of which one may be meant."""
    return " or ".join(repr(column) for column in columns[:MAX_OFFERED])


def file_columns(
    table: CsvFile,  # the csv as it was read
    paths: Collection[str],  # of the images
) -> list[str]:
    """Return the columns of which most cells name a file."""
    names: set[str] = set()
    for path in paths:
        names.update(_forms(path))
    found = []
    for column in table.columns:
        cells = [row.cells[column] for row in table.rows]
        named = sum(not names.isdisjoint(_forms(cell)) for cell in cells)
        if cells and named >= SURE_SHARE * len(cells):
            found.append(column)
    return found


def _forms(path: str) -> set[str]:
    """Return the name of a file in one case, with and without its ending."""
    name = PurePosixPath(path.replace("\\", "/")).name.casefold()
    return {name, PurePosixPath(name).stem} - {""}


def _possible_labels(
    table: CsvFile,  # the csv as it was read
    taken: Collection[str],  # columns that tell something else
) -> list[str]:
    """Return the columns of a few texts that recur."""
    found = []
    for column in table.columns:
        texts = {row.cells[column] for row in table.rows if not is_blank(row.cells[column])}
        few = 2 <= len(texts) <= min(MAX_LABELS, len(table.rows) // IMAGES_A_LABEL)
        if few and column not in taken:
            found.append(column)
    return found
