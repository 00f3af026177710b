"""The cache of the Hub's client, as its files lie: blobs by their hashes, commits of links to them.

The name of a bundle -> where its files are; a file that comes -> its place. No path is made of
what a server says: a commit is 40 hex digits, a blob is called by the hash that its bytes have.
Bytes that are not those that were told are not kept, nor more of them than were told.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import IO

from cxr_fastai.bundle.file_names import BUNDLE_JSON, GATE, WEIGHTS
from cxr_fastai.bundle.hub_names import HubName, is_commit
from cxr_fastai.core import (
    IntegrityError,
    StorageError,
    atomic_path,
    make_folder,
    sha256_file,
    write_text,
)
from cxr_fastai.strict_json import parse_json

__all__ = ["Bounded", "commit_folder", "is_whole", "keep", "known_commit", "remember"]


def _storage(name: HubName) -> Path:
    """Return where the client keeps all of a repository."""
    constants = import_module("huggingface_hub.constants")
    folder = constants.REPO_ID_SEPARATOR.join(["models", *name.repo.split("/")])
    return Path(constants.HF_HUB_CACHE) / folder


def commit_folder(name: HubName, commit: str) -> Path:
    """Return where the client keeps a commit."""
    return _storage(name) / "snapshots" / commit


def is_whole(folder: Path) -> bool:
    """Tell whether a commit is here with all that is needed to answer."""
    needed = [WEIGHTS, BUNDLE_JSON]
    try:
        record = parse_json((folder / BUNDLE_JSON).read_bytes())
    except (OSError, ValueError):
        return False
    if isinstance(record, dict) and "gate" in record:
        needed.append(GATE)
    return all((folder / file).is_file() for file in needed)


# ---- which commit a branch was


def _ref(name: HubName) -> Path:
    """Return the file in which the client keeps which commit a branch was."""
    return _storage(name) / "refs" / name.branch


def known_commit(name: HubName) -> str:
    """Return the commit that a bundle was when it was had last; '' where it never was."""
    if name.is_pinned:
        return name.revision
    try:
        commit = _ref(name).read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""
    return commit if is_commit(commit) else ""


def remember(name: HubName, commit: str) -> None:
    """Note which commit a branch was, where the client does: for a day without a network."""
    if name.is_pinned:
        return
    try:
        make_folder(_ref(name).parent)
        write_text(_ref(name), commit)
    except StorageError:
        pass  # a cache that may only be read serves all the same


# ---- a file


@dataclass(frozen=True)
class Bounded:
    """A file that takes as many bytes as were told, and refuses more: what the client writes to."""

    file: IO[bytes]
    most: int  # bytes
    what: str  # its name, for messages

    def write(self, data: bytes) -> int:
        """Write. Raises `IntegrityError` for more than was told."""
        longer = self.file.tell() + len(data)
        if longer > self.most:
            raise IntegrityError(f"{self.what} is longer than the {self.most:,} bytes it was to be")
        return self.file.write(data)

    def tell(self) -> int:
        """Tell the place in the file."""
        return self.file.tell()

    def seek(self, place: int, whence: int = 0) -> int:
        """Go to a place of it."""
        return self.file.seek(place, whence)

    def truncate(self) -> int:
        """Cut it here."""
        return self.file.truncate()


def keep(
    place: Path,  # of the file, in the folder of its commit
    told: tuple[int, str],  # bytes, and hash: SHA-256, or as git names it
    download: Callable[[Bounded], None],  # writes the file
) -> None:
    """Have a file at its place, unless it is there with its own bytes.

    Raises `IntegrityError`, keeping nothing, for other bytes; `StorageError`.
    """
    size, named = told
    if place.is_file() and _hash(place, named) == named:
        return
    blob = place.parents[2] / "blobs" / named
    if not (blob.is_file() and _hash(blob, named) == named):
        make_folder(blob.parent)
        with atomic_path(blob) as part:
            with open(part, "wb") as f:
                download(Bounded(f, size, place.name))
            if _hash(part, named) != named:
                raise IntegrityError(f"the bytes of {place.name} that came are other ones")
    make_folder(place.parent)
    place.unlink(missing_ok=True)
    try:
        os.symlink(os.path.relpath(blob, place.parent), place)
    except OSError:
        os.replace(blob, place)  # a file system without links, as the client does there


def _hash(
    file: Path,
    as_named: str,  # a hash of the kind that is wanted
) -> str:
    """Return a file's SHA-256, or its name in git where a hash of 40 digits is wanted."""
    if len(as_named) != 40:
        return sha256_file(file)
    data = file.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
