"""pytest tests/training/test_run_folder.py"""

from pathlib import Path

import pytest

from cxr_fastai.core import UsageError
from cxr_fastai.training.run import train
from cxr_fastai.training.run_folder import state_to_resume


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


def test_a_file_is_no_run(tmp_path):
    (tmp_path / "run").write_text("text")
    with pytest.raises(UsageError, match="it is a file"):
        state_to_resume(tmp_path / "run")


def test_what_a_run_leaves_before_its_first_epoch_is_over_is_no_stranger(tmp_path, capsys):
    for name in ("history.csv", "tensorboard", "mlflow.json", ".best.safetensors.7.part"):
        (tmp_path / name).touch()
    assert state_to_resume(tmp_path) is None
    assert "no epoch of" in capsys.readouterr().err
