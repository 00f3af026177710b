"""Rows in words: for a terminal, and in the order to read them in.

python -m pytest tests/serving/test_rows.py
"""

import pytest
from toy_rows import failed, row

from cxr_fastai.core import Prediction, UsageError
from cxr_fastai.gate.kinds import KINDS
from cxr_fastai.recipes import load_recipe
from cxr_fastai.serving.cards import Names, reading_key
from cxr_fastai.serving.rows import format_rows, normal_class, notes_line, row_of, worklist


def test_lines_are_aligned_and_say_the_decision_in_words():
    rows = [
        row("long/name.png", "covid_19", decision="COVID-19: the most probable of 2 classes, 0.90"),
        row("a.png", decision="Normal: risk 0.60 is below the threshold 0.80"),
        failed("c.png"),
        row("d.png", None, decision="no answer: Normal, 0.40, is below its own threshold 0.50"),
    ]
    assert format_rows(rows).splitlines() == [
        "long/name.png  COVID-19: the most probable of 2 classes, 0.90",
        "a.png          Normal: risk 0.60 is below the threshold 0.80",
        "c.png          not read: damaged PNG",
        "d.png          no answer: Normal, 0.40, is below its own threshold 0.50",
    ]
    assert format_rows([]) == ""


def test_a_file_name_cannot_command_the_terminal():
    text = format_rows([row("\x1b[2Jclear\n\u202egnp.png"), failed("b", "see \x07")])
    assert len(text.splitlines()) == 2 and not any(c in text for c in "\x1b\u202e\x07")


def test_a_prediction_becomes_a_row_with_all_it_says():
    answer = Prediction(
        label="normal",
        probs={"normal": 0.4},
        notes=("tiny",),
        decision="normal: because",
        threshold=0.8,
        risk=0.6,
        source="a.png",
    )
    found = row_of(answer)
    assert (found["path"], found["risk"], found["threshold"]) == ("a.png", 0.6, 0.8)
    assert found["decision"] == "normal: because" and found["notes"] == ["tiny"]


def test_a_worklist_puts_the_unread_first_and_the_riskiest_next():
    rows = [row("low", risk=0.1), row("high", risk=0.9), failed("unread")]
    assert [each["path"] for each in worklist(rows)] == ["unread", "high", "low"]


def test_where_nothing_is_odd_nothing_is_said():
    assert notes_line([row(), failed("b.png")]) == ""


@pytest.mark.parametrize(
    "recipe, normal", [("six_class", "normal"), ("triage", "normal"), ("nih14", "")]
)
def test_the_normal_class_is_that_of_images_without_a_finding(recipe, normal):
    assert normal_class(load_recipe(recipe).to_dict()) == normal


def test_no_class_of_an_unknown_recipe_is_taken_for_normal():
    assert normal_class({}) == normal_class({"classes": {"normal": ["mass"]}}) == ""
    assert normal_class({"classes": {"a": ["no_finding"], "b": ["no_finding"]}}) == ""


def test_a_worklist_has_those_held_back_before_the_risks_as_the_page_has():
    held = row(path="held", label=None, risk=0.1, abstained=True, reason="below its threshold")
    rows = [row(path="high", risk=0.9), held, failed("unread")]
    assert [each["path"] for each in worklist(rows)] == ["unread", "held", "high"]


def test_a_film_has_the_same_place_in_a_worklist_and_on_the_pages():
    names = Names({"covid_19": "COVID-19", "normal": "Normal"}, negative="normal")
    rows = [row(f"risk {risk}", risk=risk) for risk in (0.2, 0.9, 0.5, 0.9)]
    rows += [row(f"held {risk}", None, risk=risk, abstained=True) for risk in (0.1, 0.6)]
    for kind in reversed(KINDS):
        rows.append(row(kind, None, (), abstained=True) | {"gate": kind})
    rows += [failed("unread"), row("none", None, (), abstained=True) | {"gate": "ct"}]
    on_pages = sorted(rows, key=lambda each: reading_key(each, names))
    assert [each["path"] for each in worklist(rows)] == [each["path"] for each in on_pages]


def test_a_worklist_of_classes_without_a_decision_is_ordered_by_what_is_not_normal():
    rows = [
        row("a.png", "normal", (0.1, 0.9), decision="Normal: the most probable, 0.90"),
        row("b.png", "covid_19", (0.7, 0.3), decision="COVID-19: the most probable, 0.70"),
        failed("c.png"),
    ]
    order = worklist(rows, "normal")
    assert [each["path"] for each in order] == ["c.png", "b.png", "a.png"]
    assert [each["risk"] for each in order[1:]] == pytest.approx([0.7, 0.1])
    assert [each["label"] for each in order[1:]] == ["covid_19", "normal"]
    assert order[1]["decision"] == "COVID-19: the most probable, 0.70; risk 0.70"
    assert rows[0]["risk"] is None
    with pytest.raises(UsageError, match="of the classes covid_19, normal none, or several, mean"):
        worklist(rows)
