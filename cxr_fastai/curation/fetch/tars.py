"""Read a tar, plain or compressed, as one stream: its files in order, each in pieces.

An open Archive -> Entries and what is Dropped; it writes nothing. tarfile reads the headers. The
stream is decompressed here, and each header looked at before tarfile acts on it: tarfile puts no
bound on what a piece or a header becomes in memory, and takes a broken header for the archive's
end.
"""

from __future__ import annotations

import bz2
import itertools
import lzma
import math
import struct
import tarfile
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypeVar

from cxr_fastai.core import IntegrityError, printable
from cxr_fastai.curation.fetch.containers import (
    BY_HAND,
    MAX_DICTIONARY,
    MAX_SHOWN_NAME,
    PIECE_BYTES,
    UNDECODABLE,
    Archive,
    Decompressor,
    Deflate,
    Dropped,
    Entry,
    unwanted,
)

__all__ = ["METHODS", "TarReader"]

T = TypeVar("T")

# Bytes of the stream at a time: tarfile copies what is left of them for each header.
BLOCK_BYTES = 1 << 16
# Bytes of one extended header, which tarfile searches in quadratic time (32 KiB: 0.6 s).
MAX_HEADER = 1 << 15
MAX_BETWEEN_MEMBERS = 1 << 18  # bytes of headers
MAX_READS_BEYOND = 9  # times that tarfile may read on after the end


class Method(NamedTuple):
    """A compression of whole files."""

    magic: bytes  # how such a file starts
    make: Callable[[], Decompressor]


def _gzip() -> Decompressor:
    """Make gzip's decompressor: 31 is zlib's largest window, in gzip's frame."""
    return Deflate(31)


def _xz() -> Decompressor:
    """Make xz's decompressor, with a bound on the memory that a header may ask for."""
    return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=MAX_DICTIONARY)


METHODS = {
    "gzip": Method(b"\x1f\x8b", _gzip),
    "bzip2": Method(b"BZh", bz2.BZ2Decompressor),
    "xz": Method(b"\xfd7zXZ\0", _xz),
}
# Types of headers that have content.
EXTENDED_TYPES = (
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
)
# What tarfile raises by bad headers.
HEADER_ERRORS = (
    tarfile.TarError,
    ValueError,
    OverflowError,
    RecursionError,
    LookupError,
    struct.error,
)


class TarReader:
    """A tar, and the file that tarfile reads it from."""

    def __init__(
        self,
        archive: Archive,
        kind: str,  # tar, or a key of `METHODS`
    ):
        self.archive = archive
        self.kind = kind
        self.size = archive.size  # bytes out, at least
        self.left: float = MAX_BETWEEN_MEMBERS  # bytes that may come before the next member
        self.reads_beyond = 0  # times that tarfile read on after the end
        self.begun = False  # a header was seen
        self.ended = False  # the archive's end mark was seen
        self.blocks = self._decompress(kind) if kind in METHODS else iter(self._raw, b"")

    def read(self, size: int) -> bytes:
        """Return the next block, for tarfile, which does not mind how long it is."""
        block = next(self.blocks, b"")
        self.archive.count_stream(len(block))
        self.left -= len(block)
        if not block:
            self.reads_beyond += 1
        if self.reads_beyond > MAX_READS_BEYOND:
            raise self.cut_off()  # tarfile would go on to where the next header should be
        if self.left < -BLOCK_BYTES:
            raise self.archive.refuse("headers without end", remedy=BY_HAND)
        return block

    def entries(self) -> Iterator[Entry | Dropped]:
        """Yield what the tar holds, in the order of the file."""
        tar = self._ask(self._open)
        while True:
            info = self._ask(tar.next)
            if info is None:
                break
            tar.members.clear()  # type: ignore[attr-defined]  # tarfile would keep them all
            path = self._check_member(info)
            pieces = self.archive.within(self._content(tar, info), path, self.archive.size)
            found = _entry(info, path, pieces)
            if found:
                yield found
            for _ in pieces:
                pass  # what nobody wanted is read too, and counted
            self.left = MAX_BETWEEN_MEMBERS
        if not self.ended:
            raise self.cut_off()
        while self.read(BLOCK_BYTES):
            self.left = MAX_BETWEEN_MEMBERS  # up to the checksum of the compressed stream

    def cut_off(self) -> IntegrityError:
        """Make the error for a file that stops before its end."""
        return self.archive.refuse(
            f"a {self.kind} file without its end: a download or copy that stopped early"
        )

    def no_tar(self) -> IntegrityError:
        """Make the error for a compressed file of something else."""
        for _ in itertools.islice(self.blocks, PIECE_BYTES // BLOCK_BYTES):
            pass  # or a damaged file, as its checksum may tell
        return self.archive.refuse(f"a {self.kind} file, but of no tar", remedy=BY_HAND)

    # ---- tarfile

    def _open(self) -> tarfile.TarFile:
        return tarfile.open(
            fileobj=self,  # type: ignore[call-overload]  # a stream: tarfile calls read alone
            mode="r|",
            bufsize=BLOCK_BYTES,
            tarinfo=_header_type(self),
            encoding="utf-8",
            errors="surrogateescape",
        )

    def _ask(self, question: Callable[..., T], *args: Any) -> T:
        """Return tarfile's answer; its errors, various as the damage, become `IntegrityError`."""
        try:
            return question(*args)
        except HEADER_ERRORS as e:
            raise self.archive.refuse(f"a damaged tar: {e}") from e

    def _check_member(self, info: tarfile.TarInfo) -> str:
        """Return the path of a member, counted and checked."""
        path = self.archive.place(info.name)
        self.archive.count_member(path)
        if info.size < 0:
            raise self.archive.refuse("damaged: a negative size", path)
        if info.issparse() and not _in_order(info.sparse):
            raise self.archive.refuse("damaged: its pieces overlap", path)
        return path

    def _content(self, tar: tarfile.TarFile, info: tarfile.TarInfo) -> Iterator[bytes]:
        """Yield the bytes of a member; none where it is of a known type without content."""
        if not info.isreg() and info.type in tarfile.SUPPORTED_TYPES:
            return
        file = self._ask(tar.extractfile, info)
        if file is None:
            return
        self.left = math.inf
        while True:
            piece = self._ask(file.read, PIECE_BYTES)
            if not piece:
                return
            yield piece

    # ---- the stream

    def _raw(self) -> bytes:
        """Return the next bytes of the file."""
        data = self.archive.take(BLOCK_BYTES)
        self.archive.meter.update(len(data))
        return data

    def _decompress(self, kind: str) -> Iterator[bytes]:
        """Yield blocks of a compressed file.

        It may be several, one behind the other; what else follows is no part of it.
        """
        magic, make = METHODS[kind]
        decompressor = make()
        data = self._raw()
        while True:
            try:
                block = decompressor.decompress(data, BLOCK_BYTES)
            except UNDECODABLE as e:
                raise self.archive.undecodable(e, f"a damaged {kind} file") from e
            if block:
                yield block
            is_stuck = not data and not block
            data = b""
            if decompressor.eof:
                data = decompressor.unused_data
                if len(data) < len(magic):
                    data += self._raw()
                if not data.startswith(magic):
                    return
                decompressor = make()
            elif is_stuck:
                raise self.cut_off()
            elif decompressor.needs_input:
                data = self._raw()


def _entry(info: tarfile.TarInfo, path: str, pieces: Iterator[bytes]) -> Entry | Dropped | None:
    """Say what a member is; None for a folder."""
    if info.issym() or info.islnk():
        target = printable(info.linkname[:MAX_SHOWN_NAME])
        return Dropped(path, "link", f"a link to {target}")
    if info.isreg():
        return unwanted(path) or Entry(path, pieces)
    if info.isdir():
        return None
    return Dropped(path, "device", "neither a file nor a folder")


def _in_order(
    pieces: Any,  # TarInfo.sparse: (start, size) in bytes, of each piece
) -> bool:
    """Tell whether a sparse file's pieces follow each other: tarfile looks for each among all."""
    end = 0
    for start, size in pieces:
        if not size:
            continue
        if start < end or size < 0:
            return False
        end = start + size
    return True


def _header_type(reader: TarReader) -> type[tarfile.TarInfo]:
    """Make a TarInfo that looks at each header first.

    tarfile would pass over some as the archive's end, or read them into memory whole.
    """

    class Header(tarfile.TarInfo):
        """A header of the reader's archive."""

        @classmethod
        def frombuf(cls, buf: Any, encoding: str, errors: str) -> Header:
            """Read a header, as tarfile asks for it."""
            reader.archive.check_time()
            try:
                info = super().frombuf(buf, encoding, errors)
            except tarfile.EOFHeaderError:  # type: ignore[attr-defined]  # not in typeshed
                reader.ended = True
                raise
            except tarfile.HeaderError as e:
                if not reader.begun:
                    raise reader.no_tar() from e
                if not buf:
                    raise reader.cut_off() from e
                raise tarfile.ReadError(f"{e} after {reader.archive.members:,} members") from e
            reader.begun = True
            _check_header(reader.archive, info)
            return info

    return Header


def _check_header(archive: Archive, info: tarfile.TarInfo) -> None:
    """Raise for a header that tarfile should not act on."""
    if info.size < 0:
        name = info.name[:MAX_SHOWN_NAME]
        raise tarfile.ReadError(f"{name!r} has a negative size")
    is_extended = info.type in EXTENDED_TYPES
    if is_extended and info.size > MAX_HEADER:
        raise archive.refuse(f"a header of {info.size:,} bytes", info.name, BY_HAND)
