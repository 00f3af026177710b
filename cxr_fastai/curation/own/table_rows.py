"""The rows of a user's csv in one form: what file, label, patient, age, sex and view each tells.

A csv and its columns -> OwnRows, and these as the bytes of a csv that a source's table can be: rows
keep their numbers. It opens no file.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from cxr_fastai.csv_of_others import CsvFile
from cxr_fastai.curation.own.table_cells import READERS, read_cells
from cxr_fastai.curation.own.table_columns import OwnColumns
from cxr_fastai.curation.own.table_labels import SURPLUS_LABEL
from cxr_fastai.curation.sources.cells import is_blank
from cxr_fastai.curation.sources.table_keys import keys_of_one_file

__all__ = ["OwnRows", "read_rows_of", "column_names", "as_csv", "alike_patients"]

TAKEN = ("name", "stem")  # fields that the listing of a source fills itself


@dataclass(frozen=True)
class OwnRows:
    """What a csv tells, row by row."""

    numbers: tuple[int, ...]  # of the rows, as a spreadsheet counts
    files: tuple[str, ...]  # as written; '' where blank
    labels: tuple[tuple[str, ...], ...]  # one text a row, or one for each finding
    others: Mapping[str, Sequence[str]]  # patient, age, sex, view -> its cells in one form
    odd: Mapping[str, Counter[str]]  # the same -> texts that mean something else
    surplus: tuple[int, ...] = ()  # numbers of the rows of more cells than columns
    same_files: Mapping[str, str] = field(default_factory=dict)  # spelling -> path, where several


def read_rows_of(
    table: CsvFile,
    columns: OwnColumns,
    paths: Sequence[str],  # of the images
) -> OwnRows:
    """Read what the columns tell."""
    names = {PurePosixPath(path).name for path in paths}
    names.update({PurePosixPath(path).stem for path in paths})
    files = [_file(row.cells[columns.file], names) for row in table.rows]
    labels = []
    for row in table.rows:
        cells = [row.cells[column] for column in columns.label]
        if row.surplus:
            cells = [SURPLUS_LABEL] * len(cells)
        labels.append(tuple(cells))
    others: dict[str, Sequence[str]] = {}
    odd: dict[str, Counter[str]] = {}
    for role in READERS:
        column = getattr(columns, role)
        if column:
            cells = ["" if row.surplus else row.cells[column] for row in table.rows]
            others[role], odd[role] = read_cells(role, cells)
    return OwnRows(
        numbers=tuple(row.number for row in table.rows),
        files=tuple(files),
        labels=tuple(labels),
        others=others,
        odd=odd,
        surplus=tuple(row.number for row in table.rows if row.surplus),
        same_files=keys_of_one_file(dict.fromkeys(filter(None, files)), paths),
    )


def _file(
    cell: str,  # without blanks around it
    names: Collection[str],  # of the images, with and without endings
) -> str:
    """Return the file that a cell names; '' for a blank word that is no file's name."""
    return "" if is_blank(cell) and cell not in names else cell


# ---- as a table of a source


def column_names(
    columns: OwnColumns,  # of the csv
) -> dict[str, str]:
    """Return what -> column as the table of the source has it; of several labels label 0, 1, ..

    Names are the user's, so that messages name them, where templates can hold them and no other
    has them.
    """
    named: dict[str, str] = {}
    roles = {"file": columns.file}
    for number, column in enumerate(columns.label):
        roles[f"label {number}"] = column
    roles.update({role: getattr(columns, role) for role in READERS if getattr(columns, role)})
    for role, column in roles.items():
        name = column.replace("{", "(").replace("}", ")")
        if name in TAKEN or name in named.values():
            name = f"{name} ({role})"
        named[role] = name
    return named


def as_csv(
    rows: OwnRows,
    names: Mapping[str, str],  # of column_names
    labels: Sequence[Sequence[str]],  # of each row, as the rules have them
) -> bytes:
    """Return rows as a csv in UTF-8 with commas, each on the line of its number."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writerow(names.values())
    line = 1
    for place, number in enumerate(rows.numbers):
        out.write("\n" * (number - line - 1))
        file = rows.files[place]
        others = [cells[place] for cells in rows.others.values()]
        writer.writerow([rows.same_files.get(file, file), *labels[place], *others])
        line = number
    return out.getvalue().encode()


def alike_patients(
    patients: Iterable[str],  # in one form
) -> list[tuple[str, str]]:
    """Return pairs of patients whose names differ in case or in leading zeros alone."""
    first: dict[str, str] = {}
    pairs = []
    for patient in dict.fromkeys(filter(None, patients)):
        other = first.setdefault(_folded(patient), patient)
        if other != patient:
            pairs.append((other, patient))
    return pairs


def _folded(
    patient: str,  # in one form
) -> str:
    """Return a patient's name in one case, a number without leading zeros."""
    return patient.casefold().lstrip("0") if patient.isdigit() else patient.casefold()
