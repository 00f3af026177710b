"""TFRecord shards without TensorFlow: the records of a file, the features of a tf.train.Example.

A shard -> Examples and Faults, one at a time, both checksums of each checked. It believes no length
and no byte that is not checked, and decodes no image.

A record is its length (8 bytes), a checksum of the length (4), the data and a checksum of the data
(4), little endian. A checksum is the CRC-32C, turned and shifted so that a checksum of checksums
stays one. The data is a tf.train.Example, as protobuf lays it out.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import islice
from typing import Any, BinaryIO, NamedTuple, TypeVar

import google_crc32c

from cxr_fastai.core import ImageRejected
from cxr_fastai.images import MAX_BYTES

__all__ = ["Example", "Fault", "Place", "Feature", "read_shard", "feature_map", "image_bytes"]

T = TypeVar("T")
StrPath = str | os.PathLike[str]

HEAD_BYTES = 12  # before a record's data
TAIL_BYTES = 4  # behind it
MAX_EXAMPLE_BYTES = MAX_BYTES + 2**20  # an image and what is said of it
# Features of a record, or values of a feature: some bytes in a shard are far more in memory.
MAX_VALUES = 4096
# Of a feature that is worth remembering: the labels, which all records repeat.
MAX_REMEMBERED_BYTES = 256
# Protobuf's wire types; 3 and 4, groups, are in no Example.
VARINT = 0
FIXED64 = 1
MESSAGE = 2
FIXED32 = 5
KINDS = {1: "bytes", 2: "float", 3: "int64"}  # fields of a tf.train.Feature


class Example(NamedTuple):
    """A record whose checksums fit."""

    number: int  # in its shard, from 1
    start: int  # byte of the shard at which its length stands
    data: bytes
    checksum: int  # of the data


class Fault(NamedTuple):
    """A record that cannot be used."""

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
    """A named value, or list of values, of a tf.train.Example."""

    kind: str  # bytes | float | int64, or '' where it has no list
    # bytes: (start, size) of each in the data; int64: the numbers; float: none, nobody asks
    values: tuple[Any, ...]


# ---- the shard


def read_shard(
    file: StrPath,  # the shard
) -> Iterator[Example | Fault]:
    """Yield all records in order; after a Fault that is the last, nothing. Raises `OSError`."""
    size = os.path.getsize(file)
    start = 0
    number = 1
    with open(file, "rb") as f:
        if not size:
            yield Fault(1, "the file is empty (0 bytes)", True)
        while start < size:
            head = f.read(HEAD_BYTES)
            why = _wrong_head(head, start, size)
            if why:
                yield Fault(number, f"record {number} at byte {start}: {why}", True)
                return
            (length,) = struct.unpack_from("<Q", head)
            yield _read_record(f, number, start, length)
            number += 1
            start += HEAD_BYTES + length + TAIL_BYTES
            f.seek(start)  # past a record that was too long to be read


def _wrong_head(
    head: bytes,  # the first 12 bytes of a record
    start: int,  # byte of the shard
    size: int,  # of the shard, bytes
) -> str:
    """Say why a record's head cannot be believed; '' where it can."""
    if len(head) < HEAD_BYTES:
        return f"the file ends after {len(head)} of the {HEAD_BYTES} bytes of its header"
    length, stated = struct.unpack("<QI", head)
    found = _checksum(head[:8])
    if stated != found:
        packing = _packing(head) if start == 0 else ""
        if packing:
            return f"the file is packed with {packing}, and is read plain: unpack it"
        return f"the checksum of its length is {found:08x}, and the file states {stated:08x}"
    needed = length + TAIL_BYTES
    here = size - start - HEAD_BYTES
    if here < needed:
        return f"the file ends after {here} of the {needed} bytes of its data and checksum"
    return ""


def _packing(
    head: bytes,  # of a file
) -> str:
    """Return the name of the compression that a file begins with, or ''."""
    if head.startswith(b"\x1f\x8b\x08"):
        return "GZIP"
    try:
        zlib.decompressobj().decompress(head)
    except zlib.error:
        return ""
    return "ZLIB"


def _read_record(
    f: BinaryIO,  # the shard, at the record's data
    number: int,  # of the record, from 1
    start: int,  # of the record, byte of the shard
    length: int,  # stated, of the data
) -> Example | Fault:
    """Read a record's data and check it.

    One that is too long is not read: the caller seeks past it.
    """
    where = f"record {number} at byte {start}"
    if length > MAX_EXAMPLE_BYTES:
        message = f"{where}: {length:,} bytes, more than the limit of {MAX_EXAMPLE_BYTES:,}"
        return Fault(number, message, False)
    data = f.read(length)
    tail = f.read(TAIL_BYTES)
    stated = int.from_bytes(tail, "little")
    found = _checksum(data)
    if len(tail) == TAIL_BYTES and stated == found:
        return Example(number=number, start=start, data=data, checksum=found)
    message = f"the checksum of its data is {found:08x}, and the file states {stated:08x}"
    return Fault(number, f"{where}: {message}", False)


def _checksum(
    data: bytes,  # of the record
) -> int:
    """Return the CRC-32C, turned and shifted as TFRecord does."""
    crc: int = google_crc32c.value(data)
    turned = crc >> 15 | crc << 17
    return (turned + 0xA282EAD8) & 0xFFFFFFFF


def image_bytes(
    file: StrPath,  # the shard
    place: Place,
) -> bytes:
    """Return the image, if its record is still the one that was listed.

    Raises `OSError`, and `ImageRejected` where it is another.
    """
    with open(file, "rb") as f:
        f.seek(place.start + HEAD_BYTES)
        data = f.read(place.length)
    if _checksum(data) == place.checksum:
        return data[place.image : place.image + place.size]
    raise ImageRejected(
        "damaged",
        f"{file}: record {place.number} at byte {place.start} is not what it was when the "
        "shard was listed.",
    )


# ---- the record's data: a tf.train.Example, as protobuf lays it out


def feature_map(
    data: bytes,  # of an Example
) -> dict[str, Feature]:
    """Return name -> Feature. Raises `ValueError` where the data is no tf.train.Example."""
    features: dict[str, Feature] = {}
    for first, behind in _messages(data, 0, len(data)):  # Example.features
        # Features.feature is a map: of two entries of a key the last counts
        for start, end in _messages(data, first, behind):
            name, feature = _entry_at(data, start, end)
            features[name] = feature
    return features


def _entry_at(
    data: bytes,  # of the record
    start: int,  # first byte of the message
    end: int,  # byte behind it
) -> tuple[str, Feature]:
    """Read an entry of the map; a small one that was met before is remembered.

    The places of bytes are those in the whole data.
    """
    if end - start > MAX_REMEMBERED_BYTES:
        return _entry(data, start, end)
    name, feature = _small_entry(data[start:end])
    if feature.kind == "bytes":
        moved = tuple((start + at, size) for at, size in feature.values)
        feature = Feature(feature.kind, moved)
    return name, feature


@lru_cache(maxsize=4096)
def _small_entry(
    entry: bytes,  # its bytes
) -> tuple[str, Feature]:
    """Read an entry by itself; the places in it are counted from its own start."""
    return _entry(entry, 0, len(entry))


def _entry(
    data: bytes,  # of the record
    start: int,  # first byte of the message
    end: int,  # byte behind it
) -> tuple[str, Feature]:
    """Read (name, Feature) of an entry of the map.

    What is missing is '' and a Feature of no kind.
    """
    name = ""
    feature = Feature("", ())
    for number, wire, first, behind in _fields(data, start, end):
        if number == 1 and wire == MESSAGE:
            name = data[first:behind].decode()
        if number == 2 and wire == MESSAGE:
            feature = _feature(data, first, behind)
    return name, feature


def _feature(
    data: bytes,  # of the record
    start: int,  # first byte of the message
    end: int,  # byte behind it
) -> Feature:
    """Read a tf.train.Feature: one list, of one of the three kinds.

    The numbers of a float list are passed over.
    """
    kind = ""
    values: tuple[Any, ...] = ()
    for number, wire, first, behind in _fields(data, start, end):
        if number not in KINDS or wire != MESSAGE:
            continue
        kind = KINDS[number]
        if kind == "bytes":
            values = tuple((a, b - a) for a, b in _messages(data, first, behind))
        elif kind == "int64":
            values = tuple(_limited(_numbers(data, first, behind)))
    return Feature(kind, values)


def _messages(
    data: bytes,  # of the record
    start: int,  # first byte of the message
    end: int,  # byte behind it
) -> list[tuple[int, int]]:
    """Return (start, end) of every field 1 that holds bytes or a message.

    Fields of other numbers and types are passed over.
    """
    found = (
        (first, behind)
        for number, wire, first, behind in _fields(data, start, end)
        if number == 1 and wire == MESSAGE
    )
    return _limited(found)


def _limited(values: Iterable[T]) -> list[T]:
    """Return all of them, if they are not too many for a record to describe an image by.

    Raises `ValueError` where there are more than MAX_VALUES.
    """
    out = list(islice(values, MAX_VALUES + 1))
    if len(out) <= MAX_VALUES:
        return out
    raise ValueError(f"a feature, or a list of them, has more than {MAX_VALUES:,} values")


def _numbers(
    data: bytes,  # of the record
    start: int,  # first byte of the message
    end: int,  # byte behind it
) -> Iterator[int]:
    """Yield the values of an Int64List: packed, or one by one.

    Those from 2 ** 63 on are negative: they are two's complement.
    """
    for number, wire, first, behind in _fields(data, start, end):
        if number != 1 or wire not in (VARINT, MESSAGE):
            continue
        while first < behind:
            value, first = _varint(data, first, behind)
            yield value - 2**64 if value >= 2**63 else value


def _fields(
    data: bytes,  # of the record
    at: int,  # byte to begin at
    end: int,  # byte behind it
) -> Iterator[tuple[int, int, int, int]]:
    """Yield (number, wire type, start and end of the payload) of each field of a message.

    Raises `ValueError` where the bytes are no message.
    """
    while at < end:
        tag = data[at]
        start = at + 1
        if tag >= 128:  # most are of one byte
            tag, start = _varint(data, at, end)
        number = tag >> 3
        wire = tag & 7
        if wire == MESSAGE:
            size, start = _varint(data, start, end)
            at = start + size
        elif wire == VARINT:
            _, at = _varint(data, start, end)
        elif wire == FIXED64:
            at = start + 8
        elif wire == FIXED32:
            at = start + 4
        else:
            raise ValueError(f"byte {start} of its data: wire type {wire}, which no Example has")
        if at > end or not number:
            raise ValueError(f"byte {start} of its data: a field that runs past its message")
        yield number, wire, start, at


def _varint(
    data: bytes,  # of the record
    at: int,  # byte to begin at
    end: int,  # byte behind it
) -> tuple[int, int]:
    """Return (value, byte behind it): seven bits a byte, the least first.

    Raises `ValueError` where it does not end within ten bytes.
    """
    if at < end and data[at] < 128:  # most are of one byte
        return data[at], at + 1
    value = 0
    for i, byte in enumerate(data[at : min(at + 10, end)]):
        value |= (byte & 127) << 7 * i
        if byte < 128:
            return value & 2**64 - 1, at + i + 1
    raise ValueError(f"byte {at} of its data: a number that does not end")
