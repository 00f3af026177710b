"""Items and Rejects: templates, ages, views and sexes in one form."""

import pytest

from cxr_fastai.catalog import COLUMNS, Rule, Source
from cxr_fastai.curation.sources.item import (
    REJECT_COLUMNS,
    fill,
    findings_of,
    reject_file,
    sex_of,
    view_of,
    years,
)


@pytest.mark.parametrize(
    "said,want",
    [
        ("060Y", "60"),
        ("001D", "0"),
        ("018M", "1.5"),
        ("411Y", ""),
        ("50+", "50"),
        ("65", "65"),
        ("", ""),
        ("n/a", ""),
    ],
)
def test_ages_in_years(said, want):
    assert years(said) == want


@pytest.mark.parametrize(
    "said,want",
    [
        ("AP erect", "AP"),
        ("pa", "PA"),
        ("LL", "L"),
        ("rl", "L"),
        ("Left Lateral", "L"),
        ("lordotic", "lordotic"),
        ("", ""),
    ],
)
def test_views_in_one_form(said, want):
    assert view_of(said) == want


def test_sex_and_templates():
    assert [sex_of(s) for s in ("male", "F", "O", "")] == ["M", "F", "", ""]
    assert fill("nih:{Patient ID}", {"Patient ID": " 7 "}) == "nih:7"
    assert fill("nih:{pid}", {"pid": ""}) == "" and fill("AP", {}) == "AP"


def test_a_reject_is_one_line_and_a_row_of_its_columns():
    one = reject_file("nih", "a.png", "scan", "damaged", "two\n  lines", sha256="f" * 64)
    assert one.row() == {
        "path": "a.png",
        "sha256": "f" * 64,
        "source": "nih",
        "stage": "scan",
        "reason": "damaged",
        "message": "two lines",
    }
    assert tuple(one.row()) == REJECT_COLUMNS


def test_a_label_of_several_parts_needs_a_rule_for_each_and_begins_with_that_of_the_first():
    def a_rule(label, findings):
        cells = dict.fromkeys(COLUMNS, "")
        cells.update(source="one", label_value=label, findings=findings)
        return Rule(row=2, **cells)

    rules = (a_rule("Mass", "mass"), a_rule("Edema", "edema"), a_rule("blank", ""))
    source = Source("one", rules)
    assert findings_of(source, rules[1], "Edema|Mass") == ("edema", "mass")
    assert findings_of(source, rules[0], "Edema|Mass") is None
    assert findings_of(source, rules[0], "Mass|Novelty") is None
    assert findings_of(source, rules[2], "") == ()
