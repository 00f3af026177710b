"""One row of the catalogue: its cells, and what each may be. Whole files: test_catalog.py."""

from dataclasses import replace

import pytest

from cxr_fastai.catalog_rule import (
    COLUMNS,
    LIST_SPLIT,
    OWN,
    SOURCE_WIDE,
    Rule,
    check_columns_form,
    check_rule,
    split_bar,
    split_list,
)
from cxr_fastai.core import CatalogError

SOUND = replace(
    Rule(row=2, **dict.fromkeys(COLUMNS, "")),
    source="one",
    on="yes",
    transport="local",
    handle="folder",
    glob="*.png",
    label_from="folder",
)


def test_cells_that_hold_several_are_taken_apart():
    assert split_bar("a||b") == ("a", "b") and split_bar("") == ()
    assert split_list("a/*.png ; b;c/*.png ;  ; d") == ["a/*.png", "b;c/*.png", "d"]


def test_an_official_list_names_its_files_and_whether_it_may_be_absent():
    assert LIST_SPLIT.fullmatch("list?:a.txt|b.txt").groupdict() == {
        "optional": "?",
        "test": "a.txt",
        "rest": "b.txt",
    }
    assert LIST_SPLIT.fullmatch("list:a.txt")["rest"] is None
    assert not LIST_SPLIT.fullmatch("list:")


def test_the_columns_are_the_fields_and_no_column_is_both_inherited_and_its_own():
    assert COLUMNS[0] == "source" and "row" not in COLUMNS
    assert set(OWN) | set(SOURCE_WIDE) < set(COLUMNS)
    assert not set(OWN) & set(SOURCE_WIDE)


@pytest.mark.parametrize(
    "cells",
    [
        dict(),
        dict(transport="reference", handle="", glob="", label_from=""),
        dict(transport="kaggle", handle="owner/name@3"),
        dict(transport="http", handle="some.id-1", download="https://host/a.zip", pin="0" * 64),
        dict(transport="http", handle="id", pin="0" * 64),
        dict(label_from="name", name_regex="(?P<label>[a-z]+)"),
        dict(label_from="column", label_key="f", table="m.csv", table_key="{name}"),
        dict(label_from="columns", label_key="f", label_value="1", table="m.csv", table_key="{k}"),
        dict(split="path:(?P<test>test)/"),
        dict(split="list?:a.txt|b.txt"),
        dict(findings="covid_19|pneumonia", unconfirmed="glob|age", expected="12"),
    ],
)
def test_a_sound_row_passes(cells):
    assert check_rule(replace(SOUND, **cells), None, "c.csv, row 2") is None


@pytest.mark.parametrize(
    "cells,message",
    [
        (
            dict(label_from="column", table="m.csv", table_key="k"),
            "c.csv, row 2, column label_key: empty: label_from column with table 'm.csv' needs it.",
        ),
        (
            dict(label_from="column", label_key="f"),
            "c.csv, row 2, column table: empty: label_from column needs the glob of a csv.",
        ),
        (dict(split="path:("), "column split: '(' is no regular expression"),
        (
            dict(split="path:x"),
            "column split: 'x' has no group named test or valid or train: write (?P<test>...).",
        ),
        (
            dict(label_from="columns", label_key="f", table="m.csv", table_key="k"),
            "column label_value: empty: label_from columns needs the cell that says that 'f'",
        ),
        (
            dict(findings="no_finding|mass"),
            "column findings: 'no_finding|mass' contradicts itself: no_finding stands alone.",
        ),
        (dict(expected_total="-3"), "column expected_total: '-3': expected a whole number"),
        (dict(expected_total="²"), "column expected_total: '²': expected a whole number"),
        (dict(expected_total="9" * 5000), "expected a whole number"),
        (dict(on=""), "unknown on '' in c.csv, row 2, column on: expected one of yes, no."),
        (dict(encoding="ebcdic"), "unknown encoding 'ebcdic' in c.csv, row 2, column encoding"),
        (dict(transport="kaggle", handle="a"), "expected owner/name, and @version to pin it."),
        (dict(handle=""), "column handle: empty: a local source needs it."),
    ],
)
def test_a_wrong_cell_is_told(cells, message):
    with pytest.raises(CatalogError) as e:
        check_rule(replace(SOUND, **cells), None, "c.csv, row 2")
    assert message in str(e.value)


@pytest.mark.parametrize("column", SOURCE_WIDE)
def test_what_belongs_to_the_whole_source_may_not_differ_in_a_later_row(column):
    with pytest.raises(CatalogError, match=f"row 3, column {column}: 'x' differs from row 2's"):
        check_rule(replace(SOUND, **{column: "x"}), SOUND, "c.csv, row 3")


# ---- rows of one source together

COLUMN = replace(SOUND, label_from="column", label_key="A", label_value="1", table="m.csv")
COLUMNS_ROW = replace(COLUMN, label_from="columns")


@pytest.mark.parametrize(
    "first,cells,message",
    [
        (
            COLUMN,
            dict(label_key="B"),
            "row 3, column label_key: 'B' differs from row 2's 'A': of one column a finding, "
            "label_from is columns.",
        ),
        (COLUMNS_ROW, dict(label_from="column"), "all rows of a source have columns, or none"),
        (COLUMN, dict(label_from="columns"), "all rows of a source have columns, or none"),
        (COLUMNS_ROW, dict(), "'1' of 'A' stands in row 2 already"),
    ],
)
def test_rows_that_do_not_agree_what_a_column_tells_are_refused(first, cells, message):
    with pytest.raises(CatalogError) as e:
        check_columns_form([first, replace(first, row=3, **cells)], "c.csv")
    assert message in str(e.value)


@pytest.mark.parametrize(
    "first,cells",
    [
        (COLUMN, dict(label_value="2")),
        (COLUMN, dict(label_key="B", glob="other/*.png")),
        (COLUMN, dict(label_key="B", name_regex="x")),
        (COLUMN, dict(label_from="folder")),
        (COLUMNS_ROW, dict(label_key="B")),
        (COLUMNS_ROW, dict(label_value="2")),
    ],
)
def test_rows_that_agree_are_taken(first, cells):
    assert check_columns_form([first, replace(first, row=3, **cells)], "c.csv") is None
