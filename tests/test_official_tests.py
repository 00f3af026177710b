"""pytest tests/test_official_tests.py

benchmarks/official_tests.py goes its road unattended, and what it prints is what was counted.
"""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score
from toy_pixels import folder

from cxr_fastai.core import UsageError
from cxr_fastai.evaluation.evaluate import evaluate
from cxr_fastai.recipes import load_recipe

RECIPE = """title = "Dark or light"
task = "single_label"
negative = "light"

[classes]
light = ["no_finding"]
dark = ["pneumonia"]

[train]
arch = "cnn"
size = 32
epochs = 2
bs = 8
lr = 1e-2
weights = "none"
"""


@pytest.fixture
def official(monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parents[1] / "benchmarks")
    import official_tests

    return official_tests


@pytest.fixture
def asked(official, tmp_path):
    "Two seeds more than one, on films that are dark or light."
    file = tmp_path / "shades.toml"
    file.write_text(RECIPE)
    data = replace(folder(tmp_path / "data"), recipe=load_recipe(str(file)))
    return official.Asked(
        recipe=str(file), mirror=None, out=tmp_path / "out", data=data, seeds=(0, 1, 2)
    )


def test_the_whole_road_and_what_it_tells(official, asked):
    found = official.measured(asked)
    assert json.loads(json.dumps(found, allow_nan=False)) == json.loads(json.dumps(found))
    assert (found["n"], found["train"], found["valid"]) == (48, 24, 8)
    assert found["settings"]["arch"] == "cnn" and found["weights"].startswith("none")
    assert [network["seed"] for network in found["networks"]] == [0, 1, 2]
    for network in found["networks"]:
        for split in ("test", "valid", "shifted_valid"):
            assert 0 <= network[split]["accuracy"] <= 1, split
        assert network["test"]["n"] == 48 and "auroc_interval" in network["test"]
    means = [network["test"]["accuracy"] for network in found["networks"]]
    assert found["mean"]["accuracy"]["mean"] == pytest.approx(np.mean(means))
    assert found["ensemble"]["networks"] == 3 and found["versions"]["torch"]
    text = official.text_of(found)
    assert text.count("| seed") == 9 and "3 seeds together, test" in text

    again = official.measured(asked)  # nothing is trained twice
    assert again["networks"] == found["networks"]


def test_a_folder_without_test_images_tells_so_and_scores_validation(official, asked):
    rows = [row for row in asked.data.rows if row.split != "test"]
    alone = replace(asked, data=replace(asked.data, rows=rows), seeds=(0,))
    found = official.measured(alone)
    assert found["n"] == 0 and "no test image" in found["says"]
    assert found["networks"][0]["test"] == {} and found["mean"] == found["ensemble"] == {}
    assert "seed 0, test | - |" in official.text_of(found)


def test_while_settings_are_chosen_nothing_is_told_of_test_images(official, asked, monkeypatch):
    splits = []

    def watched(bundle, data, split, **kwargs):
        splits.append(split)
        return evaluate(bundle, data, split, **kwargs)

    monkeypatch.setattr(official, "evaluate", watched)
    found = official.measured(replace(asked, seeds=(0,), asks_test=False))
    assert splits == ["valid"]
    assert found["n"] == 0 and "validation only" in found["says"]
    assert (
        found["networks"][0]["test"] == {} and found["networks"][0]["shifted_valid"]["films"] == 8
    )


def test_a_vote_answers_and_the_mean_ranks(official):
    truth = np.array([0, 0, 0, 1, 1, 1])
    risks = [
        np.array([0.1, 0.2, 0.6, 0.5, 0.9, 0.8]),
        np.array([0.2, 0.1, 0.7, 0.9, 0.8, 0.3]),
        np.array([0.3, 0.6, 0.1, 0.8, 0.2, 0.9]),
    ]
    votes = [risk >= 0.55 for risk in risks]  # of the third film two say yes, of others
    found = official.voted(truth, risks, votes, list("abcdef"))
    assert found["auroc"] == roc_auc_score(truth, np.mean(risks, 0))
    assert found["accuracy"] == 5 / 6 and found["sensitivity"] == 1
    assert found["specificity"] == 2 / 3


@pytest.mark.parametrize(
    "words,key,value",
    [
        ("epochs=3", "epochs", 3),
        ("lr=1e-4", "lr", 1e-4),
        ("lr=find", "lr", "find"),
        ("resize=64,96", "resize", [64, 96]),
        ("compile=true", "compile", True),
    ],
)
def test_settings_are_read_as_what_they_are(official, words, key, value):
    assert official.setting_of(words) == (key, value)


def test_what_cannot_be_asked_is_refused(official, tmp_path):
    with pytest.raises(UsageError, match="expected KEY=VALUE"):
        official.setting_of("epoch=3")
    with pytest.raises(UsageError, match="an odd number"):
        official.asked_of(["pneumonia", "--out", str(tmp_path), "--seeds", "0,1"])
    with pytest.raises(UsageError, match="--seeds a: expected whole numbers"):
        official.asked_of(["pneumonia", "--out", str(tmp_path), "--seeds", "a"])
    assert official.main(["no_such_recipe", "--out", str(tmp_path / "x"), "--json"]) == 2


def test_from_a_mirror_to_one_json_object(official, tmp_path, capfd):
    rng = np.random.default_rng(0)
    arrays = {}
    for part, n in {"train": 40, "val": 24, "test": 24}.items():
        labels = np.arange(n) % 2
        coarse = rng.integers(0, 120, (n, 7, 7)) + 100 * labels[:, None, None]
        arrays[f"{part}_images"] = np.kron(coarse, np.ones((4, 4))).astype(np.uint8)
        arrays[f"{part}_labels"] = labels[:, None]
    file = tmp_path / "mirror" / "http" / "medmnist" / "pneumoniamnist.npz"
    file.parent.mkdir(parents=True)
    np.savez(file, **arrays)
    asked = ["pneumoniamnist", "--mirror", str(tmp_path / "mirror"), "--out", str(tmp_path / "out")]
    quick = ["--set", "arch=cnn", "--set", "size=32", "--set", "epochs=1", "--seeds", "0"]
    assert official.main([*asked, *quick, "--json"]) == 0
    found = json.loads(capfd.readouterr().out)
    assert (found["n"], found["whole_test"]) == (24, 624)
    assert found["says"].startswith("24 of the 624 official test images")
    assert found["settings"]["epochs"] == 1 and found["settings"]["ema"] == 0.99
    assert found["networks"][0]["test"]["n"] == 24


def test_pneumonia_as_it_stands_has_two_small_networks_beside_it(official, tmp_path):
    words = ["pneumonia", "--out", str(tmp_path)]
    beside, _ = official.asked_of(words)
    assert [own["arch"] for own in beside.companions] == ["resnet18", "cnn"]
    assert official.asked_of([*words, "--companion", "none"])[0].companions == ()
    assert official.asked_of([*words, "--set", "epochs=3"])[0].companions == ()
    assert official.asked_of(["triage", "--out", str(tmp_path)])[0].companions == ()


def test_companions_answer_alone_and_beside(official, asked):
    quick = {"arch": "cnn", "size": 16, "epochs": 1}
    two = replace(asked, seeds=(0,), companions=(quick, {**quick, "augment": "none"}))
    found = official.measured(two)
    assert [one["arch"] for one in found["companions"]] == ["cnn", "cnn"]
    assert found["all_together"]["networks"] == 3 and found["ensemble"] == {}
    risks = [official.load_bundle(one["bundle"]) for one in found["companions"]]
    assert [bundle.meta["recipe"]["train"]["size"] for bundle in risks] == [16, 16]
    assert "all 3 networks together" in official.text_of(found)


def test_a_vote_of_an_even_number_is_refused(official, tmp_path):
    words = ["pneumonia", "--out", str(tmp_path), "--companion", "arch=cnn,weights=none"]
    with pytest.raises(UsageError, match="an odd number of networks in all"):
        official.asked_of([*words, "--seeds", "0"])
    asked, _ = official.asked_of([*words, "--companion", "size=64", "--seeds", "0"])
    assert asked.companions == ({"arch": "cnn", "weights": "none"}, {"size": 64})
