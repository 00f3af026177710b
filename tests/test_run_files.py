"""pytest tests/test_run_files.py"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cxr_fastai.core import UsageError
from cxr_fastai.run_files import (
    default_out,
    epochs_over,
    is_free,
    is_over,
    is_unfinished,
    latest_run,
    refuse_full,
    refuse_other_settings,
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


def test_a_run_is_over_once_it_has_a_bundle_and_no_checkpoint(tmp_path):
    assert is_free(tmp_path) and is_free(tmp_path / "absent") and not is_over(tmp_path)
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle" / "bundle.json").write_text("{}")
    (tmp_path / "checkpoint.pt").touch()
    assert not is_free(tmp_path) and not is_over(tmp_path)
    (tmp_path / "checkpoint.pt").unlink()
    assert is_over(tmp_path)


def test_a_run_without_a_bundle_is_unfinished_and_tells_its_epochs(tmp_path):
    assert not is_unfinished(tmp_path) and epochs_over(tmp_path) == 0
    (tmp_path / "history.csv").write_text("epoch\n1\n2\n")
    assert is_unfinished(tmp_path) and epochs_over(tmp_path) == 2


def test_a_folder_that_holds_something_is_refused_for_both_faces(tmp_path):
    (tmp_path / "mine.txt").touch()
    with pytest.raises(UsageError, match=r"--out \(Python: out\).*--resume \(Python: resume=True"):
        refuse_full(tmp_path)


def test_every_setting_that_differs_is_named_with_both_values():
    had = {"epochs": 3, "lr": 0.1, "size": 64}
    refuse_other_settings(Path("run"), had, {"epochs": 3})
    with pytest.raises(UsageError) as e:
        refuse_other_settings(Path("run"), had, {"epochs": 5, "size": 64, "lr": 0.2})
    assert "epochs 3 (given: 5), lr 0.1 (given: 0.2)" in str(e.value) and "size" not in str(e.value)


def test_torch_is_not_loaded():
    code = "import sys, cxr_fastai.run_files; print('torch' in sys.modules)"
    got = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert got.stdout.strip() == "False"
