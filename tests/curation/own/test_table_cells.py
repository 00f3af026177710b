"""Cells of a csv of one's own: age, sex and view in one form, or not understood."""

import pytest

from cxr_fastai.curation.own.table_cells import (
    EXPECTED,
    READERS,
    age_in_years,
    read_cells,
    sex_in_words,
    view_in_words,
)


@pytest.mark.parametrize(
    "cell,years",
    [
        ("65", "65"),
        ("065Y", "65"),
        ("65.0", "65"),
        ("45,5", "45.5"),
        ("65 years", "65"),
        ("65 years old", "65"),
        ("65 Jahre", "65"),
        ("65 ans", "65"),
        ("14 M", "1.17"),
        ("014M", "1.17"),
        ("3 mois", "0.25"),
        ("6 weeks", "0.11"),
        ("001D", "0"),
        ("2 jours", "0.01"),
        ("90+", "90"),
        ("0", "0"),
        ("120", "120"),
    ],
)
def test_an_age_is_in_years(cell, years):
    assert age_in_years(cell) == years


@pytest.mark.parametrize(
    "cell",
    [
        "121",
        "999",
        "1980-05-03",
        "12/05/1980",
        "03.05.1980",
        "50-60",
        "<1",
        "-5",
        "adult",
        "5 x",
        "",
        "6e1",
    ],
)
def test_what_is_no_age_is_not_understood(cell):
    assert age_in_years(cell) is None


@pytest.mark.parametrize(
    "cell,sex",
    [
        ("F", "F"),
        ("m", "M"),
        ("Female", "F"),
        ("MALE", "M"),
        ("weiblich", "F"),
        ("mujer", "F"),
        ("w", "F"),
    ],
)
def test_a_sex_is_told_in_words(cell, sex):
    assert sex_in_words(cell) == sex


@pytest.mark.parametrize("cell", ["0", "1", "2", "f/m", "mixed", "feline"])
def test_other_words_and_numbers_are_no_sex(cell):
    assert sex_in_words(cell) is None


@pytest.mark.parametrize(
    "cell,view",
    [
        ("PA", "PA"),
        ("ap supine", "AP"),
        ("AP", "AP"),
        ("posteroanterior", "PA"),
        ("Lateral", "L"),
        ("lat", "L"),
        ("Frontal", "Frontal"),
        ("patient", None),
        ("apical", None),
    ],
)
def test_a_view_is_told_and_what_would_be_misread_is_not(cell, view):
    assert view_in_words(cell) == view


def test_blank_words_are_blank_and_other_texts_are_counted():
    forms, odd = read_cells("age", ["65", "NA", "", "old", "old", "-"])
    assert forms == ["65", "", "", "", "", ""] and odd == {"old": 2}
    forms, odd = read_cells("patient", ["7.0", "7", "07", "unknown", "P 1"])
    assert forms == ["7", "7", "07", "", "P 1"] and not odd
    assert set(EXPECTED) == set(READERS) - {"patient"}
