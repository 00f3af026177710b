"""What readers of zips and tars share: an open archive with what it may cost, its entries, and what is left out of it.
Nothing here writes; no size that an archive states is believed, bytes are counted as they come.
"""

from __future__ import annotations

import lzma
import os
import re
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cxr_fastai.core import IntegrityError, StorageError, one_line, printable
from cxr_fastai.curation.sources.listing import is_junk, is_text

__all__ = ["Archive", "Deflate", "Dropped", "Entry", "Limits", "unwanted"]


@dataclass(frozen=True)
class Dropped:
    """A thing in an archive that is left out: a row of rejects.csv, stage `archive`."""

    path: str
    reason: str  # junk | link | device | name_not_utf8 | duplicate_name | nested_copy | nested_archive | outside
    message: str


@dataclass(frozen=True)
class Entry:
    """A regular file of an archive."""

    path: str  # as in the archive, with /
    pieces: Iterator[
        bytes
    ]  # its content; raises `IntegrityError` where that is damaged or beyond a limit


@dataclass(frozen=True)
class Limits:
    """What one archive may cost, counted while it is read."""

    total: int = (
        1 << 40
    )  # bytes; MIMIC-CXR-JPG, the largest public set, has 570 GB, ChestX-ray14 42 GB
    member: int = (
        16 << 30
    )  # bytes; an array file holds a whole data set, images end at images.MAX_BYTES
    ratio: float = 200  # bytes out for a byte in, of a member and of all; radiographs have 1 to 10
    ratio_floor: int = 10_000_000  # bytes out up to which the ratio is free: an empty mask packs to next to nothing
    members: int = 2_000_000  # things of any kind; ChestX-ray14 has 112,120 images
    depth: int = 32  # folders above a file
    path: int = 4096  # characters of a name: PATH_MAX of Linux
    seconds: float = 60  # of CPU, beyond those that the bytes explain
    pace: int = (
        1 << 17
    )  # bytes that explain a second; bzip2, the slowest method, does 140 times as many


PIECE = 1 << 20  # bytes in memory at a time, and as many in the decompressor
MEMORY = 256 << 20  # bytes that a method's dictionary may take; xz -9 needs 65 MiB

AGAIN = "Delete {} and fetch it again."
BY_HAND = "If you trust {}, unpack it by hand into the mirror."
HOSTILE = "Nothing of it is kept: take {} from its publisher alone."


class Archive:
    """An open archive: its bytes, what messages call it, and what it has cost so far."""

    def __init__(self, f, path: Path, name: str, limits: Limits):
        self.f, self.path, self.name, self.limits = f, path, name, limits
        self.size = os.fstat(f.fileno()).st_size
        self.members = self.read = self.written = (
            0  # things; bytes, of headers too; bytes of members
        )
        self.begun = time.thread_time()
        self.update = lambda n: None  # told of bytes of the archive that are done

    def refuse(self, what, member: str | None = None, todo: str = AGAIN) -> IntegrityError:
        at = "" if member is None else f" {printable(member[:200])!r}:"
        return IntegrityError(
            f"{self.name}:{at} {printable(one_line(what))}. {todo.format(self.path)}"
        )

    def undecodable(self, e: Exception, what: str, member: str | None = None) -> IntegrityError:
        if "memory" not in str(e).lower():
            return self.refuse(f"{what}: {e}", member)
        return self.refuse(f"it needs more than {MEMORY:,} bytes of memory", member, BY_HAND)

    def take(self, n: int, at: int | None = None) -> bytes:
        """The next bytes of the file, or those from `at` on: `n`, unless it ends."""
        try:
            if at is not None:
                self.f.seek(at)
            return self.f.read(n)
        except OSError as e:
            raise StorageError(f"{self.name}: cannot read {self.path}: {e.strerror or e}.") from e

    def count_member(self, path: str):
        self.members += 1
        if self.members > self.limits.members:
            raise self.refuse(f"more than {self.limits.members:,} members", todo=BY_HAND)
        self.check_time(path)

    def count_stream(self, n: int):
        """Bytes decompressed of an archive that is compressed as a whole, headers and all."""
        self.read += n
        self._check(self.read, self.f.tell(), self.limits.total, None)

    def within(self, pieces, path: str, cost: int):
        """The pieces of a member, held against the limits as they come. `cost`: bytes that it takes in the archive."""
        done = 0
        for piece in pieces:
            done += len(piece)
            self.written += len(piece)
            self._check(done, cost, self.limits.member, path)
            self._check(self.written, self.size, self.limits.total, path)
            yield piece

    def _check(self, done: int, cost: int, most: int, path: str | None):
        if done > most:
            raise self.refuse(f"unpacks to more than {most:,} bytes", path, BY_HAND)
        if done > self.limits.ratio_floor and done > self.limits.ratio * cost:
            raise self.refuse(
                f"a decompression bomb: more than {self.limits.ratio:g} bytes out for each byte in",
                path,
                BY_HAND,
            )
        self.check_time(path)

    def check_time(self, path: str | None = None):
        done = self.read + self.written
        allowed = self.limits.seconds + done / self.limits.pace
        if time.thread_time() - self.begun > allowed:
            raise self.refuse(
                f"took more than {allowed:.0f} s of CPU for {done:,} bytes", path, BY_HAND
            )

    def place(self, name: str) -> str:
        """The path that a member's name means, with /. Refuses an archive whose names lead out of it."""
        parts = [p for p in name.replace("\\", "/").split("/") if p not in ("", ".")]
        if re.match(r"[/\\]|[A-Za-z]:", name) or ".." in parts:
            raise self.refuse("its path leads out of the archive", name, HOSTILE)
        if len(name) > self.limits.path:
            raise self.refuse(f"a path of {len(name):,} characters", name, HOSTILE)
        if len(parts) > self.limits.depth + 1:
            raise self.refuse(f"{len(parts) - 1:,} folders deep", name, HOSTILE)
        return "/".join(parts)


def unwanted(path: str) -> Dropped | None:
    if "\0" in path or not is_text(path):
        return Dropped(
            ascii(path)[1:-1], "name_not_utf8", "its name is no text that a table can hold"
        )
    return (
        Dropped(path, "junk", "left by an operating system in the archive")
        if is_junk(path)
        else None
    )


class Deflate:
    """zlib's decompressor with the face of those of bz2 and lzma."""

    def __init__(self, wbits: int):
        self.z = zlib.decompressobj(wbits)

    def decompress(self, data: bytes, most: int) -> bytes:
        return self.z.decompress(self.z.unconsumed_tail + data, most)

    @property
    def needs_input(self) -> bool:
        return not self.z.unconsumed_tail

    @property
    def eof(self) -> bool:
        return self.z.eof

    @property
    def unused_data(self) -> bytes:
        return self.z.unused_data


UNDECODABLE = (
    zlib.error,
    lzma.LZMAError,
    EOFError,
    OSError,
    ValueError,
)  # what decompressors raise; bz2: OSError
