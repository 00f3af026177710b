"""pytest tests/training/test_trackers.py

What comes of trackers that fail. MLflow and TensorBoard themselves: test_mlflow_run.py,
test_tensorboard_run.py."""

import sys
from pathlib import Path

import pytest

from cxr_fastai.cli import main
from cxr_fastai.core import StorageError, UsageError
from cxr_fastai.manifest import read_manifest
from cxr_fastai.recipes import Train
from cxr_fastai.training import trackers
from cxr_fastai.training.run import train
from cxr_fastai.training.trackers import Patient, recorded


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(tmp_path)


def run(folder, track, out="run"):
    return train(folder, out, arch="cnn", epochs=2, track=track, quiet=True)


class Notebook:
    """A tracker in memory that fails when it is told to."""

    place = "a notebook"

    def __init__(self, run=None, params=None, experiment=None, fails=()):
        self.fails = list(fails)  # names of what fails next
        self.rows = []
        self.closed = []

    def epoch(self, row):
        self._do("epoch")
        self.rows.append(row["epoch"])

    def before_close(self):
        self._do("before_close")

    def close(self, bundle):
        self._do("close")
        self.closed.append(bundle)

    def _do(self, name):
        if name in self.fails:
            self.fails.remove(name)
            raise RuntimeError("out of\npaper")


def recorded_by(notebook, epochs=3):
    patient = Patient(notebook, Path("runs/x"))
    for epoch in range(1, epochs + 1):
        patient.epoch({"epoch": epoch})
    patient.close(Path("runs/x/bundle"))
    return notebook


def test_what_a_tracker_missed_is_written_at_the_end_in_order(capsys):
    notebook = recorded_by(Notebook(fails=["epoch"]))
    assert notebook.rows == [1, 2, 3] and notebook.closed == [Path("runs/x/bundle")]
    warning, recovery = capsys.readouterr().err.splitlines()
    assert warning.startswith(
        "warning: a notebook cannot be written to (out of paper). The run goes on"
    )
    assert recovery == "a notebook answers again: 3 epochs written afterwards"


@pytest.mark.parametrize(
    "fails, missing",
    [
        (["epoch", "epoch"], "3 epochs and the bundle"),
        (["epoch", "before_close"], "3 epochs and the bundle"),
        (["close"], "the bundle"),
    ],
)
def test_what_a_tracker_never_got_is_named_with_where_it_stands(capsys, fails, missing):
    notebook = recorded_by(Notebook(fails=fails))
    last = capsys.readouterr().err.splitlines()[-1]
    assert last == (
        f"warning: a notebook was not given {missing} (out of paper). "
        "History and bundle stand in runs/x"
    )
    assert notebook.closed == []


def test_a_lost_tracker_is_not_asked_at_every_epoch(capsys):
    asked = []

    class Counting(Notebook):
        def epoch(self, row):
            asked.append(row["epoch"])
            super().epoch(row)

    recorded_by(Counting(fails=["epoch"] * 9), epochs=50)
    assert asked == [1, 1]
    assert len(capsys.readouterr().err.splitlines()) == 2


def test_a_tracker_that_works_says_nothing(capsys):
    assert recorded_by(Notebook()).rows == [1, 2, 3]
    assert capsys.readouterr().err == ""


def record(folder, out="run", names=("notebook",)):
    return recorded(names, Path(out), Train(), read_manifest(folder), seed=0)


def test_a_tracker_that_cannot_begin_leaves_no_folder_of_the_run(folder, monkeypatch):
    def refuse(*about):
        raise StorageError("no paper")

    monkeypatch.setitem(trackers.TRACKERS, "notebook", refuse)
    for out in ("run", "a/b"):
        with pytest.raises(StorageError), record(folder, out):
            pass
        assert not Path(out).exists()
    Path("run").mkdir()
    Path("run/mine").write_text("to resume")
    with pytest.raises(StorageError), record(folder):
        pass
    assert Path("run/mine").exists()


def test_a_run_that_fails_ends_its_record_without_a_bundle(folder, monkeypatch):
    notebook = Notebook()
    monkeypatch.setitem(trackers.TRACKERS, "notebook", lambda *about: notebook)
    with pytest.raises(UsageError), record(folder, names=["notebook", "notebook"]) as kept:
        assert len(kept.trackers) == 1
        raise UsageError("the loss became nan")
    assert notebook.closed == [None]


def test_the_command_names_the_bundle_though_its_tracker_failed(folder, monkeypatch, capsys):
    failing = Notebook(fails=["epoch", "close"])
    monkeypatch.setitem(trackers.TRACKERS, "mlflow", lambda *about: failing)
    args = "--out run --arch cnn --epochs 1 --track mlflow".split()
    assert main(["train", str(folder), *args]) == 0
    out, err = capsys.readouterr()
    assert out == "run/bundle\n" and Path("run/bundle/bundle.json").is_file()
    assert not Path("run/checkpoint.pt").exists()
    assert "Traceback" not in err and err.count("warning: a notebook") == 2


def test_an_unknown_tracker_is_answered_with_the_nearest(folder):
    with pytest.raises(UsageError, match="'mlfow'.*Did you mean 'mlflow'"):
        run(folder, ["mlfow"])


def test_a_tracker_that_is_not_installed_is_told_before_training(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(UsageError, match=r"pip install 'cxr_fastai\[mlflow\]'"):
        run(folder, ["mlflow"])
