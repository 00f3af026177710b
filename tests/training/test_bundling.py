"""pytest tests/training/test_bundling.py

A Learner of plain fastai becomes a bundle where all of it is known, and is refused where not.
"""

import json

import matplotlib.pyplot as plt
import pytest
import torch
import toy
from fastai.callback.tensorboard import TensorBoardCallback
from fastai.data.core import DataLoaders
from fastai.vision.learner import vision_learner
from torchvision.models import resnet18

from cxr_fastai.bundle.store import load_bundle
from cxr_fastai.core import UsageError
from cxr_fastai.training.bundling import export
from cxr_fastai.training.data import build_dataloaders
from cxr_fastai.training.learner import build_learner


@pytest.fixture(scope="module", autouse=True)
def module_cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as m:
        m.setenv("CXR_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
        yield


def loaders(folder, **how) -> DataLoaders:
    return build_dataloaders(folder, size=32, bs=8, device="cpu", **how)


def trained(learn, **how):
    with learn.no_bar(), learn.no_logging():
        learn.fit_one_cycle(1, 1e-3, **how)
    return learn


@pytest.fixture(scope="module", params=[1, 3])
def plain(folder, request):
    "vision_learner over our loaders, of gray images and of the same three times."
    dls = loaders(folder, channels=request.param)
    return trained(vision_learner(dls, resnet18, n_in=request.param, pretrained=False))


def test_a_plain_learner_becomes_a_bundle_that_answers_alike(plain, folder, tmp_path):
    bundle = load_bundle(export(plain, tmp_path / "bundle", folder))
    paths = [path for path, _ in plain.dls.valid_ds.items]
    with torch.inference_mode():
        x = torch.Tensor(plain.dls.valid.one_batch()[0])
        logits = plain.model.eval()(x) / bundle.meta["temperature"]
    assert torch.tensor(bundle.probs(paths)).allclose(logits.softmax(1), atol=1e-4)
    assert (bundle.meta["arch"], bundle.meta["trained"]["epochs"]) == ("resnet18", 1)
    kept = bundle.meta["conformal"]["scores"]["class"]
    assert {name: own["groups"] for name, own in kept.items()} == {
        name: counts[1] for name, counts in toy.COUNTS.items()
    }
    assert bundle.meta["in_channels"] == x.shape[1] and bundle.vocab == list(toy.CLASSES)
    rows = [vars(row) for row in bundle_rows(folder)]
    assert [not seen for seen in bundle.saw(rows)] == [r["split"] == "test" for r in rows]


def bundle_rows(folder):
    from cxr_fastai.manifest import read_manifest

    return read_manifest(folder).rows


@pytest.fixture(scope="module")
def learn(folder):
    return trained(build_learner(loaders(folder), "cnn", "none"))


def test_warnings_stand_in_the_bundle_of_what_learned_nothing(learn, folder, tmp_path):
    torch.nn.init.zeros_(learn.model[1][-1].weight)
    meta = json.loads((export(learn, tmp_path / "b", folder) / "bundle.json").read_text())
    assert "at_chance" in [warning["kind"] for warning in meta["warnings"]]
    low, high = meta["metrics"]["valid_intervals"]["balanced_accuracy"]
    assert low <= 1 / 3 <= high


def test_without_a_folder_the_learner_is_pickled_as_before(learn, tmp_path):
    assert export(learn, tmp_path) == tmp_path / "learner.pkl"


def test_another_head_is_refused(folder, tmp_path):
    learn = trained(
        vision_learner(loaders(folder), resnet18, n_in=1, pretrained=False, lin_ftrs=[64])
    )
    with pytest.raises(UsageError, match="is not resnet18 with fastai's own head"):
        export(learn, tmp_path / "b", folder)
    assert not (tmp_path / "b").exists()


def test_a_network_that_has_the_layers_and_answers_otherwise_is_refused(learn, folder, tmp_path):
    torch.nn.init.normal_(learn.model[1][-1].weight)
    for layer in learn.model[0].modules():
        if isinstance(layer, torch.nn.MaxPool2d):
            layer.stride = 1
    with pytest.raises(UsageError, match="is not cnn"):
        export(learn, tmp_path / "b", folder)


@pytest.mark.parametrize(
    "arch, says", [("resnet34", "is not resnet34"), ("mine", "'mine', which this library cannot")]
)
def test_a_wrong_name_of_the_body_is_refused(plain, folder, tmp_path, arch, says):
    with pytest.raises(UsageError, match=says):
        export(plain, tmp_path / "b", folder, arch=arch)


def test_what_does_not_tell_its_body_is_asked_for_it(folder, tmp_path):
    learn = build_learner(loaders(folder), "cnn", "none")
    learn.splitter = None
    with pytest.raises(UsageError, match="name it"):
        export(learn, tmp_path / "b", folder)


def test_an_untrained_learner_is_refused(folder, tmp_path):
    with pytest.raises(UsageError, match="was not trained"):
        export(build_learner(loaders(folder), "cnn", "none"), tmp_path / "b", folder)


def test_another_folder_than_the_loaders_is_refused(plain, tmp_path):
    other = toy.curated(tmp_path / "other", {**toy.COUNTS, "normal": (3, 1, 0)})
    with pytest.raises(UsageError, match="are not those of"):
        export(plain, tmp_path / "b", other)


# ---- fastai's own habits


def test_show_results_draws_one_figure(folder, monkeypatch):
    plt.close("all")
    learn = build_learner(loaders(folder), "cnn", "none")
    with learn.no_bar():
        learn.show_results()
    assert len(plt.get_fignums()) == 1
    plt.close("all")


def test_fastais_tensorboard_callback_records_our_learner(folder, tmp_path):
    learn = build_learner(loaders(folder), "cnn", "none")
    callback = TensorBoardCallback(log_dir=tmp_path, trace_model=False, log_preds=True)
    trained(learn, cbs=callback)
    assert list(tmp_path.glob("events.out.tfevents.*"))
