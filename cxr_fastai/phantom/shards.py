"""TFRecord shards as TensorFlow writes them: bytes, texts and whole numbers of an image -> a tf.train.Example's bytes,
those of many -> a shard's. Touches no file; curation/tfrecord.py reads them back and shares no code with this.
"""

from __future__ import annotations

import struct

import google_crc32c

BYTES, INT64 = 1, 3  # which list of a tf.train.Feature holds its values


def shard(
    examples,  # bytes of each record, as from `example`
) -> bytes:
    """Each record with its length before it, and a masked CRC-32C behind each of the two."""
    return b"".join(
        head + _checksum(head) + data + _checksum(data)
        for data in examples
        for head in [struct.pack("<Q", len(data))]
    )


def example(
    features: dict,  # name -> bytes, str or int
) -> bytes:
    """A serialised tf.train.Example."""
    entries = [
        _field(1, name.encode()) + _field(2, _feature(value)) for name, value in features.items()
    ]
    return _field(1, b"".join(_field(1, e) for e in entries))


def _feature(value) -> bytes:
    if isinstance(value, int):
        return _field(INT64, _field(1, _varint(value)))
    return _field(BYTES, _field(1, value.encode() if isinstance(value, str) else value))


def _field(number: int, payload: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(payload)) + payload


def _varint(n: int) -> bytes:
    """Seven bits a byte, the least first."""
    out = bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    return bytes([*out, n])


def _checksum(data: bytes) -> bytes:
    crc = google_crc32c.value(data)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)
