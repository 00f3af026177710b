"""Splits that a source fixes: by lists, by paths, by its rule."""

import pytest
from toy_listing import listing
from toy_sources import put, rule

from cxr_fastai.core import IntegrityError
from cxr_fastai.curation.sources.item import LISTING_DIFFERS


def test_an_official_list_names_the_test_images(tmp_path):
    for s in ("1.png", "2.png"):
        put(tmp_path / "one/sick" / s, 1)
    (tmp_path / "one/test_list.txt").write_text("2.png\n")
    listed = listing(
        tmp_path, rule(label_value="sick", findings="mass", split="list:test_list.txt")
    )
    assert {it.path: it.official for it in listed.items} == {"sick/1.png": "", "sick/2.png": "test"}


def with_lists(tmp_path, split, **files):
    "The listing of 1.png to 4.png beside list files: name -> lines."
    for s in "1234":
        put(tmp_path / f"one/sick/{s}.png", int(s))
    for name, lines in files.items():
        (tmp_path / f"one/{name}.txt").write_text("\n".join(lines), "utf-8")
    return listing(tmp_path, rule(label_value="sick", findings="mass", split=split))


def in_test(listed):
    return [it.path for it in listed.items if it.official == "test"]


@pytest.mark.parametrize("split", ["list?:test.txt", "list?:test.txt|rest.txt"])
def test_a_list_that_may_be_absent_counts_where_it_lies_and_is_not_missed_where_not(
    tmp_path, split
):
    listed = with_lists(tmp_path, split)
    assert (
        in_test(listed) == []
        and {it.official for it in listed.items} == {""}
        and listed.warnings == []
    )
    assert in_test(with_lists(tmp_path, split, test=["2.png"])) == ["sick/2.png"]


def test_the_shallowest_list_is_read(tmp_path):
    (tmp_path / "one/deep").mkdir(parents=True)
    (tmp_path / "one/deep/test.txt").write_text("1.png")
    assert in_test(with_lists(tmp_path, "list:test.txt", test=["2.png"])) == ["sick/2.png"]


def test_images_in_neither_list_or_in_both_are_told_and_the_test_list_decides(tmp_path):
    listed = with_lists(
        tmp_path,
        "list:test.txt|rest.txt",
        test=["1.png", "2.png", "gone.png"],
        rest=["2.png", "3.png"],
    )
    assert in_test(listed) == ["sick/1.png", "sick/2.png"]
    assert [warning.says for warning in listed.warnings] == [
        "one: 1 image is in neither test.txt nor rest.txt: its split is drawn (4.png the first)",
        "one: 1 image is in both test.txt and rest.txt: it is tested on (2.png the first)",
    ]
    assert {warning.kind for warning in listed.warnings} == {LISTING_DIFFERS}


def test_lists_that_share_the_images_between_them_are_no_matter(tmp_path):
    assert (
        with_lists(
            tmp_path, "list:test.txt|rest.txt", test=["1.png"], rest=["2.png", "3.png", "4.png"]
        ).warnings
        == []
    )


def test_a_list_that_names_no_image_is_told(tmp_path):
    (warning,) = with_lists(tmp_path, "list:test.txt", test=["9.png"]).warnings
    assert warning.says == "one: test.txt names none of its 4 images"


def test_a_list_in_another_encoding_is_an_error(tmp_path):
    (tmp_path / "one").mkdir()
    (tmp_path / "one/test.txt").write_bytes("Müller.png".encode("latin-1"))
    with pytest.raises(IntegrityError, match="test.txt in .*: not utf-8 at byte 1"):
        with_lists(tmp_path, "list:test.txt")


def test_a_list_with_paths_of_windows_and_accents_of_macos_names_its_files(tmp_path):
    for name in ("\u00e9.png", "b.png"):
        put(tmp_path / "one/sick" / name, 1)
    (tmp_path / "one/test.txt").write_text("C:\\data\\sick\\e\u0301.png\n", encoding="utf-8")
    listed = listing(tmp_path, rule(label_value="sick", findings="mass", split="list:test.txt"))
    assert {item.path: item.official for item in listed.items} == {
        "sick/b.png": "",
        "sick/\u00e9.png": "test",
    }
