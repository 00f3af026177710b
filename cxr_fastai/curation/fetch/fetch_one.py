"""One source from its server into the cache: planned, downloaded, unpacked, indexed.

A Source and what a lock file says of it -> its Tree and its new lock entry. Runs at the same time
are no danger: a file lock a source makes one of them fetch it and the others use that; a file
lock an address covers two sources that name the same file. Nothing else may call `download`.

    CACHE/downloads/.ID.lock     held while the source ID is fetched
    CACHE/downloads/.KEY.lock    held while the file behind an address comes and is unpacked
    CACHE/downloads/<sha256>     a file that came whole, until all of the source is unpacked
    CACHE/downloads/KEY.came     its SHA-256: a kill while it is unpacked costs no second download
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cxr_fastai.advice import flag
from cxr_fastai.catalog import Source
from cxr_fastai.core import IntegrityError, cache_dir, make_folder, write_text
from cxr_fastai.curation.fetch.archives import Member, unpack
from cxr_fastai.curation.fetch.download import Download, download
from cxr_fastai.curation.fetch.lock_file import (
    LockedPart,
    LockEntry,
    read_shared_entries,
    record_shared_entry,
)
from cxr_fastai.curation.fetch.partial import key_name
from cxr_fastai.curation.fetch.plan import Part
from cxr_fastai.curation.fetch.transports import plan
from cxr_fastai.curation.fetch.unpacked import (
    IndexRow,
    blob_path,
    blobs_folder,
    dropped_row,
    member_row,
    tree_of,
    unpacked_tree,
    write_index,
)
from cxr_fastai.curation.sources.tree import Tree
from cxr_fastai.progress import SILENT, Progress

__all__ = ["FetchedSource", "fetch_source"]


@dataclass(frozen=True)
class FetchedSource:
    """A source that was had by a download, now or before."""

    tree: Tree
    entry: LockEntry


def fetch_source(
    source: Source,
    locked: LockEntry | None,  # of the lock file beside the output: these bytes, or an error
    update_pins: bool = False,  # whatever comes is accepted
    progress: Progress = SILENT,
) -> FetchedSource:
    """Fetch and unpack one source, once for all runs on this machine.

    Raises `SourceUnavailable`, `IntegrityError` for other bytes than are pinned or a bad archive,
    and `StorageError`.
    """
    from filelock import FileLock

    store = make_folder(cache_dir() / "downloads")
    make_folder(blobs_folder())
    with FileLock(store / f".{source.id}.lock"):
        fetched_meanwhile = _fetched_by_another_run(source, locked, update_pins)
        if fetched_meanwhile:
            return fetched_meanwhile
        return _fetch_parts(source, locked, update_pins, store, progress)


def _fetched_by_another_run(
    source: Source, locked: LockEntry | None, update_pins: bool
) -> FetchedSource | None:
    """Look again, now that the lock is held: another run may just have fetched it."""
    entry = locked
    if entry is None and not update_pins:
        entry = read_shared_entries().get(source.id)
    tree = unpacked_tree(source, entry)
    if entry is None or tree is None:
        return None
    return FetchedSource(tree, entry)


def _fetch_parts(
    source: Source,
    locked: LockEntry | None,
    update_pins: bool,
    store: Path,
    progress: Progress,
) -> FetchedSource:
    """Fetch one part after the other; write the index when all are unpacked."""
    wanted = plan(source, locked["version"] if locked else "")
    pins = {part["name"]: part["sha256"] for part in locked["parts"]} if locked else {}
    rows: list[IndexRow] = []
    parts: list[LockedPart] = []
    for part in wanted.parts:
        pin = pins.get(part.name, "")
        if not pin and not update_pins:
            pin = part.pin
        with _key_lock(store, part.key):
            file = _download_part(source, part, pin, update_pins, store, progress)
            rows += _unpack_part(source, part, file, progress)
        parts.append(LockedPart(name=part.name, sha256=file.sha256, size=file.size))
    entry = LockEntry(
        handle=source.handle,
        download=source.download,
        version=wanted.version,
        parts=parts,
    )
    write_index(entry, rows)
    for part, got in zip(wanted.parts, parts):
        _forget_download(store, part.key, got["sha256"])
    # Last, so that a kill leaves no download that nobody looks for; while the source's lock is
    # held, so that whoever waits for it finds the entry.
    record_shared_entry(source.id, entry)
    return FetchedSource(tree_of(source, rows), entry)


def _download_part(
    source: Source,
    part: Part,
    pin: str,  # SHA-256 that it must have, or blank
    update_pins: bool,
    store: Path,
    progress: Progress,
) -> Download:
    """Download one part, or take what a run that was killed while it unpacked had downloaded."""
    note = _came_note(store, part.key)
    expected = pin
    if not pin and not update_pins and note.is_file():
        expected = note.read_text(encoding="ascii")
    try:
        file = download(
            part.where,
            store,
            _name(source, part),
            part.key,
            expected,
            progress=progress,
        )
    except IntegrityError as e:
        if not pin:
            raise
        raise IntegrityError(
            f"{e} If {source.id} was re-published, accept it with {flag('update_pins', True)}."
        ) from e
    write_text(note, file.sha256)
    return file


def _unpack_part(source: Source, part: Part, file: Download, progress: Progress) -> list[IndexRow]:
    """Put what a part holds among the blobs: index rows of each member, and of what was dropped."""
    if not part.archive:
        blob = blob_path(file.sha256)
        make_folder(blob.parent)
        file.path.replace(blob)
        return [member_row(Member(part.name, file.sha256, file.size))]
    members, dropped = unpack(
        file.path,
        blobs_folder(),
        _name(source, part),
        part.strip,
        progress=progress,
    )
    return [
        *[member_row(member) for member in members],
        *[dropped_row(thing) for thing in dropped],
    ]


def _name(source: Source, part: Part) -> str:
    """Name a part as messages and bars do."""
    return f"{source.id}: {part.name}"


def _key_lock(store: Path, key: str) -> AbstractContextManager[Any]:
    """Return the lock of an address: two sources may name the same file."""
    from filelock import FileLock

    return FileLock(store / f".{key_name(key)}.lock")


def _came_note(store: Path, key: str) -> Path:
    """Return the file that holds the SHA-256 of a download which is not unpacked yet."""
    return store / f"{key_name(key)}.came"


def _forget_download(store: Path, key: str, sha256: str) -> None:
    """Remove a download that is unpacked; not while another run unpacks the same one."""
    with _key_lock(store, key):
        _came_note(store, key).unlink(missing_ok=True)
        (store / sha256).unlink(missing_ok=True)
