"""What a source states of an image: labels, and one column a finding."""

import pytest
from toy_listing import listing, reasons
from toy_sources import put, rule

from cxr_fastai.catalog import COLUMNS, Rule, Source
from cxr_fastai.curation.sources.stated import (
    Refused,
    Stated,
    place_of,
    stated_by_label,
    unknown_label,
)
from cxr_fastai.curation.sources.table_keys import match_keys
from cxr_fastai.curation.sources.tables import Row, Table

ONE_HOT = dict(
    glob="*.png",
    label_from="columns",
    label_key="Edema",
    label_value="1",
    findings="edema",
    table="m.csv",
    table_key="{file}",
)
OTHERS = (
    dict(first=False, label_key="Mass", label_value="1", findings="mass"),
    dict(first=False, label_key="Fluid", label_value="1", findings="effusion"),
    dict(first=False, label_key="Clear", label_value="1", findings="no_finding"),
)


def stated(tmp_path, *rows, header="file,Edema,Mass,Fluid,Clear"):
    put(tmp_path / "one/x.png", 1)
    (tmp_path / "one/m.csv").write_text("\n".join([header, *rows, ""]))
    return listing(tmp_path, rule(**ONE_HOT), *(rule(**cells) for cells in OTHERS))


@pytest.mark.parametrize(
    "cells,findings,absent,unknown,uncertain",
    [
        ("1,1,1,0", "edema effusion mass", "no_finding", "", ""),
        ("1.0,0.0,0,0", "edema", "no_finding effusion mass", "", ""),
        ("-1,1,0,0", "mass", "no_finding effusion", "edema", "edema"),
        ("-1,1,,", "mass", "no_finding", "edema effusion", "edema"),
        ("0,0,0,0", "", "no_finding edema effusion mass", "", ""),
        ("0,nan,-1.0,", "", "edema", "no_finding effusion mass", "effusion"),
        (",,,1", "no_finding", "edema effusion mass", "", ""),
        ("-1,,0,1", "no_finding", "effusion mass", "edema", "edema"),
    ],
)
def test_columns_are_united_and_what_is_unknown_stays_so(
    tmp_path, cells, findings, absent, unknown, uncertain
):
    (item,) = stated(tmp_path, f"x.png,{cells}").items
    told = (item.findings, item.absent, item.unknown, item.uncertain)
    want = [text.split() for text in (findings, absent, unknown, uncertain)]
    assert [sorted(part) for part in told] == [sorted(part) for part in want]


def test_the_label_of_columns_is_what_they_say(tmp_path):
    (item,) = stated(tmp_path, "x.png,1.0,-1,nan,0").items
    assert item.source_label == "Edema=1|Mass=-1|Clear=0"


@pytest.mark.parametrize(
    "rows,reason,said",
    [
        (["x.png,1,0,0,1"], "contradictory", "Edema=1 and Clear=1 (row 2 of m.csv)"),
        (["x.png,1,2,0,0"], "unknown_label", "column 'Mass' holds '2' (row 2): expected 1, 0, -1"),
        (["x.png,1,0,0,0", "x.png,0,0,0,0"], "ambiguous_row", "rows 2 and 3 do not say the same"),
    ],
)
def test_columns_that_cannot_be_united_are_refused_with_the_row(tmp_path, rows, reason, said):
    listed = stated(tmp_path, *rows)
    (reject,) = listed.rejects
    assert not listed.items and reject.reason == reason and said in reject.message


def test_the_same_row_twice_is_one(tmp_path):
    listed = stated(tmp_path, "x.png,1,0,0,0", "x.png,1.0,0,0,0.0")
    assert [item.findings for item in listed.items] == [("edema",)] and not reasons(listed)


def test_a_column_may_have_several_values_of_which_one_counts(tmp_path):
    put(tmp_path / "one/x.png", 1)
    (tmp_path / "one/m.csv").write_text("file,Edema\nx.png,2\n")
    rows = [rule(**ONE_HOT), rule(first=False, label_value="2", findings="mass")]
    (item,) = listing(tmp_path, *rows).items
    assert item.findings == ("mass",) and item.absent == ("edema",)


# ---- one label


def a_source(*pairs):
    blank = dict.fromkeys(COLUMNS, "")
    rules = [
        Rule(row=2, **{**blank, "source": "one", "label_value": value, "findings": findings})
        for value, findings in pairs
    ]
    return Source("one", tuple(rules))


NIH = a_source(("No Finding", "no_finding"), ("Effusion", "effusion"), ("Mass", "mass"))


def test_labels_that_contradict_each_other_are_refused_in_either_order():
    for label in ("No Finding|Effusion", "Effusion|No Finding"):
        rule = next(rule for rule in NIH.rules if rule.label_value == label.split("|")[0])
        found = stated_by_label(NIH, rule, label, " (row 5 of m.csv)")
        assert isinstance(found, Refused) and found.reason == "contradictory"
        assert found.why.endswith(label.replace("|", " and ") + " (row 5 of m.csv)")


def test_a_label_of_its_rule_is_stated_and_one_of_another_is_not():
    assert stated_by_label(NIH, NIH.rules[1], "Effusion|Mass", "") == Stated(
        "Effusion|Mass", ("effusion", "mass")
    )
    assert stated_by_label(NIH, NIH.rules[0], "Effusion", "") is None


def test_a_label_in_another_case_is_refused_with_that_of_the_rules():
    found = unknown_label(NIH, "effusion", " (row 2 of m.csv)")
    assert (
        found.why == "no rule of one for the label 'effusion' (row 2 of m.csv); it has 'Effusion'"
    )
    assert found.text == "effusion" and unknown_label(NIH, "", "").text == "blank"


def test_rows_are_named_by_their_numbers():
    table = Table("*.csv", "m.csv", (), {}, match_keys({}, [], lambda _: False), ())
    assert place_of(table, [Row(2, {})]) == " (row 2 of m.csv)"
    assert place_of(table, [Row(2, {}), Row(7, {})]) == " (rows 2 and 7 of m.csv)"
