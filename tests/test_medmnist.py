"""pytest tests/test_medmnist.py

benchmarks/medmnist.py goes its road unattended, on drawn official files. The evaluator's rules:
tests/test_medmnist_rules.py.
"""

import json
from pathlib import Path

import numpy as np
import pytest

from cxr_fastai.core import UsageError
from cxr_fastai.curation.pipeline import curate
from cxr_fastai.images import decode


@pytest.fixture
def medmnist(monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parents[1] / "benchmarks")
    import medmnist

    return medmnist


@pytest.mark.parametrize("words", ["0,1", "a", "0,0,1", "", "-1"])
def test_seeds_that_cannot_be_are_refused_in_a_line(medmnist, tmp_path, words, capsys):
    asked = [str(tmp_path), "--out", str(tmp_path / "out"), f"--seeds={words}"]
    assert medmnist.main(asked) == UsageError.exit_code
    assert capsys.readouterr().err.startswith("error: --seeds")


def test_the_table_stands_beside_the_published_one(medmnist):
    own = {"auc": 0.98, "auc_interval": [0.97, 0.99], "acc": 0.93, "acc_interval": [0.9, 0.95]}
    own["decided"] = {"accuracy": 0.91, "accuracy_interval": [0.89, 0.93]}
    found = {
        "data": "pneumoniamnist",
        "split": "test",
        "n": 624,
        "networks": [{"seed": 0, "kind": "cnn", **own}],
        "together": [{"seed": 0, **own}],
        "mean": {"cnn": {"auc": 0.98, "acc": 0.93, "decided_accuracy": 0.91}},
        "ensemble": own,
        "left_out": ["lite"],
        "published": medmnist.PUBLISHED["pneumoniamnist"],
    }
    text = medmnist.text_of(found)
    assert (
        "| seed 0, cnn | 0.980 (0.970 to 0.990) | 93.0 % (90.0 to 95.0) | 91.0 % (89.0 to 93.0) |"
        in text
    )
    assert "| published: Google AutoML Vision | 0.991 | 94.6 % | - |" in text
    assert "28 px enlarged" in text
    assert "| left out: lite, its weights are not here |" in text


def test_a_companion_without_weights_is_left_out_and_said(medmnist, monkeypatch, capsys):
    monkeypatch.setattr(medmnist, "is_at_hand", lambda arch: False)
    companions = medmnist.COMPANIONS["pneumoniamnist"]
    found, left_out = medmnist.at_hand(companions)
    assert set(found) == {"cnn"} and left_out == ["lite"]
    assert "companion lite is left out" in capsys.readouterr().err


def test_two_networks_may_tie_and_have_no_vote(medmnist):
    class Two:
        bundle = type("B", (), {"meta": {"decision": {"threshold": 0.5}}})

    assert medmnist.decided([Two, Two]) == {}


def test_a_mirror_without_the_array_is_refused_in_a_line(medmnist, tmp_path, capsys):
    assert medmnist.main([str(tmp_path), "--out", str(tmp_path / "out")]) != 0
    assert capsys.readouterr().err.startswith("error: ")


def _drawn_pneumonia(n, rng):
    "Films of 28 px, of which the ill are brighter below; one of four well."
    labels = (np.arange(n) % 4 > 0).astype(np.uint8)
    films = rng.integers(0, 120, (n, 28, 28), np.uint8)
    films[labels == 1, 14:] += 100
    return films, labels[:, None]


@pytest.fixture
def pneumonia_mirror(tmp_path):
    rng = np.random.default_rng(0)
    arrays = {}
    for part, n in {"train": 40, "val": 24, "test": 32}.items():
        arrays[f"{part}_images"], arrays[f"{part}_labels"] = _drawn_pneumonia(n, rng)
    folder = tmp_path / "mirror" / "http" / "medmnist"
    folder.mkdir(parents=True)
    np.savez(folder / "pneumoniamnist.npz", **arrays)
    return tmp_path / "mirror"


QUICK = ["--set", "epochs=1", "--set", "arch=cnn", "--set", "size=32", "--set", "bs=8"]


def test_pneumoniamnist_alone_and_together(
    medmnist, pneumonia_mirror, tmp_path, monkeypatch, capsys
):
    "Two kinds of network, as cxr predict A,B asks them; each seed's, and all."
    beside = dict(arch="resnet18", size=32, epochs=1, bs=8, weights="none")
    quick = dict(arch="cnn", size=32, epochs=1, bs=8, weights="none")
    companions = {"one": beside, "two": quick}
    monkeypatch.setitem(medmnist.COMPANIONS, "pneumoniamnist", companions)
    asked = [str(pneumonia_mirror), "--out", str(tmp_path / "out"), "--seeds", "4", "--json"]
    own = ["--set", "weights=none", "--set", "layers=0", "--set", "unfreeze=progressive"]
    assert medmnist.main([*asked, *QUICK, *own]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["n"] == 32 and len(found["networks"]) == 3
    for scored in [*found["networks"], *found["together"], found["ensemble"]]:
        decided = scored["decided"]
        right = decided["sensitivity"] * 24 + decided["specificity"] * 8
        assert decided["accuracy"] == pytest.approx(right / 32)
        assert scored["auc_interval"] and scored["acc_interval"]
    assert set(found["mean"]) == {"cnn", "resnet18", "together"}
    of_cnn = [own["auc"] for own in found["networks"] if own["kind"] == "cnn"]
    assert found["mean"]["cnn"]["auc"] == pytest.approx(np.mean(of_cnn))
    assert found["mean"]["together"]["auc"] == found["ensemble"]["auc"], "of one seed"
    assert found["published"]["Google AutoML Vision"] == [0.991, 0.946]


def test_a_held_out_folder_is_scored_without_the_published_table(
    medmnist, pneumonia_mirror, tmp_path, capsys
):
    folder = tmp_path / "data"
    curate(folder, "pneumoniamnist", mirror=pneumonia_mirror)
    asked = ["--folder", str(folder), "--out", str(tmp_path / "out"), "--seeds", "0", "--alone"]
    assert medmnist.main([*asked, *QUICK, "--set", "weights=none"]) == 0
    told = capsys.readouterr().out
    assert "| mean of seeds, cnn |" in told and "published" not in told


def test_neither_mirror_nor_folder_is_refused_in_a_line(medmnist, tmp_path, capsys):
    assert medmnist.main(["--out", str(tmp_path)]) == UsageError.exit_code
    assert "--folder" in capsys.readouterr().err


@pytest.fixture
def chest_mirror(tmp_path):
    "A drawn chestmnist.npz: a finding is a bright row of its own."
    rng = np.random.default_rng(0)
    arrays = {}
    for part, n in {"train": 24, "val": 16, "test": 20}.items():
        labels = np.zeros((n, 14), int)
        labels[np.arange(n), np.arange(n) % 14] = 1
        labels[: n // 4] = 0
        labels[0, :] = 1  # each finding has an image in each array, and all but this lack some
        films = rng.integers(0, 90, (n, 28, 28), np.uint8)
        for i, j in zip(*labels.nonzero()):
            films[i, 2 * j] = 250
        arrays[f"{part}_images"], arrays[f"{part}_labels"] = films, labels
    folder = tmp_path / "mirror" / "http" / "medmnist"
    folder.mkdir(parents=True)
    np.savez(folder / "chestmnist.npz", **arrays)
    return tmp_path / "mirror", arrays


def test_official_arrays_of_chestmnist_are_kept_whole(medmnist, chest_mirror, tmp_path):
    from chestmnist import FINDINGS

    mirror, arrays = chest_mirror
    data = medmnist.chest_folder(mirror, tmp_path / "data")
    for part, split in {"train": "train", "val": "valid", "test": "test"}.items():
        rows = [row for row in data.rows if row.split == split]
        films, labels = arrays[f"{part}_images"], arrays[f"{part}_labels"]
        assert len(rows) == len(films)
        for row, pixels, present in zip(rows, films, labels):
            assert np.array_equal(decode(data.root / row.path), pixels)
            own = {name for name, is_present in zip(FINDINGS, present) if is_present}
            assert set(row.label.split("|")) == (own or {"none"})
    assert medmnist.chest_folder(mirror, tmp_path / "data").sha256 == data.sha256


def test_chestmnist_is_trained_and_scored(medmnist, chest_mirror, tmp_path, capsys):
    mirror, arrays = chest_mirror
    out = tmp_path / "out"
    asked = [str(mirror), "--out", str(out), "--data", "chestmnist", "--seeds", "0", "--json"]
    assert medmnist.main([*asked, *QUICK]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["n"] == 20 and found["data"] == "chestmnist"
    assert 0 <= found["mean"]["cnn"]["auc"] <= 1
    assert found["mean"]["cnn"]["auc"] == found["ensemble"]["auc"], "of one network"
    assert found["published"]["Google AutoML Vision"] == [0.778, 0.948]
