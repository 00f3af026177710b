"""What a long step shows: in a terminal, in a pipe, in a notebook, and not at all."""

import os
import struct
import subprocess
import sys
import time
import types

import pytest

from cxr_fastai import progress
from cxr_fastai.progress import SILENT

STEPS = """
from cxr_fastai import progress
print(list(progress.bar(iter(range(3)), 3, "scanning images")))
meter = progress.meter(2000, 500, "a.zip")
meter.update(1000)
meter.update(500)
meter.close()
progress.say("one line")
"""


def piped() -> tuple[str, str]:
    run = subprocess.run(
        [sys.executable, "-c", STEPS], capture_output=True, text=True, check=True, timeout=60
    )
    return run.stdout, run.stderr


def in_a_terminal() -> tuple[str, str]:
    """The same, with stderr on a pseudo-terminal."""
    fcntl = pytest.importorskip("fcntl")  # no terminal to play on Windows
    pty = pytest.importorskip("pty")
    termios = pytest.importorskip("termios")
    leader, follower = pty.openpty()
    rows_and_columns = struct.pack("HHHH", 24, 100, 0, 0)
    fcntl.ioctl(follower, termios.TIOCSWINSZ, rows_and_columns)
    run = subprocess.Popen(
        [sys.executable, "-c", STEPS], stdout=subprocess.PIPE, stderr=follower, text=True
    )
    os.close(follower)
    shown = b""
    while True:
        try:
            part = os.read(leader, 65536)
        except OSError:  # Linux: the other end is closed
            break
        if not part:
            break
        shown += part
    os.close(leader)
    out, _ = run.communicate(timeout=60)
    assert run.returncode == 0
    return out, shown.decode()


def test_a_pipe_gets_plain_lines_at_start_and_end():
    out, err = piped()
    assert out == "[0, 1, 2]\n"
    lines = err.splitlines()
    assert lines[0].startswith("scanning images: ") and lines[0].endswith(" s")
    assert lines[1] == "a.zip: 2.0 kB, going on from 500 bytes"
    assert lines[2].startswith("a.zip: 1.5 kB in ") and lines[2].endswith("/s)")
    assert lines[3:] == ["one line"]
    assert "\r" not in err


def test_a_terminal_gets_bars_and_stdout_gets_nothing_of_them():
    out, err = in_a_terminal()
    assert out == "[0, 1, 2]\n"
    assert "\r" in err and "scanning images: 100%|" in err and "3/3" in err
    assert "a.zip: 100%|" in err and "2.00k/2.00k" in err  # 500 bytes stood already
    assert "one line" in err


def test_the_size_of_a_download_may_be_unknown(capsys):
    meter = progress.meter(None, 0, "a.zip")
    meter.close()
    first, last = capsys.readouterr().err.splitlines()
    assert first == "a.zip: of unknown size"
    assert last.startswith("a.zip: 0 bytes in ")


def test_a_bar_gives_each_item_when_it_comes(capsys):
    came = []

    def items():
        for i in range(3):
            came.append(i)
            yield i

    shown = progress.bar(items(), 3, "steps")
    assert came == [] and next(shown) == 0 and came == [0]
    assert capsys.readouterr().err == ""
    assert list(shown) == [1, 2] and capsys.readouterr().err.startswith("steps: ")


class Bar:
    """Stands for tqdm's classes; tells which of them drew."""

    drawn: list = []

    def __init__(self, items=None, **settings):
        self.drawn.append((type(self).__name__, settings["desc"]))
        self.items = items

    def __iter__(self):
        return iter(self.items)

    def update(self, n):
        pass

    def close(self):
        pass


class Widget(Bar):
    pass


class Text(Bar):
    pass


@pytest.fixture
def notebook(monkeypatch):
    """A kernel: ipykernel is loaded, IPython's shell has a `kernel`. Returns the shell."""
    shell = types.SimpleNamespace(kernel=object())  # of IPython, which has no record to build
    ipython = types.ModuleType("IPython")
    ipython.get_ipython = lambda: shell
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "ipykernel", types.ModuleType("ipykernel"))
    monkeypatch.setattr("tqdm.tqdm", Text)
    monkeypatch.setattr("tqdm.notebook.tqdm", Widget)
    monkeypatch.setattr(Bar, "drawn", [])
    return shell


@pytest.mark.parametrize("has_widgets,drawer", [(True, "Widget"), (False, "Text")])
def test_a_notebook_gets_bars_though_its_stderr_is_no_terminal(
    notebook, monkeypatch, capsys, has_widgets, drawer
):
    found = object() if has_widgets else None
    monkeypatch.setattr(progress, "find_spec", lambda name: found)
    assert list(progress.bar([1, 2], 2, "steps")) == [1, 2]
    progress.meter(10, 0, "bytes").update(3)
    assert Bar.drawn == [(drawer, "steps"), (drawer, "bytes")]
    assert capsys.readouterr() == ("", "")


def test_whether_bars_show_is_told_of_a_notebook_a_terminal_and_a_pipe(notebook, monkeypatch):
    assert progress.shows_bars()
    del notebook.kernel
    assert not progress.shows_bars()
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert progress.shows_bars()


def test_ipython_in_a_pipe_is_no_notebook(notebook, capsys):
    del notebook.kernel
    assert list(progress.bar([1], 1, "steps")) == [1]
    assert Bar.drawn == [] and capsys.readouterr().err.startswith("steps: ")


def test_ipykernel_that_some_library_loaded_is_no_notebook(notebook, monkeypatch):
    monkeypatch.setattr(sys.modules["IPython"], "get_ipython", lambda: None)
    list(progress.bar([1], 1, "steps"))
    assert Bar.drawn == []


def test_silence_shows_nothing_and_hands_everything_on(capfd):
    assert list(SILENT.bar(iter("abc"), 3, "steps")) == ["a", "b", "c"]
    meter = SILENT.meter(10, 0, "bytes")
    meter.update(10)
    meter.close()
    SILENT.say("one line")
    assert capfd.readouterr() == ("", "")


def test_a_rate_of_no_time_is_no_division_by_zero(monkeypatch, capsys):
    monkeypatch.setattr(time, "monotonic", lambda: 5.0)
    meter = progress.meter(1000, 0, "a.zip")
    meter.update(1000)
    meter.close()
    assert capsys.readouterr().err.splitlines()[1] == "a.zip: 1.0 kB in 0.0 s (10.0 kB/s)"
