"""pytest tests/prototyping/test_page.py

The page of one small prototype: what it says is what its record and its files hold.
"""

from dataclasses import replace

import pytest
import toy_prototypes as toys
from html_page import Page

from cxr_fastai import prototype
from cxr_fastai.core import FolderWarning
from cxr_fastai.prototyping.page import prototype_page
from cxr_fastai.prototyping.shortcuts import Probed

SECTIONS = (
    "folder",
    "copies",
    "conflicts",
    "rejects",
    "splits",
    "shortcuts",
    "model",
    "scores",
    "mistakes",
    "next",
)
CHANCE = FolderWarning("at_chance", "no better than <b>.", "Do not use it.", "Not better", {})


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    root = tmp_path_factory.mktemp("page")
    with pytest.MonkeyPatch.context() as m:
        m.setenv("CXR_CACHE", str(root / "cache"))
        toys.tiny_plans(m)
        folder = toys.own_folder(root / "films")
        return prototype(folder, root / "out", workers=1)


@pytest.fixture(scope="module")
def page(made):
    return Page(made.page.read_text(encoding="utf-8"))


def rendered(made, **changed):
    record = replace(made, **changed)
    request = toys.request()
    return prototype_page(record, request, made.curation, made.reports, made.out / "curated")


def test_the_story_is_told_in_order(made):
    html = made.page.read_text(encoding="utf-8")
    places = [html.index(f'<section id="{name}">') for name in SECTIONS]
    assert places == sorted(places)


def test_it_fetches_nothing_and_runs_nothing(page):
    assert not [link for link in page.fetched if not link.startswith(("data:", "#"))]
    assert not page.tags.keys() & {"script", "iframe", "link", "form"}


def test_the_numbers_are_those_of_the_record(made):
    html = " ".join(made.page.read_text(encoding="utf-8").split())
    assert "<strong>47</strong> images of 2 classes" in html
    assert "<strong>1</strong> copy left out" in html
    assert "<strong>1</strong> label conflict<" in html
    for number in made.scores[0].numbers:
        assert number.model in html
    for choice in made.plan.choices:
        assert f'<th scope="row">{choice.name}</th>' in html
    for step in made.next_steps:
        assert step.why.split("“")[0][:40] in html


def test_copies_conflicts_and_mistakes_are_pictures(made, page):
    wrong = sum(min(report_mistakes(report), 12) for report in made.reports.values())
    assert len(page.images) == 2 + 2 + wrong


def report_mistakes(report):
    found = report.predictions
    return int((found.preds != found.targs).sum())


def test_files_that_were_not_read_are_named_with_their_reason(made):
    html = made.page.read_text(encoding="utf-8")
    assert "notes.jpg" in html.replace("<wbr>", "") and "no picture" in html


def test_it_says_how_the_folder_was_read_and_the_command_in_full(made):
    text = made.page.read_text(encoding="utf-8").replace("<wbr>", "")
    text = text.replace("<span>", "").replace("</span>", "")  # a flag does not break
    assert made.curation.request.own["lines"][0].split(":")[0] in text
    assert "cxr curate --folder" in text and "cxr train" in text


def test_validation_is_said_to_flatter(made):
    assert [scores.split for scores in made.scores] == ["test", "valid"]
    assert "It flatters" in made.page.read_text(encoding="utf-8")


def test_trouble_is_loud_and_escaped(made):
    html = rendered(made, trouble=(CHANCE,))
    assert "<strong>Not better:</strong> no better than &lt;b&gt;. Do not use it." in html
    assert "Not better:" not in rendered(made)


def test_shortcuts_and_probes_are_told(made):
    html = rendered(made, shortcuts=(CHANCE,), probed=(Probed("P2", "Border", "FAIL", "by it"),))
    assert "Each of these does so alone, and none of them looks for a disease" in html
    assert "<strong>1</strong> shortcut found" in html and "Border</th>" in html
    none = rendered(made, shortcuts=(), probed=())
    assert "None of the checks found anything" in none


def test_a_training_that_was_cut_short_is_told(made):
    trained = {**made.trained, "epochs": 1}
    plan = replace(made.plan, choices=toys.plan(epochs=9).choices)
    html = rendered(made, trained=trained, plan=plan)
    assert "It trained 1 of 9 epochs" in html and "cut short at its deadline" in html
