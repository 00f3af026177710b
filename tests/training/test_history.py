"""pytest tests/training/test_history.py"""

import sys
from dataclasses import dataclass

import pytest
import safetensors.torch
import torch
import toy
from fastai.callback.core import Callback, CancelFitException
from runs import history, same

from cxr_fastai.core import CxrError, StorageError
from cxr_fastai.recipes import Train
from cxr_fastai.training import history as history_module
from cxr_fastai.training.data import build_dataloaders
from cxr_fastai.training.fit import fit
from cxr_fastai.training.history import LossGuard, RunHistory, columns
from cxr_fastai.training.learner import build_learner
from cxr_fastai.training.schedule import Stage


def learner(folder, bs=8, **kwargs):
    return build_learner(build_dataloaders(folder, 32, bs, device="cpu", **kwargs), "cnn", "none")


def test_a_terminal_shows_a_bar_and_keeps_the_lines(folder, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    learn = build_learner(build_dataloaders(folder, 32, 8, device="cpu"), "resnet18", "none")
    fit(learn, toy.recipe(epochs=1).train, tmp_path / "run")
    captured = capsys.readouterr()
    assert (
        "epoch 1/1:" in captured.err
        and "\nepoch 1/1 (all layers) train" in captured.err.replace("\r", "\n")
    )
    assert captured.out == ""


@pytest.mark.parametrize("shows", [True, False])
def test_a_bar_shows_where_progress_can_draw_one(folder, tmp_path, monkeypatch, capsys, shows):
    monkeypatch.setattr(history_module, "shows_bars", lambda: shows)
    fit(learner(folder), toy.recipe(epochs=1).train, tmp_path / "run")
    assert ("epoch 1/1:" in capsys.readouterr().err) is shows


class Vandal(Callback):
    "Spoils the network in the second epoch, so that the first is the best."

    def before_validate(self):
        if self.learn.epoch == 1:
            torch.nn.init.constant_(self.learn.model[1][-1].weight[0], 50.0)


def test_the_best_epochs_weights_are_kept_and_exported_not_the_last_ones(folder, tmp_path):
    learn = build_learner(build_dataloaders(folder, 32, 8, device="cpu"), "resnet18", "none")
    learn.add_cb(Vandal())
    fitted = fit(learn, toy.recipe().train, tmp_path / "run", quiet=True)
    learn.remove_cb(Vandal)
    assert (
        fitted.best["epoch"] == 1
        and fitted.history[1]["valid_loss"] > fitted.history[0]["valid_loss"]
    )
    best = safetensors.torch.load_file(tmp_path / "run" / "best.safetensors")
    assert same(best, learn.model.state_dict()) and not (best["1.8.weight"] == 50).any()
    with learn.no_bar():
        assert learn.validate()[0] == pytest.approx(fitted.best["valid_loss"], rel=1e-2)  # bf16


def test_a_loss_that_is_no_number_stops_the_run_with_one_line(folder, tmp_path):
    learn = build_learner(build_dataloaders(folder, 32, 8, device="cpu"), "resnet18", "none")
    torch.nn.init.constant_(learn.model[1][-1].weight, float("nan"))
    with pytest.raises(CxrError) as e:
        fit(learn, toy.recipe().train, tmp_path / "run", quiet=True)
    assert str(e.value) == (
        "the loss became nan in stage 'all layers', epoch 1 of 2, train batch 1, at a rate of 4e-05. "
        "Lower --lr (Python: lr), it is 0.001, or set --clip 1 (Python: clip=1), and train again."
    )


class Poison(Callback):
    "Spoils the network at one batch of the second epoch."

    def before_batch(self):
        if self.learn.epoch == 1 and self.learn.iter == 1 and self.learn.training:
            torch.nn.init.constant_(self.learn.model[1][-1].weight, float("nan"))


def test_a_loss_that_turns_bad_names_batch_and_rate_and_the_weights_that_are_left(folder, tmp_path):
    learn = build_learner(build_dataloaders(folder, 32, 8, device="cpu"), "resnet18", "none")
    learn.add_cb(Poison())
    with pytest.raises(
        CxrError,
        match=r"epoch 2 of 2, train batch 2, at a rate of .*The weights of epoch 1 stand in",
    ):
        fit(learn, toy.recipe().train, tmp_path / "run", quiet=True)
    assert len(history(tmp_path / "run")) == 1 and (tmp_path / "run" / "best.safetensors").is_file()


def test_an_error_of_the_disk_reaches_people_as_it_was_said(folder, tmp_path, monkeypatch):
    learn = build_learner(build_dataloaders(folder, 32, 8, device="cpu"), "resnet18", "none")
    write = history_module.write_text

    def full(file, text):
        if file.exists():
            raise StorageError("the disk is full.")
        write(file, text)

    monkeypatch.setattr(history_module, "write_text", full)
    with pytest.raises(StorageError) as e:
        fit(learn, toy.recipe().train, tmp_path / "run", quiet=True)
    assert str(e.value) == "the disk is full."


def test_a_run_without_a_better_epoch_stops(folder, tmp_path):
    class Worse(Callback):
        def before_validate(self):
            torch.nn.init.normal_(self.learn.model[1][-1].weight, std=0.01 + 20 * self.learn.epoch)

    learn = learner(folder)
    learn.add_cb(Worse())
    fitted = fit(learn, Train(size=32, bs=8, epochs=9, patience=2), tmp_path / "run", quiet=True)
    assert fitted.best["epoch"] == 1 and len(fitted.history) == 3


def test_a_history_is_there_before_the_first_epoch(tmp_path):
    RunHistory(tmp_path, total=3, scores=["macro_auroc"])
    assert (tmp_path / "history.csv").read_text() == ",".join(columns(["macro_auroc"])) + "\n"


def test_a_process_that_does_not_write_leaves_the_folder_alone(tmp_path):
    other = RunHistory(tmp_path, total=3, write=False)
    other.write_picture()
    assert other.quiet and not list(tmp_path.iterdir())


def test_on_a_gpu_losses_are_looked_at_together_and_the_bad_one_is_named(tmp_path, monkeypatch):
    run = RunHistory(tmp_path, total=1, quiet=True)
    run.enter(Stage(name="head", freeze_to=-1, epochs=1, lr_max=0.1))
    guard = LossGuard(run)
    guard.BATCHES_A_LOOK = 4
    with pytest.raises(CancelFitException):
        for i, loss in enumerate([1.0, 2.0, float("inf"), 3.0]):
            loop = _Loop(loss=_OnGpu(torch.tensor(loss)), opt=_Rates([{"lr": 0.05}]), iter=i)
            monkeypatch.setattr(guard, "learn", loop)
            guard.after_loss()
            assert len(guard.unseen) == i + 1 < 4, "each is not looked at by itself"
    assert "became inf" in str(run.error) and "train batch 3, at a rate of 0.05" in str(run.error)


@dataclass
class _OnGpu:
    """A loss that says that it lies on a GPU, which this machine may lack."""

    value: torch.Tensor
    device: torch.device = torch.device("cuda")

    def detach(self):
        """Give the number."""
        return self.value


@dataclass
class _Rates:
    """What LossGuard reads of an optimizer."""

    hypers: list


@dataclass
class _Loop:
    """What LossGuard reads of a Learner in the middle of an epoch."""

    loss: _OnGpu
    opt: _Rates
    iter: int  # the running batch, from 0
    n_iter: int = 9  # batches an epoch
    training: bool = True


class ClockAt(Callback):
    "Lets the time run out in a batch of an epoch, both counted from 0."

    order = 59  # before RunHistory looks

    def __init__(self, clock, epoch, batch):
        self.clock, self.at = clock, (epoch, batch)

    def after_batch(self):
        if self.learn.training and (self.learn.epoch, self.learn.iter) == self.at:
            self.clock[0] = 101.0


@pytest.mark.parametrize(("epoch", "kept"), [(0, 1), (1, 2)])
def test_a_run_out_of_time_ends_within_its_epoch_which_is_validated_and_kept(
    folder, tmp_path, monkeypatch, epoch, kept
):
    clock = [0.0]
    monkeypatch.setattr(history_module.time, "monotonic", lambda: clock[0])
    learn = learner(folder, bs=4)
    learn.add_cb(ClockAt(clock, epoch, 1))
    fitted = fit(learn, toy.recipe(epochs=5).train, tmp_path / "run", quiet=True, deadline=100)
    assert len(fitted.history) == len(history(tmp_path / "run")) == kept
    assert fitted.history[-1]["valid_loss"] > 0
    assert (tmp_path / "run" / "best.safetensors").is_file()


def test_a_run_without_a_deadline_is_never_out_of_time(tmp_path, monkeypatch):
    monkeypatch.setattr(history_module.time, "monotonic", lambda: 1e12)
    assert not RunHistory(tmp_path, 1).out_of_time
    assert RunHistory(tmp_path, 1, deadline=1e12).out_of_time
