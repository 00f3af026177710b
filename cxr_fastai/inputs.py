"""What a verb is to read, checked before it is opened.

A path as it was given, or a file that is looked for in a folder -> the path, or an error that names
it. It opens nothing.
"""

from __future__ import annotations

from pathlib import Path

from cxr_fastai.core import StrPath, UsageError, printable, usable_path

__all__ = ["readable_path"]


def readable_path(
    path: StrPath,
    name: str = "path",  # what it was given as: "recipe", "catalogue"
) -> Path:
    """Return a path to a file, to a folder, or to nothing.

    Raises as `usable_path` does, and `UsageError` for a pipe, socket or device: opening a pipe
    waits for its writer, for ever where there is none.
    """
    path = usable_path(path, name)
    if path.exists() and not path.is_file() and not path.is_dir():
        raise UsageError(
            f"{name} {printable(path)}: a pipe, socket or device, not a file. Give a file."
        )
    return path
