"""Sets of copies: who is in one, who is kept, what the rows say, and what ties radiographs."""

import random

from cxr_fastai.curation.copies.copy_sets import (
    ScannedImage,
    collect_copies,
    same_patient,
    unexpected_overlap,
)
from cxr_fastai.curation.copies.fingerprint import Fingerprint
from cxr_fastai.curation.copies.links import Link
from cxr_fastai.curation.sources.listing import Item

SAME = (1, 0, 0, 0, 1, 0)
QUARTER = (0, -1, 99, 1, 0, 0)  # clockwise on a screen, 100 x 100 pixels


def sha(name):
    return f"{ord(name):02x}" * 32


def seen(
    pixels,
    path=None,
    source="one",
    label="normal",
    rank=None,
    patients=(),
    radiograph="",
    bytes_="",
    size=100,
    official="",
):
    path = path or f"{pixels}.png"
    item = Item(
        source=source,
        file=path,
        path=path,
        array=None,
        source_label=label,
        findings=(),
        patients=tuple(patients),
        radiograph=radiograph,
        view="",
        age="",
        sex="",
        official=official,
        rule=None,
    )
    fingerprint = Fingerprint(
        sha256=bytes_ or sha(pixels),
        pixel_sha256=sha(pixels),
        phash="0" * 16,
        width=size,
        height=size,
        mode="L/8",
    )
    return ScannedImage(
        item=item,
        fingerprint=fingerprint,
        label=label,
        why_unlabelled="",
        rank=rank or (not label, path),
    )


def link(a, b, kind="near", score=0.95, matrix=SAME, inliers=50, inverted=False, evidence=1.4):
    return Link(
        a=sha(a),
        b=sha(b),
        kind=kind,
        score=score,
        evidence=evidence,
        inliers=inliers,
        matrix=matrix,
        inverted=inverted,
        overlap=1.0,
    )


def paths(groups):
    return {tuple(m.item.path for m in g.members) for g in groups}


def test_copies_of_copies_are_one_group_and_the_order_of_nothing_matters():
    some = [seen(c) for c in "abcde"] + [seen("a", "a2.png", bytes_="f" * 64)]
    links = [link("a", "b"), link("b", "c", score=0.9), link("d", "e", "same_patient")]
    first = collect_copies(some, links)
    assert paths(first) == {("a.png", "a2.png", "b.png", "c.png"), ("d.png",), ("e.png",)}
    for i in range(5):
        random.Random(i).shuffle(some), random.Random(i).shuffle(links)
        assert collect_copies(some, links) == first


def test_a_copy_says_what_was_done_to_the_kept_one_also_along_a_chain():
    some = [
        seen("a", "a.png"),
        seen("b", "b.png"),
        seen("c", "c.png", size=50),
        seen("b", "d.png", bytes_="e" * 64),
    ]
    halved = (0.5, 0, -0.25, 0, 0.5, -0.25)
    (g,) = collect_copies(
        some,
        [link("a", "b", matrix=QUARTER, score=0.97), link("b", "c", matrix=halved, score=0.91)],
    )
    assert [(m.item.path, c.kind, c.score, c.transform) for m, c in zip(g.members, g.copies)] == [
        ("a.png", "bytes", 1, ""),
        ("b.png", "near", 0.97, "rotated 90"),
        ("c.png", "near", 0.91, "rotated 90, resized 0.50 x 0.50"),
        ("d.png", "near", 0.97, "rotated 90"),
    ]


def test_a_link_is_read_backwards_where_the_kept_one_is_its_second():
    (g,) = collect_copies(
        [seen("a", rank=(1,)), seen("b", rank=(0,))],
        [link("a", "b", matrix=QUARTER, inverted=True)],
    )
    assert g.kept.item.path == "b.png" and g.copies[1].transform == "rotated 270, inverted"


def test_of_two_ways_the_one_whose_worst_link_is_best_is_told():
    (g,) = collect_copies(
        [seen(c) for c in "abc"],
        [
            link("a", "c", score=0.87, matrix=QUARTER),
            link("a", "b", score=0.99),
            link("b", "c", score=0.98),
        ],
    )
    assert g.copies[2].score == 0.98 and g.copies[2].transform == ""


def test_equal_bytes_equal_pixels_and_near_copies_are_told_apart():
    some = [seen("a"), seen("a", "b.png"), seen("a", "c.png", bytes_="c" * 64), seen("d")]
    (g,) = collect_copies(some, [link("a", "d")])
    assert [c.kind for c in g.copies] == ["bytes", "bytes", "pixels", "near"]
    assert [r["kept"] for r in g.rows()] == ["yes", "no", "no", "no"]


def test_a_group_of_two_classes_keeps_nothing_unless_the_original_may_decide():
    some = [
        seen("a", label="normal", rank=(0,)),
        seen("b", label="tuberculosis", rank=(1,)),
        seen("c", label="", rank=(2,)),
    ]
    links = [link("a", "b"), link("b", "c")]
    (g,) = collect_copies(some, links)
    assert g.conflict and not g.is_included and {r["kept"] for r in g.rows()} == {"no"}
    assert [(r["label"], r["path"], r["aside"]) for r in g.conflict_rows()] == [
        ("normal", "a.png", ""),
        ("tuberculosis", "b.png", ""),
        ("", "c.png", ""),
    ]
    assert g.conflict_rows(aside=True)[1]["aside"] == f".conflicts/{g.id}/{sha('b')[:32]}.png"
    (g,) = collect_copies(some, links, "upstream")
    assert g.conflict and g.is_included and [r["kept"] for r in g.rows()] == ["yes", "no", "no"]


def test_copies_of_one_named_patient_are_one_and_of_two_whom_a_source_tells_apart_two():
    one = seen("a", patients=["nih:1"])
    alike = [link("a", "b", score=0.99, evidence=1.49)]
    for other, groups in ((["nih:1"], 1), ([], 1), (["mhh:2"], 1), (["nih:2"], 2)):
        assert len(collect_copies([one, seen("b", patients=other)], alike)) == groups


def test_equal_pixels_are_copies_whoever_is_named():
    other = seen("a", "a2.png", bytes_="f" * 64, patients=["nih:2"])
    assert len(collect_copies([seen("a", patients=["nih:1"]), other])) == 1


def test_a_copy_without_a_class_is_no_conflict():
    (g,) = collect_copies([seen("a", label="normal"), seen("b", label="")], [link("a", "b")])
    assert not g.conflict and g.is_included and g.labels == ["normal"]


# ---- beyond one radiograph


def joined(some, *links):
    groups = collect_copies(some, links)
    return {(k.a[:2], k.b[:2]): yes for k, yes in same_patient(groups, list(links))}


def ids(a, b):
    return sha(a)[:2], sha(b)[:2]


def test_exposures_are_joined_where_no_source_tells_the_patients_apart():
    some = [
        seen("a", patients=["nih:1"]),
        seen("b", patients=["nih:2"]),
        seen("c"),
        seen("d", patients=["mhh:2"]),
    ]
    assert joined(some, link("a", "b", "same_patient")) == {ids("a", "b"): False}
    assert joined(some, link("a", "c", "same_patient")) == {ids("a", "c"): True}
    assert joined(some, link("a", "d", "same_patient")) == {ids("a", "d"): True}


def test_two_patients_are_not_joined_through_a_third_image_either():
    some = [seen("a", patients=["nih:1"]), seen("b", patients=["nih:2"]), seen("c")]
    weak, strong = (
        link("a", "c", "same_patient", inliers=30),
        link("b", "c", "same_patient", inliers=60),
    )
    assert joined(some, weak, strong) == {ids("b", "c"): True, ids("a", "c"): False}
    copies = [
        link("c", "d"),
        link("a", "c", "same_patient"),
        link("b", "d", "same_patient", inliers=20),
    ]
    assert joined([*some, seen("d")], *copies) == {ids("a", "c"): True, ids("b", "d"): False}


def test_what_a_patient_or_a_declared_radiograph_ties_already_is_not_told_again():
    some = [
        seen("a", patients=["nih:1"]),
        seen("b", patients=["nih:1"]),
        seen("c", radiograph="x:1"),
        seen("d", radiograph="x:1"),
    ]
    assert joined(some, link("a", "b", "same_patient"), link("c", "d", "same_patient")) == {}
    some = [
        seen("a", patients=["nih:1"]),
        seen("b", patients=["nih:1", "x:9"]),
        seen("c", patients=["x:8"]),
    ]
    assert joined(some, link("a", "c", "same_patient")) == {ids("a", "c"): False}


def test_overlap_that_the_graph_does_not_expect_is_told_once_for_two_sources_of_a_group():
    some = [
        seen("a", source="x"),
        seen("b", source="y"),
        seen("c", source="y"),
        seen("d", source="z"),
    ]
    groups = collect_copies(some, [link("a", "b"), link("b", "c"), link("c", "d", matrix=QUARTER)])
    known = lambda one, other: {one, other} == {"x", "y"}
    rows = unexpected_overlap(groups, known)
    assert [
        (r["source"], r["path"], r["other_source"], r["other_path"], r["transform"]) for r in rows
    ] == [("x", "a.png", "z", "d.png", "rotated 90"), ("y", "b.png", "z", "d.png", "rotated 90")]
    assert unexpected_overlap(groups, lambda *_: True) == []


# ---- official test sets


def staying(*images, **how):
    (copies,) = collect_copies(images, **how)
    kept = {row["path"] for row in copies.rows() if row["kept"] == "yes"}
    paths = [image.item.path for image in copies.staying]
    assert kept == set(paths) and len(paths) == len(set(paths))
    return paths


def test_of_copies_one_stays_and_of_an_official_test_set_all_of_its_source():
    a, b = seen("a", "a.png", rank=(0,)), seen("a", "b.png", rank=(1,))
    assert staying(a, b) == ["a.png"]
    a, b = seen("a", "a.png", rank=(0,), official="test"), seen("a", "b.png", rank=(1,))
    assert staying(a, b) == ["a.png"]
    c = seen("a", "c.png", rank=(2,), official="test")
    other = seen("a", "d.png", rank=(3,), official="test", source="two")
    assert staying(a, b, c, other) == ["a.png", "c.png"]


def test_an_official_test_image_stays_though_its_copies_are_called_otherwise():
    a = seen("a", "a.png", rank=(0,), official="test")
    b = seen("a", "b.png", rank=(1,), label="mass")
    c = seen("a", "c.png", rank=(2,), label="mass", official="test")
    assert staying(a, b, c) == ["a.png", "c.png"]
    assert staying(b, seen("a", "c.png", rank=(3,))) == []
    assert staying(a, seen("a", "d.png", rank=(3,), label="", official="test")) == ["a.png"]


def test_files_of_one_name_and_label_are_one_image_of_the_test_set():
    a = seen("a", "x/a.png", rank=(0,), official="test")
    twice = seen("a", "y/a.png", rank=(1,), official="test")
    other = seen("a", "z/a.png", rank=(2,), official="test", label="mass")
    assert staying(a, twice, other) == ["x/a.png", "z/a.png"]


def test_what_looks_like_a_copy_of_another_patient_is_told_and_not_joined():
    some = [seen("a", patients=["nih:1"]), seen("b", patients=["nih:2"]), seen("c")]
    assert joined(some, link("a", "b")) == {ids("a", "b"): False}
    chain = [link("a", "c", score=0.99), link("b", "c", score=0.9)]
    for links in (chain, chain[::-1]):
        assert joined(some, *links) == {ids("b", "c"): False}
        assert paths(collect_copies(some, links)) == {("a.png", "c.png"), ("b.png",)}
