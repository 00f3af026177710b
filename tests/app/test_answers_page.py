"""pytest tests/app/test_answers_page.py"""

import pytest
from page_rules import EVIL, TURN, check_page
from toy_rows import failed, row

from cxr_fastai.app.answers_page import answers_page
from cxr_fastai.app.page_facts import about_page
from cxr_fastai.gate.kinds import KINDS


@pytest.fixture(scope="module")
def facts(toy_model):
    return about_page(toy_model)


def refused(path, kind="inverted"):
    words = f"{KINDS[kind]}: not answered; --right turns it back"
    return row(
        path, None, (), abstained=True, reason=words, decision=f"no answer: {words}", gate=kind
    )


def test_those_without_an_answer_come_first(facts):
    rows = [row("c.png"), refused("b.png"), failed("a.png")]
    tree = check_page(answers_page(facts, rows))
    assert [tag.words.strip() for tag in tree.all("h2")] == ["a.png", "b.png", "c.png"]
    assert "3 films: those without an answer come first" in tree.words


def test_what_the_gate_saw_is_said_without_a_flag_that_a_page_lacks(facts):
    words = check_page(answers_page(facts, [refused("b.png")])).words
    assert "no answer: looks inverted (black on white): not answered" in words
    assert "--right" not in words


def test_a_film_has_its_answer_and_numbers(facts):
    tree = check_page(
        answers_page(facts, [row("a.png", notes=["tinted"], decision="Normal: because")])
    )
    assert "Normal: because" in tree.words and "Noted: tinted: A colour picture" in tree.words
    [table] = tree.all("table")
    assert " ".join(table.words.split()) == "class probability Normal 0.750 COVID-19 0.250"


def test_names_are_text_and_hidden_marks_are_spelled_out(facts):
    page = answers_page(facts, [row(f"{EVIL}{TURN}.png")])
    assert EVIL in check_page(page).words and TURN not in page


def test_one_film_is_one(facts):
    assert "1 film: those" in check_page(answers_page(facts, [row()])).words
