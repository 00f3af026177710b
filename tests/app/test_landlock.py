"""A process that is confined: it reads, and neither writes nor reaches another.

python -m pytest tests/app/test_landlock.py
"""

import os
import signal
import socket
import subprocess
import sys

import pytest

from cxr_fastai.app import landlock

VERSION = landlock.version()
CONFINED = pytest.mark.skipif(not VERSION, reason="this system has no Landlock")


def confined(code, cwd):
    "What code prints in a process that was confined before."
    before = (
        "import os, signal, socket, subprocess, sys; from cxr_fastai.app.landlock import confine; "
        "assert confine()\n"
    )
    done = subprocess.run(
        [sys.executable, "-B", "-c", before + code],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def refused(what, cwd):
    "Whether the system refuses it."
    code = f"try:\n    {what}\nexcept PermissionError:\n    print('refused')"
    return confined(code, cwd) == "refused"


@CONFINED
@pytest.mark.parametrize(
    "what",
    [
        "open('new', 'w')",
        "open('there', 'w')",
        "open('there', 'a')",
        "os.remove('there')",
        "os.rename('there', 'elsewhere')",
        "os.mkdir('folder')",
        "os.symlink('there', 'link')",
        "os.link('there', 'hard')",
        "os.mkfifo('pipe')",
        "os.rmdir('empty')",
    ],
)
def test_no_file_is_made_changed_or_removed(what, tmp_path):
    (tmp_path / "there").write_text("as it was")
    (tmp_path / "empty").mkdir()
    assert refused(what, tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["empty", "there"]
    assert (tmp_path / "there").read_text() == "as it was"


@CONFINED
def test_reading_and_importing_go_on(tmp_path):
    (tmp_path / "there").write_text("text")
    assert confined("import wave; print(open('there').read())", tmp_path) == "text"


@CONFINED
def test_what_it_starts_is_confined_too_and_may_be_silenced(tmp_path):
    code = (
        "done = subprocess.run([sys.executable, '-c', 'open(\\'new\\', \\'w\\')'],"
        " stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)\n"
        "print('PermissionError' in done.stderr.decode(), done.returncode)"
    )
    assert confined(code, tmp_path) == "True 1"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(VERSION < landlock.TCP_SINCE, reason="this Landlock knows no TCP")
def test_it_reaches_no_server(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert refused(f"socket.create_connection(('127.0.0.1', {port}))", tmp_path)
    assert refused("socket.create_server(('127.0.0.1', 0))", tmp_path)


@pytest.mark.skipif(VERSION < landlock.SCOPED_SINCE, reason="this Landlock knows no signals")
def test_it_signals_nobody_but_what_it_started(tmp_path):
    assert refused("os.kill(os.getppid(), signal.SIGUSR1)", tmp_path)
    code = (
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(1000)'])\n"
        "child.kill(); print(child.wait())"
    )
    assert confined(code, tmp_path) == str(-signal.SIGKILL)


def test_where_there_is_none_nothing_is_done_and_it_says_so(monkeypatch):
    monkeypatch.setattr(landlock, "_call", lambda *given: -1)
    assert landlock.version() == 0 and landlock.confine() is False


def test_a_system_that_refuses_is_told(monkeypatch):
    monkeypatch.setattr(landlock, "version", lambda: 1)
    monkeypatch.setattr(landlock, "_call", lambda *given: -1)
    assert landlock.confine() is False


def test_other_systems_are_not_asked(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    assert landlock.version() == 0
