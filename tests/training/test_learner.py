"""pytest tests/training/test_learner.py"""

import math

import numpy as np
import pytest
import torch
from fastai.data.core import DataLoaders
from fastai.data.load import DataLoader
from fastai.learner import load_learner
from fastai.vision.augment import Resize
from fastai.vision.core import PILImageBW
from fastai.vision.data import ImageDataLoaders
from sklearn.metrics import average_precision_score, roc_auc_score
from torch import nn

from cxr_fastai.core import Task, UsageError
from cxr_fastai.recipes import Train
from cxr_fastai.training.data import build_dataloaders
from cxr_fastai.training.fit import fit
from cxr_fastai.training.learner import (
    balanced_accuracy,
    build_learner,
    mean_over_findings,
    start_network,
    starting_weights,
)
from cxr_fastai.training.losses import BinaryCrossEntropy, CrossEntropy


@pytest.fixture
def dls(folder):
    return build_dataloaders(folder, size=32, bs=8, device="cpu")


def frozen(group) -> bool:
    return not any(p.requires_grad for p in group)


def norms(net) -> set:
    return {
        id(p)
        for m in net.modules()
        if isinstance(m, (nn.BatchNorm1d, nn.BatchNorm2d))
        for p in m.parameters()
    }


def test_the_learner_trains_the_bundles_network_on_one_channel(dls):
    learn = build_learner(dls, arch="resnet18", weights="none")
    assert learn.model[0][0].in_channels == 1 and learn.model[1][-1].out_features == 3
    assert [m.name for m in learn.metrics] == ["accuracy", "balanced_accuracy", "log_loss"]
    assert learn.wd == 1e-2


@pytest.mark.parametrize(
    "freeze_to, expected",
    [(-1, [True, True, False]), (-2, [True, False, False]), (0, [False, False, False])],
)
def test_freezing_stops_whole_groups_from_learning_but_for_their_batch_norms(
    dls, freeze_to, expected
):
    learn = build_learner(dls, arch="resnet18", weights="none")
    learn.freeze_to(freeze_to)
    keep = norms(learn.model)
    groups = [[p for p in g if id(p) not in keep] for g in learn.splitter(learn.model)]
    assert [frozen(g) for g in groups] == expected


def test_the_seed_makes_the_weights(dls):
    states = [
        build_learner(dls, arch="resnet18", weights="none", seed=s).model.state_dict()
        for s in (3, 3, 4)
    ]
    assert all(torch.equal(states[0][k], v) for k, v in states[1].items())
    assert not torch.equal(states[0]["0.0.weight"], states[2]["0.0.weight"])


def test_weights_of_a_file_are_loaded_and_told_without_its_folder(tmp_path):
    torch.save(start_network("resnet18", 2, "none", 1).net.state_dict(), tmp_path / "old.pth")
    started = start_network("resnet18", 3, str(tmp_path / "old.pth"), 2)
    old = torch.load(tmp_path / "old.pth", weights_only=True)
    assert torch.equal(started.net[0][0].weight, old["0.0.weight"]) and started.pretrained
    assert started.loaded.startswith("old.pth: ") and started.arch == "resnet18"


def test_an_unknown_architecture_is_refused(dls):
    with pytest.raises(UsageError, match="'resnet35'.*resnet34"):
        build_learner(dls, arch="resnet35", weights="none")


def test_balanced_accuracy_is_the_mean_recall_of_the_classes_that_are_there():
    targs, preds = torch.tensor([0, 0, 0, 0, 2, 2]), torch.tensor([0, 0, 0, 1, 1, 2])
    assert balanced_accuracy(preds, targs) == pytest.approx((3 / 4 + 1 / 2) / 2)


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


# ---- ordinary fastai DataLoaders


def from_folder(folder, **kwargs):
    "The toy folder's classes as fastai itself reads them."
    return ImageDataLoaders.from_folder(
        folder,
        valid_pct=0.3,
        seed=1,
        item_tfms=Resize(32),
        img_cls=PILImageBW,
        bs=8,
        num_workers=0,
        device="cpu",
        **kwargs,
    )


def test_fastais_loaders_of_a_folder_are_fitted_exported_and_loaded(folder, tmp_path):
    dls = from_folder(folder)
    learn = build_learner(dls, "cnn", "none")
    assert type(learn.loss_func) is CrossEntropy and learn.loss_func.weights is None
    assert learn.model[1][-1].out_features == len(dls.vocab) == 3
    fitted = fit(learn, Train(size=32, bs=8, epochs=1), tmp_path / "run", quiet=True)
    assert len(fitted.history) == 1 and fitted.best["valid_loss"] > 0
    learn.export(tmp_path / "learner.pkl")
    again = load_learner(tmp_path / "learner.pkl")
    path = next(folder.glob("normal/*.png"))
    with learn.no_bar(), again.no_bar():
        label, _, probs = again.predict(path)
        assert torch.allclose(probs, learn.predict(path)[2], atol=1e-6)
    assert label in dls.vocab and probs.sum().item() == pytest.approx(1)


def by_hand(targs) -> DataLoaders:
    "Loaders made from tensors, without a vocab or a device."
    x = torch.rand(len(targs), 1, 32, 32)
    items = list(zip(x, targs))
    return DataLoaders(DataLoader(items, bs=4, shuffle=True), DataLoader(items, bs=4))


def test_loaders_made_by_hand_are_fitted_once_their_classes_are_named(tmp_path):
    dls = by_hand(torch.tensor([0, 1, 1, 0, 1, 0, 0, 1]))
    with pytest.raises(UsageError, match=r"no vocab.*vocab=\[..\]"):
        build_learner(dls, "cnn", "none")
    learn = build_learner(dls, "cnn", "none", vocab=["normal", "pneumonia"])
    fitted = fit(learn, Train(size=32, bs=4, epochs=1), tmp_path / "run", quiet=True)
    assert fitted.history[0]["train_loss"] > 0
    assert learn.model[1][-1].out_features == 2


def test_loaders_of_findings_are_told_by_their_task(tmp_path):
    dls = by_hand(torch.tensor([[0.0, 1], [1, 0], [1, 1], [0, 0], [1, math.nan], [0, 1]]))
    learn = build_learner(dls, "cnn", "none", vocab=["effusion", "mass"], task=Task.MULTI_LABEL)
    assert type(learn.loss_func) is BinaryCrossEntropy
    assert [m.name for m in learn.metrics] == ["macro_auroc", "macro_ap", "log_loss"]
    fitted = fit(learn, Train(size=32, bs=4, epochs=1), tmp_path / "run", quiet=True)
    assert 0 <= fitted.best["macro_auroc"] <= 1


def test_other_loaders_cannot_follow_a_plan_of_sides(folder, tmp_path):
    learn = build_learner(from_folder(folder), "cnn", "none")
    settings = Train(size=32, bs=8, epochs=2, resize=[24])
    with pytest.raises(UsageError, match=r"resize = \[24\] needs the loaders of build_dataloaders"):
        fit(learn, settings, tmp_path / "run", quiet=True)
    assert not (tmp_path / "run").exists()


def test_nothing_is_glued_onto_loaders_or_network(dls):
    before = set(vars(dls))
    learn = build_learner(dls, arch="resnet18", weights="none")
    assert set(vars(dls)) == before and not {"arch", "started", "pretrained"} & set(
        vars(learn.model)
    )
    assert (
        starting_weights(learn).loaded.startswith("none") and not starting_weights(learn).pretrained
    )
