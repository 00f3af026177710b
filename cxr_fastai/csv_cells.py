"""Csv files: those of others, and those that this library writes and reads back.

Bytes -> columns and rows; rows of text -> csv text, safe to open in a spreadsheet, and back as they
were. A cell that a spreadsheet would compute is written with an apostrophe before it. It does not
know what the columns mean.
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from cxr_fastai.core import CxrError, IntegrityError, StrPath, write_text
from cxr_fastai.inputs import readable_path

__all__ = [
    "csv_table",
    "csv_rows",
    "no_csv_but",
    "check_columns_once",
    "to_csv",
    "read_rows",
    "write_rows",
    "unguard",
    "nfc",
    "SURPLUS",
]

SURPLUS = "(surplus)"  # the key of a row's cells beyond the columns
NumberedRow = tuple[int, dict[str, Any]]  # of the file, the header being 1; column -> cell

# A spreadsheet takes cells that begin so for formulas (OWASP, CSV injection). They are written with
# an apostrophe before them; so are cells that begin with apostrophes and then so, and one is taken
# off again when they are read.
FORMULA_START = re.compile(r"'*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
FORMULA_FIRST = frozenset("'=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")  # spares most cells the search

# How files begin that people take for csv, and what to do with each.
WORKBOOK_PARTS = (b"xl/workbook", b"xl/worksheets", b"[Content_Types].xml")
AS_CSV = "save it as csv (UTF-8)"
NO_CSV = (
    (b"\xd0\xcf\x11\xe0", f"an Excel workbook (xls): {AS_CSV}"),
    (b"\x1f\x8b", "a gzip archive: unpack it"),
    (b"%PDF", "a PDF: give the table as csv"),
    (b"SQLite format 3", "a database: give the table as csv"),
    (b"\xff\xfe", f"UTF-16 text: {AS_CSV}"),
    (b"\xfe\xff", f"UTF-16 text: {AS_CSV}"),
    (b"PAR1", "a Parquet file: give the table as csv"),
)
PAGE_START = re.compile(rb"\s*<(!doctype|html|\?xml|table)", re.IGNORECASE)


# ---- files of others


def nfc(text: str) -> str:
    """Return a text with its accents composed, as most keyboards write it.

    macOS hands out names whose accents are letters of their own (NFD); they look the same.
    """
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def csv_table(
    data: bytes,  # of a csv file
    where: StrPath,  # names it in errors
    encoding: str = "utf-8-sig",
    error: type[CxrError] = IntegrityError,  # what a file that is no csv raises
) -> tuple[list[str], list[NumberedRow]]:
    """Return (columns, numbered rows) of a csv.

    A cell is text; a row's missing cells are None, surplus ones are a list under `SURPLUS`. Rows
    are counted as a spreadsheet does, blank ones too; these are left out. Raises `error` for a file
    that is another thing, and where a column stands twice.
    """
    columns, rows = _parse(data, where, encoding, error)
    check_columns_once(columns, where, error)
    return columns, rows


def csv_rows(
    data: bytes,  # of a csv file
    where: StrPath,  # names it in errors
    encoding: str = "utf-8-sig",
    error: type[CxrError] = IntegrityError,  # what a file that is no csv raises
) -> tuple[list[str], list[dict[str, Any]]]:
    """Return (columns, rows) of a csv whose columns the caller checks: of two alike the last wins.

    Else as `csv_table`, without the numbers of the rows.
    """
    columns, rows = _parse(data, where, encoding, error)
    return columns, [cells for _, cells in rows]


def _parse(
    data: bytes,  # of a csv file
    where: StrPath,  # names it in errors
    encoding: str,
    error: type[CxrError],  # what a file that is no csv raises
) -> tuple[list[str], list[NumberedRow]]:
    """Return (columns, numbered rows) of a csv, whatever its columns are."""
    other = no_csv_but(data)
    if other:
        raise error(f"{where}: no csv but {other}.")
    try:
        text = io.StringIO(data.decode(encoding), newline="")
        lines = list(csv.reader(text))
    except UnicodeDecodeError as e:
        name = encoding.removesuffix("-sig")
        raise error(f"{where}: not {name}: {e.reason} at byte {e.start}.") from e
    except csv.Error as e:
        raise error(f"{where}: no readable csv: {e}.") from e
    numbered = [(number, cells) for number, cells in enumerate(lines, start=1) if cells]
    if not numbered:
        return [], []
    columns = numbered[0][1]
    return columns, [(number, _by_column(columns, cells)) for number, cells in numbered[1:]]


def no_csv_but(data: bytes) -> str:
    """Say what a file is that is no csv, and what to do; '' where it may be one."""
    if data.startswith(b"PK\x03\x04"):
        if b"opendocument.spreadsheet" in data[:200]:
            return f"an OpenDocument spreadsheet: {AS_CSV}"
        if any(part in data for part in WORKBOOK_PARTS):
            return f"an Excel workbook: {AS_CSV}"
        if b"Index/Document.iwa" in data:
            return "a Numbers document: export it as csv (UTF-8)"
        return "a zip archive: unpack it"
    for start, what in NO_CSV:
        if data.startswith(start):
            return what
    if PAGE_START.match(data[:200].removeprefix(b"\xef\xbb\xbf")):
        return "a web page or XML: fetch the table itself, as csv"
    return ""


def check_columns_once(
    columns: list[str],
    where: StrPath,  # names the file
    error: type[CxrError],  # to be raised
) -> None:
    """Raise `error` where a column stands twice, blanks around its name and accents aside.

    Columns without a name may be several.
    """
    first: dict[str, int] = {}
    for number, column in enumerate(columns, start=1):
        name = nfc(column).strip()
        if name and name in first:
            raise error(
                f"{where}, row 1: column {name!r} stands twice, as columns {first[name]} and "
                f"{number}: rename or remove one."
            )
        first[name] = number


def _by_column(
    columns: list[str],
    cells: list[str],  # of one row
) -> dict[str, Any]:
    """Return column -> cell: None where the row is short, the rest under `SURPLUS`."""
    row: dict[str, Any] = dict.fromkeys(columns)
    row.update(zip(columns, cells))
    if len(cells) > len(columns):
        row[SURPLUS] = cells[len(columns) :]
    return row


# ---- files of this library


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
    path = readable_path(path, "csv")
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
