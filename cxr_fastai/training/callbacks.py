"""What happens in a step beside forward, backward and update.

Settings that fastai has no fit callback for in, callbacks out, each doing one thing. None of them
writes files or decides when to stop.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from fastai.callback.core import Callback, CancelBatchException
from fastai.callback.mixup import CutMix, MixUp
from fastai.callback.training import GradientClip
from torch import Tensor

from cxr_fastai.recipes import Train
from cxr_fastai.training.distributed import unwrapped_loader, unwrapped_network
from cxr_fastai.training.schedule import sides

__all__ = ["step_callbacks", "copy_tensors", "Accumulate", "Average", "Resize", "StillBody"]

# fastai's and the papers' own (arXiv 1710.09412, 1905.04899)
MIXUP_ALPHA = 0.4
CUTMIX_ALPHA = 1.0


def step_callbacks(settings: Train) -> list[Callback]:
    """Return those that the settings ask for."""
    found: list[Callback] = []
    if settings.resize:
        found.append(Resize(sides(settings.epochs, settings.resize, settings.size)))
    if settings.mix == "mixup":
        found.append(MixUp(MIXUP_ALPHA))
    if settings.mix == "cutmix":
        found.append(CutMix(CUTMIX_ALPHA))
    if settings.accumulate > 1:
        found.append(Accumulate(settings.accumulate))
    if settings.clip:
        found.append(GradientClip(settings.clip))
    if settings.ema:
        found.append(Average(settings.ema))
    if settings.unfreeze == "never":
        found.append(StillBody())
    return found


def copy_tensors(
    tensors: Mapping[str, Tensor],  # a state dict
    device: torch.device | str | None = None,  # None: each where it lies
) -> dict[str, Tensor]:
    """Return copies that no training step changes; their layout in memory stays."""
    return {
        name: t.detach().to(t.device if device is None else device, copy=True)
        for name, t in tensors.items()
    }


class Resize(Callback):
    """Each epoch of the run at its own side, out of the cache of that side.

    Validation stays at the last one. Needs the loaders of `build_dataloaders`.
    """

    order = 65  # after RunHistory has told the loader which epoch of the run comes

    def __init__(
        self,
        sides: list[int],  # px, of each epoch of the run
    ) -> None:
        self.sides = sides

    def before_epoch(self) -> None:
        """Choose the side."""
        train = unwrapped_loader(self.learn.dls.train)
        epoch = min(train.epoch, len(self.sides) - 1)
        train.use_side(self.sides[epoch])


class StillBody(Callback):
    """A body that never thaws stays as it is to the last number: its batch norm is in eval mode.

    fastai's `freeze` lets batch norm learn and follow each batch, which a body on cached features
    does not do either.
    """

    def before_train(self) -> None:
        """Take parts in which nothing learns out of train mode, which fastai has just set."""
        for part in unwrapped_network(self.learn.model).children():
            if not any(weights.requires_grad for weights in part.parameters()):
                part.eval()


class Accumulate(Callback):
    """One step for the gradients of several batches, their mean.

    The last batches of an epoch make a step however few they are: fastai's own
    GradientAccumulation carries them into the next epoch, which no checkpoint could hold.
    """

    order = 15  # before GradientClip, which measures the sum

    def __init__(
        self,
        n: int,  # batches a step
    ) -> None:
        self.n = n

    def after_loss(self) -> None:
        """Make the sum of the gradients a mean."""
        if self.learn.training:
            self.learn.loss_grad = self.learn.loss_grad / self._batches_of_this_step()

    def _batches_of_this_step(self) -> int:
        """Count them: fewer at the end of an epoch."""
        first_batch = self.learn.iter // self.n * self.n
        batches_left = self.learn.n_iter - first_batch
        return min(self.n, batches_left)

    def before_step(self) -> None:
        """Step only after the last of them."""
        batches = self.learn.iter + 1
        if batches % self.n and batches < self.learn.n_iter:
            raise CancelBatchException


class Average(Callback):
    """An exponential moving average of the weights: it validates, is kept and is exported.

    Young averages forget faster, by (1 + steps)/(10 + steps), as TensorFlow's
    ExponentialMovingAverage has it. What counts or is no float, as batch norm's step counter, is
    taken over as it is.
    """

    order = 70  # swaps back after RunHistory, at 60, has kept the epoch

    def __init__(
        self,
        decay: float,  # a step, of what was
    ) -> None:
        self.decay = decay
        self.steps = 0
        self.mean: dict[str, Tensor] | None = None  # the average; None before training
        self.raw: dict[str, Tensor] | None = None  # what trains, while the average validates

    def before_fit(self) -> None:
        """Begin with the weights as they are."""
        if self.mean is None:
            self.mean = copy_tensors(self._network().state_dict())

    def after_step(self) -> None:
        """Move the average towards the weights."""
        assert self.mean is not None  # of before_fit
        self.steps += 1
        young_decay = (1 + self.steps) / (10 + self.steps)
        decay = min(self.decay, young_decay)
        current = self._network().state_dict()
        floats = [name for name, t in current.items() if t.is_floating_point()]
        torch._foreach_lerp_(
            [self.mean[name] for name in floats],
            [current[name] for name in floats],
            1 - decay,
        )
        for name in current.keys() - set(floats):
            self.mean[name].copy_(current[name])

    def before_validate(self) -> None:
        """Let the average validate."""
        if self.raw is not None:
            return
        self.raw = copy_tensors(self._network().state_dict())
        self._network().load_state_dict(self.mean)

    def after_epoch(self) -> None:
        """Train on with the raw weights."""
        self._swap_out()

    def after_cancel_fit(self) -> None:
        """Put the raw weights back also where the fit ends early."""
        self._swap_out()

    def _network(self) -> torch.nn.Module:
        """Return the network that trains."""
        return unwrapped_network(self.learn.model)

    def _swap_out(self) -> None:
        """Put the raw weights back, where the average stands in their place."""
        if self.raw is not None:
            self._network().load_state_dict(self.raw)
        self.raw = None
