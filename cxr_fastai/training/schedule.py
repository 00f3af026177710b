"""Which layers learn when, and how fast. Numbers of parameter groups and epochs in, Stages out; trains nothing.

Groups run from the one nearest the image to the head, as a network's own `param_groups` lists them: the stages follow
from their number, whatever the architecture.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Stage", "stages", "sides"]

# The first group's rate is a hundredth of the head's, those between follow evenly in the logarithm: fastai's
# `fine_tune` (lr_mult=100). With lr = 1e-3 a thawed stage is that of fine_tune's default, slice(1e-5, 1e-3).
# Discriminative rates and gradual unfreezing are of ULMFiT (Howard & Ruder 2018, arXiv 1801.06146).
SPREAD = 100


@dataclass(frozen=True)
class Stage:
    """A one-cycle of its own."""

    name: str  # for people: "head", "head and 1 of 2 body groups", "all layers"
    freeze_to: int  # fastai's: groups before this one are frozen; -1 trains the last group alone, 0 trains all
    epochs: int
    lr_max: float | slice  # a slice spreads over the groups, its stop is the head's

    @property
    def top(self) -> float:
        return self.lr_max.stop if isinstance(self.lr_max, slice) else self.lr_max


def stages(
    n_groups: int,  # parameter groups of the network, the head last
    epochs: int,  # in all
    lr: float,  # highest rate of the head
    pretrained: bool,  # does the body hold something worth keeping?
    unfreeze: str,  # progressive | at_once
) -> list[Stage]:  # their epochs add up to `epochs`, and the last trains all layers
    """Thaw a pretrained network one group at a time, an epoch each, the head first; the epochs left train the whole.
    With fewer epochs than groups, stages between drop out. A network from scratch has nothing to protect: one stage.
    """
    if not pretrained:
        return [Stage("all layers", 0, epochs, lr)]
    frozen = min(n_groups, epochs) - 1 if unfreeze == "progressive" else 0
    partly = [
        Stage(_name(i, n_groups - 1), -1 - i, 1, slice(lr / SPREAD, lr) if i else slice(lr))
        for i in range(frozen)
    ]
    return [*partly, Stage("all layers", 0, epochs - frozen, slice(lr / SPREAD, lr))]


def _name(thawed: int, of: int) -> str:
    return f"head and {thawed} of {of} body groups" if thawed else "head"


def sides(
    epochs: int,  # of the whole run
    resize,  # smaller sides to begin with, px
    size: int,  # the side to end with, px
) -> list[int]:  # the side of each epoch
    """Progressive resizing: each smaller side has the same number of epochs, the last side what is left over.
    With fewer epochs than sides the first ones drop out. (fast.ai's DAWNBench entry of 2018.)
    """
    steps = [*resize, size][-epochs:]
    each = epochs // len(steps)
    return [side for side in steps[:-1] for _ in range(each)] + [size] * (
        epochs - each * (len(steps) - 1)
    )
