"""pytest tests/evaluation/test_cells.py

Numbers and intervals as cells, cells as rows of a text table.
"""

import pytest

from cxr_fastai.evaluation.cells import (
    Cell,
    TableRow,
    cell,
    interval_text,
    number_text,
    row_cells,
    stacked_table,
    wide_table,
)

ROWS = [
    TableRow(["a", "10"], [Cell("0.9", "0.8 to 1.0"), Cell("50 %", "")]),
    TableRow(["bb", "2"], [Cell("-", ""), Cell("1 %", "")]),
]


@pytest.mark.parametrize(
    "key,number,interval",
    [
        ("accuracy", "91.7 %", "85.0 to 96.1"),
        ("npv", "91.7 %", "85.0 to 96.1"),
        ("auroc", "0.917", "0.850 to 0.961"),
        ("macro_f1", "0.917", "0.850 to 0.961"),
    ],
)
def test_a_share_stands_in_percent_and_any_other_number_with_decimals(key, number, interval):
    assert number_text(0.9167, key) == number
    assert interval_text([0.85, 0.961], key) == interval
    assert cell({key: 0.9167}, key, [0.85, 0.961]) == Cell(number, interval)


def test_what_is_missing_is_told_by_the_word_for_none():
    assert number_text(None, "auroc", "none") == "none"
    assert interval_text(None, "auroc") == "" and interval_text(None, "auroc", "-") == "-"
    assert cell({}, "accuracy", None) == Cell("-", "")


def test_a_table_may_choose_what_stands_in_percent():
    cells = row_cells(
        {"specificity": 0.5, "prevalence": 0.5},
        ["specificity", "prevalence"],
        {"prevalence": [0.4, 0.6]},
        percent_keys=["prevalence"],
    )
    assert cells == [Cell("0.500", ""), Cell("50.0 %", "40.0 to 60.0")]


def test_intervals_stand_below_their_numbers_where_a_row_has_any():
    assert stacked_table(["class", "n", "F1", "share"], ROWS) == [
        "class   n          F1  share",
        "a      10         0.9   50 %",
        "           0.8 to 1.0",
        "bb      2           -    1 %",
    ]


def test_intervals_stand_in_columns_of_their_own_where_any_row_has_one():
    assert wide_table(["class", "n", "F1", "share"], ROWS) == [
        "class   n   F1        95 %  share  95 %",
        "a      10  0.9  0.8 to 1.0   50 %",
        "bb      2    -                1 %",
    ]
    assert wide_table(["class", "n", "F1", "share"], ROWS[1:]) == [
        "class  n  F1  share",
        "bb     2   -    1 %",
    ]
    assert wide_table(["class"], []) == []
