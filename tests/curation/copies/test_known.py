"""pytest tests/curation/copies/test_known.py"""

from toy_items import toy_item

from cxr_fastai.curation.copies.copy_sets import Copy, CopySet, ScannedImage
from cxr_fastai.curation.copies.fingerprint import Fingerprint
from cxr_fastai.curation.copies.known import judge_new, without_old_copies
from cxr_fastai.curation.copies.links import Link


def image(name, pixels="", data=""):
    "An image; new where its name begins with n."
    fingerprint = Fingerprint(
        sha256=data or f"bytes of {name}",
        pixel_sha256=pixels or f"pixels of {name}",
        phash="0" * 16,
        width=9,
        height=9,
        mode="L/8",
    )
    return ScannedImage(
        item=toy_item(name), fingerprint=fingerprint, label="", why_unlabelled="", rank=(name,)
    )


def is_new(scanned):
    return scanned.item.path.startswith("n")


def copy_set(*members):
    kinds = ["bytes", *["near"] * (len(members) - 1)]
    return CopySet(id=members[0].item.path, members=list(members), copies=[*map(Copy, kinds)])


def exposures(one, other):
    plain = dict(score=0.5, evidence=1.0, inliers=30, matrix=(1, 0, 0, 0, 1, 0), inverted=False)
    a, b = one.fingerprint.pixel_sha256, other.fingerprint.pixel_sha256
    return Link(a=a, b=b, kind="same_patient", overlap=1.0, **plain)


def test_a_new_image_is_known_by_the_nearest_of_its_old_copies():
    old, twin, same = image("o1"), image("o2", data="x"), image("o3", pixels="y")
    sets = [
        copy_set(old, twin, same, image("n1", data="x"), image("n2", pixels="y"), image("n3")),
        copy_set(image("n4")),
    ]
    found = judge_new(sets, [], is_new)
    assert [(each.path, each.known, each.old_path) for each in found] == [
        ("n1", "bytes", "o2"),
        ("n2", "pixels", "o3"),
        ("n3", "near", "o1"),
        ("n4", "", ""),
    ]
    assert [each.is_safe for each in found] == [False, False, False, True]


def test_of_new_copies_one_is_safe_and_says_how_many_it_stands_for():
    found = judge_new([copy_set(image("n1"), image("n2"), image("n3"))], [], is_new)
    assert [(each.is_safe, each.copies, each.copy_of) for each in found] == [
        (True, 2, ""),
        (False, 0, "n1"),
        (False, 0, "n1"),
    ]


def test_another_exposure_of_an_old_patient_is_safe_and_named():
    old, other, new, free = image("o1"), image("o0"), image("n1"), image("n2")
    links = [exposures(old, new), exposures(new, other), exposures(new, free)]
    sets = [copy_set(each) for each in (old, other, new, free)]
    one, two = judge_new(sets, links, is_new)
    assert one.is_safe and one.row() == {"path": "n1", "copies": "0", "same_patient_as": "o0"}
    assert two.same_patient_as == ""


def test_old_images_that_say_nothing_of_a_new_one_are_left_out():
    sets = copy_set(image("o1"), image("o2"), image("o3", data="x"), image("n1", data="x"))
    told = without_old_copies(sets, is_new)
    assert [member.item.path for member in told.members] == ["o1", "o3", "n1"]
    assert len(told.copies) == 3
