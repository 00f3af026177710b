"""TFRecord: against a checksum counted bit by bit, and Google's own protobuf."""

import struct

import pytest

from cxr_fastai.curation.sources.tfrecord import feature_map, read_shard
from cxr_fastai.phantom.shards import example, shard


def slow_crc(data: bytes) -> int:
    "CRC-32C, bit by bit (RFC 3720, appendix B.4)."
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def slow_shard(*datas) -> bytes:
    "As TensorFlow's record_writer.h frames records, read from its text."

    def masked(data):
        return struct.pack(
            "<I", ((slow_crc(data) >> 15) + (slow_crc(data) << 17) + 0xA282EAD8) % 2**32
        )

    return b"".join(
        n + masked(n) + d + masked(d) for d in datas for n in [struct.pack("<Q", len(d))]
    )


def test_the_checksum_is_that_of_the_standard():
    assert (
        slow_crc(b"123456789") == 0xE3069283 and slow_crc(bytes(32)) == 0x8A9136AA
    )  # the check values of RFC 3720


@pytest.mark.parametrize("datas", [[b""], [b"x"], [bytes(700), b"abc" * 91, bytes(range(256))]])
def test_a_shard_framed_by_the_text_of_the_format_is_read_and_written_alike(tmp_path, datas):
    (tmp_path / "a").write_bytes(slow_shard(*datas))
    assert [(r.number, r.data) for r in read_shard(tmp_path / "a")] == [*enumerate(datas, 1)]
    assert shard(datas) == slow_shard(*datas)


@pytest.fixture(scope="module")
def Example():
    "tf.train.Example as Google's protobuf has it, from its definition in example.proto and feature.proto."
    pb = pytest.importorskip("google.protobuf.descriptor_pb2")
    from google.protobuf import descriptor_pool, message_factory

    F = pb.FieldDescriptorProto
    file = pb.FileDescriptorProto(name="toy_example.proto", package="toy", syntax="proto3")

    def message(name, *fields, into=file.message_type):
        m = into.add(name=name)
        for number, (field, kind, label, of) in enumerate(fields, 1):
            m.field.add(name=field, number=number, type=kind, label=label, type_name=of or None)
        return m

    one, many = F.LABEL_OPTIONAL, F.LABEL_REPEATED
    for name, kind in (
        ("BytesList", F.TYPE_BYTES),
        ("FloatList", F.TYPE_FLOAT),
        ("Int64List", F.TYPE_INT64),
    ):
        message(name, ("value", kind, many, ""))
    lists = [
        (f"{x}_list", F.TYPE_MESSAGE, one, f".toy.{x.title()}List")
        for x in ("bytes", "float", "int64")
    ]
    feature = message("Feature", *lists)
    feature.oneof_decl.add(name="kind")
    for f in feature.field:
        f.oneof_index = 0
    holder = message("Features", ("feature", F.TYPE_MESSAGE, many, ".toy.Features.FeatureEntry"))
    entry = message(
        "FeatureEntry",
        ("key", F.TYPE_STRING, one, ""),
        ("value", F.TYPE_MESSAGE, one, ".toy.Feature"),
        into=holder.nested_type,
    )
    entry.options.map_entry = True
    message("Example", ("features", F.TYPE_MESSAGE, one, ".toy.Features"))
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("toy.Example"))


def fill_in(example, values: dict) -> bytes:
    for name, value in values.items():
        f = example.features.feature[name]
        if isinstance(value[0], bytes):
            f.bytes_list.value.extend(value)
        elif isinstance(value[0], float):
            f.float_list.value.extend(value)
        else:
            f.int64_list.value.extend(value)
    return example.SerializeToString()


VALUES = {
    "image": [bytes(range(256)) * 300],
    "image_id": [b"00000001_000"],
    "several": [b"", b"b", b"long" * 200],
    "Mass": [1],
    "minus": [-1, 0, 2**63 - 1, -(2**63), 300],
    "part": [0.5, 1e30],
    "Größe": [7],
    "big": [*range(900)],
}


def test_what_protobuf_writes_is_read(Example):
    data = fill_in(Example(), VALUES)
    got = feature_map(data)
    assert set(got) == set(VALUES)
    for name, values in VALUES.items():
        f = got[name]
        if f.kind == "bytes":
            assert [data[a : a + n] for a, n in f.values] == values, name
        elif f.kind == "int64":
            assert list(f.values) == values, name
        else:
            assert f.kind == "float"


def test_protobuf_reads_what_the_phantoms_write(Example):
    told = {
        "image": b"\xff" * 5000,
        "image_id": "00000001_000",
        "Mass": 1,
        "No Finding": 0,
        "big": 2**40,
    }
    got = Example.FromString(example(told)).features.feature
    assert {k: (f.bytes_list.value or f.int64_list.value)[0] for k, f in got.items()} == {
        **told,
        "image_id": b"00000001_000",
    }


def test_numbers_stand_packed_or_one_by_one():
    def field(n, payload):
        return bytes([n << 3 | 2, len(payload)]) + payload

    def told(numbers):
        return feature_map(field(1, field(1, field(1, b"k") + field(2, field(3, numbers)))))["k"]

    assert (
        told(field(1, b"\1\0\xac\2")) == told(b"\x08\1\x08\0\x08\xac\2") == ("int64", (1, 0, 300))
    )
    assert told(b"") == ("int64", ())
