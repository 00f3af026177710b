"""pytest tests/training/test_learner.py"""

import pytest
import torch
import toy
from torch import nn

from cxr_fastai.core import UsageError
from cxr_fastai.training.data import build_dataloaders
from cxr_fastai.training.learner import balanced_accuracy, build_learner, start_network


@pytest.fixture
def dls(tmp_path, monkeypatch):
    monkeypatch.setenv("CXR_CACHE", str(tmp_path / "cache"))
    return build_dataloaders(toy.curated(tmp_path / "data"), size=32, bs=8, device="cpu")


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
    torch.save(start_network("resnet18", 2, "none", 1).state_dict(), tmp_path / "old.pth")
    net = start_network("resnet18", 3, str(tmp_path / "old.pth"), 2)
    old = torch.load(tmp_path / "old.pth", weights_only=True)
    assert torch.equal(net[0][0].weight, old["0.0.weight"]) and net.pretrained
    assert net.started.startswith("old.pth: ")


def test_an_unknown_architecture_is_refused(dls):
    with pytest.raises(UsageError, match="'resnet35'.*resnet34"):
        build_learner(dls, arch="resnet35", weights="none")


def test_balanced_accuracy_is_the_mean_recall_of_the_classes_that_are_there():
    targs, preds = torch.tensor([0, 0, 0, 0, 2, 2]), torch.tensor([0, 0, 0, 1, 1, 2])
    assert balanced_accuracy(preds, targs) == pytest.approx((3 / 4 + 1 / 2) / 2)
