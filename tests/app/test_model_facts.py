"""GET /model: what the bundles are, for programs.

python -m pytest tests/app/test_model_facts.py
"""

import json
import shutil

import pytest
from toy_bundles import report_of, restate

from cxr_fastai.app.limits import Limits
from cxr_fastai.app.model_facts import ModelFacts, model_facts
from cxr_fastai.bundle import load_bundle
from cxr_fastai.bundle.evaluated_card import write_card


@pytest.fixture
def folder(toy_bundle, tmp_path):
    return shutil.copytree(toy_bundle, tmp_path / "own")


def facts_of(folder, **how):
    return model_facts(load_bundle(folder), Limits(max_mb=7), **how)


def test_what_a_bundle_is_stands_there_and_no_path(toy_model):
    told = model_facts(toy_model, Limits(max_mb=7))
    assert set(told) == set(ModelFacts.__annotations__)
    assert [each["name"] for each in told["classes"]] == toy_model.vocab
    assert [each["display"] for each in told["classes"]] == [
        toy_model.display[n] for n in toy_model.vocab
    ]
    (bundle,) = told["bundles"]
    assert bundle["weights_sha256"] == toy_model.meta["weights_sha256"] and bundle["arch"] == "cnn"
    assert bundle["scores"] is None and bundle["runtime"] == "torch" and bundle["size"] == 32
    assert told["server"] == {"max_mb": 7, "max_files": 32, "per_minute": 0}
    assert "not a medical device" in told["limits"] and told["task"] == "single_label"
    assert str(toy_model.path) not in json.dumps(told, allow_nan=False)


def test_that_no_gate_is_asked_is_said(toy_model):
    told = model_facts(toy_model, Limits())
    assert told["gate"] == {"asked": False, "weak": False, "rights": False}
    assert told["notes"][0].startswith("No gate was asked")


def test_thresholds_decision_and_warnings_are_those_of_the_bundle(folder):
    decision = {"negative": "normal", "threshold": 0.25, "asked_sensitivity": 0.9}
    warning = {"kind": "at_chance", "says": "No better than a guess.", "do": "Train on."}
    restate(folder, decision=decision, thresholds={"covid_19": 0.5}, warnings=[warning])
    told = facts_of(folder)
    (bundle,) = told["bundles"]
    assert (bundle["decision"], bundle["thresholds"], bundle["warnings"]) == (
        decision,
        {"covid_19": 0.5},
        [warning],
    )
    means = {each["name"]: each["means_nothing_found"] for each in told["classes"]}
    assert means == {"covid_19": False, "normal": True}


def test_scores_stand_there_with_intervals_if_they_are_of_the_same_weights(folder):
    report = report_of(folder)
    write_card(folder, report)
    scores = facts_of(folder)["bundles"][0]["scores"]
    assert scores["metrics"] == report["metrics"] and scores["intervals"] == {
        "accuracy": [0.5, 0.9]
    }
    assert (scores["split"], scores["n"], scores["groups"]) == ("test", 20, 15)
    other = json.loads((folder / "evaluation.json").read_text())
    other["about"]["weights (SHA-256)"] = "0" * 64
    (folder / "evaluation.json").write_text(json.dumps(other))
    assert facts_of(folder)["bundles"][0]["scores"] is None


def test_what_may_name_a_file_of_who_trained_is_left_out(folder):
    trained = {
        "epochs": 3,
        "weights": "/home/someone/own.safetensors",
        "precision": "bf16",
        "other": [1],
    }
    restate(folder, trained=trained)
    assert facts_of(folder)["bundles"][0]["trained"] == {"epochs": 3, "precision": "bf16"}
