"""What `find` returns: the same copies as rows, JSON, a DataFrame and text."""

import json
from dataclasses import replace

import pytest
from toy_items import toy_item

from cxr_fastai.curation.copies.copy_sets import Copy, CopySet, ScannedImage
from cxr_fastai.curation.copies.fingerprint import Fingerprint
from cxr_fastai.curation.copies.found import Found
from cxr_fastai.curation.copies.known import NewImage
from cxr_fastai.curation.copies.links import Link
from cxr_fastai.curation.sources.item import Reject


def image(name, label="normal"):
    fingerprint = Fingerprint(
        sha256=name * 64, pixel_sha256=name * 64, phash="0" * 16, width=9, height=9, mode="L/8"
    )
    return ScannedImage(
        item=toy_item(f"{name}.png"),
        fingerprint=fingerprint,
        label=label,
        why_unlabelled="",
        rank=(name,),
    )


@pytest.fixture
def found():
    copies = [Copy("bytes"), Copy("pixels"), Copy("near", 0.91234, "mirrored")]
    members = [image("a"), image("b", "tb"), image("c\nd")]
    related = Link(
        a="a" * 64,
        b="b" * 64,
        kind="same_patient",
        score=0.81234,
        evidence=1.1,
        inliers=30,
        matrix=(1, 0, 0, 0, 1, 0),
        inverted=False,
        overlap=1.0,
    )
    reject = Reject(
        path="e.png", sha256="", source="one", stage="scan", reason="damaged", message="e.png: torn"
    )
    return Found(
        images=5,
        old=1,
        groups=[CopySet(id="f" * 16, members=members, copies=copies, settled=True)],
        related=[related],
        rejects=[reject],
        paths={"a" * 64: "a.png", "b" * 64: "b.png"},
    )


def test_the_text_tells_each_copy_in_a_line_and_no_name_breaks_it(found):
    assert str(found).splitlines() == [
        "5 images, 1 of them old: 1 radiograph with copies, 2 copies (0 equal bytes, "
        "1 equal pixels, 1 altered)",
        "1 pair looks like two exposures of one patient, no copies: a.png and b.png the first",
        "1 file could not be read: e.png the first (damaged)",
        "ffffffffffffffff  a.png",
        "    pixels 1.000  b.png",
        "    near   0.912  c\\nd.png  mirrored",
    ]
    assert repr(found) == "<1 radiograph with copies among 5 images>"


def test_no_copies_are_said_in_two_words(found):
    none = replace(found, groups=[], related=[], rejects=[])
    assert str(none) == "5 images, 1 of them old: no copies"


def test_of_many_copies_the_first_are_named_and_the_others_counted(found):
    assert found.copy_lines("more: there", most=1) == [
        "ffffffffffffffff  a.png",
        "    pixels 1.000  b.png",
        "and 1 more: there",
    ]
    many = replace(found, groups=found.groups * 300)
    assert len(str(many).splitlines()) < 50 and "and 580 more in .df" in str(many)


def test_the_question_is_answered_first(found):
    new = [
        NewImage("a.png", known="bytes", old_path="old.png"),
        NewImage("b.png", known="near", old_path="old.png"),
        NewImage("c.png", copies=2),
        NewImage("d.png", copy_of="c.png"),
        NewImage("e.png", copy_of="c.png"),
        NewImage("f.png", same_patient_as="old.png"),
    ]
    asked = replace(found, new=new)
    assert asked.summary_lines()[:3] == [
        "2 of 6 new images are known (1 equal bytes, 0 equal pixels, 1 altered)",
        "2 images safe to add; 2 more are copies of these",
        "1 of these looks like another exposure of a patient of the old images: no copies, but "
        "keep them in that patient's split",
    ]
    told = asked.to_dict()
    assert told["known"] == {"bytes": 1, "near": 1}
    assert told["new"] == [
        {"path": "c.png", "copies": "2", "same_patient_as": ""},
        {"path": "f.png", "copies": "0", "same_patient_as": "old.png"},
    ]
    one = replace(found, new=[NewImage("a.png", known="bytes"), NewImage("b.png", copy_of="c")])
    assert one.summary_lines()[:2] == [
        "1 of 2 new images is known (1 equal bytes, 0 equal pixels, 0 altered)",
        "0 images safe to add; 1 more is a copy of one of these",
    ]


def test_rows_have_labels_and_the_table_has_numbers(found):
    assert [(r["path"], r["kept"], r["label"], r["score"]) for r in found.rows] == [
        ("a.png", "yes", "normal", "1"),
        ("b.png", "no", "tb", "1"),
        ("c\nd.png", "no", "normal", "0.9123"),
    ]
    assert found.df.kept.tolist() == [True, False, False] and found.df.score.min() == 0.9123


def test_json_holds_all_of_it(found):
    told = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert told["copies"] == {"pixels": 1, "near": 1} and told["groups"] == 1
    assert told["related"] == [
        {"path": "a.png", "other_path": "b.png", "score": "0.8123", "inliers": "30"}
    ]
    assert told["rejects"][0]["message"] == "e.png: torn" and told["duplicates"] == found.rows
