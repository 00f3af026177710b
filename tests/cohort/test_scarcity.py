"""pytest tests/cohort/test_scarcity.py"""

import json
from dataclasses import replace

import pytest
from scipy.stats import beta
from toy_cohort import cohort_of, even, folder, row

from cxr_fastai.cohort.scarcity import (
    ClassInSplit,
    classes_in_splits,
    scarcity_warnings,
    small_folder_advice,
)


def some(n, groups, label="a", split="test"):
    return [row(label, split=split, phash=str(i), group=f"{label}{i % groups}") for i in range(n)]


def test_images_and_groups_are_counted_for_each_class_and_split():
    rows = some(7, 3) + some(4, 4, "a|b", "train")
    got = classes_in_splits(rows, ["a", "b"], ["train", "test"])
    assert [(c.label, c.split, c.images, c.groups) for c in got] == [
        ("a", "train", 4, 4),
        ("a", "test", 7, 3),
        ("b", "train", 4, 4),
        ("b", "test", 0, 0),
    ]


@pytest.mark.parametrize("groups", [1, 3, 5, 19])
def test_how_sure_a_recall_can_be_is_the_exact_interval_of_all_right(groups):
    cell = ClassInSplit("a", "test", images=99, groups=groups)
    assert cell.least_sure == pytest.approx(beta.ppf(0.025, groups, 1))


def test_a_class_is_judged_by_groups_and_learnt_from_images():
    assert ClassInSplit("a", "test", images=500, groups=19).is_scarce
    assert not ClassInSplit("a", "test", images=20, groups=20).is_scarce
    assert not ClassInSplit("a", "train", images=20, groups=1).is_scarce
    assert ClassInSplit("a", "train", images=19, groups=19).is_scarce
    assert not ClassInSplit("a", "test", images=0, groups=0).is_scarce


def test_the_warning_has_groups_and_the_interval_that_they_can_give():
    rows = even(n=20) + some(9, 5, "c") + some(30, 30, "c", "train") + some(25, 25, "c", "valid")
    data = folder(rows, vocab="abc", display={"c": "Cough"})
    (warning,) = scarcity_warnings(cohort_of(data))
    assert warning.kind == "class_scarce"
    assert "Cough in test, 9 images of 5 groups (all right would be 48 to 100 %)." in warning.says
    assert "--folds 5" in warning.do and "Below 20 groups" in warning.do
    assert warning.numbers == [
        {
            "class": "c",
            "split": "test",
            "images": 9,
            "groups": 5,
            "interval_if_all_right": [0.4782, 1.0],
        }
    ]
    assert json.loads(json.dumps(warning.to_dict()))
    dealt = [replace(each, fold="1") for each in rows]
    (over_folds,) = scarcity_warnings(cohort_of(folder(dealt, vocab="abc")))
    assert (
        "over the folds that the folder has" in over_folds.do and "--folds 5" not in over_folds.do
    )
    assert scarcity_warnings(cohort_of(folder(even(n=20), vocab="ab"))) == []


def test_one_image_of_one_group_is_said_in_the_singular():
    rows = even(n=20) + some(1, 1, "c") + some(30, 30, "c", "train") + some(25, 25, "c", "valid")
    (warning,) = scarcity_warnings(cohort_of(folder(rows, vocab="abc")))
    assert "c in test, 1 image of 1 group (all right would be 2 to 100 %)" in warning.says


def test_folds_are_advised_below_300_images():
    assert small_folder_advice(some(299, 299), 0).startswith("299 images: a test split of 299 says")
    assert small_folder_advice(some(299, 299), 5) == small_folder_advice(some(300, 300), 0) == ""


@pytest.mark.parametrize("advises", [True, False])
def test_folds_are_advised_unless_the_caller_does_so_himself(advises):
    data = folder(even(n=20) + some(9, 5, "c"), vocab="abc")
    (warning,) = [
        w for w in scarcity_warnings(cohort_of(data), (), advises) if w.kind == "class_scarce"
    ]
    assert ("by cross-validation" in warning.do) is advises
    assert "give intervals" in warning.do
