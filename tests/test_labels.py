"""The label of an image, taken apart. What a recipe makes of findings: test_recipes.py."""

import pytest

from cxr_fastai.labels import NONE, contradict, is_combination, present, unknown


@pytest.mark.parametrize(
    "label,there,open_ones",
    [
        ("normal", ("normal",), ()),
        ("none", (NONE,), ()),
        ("mass|effusion|?hernia", ("mass", "effusion"), ("hernia",)),
        ("none|?hernia|?mass", (NONE,), ("hernia", "mass")),
    ],
)
def test_the_parts_of_a_label(label, there, open_ones):
    assert (present(label), unknown(label)) == (there, open_ones)


@pytest.mark.parametrize(
    "a,b,expected",
    [
        ("mass", "mass", False),
        ("mass", "none", True),
        ("mass", "none|?mass", False),
        ("none|?mass", "none", False),
        ("mass|hernia", "mass|?hernia", False),
        ("mass|hernia", "mass", True),
    ],
)
def test_a_contradiction_is_a_class_present_here_and_absent_there(a, b, expected):
    assert contradict(a, b) is contradict(b, a) is expected


@pytest.mark.parametrize(
    "label", ["mass", "mass|hernia", "hernia|mass", "none|?mass", "mass|?hernia"]
)
def test_combinations_of_classes(label):
    assert is_combination(label, ["mass", "hernia"])


@pytest.mark.parametrize("label", ["", "?mass", "mass|mass", "mass|none", "none|none", "mass|?flu"])
def test_what_is_no_combination(label):
    assert not is_combination(label, ["mass", "hernia"])
