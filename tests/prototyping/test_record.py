"""pytest tests/prototyping/test_record.py"""

import json
from pathlib import Path

import toy_prototypes as toys

from cxr_fastai.core import FolderWarning
from cxr_fastai.prototyping.next_steps import Step
from cxr_fastai.prototyping.record import Prototype
from cxr_fastai.prototyping.shortcuts import Probed

CHANCE = FolderWarning("at_chance", "no better than a guess.", "Do not use it.", "Not better", {})
STEPS = (Step("Settle labels."), Step("Score over folds.", ("cxr curate a", "cxr train a")))


def test_the_last_lines_are_scores_page_bundle_and_the_next_command():
    text = str(toys.prototype(next_steps=STEPS))
    assert text.splitlines()[-4:] == [
        "page:    out/report.html",
        "bundle:  out/run/bundle",
        "next:    cxr curate a",
        "         cxr train a",
    ]
    assert "accuracy 90.0 % (80.0 to 95.0) on 60 test images of 50 groups" in text


def test_trouble_is_said_loudly():
    text = str(toys.prototype(trouble=(CHANCE,)))
    assert "WARNING: no better than a guess. Do not use it." in text


def test_a_record_goes_through_json():
    made = toys.prototype(
        next_steps=STEPS,
        trouble=(CHANCE,),
        shortcuts=(CHANCE,),
        warnings=(CHANCE,),
        probed=(Probed("P2", "Border", "FAIL", "says"),),
        stood=True,
    )
    stored = json.loads(json.dumps(made.to_dict()))
    assert Prototype.from_dict(stored, Path("out")) == made
    assert stored["bundle"] == "out/run/bundle" and stored["page"] == "out/report.html"


def test_a_notebook_shows_the_verdict_and_the_scores():
    html = toys.prototype(verdict="A <b>bold</b> verdict.")._repr_html_()
    assert "A &lt;b&gt;bold&lt;/b&gt; verdict." in html and "90.0 % (80.0 to 95.0)" in html
    assert "<main" not in html
    assert repr(toys.prototype()) == "<Prototype of films in out>"


def test_an_earlier_run_has_no_report_at_hand():
    assert toys.prototype().report is None and toys.prototype().curation is None
