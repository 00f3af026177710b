"""What is said of bundles before they answer.

python -m pytest tests/verbs/test_model_words.py
"""

from dataclasses import replace
from types import SimpleNamespace

import pytest
from toy_bundles import META, VOCAB

from cxr_fastai.bundle import load_bundle, save_bundle
from cxr_fastai.models.networks import build_network
from cxr_fastai.serving.ensemble import Ensemble, load_ensemble
from cxr_fastai.verbs.model_words import say_of_gates, say_of_means, say_of_training

WARNINGS = [{"kind": "at_chance", "says": "It guesses.", "do": "Train on."}]


@pytest.fixture
def folders(tmp_path):
    made = []
    for name in ("one", "two"):
        meta = {**META, "arch": "cnn", "warnings": WARNINGS if name == "one" else []}
        made.append(save_bundle(tmp_path / name, build_network("cnn", len(VOCAB)), meta))
    return made


def test_one_bundle_is_not_named_and_several_are(folders, capsys):
    say_of_training(load_bundle(folders[0]))
    assert capsys.readouterr().err == "training warned: It guesses. Train on.\n"
    say_of_training(load_ensemble(folders))
    assert capsys.readouterr().err == f"training of {folders[0]} warned: It guesses. Train on.\n"
    say_of_training(load_bundle(folders[1]))
    assert capsys.readouterr().err == ""


def test_a_bundle_without_a_gate_is_named(folders, capsys):
    say_of_gates(load_ensemble(folders))
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2 and all("has no gate" in line for line in lines)


def test_where_another_bundle_has_a_gate_nothing_is_said_to_pass_without_one(folders, capsys):
    one, two = load_ensemble(folders).members
    gated = replace(one, gate=SimpleNamespace(is_weak=False))
    say_of_gates(Ensemble((gated, two)))
    assert capsys.readouterr().err == (
        f"{folders[1]} has no gate: what the gate of another bundle lets pass is answered\n"
    )


def test_what_a_probability_is_the_mean_of_is_said(folders, capsys):
    say_of_means(load_ensemble(folders), tta=False)
    assert "mean of 2 bundles" in capsys.readouterr().err
    say_of_means(load_bundle(folders[0]), tta=False)
    assert capsys.readouterr().err == ""
