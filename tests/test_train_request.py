"""pytest tests/test_train_request.py"""

import subprocess
import sys
from dataclasses import replace

import pytest
import toy

from cxr_fastai import train_request
from cxr_fastai.core import UsageError
from cxr_fastai.manifest import read_manifest
from cxr_fastai.train_request import check_request
from cxr_fastai.train_settings import TRACKERS, Train


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    return read_manifest(toy.curated(tmp_path_factory.mktemp("data")))


def test_what_can_be_trained_passes_with_its_settings(manifest):
    settings = check_request(manifest, own={"epochs": 3, "lr": None}, beside=["cnn"])
    assert settings.epochs == 3 and settings.lr == manifest.recipe.train.lr


@pytest.mark.parametrize(
    "asked, says",
    [
        (dict(own={"arch": "resnet35"}), "unknown architecture 'resnet35'"),
        (dict(beside=["cnnn"]), "unknown architecture 'cnnn'"),
        (dict(recipe="sixclass"), "six_class"),
        (dict(own={"bs": 1}), "bs = 1"),
        (dict(own={"epoch": 1}), "Did you mean 'epochs'"),
        (dict(own={"weights": "no/such.pth"}), "no weights file 'no/such.pth'"),
        (dict(seed=-1), "seed = -1"),
        (dict(track=["mlflo"]), "Did you mean 'mlflow'"),
    ],
)
def test_what_cannot_be_is_told_in_a_line(manifest, asked, says):
    with pytest.raises(UsageError) as e:
        check_request(manifest, **asked)
    assert says in str(e.value)


def test_a_tracker_that_is_not_installed_is_told(manifest, monkeypatch):
    monkeypatch.setattr(train_request, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match="mlflow is not installed.*pip install"):
        check_request(manifest, track=["mlflow"])


def test_a_class_without_an_image_is_told(tmp_path):
    folder = toy.curated(tmp_path, {"normal": (5, 2, 0), "tuberculosis": (4, 2, 0)})
    with pytest.raises(UsageError, match="no train image of covid_19"):
        check_request(read_manifest(folder))


def test_the_trackers_are_those_that_training_has():
    from cxr_fastai.training.trackers import TRACKERS as OPENED

    assert tuple(OPENED) == TRACKERS


def test_torch_is_not_loaded(manifest):
    code = (
        "import sys; from cxr_fastai.train_request import check_request;"
        "from cxr_fastai.manifest import read_manifest;"
        f"check_request(read_manifest({str(manifest.root)!r}), own={{'arch': 'resnet18'}});"
        "print([name for name in ('torch', 'fastai', 'pandas', 'timm') if name in sys.modules])"
    )
    got = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert got.stdout.strip() == "[]"


def test_a_network_from_scratch_keeps_nothing_that_speaks_of_pretrained_ones():
    recipe = Train(layers=8, unfreeze="never", stages="cached", epochs=12)
    asked = train_request.with_own(recipe, {"weights": "none", "size": 32})
    assert (asked.layers, asked.unfreeze, asked.stages) == (0, "progressive", "auto")
    assert (asked.epochs, asked.size) == (12, 32)
    assert train_request.with_own(recipe, {"size": 32}) == replace(recipe, size=32)
    given = train_request.with_own(recipe, {"weights": "none", "layers": 8})
    assert given.layers == 8  # and check_train refuses it


def test_another_architecture_is_not_cut_where_the_recipe_cuts_its_own():
    recipe = Train(arch="tf_efficientnet_lite0", layers=8)
    assert train_request.with_own(recipe, {"arch": "resnet34"}).layers == 0
    assert train_request.with_own(recipe, {"arch": "resnet34", "layers": 7}).layers == 7
    assert train_request.with_own(recipe, {"arch": "tf_efficientnet_lite0"}).layers == 8
    assert train_request.with_own(recipe, {"epochs": 2}).layers == 8
