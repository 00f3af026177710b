"""Csv files of the house: what comes back, and what a spreadsheet would compute."""

import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxr_fastai.core import IntegrityError, csv_rows
from cxr_fastai.csv_cells import read_rows, to_csv, write_rows

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
NASTY = st.text(st.sampled_from("'=+-@\t\r\n＝＋－＠a,\"|"), max_size=6)
FORMULA = tuple("=+-@\t\r\n＝＋－＠")


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.fixed_dictionaries({"a": NASTY | TEXT, "b": NASTY | TEXT}), min_size=1, max_size=4)
)
def test_any_text_comes_back_as_it_was_and_no_cell_begins_like_a_formula(tmp_path_factory, rows):
    file = tmp_path_factory.getbasetemp() / "formula.csv"
    write_rows(file, rows, ("a", "b"))
    assert read_rows(file) == rows
    plain = csv_rows(file.read_bytes(), file)[1]
    assert not [v for row in plain for v in row.values() if v.startswith(FORMULA)]


@pytest.mark.parametrize(
    "text,cell",
    [
        ("=1+1", "'=1+1"),
        ("@x", "'@x"),
        ("-a.png", "'-a.png"),
        ("\tx", "'\tx"),
        ("\rx", "'\rx"),
        ("'=1", "''=1"),
        ("''-1", "'''-1"),
        ("'tis", "'tis"),
        ("'", "'"),
        ("''", "''"),
        ("a=1", "a=1"),
        ("", ""),
        ("1.0", "1.0"),
    ],
)
def test_only_what_a_spreadsheet_would_compute_gets_an_apostrophe(text, cell):
    written = to_csv([{"a": text, "b": "b"}], ("a", "b"))
    assert list(csv.DictReader(io.StringIO(written, newline=""))) == [{"a": cell, "b": "b"}]


def test_a_damaged_csv_of_the_house_is_one_line(tmp_path):
    (tmp_path / "rejects.csv").write_bytes(b"path\n\xff\n")
    with pytest.raises(IntegrityError, match="rejects.csv: not utf-8"):
        read_rows(tmp_path / "rejects.csv")


def test_a_csv_that_stands_already_is_not_written_again(tmp_path):
    rows = [{"a": "1", "b": "x,y"}]
    assert write_rows(tmp_path / "t.csv", rows, ("b", "a"))
    assert (tmp_path / "t.csv").read_bytes() == b'b,a\n"x,y",1\n'
    assert not write_rows(tmp_path / "t.csv", rows, ("b", "a"))


def test_a_missing_cell_of_a_damaged_row_is_none(tmp_path):
    (tmp_path / "t.csv").write_text("a,b\n'=1\n")
    assert read_rows(tmp_path / "t.csv") == [{"a": "=1", "b": None}]
