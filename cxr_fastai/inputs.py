"""What a verb is to read, checked before it is opened.

A path as it was given, or a file that is looked for in a folder -> the path, or an error that names
it; a text of others -> whether it is a number that can be counted to. It opens nothing.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from cxr_fastai.core import StrPath, UsageError, printable, usable_path

__all__ = ["is_whole_number", "readable_path", "refuse_url"]

URL = re.compile(r"[a-z][a-z0-9+.-]+:/+", re.IGNORECASE)  # of one / where it was a Path
MOST_DIGITS = 15  # of a whole number; Python refuses to read one of more than 4300


def readable_path(
    path: StrPath,
    name: str = "path",  # what it was given as: "recipe", "catalogue"
) -> Path:
    """Return a path to a file, to a folder, or to nothing.

    Raises as `usable_path` does, and `UsageError` for a pipe, socket or device: opening a pipe
    waits for its writer, for ever where there is none.
    """
    refuse_url(path, name)
    path = usable_path(path, name)
    if path.exists() and not path.is_file() and not path.is_dir():
        raise UsageError(
            f"{name} {printable(path)}: a pipe, socket or device, not a file. Give a file."
        )
    return path


def refuse_url(
    path: StrPath,
    name: str = "path",  # what it was given as
) -> None:
    """Raise `UsageError` for an address of the network, unless a file is called so."""
    text = os.fsdecode(path)
    if URL.match(text) is None or os.path.lexists(text):
        return
    address = URL.sub(lambda found: found.group().rstrip("/") + "//", text, count=1)
    raise UsageError(
        f"{name} {printable(address)}: a URL is not read. Download it first, and give the file."
    )


def is_whole_number(text: str) -> bool:
    """Tell whether a text is a number from 0 in ordinary digits: not a power as in m², nor endless.

    `str.isdigit` takes both, and `int` raises.
    """
    return text.isascii() and text.isdigit() and len(text) <= MOST_DIGITS
