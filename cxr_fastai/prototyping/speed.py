"""What computes here, how fast, and which pretrained weights lie at hand: all that a plan asks.

Networks are timed on random pixels, in the precision that training would choose. Nothing is
fetched, and no image is read.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import nn

from cxr_fastai.models.imagenet import is_at_hand
from cxr_fastai.prototyping.plan import LITE, PROBE, Candidate, Machine
from cxr_fastai.training.learner import start_network
from cxr_fastai.training.precision import choose_precision, computing

__all__ = [
    "this_machine",
    "weights_at_hand",
    "best_threads",
    "computing_on",
    "step_timer",
    "time_step",
]

WISHED = ("resnet34", "resnet18", LITE)  # architectures whose ImageNet weights a plan can use
CLEARLY_FASTER = 1.5  # times, for one thread to be taken instead of all
TIMED_STEPS = 4
MAX_TIMED_SECONDS = 4.0  # of one network: on a slow machine fewer steps are timed


def this_machine() -> Machine:
    """Return what this process may compute with."""
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else ""
    return Machine(cores=_usable_cores(), gpu=gpu)


def _usable_cores() -> int:
    """Count the cores that this process may use, where the system says; else all."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def weights_at_hand() -> list[str]:
    """Name the architectures whose ImageNet weights lie on this machine."""
    return [arch for arch in WISHED if is_at_hand(arch)]


def best_threads(
    classes: int,
    tell: Callable[[str], None],  # is told what was measured
) -> tuple[int, float]:  # threads, and seconds that a step of PROBE takes on them
    """Find how many threads compute fastest here, now: those that torch has, or one.

    Threads that wait for one another cost more than they give where other programs hold the cores.
    """
    threads = torch.get_num_threads()
    together = time_step(PROBE, classes)
    if threads == 1 or torch.cuda.is_available():
        return threads, together
    with computing_on(1):
        alone = time_step(PROBE, classes)
    if alone * CLEARLY_FASTER > together:
        return threads, together
    tell(
        f"measured: one thread is faster here than {threads} ({alone:.2f} s a step, not "
        f"{together:.2f} s): other programs hold the cores"
    )
    return 1, alone


@contextmanager
def computing_on(
    threads: int,  # 0: as many as there are
) -> Iterator[None]:
    """Compute on so many threads inside."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def step_timer(
    classes: int,
    seed: int,
    tell: Callable[[str], None],  # is told what was measured
) -> Callable[[Candidate], float]:
    """Return what times a step of a network and says it."""

    def timed(candidate: Candidate) -> float:
        """Time a step, and say it."""
        seconds = time_step(candidate, classes, seed)
        tell(
            f"measured: {candidate.arch} at {candidate.size} px, {seconds:.3f} s a step of "
            f"{candidate.bs} images"
        )
        return seconds

    return timed


def time_step(
    candidate: Candidate,
    classes: int,
    seed: int = 0,
) -> float:  # s, of forward, backward and update
    """Time a few training steps on this machine."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    net = start_network(candidate.arch, classes, "none", seed, [candidate.size]).net.to(device)
    optimiser = torch.optim.AdamW(net.parameters(), fused=True)
    side = candidate.size
    x = torch.rand(candidate.bs, 1, side, side, device=device)
    x = x.to(memory_format=torch.channels_last)
    y = torch.zeros(candidate.bs, dtype=torch.long, device=device)
    precision = choose_precision(device, "auto", net)
    with computing(net, precision, device):
        first = _mean_seconds(net, optimiser, x, y, 1)  # it plans convolutions, claims memory
        if first > MAX_TIMED_SECONDS:
            return first
        return _mean_seconds(net, optimiser, x, y, TIMED_STEPS)


def _mean_seconds(
    net: nn.Module,
    optimiser: torch.optim.Optimizer,
    x: torch.Tensor,  # a batch
    y: torch.Tensor,
    most: int,  # steps
) -> float:
    """Return the mean of some steps, of which there are fewer where they take long."""
    begun = time.monotonic()
    steps = 0
    while steps < most:
        _step(net, optimiser, x, y)
        steps += 1
        if time.monotonic() - begun > MAX_TIMED_SECONDS:
            break
    return (time.monotonic() - begun) / steps


def _step(
    net: nn.Module, optimiser: torch.optim.Optimizer, x: torch.Tensor, y: torch.Tensor
) -> None:
    """Train one step, to its end."""
    loss = nn.functional.cross_entropy(net(x), y)
    loss.backward()
    optimiser.step()
    optimiser.zero_grad()
    loss.item()  # waits for a GPU
