"""Bundles for all tests of the room: one that answers anything, one whose gate fits its films."""

import pytest
import torch
from toy_rows import META, VOCAB

from cxr_fastai.bundle import load_bundle, save_bundle
from cxr_fastai.models.networks import build_network


@pytest.fixture(scope="session")
def toy_bundle(tmp_path_factory):
    "A folder: a small network of two classes, of 32 x 32 pixels, without a gate."
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("app") / "bundle"
    return save_bundle(folder, build_network("cnn", len(VOCAB)), {**META, "arch": "cnn"})


@pytest.fixture(scope="session")
def toy_model(toy_bundle):
    "The same, loaded."
    return load_bundle(toy_bundle)
