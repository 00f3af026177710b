"""TFRecord shards: byte for byte what TensorFlow writes.

python -m pytest tests/phantom/test_shards.py
"""

import struct

from cxr_fastai.phantom.shards import example, shard


def test_an_example_holds_its_features_by_name():
    assert example({"image_id": "ab", "Mass": 1}) == (
        b"\n\x23"
        b"\n\x12\n\x08image_id\x12\x06\n\x04\n\x02ab"
        b"\n\x0d\n\x04Mass\x12\x05\x1a\x03\n\x01\x01"
    )


def test_each_record_stands_between_its_length_and_checksums():
    first, second = b"hello", b""
    data = shard(iter([first, second]))
    assert struct.unpack("<Q", data[:8]) == (5,) and data[12:17] == first
    assert len(data) == 2 * (8 + 4 + 4) + len(first)
    assert shard([]) == b""


def test_a_checksum_is_the_masked_crc32c_of_tensorflow():
    # of the eight bytes of a length 0: CRC-32C 8C28B28A, masked as in TensorFlow's record_writer
    crc = 0x8C28B28A
    masked = (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF
    assert struct.unpack("<I", shard([b""])[8:12]) == (masked,)


def test_large_numbers_take_seven_bits_a_byte():
    assert example({"n": 300}).endswith(b"\xac\x02")
