"""File names: globs, and names that no csv can hold."""

import pytest

from cxr_fastai.curation.sources.file_names import (
    by_depth,
    glob_regex,
    in_ascii,
    is_text,
    meets,
    shallowest,
)


@pytest.mark.parametrize(
    "glob,path,met",
    [
        ("a/*.png", "a/x.png", True),
        ("a/*.png", "a/b/x.png", False),
        ("**/x/*.png", "x/y.png", True),
        ("**/x/*.png", "a/b/x/y.png", True),
        ("a/*/*.png", "a/a/b/x.png", False),
        ("a?.png", "ab.png", True),
        ("a?.png", "a/.png", False),
        ("*.png", "x.PNG", False),
        ("[a].png", "a.png", False),
    ],
)
def test_globs_stay_within_a_folder_but_for_two_stars(glob, path, met):
    assert bool(glob_regex(glob).fullmatch(path)) == met


def test_one_glob_of_several_is_enough():
    assert meets(["a/*.png", "b/*.png"], "b/x.png")
    assert not meets(["a/*.png", "b/*.png"], "c/x.png") and not meets([], "b/x.png")


def test_of_several_paths_the_shallowest_is_taken_and_of_these_the_first_by_name():
    paths = ["a/b/list.csv", "z/list.csv", "b/list.csv", "b/other.csv"]
    assert shallowest("**/list.csv", paths) == "b/list.csv"
    assert shallowest("*.csv", paths) == ""


@pytest.mark.parametrize(
    "name, text, ascii_name",
    [("x.png", True, "x.png"), ("Röntgen", True, "R\\xf6ntgen"), ("a\udcff", False, "a\\udcff")],
)
def test_a_name_that_no_csv_can_hold_is_told_in_ascii(name, text, ascii_name):
    assert is_text(name) == text and in_ascii(name) == ascii_name


def test_files_that_meet_a_glob_come_by_depth_then_by_name():
    paths = ["a/b/m.csv", "n.csv", "a/m.csv", "m.csv", "x.txt"]
    assert by_depth("**/*.csv", paths) == ["m.csv", "n.csv", "a/m.csv", "a/b/m.csv"]
    assert by_depth("*.tsv", paths) == []
