"""pytest tests/training/test_tensorboard_run.py

TensorBoard's own reader reads what was written."""

import errno
from pathlib import Path

import pytest
from runs import history

from cxr_fastai.cli import main
from cxr_fastai.core import StorageError
from cxr_fastai.training import tensorboard_run
from cxr_fastai.training.tensorboard_run import TensorBoard
from cxr_fastai.training.trackers import Patient

accumulator = pytest.importorskip(
    "tensorboard.backend.event_processing.event_accumulator",
    reason="an extra: pip install 'cxr_fastai[tensorboard]'",
)


def read(run):
    events = accumulator.EventAccumulator(str(run / "tensorboard"))
    events.Reload()
    return events


def losses(run):
    return {event.step: event.value for event in read(run).Scalars("valid_loss")}


def test_a_run_is_read_back_whole_from_a_folder_of_any_name(folder, tmp_path):
    run = tmp_path / "a%20b c"
    args = "--arch cnn --epochs 2 --track tensorboard --out".split()
    assert main(["train", str(folder), *args, str(run)]) == 0
    wanted = {int(row["epoch"]): float(row["valid_loss"]) for row in history(run)}
    assert losses(run) == pytest.approx(wanted, rel=1e-5)
    tags = read(run).Tags()
    assert tags["images"] == ["history"]
    assert tags["tensors"] == ["settings/text_summary", "bundle/text_summary"]


class FullDisk:
    """Opens as a file, takes half of what is written, and has no more room."""

    def __init__(self, file):
        self.file = file

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.file.close()

    def write(self, data):
        self.file.write(data[: len(data) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")


def full(path, mode):
    return FullDisk(open(path, mode))


def row(epoch):
    return {"stage": "head", "epoch": epoch, "valid_loss": float(epoch)}


def test_a_full_disk_is_told_leaves_whole_records_and_is_made_up_for(tmp_path, monkeypatch, capsys):
    patient = Patient(TensorBoard(tmp_path, {"lr": 1}, "toy"), tmp_path)
    patient.epoch(row(1))
    with monkeypatch.context() as m:
        m.setattr(tensorboard_run, "open", full, raising=False)
        patient.epoch(row(2))
    assert losses(tmp_path) == {1: 1.0}
    assert "No space left on device). The run goes on" in capsys.readouterr().err
    patient.epoch(row(3))
    patient.close(None)
    assert losses(tmp_path) == {1: 1.0, 2: 2.0, 3: 3.0}


def test_a_resumed_run_goes_on_in_its_folder_and_what_comes_twice_counts_once(tmp_path):
    first = TensorBoard(tmp_path, {}, "toy")
    for epoch in (1, 2):
        first.epoch(row(epoch))
    second = TensorBoard(tmp_path, {}, "toy", [row(1)])  # the second epoch had no checkpoint
    for epoch in (2, 3):
        second.epoch(row(epoch))
    assert [(e.step, e.value) for e in read(tmp_path).Scalars("valid_loss")] == [
        (1, 1.0),
        (2, 2.0),
        (3, 3.0),
    ]


def test_a_run_that_was_not_recorded_before_has_its_earlier_epochs_too(tmp_path):
    tensorboard = TensorBoard(tmp_path, {}, "toy", [row(1), row(2)])
    tensorboard.epoch(row(3))
    assert losses(tmp_path) == {1: 1.0, 2: 2.0, 3: 3.0}


def test_a_folder_that_is_gone_costs_nothing(tmp_path, capsys):
    tensorboard = TensorBoard(tmp_path, {}, "toy")
    tensorboard.file.unlink()
    tensorboard.file.parent.rmdir()
    patient = Patient(tensorboard, tmp_path)
    patient.epoch(row(1))
    patient.close(None)
    assert capsys.readouterr().err.count("warning: TensorBoard in ") == 2


def test_a_folder_that_cannot_be_written_is_refused_at_the_start(tmp_path):
    (tmp_path / "tensorboard").write_text("in the way")
    with pytest.raises(StorageError, match="--track tensorboard .*train without it"):
        TensorBoard(Path(tmp_path), {}, "toy")
