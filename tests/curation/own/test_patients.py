"""Whose image a file is."""

import pytest

from cxr_fastai.core import UsageError
from cxr_fastai.curation.own.patients import find_patients, overlap_warnings, patient_warnings

PATHS = {"normal/p1_a.png": "p1_a.png", "tb/x/p2_b.png": "x/p2_b.png", "tb/z.png": "z.png"}


def test_the_first_group_is_the_patient_or_that_of_the_name():
    found = {"normal/p1_a.png": "1", "tb/x/p2_b.png": "2"}
    assert find_patients(r"p(\d+)_", PATHS) == found
    assert find_patients(r"(p)(?P<patient>\d+)_", PATHS) == found


def test_of_alternatives_the_group_that_is_filled_is_the_patient():
    assert find_patients(r"p(\d+)_|(z)", PATHS) == {
        "normal/p1_a.png": "1",
        "tb/x/p2_b.png": "2",
        "tb/z.png": "z",
    }


def test_it_is_searched_in_what_lies_below_the_class_folder():
    assert find_patients(r"^p(\d+)", PATHS) == {"normal/p1_a.png": "1"}
    with pytest.raises(UsageError, match="meets none of 3 files"):
        find_patients(r"(normal)", PATHS)


@pytest.mark.parametrize(
    "regex, why", [("(", "no regular expression"), (r"p\d+", "has no group"), ("(q)", "meets none")]
)
def test_a_regex_that_tells_nobody_is_refused(regex, why):
    with pytest.raises(UsageError, match=why):
        find_patients(regex, PATHS)


def test_an_empty_group_names_nobody():
    assert find_patients(r"^p(\d*)|^z", {"a": "p7", "b": "z"}) == {"a": "7"}


def test_what_a_regex_misses_is_counted_with_examples():
    found = find_patients(r"p(\d+)", PATHS)
    (told,) = patient_warnings(r"p(\d+)", PATHS, found)
    assert "1 image of 3 is not known" in told.says and "tb/z.png" in told.says
    assert patient_warnings("", PATHS, {}) == []
    alone = patient_warnings("(p)", PATHS, find_patients("(p)", PATHS))
    assert "one patient alone, 'p'" in alone[-1].says


def test_patients_in_two_splits_of_the_folder_are_told_with_what_becomes_of_them():
    splits = {"train/a": "train", "train/b": "train", "test/a": "test", "test/c": "test"}
    patients = {"train/a": "a", "train/b": "b", "test/a": "a", "test/c": "c"}
    (told,) = overlap_warnings(splits, patients)
    assert told.says.startswith("1 patient stands in two splits of the folder (that of test/a")
    assert "1 training image may move" in told.says
    assert told.numbers == {"patients": 1, "training_images": 1}
    assert overlap_warnings(splits, {"train/b": "b", "test/c": "c"}) == []
    assert overlap_warnings(dict.fromkeys(splits, ""), patients) == []


def test_a_regex_is_told_as_it_was_typed():
    with pytest.raises(UsageError) as e:
        find_patients(r"patient(\d+)", {"a/p1.png": "p1.png"})
    assert str(e.value) == r"patient 'patient(\d+)' meets none of 1 files: 'p1.png' is one."
