"""pytest tests/cohort/test_wording.py: words and thresholds that warnings share"""

import pytest
from toy_cohort import cohort_of, folder, row

from cxr_fastai.cohort.wording import (
    TITLES,
    auroc_words,
    name_some,
    portion,
    telling_aurocs,
    warning,
)


def test_a_warning_has_the_title_of_its_kind_and_no_other_kind_is_known():
    made = warning("unknown_age", "Says.", "Do.", {"n": 1})
    assert made.title == TITLES["unknown_age"] and str(made) == "Says."
    with pytest.raises(KeyError):
        warning("new", "Says.", "Do.", {})


@pytest.mark.parametrize(
    "n,says", [(3, "0; 1; 2"), (4, "0; 1; 2; 3"), (6, "0; 1; 2; 3; and 2 more"), (0, "")]
)
def test_four_things_are_named_and_the_others_counted(n, says):
    assert name_some(str(i) for i in range(n)) == says


@pytest.mark.parametrize(
    "n,total,says",
    [(120, 120, "all 120 images"), (1, 1, "all 1 image"), (1, 2000, "under 1 % of 2,000 images")],
)
def test_a_portion_says_all_only_of_all(n, total, says):
    assert portion(n, total) == says


def test_an_attribute_tells_a_class_of_enough_images_on_both_sides():
    scores = {
        "low": {"auroc": 0.74, "images": 20, "others": 20},
        "b": {"auroc": 0.75, "images": 20, "others": 20},
        "a": {"auroc": 0.75, "images": 20, "others": 20},
        "few": {"auroc": 0.9, "images": 19, "others": 20},
        "none": {"auroc": None, "images": 20, "others": 20},
        "high": {"auroc": 0.8, "images": 20, "others": 20},
    }
    assert list(telling_aurocs(scores).items()) == [("high", 0.8), ("a", 0.75), ("b", 0.75)]


def test_classes_are_named_as_they_are_shown():
    cohort = cohort_of(folder([row()], display={"a": "Class A"}))
    assert auroc_words(cohort, {"a": 0.912, "b": 0.75}) == "Class A 0.91; b 0.75"
