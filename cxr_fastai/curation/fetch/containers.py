"""What readers of zips and tars share: an open archive with what it may cost, and its entries.

An open file -> its bytes, its members' paths, what is left out of it. Nothing here writes; no
size that an archive states is believed, bytes are counted as they come.
"""

from __future__ import annotations

import lzma
import os
import re
import time
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from cxr_fastai.core import IntegrityError, StorageError, one_line, printable
from cxr_fastai.curation.sources.file_names import is_text
from cxr_fastai.junk import is_left_in_archives, why_junk
from cxr_fastai.progress import SILENT, Meter

__all__ = ["Archive", "Decompressor", "Deflate", "Dropped", "Entry", "UnpackLimits", "unwanted"]


@dataclass(frozen=True)
class Dropped:
    """A thing in an archive that is left out: a row of rejects.csv, stage `archive`."""

    path: str
    # junk | link | device | name_not_utf8 | duplicate_name | nested_copy | nested_archive | outside
    reason: str
    message: str


@dataclass(frozen=True)
class Entry:
    """A regular file of an archive."""

    path: str  # as in the archive, with /
    pieces: Iterator[bytes]  # raises `IntegrityError` where they are damaged or beyond a limit


@dataclass(frozen=True)
class UnpackLimits:
    """What one archive may cost, counted while it is read."""

    # bytes; MIMIC-CXR-JPG, the largest public set, has 570 GB, ChestX-ray14 42 GB
    total: int = 1 << 40
    # bytes; an array file holds a whole data set, images end at images.MAX_BYTES
    member: int = 16 << 30
    # bytes out for a byte in, of a member and of all; radiographs have 1 to 10
    ratio: float = 200
    # bytes out up to which the ratio is free: an empty mask packs to next to nothing
    ratio_floor: int = 10_000_000
    members: int = 2_000_000  # things of any kind; ChestX-ray14 has 112,120 images
    depth: int = 32  # folders above a file
    path: int = 4096  # characters of a name: PATH_MAX of Linux
    seconds: float = 60  # of CPU, beyond those that the bytes explain
    # bytes that explain a second; bzip2, the slowest method, does 140 times as many
    pace: int = 1 << 17


PIECE_BYTES = 1 << 20  # in memory at a time, and as many in the decompressor
MAX_DICTIONARY = 256 << 20  # bytes that a method's dictionary may take; xz -9 needs 65 MiB
MAX_SHOWN_NAME = 200  # characters of a member's name in a message

FETCH_AGAIN = "Delete {} and fetch it again."
BY_HAND = "If you trust {}, unpack it by hand into the mirror."
HOSTILE = "Nothing of it is kept: take {} from its publisher alone."


class Archive:
    """An open archive: its bytes, what messages call it, and what it has cost so far."""

    def __init__(
        self,
        file: BinaryIO,
        path: Path,
        name: str,  # in messages
        limits: UnpackLimits,
    ):
        self.file = file
        self.path = path
        self.name = name
        self.limits = limits
        self.size = os.fstat(file.fileno()).st_size  # bytes
        self.members = 0  # things of any kind
        self.read = 0  # bytes decompressed, of headers too
        self.written = 0  # bytes of members
        self.begun = time.thread_time()  # seconds
        self.meter: Meter = SILENT  # told of bytes of the archive that are done

    # ---- what is refused

    def refuse(
        self,
        what: object,
        member: str | None = None,
        remedy: str = FETCH_AGAIN,
    ) -> IntegrityError:
        """Make the error for an archive that is damaged, hostile or of another kind."""
        where = ""
        if member is not None:
            where = f" {printable(member[:MAX_SHOWN_NAME])!r}:"
        return IntegrityError(
            f"{self.name}:{where} {printable(one_line(what))}. {remedy.format(self.path)}"
        )

    def undecodable(self, error: Exception, what: str, member: str | None = None) -> IntegrityError:
        """Make the error for what a decompressor raised."""
        if "memory" not in str(error).lower():
            return self.refuse(f"{what}: {error}", member)
        return self.refuse(
            f"it needs more than {MAX_DICTIONARY:,} bytes of memory", member, BY_HAND
        )

    # ---- bytes

    def take(
        self,
        size: int,
        start: int | None = None,  # None: where the last bytes ended
    ) -> bytes:
        """Return the next `size` bytes of the file, fewer where it ends. Raises `StorageError`."""
        try:
            if start is not None:
                self.file.seek(start)
            return self.file.read(size)
        except OSError as e:
            raise StorageError(f"{self.name}: cannot read {self.path}: {e.strerror or e}.") from e

    # ---- what it costs

    def count_member(self, path: str) -> None:
        """Count one thing of any kind. Raises `IntegrityError` beyond the limit."""
        self.members += 1
        if self.members > self.limits.members:
            raise self.refuse(f"more than {self.limits.members:,} members", remedy=BY_HAND)
        self.check_time(path)

    def count_stream(self, size: int) -> None:
        """Count bytes decompressed of an archive that is compressed as a whole, headers and all."""
        self.read += size
        self._check(self.read, self.file.tell(), self.limits.total, None)

    def within(
        self,
        pieces: Iterable[bytes],
        path: str,
        cost: int,  # bytes that the member takes in the archive
    ) -> Iterator[bytes]:
        """Yield the pieces of a member, held against the limits as they come."""
        out = 0
        for piece in pieces:
            out += len(piece)
            self.written += len(piece)
            self._check(out, cost, self.limits.member, path)
            self._check(self.written, self.size, self.limits.total, path)
            yield piece

    def _check(self, out: int, cost: int, max_bytes: int, path: str | None) -> None:
        """Hold bytes out against their cap and against the bytes that they cost."""
        if out > max_bytes:
            raise self.refuse(f"unpacks to more than {max_bytes:,} bytes", path, BY_HAND)
        if out > self.limits.ratio_floor and out > self.limits.ratio * cost:
            raise self.refuse(
                f"a decompression bomb: more than {self.limits.ratio:g} bytes out for each byte in",
                path,
                BY_HAND,
            )
        self.check_time(path)

    def check_time(self, path: str | None = None) -> None:
        """Raise `IntegrityError` where it took more CPU than its bytes explain."""
        out = self.read + self.written
        explained = out / self.limits.pace
        allowed = self.limits.seconds + explained
        spent = time.thread_time() - self.begun
        if spent > allowed:
            raise self.refuse(
                f"took more than {allowed:.0f} s of CPU for {out:,} bytes", path, BY_HAND
            )

    # ---- names

    def place(self, name: str) -> str:
        """Return the path that a member's name means, with /.

        Refuses an archive whose names lead out of it.
        """
        names = name.replace("\\", "/").split("/")
        parts = [part for part in names if part not in ("", ".")]
        is_absolute = re.match(r"[/\\]|[A-Za-z]:", name)
        if is_absolute or ".." in parts:
            raise self.refuse("its path leads out of the archive", name, HOSTILE)
        if len(name) > self.limits.path:
            raise self.refuse(f"a path of {len(name):,} characters", name, HOSTILE)
        if len(parts) > self.limits.depth + 1:
            raise self.refuse(f"{len(parts) - 1:,} folders deep", name, HOSTILE)
        return "/".join(parts)


def unwanted(path: str) -> Dropped | None:
    """Say why a member is left out by its name alone; None where it is wanted."""
    if "\0" in path or not is_text(path):
        return Dropped(
            ascii(path)[1:-1], "name_not_utf8", "its name is no text that a table can hold"
        )
    if is_left_in_archives(path):
        return Dropped(path, "junk", why_junk(path))
    return None


# ---- decompressors


class Decompressor(Protocol):
    """The face that those of bz2 and lzma have."""

    def decompress(self, data: bytes, max_length: int) -> bytes:
        """Return at most `max_length` bytes of `data` and what came before it."""

    @property
    def needs_input(self) -> bool:
        """Whether all that was given is used up."""

    @property
    def eof(self) -> bool:
        """Whether the end of the stream was reached."""

    @property
    def unused_data(self) -> bytes:
        """What was given beyond the end of the stream."""


class Deflate:
    """zlib's decompressor with the face of those of bz2 and lzma."""

    def __init__(self, wbits: int):
        self.stream = zlib.decompressobj(wbits)

    def decompress(self, data: bytes, max_length: int) -> bytes:
        """Return at most `max_length` bytes."""
        return self.stream.decompress(self.stream.unconsumed_tail + data, max_length)

    @property
    def needs_input(self) -> bool:
        """Whether all that was given is used up."""
        return not self.stream.unconsumed_tail

    @property
    def eof(self) -> bool:
        """Whether the end of the stream was reached."""
        return self.stream.eof

    @property
    def unused_data(self) -> bytes:
        """What was given beyond the end of the stream."""
        return self.stream.unused_data


# What decompressors raise; bz2: OSError.
UNDECODABLE = (zlib.error, lzma.LZMAError, EOFError, OSError, ValueError)
