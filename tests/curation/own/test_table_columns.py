"""Columns of a csv of one's own: those that were named, and what is offered where none was."""

import pytest

from cxr_fastai.core import UsageError
from cxr_fastai.csv_of_others import read_csv_of_others
from cxr_fastai.curation.own.table_columns import choose_columns, file_columns

PATHS = ["films/a.png", "films/b.PNG"]
BLANK = dict.fromkeys(("file", "label", "patient", "age", "sex", "view"), "")


def table(text="id,image,finding,sex\n1,a,TB,F\n2,B.png,Normal,M\n3,c,TB,F\n4,d,Normal,M\n"):
    return read_csv_of_others(text.encode(), "t.csv")


def choose(text=None, **asked):
    return choose_columns(table(text) if text else table(), "t.csv", {**BLANK, **asked}, PATHS)


def test_columns_are_taken_by_what_they_tell():
    columns = choose(file="image", label="finding,sex", patient="id")
    assert columns.label == ("finding", "sex")
    assert columns.to_dict() == {"file": "image", "label": "finding,sex", "patient": "id"}


def test_a_column_with_a_comma_in_its_name_is_one():
    assert choose('f,"a,b",a\nx,1,2\n', file="f", label="a,b").label == ("a,b",)


@pytest.mark.parametrize(
    "asked,match",
    [
        (
            {},
            "name the column of the files and the labels: it has id, image, finding, sex. "
            "Perhaps --file .* 'image' and --label .* 'finding' or 'sex'",
        ),
        (
            dict(file="image"),
            "name the column of the labels.*Perhaps --label .* 'finding' or 'sex'",
        ),
        (
            dict(label="finding", sex="sex"),
            "name the column of the files.*Perhaps --file .* 'image'",
        ),
        (
            dict(file="imag", label="finding"),
            "unknown column of files 'imag' in t.csv.*Did you mean 'image'",
        ),
        (dict(file="image", label="finding", age="Age"), "unknown column of ages 'Age' in t.csv"),
        (dict(file="image", label="finding,finding"), "'finding' is named twice"),
        (dict(file="image", label=","), "unknown column of labels ','"),
    ],
)
def test_what_was_not_named_or_is_not_there_is_refused_with_the_columns(asked, match):
    with pytest.raises(UsageError, match=match):
        choose(**asked)


def test_nothing_is_offered_where_nothing_fits():
    with pytest.raises(UsageError, match="it has a, b.$"):
        choose("a,b\n1,2\n3,4\n")


def test_the_column_of_files_is_that_of_which_most_cells_name_one():
    assert file_columns(table(), PATHS) == ["image"]
    assert file_columns(table(), []) == []
