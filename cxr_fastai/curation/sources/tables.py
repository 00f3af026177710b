"""The csv tables of a source, that say more of its files than their names do.

A rule and the source's files -> the rows that speak of each. It changes no file.
"""

from __future__ import annotations

from pathlib import PurePosixPath

from cxr_fastai.catalog import Rule
from cxr_fastai.core import IntegrityError
from cxr_fastai.csv_cells import csv_rows
from cxr_fastai.curation.sources.file_names import shallowest
from cxr_fastai.curation.sources.item import Fields, fields_in, fill
from cxr_fastai.curation.sources.tree import Tree

__all__ = ["Table", "read_table", "key_in"]

Table = dict[str, list[Fields]]  # file name, stem or path -> the rows that speak of it


def read_table(
    tree: Tree,
    rule: Rule,
    paths: list[str],  # of all files
) -> Table:
    """Read the shallowest file that meets `rule.table`.

    Raises `IntegrityError` where there is none, or where it lacks a column that the rule names.
    """
    path = shallowest(rule.table, paths)
    if not path:
        raise IntegrityError(
            f"{rule.source}: no table {rule.table!r} in {tree.where} (catalogue row {rule.row}). "
            "Fetch the source whole, or mend the row."
        )
    file = tree.file(path)
    where = f"{file} (catalogue row {rule.row}, column encoding)"
    encoding = rule.encoding if rule.encoding == "latin-1" else "utf-8-sig"
    columns, rows = csv_rows(file.read_bytes(), where, encoding)
    for column in sorted(_columns_named(rule).difference(columns)):
        raise IntegrityError(
            f"{file}: no column {column!r} (catalogue row {rule.row}); it has {', '.join(columns)}."
        )
    table: Table = {}
    for row in rows:
        key = fill(rule.table_key, row)
        if key:
            table.setdefault(key, []).append(_stripped(row))
    return table


def _columns_named(rule: Rule) -> set[str]:
    """Return the columns that a rule needs of its table."""
    columns = set(fields_in(rule.table_key))
    if rule.label_from == "column":
        columns.add(rule.label_key)
    return columns


def _stripped(
    row: Fields,  # as csv gives it
) -> Fields:
    """Return a row's cells without blanks around them, and no cells beyond the columns."""
    cells = {}
    for column, cell in row.items():
        if cell is None or isinstance(cell, str):
            cells[column] = (cell or "").strip()
    return cells


def key_in(
    table: Table,
    path: str,  # relative to the source
) -> str | None:
    """Return the key under which a table speaks of a file: its name, its stem or its path."""
    file = PurePosixPath(path)
    for key in (file.name, file.stem, path):
        if key in table:
            return key
    return None
