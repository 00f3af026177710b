"""The unfinished file of a download: bytes that come, and what a later run needs to go on.

A store folder and a key -> store/<sha256>, or store/KEY.corrupt, or what is kept for the next
run. It goes on from what a run that was killed left under that key, and never trusts bytes of an
earlier run whose checksum it has not seen again. It asks no network.

    .KEY.part   the bytes
    .KEY.json   what they are of, and the SHA-256 of the first `done` of them at the last checkpoint

KEY is a SHA-256 of the key, cut to 32 digits: no address stands in a name or in a file. There is
one unfinished file a key, and one writer: whoever makes a Partial holds a file lock over the key
(fetch_one.py does). A new start is a new file, so that even where locks do not hold (two
machines, a file system that always says yes) no two writers of different contents share one; the
writer whose file is no longer the one of that name stops with an error.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from cxr_fastai.core import IntegrityError, StorageError, StrPath, sha256_text

__all__ = ["Partial", "disk_errors", "key_name", "REMEDY"]

CHECKPOINT_SECONDS = 5.0  # between checkpoints: the most that a kill costs
READ_BYTES = 1 << 20  # read at once
REMEDY = "Free space or permission there, or choose another folder: set CXR_CACHE."


def key_name(key: str) -> str:
    """Return the name that stands for a key on disk: 32 hex digits."""
    return sha256_text(key)[:32]


@contextmanager
def disk_errors(folder: StrPath) -> Iterator[None]:
    """Turn what the disk refuses into a `StorageError`."""
    try:
        yield
    except OSError as e:
        raise StorageError(f"cannot write in {folder}: {e.strerror or e}. {REMEDY}") from e


@dataclass(frozen=True)
class Checkpoint:
    """The content of the sidecar: what the first `done` bytes are."""

    key: str  # SHA-256 of the key, all 64 digits
    validator: str  # strong ETag or Last-Modified
    etag: str  # as it came, or blank
    size: int | None  # bytes in the end; None where the server does not say
    done: int  # bytes
    sha256: str  # of those bytes


class Partial:
    """Bytes that come, their running SHA-256, and what a later run needs to go on.

    A context manager. The caller holds the key's lock as long.
    """

    file: BinaryIO  # open from entering to leaving

    def __init__(
        self,
        store: Path,  # folder, which exists
        key: str,  # identity of the thing across runs
    ):
        self.store = Path(store)
        self.key = sha256_text(key)
        self.stem = f".{key_name(key)}"
        self.path = self.store / f"{self.stem}.part"
        self.sidecar = self.store / f"{self.stem}.json"
        self.corrupt = self.store / f"{key_name(key)}.corrupt"
        self.validator = ""  # strong ETag or Last-Modified; blank where it cannot be resumed
        self.etag = ""  # as it came
        self.size: int | None = None  # in the end; None where the server does not say
        self.done = 0  # bytes written
        self.resumed = 0  # bytes of an earlier run that still stand
        self.hash = hashlib.sha256()
        self.broken = False  # the disk refused something
        self.lost = False  # another writer took the name
        self.next_checkpoint = 0.0  # seconds of time.monotonic()

    def __enter__(self) -> Partial:
        with disk_errors(self.store):
            if not self._resume():
                self._remove_files()
                self.file = open(self.path, "xb")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Keep what a later run can go on from, and nothing else."""
        is_wrong = isinstance(error, IntegrityError)
        can_go_on = bool(self.done and self.validator) and not is_wrong and not self.broken
        try:
            if can_go_on and not self.lost and not self.file.closed:
                self.checkpoint()
        finally:
            with suppress(OSError):
                self.file.close()
            if not self.lost and (self.broken or not can_go_on):
                self._remove_files()

    @property
    def sha256(self) -> str:
        """SHA-256 of all bytes so far."""
        return self.hash.hexdigest()

    # ---- bytes

    def restart(self, validator: str, etag: str, size: int | None) -> None:
        """Throw away what there is: the bytes that follow are the first."""
        with self._disk_errors():
            self.file.close()
            self.sidecar.unlink(missing_ok=True)
            self.path.unlink(missing_ok=True)
            self.file = open(self.path, "xb")
        self.validator = validator
        self.etag = etag
        self.size = size
        self.done = 0
        self.resumed = 0
        self.hash = hashlib.sha256()
        self.next_checkpoint = time.monotonic() + CHECKPOINT_SECONDS

    def write(self, chunk: bytes) -> None:
        """Add bytes. Raises `StorageError`, leaving no file, where the disk refuses them."""
        with self._disk_errors():
            self.file.write(chunk)
        self.hash.update(chunk)
        self.done += len(chunk)
        if self.validator and time.monotonic() >= self.next_checkpoint:
            self.checkpoint()

    def checkpoint(self) -> None:
        """Put what is written so far on the disk and vouch for it in the sidecar."""
        state = Checkpoint(
            key=self.key,
            validator=self.validator,
            etag=self.etag,
            size=self.size,
            done=self.done,
            sha256=self.sha256,
        )
        with self._disk_errors():
            self._flush()
            new = self.store / f"{self.stem}.tmp"
            new.write_text(json.dumps(asdict(state)), encoding="utf-8")
            os.replace(new, self.sidecar)
        self.next_checkpoint = time.monotonic() + CHECKPOINT_SECONDS

    def finish(self) -> Path:
        """Move the file into the store, under its SHA-256. Raises `StorageError`."""
        path = self._end(self.store / self.sha256)
        with suppress(OSError):
            self.corrupt.unlink(missing_ok=True)
            for old in self.store.glob(f"{self.stem}.*.*"):
                old.unlink()  # of an earlier version, with host and process in the name
        return path

    def reject(self) -> Path:
        """Set the file aside as KEY.corrupt, of which there is one at most."""
        return self._end(self.corrupt)

    def _end(self, path: Path) -> Path:
        """Give the file its last name."""
        with self._disk_errors():
            self.file.truncate(self.done)  # beyond may stand what was written after a checkpoint
            self._flush()
            self._check_name()
            self.file.close()
            os.replace(self.path, path)
            self.sidecar.unlink(missing_ok=True)
        return path

    def _check_name(self) -> None:
        """Raise `StorageError` where the file of our name is no longer the one that we write."""
        ours = os.fstat(self.file.fileno())
        if self.path.is_file() and os.path.samestat(ours, os.stat(self.path)):
            return
        self.lost = True
        raise StorageError(
            f"another process writes the same download in {self.store}: file locks do not hold "
            "there. Run it again when the other is done, or set CXR_CACHE to a local disk."
        )

    def _flush(self) -> None:
        """Put what is written on the disk, also against a loss of power."""
        self.file.flush()
        os.fsync(self.file.fileno())

    @contextmanager
    def _disk_errors(self) -> Iterator[None]:
        try:
            with disk_errors(self.store):
                yield
        except StorageError:
            self.broken = True
            raise

    # ---- what an earlier run left

    def _resume(self) -> bool:
        """Go on from what an earlier run left. False where nothing is there that can be trusted."""
        state = self._read_sidecar()
        if state is None:
            return False
        try:
            file = open(self.path, "r+b")
        except OSError:
            return False
        checked = _hash_of_first(file, state.done)
        if checked is None or checked.hexdigest() != state.sha256:
            file.close()
            return False
        self.file = file
        self.validator = state.validator
        self.etag = state.etag
        self.size = state.size
        self.hash = checked
        self.done = state.done
        self.resumed = state.done
        self.next_checkpoint = time.monotonic() + CHECKPOINT_SECONDS
        return True

    def _read_sidecar(self) -> Checkpoint | None:
        """Read the last checkpoint; None where it is missing, damaged or of another key."""
        try:
            cells = json.loads(self.sidecar.read_text(encoding="utf-8"))
            state = Checkpoint(
                key=cells["key"],
                validator=cells["validator"],
                etag=cells["etag"],
                size=cells["size"],
                done=int(cells["done"]),
                sha256=cells["sha256"],
            )
        except (OSError, ValueError, TypeError, KeyError):
            return None
        if state.key != self.key or not state.validator or state.done <= 0:
            return None
        return state

    def _remove_files(self) -> None:
        """Remove what stands under this key, as far as the system lets."""
        for path in (self.path, self.sidecar, self.store / f"{self.stem}.tmp"):
            with suppress(OSError):
                path.unlink()


def _hash_of_first(file: BinaryIO, size: int) -> hashlib._Hash | None:
    """Read the first `size` bytes and return their SHA-256, running; None where there are fewer."""
    running = hashlib.sha256()
    left = size
    while left > 0:
        chunk = file.read(min(READ_BYTES, left))
        if not chunk:
            return None
        running.update(chunk)
        left -= len(chunk)
    return running
