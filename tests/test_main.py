"""`python -m cxr_fastai`."""

import runpy
import subprocess
import sys

import pytest

import cxr_fastai


def test_the_module_is_the_command():
    got = subprocess.run(
        [sys.executable, "-m", "cxr_fastai", "--version"], capture_output=True, text=True
    )
    assert (got.returncode, got.stdout.strip()) == (0, cxr_fastai.__version__)


def test_its_exit_code_is_the_verbs(monkeypatch):
    monkeypatch.setattr("cxr_fastai.cli.main", lambda: 3)
    with pytest.raises(SystemExit) as e:
        runpy.run_module("cxr_fastai", run_name="__main__")
    assert e.value.code == 3
