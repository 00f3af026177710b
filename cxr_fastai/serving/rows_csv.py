"""Rows as csv, and whether a csv that lies there is one of these: no other is written over.

Rows in, a file out. Needs no torch.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from cxr_fastai.core import StorageError, StrPath, UsageError, printable, write_text
from cxr_fastai.csv_cells import to_csv
from cxr_fastai.serving.rows import Row

__all__ = ["check_own_csv", "columns_of", "csv_text", "spelled_out", "write_csv"]

# Before risk, prob_CLASS and notes. All that `cxr predict` ever wrote begins so.
COLUMNS = ("path", "label", "abstained", "reason", "error")
ENDS = ("low", "high")  # of what several bundles say of a class
HEADER_BYTES = 200  # of a file, that show whether its first line begins with COLUMNS
SHOWN_OF_HEADER = 60  # characters, in an error


def check_own_csv(
    path: StrPath,  # that is to be written
    name: str = "csv",  # what a person is to choose anew: the flag that named the path
) -> None:
    """Raise `UsageError` where a file lies there that is no csv of predictions; `StorageError`."""
    file = Path(path)
    if not file.is_file():
        return
    try:
        with open(file, "rb") as f:
            begin = f.read(HEADER_BYTES)
    except OSError as e:
        raise StorageError(f"cannot read {printable(path)}: {e.strerror or e}.") from e
    if not begin or begin.startswith(",".join(COLUMNS).encode() + b","):
        return
    first_line = begin.decode("utf-8", "replace").split("\n")[0].strip()
    raise UsageError(
        f"{name} {printable(path)} holds something that `cxr predict` did not write (its first "
        f"line: {printable(first_line[:SHOWN_OF_HEADER])!r}): nothing is written over. "
        f"Choose another {name}, or remove that file first."
    )


def write_csv(
    rows: list[Row],  # of predict_paths
    file: StrPath | TextIO,  # a path, written whole or not at all, or an open text file
) -> None:
    """Write one line a row.

    Columns: path, label, abstained, reason, error, then risk, where the bundle has one,
    prob_CLASS with 6 decimals, of several bundles low_CLASS and high_CLASS, notes, joined by a
    vertical bar, threshold, where there is one, decision, where the gate refused or righted one
    gate and righted, where a coverage was asked for coverage and prediction_set, and where an
    explanation was heat_of and heat_outside. Raises `UsageError` where the path holds something
    else than such a csv.
    """
    text = csv_text(rows, columns_of(rows))
    if isinstance(file, (str, os.PathLike)):
        check_own_csv(file)
        write_text(file, text)
    else:
        file.write(text)


def csv_text(
    rows: Sequence[Row],
    columns: Sequence[str],  # of `columns_of`
) -> str:  # a header line, then a line a row
    """Write rows under the columns that they are to have; a cell that a row lacks is empty."""
    lines = []
    for row in rows:
        cells = _cells(row)
        lines.append({column: cells.get(column, "") for column in columns})
    return to_csv(lines, columns)


def columns_of(
    rows: Sequence[Row],
) -> list[str]:
    """List the columns of a csv of these rows."""
    columns = list(COLUMNS)
    if any(row["risk"] is not None for row in rows):
        columns.append("risk")
    columns += [f"prob_{name}" for name in _classes(rows)]
    if any("spread" in row for row in rows):
        for name in _classes(rows):
            columns += [f"{end}_{name}" for end in ENDS]
    columns.append("notes")
    if any(row["threshold"] is not None for row in rows):
        columns.append("threshold")
    columns.append("decision")
    for column in ("gate", "righted"):
        if any(column in row for row in rows):
            columns.append(column)
    if any("coverage" in row for row in rows):
        columns += ["coverage", "prediction_set"]
    if any("heat_of" in row for row in rows):
        columns += ["heat_of", "heat_outside"]
    return columns


def _classes(rows: Sequence[Row]) -> list[str]:
    """List the classes of all rows, in the order in which they come first."""
    names: list[str] = []
    for row in rows:
        names += row["probs"]
    return list(dict.fromkeys(names))


def _cells(row: Row) -> dict[str, str]:
    """Turn a row into the cells of a csv, by column."""
    threshold = row["threshold"]
    cells = {
        "path": spelled_out(row["path"]),
        "label": spelled_out(row["label"] or ""),
        "abstained": "true" if row["abstained"] else "false",
        "reason": spelled_out(row["reason"]),
        "error": spelled_out(row["error"]),
        "risk": _six_decimals(row["risk"]),
        "threshold": "" if threshold is None else f"{threshold:.9g}",
        "decision": spelled_out(row["decision"]),
    }
    for name, probability in row["probs"].items():
        cells[f"prob_{name}"] = _six_decimals(probability)
    for name, ends in row.get("spread", {}).items():
        for end, value in zip(ENDS, ends):
            cells[f"{end}_{name}"] = _six_decimals(value)
    cells["notes"] = "|".join(row["notes"])
    cells["gate"] = row.get("gate", "")
    cells["righted"] = "|".join(row.get("righted", ()))
    if "coverage" in row:
        cells["coverage"] = f"{row['coverage']:g}"
        cells["prediction_set"] = spelled_out(_set_cell(row["prediction_set"]))
    cells["heat_of"] = spelled_out(row.get("heat_of", ""))
    cells["heat_outside"] = _six_decimals(row.get("heat_outside"))
    return cells


def _set_cell(found: list[str] | dict[str, list[str]]) -> str:
    """Write a prediction set: classes joined by a vertical bar; finding=present or =absent."""
    if isinstance(found, list):
        return "|".join(found)
    return "|".join(f"{name}={' or '.join(own)}" for name, own in found.items())


def _six_decimals(probability: float | None) -> str:
    """Write a probability; blank where there is none."""
    return "" if probability is None else f"{probability:.6f}"


def spelled_out(text: str) -> str:
    """Spell out the bytes of a path that are no UTF-8."""
    return text.encode("utf-8", "backslashreplace").decode()
