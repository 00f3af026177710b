"""pytest tests/app/test_home_page.py"""

from dataclasses import replace

import pytest
from page_rules import EVIL, TURN, check_page

from cxr_fastai.app.home_page import home_page
from cxr_fastai.app.page_facts import about_page
from cxr_fastai.core import FolderWarning


@pytest.fixture(scope="module")
def facts(toy_model):
    return about_page(toy_model)


def told(facts, **changes):
    "Facts whose About says something else."
    return replace(facts, about=replace(facts.about, **changes))


def data_of(facts):
    "What the script is told."
    main = check_page(home_page(facts)).all("main")[0]
    return {key: value for key, value in main.at.items() if key.startswith("data-")}


@pytest.mark.parametrize("has_similar", [True, False])
@pytest.mark.parametrize("has_gate", [True, False])
def test_the_page_is_well_formed_and_runs_no_script_of_its_own(facts, has_gate, has_similar):
    tree = check_page(home_page(replace(facts, has_gate=has_gate, has_similar=has_similar)))
    assert [tag.at["src"] for tag in tree.all("script")] == ["/static/theme.js", "/static/app.js"]
    assert [tag.at.get("id") == "similar" for tag in tree.tags].count(True) == has_similar


def test_the_same_facts_give_the_same_page(facts):
    assert home_page(facts) == home_page(facts)


def test_foreign_text_is_shown_as_text_and_hidden_marks_are_spelled_out(facts):
    evil = EVIL + TURN + "\"'&lt;"
    warning = FolderWarning(kind="odd", says=evil, do=evil)
    bad = told(facts, warnings=[warning], notes=[evil], limits=evil, order=evil)
    page = home_page(replace(bad, recipe=evil, classes={"a": evil, "normal": evil}))
    tree = check_page(page)
    assert TURN not in page and "\\u202e" in page
    assert tree.words.count(EVIL) >= 8 and "&lt;" in tree.words


def test_the_script_is_told_what_it_needs(facts):
    told_now = data_of(replace(facts, risk_threshold=0.25, max_bytes=7, csv_header='a,"b"\n'))
    assert told_now["data-risk-threshold"] == "0.25"
    assert told_now["data-max-bytes"] == "7"
    assert told_now["data-csv-header"] == 'a,"b"\n'
    assert told_now["data-model"] == facts.model


def test_a_risk_that_no_answer_follows_from_has_no_mark(facts):
    assert data_of(replace(facts, risk_threshold=None))["data-risk-threshold"] == ""
    several = replace(facts, risk_threshold=0.5, several=True)
    assert data_of(several)["data-risk-threshold"] == ""


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"risk_threshold": 0.25}, "below a risk of 0.25"),
        ({"thresholds": {"covid_19": 0.7, "normal": 0.5}}, "Each class has its threshold"),
        ({"thresholds": {"normal": 0.5}}, "Of 2 classes 1 has a threshold"),
        ({"bundles": 2}, "the most probable class is answered, however low"),
        ({"bundles": 2, "decides": True}, "more than half must agree"),
        ({"bundles": 2, "several": True}, "a finding is answered where at least half find it"),
        ({"several": True}, "where none does, the answer is none of the findings."),
        ({"several": True, "unfixed": 2}, "fixed no threshold for 2 of them: 0.5 stands in"),
        ({"bundles": 3}, "3 networks answer"),
        ({}, "No threshold was fixed: the most probable class is answered"),
        ({"several": True}, "any number of 2 classes"),
        ({"has_gate": True, "rights": True}, "is turned back first"),
        ({"ordered_by_risk": False}, "There is no risk to order by"),
        ({"max_bytes": 12_000_000}, "Up to 12 MB each"),
    ],
)
def test_it_says_how_answers_are_made(facts, changes, words):
    assert words in check_page(home_page(replace(facts, **changes))).words


def test_a_model_without_a_gate_says_so_before_all_else(facts):
    words = check_page(home_page(facts)).words
    assert "No gate." in words
    assert words.index("No gate.") < words.index("Add films")
    assert "is refused, with the reason" not in words


def test_what_training_warned_of_stands_before_the_films(facts):
    warning = FolderWarning(kind="chance", says="It guesses. On 12 films.", do="Train it.")
    tree = check_page(home_page(told(facts, warnings=[warning])))
    assert tree.all("summary")[0].words.split() == "Training warned: It guesses.".split()
    assert tree.words.index("It guesses") < tree.words.index("Add films")
    assert "On 12 films. Train it." in tree.all("details")[0].words


def test_without_scripts_a_form_sends_the_films(facts):
    tree = check_page(home_page(facts))
    form = next(tag for tag in tree.all("form") if tag.within("noscript"))
    assert (form.at["action"], form.at["method"]) == ("/predict", "post")
    assert form.at["enctype"] == "multipart/form-data"
    files = next(tag for tag in tree.all("input") if tag.within("noscript"))
    assert files.at["name"] == "files" and "multiple" in files.at


def test_progress_is_told_politely_and_trouble_at_once(facts):
    tags = {tag.at.get("id"): tag.at.get("role") for tag in check_page(home_page(facts)).tags}
    assert (tags["progress"], tags["spoken"], tags["alarm"]) == ("status", "status", "alert")


def test_what_moves_by_script_alone_is_hidden_without(facts):
    hidden = {tag.at.get("id") for tag in check_page(home_page(facts)).tags if "hidden" in tag.at}
    assert {"add", "room", "drop", "show-keys", "held", "bar"} <= hidden
