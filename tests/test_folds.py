"""pytest tests/test_folds.py

Cross-validation on the toy folder: a small network a fold, trained once for all tests.
"""

import json
from dataclasses import replace

import numpy as np
import pytest
import toy

from cxr_fastai.bundle.store import load_bundle
from cxr_fastai.core import UsageError, write_text
from cxr_fastai.folds import FoldScores, train_folds
from cxr_fastai.manifest import manifest_text, read_manifest, read_rows

FOLDS = 3
HOW = dict(arch="cnn", epochs=1, size=32)


@pytest.fixture(scope="module", autouse=True)
def module_cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as m:
        m.setenv("CXR_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
        yield


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    "The toy folder with folds in turn within each class; its test images are official ones."
    folder = toy.curated(tmp_path_factory.mktemp("data"))
    manifest = read_manifest(folder)
    rows, seen = [], dict.fromkeys(toy.CLASSES, 0)
    for row in manifest.rows:
        if row.split != "test":
            row = replace(row, fold=str(seen[row.label] % FOLDS))
            seen[row.label] += 1
        rows.append(row)
    write_text(folder / "manifest.csv", manifest_text(rows, manifest.recipe))
    return folder


@pytest.fixture(scope="module")
def found(data, tmp_path_factory) -> FoldScores:
    return train_folds(data, tmp_path_factory.mktemp("runs") / "cv", resamples=50, **HOW)


def test_each_image_is_answered_once_by_the_network_that_had_not_seen_it(found, data):
    rows = read_rows(found.folder / "folds.csv")
    with_fold = {row.path: row.fold for row in read_manifest(data).rows if row.fold}
    assert {row["path"]: row["fold"] for row in rows} == with_fold
    for number in range(FOLDS):
        bundle = load_bundle(found.folder / f"fold_{number}")
        own = [row for row in rows if row["fold"] == str(number)]
        manifest_rows = {row.path: vars(row) for row in read_manifest(data).rows}
        assert not any(bundle.saw([manifest_rows[row["path"]] for row in own]))
        probs = bundle.probs([data / row["path"] for row in own])
        told = [[float(row[f"p_{name}"]) for name in bundle.vocab] for row in own]
        assert np.allclose(probs, told, atol=1e-5)
        assert [bundle.vocab[i] for i in bundle.answers(probs)] == [r["predicted"] for r in own]


def test_officially_tested_images_are_used_for_nothing(found, data):
    official = [vars(row) for row in read_manifest(data).rows if row.split == "test"]
    assert found.report.n == len(read_manifest(data).rows) - len(official)
    for number in range(FOLDS):
        assert not any(load_bundle(found.folder / f"fold_{number}").saw(official))


def test_the_numbers_are_those_of_all_predictions_together(found):
    rows = read_rows(found.folder / "folds.csv")
    told = json.loads((found.folder / "folds.json").read_text())
    accuracy = np.mean([row["label"] == row["predicted"] for row in rows])
    together = told["together"]
    assert together["metrics"]["accuracy"] == pytest.approx(accuracy)
    low, high = together["intervals"]["metrics"]["accuracy"]
    assert low <= accuracy <= high and "majority" in together["floors"]
    assert [fold["fold"] for fold in told["folds"]] == [0, 1, 2]
    by_fold = sum(fold["images"] * fold["scores"]["accuracy"] for fold in told["folds"])
    assert by_fold / len(rows) == pytest.approx(accuracy)
    assert set(together["metrics"]["per_class"]) == set(toy.CLASSES)


def test_it_prints_a_table_with_a_row_a_fold(found):
    text = str(found)
    assert "out-of-fold split" in text and "majority floor" in text
    assert "Cross-validation: 3 networks" in text
    assert [line.split()[0] for line in text.splitlines() if line[:1].isdigit()] == ["0", "1", "2"]


def test_what_is_over_is_not_trained_again(found, data):
    weights = [found.folder / f"fold_{i}/bundle/model.safetensors" for i in range(FOLDS)]
    before = [file.stat().st_mtime_ns for file in weights]
    again = train_folds(data, found.folder, resume=True, resamples=50, **HOW)
    assert [file.stat().st_mtime_ns for file in weights] == before
    assert again.report.metrics == found.report.metrics


def test_a_fold_of_other_settings_is_not_gone_on_with(found, data):
    with pytest.raises(UsageError, match=r"fold_0 is a run with epochs 1 \(given: 2\)"):
        train_folds(data, found.folder, resume=True, **{**HOW, "epochs": 2})


def test_a_folder_that_holds_something_is_refused(found, data):
    with pytest.raises(UsageError, match="is not empty"):
        train_folds(data, found.folder, **HOW)


def test_a_folder_without_folds_is_refused(tmp_path):
    with pytest.raises(UsageError, match="has no folds.*cxr curate .. --folds 5"):
        train_folds(toy.curated(tmp_path / "data"), tmp_path / "run")


def test_several_processes_are_refused(data, tmp_path, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(UsageError, match="one process"):
        train_folds(data, tmp_path / "run")


def test_scores_are_called_as_everywhere(found):
    head = next(line for line in str(found).splitlines() if line.startswith("fold "))
    assert "macro AUROC" in head and "auroc" not in head
    assert "macro auroc" in found.to_dict()["folds"][0]["scores"]
