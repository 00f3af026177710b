"""Which file a key of a table speaks of, and when that cannot be told."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxr_fastai.curation.sources.table_keys import keys_of_one_file, match_keys


def match(keys, paths, copies=False):
    return match_keys({key: n for n, key in enumerate(keys, start=2)}, paths, lambda _: copies)


@pytest.mark.parametrize(
    "key,path",
    [
        ("x.png", "a/x.png"),
        ("x", "a/x.png"),
        ("a/x.png", "a/x.png"),
        ("./a/x.png", "a/x.png"),
        (r"a\x.png", "a/x.png"),
        (r".\a\x.png", "a/x.png"),
        (r"C:\data\a\x.png", "a/x.png"),
        (r"\\server\share\a\x.png", "a/x.png"),
        ("/home/me/data/a/x.png", "a/x.png"),
        ("file:///D:/data/a/x", "a/x.png"),
        ("X.PNG", "a/x.png"),
        ("A/X", "a/x.png"),
        ("x.png", "a/X.PNG"),
        ("7.png", "a/0007.png"),
        ("7", "a/0007.png"),
        ("7.0", "a/0007.png"),
        ("7.0", "a/7.png"),
        ("007", "a/7.png"),
        ("0", "a/000.png"),
        ("x.png", "a/x"),
        ("1.2.840.10", "a/1.2.840.10.png"),
        ("aigue\u0308.png", "aigu\u00eb.png"),
    ],
)
def test_a_key_is_matched_as_other_programs_write_it(key, path):
    found = match([key], [path, "b/other.png"])
    assert found.key_of == {path: key}
    assert not found.missing and not found.unclear


@pytest.mark.parametrize("key", ["b/x.png", r"C:\data\b\x.png", "x.jpg", "y.png", "x-1.png", ""])
def test_a_key_that_says_something_else_is_missing(key):
    found = match([key], ["a/x.png"])
    assert not found.key_of and list(found.missing) == [key]


def test_a_key_of_several_files_is_unclear_and_all_are_named():
    found = match(["view1.png"], ["p0/view1.png", "p1/view1.png", "p2/view1.png"])
    assert not found.key_of and found.unclear_keys == {"view1.png"}
    assert found.unclear["p1/view1.png"].startswith(
        "row 2 ('view1.png') fits p1/view1.png and p0/view1.png and 1 more"
    )


def test_copies_of_one_file_are_no_choice():
    found = match(["x.png"], ["a/x.png", "b/x.png"], copies=True)
    assert found.key_of == {"a/x.png": "x.png", "b/x.png": "x.png"}


@pytest.mark.parametrize(
    "keys,paths,want",
    [
        (["p0/v.png", "p1/v.png"], ["p0/v.png", "p1/v.png"], {"p0/v.png": "p0/v.png", "p1/v.png": "p1/v.png"}),
        (["v.png", "p1/v.png"], ["p0/v.png", "p1/v.png"], {"p0/v.png": "v.png", "p1/v.png": "p1/v.png"}),
        ([r"D:\p1\v.png", "v.png"], ["p0/v.png", "p1/v.png"], {"p0/v.png": "v.png", "p1/v.png": r"D:\p1\v.png"}),
        (["a.png", "A.png"], ["a.png", "A.png"], {"a.png": "a.png", "A.png": "A.png"}),
        (["7.png", "0007.png"], ["7.png", "0007.png"], {"7.png": "7.png", "0007.png": "0007.png"}),
        (["1/p/v.png", "p/v.png"], ["1/p/v.png", "p/v.png"], {"1/p/v.png": "1/p/v.png", "p/v.png": "p/v.png"}),
    ],
)  # fmt: skip
def test_rows_that_name_the_paths_that_differ_are_told_apart(keys, paths, want):
    found = match(keys, paths)
    assert found.key_of == want and not found.unclear


@pytest.mark.parametrize(
    "keys,paths,unclear",
    [
        (["x"], ["x.png", "x.jpg"], {"x.png", "x.jpg"}),
        (["7.png"], ["07.png", "007.png"], {"07.png", "007.png"}),
        (["X.png"], ["x.png", "x.PNG"], {"x.png", "x.PNG"}),
        (["7.png", "07.png"], ["0007.png"], {"0007.png"}),
        ([r"C:\a\x.png", r"C:\b\x.png"], ["x.png"], {"x.png"}),
        (["v.png", "q/v.png"], ["p/v.png", "r/v.png"], {"p/v.png", "r/v.png"}),
        (["v.png"], ["v.png", "p/v.png"], {"v.png", "p/v.png"}),
    ],
)
def test_what_cannot_be_told_is_not_guessed(keys, paths, unclear):
    found = match(keys, paths)
    assert not found.key_of and set(found.unclear) == unclear


def test_a_looser_key_of_a_file_that_has_its_own_says_so():
    found = match(["x.png", "x"], ["a/x.png"])
    assert found.key_of == {"a/x.png": "x.png"}
    assert found.missing == {"x": "a/x.png is that of row 2 ('x.png')"}


def test_a_missing_key_names_the_nearest_file_and_a_file_its_nearest_key():
    found = match(["scan_17.png", "b/y.png"], ["a/scan_18.png", "a/y.png"])
    assert found.missing == {
        "scan_17.png": "the nearest is a/scan_18.png",
        "b/y.png": "the nearest is a/y.png",
    }
    assert found.near == {"a/scan_18.png": "scan_17.png", "a/y.png": "b/y.png"}
    assert match(["quite different"], ["a/0.png"]).missing == {"quite different": ""}


def test_in_a_large_table_only_the_same_name_elsewhere_is_looked_for():
    keys = [f"b/scan_{n}.png" for n in range(300)]
    found = match(keys, ["a/scan_7.png", "a/scan_x7.png"])
    assert found.missing["b/scan_7.png"] == "the nearest is a/scan_7.png"
    assert found.missing["b/scan_8.png"] == ""


NAMES = st.text(st.sampled_from("aA7 0./\\:-\u00e9\u0301"), min_size=1, max_size=8)


@settings(max_examples=300, deadline=None)
@given(st.lists(NAMES, unique=True, max_size=6), st.lists(NAMES, unique=True, max_size=6))
def test_every_key_and_every_file_is_accounted_for_once(keys, names):
    paths = [name.strip("/") or "x" for name in names]
    paths = list(dict.fromkeys(paths))
    found = match(keys, paths)
    assert not set(found.key_of) & set(found.unclear)
    assert {*found.key_of, *found.unclear} <= set(paths)
    told = [*set(found.key_of.values()), *found.unclear_keys, *found.missing]
    assert sorted(told) == sorted(keys)
    assert len(set(found.key_of.values())) == len(found.key_of)
    assert match(keys[::-1], paths[::-1]).key_of == found.key_of


def test_other_spellings_of_one_file_are_told_but_no_numbers_with_other_zeros():
    paths = ["films/a.png", "7.png", "x/b.png", "y/b.png", "c.png"]
    keys = ["a.png", "A", "./films/a.PNG", "7", "007", "b.png", "c.png", "gone.png"]
    assert keys_of_one_file(keys, paths) == dict.fromkeys(keys[:3], "films/a.png")
