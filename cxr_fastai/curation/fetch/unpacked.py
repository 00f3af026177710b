"""What stands unpacked in the cache: the bytes by content, and an index of each set of downloads.

    CACHE/blobs/<sha256[:2]>/<sha256>   the bytes
    CACHE/trees/<name>.csv              path -> SHA-256, size, or why it was dropped; the name is a
                                        SHA-256 of the names and checksums of the downloads

A lock entry -> the Tree of its source, or None where something is missing. It fetches nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cxr_fastai.catalog import Source, split_list
from cxr_fastai.core import IntegrityError, cache_dir, make_folder, sha256_text
from cxr_fastai.curation.fetch.archives import Dropped, Member
from cxr_fastai.curation.fetch.lock_file import LockEntry, is_of
from cxr_fastai.curation.sources.tree import Tree
from cxr_fastai.manifest import read_rows, write_rows

__all__ = [
    "IndexRow",
    "blob_path",
    "blobs_folder",
    "dropped_row",
    "member_row",
    "read_whole_index",
    "tree_of",
    "unpacked_tree",
    "write_index",
]

INDEX_COLUMNS = ("path", "sha256", "size", "reason", "message")
IndexRow = dict[str, str]  # a cell for each of INDEX_COLUMNS


def blobs_folder() -> Path:
    """Return the folder of all unpacked bytes."""
    return cache_dir() / "blobs"


def blob_path(sha256: str) -> Path:
    """Return where the bytes of that checksum stand."""
    return blobs_folder() / sha256[:2] / sha256


def member_row(member: Member) -> IndexRow:
    """Make the index row of a file."""
    return {
        "path": member.path,
        "sha256": member.sha256,
        "size": str(member.size),
        "reason": "",
        "message": "",
    }


def dropped_row(dropped: Dropped) -> IndexRow:
    """Make the index row of what was left out of an archive."""
    return {
        "path": dropped.path,
        "sha256": "",
        "size": "",
        "reason": dropped.reason,
        "message": dropped.message,
    }


def write_index(entry: LockEntry, rows: Sequence[IndexRow]) -> Path:
    """Write the index of a set of downloads; its being there says that all of them are unpacked."""
    file = _index_file(entry)
    make_folder(file.parent)
    write_rows(file, list(rows), INDEX_COLUMNS)
    return file


def unpacked_tree(source: Source, entry: LockEntry | None) -> Tree | None:
    """Return the tree of a lock entry that is unpacked here, whole; None where it is not."""
    if entry is None or not is_of(entry, source):
        return None
    if source.pin:
        checksums = [part["sha256"] for part in entry["parts"]]
        if checksums != split_list(source.pin):
            return None
    rows = read_whole_index(entry)
    return None if rows is None else tree_of(source, rows)


def read_whole_index(entry: LockEntry) -> list[IndexRow] | None:
    """Read the index of a set of downloads; None where it, or any of their bytes, is missing."""
    rows = _read_index(_index_file(entry))
    if rows is None or not all(_is_whole(row) for row in rows):
        return None
    return rows


def tree_of(source: Source, rows: Sequence[IndexRow]) -> Tree:
    """Make the Tree of an index."""
    files = {row["path"]: str(blob_path(row["sha256"])) for row in rows if row["sha256"]}
    dropped = [
        (row["path"], row["reason"], row["message"])  # as Tree.dropped has them
        for row in rows
        if not row["sha256"]
    ]
    return Tree(
        where=f"the download of {source.id}",
        files=dict(sorted(files.items())),
        dropped=tuple(sorted(dropped)),
    )


def _index_file(entry: LockEntry) -> Path:
    """Return where the index of a lock entry stands: its name follows from the bytes unpacked."""
    parts = [f"{part['name']}={part['sha256']}" for part in entry["parts"]]
    name = sha256_text("|".join(parts))
    return cache_dir() / "trees" / f"{name}.csv"


def _read_index(file: Path) -> list[IndexRow] | None:
    """Read an index; None where it is missing or damaged."""
    if not file.is_file():
        return None
    try:
        return [_only_known_columns(row) for row in read_rows(file)]
    except (IntegrityError, KeyError):
        return None


def _only_known_columns(row: dict[str, str]) -> IndexRow:
    """Keep the cells of an index row. Raises KeyError where one is missing."""
    return {column: row[column] for column in INDEX_COLUMNS}


def _is_whole(row: IndexRow) -> bool:
    """Tell whether the bytes of a row stand where they should, as many as they should be."""
    if not row["sha256"]:
        return True  # a row of what was dropped
    blob = blob_path(row["sha256"])
    return blob.is_file() and str(blob.stat().st_size) == row["size"]
