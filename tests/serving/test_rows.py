"""Rows in words: for a terminal, and in the order to read them in.

python -m pytest tests/serving/test_rows.py
"""

from toy_rows import failed, row

from cxr_fastai.core import Prediction
from cxr_fastai.serving.rows import format_rows, notes_line, row_of, worklist


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
