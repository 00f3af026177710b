"""Numbers and their intervals as cells of a table. Numbers in, text out; counts nothing.

A number of PERCENT_KEYS, a share of images, stands in percent, any other with three decimals; a
table may choose other keys.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple, cast

from cxr_fastai.intervals.interval_trees import Interval, IntervalTree, find_interval
from cxr_fastai.reporting.text import decimal, percent, span, table

__all__ = [
    "PERCENT_KEYS",
    "Cell",
    "TableRow",
    "cell",
    "interval_text",
    "number_text",
    "row_cells",
    "stacked_table",
    "wide_table",
]

PERCENT_KEYS = frozenset(
    {
        "accuracy",
        "balanced_accuracy",
        "exact",
        "npv",
        "ppv",
        "prevalence",
        "sensitivity",
        "specificity",
    }
)


class Cell(NamedTuple):
    """A number and its interval, both as text."""

    value: str
    interval: str  # empty where there is none


class TableRow(NamedTuple):
    """A row of a text table."""

    plain: Sequence[str]  # cells without an interval, as the name of a class
    cells: Sequence[Cell]


def number_text(
    value: float | None,
    key: str,  # what the number is called in metrics.json
    none: str = "-",  # what stands where there is no number
    percent_keys: Collection[str] = PERCENT_KEYS,
) -> str:
    """Return a number as its key wants it."""
    return percent(value, none) if key in percent_keys else decimal(value, none)


def interval_text(
    interval: Interval,
    key: str,
    none: str = "",  # what stands where there is no number
    percent_keys: Collection[str] = PERCENT_KEYS,
) -> str:
    """Return an interval as the key of its number wants it."""
    return span(interval, key in percent_keys, none)


def cell(
    numbers: Mapping[str, object],
    key: str,  # of `numbers`; one that they lack is shown as one that is undefined
    interval: Interval,
    none: str = "-",  # what stands where there is no number
    percent_keys: Collection[str] = PERCENT_KEYS,
) -> Cell:
    """Return the number under a key beside its interval."""
    value = cast("float | None", numbers.get(key))
    return Cell(
        value=number_text(value, key, none, percent_keys),
        interval=interval_text(interval, key, percent_keys=percent_keys),
    )


def row_cells(
    numbers: Mapping[str, object],
    keys: Iterable[str],  # of `numbers`, a cell each
    intervals: IntervalTree,  # by key; may be empty
    none: str = "-",  # what stands where there is no number
    percent_keys: Collection[str] = PERCENT_KEYS,
) -> list[Cell]:
    """Return several numbers of one row, each beside its interval."""
    cells = []
    for key in keys:
        interval = find_interval(intervals, key)
        cells.append(cell(numbers, key, interval, none, percent_keys))
    return cells


def stacked_table(
    header: Sequence[str],
    rows: Iterable[TableRow],
) -> list[str]:
    """Return two lines a row: its numbers, and below them their intervals."""
    lines: list[Sequence[str]] = [header]
    for row in rows:
        values = [each.value for each in row.cells]
        intervals = [each.interval for each in row.cells]
        lines.append([*row.plain, *values])
        if any(intervals):
            blanks = [""] * len(row.plain)
            lines.append([*blanks, *intervals])
    return table(lines)


def wide_table(
    header: Sequence[str],  # names of the plain columns, then of those with an interval
    rows: Sequence[TableRow],
) -> list[str]:
    """Return a line a row; an interval stands in a column of its own."""
    if not rows:
        return []
    n_plain = len(header) - len(rows[0].cells)
    columns = [Cell(name, "95 %") for name in header[n_plain:]]
    titled = [TableRow(header[:n_plain], columns), *rows]
    with_intervals = any(_has_intervals(row) for row in rows)
    return table([_wide_line(row, with_intervals) for row in titled])


def _has_intervals(
    row: TableRow,  # of a table
) -> bool:
    """Tell whether any number of a row has an interval."""
    return any(each.interval for each in row.cells)


def _wide_line(
    row: TableRow,  # of a table
    with_intervals: bool,  # whether any row of the table has one
) -> list[str]:
    """Return a row as text cells, an interval in a cell of its own."""
    line = list(row.plain)
    for each in row.cells:
        line.append(each.value)
        if with_intervals:
            line.append(each.interval)
    return line
