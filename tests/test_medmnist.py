"""pytest tests/test_medmnist.py

The evaluator's rules, by hand. (They gave the same numbers as `getAUC` and `getACC` of the package
medmnist 3.0.2 on 300 draws of each task.)
"""

import json
from pathlib import Path

import numpy as np
import pytest

from cxr_fastai.core import UsageError
from cxr_fastai.images import decode


@pytest.fixture
def medmnist(monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parents[1] / "benchmarks")
    import medmnist

    return medmnist


def test_of_two_classes_the_second_ones_probability_at_a_half(medmnist):
    truth = np.array([0, 0, 1, 1])
    scores = np.array([[0.9, 0.1], [0.3, 0.7], [0.5, 0.5], [0.2, 0.8]])
    assert medmnist.auc(truth, scores) == 3 / 4
    assert medmnist.acc(truth, scores) == 2 / 4, "a half itself is no yes"


def test_of_more_classes_the_mean_of_each_against_the_rest(medmnist):
    truth = np.array([0, 1, 2, 2])
    scores = np.array([[0.6, 0.2, 0.2], [0.3, 0.4, 0.3], [0.5, 0.1, 0.4], [0.1, 0.2, 0.7]])
    assert medmnist.auc(truth, scores) == pytest.approx((1 + 1 + 1) / 3)
    assert medmnist.acc(truth, scores) == 3 / 4
    swapped = scores[:, [1, 0, 2]]
    # class 0 by 0.2 among 0.4, 0.1, 0.2: 1.5 of 3; class 1 by 0.3 among 0.6, 0.5, 0.1: 1 of 3
    assert medmnist.auc(truth, swapped) == pytest.approx((0.5 + 1 / 3 + 1) / 3)


def test_of_several_findings_the_mean_over_them(medmnist):
    truth = np.array([[1, 0], [0, 0], [1, 1], [0, 0]])
    scores = np.array([[0.6, 0.6], [0.7, 0.1], [0.9, 0.4], [0.2, 0.1]])
    # first: 0.6 and 0.9 among 0.7 and 0.2: 3 of 4; second: 0.4 among 0.6, 0.1, 0.1: 2 of 3
    assert medmnist.auc(truth, scores) == pytest.approx((3 / 4 + 2 / 3) / 2)
    assert medmnist.acc(truth, scores) == (3 / 4 + 2 / 4) / 2


def _wins(is_positive, scores):
    "The Mann-Whitney count: pairs in the right order, ties half."
    pairs = scores[is_positive][:, None] - scores[~is_positive][None]
    return ((pairs > 0) + (pairs == 0) / 2).mean()


@pytest.mark.parametrize("classes", [2, 3, 5])
def test_drawn_arrays_by_the_packages_formulas(medmnist, classes):
    "getAUC and getACC of medmnist 3.0.2, derived by hand: pairs and counts."
    rng = np.random.default_rng(classes)
    for _ in range(20):
        truth = rng.permutation(np.arange(60) % classes)
        scores = rng.dirichlet(np.ones(classes), 60).round(1)  # with ties
        if classes == 2:
            expected = _wins(truth == 1, scores[:, 1])
            right = sum((score > 0.5) == bool(y) for y, score in zip(truth, scores[:, 1]))
        else:
            expected = np.mean([_wins(truth == i, scores[:, i]) for i in range(classes)])
            right = sum(list(row).index(max(row)) == y for y, row in zip(truth, scores))
        assert medmnist.auc(truth, scores) == pytest.approx(expected)
        assert medmnist.acc(truth, scores) == pytest.approx(right / 60)


def test_drawn_findings_by_the_packages_formulas(medmnist):
    rng = np.random.default_rng(0)
    for _ in range(20):
        truth = rng.permuted(np.arange(50)[:, None] % np.array([2, 3, 7]) == 0, axis=0).astype(int)
        scores = rng.random((50, 3)).round(1)
        areas = [_wins(truth[:, i] == 1, scores[:, i]) for i in range(3)]
        right = [np.mean((scores[:, i] > 0.5) == truth[:, i]) for i in range(3)]
        assert medmnist.auc(truth, scores) == pytest.approx(np.mean(areas))
        assert medmnist.acc(truth, scores) == pytest.approx(np.mean(right))


def test_an_array_without_a_class_has_no_auc_and_says_so(medmnist):
    with pytest.raises(UsageError, match="not defined"):
        medmnist.auc(np.zeros(4, int), np.full((4, 2), 0.5))
    with pytest.raises(UsageError, match="not defined"):
        medmnist.auc(np.array([[1, 0], [1, 1]]), np.full((2, 2), 0.5))


@pytest.mark.parametrize("words", ["0,1", "a", "0,0,1", "", "-1"])
def test_seeds_that_cannot_be_are_refused_in_a_line(medmnist, tmp_path, words, capsys):
    asked = [str(tmp_path), "--out", str(tmp_path / "out"), f"--seeds={words}"]
    assert medmnist.main(asked) == UsageError.exit_code
    assert capsys.readouterr().err.startswith("error: --seeds")


def test_a_score_stands_in_its_interval(medmnist):
    truth = np.array([0] * 20 + [1] * 20)
    risk = np.r_[np.linspace(0.05, 0.6, 20), np.linspace(0.4, 0.9, 20)]
    found = medmnist.scored(truth, np.stack([1 - risk, risk], 1), [str(i) for i in range(40)])
    for key in ("auc", "acc"):
        low, high = found[f"{key}_interval"][:2]
        assert low < found[key] < high


def test_the_table_stands_beside_the_published_one(medmnist):
    own = {"auc": 0.98, "auc_interval": [0.97, 0.99], "acc": 0.93, "acc_interval": [0.9, 0.95]}
    own["decided"] = {"accuracy": 0.91, "accuracy_interval": [0.89, 0.93]}
    found = {
        "data": "pneumoniamnist",
        "split": "test",
        "n": 624,
        "networks": [{"seed": 0, **own}],
        "mean": {"auc": 0.98, "acc": 0.93, "decided_accuracy": 0.91},
        "ensemble": own,
        "published": medmnist.PUBLISHED["pneumoniamnist"],
    }
    text = medmnist.text_of(found)
    assert (
        "| seed 0 | 0.980 (0.970 to 0.990) | 93.0 % (90.0 to 95.0) | 91.0 % (89.0 to 93.0) |"
        in text
    )
    assert "| published: Google AutoML Vision | 0.991 | 94.6 % | - |" in text
    assert "28 px enlarged" in text


def test_a_mirror_without_the_array_is_refused_in_a_line(medmnist, tmp_path, capsys):
    assert medmnist.main([str(tmp_path), "--out", str(tmp_path / "out")]) != 0
    assert capsys.readouterr().err.startswith("error: ")


def _drawn_pneumonia(n, rng):
    "Films of 28 px, of which the ill are brighter below; one of four well."
    labels = (np.arange(n) % 4 > 0).astype(np.uint8)
    films = rng.integers(0, 120, (n, 28, 28), np.uint8)
    films[labels == 1, 14:] += 100
    return films, labels[:, None]


def test_pneumoniamnist_is_trained_and_scored_by_both_thresholds(medmnist, tmp_path, capsys):
    rng = np.random.default_rng(0)
    arrays = {}
    for part, n in {"train": 40, "val": 24, "test": 32}.items():
        arrays[f"{part}_images"], arrays[f"{part}_labels"] = _drawn_pneumonia(n, rng)
    folder = tmp_path / "mirror" / "http" / "medmnist"
    folder.mkdir(parents=True)
    np.savez(folder / "pneumoniamnist.npz", **arrays)
    asked = [str(tmp_path / "mirror"), "--out", str(tmp_path / "out"), "--json"]
    quick = ["--set", "epochs=1", "--set", "arch=cnn", "--set", "size=32", "--set", "bs=8"]
    assert medmnist.main([*asked, *quick]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["n"] == 32 and len(found["networks"]) == 3
    for own in [*found["networks"], found["ensemble"]]:
        right = own["decided"]["sensitivity"] * 24 + own["decided"]["specificity"] * 8
        assert own["decided"]["accuracy"] == pytest.approx(right / 32)
        assert own["auc_interval"] and own["acc_interval"]
    aucs = [own["auc"] for own in found["networks"]]
    assert found["mean"]["auc"] == pytest.approx(np.mean(aucs))
    assert found["published"]["Google AutoML Vision"] == [0.991, 0.946]


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
    quick = ["--set", "epochs=1", "--set", "arch=cnn", "--set", "size=32", "--set", "bs=8"]
    asked = [str(mirror), "--out", str(out), "--data", "chestmnist", "--seeds", "0", "--json"]
    assert medmnist.main([*asked, *quick]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["n"] == 20 and found["data"] == "chestmnist"
    assert 0 <= found["mean"]["auc"] <= 1
    assert found["mean"]["auc"] == found["ensemble"]["auc"], "of one network"
    assert found["published"]["Google AutoML Vision"] == [0.778, 0.948]
