"""TFRecord shards as TensorFlow writes them.

An image's bytes, texts and whole numbers -> those of a tf.train.Example; many of them -> a shard.
Touches no file; curation/sources/tfrecord.py reads them back and shares no code with this.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping

__all__ = ["example", "shard"]

BYTES_LIST = 1  # which list of a tf.train.Feature holds bytes
INT64_LIST = 3  # .. and which whole numbers
LENGTH_DELIMITED = 2  # wire type of a protocol buffer's field
CRC_MASK = (
    0xA282EAD8  # TFRecord's, so that the checksum of data with checksums in it is no weak one
)


def shard(
    examples: Iterable[bytes],  # of each image, as from `example`
) -> bytes:
    """Write each example with its length before it, and a masked CRC-32C behind each of the two."""
    parts = []
    for data in examples:
        length = struct.pack("<Q", len(data))
        parts += [length, _checksum(length), data, _checksum(data)]
    return b"".join(parts)


def example(
    features: Mapping[str, bytes | str | int],  # by name
) -> bytes:
    """Serialise a tf.train.Example."""
    entries = []
    for name, value in features.items():
        entry = _field(1, name.encode()) + _field(2, _feature(value))
        entries.append(_field(1, entry))
    return _field(1, b"".join(entries))


def _feature(value: bytes | str | int) -> bytes:
    """Serialise a tf.train.Feature of one value."""
    if isinstance(value, int):
        return _field(INT64_LIST, _field(1, _varint(value)))
    if isinstance(value, str):
        value = value.encode()
    return _field(BYTES_LIST, _field(1, value))


def _field(number: int, payload: bytes) -> bytes:
    """Serialise a field of a protocol buffer, with its length before it."""
    key = _varint(number << 3 | LENGTH_DELIMITED)
    return key + _varint(len(payload)) + payload


def _varint(n: int) -> bytes:
    """Write a whole number in seven bits a byte, the least first."""
    out = bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    out.append(n)
    return bytes(out)


def _checksum(data: bytes) -> bytes:
    """Give the masked CRC-32C of data."""
    import google_crc32c  # a server draws one film as well, and does without

    crc = google_crc32c.value(data)
    rotated = crc >> 15 | crc << 17
    return struct.pack("<I", (rotated + CRC_MASK) & 0xFFFFFFFF)
