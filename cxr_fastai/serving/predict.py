"""Answer for many files: a bundle and paths in, one row a file out, as csv or as lines for a terminal.

A file that cannot be read becomes a row that says why, and the others carry on: rows out = files in, always.
Never writes beside the images, never imports fastai or pandas, never unpickles.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import torch

from cxr_fastai.core import CxrError, StorageError, UsageError, one_line, printable, write_text
from cxr_fastai.images import is_image_name
from cxr_fastai.manifest import to_csv
from cxr_fastai.recipes import NONE

__all__ = ["find_images", "predict_paths", "worklist", "write_csv", "format_rows"]

COLUMNS = ("path", "label", "abstained", "reason", "error")


# ---- find


def find_images(
    paths: Iterable,  # files, taken as given whatever their names; folders, searched to the bottom for image names
) -> list[Path]:  # in the order given, each folder's sorted
    """List the files to predict. Raises `UsageError` where a path does not exist or nothing is found."""
    paths, found = [Path(p) for p in paths], []
    for path in paths:
        if path.is_dir():
            found += _images_in(path)
        elif os.path.lexists(path):
            found.append(path)
        else:
            raise UsageError(f"no such file or folder: {printable(path)}")
    if found:
        return found
    raise UsageError(
        f"no images in {', '.join(map(printable, paths)) or 'an empty list of paths'}: "
        "expected image files, or folders that hold some"
    )


def _images_in(folder: Path) -> list[Path]:
    """Image files below `folder`, sorted. Links to folders are not followed, so loops end; hidden files are left out."""

    def refuse(e: OSError):
        raise StorageError(f"cannot read {printable(e.filename)}: {e.strerror}") from e

    walk = os.walk(folder, onerror=refuse)
    found = (Path(at) / name for at, _, names in walk for name in names)
    return sorted(p for p in found if is_image_name(p) and not p.name.startswith("."))


# ---- predict


def predict_paths(
    bundle,  # of load_bundle
    paths: Iterable,  # files, as find_images lists them
    progress=None,  # as cxr_fastai.progress.bar: progress(iterable, total, what); None: silence
    bs: int = 32,  # images at a time
) -> list[dict]:  # a row a file, in order: path, label, risk, probs, abstained, reason, error
    """Predict every file. An unreadable one gets `error` and no label."""
    paths = list(paths)
    batches = [paths[i : i + bs] for i in range(0, len(paths), bs)]
    shown = (
        progress(batches, len(batches), f"predicting {len(paths)} images") if progress else batches
    )
    return [row for batch in shown for row in _predict_batch(bundle, batch)]


def _predict_batch(bundle, paths: list) -> list[dict]:
    rows, tensors = [_row(path) for path in paths], []
    for row, path in zip(rows, paths):
        try:
            tensors.append(bundle.tensor(path))
        except (CxrError, OSError) as e:
            row["error"] = one_line(e)
    readable = [row for row in rows if not row["error"]]
    probs = bundle.probs_of(torch.stack(tensors)) if tensors else ()
    risks = bundle.risk(probs) if readable else None
    for i, (row, p) in enumerate(zip(readable, probs)):
        answer = bundle.decide(p)
        if risks is not None:
            row["risk"] = float(risks[i])
        row.update(
            label=answer.label, probs=answer.probs, abstained=answer.abstained, reason=answer.reason
        )
    return rows


def _row(path) -> dict:
    return dict(
        path=str(path), label=None, risk=None, probs={}, abstained=False, reason="", error=""
    )


def worklist(
    rows: list[dict],  # of predict_paths
) -> list[
    dict
]:  # those that could not be read first, as somebody must look at them; then the highest risk first
    """The order to read radiographs in. Raises `UsageError` where the bundle has no risk to order by."""
    if any(not r["error"] and r["risk"] is None for r in rows):
        raise UsageError(
            "this bundle has no risk to order a worklist by: none of its classes means nothing found. "
            "Train for a recipe with key negative, as triage, or for findings, as nih14."
        )
    return sorted(rows, key=lambda r: (not r["error"], -(r["risk"] or 0.0)))


# ---- show


def write_csv(
    rows: list[dict],  # of predict_paths
    file,  # a path, written whole or not at all, or an open text file
):
    """Write one line a row: path, label, abstained, reason, error, then risk, where the bundle has one, and prob_CLASS
    columns with 6 decimals.
    """
    classes, risk = _classes(rows), ["risk"] * any(row["risk"] is not None for row in rows)
    table = [
        {
            **{k: _cell(row[k]) for k in COLUMNS},
            **{k: _share(row[k]) for k in risk},
            **{f"prob_{c}": _share(row["probs"].get(c)) for c in classes},
        }
        for row in rows
    ]
    text = to_csv(table, [*COLUMNS, *risk, *(f"prob_{c}" for c in classes)])
    if hasattr(file, "write"):
        file.write(text)
    else:
        write_text(file, text)


def _classes(rows) -> list[str]:
    return list(dict.fromkeys(c for row in rows for c in row["probs"]))


def _share(p) -> str:
    return "" if p is None else f"{p:.6f}"


def _cell(value) -> str:
    """A value as text; bytes of a path that are no UTF-8 are spelled out."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value if value is not None else "").encode("utf-8", "backslashreplace").decode()


def format_rows(
    rows: list[dict],  # of predict_paths
    display: dict
    | None = None,  # class -> name for people, as Bundle.display; classes without one show as they are
) -> str:  # one aligned line a row, no final newline
    """Rows for a terminal: path, answer, its probability or why there is none."""
    lines = [_line(row, display or {}) for row in rows]
    widths = [max((len(line[i]) for line in lines), default=0) for i in (0, 1)]
    return "\n".join(
        f"{path:<{widths[0]}}  {answer:<{widths[1]}}  {why}".rstrip() for path, answer, why in lines
    )


def _line(row: dict, display: dict) -> tuple[str, str, str]:
    path, probs = printable(row["path"]), row["probs"]
    if row["error"]:
        return path, "not read", printable(row["error"])
    if row["abstained"]:
        return path, "no answer", printable(row["reason"])
    if row["label"] == NONE:
        return path, "none of the findings", f"{max(probs.values()):.3f} at most"
    classes, risk = (
        row["label"].split("|"),
        "" if row["risk"] is None else f"; risk {row['risk']:.3f}",
    )
    return (
        path,
        ", ".join(display.get(c, c) for c in classes),
        ", ".join(f"{probs[c]:.3f}" for c in classes) + risk,
    )
