"""pytest tests/cohort/test_confounds.py: what tells the classes that is not the disease"""

import re
from dataclasses import replace

import pytest
from toy_cohort import but, cohort_of, even, folder, is_a, row, warned

from cxr_fastai.cohort.confounds import find_confounds
from cxr_fastai.cohort.wording import TITLES
from cxr_fastai.core import FolderWarning


def test_a_folder_where_nothing_tells_the_class_has_no_warning():
    assert warned(folder(even(), vocab="ab")) == {}


CASES = {
    "single_source": (even(sources=("one",)), "one", {}),
    "class_of_one_source": (
        even(classes="b") + even(classes="a", sources=("one",), n=40),
        "a, all 120 images from one",
        {
            "source_only_floor": "for 75.0 % .* for 50.0 %",
            "source_of_one_class": "two, all 60 images b",
        },
    ),
    "source_of_one_class": (
        even() + even(classes="a", sources=("kids",), n=2),
        "1 of 3 sources holds .*kids, all 6 images a",
        {},
    ),
    "source_only_floor": (
        but(even(), lambda r: int(r.phash) < 16, source=lambda r: "one" if is_a(r) else "two"),
        "right for 90.0 % of the images, always answering a for 50.0 %",
        {
            "class_of_one_source": "a, 90 % of 120 images from one; b, 90 % of 120 images from two",
            "source_of_one_class": "one, 90 % of 120 images a",
        },
    ),
    "class_of_one_age_group": (
        but(even(), is_a, age="9"),
        "a, all 120 images children. The age is given for all 120 images.$",
        {},
    ),
    "unknown_age": (
        but(even(), lambda r: int(r.phash) < 12, age=""),
        "unknown for 60 % of 240 images",
        {},
    ),
    "class_of_one_sex": (but(even(), is_a, sex="F"), "knowing the sex alone: a 0.75; b 0.75", {}),
    "class_of_one_view": (
        but(even(), lambda r: True, view=lambda r: "PA" if is_a(r) else "AP"),
        "knowing the view alone: a 1.00; b 1.00",
        {},
    ),
    "size_apart": (
        but(even(), is_a, width="200", height="160"),
        "1 pair .*b 80 to 80; a 160 to 160",
        {},
    ),
    "shape_apart": (but(even(), is_a, width="120"), "b 1.25 to 1.25; a 1.50 to 1.50", {}),
    "class_absent": ([r for r in even() if not is_a(r) or r.split != "valid"], "a in valid", {}),
    "class_scarce": (
        [r for r in even() if not is_a(r) or r.split != "test" or int(r.phash) < 7],
        "a in test, 14 images of 14 groups",
        {},
    ),
}


@pytest.mark.parametrize("kind", CASES)
def test_what_tells_the_class_is_warned_of_with_its_numbers(kind):
    rows, says, also = CASES[kind]
    got = warned(folder(rows, vocab="ab"))
    assert set(got) == {kind, *also}
    for each, words in {kind: says, **also}.items():
        assert re.search(words, got[each].says), got[each].says
    for each, warning in got.items():
        assert isinstance(warning, FolderWarning) and warning.kind == each
        assert warning.do and warning.numbers and warning.title == TITLES[each]


def test_an_age_group_is_laid_to_a_catalogue_only_where_it_has_one():
    rows = but(even(), lambda r: True, age="")
    own = warned(folder([replace(row, source="some") for row in rows], vocab="ab"))["unknown_age"]
    assert "catalogue" not in own.do and "cannot be asked" in own.do
    said = warned(folder([replace(row, source="all") for row in rows], vocab="ab"))
    assert "the catalogue's word" in said["unknown_age"].do


def test_every_kind_of_warning_has_a_case():
    assert {*CASES, "brightness_apart"} == set(TITLES)


# ---- brightness


def light(by, spread=1):
    return warned(
        folder(even(), vocab="ab"), lambda r: 100 + by * is_a(r) + spread * (int(r.phash) % 3)
    )


def test_brightness_that_tells_the_class_is_warned_of():
    assert "b 100 to 102; a 140 to 142" in light(40)["brightness_apart"].says


@pytest.mark.parametrize("by,spread", [(4, 1), (40, 30)])
def test_a_slight_or_blurred_difference_of_brightness_is_not_warned_of(by, spread):
    assert not light(by, spread)


def test_brightness_that_was_not_measured_is_not_warned_of():
    cohort = cohort_of(folder(even(), vocab="ab"))
    apart = {each.path: 100.0 + 40 * is_a(each) for each in cohort.rows}
    assert [w.kind for w in find_confounds(cohort, apart)] == ["brightness_apart"]
    assert find_confounds(cohort) == []
    apart.pop(next(each.path for each in cohort.rows if is_a(each)))
    assert find_confounds(cohort, apart) == []


# ---- ages, sizes, few images


def test_classes_that_look_alike_are_named_in_the_order_of_their_names():
    rows = but(even(classes="hgfedcba"), lambda r: r.label < "e", width="200", height="160")
    says = warned(folder(rows, vocab="hgfedcba"))["size_apart"].says
    named = re.findall("(.) [0-9]+ to", says.split(": ")[1])
    assert named == list("efghabcd") and "16 pairs" in says


def test_the_age_group_is_no_warning_where_no_class_has_the_other():
    rows = but(even(), lambda r: True, age="40")
    assert "class_of_one_age_group" not in warned(folder(rows, vocab="ab"))


def test_the_catalogues_word_counts_as_an_age_group_and_is_told_from_an_age():
    rows = but(even(sources=("kids", "one")), lambda r: True, age=lambda r: "" if is_a(r) else "40")
    rows = but(rows, is_a, source="kids")
    warning = warned(folder(rows, vocab="ab"))["class_of_one_age_group"]
    assert "a, all 120 images children; b, all 120 images adults" in warning.says
    assert "given for 50 % of 240 images; of the others" in warning.says
    assert warning.numbers["a"]["by_age"] == 0


def test_a_few_images_are_not_judged():
    few = but(
        even(n=3),
        lambda r: True,
        view=lambda r: "PA" if is_a(r) else "AP",
        height=lambda r: "160" if is_a(r) else "80",
        width=lambda r: "200" if is_a(r) else "100",
    )
    assert set(warned(folder(few, vocab="ab"))) == {"class_scarce"}


def test_only_the_split_looked_at_can_lack_a_class():
    rows = [r for r in even(sources=("one", "two")) if r.split == "train"]
    assert set(warned(folder(rows, vocab="ab"))) == {"class_absent"}
    assert not warned(folder(rows, vocab="ab"), split="train")


def test_a_class_without_images_is_absent_and_nothing_else():
    got = warned(folder([*even(), row("a", age="10", sex="F", view="PA")], vocab="abc"))
    assert set(got) == {"class_absent"}
    assert got["class_absent"].numbers == [
        {"class": "c", "split": split} for split in ("train", "valid", "test")
    ]


def test_a_class_that_the_caller_tells_of_is_not_told_again():
    rows = [r for r in even() if not is_a(r) or r.split != "valid"]
    cohort = cohort_of(folder(rows, vocab="abc"))
    (absent,) = [w for w in find_confounds(cohort, None, {"c"}) if w.kind == "class_absent"]
    assert absent.numbers == [{"class": "a", "split": "valid"}]
