"""What a run leaves behind as it goes: history.csv, the best weights, a picture, lines on stderr.

fastai callbacks that watch and write, an epoch at a time; they change nothing of the training but
stop it where the loss is no number any more, or nothing got better for long. Never writes to
stdout.
"""

from __future__ import annotations

import csv
import io
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import safetensors.torch
import torch
from fastai.callback.core import Callback, CancelFitException, CancelTrainException

from cxr_fastai.advice import flag
from cxr_fastai.core import CxrError, UsageError, atomic_path, write_text
from cxr_fastai.progress import say, shows_bars
from cxr_fastai.run_files import BEST, HISTORY, PICTURE
from cxr_fastai.training.callbacks import copy_tensors
from cxr_fastai.training.data import CachedDL
from cxr_fastai.training.distributed import unwrapped_loader, unwrapped_network
from cxr_fastai.training.history_picture import history_png
from cxr_fastai.training.schedule import Stage

__all__ = [
    "Row",
    "numbers",
    "Tracker",
    "RunHistory",
    "LossGuard",
    "EpochBar",
    "columns",
    "HISTORY",
    "BEST",
    "PICTURE",
]

SINGLE_LABEL_SCORES = ("accuracy", "balanced_accuracy")

Row = dict[str, Any]  # an epoch, by the columns of history.csv


def columns(
    scores: Sequence[str] = SINGLE_LABEL_SCORES,  # names of the metrics, which the task decides
) -> tuple[str, ...]:
    """Return the columns of history.csv."""
    return ("stage", "epoch", "train_loss", "valid_loss", *scores, "lr_max", "seconds")


class EarlierEpochs(Protocol):
    """What an interrupted run tells of its epochs; a checkpoint's State is one."""

    @property
    def rows(self) -> list[Row]:
        """The rows of history.csv."""

    @property
    def best(self) -> Row:
        """The best of them."""

    @property
    def seconds(self) -> float:
        """How long they took."""


def numbers(
    row: Row,  # of history.csv
) -> dict[str, float]:
    """Leave out the stage and the epoch."""
    return {key: value for key, value in row.items() if isinstance(value, float)}


class Tracker(Protocol):
    """What keeps a run elsewhere; none raises, or a run would be lost for it."""

    def epoch(self, row: Row) -> None:
        """Record an epoch."""

    def close(self, bundle: Path | None) -> None:
        """End the record; without a bundle the run failed."""


class RunHistory(Callback):
    """Tell and keep each epoch of a run of several stages.

    The best epoch is that of the lowest validation loss: it weighs every probability, while
    balanced accuracy jumps by whole images where a class has few of them.
    """

    order = 60  # after fastai's Recorder, which sums the epoch up

    def __init__(
        self,
        out: Path,  # folder for HISTORY, BEST and PICTURE
        total: int,  # epochs of all stages
        quiet: bool = False,
        patience: int = 0,  # epochs without a better one after which the run ends; 0: never
        trackers: Sequence[Tracker] = (),  # of trackers.open_trackers
        write: bool = True,  # False: another rank does
        earlier: EarlierEpochs | None = None,  # to go on from
        scores: Sequence[str] = SINGLE_LABEL_SCORES,  # the learner's metrics but the last, the loss
        deadline: float | None = None,  # of time.monotonic(), when the run is to end; None: never
    ) -> None:
        self.out = out
        self.total = total
        self.quiet = quiet or not write
        self.patience = patience
        self.trackers = trackers
        self.write = write
        self.scores = tuple(scores)
        self.deadline = deadline
        self.rows: list[Row] = []
        self.best: Row | None = None
        self.earlier_seconds = 0.0  # that the sessions before this one trained
        if earlier:
            self.rows = [*earlier.rows]
            self.best = earlier.best
            self.earlier_seconds = earlier.seconds
        self.begun = time.monotonic()
        self.error: CxrError | None = None  # for the fit's caller to raise
        self.kept = False  # whether the running epoch stands in the history
        self._write_table()

    def enter(self, stage: Stage) -> None:
        """Begin a stage."""
        self.stage = stage

    @property
    def running_epoch(self) -> int:
        """The number of the running epoch, from 1, over all stages."""
        return len(self.rows) + 1

    @property
    def out_of_patience(self) -> bool:
        """Whether nothing got better for long."""
        if not self.patience or self.best is None:
            return False
        epochs_since = self.rows[-1]["epoch"] - self.best["epoch"]
        return epochs_since >= self.patience

    @property
    def out_of_time(self) -> bool:
        """Whether the run's time is over."""
        return self.deadline is not None and time.monotonic() >= self.deadline

    @property
    def seconds(self) -> float:
        """How long was trained, interruptions left out."""
        this_session = time.monotonic() - self.begun
        return self.earlier_seconds + this_session

    def stop(self, error: CxrError) -> None:
        """End the fit, whose caller raises `error`.

        Raised from here, fastai would put words of its own before it.
        """
        self.error = error
        raise CancelFitException

    # ---- events of fastai's loop

    def before_epoch(self) -> None:
        """Tell our own loader the number of the epoch: the order of images follows from it."""
        self.kept = False
        self.epoch_begun = time.monotonic()
        train = unwrapped_loader(self.learn.dls.train)
        if isinstance(train, CachedDL):
            train.epoch = len(self.rows)

    def after_batch(self) -> None:
        """End the epoch's training when the time is over; what was learnt is validated and kept."""
        if self.learn.training and self.out_of_time:
            raise CancelTrainException

    def after_cancel_train(self) -> None:
        """Have fastai's Recorder sum up an epoch that the time cut short as any other."""
        if self.out_of_time:
            self.learn.recorder.cancel_train = False

    def after_epoch(self) -> None:
        """Keep the epoch and tell it."""
        log = self.learn.recorder.log  # epoch, train loss, valid loss, metrics
        n_metrics = len(self.scores) + 1  # the loss is the last
        if len(log) < 3 + n_metrics:
            return  # cancelled: an epoch that an earlier session finished
        metrics = [float(x) for x in log[3 : 3 + n_metrics]]
        row = self._row(train_loss=float(log[1]), scores=metrics[:-1], valid_loss=metrics[-1])
        try:
            self._keep(row)
        except CxrError as e:
            self.stop(e)
        if not self.quiet:
            say(_line(row, self.total))
        if self.out_of_patience or self.out_of_time:
            raise CancelFitException

    def _row(self, train_loss: float, scores: list[float], valid_loss: float) -> Row:
        """Make the row of the epoch that has just ended."""
        values = (
            self.stage.name,
            self.running_epoch,
            train_loss,
            valid_loss,
            *scores,
            self.stage.head_rate,
            time.monotonic() - self.epoch_begun,
        )
        return dict(zip(columns(self.scores), values))

    def _keep(self, row: Row) -> None:
        """Add the epoch to the history; keep its weights too, if it is the best so far."""
        self.rows.append(row)
        is_best = self.best is None or row["valid_loss"] < self.best["valid_loss"]
        if is_best:
            self.best = row
        if self.write:
            self._write_table()
            if is_best:
                self._write_weights()
            for tracker in self.trackers:
                tracker.epoch(row)
        self.kept = True

    # ---- files

    def _write_weights(self) -> None:
        """Write best.safetensors."""
        net = unwrapped_network(self.learn.model)
        state = copy_tensors(net.state_dict(), "cpu")
        contiguous = {name: t.contiguous() for name, t in state.items()}
        with atomic_path(self.out / BEST, sync=False) as part:
            part.write_bytes(safetensors.torch.save(contiguous))

    def _write_table(self) -> None:
        """Write history.csv."""
        if not self.write:
            return
        table = io.StringIO()
        writer = csv.writer(table, lineterminator="\n")
        writer.writerow(columns(self.scores))
        for row in self.rows:
            writer.writerow([_cell(value) for value in row.values()])
        write_text(self.out / HISTORY, table.getvalue())

    def write_picture(self) -> None:
        """Draw the history, once a run ends in whichever way."""
        if self.best is None or not self.write:
            return
        png = history_png(self.rows, self.best, self.scores)
        with atomic_path(self.out / PICTURE) as part:
            part.write_bytes(png)


def _cell(
    value: Any,  # of a row
) -> Any:
    """Shorten a number for history.csv."""
    return f"{value:.6g}" if isinstance(value, float) else value


SHORT_NAMES = {"balanced_accuracy": "balanced", "macro_auroc": "AUROC", "macro_ap": "AP"}


def _line(
    row: Row,
    total: int,  # epochs
) -> str:
    """Say an epoch in one line."""
    told = []
    for name in row:
        if name not in columns(()):
            told.append(f"{SHORT_NAMES.get(name, name)} {row[name]:.3f}")
    return (
        f"epoch {row['epoch']}/{total} ({row['stage']}) "
        f"train {row['train_loss']:.3f} valid {row['valid_loss']:.3f} "
        f"{' '.join(told)} {row['seconds']:.0f} s"
    )


class LossGuard(Callback):
    """Stop a run whose loss is no number any more, and say where that was.

    On a GPU many losses are looked at together, as each look waits for it; before an epoch is kept
    in any case.
    """

    order = 60  # as RunHistory
    BATCHES_A_LOOK = 50

    def __init__(
        self,
        history: RunHistory,  # of the run that is watched
    ) -> None:
        self.history = history
        self.unseen: list[torch.Tensor] = []  # losses that were not looked at yet

    def before_epoch(self) -> None:
        """Forget what an interrupted epoch left."""
        self.unseen = []

    def after_loss(self) -> None:
        """Look at the loss, now or with the next ones."""
        self.unseen.append(self.learn.loss.detach())
        on_cpu = self.learn.loss.device.type == "cpu"
        is_last = self.learn.iter + 1 == self.learn.n_iter
        if on_cpu or is_last or len(self.unseen) == self.BATCHES_A_LOOK:
            self._look()

    def _look(self) -> None:
        """Look at all losses that were not looked at yet."""
        finite = torch.stack(self.unseen).isfinite()
        if finite.all():
            self.unseen.clear()
            return
        first_bad = int((~finite).nonzero()[0])
        self.history.stop(UsageError(self._message(first_bad)))

    def _message(self, i: int) -> str:
        """Say that the i-th of the losses not looked at is no number."""
        history = self.history
        batch = self.learn.iter + 2 - len(self.unseen) + i
        split = "train" if self.learn.training else "valid"
        rate = self.learn.opt.hypers[-1]["lr"]
        left = ""
        if history.best:
            left = f"The weights of epoch {history.best['epoch']} stand in {history.out / BEST}. "
        return (
            f"the loss became {self.unseen[i].item()} in stage {history.stage.name!r}, "
            f"epoch {history.running_epoch} of {history.total}, {split} batch {batch}, "
            f"at a rate of {rate:.3g}. {left}"
            f"Lower {flag('lr')}, it is {history.stage.head_rate:g}, or set {flag('clip', 1)}, "
            "and train again."
        )


class EpochBar(Callback):
    """A bar of the running epoch's batches, in a terminal or a notebook."""

    order = 59  # taken away before RunHistory tells the epoch

    def __init__(
        self,
        history: RunHistory,  # which knows the epoch
    ) -> None:
        self.history = history
        self.bar: Any = None

    def before_train(self) -> None:
        """Show the bar."""
        if not shows_bars():
            return
        from tqdm.auto import tqdm  # which draws in a notebook too

        self.bar = tqdm(
            total=len(self.learn.dls.train) + len(self.learn.dls.valid),
            desc=f"epoch {self.history.running_epoch}/{self.history.total}",
            file=sys.stderr,
            dynamic_ncols=True,
            leave=False,
        )

    def after_batch(self) -> None:
        """Move it on."""
        if self.bar is not None:
            self.bar.update()

    def after_epoch(self) -> None:
        """Take it away."""
        self.close()

    def close(self) -> None:
        """Take the bar away; also after an interrupted epoch."""
        if self.bar is not None:
            self.bar.close()
        self.bar = None
