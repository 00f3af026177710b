"""pytest tests/auditing/test_tables.py: tables of counts, in a terminal and on the page"""

import pytest
from toy_cohort import cohort_of, folder, row, toy_catalog

from cxr_fastai.auditing.tables import (
    MAX_COLUMNS,
    Row,
    Table,
    attribute_lines,
    class_lines,
    count_tables,
    quantiles_of,
)
from cxr_fastai.cohort.counts import class_counts, tally
from cxr_fastai.cohort.source_counts import finding_counts, source_counts


def tables_of(rows, several=False, vocab="abc"):
    task = "multi_label" if several else "single_label"
    cohort = cohort_of(folder(rows, task=task, vocab=vocab))
    sources = tally(each.source for each in rows)
    return count_tables(
        {label: class_counts(cohort, label, {}) for label in cohort.names},
        {source: source_counts(cohort, source, toy_catalog()) for source in sources},
        finding_counts(rows),
        cohort.splits,
        several,
    )


def test_a_table_prints_aligned_with_the_total_of_each_row():
    table = Table("class", ["train", "test"], [Row("a", [1200, 3], 1203), Row("long", [0, 1], 1)])
    assert str(table).splitlines() == [
        "class  train  test    all",
        "a      1,200     3  1,203",
        "long       0     1      1",
    ]
    assert repr(table) == str(table)


def test_splits_are_counted_and_unknown_ones_only_where_there_may_be_several():
    rows = [row("a"), row("b", split="test"), row("b", split="test", phash="1")]
    table = tables_of(rows)["split"]
    assert table.head == ["train", "valid", "test"]
    assert table.rows == [("a", [1, 0, 0], 1), ("b", [0, 0, 2], 2), ("c", [0, 0, 0], 0)]
    table = tables_of([row("a"), row("b|?a")], several=True)["split"]
    assert table.head[-1] == "unknown" and table.rows[0] == ("a", [1, 0, 0, 1], 1)


def test_views_beyond_the_commonest_are_counted_together_whatever_they_are_called():
    views = ["odd", "other", "unknown", "", *(f"v{i}" for i in range(6))]
    rows = [row(view=v, phash=str(i)) for v in views for i in range(2 + (v == "other"))]
    table = tables_of(rows)["view"]
    assert table.head == ["other", "odd", "unknown", "v0", "v1", "v2", "other", "unknown"]
    assert table.rows[0] == ("a", [3, 2, 2, 2, 2, 2, 6, 2], 21)


def test_values_that_have_words_come_first_and_absent_ones_not_at_all():
    rows = [row(sex="M"), row(sex="M", phash="1"), row(sex="F"), row(age="9"), row("b", "kids")]
    tables = tables_of(rows)
    assert tables["sex"].head == ["F", "M", "unknown"]
    assert tables["age_group"].head == ["child, under 18", "child, by source", "adult, by source"]


@pytest.mark.parametrize("classes,title", [(MAX_COLUMNS, "source"), (MAX_COLUMNS + 1, "class")])
def test_sources_stand_down_unless_that_would_be_too_wide(classes, title):
    vocab = [f"c{i}" for i in range(classes)]
    table = tables_of([row("c0"), row("c1", "two")], vocab=vocab)["source"]
    assert table.title == title
    if title == "source":
        assert table.head == vocab and table.rows[1] == ("two", [0, 1] + [0] * 8, 1)
    else:
        assert table.head == ["one", "two"] and table.rows[1] == ("c1", [0, 1], 1)


def test_shares_of_findings_are_of_the_images_with_the_rows_finding():
    rows = [row(findings="mass|nodule"), row(findings="mass"), row()]
    table = tables_of(rows)["findings"]
    assert table.head == ["mass", "nodule"]
    assert table.rows == [("mass", [2, 1], 2), ("nodule", [1, 1], 1)]


def test_lines_of_a_terminal_have_medians_and_say_where_there_are_none():
    cohort = cohort_of(folder([row(age="30", patient="p")], vocab="ab"))
    classes = {label: class_counts(cohort, label, {}) for label in cohort.names}
    head, a, b = class_lines(classes)
    assert head.split("  ")[0] == "class" and head.endswith(
        "median width / height  median mean gray"
    )
    assert a.split() == ["a", "1", "1", "30", "100", "80", "1.25", "-"]
    assert b.split() == ["b", "0", "0", "-", "-", "-", "-", "-"]
    assert quantiles_of(classes["a"], "aspect") == [1.25] * 5


def test_an_undefined_auroc_is_a_dash():
    score = {"auroc": 0.756, "images": 1, "others": 1}
    nothing = {"auroc": None, "images": 0, "others": 1}
    lines = attribute_lines({"a": "A", "b": "B"}, {"age_group": {"a": score, "b": nothing}})
    assert [line.split("  ") for line in lines][0] == ["AUROC of knowing only", "age group"]
    assert [line.split()[-1] for line in lines[1:]] == ["0.76", "-"]


def test_a_finding_of_ones_own_is_called_as_its_class():
    table = tables_of([row(findings="own:COVID"), row(findings="no_finding")])["findings"]
    assert table.head == [each.name for each in table.rows] == ["no_finding", "COVID"]
