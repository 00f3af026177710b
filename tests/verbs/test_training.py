"""`cxr train` in this process: what it hands to training. As a process: test_road.py."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import toy as toy_folder

from cxr_fastai import cli
from cxr_fastai.manifest import read_manifest
from cxr_fastai.verbs.training import _next


@pytest.fixture
def asked(tmp_path, monkeypatch):
    """What training was asked for; it trains nothing."""
    calls = []

    def train(data, out, **settings):
        calls.append(settings)
        return tmp_path / "run/bundle"

    monkeypatch.setattr("cxr_fastai.training.run.train", train)
    toy_folder.curated(tmp_path / "data")
    monkeypatch.chdir(tmp_path)
    return calls


@pytest.mark.parametrize(
    "flags,beside",
    [([], None), (["--beside", "none"], []), (["--beside", "cnn,resnet18"], ["cnn", "resnet18"])],
)
def test_only_what_was_given_is_handed_on(asked, capsys, flags, beside):
    assert cli.main(["train", "data", "--size", "64", *flags]) == 0
    (settings,) = asked
    assert settings["beside"] == beside and settings["size"] == 64
    assert "arch" not in settings and "lr" not in settings
    assert capsys.readouterr().out.strip().endswith("run/bundle")


def test_the_first_line_comes_before_training_and_the_last_names_the_next_command(
    asked, capsys, tmp_path
):
    assert cli.main(["train", "data"]) == 0
    err = capsys.readouterr().err.splitlines()
    assert err[0] == "data: 32 images of 3 classes; loading torch"
    run = tmp_path / "run"
    assert err[-1] == f"next: cxr evaluate {run} data --out {run / 'report'}"


REFUSED = {
    "no such architecture": (["--arch", "resnet35"], "unknown architecture"),
    "no such baseline": (["--beside", "cnnn"], "unknown architecture"),
    "no such recipe": (["--recipe", "sixclass"], "six_class"),
    "no such tracker": (["--track", "mlflo"], "mlflow"),
    "out of range": (["--bs", "1"], "bs = 1"),
    "no such weights": (["--weights", "no.pth"], "no weights file"),
    "a folder that is full": (["--out", "data"], "is not empty"),
    "no folds": (["--folds"], "has no folds"),
}


def test_what_cannot_be_trained_is_told_before_torch_is_loaded(tmp_path):
    toy_folder.curated(tmp_path / "data")
    code = (
        "import sys, json; from cxr_fastai import cli\n"
        "for flags in json.loads(sys.argv[1]):\n"
        "    print(cli.main(['train', 'data', *flags]), 'torch' in sys.modules)\n"
    )
    flags = json.dumps([flags for flags, _ in REFUSED.values()])
    command = [sys.executable, "-c", code, flags]
    got = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert got.stdout.splitlines() == ["2 False"] * len(REFUSED)
    for line, (_, says) in zip(got.stderr.splitlines(), REFUSED.values(), strict=True):
        assert line.startswith("cxr train: ") and says in line


def test_without_a_test_split_the_next_command_scores_validation(tmp_path):
    folder = toy_folder.curated(tmp_path / "d", dict.fromkeys(toy_folder.CLASSES, (2, 1, 0)))
    command = _next(Path("runs/my run"), "d", read_manifest(folder))
    assert command == "cxr evaluate 'runs/my run' d --split valid --out 'runs/my run/report'"


def test_folds_train_no_baselines(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("cxr_fastai.manifest_folds.fold_numbers", lambda data: [0, 1, 2])
    toy_folder.curated(tmp_path / "data")
    assert cli.main(["train", str(tmp_path / "data"), "--folds", "--beside", "cnn"]) == 2
    assert "leave --beside away" in capsys.readouterr().err
