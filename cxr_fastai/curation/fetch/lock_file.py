"""sources.lock.json: version, names, sizes and SHA-256 of what was downloaded.

One stands beside manifest.csv and one, of all sources of this machine, in the cache. A file ->
entries by source id, and back. The cache's is shared by all runs and so changed under a file
lock; it never loses an entry of another process.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, TypedDict

from cxr_fastai.catalog import Source
from cxr_fastai.core import IntegrityError, cache_dir, make_folder, one_line, write_json

__all__ = [
    "LOCK_FILE",
    "LockEntry",
    "LockedPart",
    "is_of",
    "read_entries",
    "read_shared_entries",
    "record_entry",
    "record_shared_entry",
]

LOCK_FILE = "sources.lock.json"
FORMAT = 1
SHARED_LOCK = ".sources.lock"  # in the cache: whoever holds it may change the lock file there


class LockedPart(TypedDict):
    """One file that was downloaded."""

    name: str
    sha256: str
    size: int  # bytes


class LockEntry(TypedDict):
    """What a source was when it was downloaded."""

    handle: str
    download: str
    version: str
    parts: list[LockedPart]


def is_of(entry: LockEntry, source: Source) -> bool:
    """Tell whether an entry is of the version and address that the catalogue names now."""
    is_same_handle = entry["handle"] == source.handle
    return is_same_handle and entry["download"] == source.download


def read_entries(
    folder: Path | None,  # that holds the lock file; None: nowhere
) -> dict[str, LockEntry]:  # source id -> entry; empty where no file is
    """Read a lock file. Raises `IntegrityError` for a file that is none."""
    if folder is None or not (folder / LOCK_FILE).is_file():
        return {}
    file = folder / LOCK_FILE
    try:
        sources = json.loads(file.read_text(encoding="utf-8"))["sources"]
        return {source_id: _entry(cells) for source_id, cells in sources.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as e:
        raise IntegrityError(
            f"{file}: no lock file of this library: {one_line(repr(e))}. "
            "Restore it, or delete it to accept what is downloaded next."
        ) from e


def read_shared_entries() -> dict[str, LockEntry]:
    """Read the lock file of the cache."""
    return read_entries(cache_dir())


def record_entry(folder: Path, source_id: str, entry: LockEntry) -> dict[str, LockEntry]:
    """Add or replace one entry of a folder's lock file; return all that it holds now."""
    entries = {**read_entries(folder), source_id: entry}
    in_order = dict(sorted(entries.items()))
    content = {"format": FORMAT, "sources": in_order}
    make_folder(folder)
    write_json(folder / LOCK_FILE, content)
    return in_order


def record_shared_entry(source_id: str, entry: LockEntry) -> dict[str, LockEntry]:
    """Add or replace one entry of the cache's lock file, one process after the other."""
    from filelock import FileLock

    folder = make_folder(cache_dir())
    with FileLock(folder / SHARED_LOCK):
        return record_entry(folder, source_id, entry)


def _entry(cells: dict[str, Any]) -> LockEntry:
    """Check one entry of the file."""
    return LockEntry(
        handle=str(cells["handle"]),
        download=str(cells["download"]),
        version=str(cells["version"]),
        parts=[_part(part) for part in cells["parts"]],
    )


def _part(cells: dict[str, Any]) -> LockedPart:
    """Check one part of an entry."""
    return LockedPart(
        name=str(cells["name"]),
        sha256=str(cells["sha256"]),
        size=int(cells["size"]),
    )
