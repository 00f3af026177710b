"""Images in TFRecord shards: their names, labels and places, and what damage costs."""

import gzip
import hashlib
import os
import struct
import tracemalloc
import zlib

import pytest
from toy_shards import (
    EDEMA,
    LENGTH,
    MASS,
    NONE,
    RULES,
    THREE,
    jpeg,
    listing,
    names,
    record,
    source_of,
)

from cxr_fastai.core import ImageRejected
from cxr_fastai.curation.copies.fingerprint import Unreadable, fingerprint, source_bytes
from cxr_fastai.curation.sources import tfrecord
from cxr_fastai.curation.sources.item import Item
from cxr_fastai.curation.sources.tfrecord import Fault, feature_map, read_shard
from cxr_fastai.images import decode
from cxr_fastai.phantom.shards import example, shard


def test_records_become_items_with_findings_patients_and_places(tmp_path):
    listed = listing(
        tmp_path,
        shard(
            [
                example(record(1)),
                example(record(2, Edema=1)),
                example(record(3, Mass=0, No_Finding=1)),
            ]
        ),
    )
    assert [(it.path, it.source_label, it.findings, it.patients) for it in listed.items] == [
        ("000-3.tfrec#00000001_000.png", "Mass", ("mass",), ("nih:00000001",)),
        ("000-3.tfrec#00000002_000.png", "Mass|Edema", ("edema", "mass"), ("nih:00000002",)),
        ("000-3.tfrec#00000003_000.png", "No Finding", ("no_finding",), ("nih:00000003",)),
    ]
    assert [source_bytes(it.file, it.array) for it in listed.items] == [
        b"a picture"
    ] * 3 and not listed.rejects


def test_an_image_in_a_shard_has_the_fingerprint_of_the_same_file(tmp_path):
    pictures = {i: jpeg(i) for i in (1, 2)}
    listed = listing(tmp_path, shard(example(record(i, p)) for i, p in pictures.items()))
    for it, data in zip(listed.items, pictures.values()):
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
        listed = listing(tmp_path, data, name="000-40.tfrec")
        assert len(listed.items) == 40 and tracemalloc.get_traced_memory()[
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
    listed = listing(
        tmp_path, shard([example(record(1)), example(record(2, **change)), example(record(3))])
    )
    assert names(listed) == ["1", "3"] and [r.reason for r in listed.rejects] == [reason]
    for part in ("000-3.tfrec: record 2: ", said):
        assert part in listed.rejects[0].message
    assert any("1 image left out: 000-3.tfrec: record 2" in w.says for w in listed.warnings)


def test_a_number_that_is_no_label_is_of_no_interest(tmp_path):
    listed = listing(tmp_path, shard([example(record(1, width=600, fold=0))]))
    assert names(listed) == ["1"] and not listed.rejects


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
    listed = listing(tmp_path, shard([example(record(1)), data, example(record(3))]))
    assert (
        names(listed) == ["1", "3"]
        and listed.rejects[0].reason == "damaged"
        and "no tf.train.Example" in listed.rejects[0].message
    )


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
        listed = listing(tmp_path, bytes(changed), source=source)
        hit, framing = divmod(bit // 8, size)
        keep = whole[:hit] if framing < tfrecord.HEAD_BYTES else whole[:hit] + whole[hit + 1 :]
        assert listed.items == keep and len(listed.rejects) == 1, f"bit {bit}"
        lost.append(listed.rejects[0].reason)
    assert set(lost) == {"unreadable_shard", "damaged"}


def test_a_shard_torn_anywhere_keeps_what_came_before_and_counts_what_is_lost(tmp_path):
    source = source_of(tmp_path)
    for cut in range(LENGTH * 3):
        listed = listing(tmp_path, THREE[:cut], source=source)
        kept = cut // LENGTH
        assert names(listed) == ["1", "2", "3"][:kept], cut
        if cut % LENGTH or not cut:
            assert [r.reason for r in listed.rejects] == ["unreadable_shard"], cut
            assert f"{3 - kept} of the 3 records of its name are lost" in listed.rejects[0].message
            assert any("1 shard not read to its end" in w.says for w in listed.warnings)


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
    listed = listing(tmp_path, data, THREE)
    assert names(listed) == ["1", "2", "3"] and [r.reason for r in listed.rejects] == [
        "unreadable_shard"
    ]
    for part in ("000-3.tfrec: ", said, "3 of the 3 records", "Fetch it again"):
        assert part in listed.rejects[0].message


def test_a_shard_that_is_cut_short_does_not_count_as_an_image(tmp_path):
    listed = listing(tmp_path, THREE[:-1], rows=[{**RULES[0], "expected_total": "3"}, *RULES[1:]])
    says = [warning.says for warning in listed.warnings]
    assert "one: found, of what the catalogue expects: images 2 of 3" in says


def test_a_shard_whose_name_holds_no_number_loses_all_from_there_on(tmp_path):
    listed = listing(tmp_path, THREE[:-1], name="0.tfrec")
    assert (
        names(listed) == ["1", "2"]
        and "all records from there on are lost" in listed.rejects[0].message
    )


def test_a_record_of_a_length_beyond_reason_is_passed_over_unread(tmp_path, monkeypatch):
    monkeypatch.setattr(tfrecord, "MAX_EXAMPLE_BYTES", 500)
    listed = listing(
        tmp_path, shard([example(record(1)), example(record(2, bytes(600))), example(record(3))])
    )
    assert names(listed) == ["1", "3"] and "more than the limit of 500" in listed.rejects[0].message


def test_a_shard_that_cannot_be_opened_is_a_reject(tmp_path, monkeypatch):
    def refuse(file):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("cxr_fastai.curation.sources.shards.read_shard", refuse)
    listed = listing(tmp_path, THREE)
    assert not listed.items and [(r.reason, r.message) for r in listed.rejects] == [
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
    listed = listing(tmp_path, THREE)
    file = tmp_path / "one" / "000-3.tfrec"
    file.write_bytes(change(THREE))
    with pytest.raises(ImageRejected, match="record 2 at byte .* is not what it was"):
        source_bytes(listed.items[1].file, listed.items[1].array)
    print_ = fingerprint(listed.items[1].file, listed.items[1].array, listed.items[1].path)
    assert isinstance(print_, Unreadable) and print_.reason == "damaged" and print_.sha256 == ""


def test_a_shard_that_is_gone_is_a_missing_file(tmp_path):
    it = listing(tmp_path, THREE).items[0]
    os.unlink(it.file)
    assert fingerprint(it.file, it.array, it.path).reason == "missing_file"


@pytest.mark.parametrize("template", ["{:08d}_000", "{:08d}_000.png"])
def test_the_official_list_is_met_by_stem(tmp_path, template):
    (tmp_path / "one").mkdir()
    (tmp_path / "one/test_list.txt").write_text("00000002_000.png\n00000009_000.png")
    rows = [{**RULES[0], "split": "list?:test_list.txt"}, *RULES[1:]]
    listed = listing(
        tmp_path,
        shard(example(record(i, image_id=template.format(i))) for i in (1, 2, 3)),
        rows=rows,
    )
    assert [it.official for it in listed.items] == ["", "test", ""] and not [
        w for w in listed.warnings if "list" in w.says
    ]


def test_faults_are_told_from_records(tmp_path):
    (tmp_path / "a").write_bytes(THREE[:-1])
    assert [isinstance(x, Fault) for x in read_shard(tmp_path / "a")] == [False, False, True]
    assert isinstance(listing(tmp_path, THREE).items[0], Item)
