"""The unfinished file of a download. Takes a store folder and a key, adopts what a dead process left under that key,
hashes what is written, and ends as store/<sha256>, as store/<key>.corrupt, or kept for the next run. Asks no network;
never trusts bytes of an earlier run whose checksum it has not seen again.

    .KEY.HOST.PID-N.part   the bytes; N counts within the process, so that no two writers share a file
    .KEY.HOST.PID-N.json   what they are of, and the SHA-256 of the first `done` of them at the last checkpoint

KEY is a SHA-256 of the key, cut to 32 digits: no address stands in a name or in a file.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import re
import socket
import time
from contextlib import contextmanager, suppress
from pathlib import Path

from cxr_fastai.core import IntegrityError, StorageError, sha256_text

try:
    import fcntl
except ImportError:
    fcntl = None  # Windows: who lives is judged by age alone

__all__ = ["Partial", "disk", "MEND"]

EVERY = 5.0  # seconds between checkpoints: the most that a kill costs
STALE = 86400  # seconds without a write after which another machine's file is nobody's
CHUNK = 1 << 20  # bytes read at once
MEND = "Free space or permission there, or choose another folder: set CXR_CACHE."
HOST = re.sub(r"[^\w-]", "_", socket.gethostname())
_COUNT = itertools.count()
_ACTIVE: set[str] = set()  # stems that this process writes


@contextmanager
def disk(folder):
    """Turns what the disk refuses into a `StorageError`."""
    try:
        yield
    except OSError as e:
        raise StorageError(f"cannot write in {folder}: {e.strerror or e}. {MEND}") from e


class Partial:
    """Bytes that come, their running SHA-256, and what a later run needs to go on. A context manager."""

    def __init__(
        self,
        store: Path,  # folder, which exists
        key: str,  # identity of the thing across runs
        adopt=True,  # go on from what a dead process left
    ):
        self.store, self.key, self.adopt = Path(store), sha256_text(key), adopt
        self.stem = f".{self.key[:32]}.{HOST}.{os.getpid()}-{next(_COUNT)}"
        self.path = self.store / f"{self.stem}.part"
        self.sidecar = self.store / f"{self.stem}.json"
        self.validator = self.etag = (
            ""  # strong ETag or Last-Modified, '' where it cannot be resumed; ETag as it came
        )
        self.size: int | None = None  # in the end; None where the server does not say
        self.done, self.hash = 0, hashlib.sha256()
        self.file, self.broken, self._next = None, False, 0.0
        self.resumed = 0  # bytes of an earlier run that still stand

    def __enter__(self):
        with disk(self.store):
            dead = self._dead() if self.adopt else []
            _ACTIVE.add(self.stem)
            try:
                if any(self._take_over(stem) for stem in dead):
                    return self
                self._drop(self.stem)
                self.file = open(self.path, "xb")
                _lock(self.file)
            except BaseException:
                _ACTIVE.discard(self.stem)
                raise
        return self

    def __exit__(self, kind, *_):
        keep = bool(self.done and self.validator) and not (
            kind and issubclass(kind, IntegrityError)
        )
        try:
            if keep and not self.broken and not self.file.closed:
                self.checkpoint()
        finally:
            with suppress(OSError):
                self.file.close()
            if self.broken or not keep:
                self._drop(self.stem)
            _ACTIVE.discard(self.stem)

    @property
    def sha256(self) -> str:
        return self.hash.hexdigest()

    # ---- bytes

    def restart(self, validator: str, etag: str, size: int | None):
        """Throw away what there is: the bytes that follow are the first."""
        with self._disk():
            os.stat(
                self.path
            )  # gone: another process took it over, and its bytes are not ours to cut
            self.sidecar.unlink(missing_ok=True)
            self.file.seek(0)
            self.file.truncate()
        self.validator, self.etag, self.size = validator, etag, size
        self.done, self.resumed, self.hash = 0, 0, hashlib.sha256()
        self._next = time.monotonic() + EVERY

    def write(self, chunk: bytes):
        """Add bytes. Raises `StorageError`, leaving no file, where the disk refuses them."""
        with self._disk():
            self.file.write(chunk)
        self.hash.update(chunk)
        self.done += len(chunk)
        if self.validator and time.monotonic() >= self._next:
            self.checkpoint()

    def checkpoint(self):
        """What is written so far is on disk and vouched for."""
        state = dict(
            key=self.key,
            validator=self.validator,
            etag=self.etag,
            size=self.size,
            done=self.done,
            sha256=self.sha256,
            born=_born(os.getpid()),
        )
        with self._disk():
            self.file.flush()
            os.fsync(self.file.fileno())
            self._save(state)
        self._next = time.monotonic() + EVERY

    def _save(self, state: dict):
        new = self.store / f"{self.stem}.tmp"
        new.write_text(json.dumps(state), encoding="utf-8")
        os.replace(new, self.sidecar)

    def finish(self) -> Path:
        """Into the store, under its SHA-256; what dead processes left under this key goes."""
        path = self._end(self.sha256)
        with suppress(OSError):
            for stem in self._dead():
                self._sweep(stem)
            self.corrupt.unlink(missing_ok=True)
        return path

    def reject(self) -> Path:
        """Set aside as <key>.corrupt, of which there is one at most."""
        return self._end(self.corrupt.name)

    @property
    def corrupt(self) -> Path:
        return self.store / f"{self.key[:32]}.corrupt"

    def _end(self, name: str) -> Path:
        with self._disk():
            self.file.flush()
            os.fsync(self.file.fileno())
            self.file.close()
            os.replace(self.path, self.store / name)
            self.sidecar.unlink(missing_ok=True)
        return self.store / name

    @contextmanager
    def _disk(self):
        try:
            with disk(self.store):
                yield
        except StorageError:
            self.broken = True
            raise

    # ---- what others left

    def _dead(self) -> list[str]:
        """Stems of this key that no living process writes, the largest first."""
        mine = re.compile(rf"(\.{self.key[:32]}\.([\w-]+)\.(\d+)-\d+)\.(?:part|json|tmp)")
        met = {m[1]: m for n in os.listdir(self.store) if (m := mine.fullmatch(n))}
        dead = [s for s, m in met.items() if not _alive(self.store / s, m[2], int(m[3]))]
        return sorted(dead, key=lambda s: (-_size(self.store / f"{s}.part"), s))

    def _take_over(self, stem: str) -> bool:
        """Whether the bytes under `stem` are ours now and are what their sidecar says."""
        old = self.store / f"{stem}.part"
        try:
            file = open(old, "r+b")
        except OSError:
            return False
        try:
            if not _lock(file):
                return False
            state = json.loads((self.store / f"{stem}.json").read_text(encoding="utf-8"))
            self._save({**state, "born": _born(os.getpid())})
            os.replace(old, self.path)  # one process wins
            if stem != self.stem:
                self._unlink(f"{stem}.json")
            if self._vouched(file, state):
                self.file = file
        except (OSError, ValueError, TypeError):
            pass
        finally:
            if self.file is None:
                file.close()
        return self.file is not None

    def _vouched(self, file, state: dict) -> bool:
        """Whether the first `done` bytes of `file` are those of the sidecar; what stands behind them goes."""
        try:
            known, done, h = (
                state["key"] == self.key and state["validator"],
                int(state["done"]),
                hashlib.sha256(),
            )
            etag, size, want = state["etag"], state["size"], state["sha256"]
        except (KeyError, ValueError):
            return False
        left = done
        while left > 0 and (chunk := file.read(min(CHUNK, left))):
            h.update(chunk)
            left -= len(chunk)
        if not known or left or h.hexdigest() != want:
            return False
        file.truncate()
        self.validator, self.etag, self.size, self.hash = known, etag, size, h
        self.done = self.resumed = done
        self._next = time.monotonic() + EVERY
        return done > 0

    def _sweep(self, stem: str):
        try:
            with open(self.store / f"{stem}.part", "r+b") as file:
                if not _lock(file):
                    return
        except FileNotFoundError:
            pass
        self._drop(stem)

    def _drop(self, stem: str):
        for end in ("part", "json", "tmp"):
            self._unlink(f"{stem}.{end}")

    def _unlink(self, name: str):
        with suppress(OSError):
            (self.store / name).unlink()


# ---- who lives


def _alive(stem: Path, host: str, pid: int) -> bool:
    """Whether the process that began the file may still write it; True where that cannot be told."""
    if host == HOST and pid == os.getpid():
        return stem.name in _ACTIVE
    if host != HOST or os.name == "nt":
        newest = max(_time(stem.with_name(f"{stem.name}.{end}")) for end in ("part", "json"))
        return time.time() - newest < STALE
    try:
        os.kill(pid, 0)
    except PermissionError:
        pass
    except (ProcessLookupError, OverflowError):
        return False
    try:
        born = json.loads(stem.with_name(f"{stem.name}.json").read_text(encoding="utf-8"))["born"]
    except (OSError, ValueError, KeyError, TypeError):
        return True
    return not born or born == _born(pid)  # else the number went to another process


def _born(pid: int) -> str:
    """When a process began, in ticks since the machine did; '' where the system does not say."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""


def _lock(file) -> bool:
    """False where another process, maybe in another container or on another machine, holds the file.
    Some file systems always say yes: a second word, on which nothing rests.
    """
    if fcntl is None:
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True  # a file system without locks
    return True


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1


def _time(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
