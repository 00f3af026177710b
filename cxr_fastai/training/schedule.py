"""Which layers learn when, and how fast.

Numbers of parameter groups and epochs in, Stages out; trains nothing. Groups run from the one
nearest the image to the head, as a network's own `param_groups` lists them: the stages follow from
their number, whatever the architecture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Stage", "stages", "sides"]

# The first group's rate is a hundredth of the head's, those between follow evenly in the
# logarithm: fastai's `fine_tune` (lr_mult=100). With lr = 1e-3 a thawed stage is that of
# fine_tune's default, slice(1e-5, 1e-3). Discriminative rates and gradual unfreezing are of
# ULMFiT (Howard & Ruder 2018, arXiv 1801.06146).
SPREAD = 100


@dataclass(frozen=True)
class Stage:
    """A one-cycle of its own."""

    name: str  # for people: "head", "head and 1 of 2 body groups", "all layers"
    freeze_to: int  # fastai's: groups before this one are frozen; -1: only the last trains, 0: all
    epochs: int
    lr_max: float | slice  # a slice spreads over the groups, its stop is the head's

    @property
    def head_rate(self) -> float:
        """The highest rate of the stage, which is the head's."""
        if isinstance(self.lr_max, slice):
            return self.lr_max.stop
        return self.lr_max


def stages(
    n_groups: int,  # parameter groups of the network, the head last
    epochs: int,  # in all
    lr: float,  # highest rate of the head
    pretrained: bool,  # does the body hold something worth keeping?
    unfreeze: str,  # progressive | at_once | never
    freeze_epochs: int = 1,  # of the head alone, where it thaws progressively
) -> list[Stage]:  # their epochs add up to `epochs`
    """Thaw a pretrained network one group at a time, an epoch each, after the head's own epochs.

    The epochs that are left train the whole, of which there is at least one. With fewer epochs than
    groups, stages between drop out. A network that never thaws has the head's stage alone, one from
    scratch has nothing to protect: one stage.
    """
    if not pretrained:
        return [Stage(name="all layers", freeze_to=0, epochs=epochs, lr_max=lr)]
    if unfreeze == "never":
        return [_head_alone(epochs, lr)]
    partly: list[Stage] = []
    if unfreeze == "progressive" and n_groups > 1 and epochs > 1:
        partly = _thawing(n_groups - 1, epochs, lr, freeze_epochs)
    whole = Stage(
        name="all layers",
        freeze_to=0,
        epochs=epochs - sum(stage.epochs for stage in partly),
        lr_max=slice(lr / SPREAD, lr),
    )
    return [*partly, whole]


def _thawing(
    body_groups: int,
    epochs: int,  # at least 2
    lr: float,
    freeze_epochs: int,
) -> list[Stage]:
    """Return the stages before all layers train, for which at least an epoch is left."""
    head = _head_alone(min(freeze_epochs, epochs - 1), lr)
    between = min(body_groups - 1, epochs - head.epochs - 1)
    partly = [_partly_frozen(thawed, body_groups, lr) for thawed in range(1, between + 1)]
    return [head, *partly]


def _head_alone(epochs: int, lr: float) -> Stage:
    """Return the stage in which the body is frozen."""
    return Stage(name="head", freeze_to=-1, epochs=epochs, lr_max=slice(lr))


def _partly_frozen(
    thawed: int,  # body groups that train beside the head, at least one
    body_groups: int,
    lr: float,
) -> Stage:
    """Return the epoch in which the head and the last `thawed` groups of the body train."""
    return Stage(
        name=f"head and {thawed} of {body_groups} body groups",
        freeze_to=-1 - thawed,
        epochs=1,
        lr_max=slice(lr / SPREAD, lr),
    )


def sides(
    epochs: int,  # of the whole run
    resize: Sequence[int],  # smaller sides to begin with, px
    size: int,  # the side to end with, px
) -> list[int]:  # the side of each epoch
    """Plan progressive resizing (fast.ai's DAWNBench entry of 2018).

    Each smaller side has the same number of epochs, the last side what is left over. With fewer
    epochs than sides the first ones drop out.
    """
    steps = [*resize, size][-epochs:]
    epochs_each = epochs // len(steps)
    plan: list[int] = []
    for side in steps[:-1]:
        plan += [side] * epochs_each
    return plan + [size] * (epochs - len(plan))
