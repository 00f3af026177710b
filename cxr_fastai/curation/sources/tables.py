"""The csv tables of a source, that say more of its files than their names do.

Rules and the source's files -> the rows that speak of each. It changes no file.
"""

from __future__ import annotations

import filecmp
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cxr_fastai.catalog import Rule, Source, split_list
from cxr_fastai.core import FolderWarning, IntegrityError, StorageError
from cxr_fastai.csv_cells import csv_table, nfc
from cxr_fastai.curation.sources.file_names import by_depth
from cxr_fastai.curation.sources.item import Fields, fields_in, fill, listing_warning, templates
from cxr_fastai.curation.sources.table_keys import Matched, match_keys
from cxr_fastai.curation.sources.tree import Tree
from cxr_fastai.inputs import readable_path
from cxr_fastai.reporting.text import count

__all__ = ["Row", "Table", "read_tables", "read_table"]

MAX_NAMED = 3  # files that a sentence names
OTHER_SEPARATOR = re.compile(r"[;\t|]")  # that some spreadsheets write between cells


@dataclass(frozen=True)
class Row:
    """A row of a table."""

    number: int  # in the file, the header being 1
    cells: Fields  # text without blanks around it, accents composed


@dataclass(frozen=True)
class Table:
    """A table that was read, and which of its rows speak of which file."""

    name: str  # of the catalogue: a glob, or several
    path: str  # of the file, in the source
    columns: Sequence[str]
    rows: dict[str, list[Row]]  # key -> the rows that have it
    matched: Matched  # keys and files
    warnings: tuple[FolderWarning, ...]

    def rows_of(
        self,
        path: str,  # of an image's file
    ) -> list[Row]:
        """Return the rows that speak of a file; none where it cannot be told."""
        key = self.matched.key_of.get(path)
        return [] if key is None else self.rows[key]


def read_tables(
    source: Source,
    tree: Tree,  # its files
    paths: list[str],  # of all files
    met: Sequence[str],  # of those that a glob of images meets
) -> dict[str, Table]:
    """Read the tables that the rules name: their cell -> Table. Raises `IntegrityError`."""
    tables: dict[str, Table] = {}
    for rule in source.rules:
        if rule.table and rule.table not in tables:
            rules = [other for other in source.rules if other.table == rule.table]
            tables[rule.table] = read_table(tree, rules, paths, met)
    return tables


def _bytes_of(file: Path) -> bytes:
    """Return the bytes of a table. Raises `StorageError` where it may not be read."""
    try:
        return readable_path(file, "table").read_bytes()
    except OSError as e:
        raise StorageError(f"cannot read the table {file}: {e.strerror}.") from e


def read_table(
    tree: Tree,
    rules: Sequence[Rule],  # that name this table
    paths: list[str],  # of all files
    met: Sequence[str],  # of those that a glob of images meets
) -> Table:
    """Read the shallowest file that meets the first glob of column `table` that meets any.

    Raises `IntegrityError` where there is none, or where it lacks a column that a rule names.
    """
    rule = rules[0]
    candidates = _candidates(rule, paths)
    if not candidates:
        raise IntegrityError(
            f"{rule.source}: no table {rule.table!r} in {tree.where} (catalogue row {rule.row}). "
            "Fetch the source whole, or mend the row."
        )
    path = candidates[0]
    file = tree.file(path)
    where = f"{file} (catalogue row {rule.row}, columns table and encoding)"
    encoding = rule.encoding if rule.encoding == "latin-1" else "utf-8-sig"
    data = tree.tables.get(path) or _bytes_of(file)
    header, numbered = csv_table(data, where, encoding)
    columns = [nfc(column).strip() for column in header]
    _check_columns(file, columns, rules)
    rows: dict[str, list[Row]] = {}
    no_key: list[int] = []  # numbers of rows
    for number, cells in numbered:
        row = Row(number, _in_one_form(cells))
        key = fill(rule.table_key, row.cells)
        if key:
            rows.setdefault(key, []).append(row)
        elif any(row.cells.values()):
            no_key.append(number)
    row_of = {key: same[0].number for key, same in rows.items()}
    matched = match_keys(row_of, met, _Copies(tree).are_copies)
    told = [
        *_choice(rule, tree, candidates),
        *_alike_columns(path, columns, rules),
        *_without_key(rule, path, no_key),
    ]
    warnings = tuple(listing_warning(rule.source, what) for what in told)
    return Table(rule.table, path, columns, rows, matched, warnings)


def _candidates(
    rule: Rule,
    paths: list[str],  # of all files
) -> list[str]:
    """Return the files that may be the table, that which is read first."""
    found: list[str] = []
    for glob in split_list(rule.table):
        found += [path for path in by_depth(glob, paths) if path not in found]
    return found


# ---- columns


def _check_columns(
    file: Path,
    columns: Sequence[str],  # that it has
    rules: Sequence[Rule],
) -> None:
    """Raise `IntegrityError` for a column that a rule needs and the table lacks."""
    for rule in rules:
        for column in sorted(_columns_named(rule).difference(columns)):
            hint = ""
            if len(columns) == 1 and OTHER_SEPARATOR.search(columns[0]):
                hint = " Separate the cells by commas: save it as csv again."
            raise IntegrityError(
                f"{file}: no column {column!r} (catalogue row {rule.row}); "
                f"it has {', '.join(columns)}.{hint}"
            )


def _columns_named(rule: Rule) -> set[str]:
    """Return the columns that a rule needs of its table."""
    columns = set(fields_in(rule.table_key))
    if rule.label_from in ("column", "columns"):
        columns.add(rule.label_key)
    return columns


def _in_one_form(
    row: Fields,  # as csv gives it
) -> Fields:
    """Return cells without blanks around them, accents composed; none beyond the columns."""
    cells = {}
    for column, cell in row.items():
        if cell is None or isinstance(cell, str):
            cells[nfc(column).strip()] = nfc(cell or "").strip()
    return cells


# ---- files with the same bytes


@dataclass(frozen=True)
class _Copies:
    """Tells which files are copies of one another."""

    tree: Tree

    def are_copies(
        self,
        paths: Sequence[str],  # of two files or more
    ) -> bool:
        """Tell whether files have the same bytes. One that cannot be read is no copy."""
        first, *others = [self.tree.files[path] for path in paths]
        try:
            return all(
                other == first or filecmp.cmp(first, other, shallow=False) for other in others
            )
        except OSError:
            return False


# ---- what a reader should know


def _choice(
    rule: Rule,
    tree: Tree,
    candidates: Sequence[str],  # that which was read first
) -> list[str]:
    """Say which of several tables was read; copies of it are none."""
    read, *others = candidates
    copies = _Copies(tree)
    left = [path for path in others if not copies.are_copies([read, path])]
    if not left:
        return []
    return [
        f"of the tables {rule.table!r} {read} was read, not {_named(left)}: "
        f"name the one you mean in column table (catalogue row {rule.row})"
    ]


def _alike_columns(
    path: str,
    columns: Sequence[str],  # of the table
    rules: Sequence[Rule],  # that name it
) -> list[str]:
    """Say which column was read where another differs from it in case alone."""
    needed: set[str] = set()
    for each in rules:
        needed |= _columns_named(each)
        for template in templates(each).values():
            needed.update(fields_in(template))
    told = []
    for column in sorted(needed.intersection(columns)):
        others = [c for c in columns if c != column and c.casefold() == column.casefold()]
        if others:
            both = f"{column!r} and {others[0]!r}"
            told.append(f"{path} has the columns {both}: {column!r} is read")
    return told


def _without_key(
    rule: Rule,
    path: str,
    numbers: Sequence[int],  # of rows
) -> list[str]:
    """Say how many rows speak of no file, as their key is blank."""
    if not numbers:
        return []
    speak = count(len(numbers), "row speaks", "rows speak")
    names = " or ".join(repr(name) for name in fields_in(rule.table_key))
    return [f"{speak} of no file in {path}: column {names} is blank (row {numbers[0]} the first)"]


def _named(paths: Sequence[str]) -> str:
    """Name some files, and say how many more there are."""
    named = ", ".join(paths[:MAX_NAMED])
    return f"{named} and {len(paths) - MAX_NAMED} more" if len(paths) > MAX_NAMED else named
