"""Cells of tables: blank words, whole numbers, labels in one form, answers of a column."""

import pytest

from cxr_fastai.curation.sources.cells import (
    BLANK_WORDS,
    answer_of,
    is_blank,
    known,
    label_in_one_form,
    whole_number,
)


@pytest.mark.parametrize(
    "cell",
    ["", "nan", "NaN", "NA", "n/a", "N/A", "unknown", "Unknown", "-", "none", "NULL", "Unbekannt"],
)
def test_a_word_for_nothing_is_a_blank_cell(cell):
    assert is_blank(cell) and known(cell) == ""


@pytest.mark.parametrize("cell", ["0", "nano", "naN1", "-1", "None known", "no"])
def test_other_words_are_none(cell):
    assert not is_blank(cell) and known(cell) == cell
    assert all(word == word.casefold() for word in BLANK_WORDS)


@pytest.mark.parametrize(
    "cell,want",
    [
        ("7.0", "7"),
        ("7.", "7"),
        ("-1.00", "-1"),
        ("07.0", "07"),
        ("7", "7"),
        ("07", "07"),
        ("7.5", "7.5"),
        ("1.2.0", "1.2.0"),
        ("P7.0", "P7.0"),
    ],
)
def test_a_whole_number_loses_its_point_and_keeps_its_zeros(cell, want):
    assert whole_number(cell) == want


@pytest.mark.parametrize(
    "cell,values,want",
    [
        ("1.0", ("0", "1"), "1"),
        ("1", ("0.0", "1.0"), "1.0"),
        ("1.0", ("1", "1.0"), "1.0"),
        ("nan", ("0", "1"), ""),
        ("None", ("none", "tb"), "None"),
        ("none", ("none", "tb"), "none"),
        ("Normal", ("normal",), "Normal"),
        ("Mass | Edema", ("Mass", "Edema"), "Mass|Edema"),
        ("Mass|nan", ("Mass",), "Mass|nan"),
    ],
)
def test_a_label_is_written_as_the_rules_write_it(cell, values, want):
    assert label_in_one_form(cell, values) == want


@pytest.mark.parametrize(
    "cell,value,want",
    [
        ("1", "1", "present"),
        ("1.0", "1", "present"),
        ("1", "1.0", "present"),
        ("0", "1", "absent"),
        ("0.0", "1", "absent"),
        ("-1", "1", "uncertain"),
        ("-1.0", "1", "uncertain"),
        ("", "1", "blank"),
        ("nan", "1", "blank"),
        ("2", "1", ""),
        ("yes", "1", ""),
        ("True", "true", "present"),
        ("FALSE", "True", "absent"),
        ("No", "yes", "absent"),
        ("-1", "-1", "present"),
    ],
)
def test_what_a_column_says_of_its_finding(cell, value, want):
    assert answer_of(cell, value) == want
