"""Rows of a csv of one's own, in one form: their numbers, names and spellings."""

from cxr_fastai.csv_cells import csv_table
from cxr_fastai.csv_of_others import read_csv_of_others
from cxr_fastai.curation.own.table_columns import OwnColumns
from cxr_fastai.curation.own.table_rows import (
    alike_patients,
    as_csv,
    column_names,
    read_rows_of,
)

TEXT = '\nfile;label;id\na.png;TB;7.0\n\nA;"two\nlines";8\n;Normal;9\nNA;TB;\nb.png;x;1;more\n'
COLUMNS = OwnColumns(file="file", label=("label",), patient="id")


def rows(paths=("films/a.png", "b.png")):
    return read_rows_of(read_csv_of_others(TEXT.encode(), "t.csv"), COLUMNS, paths)


def test_rows_are_written_on_the_lines_of_their_numbers():
    found = rows()
    assert found.numbers == (3, 5, 6, 7, 8) and found.surplus == (8,)
    data = as_csv(found, column_names(COLUMNS), found.labels)
    columns, numbered = csv_table(data, "t.csv")
    assert columns == ["file", "label", "id"]
    assert [(number, cells["file"], cells["id"]) for number, cells in numbered] == [
        (3, "films/a.png", "7"),
        (5, "films/a.png", "8"),
        (6, "", "9"),
        (7, "", ""),
        (8, "b.png", ""),
    ]
    assert numbered[1][1]["label"] == "two\nlines"
    assert numbered[4][1]["label"] == "(more cells than columns)"


def test_a_blank_word_that_is_a_file_names_it():
    assert rows(("NA.png",)).files == ("a.png", "A", "", "NA", "b.png")


def test_names_of_columns_are_the_users_where_a_template_can_hold_them():
    columns = OwnColumns(file="name", label=("{a}", "(a)"), patient="name", age="stem")
    assert column_names(columns) == {
        "file": "name (file)",
        "label 0": "(a)",
        "label 1": "(a) (label 1)",
        "patient": "name (patient)",
        "age": "stem (age)",
    }


def test_patients_that_may_be_one_are_told():
    assert alike_patients(["7", "p1", "", "007", "P1", "p1", "70"]) == [("7", "007"), ("p1", "P1")]
    assert alike_patients(["0", "00", "a0", "a00"]) == [("0", "00")]
