"""A run's state on disk after each epoch, so that it can go on after a crash as if nothing had been.

A Learner in the middle of a run to one file and back: weights, optimizer, averages, the history so far. Every random
generator is set anew at each epoch from (seed, epoch, rank), and so is the order of images: nothing of them need be
kept. Plain tensors and numbers, read without unpickling anything else. Never decides what to train.
"""

from __future__ import annotations

import random
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
from fastai.callback.core import Callback

from cxr_fastai.core import IntegrityError, StorageError, UsageError, atomic_path, one_line
from cxr_fastai.recipes import Train
from cxr_fastai.training.callbacks import Average, bare
from cxr_fastai.training.distributed import rank

__all__ = ["Checkpoint", "State", "read_state", "same_run", "CHECKPOINT"]

CHECKPOINT, VERSION = "checkpoint.pt", 1


@dataclass(frozen=True)
class State:
    """What a checkpoint holds."""

    version: int
    settings: dict  # of recipes.Train, as asked for
    rate: float  # lr_max, also where a finder was to choose it
    started: str  # what the network's weights were before
    seed: int
    manifest_sha256: str
    stage: int  # the running stage, from 0
    epoch: int  # epochs of it that are over
    rows: list  # of history.csv
    best: dict  # the best of them
    seconds: float  # that training took so far
    model: dict = field(repr=False)
    opt: dict = field(repr=False)
    smooth: list = field(repr=False)  # fastai's running train loss: value and count
    average: dict = field(repr=False)  # of Average: mean and steps; empty without one


def read_state(
    run,  # a run's folder
) -> State | None:  # None: no epoch of it was finished
    """Raises `IntegrityError` for a checkpoint that is damaged or of another version."""
    file = Path(run) / CHECKPOINT
    if not file.exists():
        return None
    try:
        state = State(**torch.load(file, map_location="cpu", weights_only=True))
    except OSError as e:
        raise StorageError(f"cannot read {file}: {e.strerror or e}") from e
    except Exception as e:  # a damaged file may fail in any way inside the parser
        raise IntegrityError(
            f"{file} is no checkpoint of this library ({type(e).__name__}): remove the run's folder "
            "and train again, or copy the file again from where it was made."
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
        watch,  # tracking.Watch: rows, best, seconds
        settings: Train,  # as asked for
        rate: float,  # lr_max
        seed: int,
        manifest_sha256: str,
        state: State | None = None,  # to go on from
    ):
        self.out, self.watch, self.settings, self.rate = out, watch, settings, rate
        self.seed, self.sha = seed, manifest_sha256
        self.state, self.stage = state, state.stage if state else 0

    def first_epoch(self, stage: int) -> int:
        """Where in `stage` to begin; all of it where that is beyond its end."""
        self.stage = stage
        if not self.state or stage > self.state.stage:
            return 0
        return self.state.epoch if stage == self.state.stage else 10**9

    def before_epoch(self):
        """Only reached by an epoch that is trained: SkipToEpoch, at 70, cancels the others before."""
        _seed(self.seed, len(self.watch.rows), rank())
        state, self.state = self.state, None
        if state is None:
            return
        net = bare(self.learn.model)
        net.load_state_dict(state.model)
        if (
            state.stage == self.stage
        ):  # a new stage begins with an optimizer and a running loss without memory
            self.learn.opt.opt.load_state_dict(state.opt)
            smooth = self.learn.recorder.smooth_loss
            smooth.val, smooth.count = torch.tensor(state.smooth[0]), state.smooth[1]
        if not (average := self._average()):
            return
        average.mean = {
            k: state.average["mean"][k].to(v.device) for k, v in net.state_dict().items()
        }
        average.steps = state.average["steps"]

    def after_epoch(self):
        if self.watch.write and self.watch.kept and not self.watch.error:
            self._save()

    def _average(self) -> Average | None:
        return next((cb for cb in self.learn.cbs if isinstance(cb, Average)), None)

    def _save(self):
        smooth, average, net = (
            self.learn.recorder.smooth_loss,
            self._average(),
            bare(self.learn.model),
        )
        state = dict(
            version=VERSION,
            settings=asdict(self.settings),
            rate=self.rate,
            seed=self.seed,
            started=net.started,
            manifest_sha256=self.sha,
            stage=self.stage,
            epoch=self.learn.epoch + 1,
            rows=self.watch.rows,
            best=self.watch.best,
            seconds=self.watch.seconds,
            model=_cpu(net.state_dict()),
            opt=_plain(self.learn.opt.opt.state_dict()),
            smooth=[float(smooth.val), smooth.count],
            average=dict(mean=_cpu(average.mean), steps=average.steps) if average else {},
        )
        try:  # not synced to the disk: against a crash of the process, not of the machine
            with atomic_path(self.out / CHECKPOINT, sync=False) as part:
                torch.save(state, part)
        except RuntimeError as e:  # torch's zip writer reports a full disk so
            self.watch.stop(
                StorageError(
                    f"cannot write {self.out / CHECKPOINT}: {one_line(e)[:120]}. Free space there "
                    "and go on with --resume."
                )
            )


def same_run(state: State, settings: Train, seed: int, manifest_sha256: str, run):
    """Raise `UsageError` where what was asked for is another run than the one that `state` belongs to."""
    if state.manifest_sha256 != manifest_sha256:
        raise UsageError(
            f"{run} was trained on another curated folder (manifest {state.manifest_sha256[:12]}, this "
            f"one is {manifest_sha256[:12]}): give that one, or another --out without --resume."
        )
    asked, had = (
        {**asdict(settings), "seed": seed},
        {**asdict(Train(**state.settings)), "seed": state.seed},
    )
    other = [k for k in asked if asked[k] != had.get(k)]
    if other:
        said = ", ".join(f"{k} {had.get(k)!r}, not {asked[k]!r}" for k in other)
        raise UsageError(
            f"{run} is a run with {said}: leave these flags away to go on with it, or train anew in "
            "another --out."
        )


# ---- parts


def _cpu(tensors: dict) -> dict:
    return {k: v.detach().cpu() for k, v in tensors.items()}


def _plain(v):
    """Without NumPy's numbers, which fastai's schedules leave among the rates and no safe reader takes."""
    if isinstance(v, dict):
        return {k: _plain(x) for k, x in v.items()}
    if isinstance(v, (list, tuple)):
        return type(v)(map(_plain, v))
    return v.item() if isinstance(v, np.generic) else v


def _seed(*key: int):
    """Set Python's, NumPy's and torch's global generators."""
    words = np.random.SeedSequence(key).generate_state(3)
    random.seed(int(words[0]))
    np.random.seed(words[1])
    torch.manual_seed(int(words[2]))
