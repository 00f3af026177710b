"""One bundle for all tests of the room, and a folder of pictures."""

import numpy as np
import pytest
import torch
from PIL import Image
from toy_rows import META, VOCAB

from cxr_fastai.bundle import load_bundle, save_bundle
from cxr_fastai.models.networks import build_network


@pytest.fixture(scope="package")
def made(tmp_path_factory):
    torch.manual_seed(0)
    return save_bundle(
        tmp_path_factory.mktemp("run") / "bundle",
        build_network("resnet18", len(VOCAB)),
        META,
    )


@pytest.fixture(scope="package")
def bundle(made):
    return load_bundle(made, "cpu")


@pytest.fixture
def folder(tmp_path):
    "Two pictures, one of them deep down, one file that only looks like one, one that does not."
    root = tmp_path / "images"
    for name, seed in (("b.png", 1), ("sub/deep/a.PNG", 2)):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(seed).integers(0, 255, (40, 30), np.uint8)
        with open(root / name, "wb") as f:
            Image.fromarray(pixels).save(f, "PNG")
    (root / "sub" / "broken.png").write_bytes(b"<html>sign in</html>")
    (root / "notes.txt").write_text("no picture")
    return root
