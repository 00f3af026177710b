"""pytest tests/cohort/test_source_confounds.py: sources that give a class away"""

import pytest
from toy_cohort import but, cohort_of, even, folder, row, warned

from cxr_fastai.cohort.source_confounds import cohort_floors


def test_of_a_folder_of_one_source_only_that_is_said_and_never_class_of_one_source():
    got = warned(folder(even(sources=("one",), n=30), vocab="ab"))
    assert set(got) == {"single_source"}
    assert got["single_source"].says == "All images come from one source: one."
    assert got["single_source"].numbers == {"sources": {"one": 180}}


def test_one_source_of_one_class_is_a_single_source_too():
    got = warned(folder(even(classes="a", sources=("one",)), vocab="a"))
    assert set(got) == {"single_source"}


def test_the_source_that_tells_a_finding_is_warned_of_by_its_auroc():
    rows = but(
        even(classes=("a|b", "a", "none"), sources=("one", "two")),
        lambda r: "b" in r.label,
        source="one",
    )
    got = warned(folder(rows, task="multi_label", vocab="ab"))
    assert got["source_only_floor"].numbers == {"b": pytest.approx(0.75)}
    assert "knowing the source alone: b 0.75." in got["source_only_floor"].says
    assert "b, all 120 images from one" in got["class_of_one_source"].says


def test_nearly_one_source_is_nine_of_ten_and_not_less():
    rows = [row("a", "one", phash=str(i)) for i in range(9)] + [row("a", "two")]
    rows += [row("b", source, phash=str(i)) for source in ("one", "two") for i in range(20)]
    warning = warned(folder(rows, vocab="ab"))["class_of_one_source"]
    assert warning.numbers == {"a": {"source": "one", "images": 9, "of": 10}}
    assert warning.says == "1 class of nearly one source: a, 90 % of 10 images from one."
    fewer = warned(folder([*rows, row("a", "two", phash="x")], vocab="ab"))
    assert "class_of_one_source" not in fewer


def test_floors_are_of_a_folder_whose_images_have_one_class_each():
    rows = [row("a", "one"), row("b", "two"), row("b", "two", phash="1")]
    floors = cohort_floors(cohort_of(folder(rows)))
    assert floors.answers == {"one": 0, "two": 1} and floors.majority == 1
    assert floors.source_only_accuracy == 1.0 and floors.majority_right == 2
    assert cohort_floors(cohort_of(folder([row("a|b")], task="multi_label", vocab="ab"))) is None
