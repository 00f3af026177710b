"""pytest tests/evaluation/test_too_few.py

Sentences where groups are too few, and none where they are enough.
"""

import pytest

from cxr_fastai.evaluation.cells import Cell
from cxr_fastai.evaluation.too_few import (
    are_too_few,
    class_words,
    opening_words,
    side_words,
    verdict_instead,
)


@pytest.mark.parametrize("groups,few", [(0, False), (1, True), (19, True), (20, False)])
def test_below_20_groups_no_number_is_a_verdict(groups, few):
    assert are_too_few(groups) is few
    assert bool(opening_words("accuracy", Cell("1", ""), groups)) is few


def test_a_report_opens_with_the_interval_and_the_groups():
    assert opening_words("accuracy", Cell("100.0 %", "59.0 to 100.0"), 7) == (
        "Too few to tell: accuracy 100.0 % (59.0 to 100.0) is of 7 groups, and below 20 no number "
        "is a verdict."
    )
    assert verdict_instead(1) == "too few to tell: 1 group, fewer than 20"


def test_a_side_of_few_groups_is_named_where_all_together_are_enough():
    words = side_words({"not Normal": 7, "the others": 200}, 207)
    assert "(not Normal 7)" in words and "others" not in words
    assert side_words({"not Normal": 20, "the others": 20}, 40) == ""
    assert side_words({"not Normal": 7, "the others": 5}, 12) == ""  # the report opens with it


def test_classes_of_few_groups_are_named_and_those_without_any_are_not():
    assert class_words({"A": 19, "B": 20, "C": 0}, 39).endswith("on a side: A 19.")
    assert class_words({"A": 30}, 30) == "" == class_words({"A": 3}, 3)
