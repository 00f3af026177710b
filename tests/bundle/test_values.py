"""Small questions about JSON values: true and false are no numbers, NaN is none either.

python -m pytest tests/bundle/test_values.py
"""

import pytest

from cxr_fastai.bundle import values

NOT_FINITE = [float("nan"), float("inf")]


@pytest.mark.parametrize(
    "question, yes, no",
    [
        (values.is_whole, [0, 7], [-1, 1.0, True, "1", None]),
        (values.is_number, [0, -1.5], [True, "1", None, 10**400, -(10**400), *NOT_FINITE]),
        (values.is_share, [0, 1, 0.5], [-0.1, 1.1, True, "0.5", None, *NOT_FINITE]),
        (values.is_text, ["", "a"], [1, None, b"a"]),
        (values.is_record, [{}, {"a": 1}], [[], None, "a"]),
        (values.is_sha256, ["0" * 64, "f" * 64], ["0" * 63, "F" * 64, "g" * 64, None]),
        (values.are_texts, [{}, {"a": "b"}], [{"a": 1}, ["a"], None]),
        (values.are_numbers, [{}, {"a": -1}], [{"a": "1"}, {"a": True}, [1], None]),
        (values.are_shares, [{}, {"a": 1}], [{"a": 2}, {"a": None}, [0.5], None]),
        (values.are_different_texts, [["a"], ["a", "b"]], [[], ["a", "a"], [1], "ab", None]),
    ],
)
def test_each_question_is_answered_for_every_kind_of_value(question, yes, no):
    assert [question(value) for value in yes] == [True] * len(yes)
    assert [question(value) for value in no] == [False] * len(no)


def test_a_whole_number_can_be_asked_to_be_large_enough():
    assert values.is_whole(16, 16) and not values.is_whole(15, 16)
