"""A run's state on disk after each epoch, so that it can go on after a crash.

A Learner in the middle of a run to one file and back: weights, optimizer, averages, the history so
far. Every random generator is set anew at each epoch from (seed, epoch, rank), and so is the order
of images: nothing of them need be kept. Plain tensors and numbers, read without unpickling anything
else. Never decides what to train.
"""

from __future__ import annotations

import random
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from fastai.callback.core import Callback
from torch import Tensor

from cxr_fastai.advice import flag
from cxr_fastai.core import IntegrityError, StorageError, UsageError, atomic_path, one_line
from cxr_fastai.inputs import readable_path
from cxr_fastai.recipes import Train
from cxr_fastai.run_files import CHECKPOINT, refuse_other_settings
from cxr_fastai.training.callbacks import Average, copy_tensors
from cxr_fastai.training.distributed import rank, unwrapped_network
from cxr_fastai.training.history import Row, RunHistory

__all__ = ["Checkpoint", "Identity", "State", "read_state", "same_run", "CHECKPOINT"]

VERSION = 1
ALL_EPOCHS = 10**9  # more than any stage has


@dataclass(frozen=True)
class Identity:
    """What a run is, the same in all its sessions."""

    settings: Train  # as asked for
    rate: float  # lr_max, also where a finder was to choose it
    started: str  # what the network's weights were before
    seed: int
    manifest_sha256: str


@dataclass(frozen=True)
class State:
    """What a checkpoint holds."""

    version: int
    settings: dict[str, Any]  # of recipes.Train, as asked for
    rate: float  # lr_max, also where a finder was to choose it
    started: str  # what the network's weights were before
    seed: int
    manifest_sha256: str
    stage: int  # the running stage, from 0
    epoch: int  # epochs of it that are over
    rows: list[Row]  # of history.csv
    best: Row  # the best of them
    seconds: float  # that training took so far
    model: dict[str, Tensor] = field(repr=False)
    opt: dict[str, Any] = field(repr=False)
    smooth: list[Any] = field(repr=False)  # fastai's running train loss: value and count
    average: dict[str, Any] = field(repr=False)  # of Average: mean and steps; empty without one


def read_state(
    run: str | Path,  # a run's folder
) -> State | None:  # None: no epoch of it was finished
    """Read a run's checkpoint.

    Raises `IntegrityError` for one that is damaged or of another version.
    """
    file = readable_path(Path(run) / CHECKPOINT, "checkpoint")
    if not file.exists():
        return None
    try:
        state = State(**torch.load(file, map_location="cpu", weights_only=True))
    except OSError as e:
        raise StorageError(f"cannot read {file}: {e.strerror or e}") from e
    except Exception as e:  # a damaged file may fail in any way inside the parser
        raise IntegrityError(
            f"{file} is no checkpoint of this library ({type(e).__name__}): remove the run's "
            "folder and train again, or copy the file again from where it was made."
        ) from e
    if state.version != VERSION:
        raise IntegrityError(
            f"{file} has format {state.version}, this library reads {VERSION}: train again."
        )
    return state


class Checkpoint(Callback):
    """Writes the state after each epoch; takes one up before the first that was not finished."""

    order = 80  # after Average, at 70, has put the raw weights back

    def __init__(
        self,
        out: Path,  # the run's folder
        history: RunHistory,
        identity: Identity,
        state: State | None = None,  # to go on from
    ) -> None:
        self.out = out
        self.history = history
        self.identity = identity
        self.state = state
        self.stage = state.stage if state else 0

    def first_epoch(self, stage: int) -> int:
        """Tell where in `stage` to begin; beyond its end where all of it is over."""
        self.stage = stage
        if self.state is None or stage > self.state.stage:
            return 0
        if stage < self.state.stage:
            return ALL_EPOCHS
        return self.state.epoch

    def before_epoch(self) -> None:
        """Seed the generators; the first time take up the state.

        Only reached by an epoch that is trained: SkipToEpoch, at 70, cancels the others before.
        """
        _seed(self.identity.seed, len(self.history.rows), rank())
        if self.state is not None:
            self._take_up(self.state)
        self.state = None

    def after_epoch(self) -> None:
        """Write the state, in the process that writes."""
        if self.history.write and self.history.kept and not self.history.error:
            self._save()

    def _take_up(self, state: State) -> None:
        net = unwrapped_network(self.learn.model)
        net.load_state_dict(state.model)
        if state.stage == self.stage:
            # a new stage begins with an optimizer and a running loss without memory
            self.learn.opt.opt.load_state_dict(state.opt)
            smooth = self.learn.recorder.smooth_loss
            smooth.val = torch.tensor(state.smooth[0])
            smooth.count = state.smooth[1]
        average = self._average()
        if average is not None:
            device = next(net.parameters()).device
            average.mean = copy_tensors(state.average["mean"], device)
            average.steps = state.average["steps"]

    def _average(self) -> Average | None:
        for callback in self.learn.cbs:
            if isinstance(callback, Average):
                return callback
        return None

    def _save(self) -> None:
        try:  # not synced to the disk: against a crash of the process, not of the machine
            with atomic_path(self.out / CHECKPOINT, sync=False) as part:
                torch.save(self._plain_state(), part)
        except RuntimeError as e:  # torch's zip writer reports a full disk so
            self.history.stop(
                StorageError(
                    f"cannot write {self.out / CHECKPOINT}: {one_line(e)[:120]}. Free space there "
                    f"and go on with {flag('resume', True)}."
                )
            )

    def _plain_state(self) -> dict[str, Any]:
        """Return the fields of State, as `read_state` takes them."""
        smooth = self.learn.recorder.smooth_loss
        average = self._average()
        averaged: dict[str, Any] = {}
        if average is not None and average.mean is not None:
            averaged = dict(mean=copy_tensors(average.mean, "cpu"), steps=average.steps)
        return dict(
            version=VERSION,
            settings=asdict(self.identity.settings),
            rate=self.identity.rate,
            seed=self.identity.seed,
            started=self.identity.started,
            manifest_sha256=self.identity.manifest_sha256,
            stage=self.stage,
            epoch=self.learn.epoch + 1,
            rows=self.history.rows,
            best=self.history.best,
            seconds=self.history.seconds,
            model=copy_tensors(unwrapped_network(self.learn.model).state_dict(), "cpu"),
            opt=_plain(self.learn.opt.opt.state_dict()),
            smooth=[float(smooth.val), smooth.count],
            average=averaged,
        )


def same_run(
    state: State,
    settings: Train,
    seed: int,
    manifest_sha256: str,
    run: Path,
) -> None:
    """Raise `UsageError` where what was asked for is another run than that of `state`."""
    if state.manifest_sha256 != manifest_sha256:
        raise UsageError(
            f"{run} was trained on another curated folder (manifest {state.manifest_sha256[:12]}, "
            f"this one is {manifest_sha256[:12]}): give that one, or another {flag('out')} "
            f"without {flag('resume')}."
        )
    asked = {**asdict(settings), "seed": seed}
    had = {**asdict(Train(**state.settings)), "seed": state.seed}
    refuse_other_settings(run, had, asked)


# ---- parts


def _plain(value: Any) -> Any:
    """Leave out NumPy's numbers, which fastai's schedules leave among the rates.

    No safe reader takes them.
    """
    if isinstance(value, dict):
        return {key: _plain(x) for key, x in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_plain(x) for x in value)
    if isinstance(value, np.generic):
        return value.item()
    return value


def _seed(*key: int) -> None:
    """Set Python's, NumPy's and torch's global generators."""
    words = np.random.SeedSequence(key).generate_state(3)
    random.seed(int(words[0]))
    np.random.seed(words[1])
    torch.manual_seed(int(words[2]))
