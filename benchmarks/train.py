"""How soon the next epoch ends.

.venv/bin/python benchmarks/train.py DATA [--arch resnet34] [--size 224] [--out FILE]

DATA is a folder that `cxr curate` wrote. Train images a second of five contenders that step through
the same images, at one size, architecture and batch, in turns, so that a noisy machine is as unkind
to each: stock fastai (ImageDataLoaders.from_folder and vision_learner), a plain torch loop over
torchvision's ImageFolder, this library in fp32 and in the precision that it chooses, and two
ceilings: the same networks and optimizer stepping on a batch that lies in memory. What is measured
is a training step with all that feeds it.
"""

from __future__ import annotations

import argparse
import datetime
import itertools
import os
import platform
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
import torchvision
from fastai.callback.core import Callback, CancelFitException
from fastai.learner import Learner
from fastai.metrics import accuracy
from fastai.vision.augment import Resize, aug_transforms
from fastai.vision.data import ImageDataLoaders
from fastai.vision.learner import vision_learner

from cxr_fastai.manifest import Manifest, read_manifest
from cxr_fastai.models.networks import build_network
from cxr_fastai.training.data import build_dataloaders
from cxr_fastai.training.history import LossGuard, RunHistory
from cxr_fastai.training.learner import build_learner
from cxr_fastai.training.precision import choose_precision, computing, keep_memory
from cxr_fastai.training.schedule import Stage

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
LR = 1e-3
STOCK = "stock fastai"
PLAIN = "plain torch"
LIBRARY = "this library"
CEILING = "ceiling"

Run = Callable[[], float]  # times some steps: seconds


@dataclass(frozen=True)
class Contest:
    """What all contenders step through, and how."""

    manifest: Manifest
    folder: Path  # the same images as train/CLASS/ and valid/CLASS/
    arch: str
    size: int  # pixels a side
    bs: int  # images a batch
    rounds: int
    steps: int  # that are timed, in each round
    warm: int  # steps before them


# ---- the clock


def wait() -> None:
    """Let the device end what it was given."""
    if DEVICE.type == "cuda":
        torch.cuda.synchronize()


class Timer(Callback):
    """Times the train batches after the first few, then ends the fit."""

    order = 90

    def __init__(self, warm: int, steps: int):
        self.warm, self.steps = warm, steps

    def after_batch(self) -> None:
        """Start, count or stop."""
        if not self.learn.training:
            return
        done = self.learn.iter + 1
        if done == self.warm:
            wait()
            self.begun = time.perf_counter()
        if done < self.warm + self.steps:
            return
        wait()
        self.seconds = time.perf_counter() - self.begun
        raise CancelFitException


def timed_fit(contest: Contest, learn: Learner, *cbs: Callback) -> float:
    """Time steps of a fastai Learner."""
    timer = Timer(contest.warm, contest.steps)
    with learn.no_bar(), learn.no_logging():
        learn.fit_one_cycle(1, LR, cbs=[timer, *cbs])
    return timer.seconds


def timed_loop(
    contest: Contest,
    step: Callable[[torch.Tensor, torch.Tensor], None],
    batches: Iterable[tuple[torch.Tensor, torch.Tensor]],
) -> float:
    """Time steps of a plain loop."""
    batches = iter(batches)
    for x, y in itertools.islice(batches, contest.warm):
        step(x, y)
    wait()
    begun = time.perf_counter()
    for x, y in itertools.islice(batches, contest.steps):
        step(x, y)
    wait()
    return time.perf_counter() - begun


# ---- contenders: each is made ready, and returns the function that times some steps


def stock_fastai(contest: Contest, half: bool = False) -> Run:
    """Train as fastai's own lessons do; `half`: with to_fp16, which a CPU does not do."""
    dls = ImageDataLoaders.from_folder(
        contest.folder,
        train="train",
        valid="valid",
        item_tfms=Resize(contest.size),
        bs=contest.bs,
        batch_tfms=aug_transforms(do_flip=False, max_warp=0),
    )
    arch = getattr(torchvision.models, contest.arch)
    learn = vision_learner(dls, arch, pretrained=False, metrics=accuracy)
    if half:
        learn = learn.to_fp16()
    return partial(timed_fit, contest, learn)


def plain_torch(contest: Contest) -> Run:
    """Train as torchvision's own examples do."""
    t = torchvision.transforms
    transforms = t.Compose(
        [
            t.Resize((contest.size, contest.size)),
            t.RandomRotation(10),
            t.ToTensor(),
            t.Normalize([0.5] * 3, [0.25] * 3),
        ]
    )
    data = torchvision.datasets.ImageFolder(contest.folder / "train", transforms)
    loader = torch.utils.data.DataLoader(
        data,
        contest.bs,
        shuffle=True,
        num_workers=os.cpu_count(),
        drop_last=True,
        persistent_workers=True,
        pin_memory=DEVICE.type == "cuda",
    )
    classes = len(data.classes)
    net = torchvision.models.get_model(contest.arch, weights=None, num_classes=classes).to(DEVICE)
    step = stepper(net, torch.optim.AdamW(net.parameters(), LR))
    return partial(timed_loop, contest, step, loader)


def stepper(
    net: torch.nn.Module,
    opt: torch.optim.Optimizer,
) -> Callable[[torch.Tensor, torch.Tensor], None]:
    """Make the step of a plain loop."""
    loss = torch.nn.CrossEntropyLoss()

    def step(x: torch.Tensor, y: torch.Tensor) -> None:
        loss(net(x.to(DEVICE)), y.to(DEVICE)).backward()
        opt.step()
        opt.zero_grad()

    return step


def this_library(contest: Contest, precision: str, compiled: bool = False) -> Run:
    """Train as `cxr train` does."""
    dls = build_dataloaders(
        contest.manifest, contest.size, contest.bs, sampling="none", device=DEVICE
    )
    learn = build_learner(dls, contest.arch, "none")
    if compiled:
        learn.model.compile()
    chosen = choose_precision(DEVICE, precision, learn.model)

    def run() -> float:
        with tempfile.TemporaryDirectory() as out, computing(learn.model, chosen, DEVICE) as cbs:
            history = RunHistory(Path(out), total=1, quiet=True)
            history.enter(Stage(name="all layers", freeze_to=0, epochs=1, lr_max=LR))
            return timed_fit(contest, learn, history, LossGuard(history), *cbs)

    return run


def ceiling(contest: Contest, precision: str, compiled: bool = False) -> Run:
    """Step on one batch that lies in memory."""
    classes = len(contest.manifest.vocab)
    net = build_network(contest.arch, classes).to(DEVICE, memory_format=torch.channels_last)
    if compiled:
        net.compile()
    x = torch.randn(contest.bs, 1, contest.size, contest.size, device=DEVICE)
    y = torch.randint(classes, (contest.bs,), device=DEVICE)
    step = stepper(net, torch.optim.AdamW(net.parameters(), LR, fused=True))

    def run() -> float:
        with computing(net, choose_precision(DEVICE, precision), DEVICE):
            return timed_loop(contest, step, itertools.repeat((x, y)))

    return run


# ---- the rounds


def linked(manifest: Manifest, folder: Path) -> Path:
    """Link the images as train/CLASS/ and valid/CLASS/, which ImageFolder and from_folder read."""
    for record in manifest.rows:
        if record.split == "test":
            continue
        place = folder / record.split / record.label / Path(record.path).name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to((manifest.root / record.path).resolve())
    return folder


def measured(contest: Contest) -> dict[str, list[float]]:
    """Measure images a second, a number a round.

    glibc keeping memory, as the library has it, is the process's: the peers come first, as their
    users have them, and once more at the end, to tell how much of the difference it is.
    """
    peers = {STOCK: stock_fastai(contest), PLAIN: plain_torch(contest)}
    runs: dict[str, Run] = {}
    net = build_network(contest.arch, len(contest.manifest.vocab))
    for precision in dict.fromkeys(["fp32", choose_precision(DEVICE, "auto", net).name]):
        runs[f"{LIBRARY}, {precision}"] = this_library(contest, precision)
        runs[f"{CEILING}, {precision}"] = ceiling(contest, precision)
    speeds = in_turns(contest, peers)
    keep_memory()
    speeds |= in_turns(contest, runs)
    for name, run in peers.items():
        speeds[f"{name}, memory kept"] = [images_a_second(contest, run)]
    return speeds


def in_turns(contest: Contest, runs: dict[str, Run]) -> dict[str, list[float]]:
    """Give each its turn in every round."""
    speeds: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(contest.rounds):
        for name, run in runs.items():
            speeds[name].append(images_a_second(contest, run))
    return speeds


def images_a_second(contest: Contest, run: Run) -> float:
    """Run once."""
    return contest.bs * contest.steps / run()


# ---- the table


def table(contest: Contest, speeds: dict[str, list[float]]) -> str:
    """Make the lines that are printed."""
    lines = [
        f"{contest.arch}, {contest.size} px, batches of {contest.bs}: train images/s, "
        f"median of {contest.rounds} rounds of {contest.steps} steps",
        "",
        f"{'':<34}{'images/s':>9}{'least':>8}{'most':>8}{'of stock':>10}{'of ceiling':>12}",
    ]
    median = {name: statistics.median(rates) for name, rates in speeds.items()}
    for name, rates in speeds.items():
        own_ceiling = median.get(name.replace(LIBRARY, CEILING)) if LIBRARY in name else None
        share = f"{100 * median[name] / own_ceiling:.0f} %" if own_ceiling else ""
        lines.append(
            f"{name:<34}{median[name]:>9.1f}{min(rates):>8.1f}{max(rates):>8.1f}"
            f"{median[name] / median[STOCK]:>9.2f}x{share:>12}"
        )
    return "\n".join(lines)


def machine(arch: str) -> str:
    """Say where and with what all this was measured."""
    libraries = ", ".join(f"{name} {version(name)}" for name in ("torch", "torchvision", "fastai"))
    chosen = choose_precision(DEVICE, "auto", build_network(arch, 2))
    gpu = f", {torch.cuda.get_device_name()}" if DEVICE.type == "cuda" else ""
    return (
        f"{datetime.date.today()}, {len(os.sched_getaffinity(0))} cores, "
        f"{platform.machine()}{gpu}, Python {platform.python_version()}, {libraries}; "
        f"precision {chosen.name}: {chosen.why}"
    )


def arguments() -> Any:
    """Read the command line."""
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("data")
    p.add_argument("--arch", default="resnet34")
    p.add_argument("--size", type=int, default=224)
    p.add_argument("--bs", type=int, default=32)
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--steps", type=int, default=5)
    p.add_argument("--warm", type=int, default=2)
    p.add_argument("--out", help="append the table to this file")
    return p.parse_args()


def main():
    args = arguments()
    warnings.simplefilter("ignore")
    manifest = read_manifest(args.data)
    with tempfile.TemporaryDirectory() as tmp:
        contest = Contest(
            manifest=manifest,
            folder=linked(manifest, Path(tmp)),
            arch=args.arch,
            size=args.size,
            bs=args.bs,
            rounds=args.rounds,
            steps=args.steps,
            warm=args.warm,
        )
        text = f"{machine(args.arch)}\n{table(contest, measured(contest))}\n"
    print(text)
    if args.out:
        with open(args.out, "a", encoding="utf-8") as f:
            f.write(f"```\n{text}```\n\n")


if __name__ == "__main__":
    main()
