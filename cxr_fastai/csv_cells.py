"""Csv files that this library writes and reads back, safe to open in a spreadsheet.

Rows of text -> csv text, and back as they were. A cell that a spreadsheet would compute is written
with an apostrophe before it. It does not know what the columns mean.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from cxr_fastai.core import StrPath, csv_rows, write_text

__all__ = ["to_csv", "read_rows", "write_rows", "unguard"]

# A spreadsheet takes cells that begin so for formulas (OWASP, CSV injection). They are written with
# an apostrophe before them; so are cells that begin with apostrophes and then so, and one is taken
# off again when they are read.
FORMULA_START = re.compile(r"'*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
FORMULA_FIRST = frozenset("'=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")  # spares most cells the search


def _guard(text: str) -> str:
    """Return a cell as it is written: a formula behind an apostrophe."""
    if text[:1] not in FORMULA_FIRST:
        return text
    if FORMULA_START.match(text):
        return f"'{text}"
    return text


def unguard(text: str) -> str:
    """Return a cell as it was before it was written."""
    if text[:1] == "'" and FORMULA_START.match(text):
        return text[1:]
    return text


def to_csv(
    rows: Iterable[Mapping[str, str]],
    columns: Sequence[str],
) -> str:
    """Return rows as csv text, of which a spreadsheet would compute no cell.

    Lines end in a newline alone; quotes stand where they are needed.
    """
    out = io.StringIO()
    plain = csv.DictWriter(out, columns, lineterminator="\n")
    quoted = csv.DictWriter(out, columns, lineterminator="\n", quoting=csv.QUOTE_ALL)
    plain.writeheader()
    for row in rows:
        cells = {column: _guard(text) for column, text in row.items()}
        # csv before Python 3.13 does not quote a carriage return, and readers end the line there
        has_return = any("\r" in text for text in cells.values())
        writer = quoted if has_return else plain
        writer.writerow(cells)
    return out.getvalue()


def read_rows(path: StrPath) -> list[dict[str, Any]]:
    """Return the rows of a csv that `write_rows` wrote, as they were given to it.

    In a damaged row a missing cell is None. Raises `IntegrityError` for what is no csv.
    """
    path = Path(path)
    _, rows = csv_rows(path.read_bytes(), path)
    return [_unguarded(row) for row in rows]


def _unguarded(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row as it was before it was written."""
    cells = dict(row)
    for column, cell in row.items():
        if isinstance(cell, str):
            cells[column] = unguard(cell)
    return cells


def write_rows(path: StrPath, rows: Iterable[Mapping[str, str]], columns: Sequence[str]) -> bool:
    """Write a csv, whole or not at all; return False where it stands already."""
    return write_text(path, to_csv(rows, columns))
