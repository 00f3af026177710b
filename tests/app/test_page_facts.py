"""pytest tests/app/test_page_facts.py"""

import dataclasses
import shutil

import pytest
import torch
from toy_bundles import restate
from toy_rows import META, VOCAB

from cxr_fastai.app.page_facts import about_page
from cxr_fastai.bundle import load_bundle, save_bundle
from cxr_fastai.models.networks import build_network
from cxr_fastai.serving.ensemble import load_ensemble


def restated(toy_bundle, tmp_path, **changes):
    "A copy of the toy bundle whose bundle.json says something else."
    shutil.copytree(toy_bundle, tmp_path / "b")
    restate(tmp_path / "b", **changes)
    return load_bundle(tmp_path / "b")


def test_one_bundle(toy_model):
    facts = about_page(toy_model)
    assert (facts.recipe, facts.bundles, facts.several) == ("toy", 1, False)
    assert facts.classes == {"covid_19": "COVID-19", "normal": "Normal"}
    assert list(facts.cards) == ["toy"] and facts.cards["toy"].startswith("---")
    assert not facts.has_gate and facts.risk_threshold is None and not facts.ordered_by_risk


def test_the_threshold_is_that_of_the_decision(toy_bundle, tmp_path):
    decision = {"negative": "normal", "threshold": 0.25}
    facts = about_page(restated(toy_bundle, tmp_path, decision=decision))
    assert facts.risk_threshold == 0.25 and facts.ordered_by_risk


def test_several_bundles_have_neither_threshold_nor_calibration_in_common(tmp_path):
    torch.manual_seed(1)
    members = []
    for name in ("a", "b"):
        decision = {"negative": "normal", "threshold": 0.25}
        meta = {**META, "arch": "cnn", "decision": decision, "temperature": 2.0}
        folder = save_bundle(tmp_path / name, build_network("cnn", len(VOCAB)), meta)
        members.append(load_bundle(folder))
    facts = about_page(load_ensemble(members))
    assert facts.risk_threshold is None and facts.bundles == 2 and len(facts.cards) == 2
    assert facts.numbers == "Probabilities, the mean of 2 networks"
    assert facts.decides and facts.thresholds == {}


def test_findings_without_a_fixed_threshold_are_counted(toy_bundle, tmp_path):
    changes = {"task": "multi_label", "thresholds": {"normal": 0.25}}
    facts = about_page(restated(toy_bundle, tmp_path, **changes))
    assert facts.unfixed == 1 and facts.decides
    assert facts.thresholds == {"covid_19": 0.5, "normal": 0.25}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "Probabilities"),
        ({"temperature": 2.0}, "Calibrated probabilities"),
        ({"offsets": {"normal": 0.5}}, "Calibrated probabilities"),
        ({"offsets": {"normal": 0.0}}, "Probabilities"),
    ],
)
def test_only_what_was_calibrated_is_called_so(toy_bundle, tmp_path, changes, words):
    assert about_page(restated(toy_bundle, tmp_path, **changes)).numbers == words


def test_a_gate_that_is_not_asked_is_none(toy_model):
    gated = dataclasses.replace(toy_model, gate=object())
    assert about_page(gated).has_gate
    assert not about_page(gated, gate=False).has_gate


def test_the_name_tells_models_and_settings_apart(toy_model, toy_bundle, tmp_path):
    name = about_page(toy_model).model
    assert name == about_page(load_bundle(toy_bundle)).model and len(name) == 16
    assert name != about_page(toy_model, gate=False).model
    assert name != about_page(toy_model, right=True).model
    assert name != about_page(restated(toy_bundle, tmp_path, temperature=2.0)).model
