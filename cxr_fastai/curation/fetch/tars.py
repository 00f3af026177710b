"""Read a tar, plain or compressed, as one stream: its files in order, each in pieces. Takes an open Archive, writes
nothing.

tarfile reads the headers. The stream is decompressed here, and each header looked at before tarfile acts on it:
tarfile puts no bound on what a piece or a header becomes in memory, and takes a broken header for the archive's end.
"""

from __future__ import annotations

import bz2
import lzma
import math
import struct
import tarfile
from collections.abc import Iterator

from cxr_fastai.core import IntegrityError, printable
from cxr_fastai.curation.fetch.containers import (
    BY_HAND,
    MEMORY,
    PIECE,
    UNDECODABLE,
    Archive,
    Deflate,
    Dropped,
    Entry,
    unwanted,
)

__all__ = ["TarReader"]

BLOCK = (
    1 << 16
)  # bytes of the stream at a time: tarfile copies what is left of them for each header
HEADER = (
    1 << 15
)  # bytes of one extended header, which tarfile searches in quadratic time (32 KiB: 0.6 s)
HEADERS = 1 << 18  # bytes between two members

# kind -> how such a file starts, its decompressor
METHODS = {
    "gzip": (b"\x1f\x8b", lambda: Deflate(31)),
    "bzip2": (b"BZh", bz2.BZ2Decompressor),
    "xz": (b"\xfd7zXZ\0", lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=MEMORY)),
}
EXTENDED = (
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
)  # types of headers that have content
BROKEN = (
    tarfile.TarError,
    ValueError,
    OverflowError,
    RecursionError,
    LookupError,
    struct.error,
)  # by bad headers


class TarReader:
    """A tar, and the file that tarfile reads it from."""

    def __init__(self, a: Archive, kind: str):  # kind: tar, or a key of `METHODS`
        self.a, self.kind = a, kind
        self.size = a.size  # bytes out, at least
        self.left = HEADERS  # bytes that may come before the next member
        self.beyond = 0  # times that tarfile read on after the end
        self.begun = False  # a header was seen
        self.ended = False  # the archive's end mark was seen
        self.blocks = self._decompress(kind) if kind in METHODS else iter(self._raw, b"")

    def read(self, n: int) -> bytes:
        """The next block, for tarfile, which does not mind how long it is."""
        block = next(self.blocks, b"")
        self.a.count_stream(len(block))
        self.left -= len(block)
        self.beyond += not block
        if self.beyond > 9:
            raise self.cut_off()  # tarfile would go on to where the next header should be
        if self.left < -BLOCK:
            raise self.a.refuse("headers without end", todo=BY_HAND)
        return block

    def entries(self) -> Iterator[Entry | Dropped]:
        """In the order of the file."""
        a = self.a
        tar = self._ask(
            lambda: tarfile.open(
                fileobj=self,
                mode="r|",
                bufsize=BLOCK,
                tarinfo=_header_type(self),
                encoding="utf-8",
                errors="surrogateescape",
            )
        )
        while (info := self._ask(tar.next)) is not None:
            tar.members = []  # it would keep them all
            path = a.place(info.name)
            a.count_member(path)
            if info.size < 0:
                raise a.refuse("damaged: a negative size", path)
            if info.issparse() and not _in_order(info.sparse):
                raise a.refuse("damaged: its pieces overlap", path)
            pieces = a.within(self._content(tar, info), path, a.size)
            if info.issym() or info.islnk():
                yield Dropped(path, "link", f"a link to {printable(info.linkname[:200])}")
            elif info.isreg():
                yield unwanted(path) or Entry(path, pieces)
            elif not info.isdir():
                yield Dropped(path, "device", "neither a file nor a folder")
            for _ in pieces:
                pass  # what nobody wanted is read too, and counted
            self.left = HEADERS
        if not self.ended:
            raise self.cut_off()
        while self.read(BLOCK):
            self.left = HEADERS  # up to the checksum of the compressed stream

    def cut_off(self) -> IntegrityError:
        return self.a.refuse(
            f"a {self.kind} file without its end: a download or copy that stopped early"
        )

    def no_tar(self) -> IntegrityError:
        for _ in zip(range(PIECE // BLOCK), self.blocks):
            pass  # or a damaged file, as its checksum may tell
        return self.a.refuse(f"a {self.kind} file, but of no tar", todo=BY_HAND)

    def _ask(self, fn, *args):
        """Tarfile's answer; its errors, as various as the damage, in the house's words."""
        try:
            return fn(*args)
        except BROKEN as e:
            raise self.a.refuse(f"a damaged tar: {e}") from e

    def _content(self, tar, info: tarfile.TarInfo) -> Iterator[bytes]:
        if not info.isreg() and info.type in tarfile.SUPPORTED_TYPES:
            return
        f = self._ask(tar.extractfile, info)
        self.left = math.inf
        while piece := self._ask(f.read, PIECE):
            yield piece

    def _raw(self) -> bytes:
        data = self.a.take(BLOCK)
        self.a.update(len(data))
        return data

    def _decompress(self, kind: str) -> Iterator[bytes]:
        """Blocks of a compressed file, which may be several, one behind the other; what else follows is no part of it."""
        magic, method = METHODS[kind]
        d, data = method(), self._raw()
        while True:
            try:
                block = d.decompress(data, BLOCK)
            except UNDECODABLE as e:
                raise self.a.undecodable(e, f"a damaged {kind} file") from e
            if block:
                yield block
            stuck, data = not data and not block, b""
            if d.eof:
                data = d.unused_data
                if len(data) < len(magic):
                    data += self._raw()
                if not data.startswith(magic):
                    return
                d = method()
            elif stuck:
                raise self.cut_off()
            elif d.needs_input:
                data = self._raw()


def _in_order(pieces: list[tuple[int, int]]) -> bool:
    """Whether the (start, size) of a sparse file's pieces follow each other: tarfile looks for each among all others."""
    pieces = [(start, size) for start, size in pieces if size]
    ends = [0, *(start + size for start, size in pieces)]
    return all(start >= end and size > 0 for (start, size), end in zip(pieces, ends))


def _header_type(reader: TarReader) -> type:
    """Tarfile's own, but for headers that tarfile would pass over as the archive's end, or read into memory whole."""

    class Header(tarfile.TarInfo):
        @classmethod
        def frombuf(cls, buf, encoding, errors):
            reader.a.check_time()
            try:
                info = super().frombuf(buf, encoding, errors)
            except tarfile.EOFHeaderError:
                reader.ended = True
                raise
            except tarfile.HeaderError as e:
                if not reader.begun:
                    raise reader.no_tar() from e
                if not buf:
                    raise reader.cut_off() from e
                raise tarfile.ReadError(f"{e} after {reader.a.members:,} members") from e
            reader.begun = True
            if info.size < 0:
                raise tarfile.ReadError(f"{info.name[:200]!r} has a negative size")
            if info.type in EXTENDED and info.size > HEADER:
                raise reader.a.refuse(f"a header of {info.size:,} bytes", info.name, BY_HAND)
            return info

    return Header
