"""Read a zip: its files in the order of their bytes, each in pieces.

An open Archive -> Entries and what is Dropped; it writes nothing. zipfile reads the directory.
The bytes are decompressed here: zipfile's bzip2 and LZMA put no bound on what a piece becomes in
memory (4 KB of bzip2: 4 GB), and older Pythons' lets members overlap.
"""

from __future__ import annotations

import bz2
import lzma
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from typing import NamedTuple

from cxr_fastai.core import IntegrityError
from cxr_fastai.curation.fetch.containers import (
    BY_HAND,
    HOSTILE,
    MAX_DICTIONARY,
    PIECE_BYTES,
    UNDECODABLE,
    Archive,
    Decompressor,
    Deflate,
    Dropped,
    Entry,
    unwanted,
)

__all__ = ["ZipReader"]

Read = Callable[[int], bytes]  # read(n) -> at most n bytes

END_OF_DIRECTORY = struct.Struct("<4s4H2LH")
END_OF_DIRECTORY_64 = struct.Struct("<4sQ2H2L4Q")
LOCATOR_64_BYTES = 20  # between the two
MAX_COMMENT = 0xFFFF  # bytes behind the last
LOCAL_HEADER = struct.Struct("<4s5H3L2H")
FLAG_ENCRYPTED = 0x2041
FLAG_PATCH = 0x20
FLAG_UTF8 = 0x800
MAX_ROW_BITS = 9  # a row of the directory takes 512 bytes, on average, or the archive is refused


# ---- methods


def _deflate(read: Read) -> Decompressor:
    """Make zlib's decompressor: -15 is its largest window, without a frame."""
    return Deflate(-15)


def _bzip2(read: Read) -> Decompressor:
    return bz2.BZ2Decompressor()


def _lzma(read: Read) -> Decompressor:
    """Make the decompressor that the nine bytes before a zip's LZMA data ask for."""
    head = read(9)
    if len(head) < 9 or head[2:4] != b"\5\0" or head[4] >= 225:
        raise lzma.LZMAError("wrong LZMA properties")
    dictionary = int.from_bytes(head[5:], "little")
    if dictionary > MAX_DICTIONARY:
        raise lzma.LZMAError("too much memory")
    properties = {
        "id": lzma.FILTER_LZMA1,
        "dict_size": max(dictionary, 4096),
        "lc": head[4] % 9,
        "lp": head[4] // 9 % 5,
        "pb": head[4] // 45,
    }
    return lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=[properties])


STORED = 0
METHODS: dict[int, Callable[[Read], Decompressor]] = {8: _deflate, 12: _bzip2, 14: _lzma}
NOT_READ = {9: " (deflate64)", 93: " (Zstandard)", 95: " (xz)", 98: " (PPMd)"}


class Directory(NamedTuple):
    """Where the list of members stands, as the file's end states it."""

    members: int  # as stated
    start: int  # byte
    size: int  # bytes


class Placed(NamedTuple):
    """A member, and the bytes of the file that are its own."""

    info: zipfile.ZipInfo
    path: str  # with /
    end: int  # byte that the next member, or the directory, begins with


class ZipReader:
    """A zip. Its directory, and every name in it, is checked before `entries` yields a byte."""

    def __init__(self, archive: Archive):
        self.archive = archive
        directory = self._find_directory()
        infos = self._read_directory(directory)
        infos.sort(key=lambda info: info.header_offset)
        paths = [archive.place(_name(info)) for info in infos]
        starts = [info.header_offset for info in infos]
        ends = [*starts[1:], directory.start]
        for info, end in zip(infos, ends):
            self._check_method(info)
            header_size = LOCAL_HEADER.size + len(_raw_name(info))
            self._check_apart(info, info.header_offset + header_size, end)
        self.members = [Placed(*member) for member in zip(infos, paths, ends)]
        self.size = sum(info.file_size for info in infos)  # bytes out, as it states them
        cap = archive.limits.total
        if self.size > cap:
            raise archive.refuse(f"unpacks to more than {cap:,} bytes", remedy=BY_HAND)

    def entries(self) -> Iterator[Entry | Dropped]:
        """Yield what the zip holds, in the order of its bytes in the file."""
        for member in self.members:
            self.archive.count_member(member.path)
            if _is_folder(member.info):
                continue
            kind = _kind(member.info)
            if kind == stat.S_IFLNK:
                yield Dropped(member.path, "link", "a symbolic link")
                continue
            if kind not in (0, stat.S_IFREG):
                yield Dropped(member.path, "device", "neither a file nor a folder")
                continue
            dropped = unwanted(member.path)
            if dropped:
                yield dropped
                continue
            pieces = self.archive.within(
                self._pieces(member), member.path, member.info.compress_size
            )
            yield Entry(member.path, pieces)

    # ---- the directory

    def _find_directory(self) -> Directory:
        """Find the list of members from the file's end."""
        archive = self.archive
        tail_size = (
            END_OF_DIRECTORY_64.size + LOCATOR_64_BYTES + END_OF_DIRECTORY.size + MAX_COMMENT
        )
        base = max(0, archive.size - tail_size)
        tail = archive.take(tail_size, base)
        start = tail.rfind(b"PK\5\6")
        if start < 0 or len(tail) - start < END_OF_DIRECTORY.size:
            raise archive.refuse(
                "a zip without its end: a download that stopped early, or one part of several"
            )
        _, disk, _, _, count, size, _, _ = END_OF_DIRECTORY.unpack_from(tail, start)
        locator = tail[max(start - LOCATOR_64_BYTES, 0) :]
        start_64 = start - LOCATOR_64_BYTES - END_OF_DIRECTORY_64.size
        if locator.startswith(b"PK\6\7") and start_64 >= 0:
            start = start_64
            cells = END_OF_DIRECTORY_64.unpack_from(tail, start)
            _, _, _, _, disk, _, _, count, size, _ = cells
        if disk not in (0, 0xFFFF):
            raise self._one_of_several()
        if base + start < size:
            raise archive.refuse("a damaged zip: the list of its members is cut")
        return Directory(members=count, start=base + start - size, size=size)

    def _read_directory(self, directory: Directory) -> list[zipfile.ZipInfo]:
        """Read the list of members, after counting them without believing what is stated."""
        archive = self.archive
        max_members = archive.limits.members
        too_long = directory.size > max_members << MAX_ROW_BITS
        if too_long or self._count_rows(directory) > max_members:
            raise archive.refuse(f"more than {max_members:,} members", remedy=BY_HAND)
        try:
            infos = zipfile.ZipFile(archive.file).infolist()
        except (
            zipfile.BadZipFile,
            NotImplementedError,
            ValueError,
            struct.error,
            OverflowError,
        ) as e:
            raise archive.refuse(
                f"a damaged zip: the list of its members cannot be read: {e}"
            ) from e
        if (len(infos) - directory.members) & 0xFFFF:  # old writers let the count run over
            raise archive.refuse(
                f"a damaged zip: {directory.members:,} members stated, {len(infos):,} listed"
            )
        if any(info.volume not in (0, 0xFFFF) for info in infos):
            raise self._one_of_several()
        return infos

    def _count_rows(self, directory: Directory) -> int:
        """Count the marks that rows of the directory begin with."""
        rows = 0
        for offset in range(0, directory.size, PIECE_BYTES):
            rows += self.archive.take(PIECE_BYTES, directory.start + offset).count(b"PK\1\2")
        return rows

    def _one_of_several(self) -> IntegrityError:
        return self.archive.refuse(
            "one part of a zip in several parts, which are not read", remedy=BY_HAND
        )

    def _check_method(self, info: zipfile.ZipInfo) -> None:
        """Raise for a member that is encrypted or packed by a method that is not read."""
        method = info.compress_type
        if info.flag_bits & FLAG_ENCRYPTED:
            raise self.archive.refuse("encrypted: it needs a password", _name(info), BY_HAND)
        is_read = method == STORED or method in METHODS
        if info.flag_bits & FLAG_PATCH or not is_read:
            what = f"{method}{NOT_READ.get(method, '')}"
            raise self.archive.refuse(
                f"packed by method {what}, which is not read", _name(info), BY_HAND
            )

    def _check_apart(
        self,
        info: zipfile.ZipInfo,
        start: int,  # of the member's data
        end: int,
    ) -> None:
        """Raise where a byte belongs to two members: thousands may else unpack from the same."""
        if info.header_offset < 0:
            raise self.archive.refuse("damaged: it starts before the file does", _name(info))
        if start + info.compress_size > end:
            raise self.archive.refuse(
                "a decompression bomb: it overlaps another member", _name(info), HOSTILE
            )

    # ---- a member

    def _pieces(self, member: Placed) -> Iterator[bytes]:
        """Yield a member's bytes. Raises `IntegrityError` where they are not what it states."""
        info = member.info
        self._skip_header(member)
        checksum = 0
        out = 0
        for piece in self._decompress(member):
            checksum = zlib.crc32(piece, checksum)
            out += len(piece)
            yield piece
        if out < info.file_size:
            raise self.archive.refuse(
                f"damaged: {out:,} of {info.file_size:,} bytes, and a checksum that does not match",
                member.path,
            )
        if checksum != info.CRC or out != info.file_size:
            raise self.archive.refuse("damaged: its checksum does not match", member.path)

    def _skip_header(self, member: Placed) -> None:
        """Read a member's own header, and hold it against the directory."""
        archive = self.archive
        info = member.info
        head = archive.take(LOCAL_HEADER.size, info.header_offset)
        if head[:4] != b"PK\3\4" or len(head) < LOCAL_HEADER.size:
            raise archive.refuse("damaged: its header is missing", member.path)
        _, _, flags, method, _, _, _, _, _, name_size, extra_size = LOCAL_HEADER.unpack(head)
        variable_size = name_size + extra_size
        name = archive.take(variable_size)[:name_size]
        is_same_name = name == _raw_name(info)
        is_same_method = method == info.compress_type
        if not is_same_name or not is_same_method or flags & FLAG_ENCRYPTED:
            raise archive.refuse(
                "damaged: its header and the list of members contradict each other", member.path
            )
        header_size = LOCAL_HEADER.size + variable_size
        self._check_apart(info, info.header_offset + header_size, member.end)
        archive.read += header_size + info.compress_size

    def _decompress(self, member: Placed) -> Iterator[bytes]:
        """Yield a member's bytes in pieces that fit into memory, whatever they become."""
        info = member.info
        left = info.compress_size

        def read(size: int) -> bytes:
            """Return the next bytes of the member, packed."""
            nonlocal left
            data = self.archive.take(min(size, left))
            left -= len(data)
            self.archive.meter.update(len(data))
            return data

        if info.compress_type == STORED:
            while True:
                data = read(PIECE_BYTES)
                if not data:
                    return
                yield data
        try:
            decompressor = METHODS[info.compress_type](read)
            yield from _bounded(decompressor, read, info.file_size)
        except UNDECODABLE as e:
            raise self.archive.undecodable(e, "damaged", member.path) from e


def _bounded(decompressor: Decompressor, read: Read, stated: int) -> Iterator[bytes]:
    """Yield what comes out, up to either end. Raises ValueError beyond `stated` bytes."""
    room = stated + 1
    while not decompressor.eof:
        data = read(PIECE_BYTES) if decompressor.needs_input else b""
        piece = decompressor.decompress(data, min(PIECE_BYTES, room))
        if not data and not piece:
            return
        room -= len(piece)
        if not room:
            raise ValueError(f"more than the {stated:,} bytes that it states")
        if piece:
            yield piece


# ---- what the directory says of a member


def _kind(info: zipfile.ZipInfo) -> int:
    """Return the Unix file type; 0 where the archive is not from Unix."""
    return stat.S_IFMT(info.external_attr >> 16)


def _is_folder(info: zipfile.ZipInfo) -> bool:
    """Tell by the file type, or by the name where the archive is not from Unix."""
    if _kind(info) == stat.S_IFDIR:
        return True
    return info.orig_filename.endswith(("/", "\\"))


def _raw_name(info: zipfile.ZipInfo) -> bytes:
    """Return the bytes of a name, which zipfile has decoded by the same rule."""
    is_utf8 = info.flag_bits & FLAG_UTF8
    return info.orig_filename.encode("utf-8" if is_utf8 else "cp437")


def _name(info: zipfile.ZipInfo) -> str:
    """Decode a name.

    One without the flag for UTF-8 mostly is UTF-8 all the same (macOS), else of the code page that
    zips had first.
    """
    try:
        return _raw_name(info).decode()
    except UnicodeDecodeError:
        return info.orig_filename
