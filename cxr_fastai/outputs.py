"""What a verb is to write, checked before its long part.

A path as it was given and the flag that it was given by -> nothing, or an error that names both. No
verb writes over what no verb wrote, nor into a folder that it reads. It changes nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from cxr_fastai.core import StorageError, StrPath, UsageError, check_name, check_writable, printable

__all__ = [
    "check_output_file",
    "check_output_folder",
    "check_outside",
    "check_own_files",
    "is_own_page",
]

CURATED_MARK = "curation.json"  # of a curated folder, whose pages have names as those of verbs
PAGE_MARK = b'<main class="cxr-report">'  # of reporting/base.html, which all pages are made of


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


def check_outside(
    out: StrPath,
    read: StrPath,  # a folder that is read, and not changed
    flag: str = "--out",  # that named `out`
) -> None:
    """Raise `UsageError` where files would be written into a folder that is read."""
    inside, folder = Path(out).resolve(), Path(read).resolve()
    if inside == folder or folder in inside.parents:
        raise UsageError(
            f"{flag} {printable(out)} lies in {printable(read)}, whose files are read: choose a "
            "folder outside it."
        )


def check_own_files(
    out: StrPath,  # folder
    page: str,  # name of the page by which what a verb wrote is known
    others: Sequence[str] = (),  # names of the files that are written with it
    flag: str = "--out",  # that named `out`
) -> None:
    """Raise `UsageError` where a file of others would be written over.

    Nor may it stand in a curated folder. A page says by its mark that a verb wrote it; any other
    file by the page that it stands beside. `StorageError` for a page that cannot be read.
    """
    folder = Path(out)
    if os.path.lexists(folder / CURATED_MARK):
        raise UsageError(f"{flag} {printable(out)} is a curated folder: choose another {flag}.")
    held = [name for name in (page, *others) if os.path.lexists(folder / name)]
    if is_own_page(folder / page):
        pages = [name for name in held if name.endswith(".html")]
        held = [name for name in pages if not is_own_page(folder / name)]
    if held:
        raise UsageError(
            f"{flag} {printable(out)} holds {held[0]}, which `cxr` did not write: nothing is "
            f"written over. Choose another {flag}, or move that file first."
        )


def is_own_page(file: StrPath) -> bool:
    """Tell whether a file is a page of this house. Raises `StorageError`."""
    try:
        return Path(file).is_file() and PAGE_MARK in Path(file).read_bytes()
    except OSError as e:
        raise StorageError(f"cannot read {printable(file)}: {e.strerror or e}.") from e
