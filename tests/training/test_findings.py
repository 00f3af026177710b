"""pytest tests/training/test_findings.py: findings that do not exclude each other, from a folder to answers"""

import json
import math

import numpy as np
import pytest
import torch
import toy
from fastai.learner import load_learner
from sklearn.metrics import average_precision_score, roc_auc_score

from cxr_fastai.bundle.store import load_bundle
from cxr_fastai.core import UsageError
from cxr_fastai.manifest import read_manifest
from cxr_fastai.training.data import build_dataloaders, check_classes
from cxr_fastai.training.learner import mean_over_findings
from cxr_fastai.training.run import train


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("CXR_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return toy.curated_findings(tmp_path_factory.mktemp("findings"))


@pytest.fixture(scope="module")
def bundle(folder, tmp_path_factory):
    how = dict(arch="cnn", epochs=16, lr=3e-3, augment="none", loss="weighted_bce")
    return load_bundle(train(folder, tmp_path_factory.mktemp("runs") / "run", quiet=True, **how))


# ---- batches


def test_a_batch_has_1_0_and_nan_a_class(folder):
    dls = build_dataloaders(folder, size=32, bs=8, sampling="none", device="cpu")
    manifest = read_manifest(folder)
    x, y = dls.valid.one_batch()
    expected = [manifest.recipe.targets(r.label) for r in manifest.rows if r.split == "valid"][:8]
    np.testing.assert_array_equal(y.numpy(), np.array(expected, np.float32))
    assert np.isnan(expected).any() and x.shape == (8, 1, 32, 32)


def test_a_batch_of_findings_can_be_shown(folder):
    dls = build_dataloaders(folder, size=32, bs=8, sampling="none", device="cpu")
    dls.show_batch(max_n=4)
    item = dls.valid_ds[0]
    assert list(dls.valid_ds.decode(item)[1]) == [c for c, t in zip(dls.vocab, item[1]) if t == 1]


@pytest.mark.parametrize("sampling", ["oversample", "undersample"])
def test_each_finding_and_none_has_its_turn_as_often(folder, sampling):
    dls = build_dataloaders(folder, size=32, bs=64, sampling=sampling, device="cpu")
    groups = {
        c: {i for i, (_, label) in enumerate(dls.train_ds.items) if c in label.split("|")}
        for c in [*dls.vocab, "none"]
    }
    draws = dls.train.draws
    assert sorted(map(sorted, draws.groups)) == sorted(map(sorted, groups.values()))
    assert draws.n == (31 if sampling == "oversample" else 4 * min(map(len, groups.values())))
    often = draws.often.numpy()
    assert often.sum() == pytest.approx(1) and often[list(groups["hernia"])].sum() > 1 / 4


def test_a_finding_without_a_train_image_is_told(folder, tmp_path):
    toy.curated_findings(tmp_path, {**toy.FINDINGS_COUNTS, "mass|hernia|?effusion": (0, 2, 2)})
    with pytest.raises(
        UsageError, match="no train image of hernia .train: effusion 10, mass 10, hernia 0."
    ):
        check_classes(read_manifest(tmp_path))
    assert check_classes(read_manifest(tmp_path), True) == [
        "no train image of hernia: the model will never answer it"
    ]


# ---- metrics


def test_means_over_findings_pass_over_what_is_unknown_and_findings_of_one_side():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(40, 3)), (rng.random((40, 3)) < 0.4).astype(float)
    y[rng.random((40, 3)) < 0.2] = np.nan
    y[:, 2] = 0
    for score in (roc_auc_score, average_precision_score):
        known = [~np.isnan(y[:, c]) for c in (0, 1)]
        expected = np.mean([score(y[k, c], x[k, c]) for c, k in enumerate(known)])
        assert mean_over_findings(score, torch.tensor(x), torch.tensor(y)) == pytest.approx(
            expected
        )
    assert math.isnan(
        mean_over_findings(roc_auc_score, torch.tensor(x[:, 2:]), torch.tensor(y[:, 2:]))
    )


# ---- the whole way


def test_the_network_learns_findings_of_which_some_are_unknown(bundle):
    rows = (bundle.path.parent / "history.csv").read_text().splitlines()
    assert rows[0] == "stage,epoch,train_loss,valid_loss,macro_auroc,macro_ap,lr_max,seconds"
    facts = json.loads((bundle.path / "bundle.json").read_text())
    assert facts["task"] == "multi_label" and facts["metrics"]["valid"]["macro_auroc"] > 0.9
    assert set(facts["thresholds"]) == set(bundle.vocab) == set(facts["offsets"])
    assert (bundle.path.parent / "history.png").is_file()


def test_thresholds_of_validation_answer(bundle, folder):
    rows = [r for r in read_manifest(folder).rows if r.split == "valid"]
    probs = bundle.probs([folder / r.path for r in rows])
    for row, p in zip(rows, probs):
        answer = bundle.decide(p)
        found = [c for c in bundle.vocab if answer.probs[c] >= bundle.meta["thresholds"][c]]
        assert (
            answer.label == ("|".join(found) or "none")
            and not answer.abstained
            and answer.reason == ""
        )
    assert "none" in {bundle.decide(p).label for p in probs}


def test_the_exported_learner_finds_what_the_bundle_finds(bundle, folder):
    path = next(
        folder / r.path
        for r in read_manifest(folder).rows
        if r.split == "test" and r.label == "effusion|mass"
    )
    learn, answer = load_learner(bundle.path / "learner.pkl"), bundle.predict(path)
    with learn.no_bar():
        said, _, probs = learn.predict(path)
    assert list(said) == [c for c in answer.label.split("|") if c != "none"]
    assert probs.tolist() == pytest.approx([*answer.probs.values()], abs=1e-5)
