"""TFRecord shards without TensorFlow: the records of a file and the features of a tf.train.Example. Reads one record at
a time and checks both of its checksums, returns Records and Faults; believes no length and no byte that is not checked.

A record is its length (8 bytes), a checksum of the length (4), the data and a checksum of the data (4), little endian;
a checksum is the CRC-32C, turned and shifted so that a checksum of checksums stays one.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice
from typing import NamedTuple

import google_crc32c

from cxr_fastai.core import ImageRejected
from cxr_fastai.images import MAX_BYTES

__all__ = ["Record", "Fault", "Place", "Feature", "read_shard", "features", "image_bytes"]

HEAD, TAIL = 12, 4  # bytes before and behind a record's data
MOST = MAX_BYTES + 2**20  # bytes of a record: an image and what is said of it
FEW = 4096  # features of a record, or values of a feature: some bytes in a shard are far more in memory
SMALL = 256  # bytes of a feature that is worth remembering: the labels, which all records repeat
VARINT, FIXED64, MESSAGE, FIXED32 = (
    0,
    1,
    2,
    5,
)  # protobuf's wire types; 3 and 4, groups, are in no Example
KINDS = {1: "bytes", 2: "float", 3: "int64"}  # fields of a tf.train.Feature


class Record(NamedTuple):
    number: int  # in its shard, from 1
    start: int  # byte of the shard at which its length stands
    data: bytes
    checksum: int  # of the data


class Fault(NamedTuple):
    """A record that is no use."""

    number: int
    message: str
    last: bool  # nothing behind it can be found: the rest of the shard is lost


class Place(NamedTuple):
    """Where an image lies in a shard."""

    number: int  # of the record, from 1
    start: int  # of the record in the shard, bytes
    length: int  # of the record's data
    checksum: int  # of the record's data
    image: int  # of the image in the data
    size: int


class Feature(NamedTuple):
    kind: str  # bytes | float | int64, or '' where it has no list
    values: tuple  # bytes: (start, size) of each in the data; int64: the numbers; float: none, nobody asks for them


# ---- the shard


def read_shard(file) -> Iterator[Record | Fault]:
    """All records in order; after a Fault that is the last, nothing. Raises `OSError`."""
    size, start, number = os.path.getsize(file), 0, 1
    with open(file, "rb") as f:
        if not size:
            yield Fault(1, "the file is empty (0 bytes)", True)
        while start < size:
            head = f.read(HEAD)
            why = _wrong_head(head, start, size)
            if why:
                yield Fault(number, f"record {number} at byte {start}: {why}", True)
                return
            (length,) = struct.unpack_from("<Q", head)
            yield _record(f, number, start, length)
            number, start = number + 1, start + HEAD + length + TAIL
            f.seek(start)  # past a record that was too long to be read


def _wrong_head(head: bytes, start: int, size: int) -> str:
    if len(head) < HEAD:
        return f"the file ends after {len(head)} of the {HEAD} bytes of its header"
    length, stated = struct.unpack("<QI", head)
    if stated != _checksum(head[:8]):
        if not start and (packing := _packing(head)):
            return f"the file is packed with {packing}, and is read plain: unpack it"
        return f"the checksum of its length is {_checksum(head[:8]):08x}, and the file states {stated:08x}"
    if start + HEAD + length + TAIL > size:
        return f"the file ends after {size - start - HEAD} of the {length + TAIL} bytes of its data and checksum"
    return ""


def _packing(head: bytes) -> str:
    if head.startswith(b"\x1f\x8b\x08"):
        return "GZIP"
    try:
        zlib.decompressobj().decompress(head)
    except zlib.error:
        return ""
    return "ZLIB"


def _record(f, number: int, start: int, length: int) -> Record | Fault:
    at = f"record {number} at byte {start}"
    if length > MOST:
        return Fault(number, f"{at}: {length:,} bytes, more than the limit of {MOST:,}", False)
    data, tail = f.read(length), f.read(TAIL)
    stated, found = int.from_bytes(tail, "little"), _checksum(data)
    if len(tail) == TAIL and stated == found:
        return Record(number, start, data, found)
    return Fault(
        number,
        f"{at}: the checksum of its data is {found:08x}, and the file states {stated:08x}",
        False,
    )


def _checksum(data: bytes) -> int:
    crc = google_crc32c.value(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def image_bytes(
    file,  # the shard
    place: Place,
) -> bytes:
    """The image, if its record is still the one that was listed. Raises `OSError`, and `ImageRejected` where it is not."""
    with open(file, "rb") as f:
        f.seek(place.start + HEAD)
        data = f.read(place.length)
    if _checksum(data) == place.checksum:
        return data[place.image : place.image + place.size]
    raise ImageRejected(
        "damaged",
        f"{file}: record {place.number} at byte {place.start} is not what it was when the "
        "shard was listed.",
    )


# ---- the record: a tf.train.Example, as protobuf lays it out


def features(
    data: bytes,  # of a record
) -> dict[str, Feature]:
    """Name -> Feature. Raises `ValueError` where the data is no tf.train.Example."""
    out = {}
    for outer in _messages(data, 0, len(data)):  # Example.features
        for a, b in _messages(
            data, *outer
        ):  # Features.feature, a map: of two entries of a key the last counts
            name, f = _small(data[a:b]) if b - a <= SMALL else _entry(data, a, b)
            if f.kind == "bytes" and b - a <= SMALL:
                f = Feature(f.kind, tuple((a + at, size) for at, size in f.values))
            out[name] = f
    return out


@lru_cache(maxsize=4096)
def _small(entry: bytes) -> tuple[str, Feature]:
    return _entry(entry, 0, len(entry))


def _entry(data: bytes, a: int, b: int) -> tuple[str, Feature]:
    """(name, Feature) of an entry of the map."""
    name, f = "", Feature("", ())
    for number, wire, start, end in _fields(data, a, b):
        if number == 1 and wire == MESSAGE:
            name = data[start:end].decode()
        if number == 2 and wire == MESSAGE:
            f = _feature(data, start, end)
    return name, f


def _feature(data: bytes, a: int, b: int) -> Feature:
    kind, values = "", ()
    for number, wire, start, end in _fields(data, a, b):
        if number not in KINDS or wire != MESSAGE:
            continue
        kind = KINDS[number]
        if kind == "bytes":
            values = tuple((s, e - s) for s, e in _messages(data, start, end))
        elif kind == "int64":
            values = tuple(_few(_numbers(data, start, end)))
    return Feature(kind, values)


def _messages(data: bytes, a: int, b: int) -> list[tuple[int, int]]:
    """(start, end) of every field 1 that holds bytes or a message."""
    found = (
        (start, end)
        for number, wire, start, end in _fields(data, a, b)
        if number == 1 and wire == MESSAGE
    )
    return _few(found)


def _few(values) -> list:
    """All of them, if they are not too many for a record to describe an image by."""
    out = [*islice(values, FEW + 1)]
    if len(out) <= FEW:
        return out
    raise ValueError(f"a feature, or a list of them, has more than {FEW:,} values")


def _numbers(data: bytes, a: int, b: int):
    """The values of an Int64List: packed, or one by one."""
    for number, wire, start, end in _fields(data, a, b):
        while number == 1 and wire in (VARINT, MESSAGE) and start < end:
            value, start = _varint(data, start, end)
            yield value - 2**64 if value >= 2**63 else value


def _fields(data: bytes, at: int, end: int):
    """(number, wire type, start, end of the payload) of each field of a message."""
    while at < end:
        tag, start = (
            (data[at], at + 1) if data[at] < 128 else _varint(data, at, end)
        )  # most are of one byte
        number, wire, at = tag >> 3, tag & 7, start
        if wire == MESSAGE:
            short = start < end and data[start] < 128
            size, start = (data[start], start + 1) if short else _varint(data, start, end)
            at = start + size
        elif wire == VARINT:
            at = _varint(data, at, end)[1]
        elif wire in (FIXED64, FIXED32):
            at += 8 if wire == FIXED64 else 4
        else:
            raise ValueError(f"byte {at} of its data: wire type {wire}, which no Example has")
        if at > end or not number:
            raise ValueError(f"byte {start} of its data: a field that runs past its message")
        yield number, wire, start, at


def _varint(data: bytes, at: int, end: int) -> tuple[int, int]:
    """(value, byte behind it): seven bits a byte, the least first."""
    if at < end and data[at] < 128:
        return data[at], at + 1
    value = 0
    for i, byte in enumerate(data[at : min(at + 10, end)]):
        value |= (byte & 127) << 7 * i
        if byte < 128:
            return value & 2**64 - 1, at + i + 1
    raise ValueError(f"byte {at} of its data: a number that does not end")
