"""pytest tests/training/test_run_folder.py"""

import os
from pathlib import Path

import pytest

from cxr_fastai.core import UsageError
from cxr_fastai.training.run import train
from cxr_fastai.training.run_folder import (
    default_out,
    is_free,
    is_over,
    latest_run,
    state_to_resume,
)


def test_the_default_folder_is_the_first_that_is_free(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert default_out("toy") == Path("runs/toy")
    for name in ("toy", "toy-2"):
        (tmp_path / "runs" / name).mkdir(parents=True)
        (tmp_path / "runs" / name / "x").touch()
    assert default_out("toy") == Path("runs/toy-3")


def test_the_latest_run_of_a_recipe_is_none_of_another_whose_name_begins_alike(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    for name in ("toymnist", "toy", "toy-2", "toy-extra"):
        (tmp_path / "runs" / name).mkdir(parents=True)
        (tmp_path / "runs" / name / "history.csv").touch()
        os.utime(
            tmp_path / "runs" / name / "history.csv",
            (0, 100 if name in ("toymnist", "toy-extra") else 50 + len(name)),
        )
    assert latest_run("toy") == Path("runs/toy-2")


def test_a_folder_with_something_else_is_not_resumed(folder, tmp_path):
    (tmp_path / "mine.txt").write_text("keep")
    with pytest.raises(UsageError, match="holds no run to resume: mine.txt"):
        train(folder, tmp_path, resume=True)


def test_without_a_folder_the_latest_run_is_resumed(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="no run to resume"):
        train(folder, resume=True)
    train(folder, arch="cnn", epochs=1, quiet=True), train(folder, arch="cnn", epochs=1, quiet=True)
    assert train(folder, resume=True) == Path("runs/toy-2/bundle")


def test_a_run_is_over_once_it_has_a_bundle_and_no_checkpoint(tmp_path):
    assert is_free(tmp_path) and is_free(tmp_path / "absent") and not is_over(tmp_path)
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle" / "bundle.json").write_text("{}")
    (tmp_path / "checkpoint.pt").touch()
    assert not is_free(tmp_path) and not is_over(tmp_path)
    (tmp_path / "checkpoint.pt").unlink()
    assert is_over(tmp_path)


def test_a_file_is_no_run(tmp_path):
    (tmp_path / "run").write_text("text")
    with pytest.raises(UsageError, match="it is a file"):
        state_to_resume(tmp_path / "run")


def test_what_a_run_leaves_before_its_first_epoch_is_over_is_no_stranger(tmp_path, capsys):
    for name in ("history.csv", "tensorboard", ".best.safetensors.7.part"):
        (tmp_path / name).touch()
    assert state_to_resume(tmp_path) is None
    assert "no epoch of" in capsys.readouterr().err
