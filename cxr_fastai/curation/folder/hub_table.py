"""metadata.csv: what the imagefolder loader of Hugging Face's `datasets` reads beside the images.

Records and a layout in, texts by path out. In a folder of classes one table stands at the root; in
a folder of splits one stands in each split, since the loader passes over one at the root there
(measured with datasets 5.2). Writes no file, and deletes none but tables of an earlier run.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from cxr_fastai.core import SPLITS
from cxr_fastai.csv_cells import to_csv
from cxr_fastai.manifest import Record

__all__ = ["METADATA", "HUB_COLUMNS", "hub_tables", "drop_hub_tables"]

METADATA = "metadata.csv"
UNKNOWN = "unknown"
LOOKED_AT = 10_000  # rows
FILE_NAME = "file_name"  # as the loader calls it: the image, relative to the table
HUB_COLUMNS = (
    FILE_NAME,
    "label",
    "split",
    "source",
    "patient",
    "group",
    "findings",
    "view",
    "age",
    "sex",
    "licence",
)


def hub_tables(
    records: Sequence[Record],
    layout: str,  # class | split
) -> dict[str, str]:  # path of a table in the folder -> its text
    """Return the tables of a folder, rows in the order of their images' paths."""
    rows: dict[str, list[dict[str, str]]] = {}
    for record in sorted(records, key=lambda each: each.path):
        folder, _, name = record.path.partition("/")
        if layout == "split":
            table = f"{folder}/{METADATA}"
        else:
            table, name = METADATA, record.path
        cells = {column: str(getattr(record, column)) for column in HUB_COLUMNS[1:]}
        cells["age"] = _as_float(cells["age"])
        rows.setdefault(table, []).append({FILE_NAME: name, **cells})
    for column in HUB_COLUMNS:
        if column != "age":
            _say_unknown(list(rows.values()), column)
    return {table: to_csv(lines, HUB_COLUMNS) for table, lines in rows.items()}


def _as_float(age: str) -> str:
    """Write an age with a point, so that a table without unknown ages is no table of integers."""
    return str(float(age)) if age else ""


def _say_unknown(
    tables: list[list[dict[str, str]]],
    column: str,  # of text
) -> None:
    """Write UNKNOWN for the blanks of a column that is blank in one table and not in another.

    The loader tells a column's type from a table's first LOOKED_AT rows: blanks alone are numbers
    to it, and it refuses a folder whose splits have other types (measured with datasets 5.2).
    """
    is_blank = set()
    for table in tables:
        is_blank.add(not any(row[column] for row in table[:LOOKED_AT]))
    if len(is_blank) < 2:
        return
    for table in tables:
        for row in table:
            row[column] = row[column] or UNKNOWN


def drop_hub_tables(
    out: Path,
    kept: Iterable[str],  # paths of those that stand
) -> None:
    """Delete the table that an earlier run wrote in a split which has no image any more."""
    first_line = ",".join(HUB_COLUMNS)
    for split in SPLITS:
        file = out / split / METADATA
        if f"{split}/{METADATA}" in kept or not file.is_file():
            continue
        if file.read_text(encoding="utf-8", errors="replace").split("\n")[0].strip() == first_line:
            file.unlink()
