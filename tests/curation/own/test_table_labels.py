"""Label cells of a csv of one's own: one label or several, and where that is not certain."""

import pytest

from cxr_fastai.core import UsageError
from cxr_fastai.curation.own.table_labels import (
    SURPLUS_LABEL,
    is_one_hot,
    labels_of,
    read_labels,
    separator_of,
)


@pytest.mark.parametrize(
    "text,separator,labels",
    [
        ("TB", "", ("TB",)),
        ("1.0", "", ("1",)),
        ("a|b", "|", ("a", "b")),
        (" a |b| a|", "|", ("a", "b")),
        ("a, nan", ",", ("a",)),
        ("1.0;2", ";", ("1", "2")),
        ("['a b', \"c\"]", ",", ("a b", "c")),
        ("[]", ",", ()),
        ("", "", ()),
        ("|", "|", ()),
    ],
)
def test_a_cell_holds_one_label_or_several(text, separator, labels):
    assert labels_of(text, separator) == labels


@pytest.mark.parametrize(
    "texts,separator",
    [
        (["Normal", "TB"], ""),
        ([], ""),
        (["a|b", "a", "c"], "|"),
        (["a;b", "a", "b"], ";"),
        (["a, b", "B", "A"], ","),
        (["a/b", "b/c", "c/a", "a"], "/"),
        (["TB, active", "Normal"], ""),
        (["and/or", "Normal"], ""),
        (["['a']", "['a', 'b']", "[]"], ","),
    ],
)
def test_several_labels_are_told_where_each_part_is_one_elsewhere(texts, separator):
    assert separator_of(texts, "", "t.csv") == separator


@pytest.mark.parametrize(
    "texts,why",
    [
        (["TB, active", "TB", "Normal"], "'active' stands in no other cell"),
        (["TB, active", "TB, latent"], "'active' stands in no other cell|'latent' stands"),
        (["x|y", "Normal"], "'[xy]' stands in no other cell"),
        (["a, x", "b, x", "a, y", "b, y", "c"], "never stands alone"),
    ],
)
def test_what_is_not_certain_is_refused_with_the_way_to_say_it(texts, why):
    with pytest.raises(UsageError, match=why) as e:
        separator_of(texts, "", "t.csv, column 'label'")
    assert "--label-separator" in str(e.value) and "or none where each cell is one label" in str(
        e.value
    )
    for sign in ("|", ","):
        assert separator_of(texts, sign, "t.csv") == sign


def test_one_label_a_cell_may_be_said_but_no_label_holds_a_bar():
    assert separator_of(["a, b", "a", "b"], "none", "t.csv") == ""
    with pytest.raises(UsageError, match="t.csv: the label 'a|b' holds a bar"):
        separator_of(["a|b"], "none", "t.csv")
    with pytest.raises(UsageError, match="unknown separator of labels '#'"):
        separator_of(["a"], "#", "t.csv")


def test_cells_that_are_no_label_keep_their_text():
    rows = [["a|b"], ["a"], ["NA"], ["blank"], [""], ["|"], [SURPLUS_LABEL], ["b"], ["1.0"]]
    labels = read_labels(rows, ["label"], "t.csv")
    assert labels.cells == [
        ("a|b",),
        ("a",),
        ("NA",),
        ("blank",),
        ("",),
        ("|",),
        (SURPLUS_LABEL,),
        ("b",),
        ("1",),
    ]
    assert labels.counts == {"a": 2, "b": 2, "1": 1} and labels.is_multi_label
    assert labels.left == {"NA": 1, "blank": 1, "": 1, "|": 1, SURPLUS_LABEL: 1}


def test_a_column_a_finding_is_yes_no_open_or_unknown():
    rows = [["1.0", "no"], ["x", "NEGATIVE"], ["-1", ""], ["0.3", "NA"]]
    labels = read_labels(rows, ["Mass", "Effusion"], "t.csv")
    assert labels.cells == [("1", "0"), ("1", "0"), ("-1", ""), ("0.3", "")]
    assert labels.counts == {"Mass": 2, "Effusion": 0} and labels.left == {"Mass=0.3": 1}
    assert labels.is_multi_label


@pytest.mark.parametrize(
    "rows,one_hot",
    [
        ([("1", "0"), ("0", "1")], True),
        ([("1", "0"), ("", ""), (SURPLUS_LABEL, SURPLUS_LABEL)], True),
        ([("1", "0"), ("1", "1")], False),
        ([("1", "0"), ("0", "0")], False),
        ([("1", "0"), ("1", "")], False),
        ([], False),
        ([("", "")], False),
    ],
)
def test_columns_are_classes_where_each_row_has_one(rows, one_hot):
    assert is_one_hot(rows) is one_hot
