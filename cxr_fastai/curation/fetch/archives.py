"""Unpack a zip or tar into a content store.

An archive -> its Members (path, SHA-256, size) and what was Dropped of it; the bytes of each
member then stand in store/<sha256[:2]>/<sha256>. A name in an archive is never a name on disk. No
link, device or folder of an archive is ever made, no archive within it unpacked, and nothing kept
of one that is refused.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cxr_fastai.core import IntegrityError, StorageError, make_folder, printable
from cxr_fastai.curation.fetch.archive_kind import archive_kind, check_kind, is_document
from cxr_fastai.curation.fetch.blob_store import BlobStore, NoStore
from cxr_fastai.curation.fetch.containers import Archive, Dropped, Entry, UnpackLimits
from cxr_fastai.curation.fetch.tars import TarReader
from cxr_fastai.curation.fetch.zips import ZipReader
from cxr_fastai.progress import SILENT, Progress

__all__ = ["Dropped", "Member", "UNPACK_LIMITS", "UnpackLimits", "unpack"]

UNPACK_LIMITS = UnpackLimits()


@dataclass(frozen=True)
class Member:
    """A file of an archive."""

    path: str  # as in the archive, with /
    sha256: str  # of its bytes, and their name in the store
    size: int  # bytes


def unpack(
    archive: Path,
    store: Path | None,  # folder of the store; made if missing; None: read all, keep nothing
    name: str,  # what messages call the archive, e.g. "kermany_kaggle: chest-xray-pneumonia.zip"
    strip: int = 0,  # leading folders taken off each path
    limits: UnpackLimits = UNPACK_LIMITS,
    progress: Progress = SILENT,  # its meter counts bytes of the archive
) -> tuple[list[Member], list[Dropped]]:  # each sorted by path
    """Put every regular file of a zip or tar into the store. Its bytes tell its kind, not its name.

    Raises `IntegrityError` for an archive that is damaged, hostile or of another kind: nothing of
    it stays. Raises `StorageError` for want of room or permission: what is done stays, for the
    next attempt to find.
    """
    blobs = BlobStore(make_folder(store)) if store else NoStore()
    try:
        file = open(archive, "rb")
    except OSError as e:
        raise StorageError(f"{name}: cannot read {archive}: {e.strerror or e}.") from e
    with file:
        opened = Archive(file, Path(archive), name, limits)
        try:
            found, left_out = _read(opened, blobs, progress)
        except IntegrityError:
            blobs.forget()
            raise
    members, repeated = _settle(found, strip)
    members.sort(key=lambda member: member.path)
    dropped = [*left_out, *repeated]
    dropped.sort(key=lambda thing: (thing.path, thing.reason, thing.message))
    return members, dropped


def _read(
    archive: Archive, blobs: BlobStore | NoStore, progress: Progress
) -> tuple[list[Member], list[Dropped]]:
    """Store what an archive holds, as it comes."""
    kind = check_kind(archive)
    reader = ZipReader(archive) if kind == "zip" else TarReader(archive, kind)
    blobs.check_room(reader.size, archive.name)
    members = []
    dropped = []
    with _metered(archive, progress):
        for entry in reader.entries():
            found = entry if isinstance(entry, Dropped) else _store(entry, blobs)
            if isinstance(found, Dropped):
                dropped.append(found)
            else:
                members.append(found)
    if not members and not dropped:
        raise archive.refuse("holds no file")
    return members, dropped


@contextmanager
def _metered(archive: Archive, progress: Progress) -> Iterator[None]:
    """Show the bytes of the archive that are done."""
    archive.meter = progress.meter(archive.size, 0, f"unpacking {archive.name}")
    try:
        yield
    finally:
        archive.meter.close()


def _store(entry: Entry, blobs: BlobStore | NoStore) -> Member | Dropped:
    """Store a file, unless its first bytes are those of an archive."""
    head = next(entry.pieces, b"")
    kind = archive_kind(head)
    if kind and not is_document(entry.path):
        return Dropped(
            entry.path, "nested_archive", f"a {kind} archive within the archive: not unpacked"
        )
    sha256, size = blobs.put(itertools.chain([head], entry.pieces))
    return Member(entry.path, sha256, size)


# ---- paths


def _settle(found: Sequence[Member], strip: int) -> tuple[list[Member], list[Dropped]]:
    """Take each path once, as it is to be: no second copy in a doubled folder, no name twice.

    The first one stays.
    """
    checksums: dict[str, str] = {}  # path as in the archive -> SHA-256 of the first of that name
    for member in found:
        checksums.setdefault(member.path, member.sha256)
    taken: dict[str, Member] = {}  # path as it is to be
    dropped = []
    for member in found:
        path = _strip(member.path, strip)
        outer = _outer_copy(member, checksums)
        if not path:
            message = f"it lies above the {strip} folders that are taken off"
            dropped.append(Dropped(member.path, "outside", message))
        elif outer:
            message = f"the same bytes as {printable(outer)}"
            dropped.append(Dropped(member.path, "nested_copy", message))
        elif path in taken:
            is_same = taken[path].sha256 == member.sha256
            bytes_differ = "the same bytes" if is_same else "its bytes differ"
            message = f"another file of that name came first: {bytes_differ}"
            dropped.append(Dropped(member.path, "duplicate_name", message))
        else:
            taken[path] = Member(path, member.sha256, member.size)
    return list(taken.values()), dropped


def _strip(path: str, folders: int) -> str:
    """Take leading folders off a path; '' where nothing is left."""
    return "/".join(path.split("/")[folders:])


def _outer_copy(member: Member, checksums: dict[str, str]) -> str:
    """Return the path of the same bytes outside a doubled folder, or ''."""
    for path in _undoubled(member.path):
        if checksums.get(path) == member.sha256:
            return path
    return ""


def _undoubled(path: str) -> list[str]:
    """Return the path without one of two equal neighbouring folders: a/a/x -> [a/x]."""
    parts = path.split("/")
    shorter = []
    for i in range(len(parts) - 2):
        if parts[i] != parts[i + 1]:
            continue
        without_one = parts[:i] + parts[i + 1 :]
        shorter.append("/".join(without_one))
    return shorter
