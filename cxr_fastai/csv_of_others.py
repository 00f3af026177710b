"""Csv files as other people's programs save them: in which encoding, with which separator.

Bytes -> a CsvFile, which says how it was read. What could be read in two ways, and what is no csv,
is refused with the way to one that can be read. It does not know what the columns mean.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cxr_fastai.core import CxrError, IntegrityError, StrPath, printable
from cxr_fastai.csv_cells import check_columns_once, nfc, no_csv_but

__all__ = ["CsvFile", "CsvRow", "read_csv_of_others", "SEPARATORS", "tidy"]

SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
AS_UTF8 = "Save it as CSV UTF-8 (Excel: File, Save as, CSV UTF-8)."
# Byte order marks, the longest first: that of UTF-32 begins with that of UTF-16.
MARKS = (
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
PROBED_BYTES = 4096  # of the beginning, in which UTF-16 without its mark is looked for
ZEROS_OF_UTF16 = 0.4  # least share of zeros among the high bytes of mostly Latin UTF-16 text
EXCEL = "cp1252"  # what Excel writes as "CSV" in western Europe and America
SEP_LINE = re.compile(r'"?sep=(.)"?', re.IGNORECASE)  # by which Excel is told the separator
UNSEEN = " \t\r\n\v\f\N{NO-BREAK SPACE}\N{ZERO WIDTH SPACE}\N{ZERO WIDTH NO-BREAK SPACE}"
# Of rows that have as many cells as the header, under the separator that is taken and any other.
MOST_ROWS, FEW_ROWS = 0.9, 0.5
MAX_QUOTED = 60  # characters of a damaged row, in an error


@dataclass(frozen=True)
class CsvRow:
    """A row. Cells are text without blanks around it, accents composed; '' where there is none."""

    number: int  # as a spreadsheet counts, blank rows too; the header is 1, or 2 below a sep= line
    cells: Mapping[str, str]  # column -> cell, of the columns that have a name
    surplus: tuple[str, ...] = ()  # cells beyond the columns, where any says something


@dataclass(frozen=True)
class CsvFile:
    """A csv, and how it was read."""

    columns: tuple[str, ...]  # that have a name, in order
    rows: tuple[CsvRow, ...]  # without those that are blank
    separator: str  # of SEPARATORS, or what a sep= line names
    encoding: str  # utf-8, utf-16, utf-32 or cp1252
    foreign: str = ""  # the first text that is not ASCII, where the encoding was not told by a mark

    @property
    def separator_name(self) -> str:
        """The separator in words."""
        return SEPARATORS.get(self.separator, repr(self.separator))


def tidy(
    text: str,  # of a cell
) -> str:
    """Return a cell without what nobody sees around it, its accents composed."""
    return nfc(text).strip().strip(UNSEEN)


def read_csv_of_others(
    data: bytes,  # of a file
    where: StrPath,  # names it in errors
    error: type[CxrError] = IntegrityError,  # what a file that cannot be read raises
) -> CsvFile:
    """Read a csv, whatever program saved it: comma, semicolon, tab or bar; UTF-8, UTF-16, cp1252.

    Raises `error` for a workbook and other files that are no csv, for an encoding or a separator
    that cannot be told, a quote that is not closed, and a column that stands twice.
    """
    encoding = _marked_encoding(data)
    other = "" if encoding.startswith(("utf-16", "utf-32")) else no_csv_but(data)
    if other:
        raise error(f"{where}: no csv but {other}.")
    text, encoding = _decoded(data, encoding, where, error)
    separator = _separator(text, where, error)
    records = _records(text, separator, where, error)
    told = [(n, cells) for n, cells in enumerate(records, start=1) if any(map(tidy, cells))]
    if told and _sep_line(text):
        told = told[1:]
    if not told or not any(map(str.isalnum, "".join(told[0][1]))):
        raise error(f"{where}: it is empty: a csv has a line of column names, then the rows.")
    header = [tidy(cell) for cell in told[0][1]]
    check_columns_once(header, where, error)
    return CsvFile(
        columns=tuple(column for column in header if column),
        rows=tuple(_row(header, number, cells) for number, cells in told[1:]),
        separator=separator,
        encoding=encoding.removesuffix("-le").removesuffix("-be"),
        foreign=_first_foreign(told) if encoding == EXCEL else "",
    )


def _row(
    header: Sequence[str],
    number: int,
    cells: Sequence[str],  # as csv gives them
) -> CsvRow:
    """Return a row by its columns."""
    texts = [tidy(cell) for cell in cells]
    by_column = {column: "" for column in header if column}
    for column, text in zip(header, texts):
        if column:
            by_column[column] = text
    surplus = tuple(texts[len(header) :])
    return CsvRow(number, by_column, surplus if any(surplus) else ())


# ---- encoding


def _marked_encoding(
    data: bytes,  # of a file
) -> str:
    """Return the encoding that the first bytes tell; '' where they tell none."""
    for mark, encoding in MARKS:
        if data.startswith(mark):
            return encoding
    probed = data[:PROBED_BYTES]
    pairs = max(len(probed) // 2, 1)
    low, high = probed[::2].count(0) / pairs, probed[1::2].count(0) / pairs
    if high >= ZEROS_OF_UTF16 and not low:
        return "utf-16-le"
    if low >= ZEROS_OF_UTF16 and not high:
        return "utf-16-be"
    return ""


def _decoded(
    data: bytes,
    encoding: str,  # '': not told
    where: StrPath,
    error: type[CxrError],
) -> tuple[str, str]:
    """Return (text, encoding)."""
    try:
        text = data.decode(encoding or "utf-8").removeprefix("\N{ZERO WIDTH NO-BREAK SPACE}")
    except UnicodeDecodeError as e:
        if encoding:
            name = encoding.removesuffix("-le").removesuffix("-be")
            raise error(f"{where}: not {name}: {e.reason} at byte {e.start}. {AS_UTF8}") from e
        return _as_excel_writes(data, e, where, error), EXCEL
    if "\0" in text:
        raise error(f"{where}: no csv: it holds a zero byte, as no text does.")
    return text, encoding or "utf-8"


def _as_excel_writes(
    data: bytes,
    no_utf8: UnicodeDecodeError,  # why it is no UTF-8
    where: StrPath,
    error: type[CxrError],
) -> str:
    """Return the text of a file in Excel's encoding, where it can be no other."""
    row = data.count(b"\n", 0, no_utf8.start) + 1
    place = f"line {row}, byte {no_utf8.start}"
    loose = data.decode("utf-8", errors="replace")
    valid = sum(ord(c) > 127 and c != "\ufffd" for c in loose)  # letters that are whole in UTF-8
    if valid > loose.count("\ufffd"):
        raise error(f"{where}: UTF-8, but for a damaged letter ({place}). {AS_UTF8}")
    try:
        text = data.decode(EXCEL)
    except UnicodeDecodeError as e:
        raise error(
            f"{where}: neither UTF-8 nor {EXCEL}, that of Excel ({place}). {AS_UTF8}"
        ) from e
    if "\0" in text:
        raise error(f"{where}: no csv: it holds a zero byte, as no text does.")
    return text


def _first_foreign(
    records: Sequence[tuple[int, Sequence[str]]],  # number and cells
) -> str:
    """Return the first cell that is not ASCII."""
    for _, cells in records:
        for cell in cells:
            if not cell.isascii():
                return tidy(cell)
    return ""


# ---- separator


def _sep_line(
    text: str,  # of the whole file
) -> str:
    """Return the separator that a first line as sep=; names, or ''."""
    first = text.lstrip().split("\n", 1)[0].strip(" \r")
    found = SEP_LINE.fullmatch(first)
    return found[1] if found else ""


def _separator(
    text: str,  # of the whole file
    where: StrPath,  # names the csv in errors
    error: type[CxrError],  # to be raised
) -> str:
    """Return the separator: that which parts the header, or a sep= line names.

    Of several that part it, that under which the rows are as long as the header.
    """
    named = _sep_line(text)
    if named:
        return named
    widths = {separator: _header_width(text, separator) for separator in SEPARATORS}
    parting = [separator for separator, width in widths.items() if width > 1]
    if not parting:
        return ","
    if len(parting) == 1:
        return parting[0]
    even = {separator: _even_share(text, separator) for separator in parting}
    best = max(parting, key=even.__getitem__)
    others = [even[separator] for separator in parting if separator != best]
    if even[best] < MOST_ROWS or max(others) > FEW_ROWS:
        named = " or ".join(SEPARATORS[separator] for separator in parting)
        raise error(
            f"{where}: its cells may be parted by {named}: quote the column names, or write "
            "commas alone."
        )
    return best


def _header_width(
    text: str,  # of the whole file
    separator: str,  # of SEPARATORS
) -> int:
    """Return how many cells the header has; 0 where it cannot be parted so."""
    try:
        for cells in _reader(text, separator):
            if any(map(tidy, cells)):
                return len(cells)
    except csv.Error:
        pass
    return 0


def _even_share(
    text: str,  # of the whole file
    separator: str,  # of SEPARATORS
) -> float:
    """Return the share of rows, 0-1, that have as many cells as the header; of no row 0."""
    try:
        widths = [len(cells) for cells in _reader(text, separator) if any(map(tidy, cells))]
    except csv.Error:
        return 0.0
    rows = widths[1:]
    return rows.count(widths[0]) / len(rows) if rows else 0.0


# ---- rows


def _reader(text: str, separator: str) -> Any:  # of csv, which names no type for it
    """Return a reader that takes no quote for what it is not."""
    lines = io.StringIO(text, newline="")
    return csv.reader(lines, delimiter=separator, strict=True, skipinitialspace=True)


def _records(
    text: str,
    separator: str,
    where: StrPath,
    error: type[CxrError],
) -> list[list[str]]:
    """Return all records, blank ones too."""
    records: list[list[str]] = []
    reader = _reader(text, separator)
    first_line = 0  # of the record that is read, from 0
    try:
        for cells in reader:
            records.append(cells)
            first_line = reader.line_num
    except csv.Error as e:
        lines = io.StringIO(text, newline="").readlines()
        begin = printable(lines[first_line].strip())[:MAX_QUOTED]
        raise error(
            f"{where}, row {len(records) + 1} ({begin} ..): {e}: close the quotes that are opened "
            'there, and write a quote within a cell twice ("").'
        ) from e
    return records
