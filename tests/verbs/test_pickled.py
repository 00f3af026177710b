"""cxr predict learner.pkl: behind a flag, said before it is done, and read as a bundle reads.

python -m pytest tests/verbs/test_pickled.py
"""

import hashlib
import json
import pickle
from pathlib import Path

import numpy as np
import pytest
import toy
from PIL import Image
from toy_bundles import picture, png

from cxr_fastai import cli


class Bomb:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


@pytest.fixture
def here(tmp_path, monkeypatch):
    "A film and a pickle that writes a file when it is loaded."
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.png").write_bytes(png(picture()))
    (tmp_path / "learner.pkl").write_bytes(pickle.dumps(Bomb(tmp_path / "ran")))
    return tmp_path


def test_without_the_flag_a_pickle_is_refused_and_never_run(here, capsys):
    assert cli.main(["predict", "learner.pkl", "a.png"]) == 2
    told = capsys.readouterr().err
    assert "learner.pkl is a pickle: loading it runs whatever code it holds" in told
    assert "--trust-pickle" in told and told.count("\n") == 1
    assert not (here / "ran").exists()


def test_trust_is_not_asked_of_a_bundle(here, capsys):
    assert cli.main(["predict", "bundle", "a.png", "--trust-pickle"]) == 2
    told = capsys.readouterr().err
    assert "--trust-pickle is for a learner.pkl" in told and told.count("\n") == 1


BEYOND = [
    ["--worklist"],
    ["--out", "page"],
    ["--explain", "heat"],
    ["--tta"],
    ["--right"],
    ["--runtime", "onnx"],
    ["--coverage", "0.9"],
]


@pytest.mark.parametrize("flags", BEYOND, ids=" ".join)
def test_what_a_learner_cannot_answer_is_refused_before_it_is_loaded(here, capsys, flags):
    assert cli.main(["predict", "learner.pkl", "a.png", "--trust-pickle", *flags]) == 2
    assert f"{flags[0]} needs a bundle" in capsys.readouterr().err
    assert not (here / "ran").exists()


def test_it_answers_alone(here, capsys):
    assert cli.main(["predict", "learner.pkl,bundle", "a.png", "--trust-pickle"]) == 2
    assert "answers alone" in capsys.readouterr().err


def test_what_is_no_learner_is_refused_after_its_hash_was_said(here, capsys):
    (here / "learner.pkl").write_bytes(pickle.dumps({"no": "Learner"}))
    digest = hashlib.sha256((here / "learner.pkl").read_bytes()).hexdigest()
    assert cli.main(["predict", "learner.pkl", "a.png", "--trust-pickle"]) == 4
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == f"unpickling learner.pkl, SHA-256 {digest}"
    assert "is no Learner that can be loaded here" in lines[1] and len(lines) == 2


@pytest.mark.parametrize("data", [b"", b"noise", b"\x80\x04cno_such_module\nthing\n."])
def test_a_damaged_pickle_is_one_line(here, capsys, data):
    (here / "learner.pkl").write_bytes(data)
    assert cli.main(["predict", "learner.pkl", "a.png", "--trust-pickle"]) == 4
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2 and "is no Learner that can be loaded here" in lines[1]


def test_a_pickle_that_is_not_there_is_named(here, capsys):
    assert cli.main(["predict", "gone.pkl", "a.png", "--trust-pickle"]) == 2
    assert "no such file: gone.pkl" in capsys.readouterr().err


# ---- of a training


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    "A folder of drawn films and a network that was trained on it for one epoch."
    from cxr_fastai.bundle import load_bundle
    from cxr_fastai.training.run import train

    folder = toy.curated(tmp_path_factory.mktemp("folder"))
    out = tmp_path_factory.mktemp("run") / "run"
    with pytest.MonkeyPatch.context() as m:
        m.setenv("CXR_CACHE", str(out.parent / "cache"))
        train(folder, out, arch="cnn", size=32, epochs=1, weights="none", seed=1, quiet=True)
    return load_bundle(out, "cpu"), out / "bundle" / "learner.pkl"


def test_it_gives_the_bundles_probabilities_and_says_what_was_not_asked(run, here, capsys):
    bundle, file = run
    (here / "b.png").write_bytes(b"no picture")
    asked = ["predict", str(file), "a.png", "b.png", "--trust-pickle", "--json"]
    assert cli.main(asked) == 0
    shown = capsys.readouterr()
    first, second = json.loads(shown.out)
    wanted = bundle.predict(here / "a.png", gate=False)
    assert first["probs"] == pytest.approx(wanted.probs, abs=1e-4)
    assert first["label"] == wanted.label and "no gate was asked" in first["decision"]
    assert "b.png" in second["error"] and second["label"] is None
    assert hashlib.sha256(Path(file).read_bytes()).hexdigest() in shown.err


def test_a_learner_of_plain_fastai_is_refused_as_nobody_knows_how_it_reads(here, capsys):
    from fastai.vision.all import ImageDataLoaders, Resize, resnet18, vision_learner

    for label in ("one", "two"):
        for i in range(4):
            file = here / "plain" / label / f"{i}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.full((32, 32), 60 * i, np.uint8)).save(file)
    loaders = ImageDataLoaders.from_folder(
        here / "plain", valid_pct=0.5, bs=2, item_tfms=Resize(32), num_workers=0
    )
    vision_learner(loaders, resnet18, pretrained=False).export(here / "learner.pkl")
    assert cli.main(["predict", "learner.pkl", "a.png", "--trust-pickle"]) == 2
    assert "nobody knows how it reads a radiograph" in capsys.readouterr().err
