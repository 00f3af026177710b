"""Whose image a file is."""

import pytest

from cxr_fastai.core import UsageError
from cxr_fastai.curation.own.patients import find_patients

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
