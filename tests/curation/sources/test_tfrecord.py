"""TFRecord shards: against a checksum counted bit by bit and Google's own protobuf"""

import gzip
import hashlib
import io
import os
import struct
import tracemalloc
import zlib

import pytest
from PIL import Image
from toy_sources import gray, rule, write_catalog

from cxr_fastai.catalog import load_catalog
from cxr_fastai.core import ImageRejected
from cxr_fastai.curation.copies.fingerprint import Unreadable, fingerprint, source_bytes
from cxr_fastai.curation.sources import tfrecord
from cxr_fastai.curation.sources.item import Item
from cxr_fastai.curation.sources.listing import list_source
from cxr_fastai.curation.sources.tfrecord import Fault, feature_map, read_shard
from cxr_fastai.curation.sources.tree import folder_tree
from cxr_fastai.images import decode
from cxr_fastai.phantom.shards import example, shard

NONE, MASS, EDEMA = "No Finding", "Mass", "Edema"
RULES = [
    rule(
        label_from="shard",
        glob="*.tfrec",
        label_value=NONE,
        findings="no_finding",
        patient="nih:{pid}",
        name_regex=r"^(?P<pid>\d{8})_\d{3}",
    ),
    rule(first=False, label_value=MASS, findings="mass"),
    rule(first=False, label_value=EDEMA, findings="edema"),
]


def record(i=1, image=b"a picture", **change) -> dict:
    "Features of an image of patient `i`, a mass in it; a change of None takes one away."
    all = {
        "image": image,
        "image_id": f"{i:08d}_000.png",
        NONE: 0,
        MASS: 1,
        EDEMA: 0,
        **{k.replace("_", " ") if k == "No_Finding" else k: v for k, v in change.items()},
    }
    return {k: v for k, v in all.items() if v is not None}


def source_of(tmp_path, rows=RULES):
    return load_catalog(write_catalog(tmp_path / "c.csv", *rows))["one"]


def listing(tmp_path, *files, rows=RULES, name="000-3.tfrec", source=None):
    "The listing of a source of one shard for each of the bytes."
    (tmp_path / "one").mkdir(exist_ok=True)
    for i, data in enumerate(files):
        (tmp_path / "one" / name.replace("0", str(i), 1)).write_bytes(data)
    return list_source(source or source_of(tmp_path, rows), folder_tree(tmp_path / "one"))


def names(l):
    return [it.path.split("#")[1][:8].lstrip("0") for it in l.items]


def jpeg(seed=0, size=(72, 64)) -> bytes:
    out = io.BytesIO()
    Image.fromarray(gray(seed, size)).save(out, "JPEG")
    return out.getvalue()


THREE = shard(example(record(i)) for i in (1, 2, 3))
LENGTH = len(THREE) // 3


# ---- against others


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


# ---- what a shard says


def test_records_become_items_with_findings_patients_and_places(tmp_path):
    l = listing(
        tmp_path,
        shard(
            [
                example(record(1)),
                example(record(2, Edema=1)),
                example(record(3, Mass=0, No_Finding=1)),
            ]
        ),
    )
    assert [(it.path, it.source_label, it.findings, it.patients) for it in l.items] == [
        ("000-3.tfrec#00000001_000.png", "Mass", ("mass",), ("nih:00000001",)),
        ("000-3.tfrec#00000002_000.png", "Mass|Edema", ("edema", "mass"), ("nih:00000002",)),
        ("000-3.tfrec#00000003_000.png", "No Finding", ("no_finding",), ("nih:00000003",)),
    ]
    assert [source_bytes(it.file, it.array) for it in l.items] == [
        b"a picture"
    ] * 3 and not l.rejects


def test_an_image_in_a_shard_has_the_fingerprint_of_the_same_file(tmp_path):
    pictures = {i: jpeg(i) for i in (1, 2)}
    l = listing(tmp_path, shard(example(record(i, p)) for i, p in pictures.items()))
    for it, data in zip(l.items, pictures.values()):
        (tmp_path / "plain.jpg").write_bytes(data)
        inside, plain = (
            fingerprint(it.file, it.array, it.path),
            fingerprint(str(tmp_path / "plain.jpg"), None, "p.jpg"),
        )
        assert (
            inside == plain
            and inside.sha256 == hashlib.sha256(data).hexdigest()
            and inside.notes == ()
        )
        assert (decode(source_bytes(it.file, it.array)) == decode(data)).all()


def test_a_shard_is_listed_one_record_at_a_time(tmp_path):
    data = shard(example(record(i, bytes(200_000))) for i in range(40))
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        l = listing(tmp_path, data, name="000-40.tfrec")
        assert len(l.items) == 40 and tracemalloc.get_traced_memory()[
            1
        ] - before < 8 * 200_000 < len(data)
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "change,reason,said",
    [
        (dict(image=None), "missing_feature", "no feature 'image'; it has Edema, Mass"),
        (dict(image_id=None), "missing_feature", "no feature 'image_id'"),
        (dict(Edema=None), "missing_feature", "no feature 'Edema'"),
        (
            dict(Mass=b"yes"),
            "missing_feature",
            "'Mass' holds 1 values of kind bytes: expected one of kind int64",
        ),
        (dict(image=7), "missing_feature", "'image' holds 1 values of kind int64"),
        (dict(Mass=2), "unknown_label", "'Mass' is 2: expected 0 or 1"),
        (dict(Mass=0), "unknown_label", "none of its 3 labels is set"),
        (dict(Hernia=1), "unknown_label", "no rule of one for the label 'Hernia'"),
        (dict(No_Finding=1), "contradictory", "contradict each other: No Finding and Mass"),
        (dict(image_id="patient 7"), "bad_name", r"'patient 7' does not fit ^(?P<pid>\d{8})_\d{3}"),
        (dict(image_id=b"\xff\xfe"), "bad_name", "no text of one line"),
        (dict(image_id=""), "bad_name", "no text of one line"),
        (dict(image_id="00000002_000\nx"), "bad_name", "no text of one line"),
        (dict(image_id="00000001_000.png"), "bad_name", "is that of a record before it"),
    ],
)
def test_a_record_that_cannot_be_used_costs_itself_and_says_why(tmp_path, change, reason, said):
    l = listing(
        tmp_path, shard([example(record(1)), example(record(2, **change)), example(record(3))])
    )
    assert names(l) == ["1", "3"] and [r.reason for r in l.rejects] == [reason]
    for part in ("000-3.tfrec: record 2: ", said):
        assert part in l.rejects[0].message
    assert any("1 images left out: 000-3.tfrec: record 2" in w for w in l.warnings)


def test_a_number_that_is_no_label_is_of_no_interest(tmp_path):
    l = listing(tmp_path, shard([example(record(1, width=600, fold=0))]))
    assert names(l) == ["1"] and not l.rejects


@pytest.mark.parametrize(
    "data",
    [
        b"\x0a",
        b"\x0a\x05abc",
        b"\xff" * 11,
        b"\x0b\x0c",
        b"\x00\x00",
        b"\x0d\1",
        b"\x0a\x07\x0a\x05\x0a\x03\xff\xfe\xfd",
    ],
)
def test_a_record_that_is_no_example_costs_itself(tmp_path, data):
    with pytest.raises(ValueError):
        feature_map(data)
    l = listing(tmp_path, shard([example(record(1)), data, example(record(3))]))
    assert (
        names(l) == ["1", "3"]
        and l.rejects[0].reason == "damaged"
        and "no tf.train.Example" in l.rejects[0].message
    )


# ---- damage


def test_every_flipped_bit_is_found_and_costs_no_more_than_it_must(tmp_path):
    data = shard(
        example({"image": b"x", "image_id": f"{i:08d}_000", NONE: 0, MASS: 1, EDEMA: 0})
        for i in (1, 2)
    )
    size, lost, source = len(data) // 2, [], source_of(tmp_path)
    whole = listing(tmp_path, data, source=source).items
    for bit in range(8 * len(data)):
        changed = bytearray(data)
        changed[bit // 8] ^= 1 << bit % 8
        l = listing(tmp_path, bytes(changed), source=source)
        hit, framing = divmod(bit // 8, size)
        keep = whole[:hit] if framing < tfrecord.HEAD_BYTES else whole[:hit] + whole[hit + 1 :]
        assert l.items == keep and len(l.rejects) == 1, f"bit {bit}"
        lost.append(l.rejects[0].reason)
    assert set(lost) == {"unreadable_shard", "damaged"}


def test_a_shard_torn_anywhere_keeps_what_came_before_and_counts_what_is_lost(tmp_path):
    source = source_of(tmp_path)
    for cut in range(LENGTH * 3):
        l = listing(tmp_path, THREE[:cut], source=source)
        kept = cut // LENGTH
        assert names(l) == ["1", "2", "3"][:kept], cut
        if cut % LENGTH or not cut:
            assert [r.reason for r in l.rejects] == ["unreadable_shard"], cut
            assert f"{3 - kept} of the 3 records of its name are lost" in l.rejects[0].message
            assert any("1 shards not read to their end" in w for w in l.warnings)


@pytest.mark.parametrize(
    "data,said",
    [
        (gzip.compress(THREE), "packed with GZIP, and is read plain: unpack it"),
        (zlib.compress(THREE), "packed with ZLIB"),
        (b"", "the file is empty"),
        (b"\x89PNG\r\n\x1a\n" + bytes(99), "the checksum of its length is"),
        (struct.pack("<Q", 1 << 40), "ends after 8 of the 12 bytes of its header"),
    ],
)
def test_what_is_no_plain_shard_is_named(tmp_path, data, said):
    l = listing(tmp_path, data, THREE)
    assert names(l) == ["1", "2", "3"] and [r.reason for r in l.rejects] == ["unreadable_shard"]
    for part in ("000-3.tfrec: ", said, "3 of the 3 records", "Fetch it again"):
        assert part in l.rejects[0].message


def test_a_shard_that_is_cut_short_does_not_count_as_an_image(tmp_path):
    l = listing(tmp_path, THREE[:-1], rows=[{**RULES[0], "expected_total": "3"}, *RULES[1:]])
    assert "one: found, of what the catalogue expects: images 2 of 3" in l.warnings


def test_a_shard_whose_name_holds_no_number_loses_all_from_there_on(tmp_path):
    l = listing(tmp_path, THREE[:-1], name="0.tfrec")
    assert names(l) == ["1", "2"] and "all records from there on are lost" in l.rejects[0].message


def test_a_record_of_a_length_beyond_reason_is_passed_over_unread(tmp_path, monkeypatch):
    monkeypatch.setattr(tfrecord, "MAX_EXAMPLE_BYTES", 500)
    l = listing(
        tmp_path, shard([example(record(1)), example(record(2, bytes(600))), example(record(3))])
    )
    assert names(l) == ["1", "3"] and "more than the limit of 500" in l.rejects[0].message


def test_a_shard_that_cannot_be_opened_is_a_reject(tmp_path, monkeypatch):
    def refuse(file):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("cxr_fastai.curation.sources.shards.read_shard", refuse)
    l = listing(tmp_path, THREE)
    assert not l.items and [(r.reason, r.message) for r in l.rejects] == [
        ("unreadable_shard", "Permission denied")
    ]


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data[: LENGTH + 40] + b"\xff" + data[LENGTH + 41 :],
        lambda data: data[: LENGTH + 40],
        lambda data: b"",
        lambda data: shard(example(record(i)) for i in (1, 3, 2)),  # of equal lengths, and whole
        lambda data: shard(
            [example(record(1)), example(record(2, b"another picture")), example(record(3))]
        ),
    ],
)
def test_a_shard_that_changed_after_it_was_listed_gives_no_image(tmp_path, change):
    l = listing(tmp_path, THREE)
    file = tmp_path / "one" / "000-3.tfrec"
    file.write_bytes(change(THREE))
    with pytest.raises(ImageRejected, match="record 2 at byte .* is not what it was"):
        source_bytes(l.items[1].file, l.items[1].array)
    print_ = fingerprint(l.items[1].file, l.items[1].array, l.items[1].path)
    assert isinstance(print_, Unreadable) and print_.reason == "damaged" and print_.sha256 == ""


def test_a_shard_that_is_gone_is_a_missing_file(tmp_path):
    it = listing(tmp_path, THREE).items[0]
    os.unlink(it.file)
    assert fingerprint(it.file, it.array, it.path).reason == "missing_file"


# ---- the official list


@pytest.mark.parametrize("id", ["{:08d}_000", "{:08d}_000.png"])
def test_the_official_list_is_met_by_stem(tmp_path, id):
    (tmp_path / "one").mkdir()
    (tmp_path / "one/test_list.txt").write_text("00000002_000.png\n00000009_000.png")
    rows = [{**RULES[0], "split": "list?:test_list.txt"}, *RULES[1:]]
    l = listing(
        tmp_path, shard(example(record(i, image_id=id.format(i))) for i in (1, 2, 3)), rows=rows
    )
    assert [it.official for it in l.items] == ["", "test", ""] and not [
        w for w in l.warnings if "list" in w
    ]


def test_faults_are_told_from_records(tmp_path):
    (tmp_path / "a").write_bytes(THREE[:-1])
    assert [isinstance(x, Fault) for x in read_shard(tmp_path / "a")] == [False, False, True]
    assert isinstance(listing(tmp_path, THREE).items[0], Item)
