"""Csv files of the house: what comes back, and what a spreadsheet would compute."""

import csv
import io
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxr_fastai.core import CatalogError, IntegrityError
from cxr_fastai.csv_cells import (
    SURPLUS,
    csv_rows,
    csv_table,
    nfc,
    read_rows,
    to_csv,
    write_rows,
)

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


def test_a_csv_gives_columns_and_rows_with_what_is_missing_and_surplus():
    columns, rows = csv_rows(b"\xef\xbb\xbfa,b\n1,2\n3\n4,5,6\n", "x.csv")
    assert columns == ["a", "b"]
    assert rows == [
        {"a": "1", "b": "2"},
        {"a": "3", "b": None},
        {"a": "4", "b": "5", SURPLUS: ["6"]},
    ]
    assert csv_rows(b"", "x.csv") == ([], [])


def test_what_is_no_csv_is_refused_with_the_error_asked_for():
    with pytest.raises(IntegrityError, match="x.csv: not utf-8: invalid start byte at byte 2"):
        csv_rows(b"a\n\xff", "x.csv")
    with pytest.raises(CatalogError, match="no readable csv"):
        csv_rows(b'a\n"' + b"x" * 200_000, "x.csv", error=CatalogError)
    assert csv_rows(b"a\n\xff\n", "x.csv", "latin-1")[1] == [{"a": "\xff"}]


# ---- files of others


def test_rows_are_counted_as_a_spreadsheet_counts_them():
    columns, rows = csv_table(b'a,b\n\n1,"two\nlines"\n\n3,4\n', "x.csv")
    assert columns == ["a", "b"]
    assert rows == [(3, {"a": "1", "b": "two\nlines"}), (5, {"a": "3", "b": "4"})]


@pytest.mark.parametrize(
    "header,name",
    [
        ("id,finding,finding", "'finding'"),
        ("id,finding, finding ", "'finding'"),
        ("id,aigu\u00eb,aigue\u0308", "'aigu\u00eb'"),
    ],
)
def test_a_column_that_stands_twice_is_an_error_that_names_it(header, name):
    with pytest.raises(IntegrityError, match=f"x.csv, row 1: column {name} stands twice") as e:
        csv_table(f"{header}\n1,2,3\n".encode(), "x.csv")
    assert "columns 2 and 3" in str(e.value)


@pytest.mark.parametrize("header", ["id,a,,", "id,Finding,finding"])
def test_columns_without_a_name_or_in_another_case_are_columns_of_their_own(header):
    assert csv_table(f"{header}\n1,2,3,4\n".encode(), "x.csv")[0] == header.split(",")


def workbook(*names):
    "A zip that holds such names."
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in names:
            archive.writestr(name, "<x/>" * 99)
    return out.getvalue()


@pytest.mark.parametrize(
    "data,said",
    [
        (workbook("[Content_Types].xml", "xl/workbook.xml"), "an Excel workbook: save it as csv"),
        (workbook("xl/workbook.bin"), "an Excel workbook: save it as csv"),
        (workbook("a.csv"), "a zip archive: unpack it"),
        (bytes.fromhex("d0cf11e0a1b11ae1"), "an Excel workbook .xls.: save it as csv"),
        (b"\x1f\x8b\x08", "a gzip archive: unpack it"),
        ("a,b\n".encode("utf-16"), "UTF-16 text: save it as csv"),
        (b"\n<!DOCTYPE html><html>", "a web page"),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8-sig", "latin-1"])
def test_a_file_that_people_take_for_csv_is_named(data, said, encoding):
    with pytest.raises(IntegrityError, match=f"t.csv: no csv but {said}"):
        csv_table(data, "t.csv", encoding)


def test_accents_are_composed():
    assert nfc("aigue\u0308") == "aigu\u00eb" and nfc("plain") == "plain"
