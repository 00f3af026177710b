"""One network and its bundle for all tests of the room."""

import os
import shutil
from pathlib import Path

import pytest
import torch
from toy_bundles import META, VOCAB

from cxr_fastai.bundle import export_onnx, load_bundle, save_bundle
from cxr_fastai.models.networks import build_network


@pytest.fixture(scope="package")
def net():
    "A network whose answers differ between pictures without saturating."
    torch.manual_seed(0)
    net = build_network("resnet18", len(VOCAB))
    with torch.no_grad():
        net[1][-1].weight.mul_(0.2)
    return net


@pytest.fixture(scope="package")
def made(net, tmp_path_factory):
    return save_bundle(tmp_path_factory.mktemp("run") / "bundle", net, META)


@pytest.fixture(scope="package")
def loaded(made):
    return load_bundle(made, device="cpu")


@pytest.fixture
def copied(made, tmp_path):
    "A bundle to spoil. Its files are links: `put` replaces one, as writing into it would change the original."
    return Path(shutil.copytree(made, tmp_path / "copy", copy_function=os.link))


@pytest.fixture(scope="package")
def exported(tmp_path_factory):
    "A bundle with model.onnx in it, whose calibration is not the usual one."
    torch.manual_seed(2)
    net = build_network("cnn", len(VOCAB))
    with torch.no_grad():
        net[1][-1].weight.mul_(20)  # else all pictures have nearly the same answer
    meta = {**META, "arch": "cnn", "temperature": 1.7, "offsets": {"normal": -0.5}}
    folder = save_bundle(tmp_path_factory.mktemp("exported") / "bundle", net, meta)
    export_onnx(load_bundle(folder, "cpu"))
    return folder


@pytest.fixture
def exported_copy(exported, tmp_path):
    "The same, to spoil: see `copied`."
    return Path(shutil.copytree(exported, tmp_path / "onnx", copy_function=os.link))
