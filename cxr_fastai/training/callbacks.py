"""What happens in a step beside forward, backward and update: callbacks for settings that fastai has no fit one for.

Settings in, callbacks out, each doing one thing. None of them writes files or decides when to stop.
"""

from __future__ import annotations

import torch
from fastai.callback.core import Callback, CancelBatchException
from fastai.callback.mixup import CutMix, MixUp
from fastai.callback.training import GradientClip

from cxr_fastai.recipes import Train
from cxr_fastai.training.schedule import sides

__all__ = ["step_callbacks", "bare", "Accumulate", "Average", "Resize"]

MIX = {"mixup": MixUp, "cutmix": CutMix}
MIX_ALPHA = {
    "mixup": 0.4,
    "cutmix": 1.0,
}  # fastai's and the papers' own (arXiv 1710.09412, 1905.04899)


def step_callbacks(
    s: Train,
) -> list[Callback]:
    """Those that the settings ask for."""
    found = [Resize(sides(s.epochs, s.resize, s.size))] if s.resize else []
    if s.mix != "none":
        found.append(MIX[s.mix](MIX_ALPHA[s.mix]))
    if s.accumulate > 1:
        found.append(Accumulate(s.accumulate))
    if s.clip:
        found.append(GradientClip(s.clip))
    if s.ema:
        found.append(Average(s.ema))
    return found


def bare(wrapped):
    """The network within DistributedDataParallel, or the loader within fastai's DistributedDL; else the thing itself."""
    return getattr(wrapped, "module", getattr(wrapped, "dl", wrapped))


class Resize(Callback):
    """Each epoch of the run at its own side, out of the cache of that side. Validation stays at the last one."""

    order = 65  # after Watch has told the loader which epoch of the run comes

    def __init__(self, sides: list[int]):
        self.sides = sides

    def before_epoch(self):
        train = bare(self.learn.dls.train)
        train.pixels = self.learn.dls.train_pixels[
            self.sides[min(train.epoch, len(self.sides) - 1)]
        ]


class Accumulate(Callback):
    """One step for the gradients of several batches, their mean. The last batches of an epoch make a step however few
    they are: fastai's own GradientAccumulation carries them into the next epoch, which no checkpoint could hold.
    """

    order = 15  # before GradientClip, which measures the sum

    def __init__(self, n: int):
        self.n = n

    def after_loss(self):
        if self.learn.training:
            self.learn.loss_grad = self.learn.loss_grad / self._of_its_step()

    def _of_its_step(self) -> int:
        """Batches that make up the step which this one belongs to."""
        return min(self.n, self.learn.n_iter - self.learn.iter // self.n * self.n)

    def before_step(self):
        if (self.learn.iter + 1) % self.n and self.learn.iter + 1 < self.learn.n_iter:
            raise CancelBatchException


class Average(Callback):
    """An exponential moving average of the weights, which validates, is kept and is exported in their place.

    Young averages forget faster, by (1 + steps)/(10 + steps), as TensorFlow's ExponentialMovingAverage has it. What
    counts or is no float, as batch norm's step counter, is taken over as it is.
    """

    order = 70  # swaps back after Watch, at 60, has kept the epoch

    def __init__(self, decay: float):
        self.decay, self.steps, self.mean, self.raw = decay, 0, None, None

    def before_fit(self):
        if self.mean is None:
            self.mean = self._copy()

    def after_step(self):
        self.steps += 1
        pace = 1 - min(self.decay, (1 + self.steps) / (10 + self.steps))
        now = bare(self.learn.model).state_dict()
        floats = [k for k, v in now.items() if v.is_floating_point()]
        torch._foreach_lerp_([self.mean[k] for k in floats], [now[k] for k in floats], pace)
        for k in now.keys() - set(floats):
            self.mean[k].copy_(now[k])

    def before_validate(self):
        self._swap_in()

    def after_epoch(self):
        self._swap_out()

    def after_cancel_fit(self):
        self._swap_out()

    def _copy(self) -> dict:
        return {k: v.detach().clone() for k, v in bare(self.learn.model).state_dict().items()}

    def _swap_in(self):
        if self.raw is not None:
            return
        self.raw = self._copy()
        bare(self.learn.model).load_state_dict(self.mean)

    def _swap_out(self):
        if self.raw is not None:
            bare(self.learn.model).load_state_dict(self.raw)
        self.raw = None
