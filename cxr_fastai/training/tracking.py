"""What a run leaves behind as it goes: history.csv, the best checkpoint, and a bar or plain lines on stderr.

A fastai callback that watches and writes, an epoch at a time; it changes nothing of the training but stops it where the
loss is no number any more. Never writes to stdout.
"""
from __future__ import annotations
import csv, math, sys, time
from pathlib import Path
import safetensors.torch

from . import fastai_first  # noqa: F401
from fastai.callback.core import Callback, CancelFitException

from ..core import CxrError, StorageError, atomic_path
from ..progress import say
from .schedule import Stage

__all__ = ["Watch", "HISTORY", "BEST"]

HISTORY, BEST = "history.csv", "best.safetensors"
COLUMNS = ("stage", "epoch", "train_loss", "valid_loss", "accuracy", "balanced_accuracy", "lr_max", "seconds")


class Watch(Callback):
    """Tell and keep each epoch of a run of several stages.

    The best epoch is that of the lowest validation loss: it weighs every probability, while balanced accuracy jumps by
    whole images where a class has few of them."""
    order = 60  # after fastai's Recorder, which sums the epoch up

    def __init__(self,
        out:Path,      # folder for HISTORY and BEST
        total:int,     # epochs of all stages
        quiet:bool=False,
    ):
        self.out, self.total, self.quiet = out, total, quiet
        self.rows, self.best, self.error, self.meter = [], None, None, None
        _append(out/HISTORY, COLUMNS)

    def enter(self, stage:Stage): self.stage = stage

    @property
    def now(self)->int: return len(self.rows) + 1  # the running epoch, from 1, over all stages

    # ---- events of fastai's loop

    def before_epoch(self):
        self.begun = time.monotonic()
        self.learn.dls.train.epoch = len(self.rows)  # the order of images follows from the seed and this number
        if not self.quiet and sys.stderr.isatty(): self.meter = self._bar()

    def after_loss(self):
        if math.isfinite(self.learn.loss.item()): return
        where = f"stage {self.stage.name!r}, epoch {self.now} of {self.total}, batch {self.learn.iter + 1}"
        self._stop(CxrError(f"the loss became {self.learn.loss.item()} in {where}. "
                            f"Lower --lr (it is {self.stage.top:g}) and train again."))

    def after_batch(self):
        if self.meter: self.meter.update()

    def after_epoch(self):
        self.close()
        train, valid, accuracy, balanced = map(float, self.learn.recorder.log[1:5])
        seconds = time.monotonic() - self.begun
        row = dict(zip(COLUMNS, (self.stage.name, self.now, train, valid, accuracy, balanced, self.stage.top, seconds)))
        try: self._keep(row)
        except CxrError as e: self._stop(e)
        if not self.quiet: say(_line(row, self.total))

    # ---- what they do

    def _keep(self, row:dict):
        "Append the epoch to the history; its weights too, if it is the best so far."
        self.rows.append(row)
        _append(self.out/HISTORY, map(_cell, row.values()))
        if self.best and row["valid_loss"] >= self.best["valid_loss"]: return
        self.best = row
        state = {k: v.detach().cpu().contiguous() for k, v in self.learn.model.state_dict().items()}
        with atomic_path(self.out/BEST) as part: part.write_bytes(safetensors.torch.save(state))

    def _stop(self, error:CxrError):
        "End the fit, whose caller raises `error`: raised from here, fastai would put words of its own before it."
        self.error = error
        raise CancelFitException

    def _bar(self):
        from tqdm import tqdm
        batches = len(self.learn.dls.train) + len(self.learn.dls.valid)
        what = f"epoch {self.now}/{self.total}"
        return tqdm(total=batches, desc=what, file=sys.stderr, dynamic_ncols=True, leave=False)

    def close(self):
        "Take the bar away; also after an interrupted epoch."
        if self.meter: self.meter.close()
        self.meter = None


def _append(file:Path, cells):
    try:
        with open(file, "a", newline="", encoding="utf-8") as f: csv.writer(f, lineterminator="\n").writerow(cells)
    except OSError as e:
        raise StorageError(f"cannot write {file}: {e.strerror or e}. Free space or permission there.") from e

def _cell(value): return f"{value:.6g}" if isinstance(value, float) else value

def _line(row:dict, total:int)->str:
    r = row
    return (f"epoch {r['epoch']}/{total} ({r['stage']}) train {r['train_loss']:.3f} valid {r['valid_loss']:.3f} "
            f"accuracy {r['accuracy']:.3f} balanced {r['balanced_accuracy']:.3f} {r['seconds']:.0f} s")
