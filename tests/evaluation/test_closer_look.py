"""pytest tests/evaluation/test_closer_look.py

Curves, calibration, net benefit and subgroups of either task, in one record and on one page.
"""

import json
import re

import numpy as np
import pytest
import toy_class_reports as classes
import toy_findings_reports as findings
from toy_scores import draw_classes

from cxr_fastai.evaluation.closer_look import look_at_classes, look_at_findings
from cxr_fastai.evaluation.evaluate import evaluate
from cxr_fastai.evaluation.predictions import Predictions
from cxr_fastai.intervals.bootstrap import Resampling

NAMES = {"a": "A", "b": "B", "c": "C", "d": "D"}


def of_classes(**meta):
    targs, probs, sources = draw_classes(0)
    rows = [{"source": s, "group": str(i)} for i, s in enumerate(sources)]
    found = Predictions(rows, targs, probs, probs.argmax(1))
    return look_at_classes(found, meta, NAMES, Resampling(found.groups, 50, 0)), found


def test_a_decision_is_what_is_held_against_the_light():
    look, found = of_classes(decision={"negative": "a", "threshold": 0.5})
    assert [curve.slug for curve in look.curves] == ["not_a", "a", "b", "c", "d"]
    assert [each.slug for each in look.benefits] == ["not_a"]
    assert look.reliability.words == "not A" == look.subgroups.of
    assert look.subgroups.auroc == pytest.approx(look.curves[0].auroc)


def test_without_a_decision_the_most_probable_class_is_and_nothing_is_acted_on():
    look, found = of_classes()
    assert len(look.curves) == 4 and look.benefits == ()
    top = found.probs.max(1)
    right = found.probs.argmax(1) == found.targs
    assert look.reliability.after.brier == pytest.approx(np.mean((top - right) ** 2))


def test_temperature_is_undone_before_it_is_told():
    look, _ = of_classes(temperature=2.0)
    assert look.reliability.temperature == 2
    assert look.reliability.before.brier != look.reliability.after.brier
    assert "before temperature 2.00" in look.calibration_words


def test_of_several_networks_no_number_before_temperature_is_told():
    look, _ = of_classes(temperature=float("nan"))
    assert look.reliability.before is None and "before" not in look.calibration_words
    told = json.loads(json.dumps(look.to_dict(), allow_nan=False))["calibration"]
    assert told["before"] is None and told["temperature"] is None
    report = evaluate(classes.ToyBundle(temperature=float("nan")), classes.manifest(), resamples=20)
    assert "each with a temperature of its own" in report.to_html()


def test_findings_are_pooled_for_calibration_and_each_has_its_curves():
    labels = np.column_stack([np.arange(60) % 2, np.arange(60) % 3 == 0]).astype(float)
    labels[:6, 1] = np.nan
    probs = np.random.default_rng(0).random((60, 2))
    rows = [{"source": "s", "group": str(i)} for i in range(60)]
    found = Predictions(rows, labels, probs, probs > 0.5)
    meta = {"thresholds": {"a": 0.3}}
    look = look_at_findings(found, meta, {"a": "A", "b": "B"}, Resampling(found.groups, 50, 0))
    assert [(each.slug, each.threshold) for each in look.benefits] == [("a", 0.3), ("b", 0.5)]
    known = ~np.isnan(labels)
    error = (probs - (labels == 1))[known] ** 2
    assert look.reliability.after.brier == pytest.approx(error.mean())
    assert look.curves[1].images == 54


def test_a_lower_subgroup_is_told_in_a_sentence_and_none_in_none():
    look, _ = of_classes()
    assert look.subgroup_words == "" or "its whole interval below it" in look.subgroup_words


@pytest.mark.parametrize("task", [classes, findings])
def test_page_and_json_have_every_section(task):
    if task is classes:
        decision = {"negative": "a", "threshold": 0.5}
        bundle = classes.ToyBundle(wrong={6: "a", 9: "b"}, decision=decision)
        report = evaluate(bundle, classes.manifest(classes.ROWS * 3), resamples=50)
    else:
        report = findings.report(findings.LABELS * 2, wrong={0: "a"})
    page = report.to_html()
    sections = re.findall(r'<section id="(\w+)">', page)
    for name in ("curves", "calibration", "benefit", "subgroups", "films"):
        assert name in sections, name
    numbers = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    for key in ("curves", "calibration", "decision_curves", "subgroups", "films", "audit"):
        assert numbers[key], key
    assert "Calibration of" in str(report)


def test_all_splits_are_called_so(tmp_path):
    report = evaluate(classes.ToyBundle(manifest_sha256="0"), classes.manifest(), "all")
    assert report.summary.startswith("all splits: 12 images")
    assert "Evaluation, all splits" in report.to_html() and "for 12 images of all splits" in (
        report.to_html()
    )
    assert "No pixel floor: the train films are among those that are scored" in str(report)
