"""pytest tests/test_threads.py"""

import os
import subprocess
import sys

import pytest

from cxr_fastai.threads import OWN_CHOICES, busy_words, wait_without_spinning


@pytest.fixture
def without_torch(monkeypatch):
    monkeypatch.delitem(sys.modules, "torch", raising=False)


def test_threads_that_wait_give_their_core_away(without_torch):
    environment = {"PATH": "/bin"}
    assert wait_without_spinning(environment)
    assert environment["OMP_WAIT_POLICY"] == "PASSIVE" and environment["KMP_BLOCKTIME"] == "0"


@pytest.mark.parametrize("name", OWN_CHOICES)
def test_what_a_user_chose_stays(without_torch, name):
    environment = {name: "7"}
    assert not wait_without_spinning(environment)
    assert environment == {name: "7"}


def test_once_torch_is_loaded_nothing_is_pretended(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", object())
    environment: dict[str, str] = {}
    assert not wait_without_spinning(environment) and not environment


def test_the_number_of_threads_is_left_alone(without_torch):
    environment: dict[str, str] = {}
    wait_without_spinning(environment)
    assert not [name for name in environment if "THREADS" in name]


def test_the_command_chooses_before_a_verb_loads_anything():
    code = (
        "import os, sys; os.environ.pop('OMP_WAIT_POLICY', None); os.environ.pop('KMP_BLOCKTIME', 0);"
        "from cxr_fastai import cli; cli.main(['sources', '--manifest', '/nonexistent.csv']);"
        "print(os.environ.get('OMP_WAIT_POLICY'), 'torch' in sys.modules)"
    )
    got = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert got.stdout.split() == ["PASSIVE", "False"]


@pytest.mark.parametrize("load, said", [(0.0, False), (3.9, False), (25.0, True)])
def test_a_busy_machine_is_told_with_what_helps(monkeypatch, load, said):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    monkeypatch.setattr(os, "getloadavg", lambda: (load, 0, 0))
    assert ("load 25, cores 4" in busy_words() and "OMP_NUM_THREADS=1" in busy_words()) is said
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    assert not busy_words()
