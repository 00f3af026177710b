"""Numbers, tables and intervals in words: what every report, card and page prints with.

Numbers in, text out. Knows no metric, reads and writes no file.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Sequence

from cxr_fastai.core import one_line, printable

__all__ = [
    "percent",
    "share",
    "decimal",
    "span",
    "with_span",
    "count",
    "table",
    "wrap",
    "interval_words",
    "md",
    "markdown_table",
]

# Below it no number is a verdict, and no bootstrap an interval: benchmarks/results/intervals.md
MIN_GROUPS_FOR_VERDICT = 20
# Of a share: where fewer groups have what it counts, or lack it, its interval is exact. The counts
# below which a normal curve is not trusted (Cochran, Biometrics 1954, 10:417-451).
MIN_GROUPS_THAT_DIFFER = 5
PAGE_COLUMNS = 100  # of a wrapped line, unless told otherwise


# ---- numbers


def percent(
    x: float | None,  # 0-1
    none: str = "-",  # what stands where there is no number
) -> str:
    """Return a share with one decimal: 91.7 %."""
    if x is None:
        return none
    return f"{100 * x:.1f} %"


def share(
    n: int,
    total: int,  # that `n` is a part of
) -> str:
    """Return `n` of `total` as a whole percentage; 0 % says none and 100 % says all."""
    if 0 < n < 0.01 * total:
        return "under 1 %"
    if 0.99 * total < n < total:
        return "over 99 %"
    return f"{100 * n / max(total, 1):.0f} %"


def decimal(
    x: float | None,
    none: str = "-",  # what stands where there is no number
    places: int = 3,
) -> str:
    """Return a number with so many decimals: 0.917."""
    if x is None:
        return none
    return f"{x:.{places}f}"


def span(
    interval: Sequence[float] | None,  # [low, high]
    as_share: bool = True,  # in percent without the sign; False: with three decimals
    none: str = "-",
) -> str:
    """Return an interval in words: 96.1 to 98.5."""
    if interval is None:
        return none
    return " to ".join(_end(x, as_share) for x in interval)


def _end(
    x: float,
    as_share: bool,  # 0-1, shown in percent
) -> str:
    """Return one end of an interval, rounded so that no zero has a minus."""
    if as_share:
        return f"{round(100 * x, 1) + 0.0:.1f}"
    return f"{round(x, 3) + 0.0:.3f}"


def with_span(
    value: str,
    interval: str,  # in words; may be empty
) -> str:
    """Return a value and its interval: 91.7 % (85.2 to 96.1)."""
    if not interval:
        return value
    return f"{value} ({interval})"


def count(
    n: int,
    one: str,  # the noun of one
    many: str = "",  # of none or several; empty: `one` and an s
) -> str:
    """Return a number and its noun: 1 image, 2,000 images."""
    if n == 1:
        return f"1 {one}"
    return f"{n:,} {many or one + 's'}"


def interval_words(
    groups: int,  # of the evaluated images
    resamples: int,
) -> str:
    """Say what the intervals of a report are, and where they say too little."""
    if groups < 2:
        return (
            "No intervals: all images belong to one group, and one patient tells nothing of others."
        )
    what = "(images of one patient or of one radiograph)"
    if groups < MIN_GROUPS_FOR_VERDICT:
        return (
            f"Intervals are 95 % and exact (Clopper-Pearson), with the {groups} groups {what} as "
            f"trials: below {MIN_GROUPS_FOR_VERDICT} groups a bootstrap tells too little. None "
            "covers another hospital or another training run."
        )
    return (
        f"Intervals are 95 %: an expanded percentile bootstrap over {groups:,} groups {what}, "
        f"{resamples:,} resamples; exact ones (Clopper-Pearson over groups) where a number rests "
        f"on fewer than {MIN_GROUPS_FOR_VERDICT} groups, where fewer than {MIN_GROUPS_THAT_DIFFER} "
        "have what a share counts or lack it, and where all resamples are alike; of an AUROC or "
        "AP near 1 at least Newcombe's score interval. None covers another hospital or another "
        "training run."
    )


# ---- tables and lines


def table(
    rows: Iterable[Sequence[object]],  # as many cells each
    left: int = 1,  # columns that are set to the left; the others to the right
) -> list[str]:
    """Return lines of aligned columns; thousands of whole numbers are separated."""
    texts = [_cell_texts(row) for row in rows]
    widths = [_width(column) for column in zip(*texts)]
    return [_line(row, widths, left) for row in texts]


def _cell_texts(row: Sequence[object]) -> list[str]:
    """Return what stands in the cells of a row."""
    texts = []
    for value in row:
        if isinstance(value, int):
            texts.append(f"{value:,}")
        else:
            texts.append(printable(value))
    return texts


def _width(column: Sequence[str]) -> int:
    """Return the length of the longest cell."""
    return max(len(text) for text in column)


def _line(
    row: Sequence[str],
    widths: Sequence[int],  # of the columns
    left: int,  # columns that are set to the left
) -> str:
    """Set the cells of a row to their widths, two blanks apart."""
    cells = []
    for i, text in enumerate(row):
        if i < left:
            cells.append(text.ljust(widths[i]))
        else:
            cells.append(text.rjust(widths[i]))
    return "  ".join(cells).rstrip()


def wrap(
    text: str,
    columns: int = PAGE_COLUMNS,  # at most, of a line with its indent
    first: str = "",  # indent of the first line
    rest: str = "",  # indent of the others
) -> list[str]:
    """Break text into lines; no number stands on another line than its %."""
    kept_together = text.replace(" %", "\0%")
    lines = textwrap.wrap(kept_together, columns, initial_indent=first, subsequent_indent=rest)
    return [line.replace("\0%", " %") for line in lines]


# ---- Markdown

MARKUP = re.compile(r"[\\`*~\[\]|]|(?<![0-9A-Za-z])_|_(?![0-9A-Za-z])|^[#+-]")
ENTITY = re.compile(r"&(?=#?\w+;)")


def md(text: object) -> str:
    """Return foreign text on one line of Markdown, to be read as it stands.

    No markup, no table cell, no HTML comes of it.
    """
    escaped = MARKUP.sub(r"\\\g<0>", printable(one_line(text)))
    return ENTITY.sub("&amp;", escaped).replace("<", "&lt;").replace(">", "&gt;")


def markdown_table(
    header: Sequence[str],
    rows: Sequence[Sequence[object]],  # as many cells each as the header
) -> str:
    """Return a Markdown table; columns of whole numbers are set to the right."""
    rules = [_column_rule(rows, i) for i in range(len(header))]
    lines = [_markdown_line(header), f"| {' | '.join(rules)} |"]
    lines += [_markdown_line(row) for row in rows]
    return "\n".join(lines)


def _column_rule(
    rows: Sequence[Sequence[object]],
    i: int,  # of the column
) -> str:
    """Return the mark under a column's header that says to which side it is set."""
    for row in rows:
        if not isinstance(row[i], int):
            return "---"
    return "---:"


def _markdown_line(cells: Sequence[object]) -> str:
    """Return a line of a Markdown table; the cells are read as they stand."""
    texts = [md(cell) for cell in cells]
    return f"| {' | '.join(texts)} |"
