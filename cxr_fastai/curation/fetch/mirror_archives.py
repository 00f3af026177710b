"""Archives that lie in a mirror, read as they came.

A source and its place in a mirror, a folder or an archive -> the Tree of its files. The bytes of an
archive go into the cache once, by its SHA-256; the mirror is never written to, and no archive
within an archive is unpacked.

Which files are taken:

- the folder's own, where one of them meets a glob of the source; archives beside them stay packed,
  and rejects.csv names them
- else those of all archives in the folder, together with the other files beside them. An archive is
  unpacked where it lies, without its one top folder, or into a folder of its name: the first of
  these under which most of what the catalogue asks for is found
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from cxr_fastai.catalog import Source, split_list
from cxr_fastai.core import IntegrityError, StorageError, make_folder, sha256_file
from cxr_fastai.curation.fetch.archive_kind import archive_kind, is_document
from cxr_fastai.curation.fetch.archives import unpack
from cxr_fastai.curation.fetch.lock_file import LockedPart, LockEntry
from cxr_fastai.curation.fetch.unpacked import (
    IndexRow,
    blob_path,
    blobs_folder,
    dropped_row,
    member_row,
    read_whole_index,
    write_index,
)
from cxr_fastai.curation.sources.file_names import meets, shallowest
from cxr_fastai.curation.sources.tree import Tree, folder_tree
from cxr_fastai.junk import is_junk
from cxr_fastai.progress import SILENT, Progress

__all__ = ["Place", "is_archive", "look", "mirror_tree", "verified_tree"]

# Names of archives, of those too that are refused: 7-Zip, RAR, Zstandard, parts of a zip.
ENDING = r"\.(zip|7z|rar|tar|t[gbx]z2?|tar\.(gz|bz2|xz|zst|lz|z)|(zip|7z)\.\d{3}|z\d\d)"
ARCHIVE_NAME = re.compile(f".+{ENDING}", re.I)
# What is no part of the name of the folder that an archive is unpacked into: its ending, and what
# browsers add to a second download.
NO_FOLDER_NAME = re.compile(rf"( ?\(\d+\))?{ENDING}$", re.I)
# What browsers and download programs call a file until it is whole.
UNFINISHED_NAME = re.compile(
    r".+\.(part|partial|crdownload|download|opdownload|filepart|aria2)", re.I
)
HEAD_BYTES = 512  # of a file, that tell an archive: a tar's first header


@dataclass(frozen=True)
class Place:
    """What lies where a mirror holds a source."""

    path: Path  # a folder, or an archive
    tree: Tree  # its plain files; without the archives, where these are to be read
    archives: tuple[str, ...] = ()  # to be read: paths in the folder; empty: the files are
    left_packed: tuple[str, ...] = ()  # archives at the folder's top that are not read


@dataclass(frozen=True)
class _Content:
    """What one archive adds to a tree."""

    name: str  # in the folder
    files: dict[str, str]  # path in the source -> SHA-256
    dropped: list[tuple[str, str, str]]  # as Tree.dropped


def look(
    source: Source,
    path: Path,  # where a mirror holds it: a folder, or an archive in place of one
) -> Place:
    """Decide whether the files of a folder are to be read or the archives in it.

    Raises `IntegrityError` where a download that did not end lies there instead of files.
    """
    if path.is_file():
        tree = Tree(where=str(path), files={})
        return Place(path.parent, tree, (path.name,))
    tree = folder_tree(path)
    names = [name for name in tree.files if not is_junk(name)]
    packed = [name for name in names if is_archive(name, tree.files[name])]
    if any(meets(source.globs, name) for name in names) or not source.globs:
        at_top = tuple(name for name in packed if "/" not in name)
        return Place(path, _with_archives_told(tree, at_top), left_packed=at_top)
    for name in names:
        if UNFINISHED_NAME.fullmatch(name):
            raise IntegrityError(
                f"{source.id}: {tree.files[name]} is a download that did not end: "
                "finish it, or delete it and fetch it again."
            )
    files = {name: file for name, file in tree.files.items() if name not in packed}
    return Place(path, replace(tree, files=files), tuple(packed))


def mirror_tree(
    source: Source,
    place: Place,  # of `look`
    progress: Progress = SILENT,
) -> Tree:
    """Return the files of a place; unpack its archives into the cache, unless they are there.

    Raises `IntegrityError` for an archive that is damaged, hostile, of a kind that is not read, or
    at odds with another one, and `StorageError`.
    """
    return _tree(source, place, progress, keeps=True)


def verified_tree(
    source: Source,
    place: Place,  # of `look`
) -> Tree:  # whose files need not be on disk
    """Return the tree that `mirror_tree` would give, and raise what it would, but keep nothing."""
    return _tree(source, place, SILENT, keeps=False)


def _tree(source: Source, place: Place, progress: Progress, keeps: bool) -> Tree:
    """Read each archive once, and make one tree of them."""
    if not place.archives:
        return place.tree
    contents = []
    met: dict[str, str] = {}  # SHA-256 of an archive -> its name
    for name in place.archives:
        archive = place.path / name
        sha256 = _checksum(source, archive)
        if sha256 in met:
            row = (name, "duplicate_archive", f"the same bytes as {met[sha256]}")
            contents.append(_Content(name, {}, [row]))
            continue
        met[sha256] = name
        rows = _rows(source, archive, sha256, progress, keeps)
        contents.append(_content(source, name, rows))
    return _united(source, place, contents)


# ---- what lies in a folder


def is_archive(
    name: str,  # relative to the folder
    file: str,
) -> bool:
    """Tell an archive by its name; a file at the top without an ending by its first bytes."""
    if ARCHIVE_NAME.fullmatch(name):
        return True
    if "/" in name or PurePosixPath(name).suffix or is_document(name):
        return False
    try:
        with open(file, "rb") as f:
            return bool(archive_kind(f.read(HEAD_BYTES)))
    except OSError:
        return False


def _with_archives_told(tree: Tree, packed: Sequence[str]) -> Tree:
    """Note the archives of a folder whose files are read instead."""
    message = "unpacked files lie beside it and were read: move them away to have it read"
    rows = [(name, "archive_beside_files", message) for name in packed]
    return replace(tree, dropped=tuple(sorted([*tree.dropped, *rows])))


# ---- one archive


def _checksum(source: Source, archive: Path) -> str:
    """Return the SHA-256 of an archive's bytes."""
    try:
        return sha256_file(archive)
    except OSError as e:
        raise StorageError(f"{source.id}: cannot read {archive}: {e.strerror or e}.") from e


def _rows(
    source: Source,
    archive: Path,
    sha256: str,  # of the archive
    progress: Progress,
    keeps: bool,  # what is read goes into the cache
) -> list[IndexRow]:
    """Return the index rows of an archive; read it where the cache lacks any of it."""
    from filelock import FileLock

    part = LockedPart(name="archive of a mirror", sha256=sha256, size=archive.stat().st_size)
    entry = LockEntry(handle="", download="", version="", parts=[part])
    name = f"{source.id}: {archive.name}"
    if not keeps:
        return read_whole_index(entry) or _unpacked_rows(archive, None, name, progress)
    store = make_folder(blobs_folder())
    with FileLock(store / f".{sha256}.lock"):
        known = read_whole_index(entry)
        if known is not None:
            return known
        rows = _unpacked_rows(archive, store, name, progress)
        write_index(entry, rows)
        return rows


def _unpacked_rows(
    archive: Path,
    store: Path | None,  # None: nothing is kept
    name: str,  # for messages
    progress: Progress,
) -> list[IndexRow]:
    """Unpack an archive; return the index rows of its members, and of what was dropped."""
    members, dropped = unpack(archive, store, name, progress=progress)
    return [*map(member_row, members), *map(dropped_row, dropped)]


def _content(source: Source, name: str, rows: Sequence[IndexRow]) -> _Content:
    """Give the members of an archive their places in the source."""
    dropped = [(row["path"], row["reason"], row["message"]) for row in rows if row["reason"]]
    members = {row["path"]: row["sha256"] for row in rows if not row["reason"]}
    placed = max(
        _placements(name, list(members)),
        key=lambda paths: _count_met(source, paths.values()),  # of equals the first
    )
    files = {placed[path]: sha256 for path, sha256 in members.items()}
    return _Content(name, files, dropped)


def _placements(
    name: str,  # of the archive, relative to the folder
    members: Sequence[str],  # paths in the archive
) -> list[dict[str, str]]:  # path in the archive -> path in the source, of each way
    """List the ways to unpack an archive: where it lies, without its top folder, in its own."""
    folder = PurePosixPath(name).parent
    own = folder / NO_FOLDER_NAME.sub("", PurePosixPath(name).name)
    ways = [{path: (folder / path).as_posix() for path in members}]
    tops = {path.split("/")[0] for path in members if not is_junk(path)}
    all_below = all("/" in path for path in members if not is_junk(path))
    if len(tops) == 1 and all_below:
        without = [path.partition("/")[2] or path for path in members]
        ways.append({path: (folder / rest).as_posix() for path, rest in zip(members, without)})
    ways.append({path: (own / path).as_posix() for path in members})
    return ways


def _count_met(source: Source, paths: Iterable[str]) -> int:
    """Count the globs of images and tables that one of the paths meets."""
    names = [path for path in paths if not is_junk(path)]
    wanted = [*source.globs]
    for rule in source.rules:
        wanted += split_list(rule.table)
    met = [glob for glob in dict.fromkeys(wanted) if shallowest(glob, names)]
    return len(met)


# ---- all of them


def _united(
    source: Source,
    place: Place,
    contents: Sequence[_Content],
) -> Tree:
    """Make one tree of the archives and of the files beside them, which go first."""
    where = _where(place)
    owner: dict[str, _Content] = {}
    dropped = list(place.tree.dropped)
    for content in contents:
        dropped += content.dropped
        for path, sha256 in content.files.items():
            before = owner.setdefault(path, content)
            if before.files[path] != sha256:
                raise IntegrityError(
                    f"{source.id}: {before.name} and {content.name} in {place.path} both hold "
                    f"{path}, and their bytes differ: leave one of the two archives there."
                )
    files = {path: str(blob_path(content.files[path])) for path, content in owner.items()}
    files.update(place.tree.files)
    tree = Tree(where, dict(sorted(files.items())), tuple(sorted(dropped)))
    _refuse_nested(source, tree)
    return tree


def _where(place: Place) -> str:
    """Name the archives for messages."""
    first = str(place.path / place.archives[0])
    others = len(place.archives) - 1
    return f"{first} and {others} more archives" if others else first


def _refuse_nested(source: Source, tree: Tree) -> None:
    """Raise `IntegrityError` where the images may lie in an archive within the archive."""
    names = [name for name in tree.files if not is_junk(name)]
    if any(meets(source.globs, name) for name in names):
        return
    nested = [path for path, reason, _ in tree.dropped if reason == "nested_archive"]
    nested += [name for name in names if ARCHIVE_NAME.fullmatch(name)]
    if nested:
        raise IntegrityError(
            f"{source.id}: {tree.where} holds archives itself, {min(nested)} the first, and these "
            "are not unpacked: unpack it by hand into the mirror."
        )
