"""What a run leaves behind as it goes: history.csv, the best weights, a picture, and a bar or plain lines on stderr.

A fastai callback that watches and writes, an epoch at a time; it changes nothing of the training but stops it where the
loss is no number any more, or nothing got better for long. Never writes to stdout.
"""

from __future__ import annotations

import csv
import io
import sys
import time
from pathlib import Path

import safetensors.torch
import torch
from fastai.callback.core import Callback, CancelFitException

from cxr_fastai.core import CxrError, UsageError, atomic_path, write_text
from cxr_fastai.progress import say
from cxr_fastai.training.callbacks import bare
from cxr_fastai.training.schedule import Stage

__all__ = ["Watch", "columns", "history_png", "HISTORY", "BEST", "PICTURE"]

HISTORY, BEST, PICTURE = "history.csv", "best.safetensors", "history.png"
SCORES = ("accuracy", "balanced_accuracy")  # of the columns those that hang on the task


def columns(scores=SCORES) -> tuple[str, ...]:
    """Of history.csv."""
    return ("stage", "epoch", "train_loss", "valid_loss", *scores, "lr_max", "seconds")


LOOK = 50  # batches between two looks at the loss on a GPU, where each look waits for it


class Watch(Callback):
    """Tell and keep each epoch of a run of several stages.

    The best epoch is that of the lowest validation loss: it weighs every probability, while balanced accuracy jumps by
    whole images where a class has few of them.
    """

    order = 60  # after fastai's Recorder, which sums the epoch up

    def __init__(
        self,
        out: Path,  # folder for HISTORY, BEST and PICTURE
        total: int,  # epochs of all stages
        quiet: bool = False,
        patience: int = 0,  # epochs without a better one after which the run ends; 0: never
        trackers=(),  # of trackers.open_trackers
        write: bool = True,  # False: another rank does
        state=None,  # checkpoint.State to go on from
        scores=SCORES,  # names of the learner's metrics but for the last, which is the loss
    ):
        self.scores = tuple(scores)
        self.out, self.total, self.patience, self.trackers, self.write = (
            out,
            total,
            patience,
            trackers,
            write,
        )
        self.quiet, self.error, self.meter, self.kept = quiet or not write, None, None, False
        self.rows, self.best = ([*state.rows], state.best) if state else ([], None)
        self.before, self.begun = state.seconds if state else 0.0, time.monotonic()
        self._history()

    def enter(self, stage: Stage):
        self.stage = stage

    @property
    def now(self) -> int:
        return len(self.rows) + 1  # the running epoch, from 1, over all stages

    @property
    def stopped(self) -> bool:  # nothing got better for long
        return (
            bool(self.patience and self.rows)
            and self.rows[-1]["epoch"] - self.best["epoch"] >= self.patience
        )

    @property
    def seconds(self) -> float:
        return self.before + time.monotonic() - self.begun  # of training, interruptions left out

    # ---- events of fastai's loop

    def before_epoch(self):
        self.kept, self.epoch_begun, self.losses = False, time.monotonic(), []
        bare(self.learn.dls.train).epoch = len(
            self.rows
        )  # the order of images follows from the seed and this number

    def before_train(self):
        if not self.quiet and sys.stderr.isatty():
            self.meter = self._bar()

    def after_loss(self):
        """Look at the loss; on a GPU at many of them at once, before the epoch is kept in any case."""
        self.losses.append(self.learn.loss.detach())
        on_cpu, last = (
            self.learn.loss.device.type == "cpu",
            self.learn.iter + 1 == self.learn.n_iter,
        )
        if on_cpu or last or len(self.losses) == LOOK:
            self._look()

    def after_batch(self):
        if self.meter:
            self.meter.update()

    def after_epoch(self):
        self.close()
        log, n = self.learn.recorder.log, len(self.scores)
        if len(log) < 4 + n:
            return  # cancelled: an epoch that an earlier session finished
        train, _, *scores, valid = map(float, log[1 : 4 + n])
        seconds = time.monotonic() - self.epoch_begun
        row = dict(
            zip(
                columns(self.scores),
                (self.stage.name, self.now, train, valid, *scores, self.stage.top, seconds),
            )
        )
        try:
            self._keep(row)
        except CxrError as e:
            self.stop(e)
        if not self.quiet:
            say(_line(row, self.total))
        if self.stopped:
            raise CancelFitException

    # ---- what they do

    def _keep(self, row: dict):
        """Add the epoch to the history; keep its weights too, if it is the best so far."""
        self.rows.append(row)
        best = not self.best or row["valid_loss"] < self.best["valid_loss"]
        if best:
            self.best = row
        if self.write:
            self._history()
            if best:
                self._weights()
            for tracker in self.trackers:
                tracker.epoch(row)
        self.kept = True

    def _weights(self):
        state = {
            k: v.detach().cpu().contiguous() for k, v in bare(self.learn.model).state_dict().items()
        }
        with atomic_path(self.out / BEST, sync=False) as part:
            part.write_bytes(safetensors.torch.save(state))

    def _history(self):
        if not self.write:
            return
        table = io.StringIO()
        rows = [map(_cell, row.values()) for row in self.rows]
        csv.writer(table, lineterminator="\n").writerows([columns(self.scores), *rows])
        write_text(self.out / HISTORY, table.getvalue())

    def _look(self):
        finite = torch.stack(self.losses).isfinite()
        if finite.all():
            return self.losses.clear()
        i = int((~finite).nonzero()[0])
        batch, what = (
            self.learn.iter + 2 - len(self.losses) + i,
            "train" if self.learn.training else "valid",
        )
        rate = self.learn.opt.hypers[-1]["lr"]
        left = (
            f"The weights of epoch {self.best['epoch']} stand in {self.out / BEST}. "
            if self.best
            else ""
        )
        self.stop(
            UsageError(
                f"the loss became {self.losses[i].item()} in stage {self.stage.name!r}, epoch {self.now} "
                f"of {self.total}, {what} batch {batch}, at a rate of {rate:.3g}. {left}"
                f"Lower --lr (it is {self.stage.top:g}) or set --clip 1, and train again."
            )
        )

    def stop(self, error: CxrError):
        """End the fit, whose caller raises `error`: raised from here, fastai would put words of its own before it."""
        self.error = error
        raise CancelFitException

    def picture(self):
        """Draw the history, once a run ends in whichever way."""
        if not self.rows or not self.write:
            return
        png = history_png(self.rows, self.best)
        with atomic_path(self.out / PICTURE) as part:
            part.write_bytes(png)

    def _bar(self):
        from tqdm import tqdm

        batches = len(self.learn.dls.train) + len(self.learn.dls.valid)
        what = f"epoch {self.now}/{self.total}"
        return tqdm(total=batches, desc=what, file=sys.stderr, dynamic_ncols=True, leave=False)

    def close(self):
        """Take the bar away; also after an interrupted epoch."""
        if self.meter:
            self.meter.close()
        self.meter = None


def _cell(value):
    return f"{value:.6g}" if isinstance(value, float) else value


SHORT = {"balanced_accuracy": "balanced", "macro_auroc": "AUROC", "macro_ap": "AP"}


def _scores(row: dict) -> list[str]:
    return [k for k in row if k not in columns(())]


def _line(row: dict, total: int) -> str:
    r, said = row, " ".join(f"{SHORT.get(k, k)} {row[k]:.3f}" for k in _scores(row))
    return (
        f"epoch {r['epoch']}/{total} ({r['stage']}) train {r['train_loss']:.3f} valid {r['valid_loss']:.3f} "
        f"{said} {r['seconds']:.0f} s"
    )


def history_png(
    rows: list[dict],  # of history.csv
    best: dict,  # the row that was kept
) -> bytes:
    """Losses and scores by epoch, as a PNG. Draws without pyplot: a notebook's backend stays as it is."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    fig, epochs = (
        Figure(figsize=(9, 3.6), facecolor="white", layout="constrained"),
        [r["epoch"] for r in rows],
    )
    for ax, title, of in zip(
        fig.subplots(1, 2),
        ("loss", "on validation images"),
        (("train_loss", "valid_loss"), _scores(best)),
    ):
        for key, color in zip(of, ("#7b8794", "#1f6fb2")):
            ax.plot(
                epochs,
                [r[key] for r in rows],
                color=color,
                marker="o",
                markersize=3,
                label=key.replace("_", " "),
            )
        ax.axvline(
            best["epoch"], color="#b3bcc5", linewidth=1, linestyle=":", label="kept epoch", zorder=0
        )
        ax.set_title(title, loc="left", fontsize=11, color="#1c2733")
        ax.set_xlabel("epoch", color="#52606d")
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        ax.spines[["top", "right"]].set_visible(False)
        ax.legend(frameon=False, fontsize=9)
    buffer = io.BytesIO()
    fig.savefig(buffer, format="png", dpi=120, metadata={"Software": None})
    return buffer.getvalue()
