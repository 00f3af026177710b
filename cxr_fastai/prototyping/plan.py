"""How a model is trained within a budget: settings, each with its reason in words.

Numbers of images, a machine, the seconds that are left and those that a step took here -> a Plan.
It measures nothing, and imports nothing heavy: `speed` times the steps.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from cxr_fastai.advice import flag
from cxr_fastai.reporting.text import count

__all__ = [
    "Candidate",
    "Choice",
    "Images",
    "Machine",
    "PROBE",
    "Plan",
    "candidates",
    "choose_plan",
    "training_seconds",
]

# Of the time that is left when training begins. Steps that are measured alone take twice as long
# when another program wants the same cores; the deadline ends what takes longer still.
PLANNED_SHARE = 0.5
SCORING_SHARE = 0.15  # of the budget, kept for scores and page; and at least
MIN_SCORING_SECONDS = 8.0
VALID_COST = 0.35  # of a step: a forward pass alone, and no augmentation
STEPS_AN_EPOCH = 8  # that batches are made small for
MIN_BATCH, MAX_BATCH, MAX_GPU_BATCH = 8, 32, 64
# After so many steps of 16 radiographs a ResNet18 from scratch has learnt what they teach it; twice
# as many did not help: docs/prototype.md, "How the plan was set". Fine-tuning needs a third.
ENOUGH_STEPS = {"none": 150, "imagenet": 50}
TIMES_ENOUGH = 1.5  # epochs that are trained at most, where time allows
MAX_EPOCHS = {"none": 40, "imagenet": 10}
RATES = {"none": 3e-3, "imagenet": 1e-3}
LITE = "tf_efficientnet_lite0"  # its weights come with a package, so they may lie here offline
# Of a step, beside resnet18's, in the numbers that each trains in: benchmarks/results/precision.md.
COSTS = {"resnet34": 1.9, "resnet18": 1.0, LITE: 1.1, "cnn": 0.5}
MOST_HEAD_EPOCHS = 4  # on one view of each image: training.features.EPOCHS_A_VIEW
MIN_HOPE = 0.7  # of enough steps that a network is expected to reach, for it to be timed
MIN_SHARE_AFTER_TIMING = 0.7  # of the time that was left before networks were timed
MIN_STEPS_FOR_AVERAGE = 100  # of weights, whose memory at 0.98 is 50 steps
AVERAGE = 0.98


@dataclass(frozen=True)
class Machine:
    """What computes."""

    cores: int
    gpu: str = ""  # its name; empty: none


@dataclass(frozen=True)
class Images:
    """How many images each split has."""

    train: int
    valid: int


@dataclass(frozen=True)
class Candidate:
    """A network that may be trained: what its step must be timed with."""

    arch: str
    size: int  # px
    bs: int
    weights: str  # none | imagenet


# What is timed first: threads are chosen by it, and the cost of the others is expected from it.
PROBE = Candidate("resnet18", 64, 16, "none")


@dataclass(frozen=True)
class Choice:
    """One setting, and why it is so."""

    name: str  # of SETTINGS
    value: Any
    why: str


@dataclass(frozen=True)
class Plan:
    """How the model is trained."""

    choices: tuple[Choice, ...]
    seconds_a_step: float  # measured
    seconds_an_epoch: float  # that follow of it
    planned_seconds: float  # of all epochs
    left_seconds: float  # that training may take at most
    images: Images
    threads: int = 0  # that compute; 0: not chosen

    @property
    def settings(self) -> dict[str, Any]:
        """Return the settings by name, as `train` takes them."""
        return {choice.name: choice.value for choice in self.choices}

    def to_dict(self) -> dict[str, Any]:
        """Return it as strict JSON."""
        return {
            "choices": [vars(choice) for choice in self.choices],
            "seconds_a_step": self.seconds_a_step,
            "seconds_an_epoch": self.seconds_an_epoch,
            "planned_seconds": self.planned_seconds,
            "left_seconds": self.left_seconds,
            "images": vars(self.images),
            "threads": self.threads,
        }

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> Plan:
        """Read what `to_dict` wrote."""
        choices = tuple(Choice(**choice) for choice in stored["choices"])
        images = Images(**stored["images"])
        return cls(**{**stored, "choices": choices, "images": images})

    def __str__(self) -> str:
        width = max(len(f"{choice.name} {choice.value}") for choice in self.choices)
        lines = []
        for choice in self.choices:
            head = f"{choice.name} {choice.value}".ljust(width)
            lines.append(f"  {head}  {choice.why}")
        return "\n".join(lines)


# ---- time


def training_seconds(
    budget: float,  # s, of the whole road
    spent: float,  # s, of it
) -> float:  # s; never below 1
    """Return how long training may take so that scoring fits into the budget too."""
    scoring = max(MIN_SCORING_SECONDS, SCORING_SHARE * budget)
    return max(1.0, budget - spent - scoring)


def epoch_seconds(
    candidate: Candidate,
    images: Images,
    seconds_a_step: float,
) -> float:
    """Return what an epoch takes, validation with it."""
    steps = _batches(images.train, candidate.bs)
    valid_steps = _batches(images.valid, candidate.bs)
    return (steps + VALID_COST * valid_steps) * seconds_a_step


def _batches(images: int, bs: int) -> int:
    """Return how many batches so many images make."""
    return -(-images // bs)  # rounded up


# ---- networks


def candidates(
    images: Images,
    machine: Machine,
    pretrained: Sequence[str],  # architectures whose ImageNet weights are on this machine
) -> list[Candidate]:
    """Return the networks to choose from, the one to prefer first, the cheapest last."""
    bs = _batch_size(images.train, machine)
    sides = (224, 128, 64) if machine.gpu else (128, 96, 64)
    found = []
    if machine.gpu and "resnet34" in pretrained:
        found.append(Candidate("resnet34", 224, bs, "imagenet"))
    if LITE in pretrained and "resnet18" not in pretrained:
        found += [Candidate(LITE, side, bs, "imagenet") for side in sides]
    else:
        weights = "imagenet" if "resnet18" in pretrained else "none"
        found += [Candidate("resnet18", side, bs, weights) for side in sides]
    return [*found, Candidate("cnn", 64, bs, "none")]


def _batch_size(train: int, machine: Machine) -> int:
    """Return the largest power of two that leaves enough steps an epoch."""
    most = MAX_GPU_BATCH if machine.gpu else MAX_BATCH
    bs = MIN_BATCH
    while bs < most and train >= 2 * bs * STEPS_AN_EPOCH:
        bs *= 2
    return bs


# ---- the plan


def choose_plan(
    images: Images,
    machine: Machine,
    probe_seconds: float,  # measured, of a step of PROBE
    time_left: Callable[[], float],  # s, that training may take by now: of training_seconds
    time_step: Callable[[Candidate], float],  # measured seconds of a step
    pretrained: Sequence[str] = (),  # architectures whose ImageNet weights are on this machine
) -> Plan:
    """Choose the first network that learns enough in the time, else the one that comes nearest.

    Those that cannot fit, by what PROBE took, are not timed: timing takes time too.
    """
    offered = candidates(images, machine, pretrained)
    begun_with = time_left()
    measured: dict[Candidate, float] = {}
    for candidate in _hopeful(offered, images, probe_seconds, begun_with):
        measured[candidate] = time_step(candidate)
        if _share_of_enough(candidate, images, measured[candidate], time_left()) >= 1:
            break
        if time_left() < MIN_SHARE_AFTER_TIMING * begun_with:
            break
    left = time_left()
    shares = {}
    for candidate, seconds in measured.items():
        shares[candidate] = _share_of_enough(candidate, images, seconds, left)
    best = max(shares, key=shares.__getitem__)
    full = [candidate for candidate, share in shares.items() if share >= 1]
    chosen = full[0] if full else best
    return _plan(chosen, offered, images, machine, left, measured[chosen])


def _hopeful(
    offered: Sequence[Candidate], images: Images, probe_seconds: float, left: float
) -> Sequence[Candidate]:
    """Return the candidates from the first on that may learn enough in the time.

    Where none may, from the one on that is expected to come nearest.
    """
    expected = []
    for candidate in offered:
        seconds = probe_seconds * relative_cost(candidate)
        expected.append(_share_of_enough(candidate, images, seconds, left))
    for i, share in enumerate(expected):
        if share >= MIN_HOPE:
            return offered[i:]
    return offered[expected.index(max(expected)) :]


def relative_cost(candidate: Candidate) -> float:
    """Return what a step costs beside one of PROBE, by pixels, batch and architecture."""
    pixels = (candidate.size / PROBE.size) ** 2
    return pixels * candidate.bs / PROBE.bs * COSTS[candidate.arch]


def _share_of_enough(
    candidate: Candidate, images: Images, seconds_a_step: float, left: float
) -> float:
    """Return which part of enough steps fits into the planned time; 1 or more: all."""
    epochs = PLANNED_SHARE * left / epoch_seconds(candidate, images, seconds_a_step)
    steps = epochs * _batches(images.train, candidate.bs)
    return steps / ENOUGH_STEPS[candidate.weights]


def _plan(
    candidate: Candidate,
    offered: Sequence[Candidate],
    images: Images,
    machine: Machine,
    left: float,
    seconds_a_step: float,
) -> Plan:
    """Say every setting and its reason."""
    an_epoch = epoch_seconds(candidate, images, seconds_a_step)
    epochs = _epochs(candidate, images, an_epoch, left)
    planned = epochs * an_epoch
    steps = epochs * _batches(images.train, candidate.bs)
    share = _share_of_enough(candidate, images, seconds_a_step, left)
    fitting = int(share * ENOUGH_STEPS[candidate.weights])
    choices = [
        Choice("arch", candidate.arch, _why_arch(candidate, images, machine)),
        Choice("weights", candidate.weights, _why_weights(candidate)),
        Choice("size", candidate.size, _why_size(candidate, offered, fitting, left)),
        Choice("bs", candidate.bs, _why_batch(candidate, images)),
        Choice("epochs", epochs, _why_epochs(epochs, an_epoch, seconds_a_step, left)),
        *_frozen(candidate, epochs),
        Choice("lr", RATES[candidate.weights], _why_rate(candidate)),
        _average(steps),
        Choice("patience", 0, "no early end: the best epoch is kept, whichever it is"),
    ]
    return Plan(
        choices=tuple(choices),
        seconds_a_step=round(seconds_a_step, 4),
        seconds_an_epoch=round(an_epoch, 2),
        planned_seconds=round(planned, 1),
        left_seconds=round(left, 1),
        images=images,
    )


def _epochs(candidate: Candidate, images: Images, an_epoch: float, left: float) -> int:
    """Return how many epochs are trained: at most those that fit, and no more than help."""
    fit = int(PLANNED_SHARE * left / an_epoch)
    enough = _batches(ENOUGH_STEPS[candidate.weights], _batches(images.train, candidate.bs))
    most = min(MAX_EPOCHS[candidate.weights], max(math.ceil(TIMES_ENOUGH * enough), 2))
    return max(1, min(fit, most))


def _frozen(candidate: Candidate, epochs: int) -> list[Choice]:
    """Choose how long the head of a pretrained network learns alone: the first answer of a run."""
    if candidate.weights == "none":
        return []
    if epochs == 1:
        why = "the head alone learns, from features computed once: no time is left to thaw more"
        return [Choice("unfreeze", "never", why)]
    head_epochs = max(1, min(MOST_HEAD_EPOCHS, epochs // 2))
    told = count(head_epochs, "epoch")
    why = f"the head learns alone for {told}, from features computed once: a first answer, soon"
    return [Choice("freeze_epochs", head_epochs, why)]


def _average(steps: int) -> Choice:
    """Choose whether an average of the weights validates."""
    if steps < MIN_STEPS_FOR_AVERAGE:
        why = f"no average of the weights: {count(steps, 'step')} are too few for one"
        return Choice("ema", 0.0, why)
    why = "an average of the weights validates and is kept: it is steadier on few images"
    return Choice("ema", AVERAGE, why)


# ---- reasons


def _why_arch(candidate: Candidate, images: Images, machine: Machine) -> str:
    """Say why this architecture."""
    where = f"the GPU ({machine.gpu})" if machine.gpu else count(machine.cores, "core")
    if candidate.arch == "cnn":
        return f"the plain baseline: on {where} no ResNet18 learns enough in the time"
    return f"for {count(images.train, 'train image')} on {where}"


def _why_weights(candidate: Candidate) -> str:
    """Say where the weights come from."""
    if candidate.weights == "imagenet":
        return "ImageNet's weights lie on this machine"
    if candidate.arch == "cnn":
        return "nobody pretrained the baseline: it starts at random"
    return "no ImageNet weights lie on this machine, and none are fetched: it starts at random"


def _why_size(candidate: Candidate, offered: Sequence[Candidate], steps: int, left: float) -> str:
    """Say why images of this side."""
    sides = [str(other.size) for other in offered if other.arch == candidate.arch]
    planned = f"{PLANNED_SHARE * left:.0f} s"
    enough = ENOUGH_STEPS[candidate.weights]
    told = f"{count(enough, 'step')}"
    if len(sides) == 1:
        return (
            f"px: the baseline's own side; {steps:,} of {told} that are enough fit into {planned}"
        )
    named = ", ".join(sides)
    if steps >= enough:
        return f"px: the largest of {named} of which {told} fit into {planned}"
    return (
        f"px: {told} would be enough, and {steps:,} of them fit into {planned}; no other side of "
        f"{named} comes nearer"
    )


def _why_batch(candidate: Candidate, images: Images) -> str:
    """Say why batches of so many images."""
    steps = _batches(images.train, candidate.bs)
    return f"images a step: {count(steps, 'step')} an epoch of {count(images.train, 'train image')}"


def _why_epochs(epochs: int, an_epoch: float, seconds_a_step: float, left: float) -> str:
    """Say why so many epochs, with what was measured."""
    measured = f"a step took {seconds_a_step:.3f} s here, so an epoch takes {an_epoch:.1f} s"
    planned = epochs * an_epoch
    if planned > left:
        return (
            f"{measured}: it does not fit into the {left:.0f} s that are left, and is cut short "
            f"then; give it more {flag('minutes')}"
        )
    return (
        f"{measured}, all of them {planned:.0f} s of the {left:.0f} s that are left; what a busy "
        "machine makes slower is cut short then"
    )


def _why_rate(candidate: Candidate) -> str:
    """Say why this rate."""
    if candidate.weights == "imagenet":
        return "highest rate of the head, for weights that are worth keeping"
    return "highest rate, for a network from scratch"
