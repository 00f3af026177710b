"""Answer for many files: a bundle and paths in, one row a file out, as csv or as terminal lines.

A file that cannot be read becomes a row that says why, and the others carry on: rows out = files
in, always. Never writes beside the images, never imports fastai or pandas, never unpickles.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TextIO, TypedDict

import torch

from cxr_fastai.bundle.bundle import Bundle
from cxr_fastai.core import (
    CxrError,
    StorageError,
    UsageError,
    one_line,
    printable,
    usable_path,
    write_text,
)
from cxr_fastai.csv_cells import to_csv
from cxr_fastai.images import NOTES, is_image_name
from cxr_fastai.junk import is_junk, passed_over
from cxr_fastai.progress import SILENT, Progress
from cxr_fastai.recipes import NONE
from cxr_fastai.reporting.text import count

__all__ = [
    "Row",
    "find_images",
    "predict_paths",
    "worklist",
    "write_csv",
    "notes_line",
    "format_rows",
]

# of a csv, before risk, prob_CLASS and notes
COLUMNS = ("path", "label", "abstained", "reason", "error")

AnyPath = str | os.PathLike[str]


class Row(TypedDict):
    """What is said of one file; plain JSON."""

    path: str
    label: str | None  # None: it abstained, or could not be read
    risk: float | None  # 0-1; None where the bundle has none, or the file could not be read
    probs: dict[str, float]  # class -> probability; empty where the file could not be read
    abstained: bool
    reason: str  # why it abstained
    error: str  # why the file could not be read
    notes: list[str]  # what is odd about the file, keys of images.NOTES


# ---- find


def find_images(
    paths: Iterable[AnyPath],  # files, taken as given whatever their names; folders, searched to
    # the bottom for image names
    progress: Progress | None = None,  # is told how many images were passed over; None: silence
) -> list[Path]:  # in the order given, each folder's sorted
    """List the files to predict.

    In a folder, hidden files and folders and those of a system are passed over. Raises `UsageError`
    where a path does not exist or nothing is found.
    """
    progress = progress or SILENT
    given = [usable_path(path) for path in paths]
    found: list[Path] = []
    junk: list[str] = []  # images that are passed over
    for path in given:
        if path.is_dir():
            images, others = _images_in(path)
            found += images
            junk += others
        elif os.path.lexists(path):
            found.append(path)
        else:
            raise UsageError(f"no such file or folder: {printable(path)}")
    if junk:
        progress.say(printable(passed_over(junk)))
    if found:
        return found
    places = ", ".join(printable(path) for path in given)
    raise UsageError(
        f"no images in {places or 'an empty list of paths'}: "
        "expected image files, or folders that hold some"
    )


def _images_in(
    folder: Path,
) -> tuple[list[Path], list[str]]:  # sorted; those that are passed over
    """List the image files below `folder`. Links to folders are not followed, so loops end.

    Raises `StorageError` for a folder that cannot be listed, unless it is passed over anyway.
    """
    found = []
    junk = []

    def refuse(e: OSError) -> None:
        """Tell of what os.walk would pass over in silence."""
        unread = Path(e.filename)
        if unread == folder or not is_junk(unread.relative_to(folder).as_posix()):
            raise StorageError(f"cannot read {printable(e.filename)}: {e.strerror}") from e

    for parent, _, names in os.walk(folder, onerror=refuse):
        for name in names:
            file = Path(parent) / name
            if not is_image_name(name):
                continue
            if is_junk(file.relative_to(folder).as_posix()):
                junk.append(str(file))
            else:
                found.append(file)
    return sorted(found), junk


# ---- predict


def predict_paths(
    bundle: Bundle,  # of load_bundle
    paths: Iterable[AnyPath],  # files, as find_images lists them
    progress: Progress | None = None,  # None: silence
    bs: int = 32,  # images at a time
) -> list[Row]:  # a row a file, in order
    """Predict every file. An unreadable one gets `error` and no label."""
    progress = progress or SILENT
    files = list(paths)
    starts = range(0, len(files), bs)
    what = f"predicting {len(files)} images"
    rows: list[Row] = []
    for start in progress.bar(starts, len(starts), what):
        rows += _predict_batch(bundle, files[start : start + bs])
    return rows


def _predict_batch(bundle: Bundle, paths: Sequence[AnyPath]) -> list[Row]:
    """Predict files that are in memory together."""
    rows = []
    readable = []
    tensors = []
    for path in paths:
        row = _empty_row(path)
        rows.append(row)
        try:
            tensor, notes = bundle.read(path)
            tensors.append(tensor)
            row["notes"] = list(notes)
            readable.append(row)
        except (CxrError, OSError) as e:
            row["error"] = one_line(e)
    if readable:
        _answer(bundle, readable, torch.stack(tensors))
    return rows


def _empty_row(path: AnyPath) -> Row:
    """Make the row of a file before anything is known of it."""
    return Row(
        path=str(path),
        label=None,
        risk=None,
        probs={},
        abstained=False,
        reason="",
        error="",
        notes=[],
    )


def _answer(
    bundle: Bundle,
    rows: list[Row],  # changed in place
    batch: torch.Tensor,  # an input a row
) -> None:
    """Write into each row what the bundle says of its radiograph."""
    probs = bundle.probs_of(batch)
    risks = bundle.risk(probs)
    for i, row in enumerate(rows):
        answer = bundle.decide(probs[i])
        row["label"] = answer.label
        row["probs"] = answer.probs
        row["abstained"] = answer.abstained
        row["reason"] = answer.reason
        if risks is not None:
            row["risk"] = float(risks[i])


def worklist(
    rows: list[Row],  # of predict_paths
) -> list[Row]:
    """Order rows as radiographs are to be read.

    Those that could not be read come first, as somebody must look at them; then the highest risk.
    Raises `UsageError` where the bundle has no risk to order by.
    """
    if any(row["risk"] is None and not row["error"] for row in rows):
        raise UsageError(
            "this bundle has no risk to order a worklist by: none of its classes means nothing "
            "found. Train for a recipe with key negative, as triage, or for findings, as nih14."
        )
    return sorted(rows, key=_reading_order)


def _reading_order(row: Row) -> tuple[bool, float]:
    """Give the key to sort by: errors first, then from the highest risk to the lowest."""
    was_read = not row["error"]
    risk = row["risk"] or 0.0
    return was_read, -risk


# ---- show


def write_csv(
    rows: list[Row],  # of predict_paths
    file: AnyPath | TextIO,  # a path, written whole or not at all, or an open text file
) -> None:
    """Write one line a row.

    Columns: path, label, abstained, reason, error, then risk, where the bundle has one,
    prob_CLASS with 6 decimals, and notes, joined by a vertical bar.
    """
    has_risk = any(row["risk"] is not None for row in rows)
    classes = _classes(rows)
    risk_column = ["risk"] if has_risk else []
    class_columns = [f"prob_{name}" for name in classes]
    cells = [_cells(row, classes, has_risk) for row in rows]
    text = to_csv(cells, [*COLUMNS, *risk_column, *class_columns, "notes"])
    if isinstance(file, (str, os.PathLike)):
        write_text(file, text)
    else:
        file.write(text)


def _classes(rows: list[Row]) -> list[str]:
    """List the classes of all rows, in the order in which they come first."""
    names: list[str] = []
    for row in rows:
        names += row["probs"]
    return list(dict.fromkeys(names))


def _cells(
    row: Row,
    classes: list[str],  # of all rows
    has_risk: bool,  # whether any row has one
) -> dict[str, str]:
    """Turn a row into the cells of a csv, by column."""
    cells = {
        "path": _spelled_out(row["path"]),
        "label": _spelled_out(row["label"] or ""),
        "abstained": "true" if row["abstained"] else "false",
        "reason": _spelled_out(row["reason"]),
        "error": _spelled_out(row["error"]),
    }
    if has_risk:
        cells["risk"] = _six_decimals(row["risk"])
    for name in classes:
        cells[f"prob_{name}"] = _six_decimals(row["probs"].get(name))
    cells["notes"] = "|".join(row["notes"])
    return cells


def _six_decimals(probability: float | None) -> str:
    """Write a probability; blank where there is none."""
    return "" if probability is None else f"{probability:.6f}"


def _spelled_out(text: str) -> str:
    """Spell out the bytes of a path that are no UTF-8."""
    return text.encode("utf-8", "backslashreplace").decode()


def notes_line(
    rows: list[Row],  # of predict_paths
) -> str:  # empty where nothing is noted
    """Say how many files are odd, and in what way, the most frequent first."""
    counts = Counter(note for row in rows for note in row["notes"])
    odd = sum(bool(row["notes"]) for row in rows)
    if not odd:
        return ""
    kinds = [f"{note} {n} ({NOTES[note].rstrip('.')})" for note, n in counts.most_common()]
    return f"noted of {odd} of {count(len(rows), 'file')}: {'; '.join(kinds)}"


def format_rows(
    rows: list[Row],  # of predict_paths
    display: Mapping[str, str] | None = None,  # class -> name for people, as Bundle.display;
    # classes without one show as they are
) -> str:  # one aligned line a row, no final newline
    """Write rows for a terminal: path, answer, its probability or why there is none."""
    names = display or {}
    paths = [printable(row["path"]) for row in rows]
    words = [_answer_words(row, names) for row in rows]
    path_width = max((len(path) for path in paths), default=0)
    answer_width = max((len(answer) for answer, _ in words), default=0)
    lines = []
    for path, (answer, why) in zip(paths, words):
        line = f"{path.ljust(path_width)}  {answer.ljust(answer_width)}  {why}"
        lines.append(line.rstrip())
    return "\n".join(lines)


def _answer_words(
    row: Row,
    display: Mapping[str, str],  # class -> name for people
) -> tuple[str, str]:
    """Say the answer, and its probability or why there is none."""
    label = row["label"]
    probs = row["probs"]
    if row["error"]:
        return "not read", printable(row["error"])
    if label is None:
        return "no answer", printable(row["reason"])
    if label == NONE:
        highest = max(probs.values())
        return "none of the findings", f"{highest:.3f} at most"
    classes = label.split("|")
    answer = ", ".join(display.get(name, name) for name in classes)
    why = ", ".join(f"{probs[name]:.3f}" for name in classes)
    if row["risk"] is not None:
        why += f"; risk {row['risk']:.3f}"
    return answer, why
