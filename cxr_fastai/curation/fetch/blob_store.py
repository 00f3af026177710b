"""A content store: files named by their SHA-256, store/<sha256[:2]>/<sha256>.

Pieces of bytes -> a file, its checksum and size. One that is there is not written again. It holds
no lock: writers may share a store.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cxr_fastai.core import StorageError

__all__ = ["BlobStore", "NoStore"]

SPILL_BYTES = 16 << 20  # of a file that are held before they go to disk: a radiograph
ROOM_FACTOR = 1.1  # free disk wanted, times the bytes that are to come


class BlobStore:
    """A content store, and what one archive adds to it."""

    parts: set[Path] = set()  # temporary files of this process

    def __init__(
        self,
        folder: Path,  # which exists
    ):
        self.folder = folder.resolve()
        self.new: list[Path] = []  # files that came since this object was made
        host = "".join(c for c in platform.node() if c.isalnum())
        unique = uuid.uuid4().hex
        self.part = self.folder / f".{host}.{os.getpid()}.{unique}.part"
        self.parts.add(self.part)
        self._remove_parts_of_the_dead(host)

    def _remove_parts_of_the_dead(self, host: str) -> None:
        """Remove temporary files that killed processes of this machine left."""
        for part in self.folder.glob(f".{host}.*.part"):
            pid = part.name.split(".")[2]
            if part in self.parts or _is_running(pid):
                continue
            part.unlink(missing_ok=True)

    def put(self, pieces: Iterable[bytes]) -> tuple[str, int]:
        """Store the bytes that `pieces` yields; return their (SHA-256, size)."""
        digest = hashlib.sha256()
        size = 0
        spilled = 0  # bytes of them that are on disk
        held: list[bytes] = []
        try:
            for piece in pieces:
                digest.update(piece)
                held.append(piece)
                size += len(piece)
                if size - spilled >= SPILL_BYTES:
                    self._spill(held)
                    held = []
                    spilled = size
            self._keep(digest.hexdigest(), size, held)
        finally:
            with suppress(OSError):
                self.part.unlink()
        return digest.hexdigest(), size

    def _spill(self, held: list[bytes]) -> None:
        """Add what is held to the temporary file."""
        with _storage_errors(self.folder), open(self.part, "ab") as out:
            out.writelines(held)

    def _keep(self, sha256: str, size: int, held: list[bytes]) -> None:
        """Give the bytes their name, unless they stand there already."""
        blob = self.folder / sha256[:2] / sha256
        with _storage_errors(self.folder):
            is_whole = blob.is_file() and blob.stat().st_size == size
            if is_whole:  # a loss of power may have cut it
                return
            self._spill(held)
            blob.parent.mkdir(exist_ok=True)
            self.new.append(blob)
            os.replace(self.part, blob)

    def forget(self) -> None:
        """Remove what came since this object was made."""
        for blob in self.new:
            with suppress(OSError):
                blob.unlink()
                blob.parent.rmdir()

    def check_room(self, size: int, name: str) -> None:
        """Raise `StorageError` where `size` bytes have no room.

        What an earlier attempt left may be part of them.
        """
        need = int(size * ROOM_FACTOR)
        free = shutil.disk_usage(self.folder).free
        if need <= free:
            return
        need -= sum(blob.stat().st_size for blob in self.folder.glob("??/*"))
        if need > free:
            raise StorageError(
                f"{name}: unpacking needs {need:,} bytes in {self.folder}, {free:,} are free. "
                "Free space there, or choose another folder."
            )


class NoStore:
    """What stands for a store where bytes are to be read and verified, and not kept."""

    def put(self, pieces: Iterable[bytes]) -> tuple[str, int]:
        """Read the bytes that `pieces` yields; return their (SHA-256, size)."""
        digest = hashlib.sha256()
        size = 0
        for piece in pieces:
            digest.update(piece)
            size += len(piece)
        return digest.hexdigest(), size

    def forget(self) -> None:
        """Do nothing: nothing was kept."""

    def check_room(self, size: int, name: str) -> None:
        """Do nothing: nothing takes room."""


def _is_running(pid: str) -> bool:
    """Tell whether another process of that number runs."""
    if pid == str(os.getpid()):
        return False  # the number was given anew, as always in a container
    if os.name == "nt":
        return True  # there, signal 0 is no question
    try:
        os.kill(int(pid), 0)
    except (ValueError, ProcessLookupError):
        return False
    except OSError:
        return True  # another user's
    return True


@contextmanager
def _storage_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as e:
        raise StorageError(
            f"cannot write to {folder}: {e.strerror or e}. "
            "Free space or permission there and start again: what is done stays."
        ) from e
