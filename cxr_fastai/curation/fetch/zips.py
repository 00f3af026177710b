"""Read a zip: its files in the order of their bytes, each in pieces. Takes an open Archive; writes nothing.

zipfile reads the directory. The bytes are decompressed here: zipfile's bzip2 and LZMA put no bound on what a piece
becomes in memory (4 KB of bzip2: 4 GB), and Python 3.10's lets members overlap.
"""

from __future__ import annotations

import bz2
import lzma
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator

from cxr_fastai.core import IntegrityError
from cxr_fastai.curation.fetch.containers import (
    BY_HAND,
    HOSTILE,
    MEMORY,
    PIECE,
    UNDECODABLE,
    Archive,
    Deflate,
    Dropped,
    Entry,
    unwanted,
)

__all__ = ["ZipReader"]

_END, _END64 = struct.Struct("<4s4H2LH"), struct.Struct("<4sQ2H2L4Q")
_LOCATOR64 = 20  # bytes between the two
_LOCAL = struct.Struct("<4s5H3L2H")
_ENCRYPTED, _PATCH, _UTF8 = 0x2041, 0x20, 0x800  # flag bits


def _zip_lzma(read):
    """The decompressor that the nine bytes before a zip's LZMA data ask for."""
    head = read(9)
    if len(head) < 9 or head[2:4] != b"\5\0" or head[4] >= 225:
        raise lzma.LZMAError("wrong LZMA properties")
    memory = int.from_bytes(head[5:], "little")
    if memory > MEMORY:
        raise lzma.LZMAError("too much memory")
    p = {
        "id": lzma.FILTER_LZMA1,
        "dict_size": max(memory, 4096),
        "lc": head[4] % 9,
        "lp": head[4] // 9 % 5,
        "pb": head[4] // 45,
    }
    return lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=[p])


_STORED = 0
_ZIP_METHODS = {8: lambda read: Deflate(-15), 12: lambda read: bz2.BZ2Decompressor(), 14: _zip_lzma}
_NOT_READ = {9: " (deflate64)", 93: " (Zstandard)", 95: " (xz)", 98: " (PPMd)"}


class ZipReader:
    """A zip. Its directory, and every name in it, is checked before `entries` yields the first byte."""

    def __init__(self, a: Archive):
        self.a = a
        count, self.end, size = self._find_directory()
        self.infos = sorted(self._directory(count, size), key=lambda i: i.header_offset)
        self.paths = [a.place(_zip_name(i)) for i in self.infos]
        self.ends = [*(i.header_offset for i in self.infos[1:]), self.end]
        for info, end in zip(self.infos, self.ends):
            self._check_method(info)
            self._check_apart(
                info, info.header_offset + _LOCAL.size + len(_zip_raw_name(info)), end
            )
        self.size = sum(i.file_size for i in self.infos)  # bytes out, as it states them
        if self.size > a.limits.total:
            raise a.refuse(f"unpacks to more than {a.limits.total:,} bytes", todo=BY_HAND)

    def entries(self) -> Iterator[Entry | Dropped]:
        """In the order of their bytes in the file."""
        for info, path, end in zip(self.infos, self.paths, self.ends):
            self.a.count_member(path)
            kind = stat.S_IFMT(info.external_attr >> 16)  # 0 where the archive is not from Unix
            if kind == stat.S_IFDIR or info.orig_filename.endswith(("/", "\\")):
                continue
            if kind == stat.S_IFLNK:
                yield Dropped(path, "link", "a symbolic link")
            elif kind not in (0, stat.S_IFREG):
                yield Dropped(path, "device", "neither a file nor a folder")
            elif dropped := unwanted(path):
                yield dropped
            else:
                yield Entry(
                    path, self.a.within(self._pieces(info, path, end), path, info.compress_size)
                )

    def _find_directory(self) -> tuple[int, int, int]:
        """(members stated, first byte of the directory, its bytes)"""
        a = self.a
        most = _END64.size + _LOCATOR64 + _END.size + 0xFFFF  # the last is the longest comment
        base = max(0, a.size - most)
        tail = a.take(most, base)
        at = tail.rfind(b"PK\5\6")
        if at < 0 or len(tail) - at < _END.size:
            raise a.refuse(
                "a zip without its end: a download that stopped early, or one part of several"
            )
        _, disk, _, _, count, size, _, _ = _END.unpack_from(tail, at)
        if tail[max(at - _LOCATOR64, 0) :].startswith(b"PK\6\7") and at >= _LOCATOR64 + _END64.size:
            at -= _LOCATOR64 + _END64.size
            _, _, _, _, disk, _, _, count, size, _ = _END64.unpack_from(tail, at)
        if disk not in (0, 0xFFFF):
            raise self._one_of_several()
        if base + at < size:
            raise a.refuse("a damaged zip: the list of its members is cut")
        return count, base + at - size, size

    def _one_of_several(self) -> IntegrityError:
        return self.a.refuse("one part of a zip in several parts, which are not read", todo=BY_HAND)

    def _directory(self, count: int, size: int) -> list[zipfile.ZipInfo]:
        a, most = self.a, self.a.limits.members
        starts = (a.take(PIECE, self.end + i).count(b"PK\1\2") for i in range(0, size, PIECE))
        if size > most << 9 or sum(starts) > most:
            raise a.refuse(f"more than {most:,} members", todo=BY_HAND)
        try:
            infos = zipfile.ZipFile(a.f).infolist()
        except (
            zipfile.BadZipFile,
            NotImplementedError,
            ValueError,
            struct.error,
            OverflowError,
        ) as e:
            raise a.refuse(f"a damaged zip: the list of its members cannot be read: {e}") from e
        if (len(infos) - count) & 0xFFFF:  # old writers let the count run over
            raise a.refuse(f"a damaged zip: {count:,} members stated, {len(infos):,} listed")
        if any(i.volume not in (0, 0xFFFF) for i in infos):
            raise self._one_of_several()
        return infos

    def _check_method(self, info: zipfile.ZipInfo):
        name, method = _zip_name(info), info.compress_type
        if info.flag_bits & _ENCRYPTED:
            raise self.a.refuse("encrypted: it needs a password", name, BY_HAND)
        if info.flag_bits & _PATCH or method not in (_STORED, *_ZIP_METHODS):
            what = f"{method}{_NOT_READ.get(method, '')}"
            raise self.a.refuse(f"packed by method {what}, which is not read", name, BY_HAND)

    def _check_apart(self, info: zipfile.ZipInfo, start: int, end: int):
        """No byte of the file belongs to two members: thousands would else unpack from the same ones."""
        if info.header_offset < 0:
            raise self.a.refuse("damaged: it starts before the file does", _zip_name(info))
        if start + info.compress_size > end:
            raise self.a.refuse(
                "a decompression bomb: it overlaps another member", _zip_name(info), HOSTILE
            )

    def _pieces(self, info: zipfile.ZipInfo, path: str, end: int) -> Iterator[bytes]:
        a, crc, done = self.a, 0, 0
        head = a.take(_LOCAL.size, info.header_offset)
        if head[:4] != b"PK\3\4" or len(head) < _LOCAL.size:
            raise a.refuse("damaged: its header is missing", path)
        _, _, flags, method, *_, name, extra = _LOCAL.unpack(head)
        if (
            a.take(name + extra)[:name] != _zip_raw_name(info)
            or method != info.compress_type
            or flags & _ENCRYPTED
        ):
            raise a.refuse(
                "damaged: its header and the list of members contradict each other", path
            )
        self._check_apart(info, info.header_offset + _LOCAL.size + name + extra, end)
        a.read += _LOCAL.size + name + extra + info.compress_size
        for piece in self._decompress(info, path):
            crc, done = zlib.crc32(piece, crc), done + len(piece)
            yield piece
        if (crc, done) != (info.CRC, info.file_size):
            raise a.refuse(
                f"damaged: {done:,} of {info.file_size:,} bytes, and a checksum that does not match"
                if done < info.file_size
                else "damaged: its checksum does not match",
                path,
            )

    def _decompress(self, info: zipfile.ZipInfo, path: str) -> Iterator[bytes]:
        a, left, room = self.a, info.compress_size, info.file_size + 1

        def read(n: int) -> bytes:
            nonlocal left
            data = a.take(min(n, left))
            left -= len(data)
            a.update(len(data))
            return data

        if info.compress_type == _STORED:
            yield from iter(lambda: read(PIECE), b"")
            return
        try:
            d = _ZIP_METHODS[info.compress_type](read)
            while not d.eof:
                data = read(PIECE) if d.needs_input else b""
                piece = d.decompress(data, min(PIECE, room))
                if not data and not piece:
                    break
                room -= len(piece)
                if not room:
                    raise ValueError(f"more than the {info.file_size:,} bytes that it states")
                if piece:
                    yield piece
        except UNDECODABLE as e:
            raise a.undecodable(e, "damaged", path) from e


def _zip_raw_name(info: zipfile.ZipInfo) -> bytes:
    return info.orig_filename.encode("utf-8" if info.flag_bits & _UTF8 else "cp437")


def _zip_name(info: zipfile.ZipInfo) -> str:
    """A name without the flag for UTF-8 mostly is UTF-8 all the same (macOS), else of the code page that zips had first."""
    try:
        return _zip_raw_name(info).decode()
    except UnicodeDecodeError:
        return info.orig_filename
