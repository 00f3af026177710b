"""What a verb is to write, checked before its long part.

A path as it was given and the flag that it was given by -> nothing, or an error that names both. It
changes nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from cxr_fastai.core import StorageError, StrPath, UsageError, check_name, check_writable, printable

__all__ = ["check_output_file", "check_output_folder"]


def check_output_folder(
    path: str,
    flag: str,  # that named it, as --out
) -> None:
    """Raise where a folder could not be made or written to.

    `UsageError` for no name, `StorageError` for a file in its place or want of permission.
    """
    if not path.strip():
        raise UsageError(f"{flag} has no name: give it a folder.")
    check_writable(path, flag)


def check_output_file(
    path: str,
    flag: str,  # that named it, as --csv
    inputs: Iterable[StrPath] = (),  # files that must not be written over
) -> None:
    """Raise where a file could not be written.

    `UsageError` for a folder, a device, or a file that is read; `StorageError` for a folder that is
    not there or may not be written to.
    """
    check_name(path, flag)
    file = Path(path)
    shown = printable(path)
    try:
        if not path.strip() or path.endswith(("/", os.sep)) or file.is_dir():
            raise UsageError(f"{flag} {shown!r} is a folder: name a file, as results.csv.")
        if file.exists() and not file.is_file():
            raise UsageError(f"{flag} {shown} is a device or pipe, not a file: choose another.")
        check_writable(file.parent, flag)
        if not file.parent.exists():
            raise StorageError(
                f"cannot write {shown}: no folder {printable(file.parent)}. "
                f"Make it, or choose another {flag}."
            )
    except OSError as e:
        raise StorageError(
            f"cannot write {shown}: {e.strerror or e}. Choose another {flag}."
        ) from e
    if os.path.realpath(file) in {os.path.realpath(one) for one in inputs}:
        raise UsageError(f"{flag} {shown} is one of the files to read: choose another {flag}.")
