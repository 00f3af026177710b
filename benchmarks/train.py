"""How soon the next epoch ends: .venv/bin/python benchmarks/train.py DATA [--arch resnet34] [--size 224] [--out FILE]

DATA is a folder that `cxr curate` wrote. Train images a second of five contenders that step through the same images, at
one size, architecture and batch, in turns, so that a noisy machine is as unkind to each: stock fastai
(ImageDataLoaders.from_folder and vision_learner), a plain torch loop over torchvision's ImageFolder, this library in
fp32 and in the precision that it chooses, and two ceilings: the same networks and optimizer stepping on a batch that
lies in memory. What is measured is a training step with all that feeds it.
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
from contextlib import ExitStack
from pathlib import Path

import torch
import torchvision
from fastai.callback.core import Callback, CancelFitException
from fastai.metrics import accuracy
from fastai.vision.augment import Resize, aug_transforms
from fastai.vision.data import ImageDataLoaders
from fastai.vision.learner import vision_learner

from cxr_fastai.manifest import read_manifest
from cxr_fastai.models.networks import build_network
from cxr_fastai.training.data import build_dataloaders
from cxr_fastai.training.history import LossGuard, RunHistory
from cxr_fastai.training.learner import build_learner
from cxr_fastai.training.precision import choose_precision, computing, keep_memory
from cxr_fastai.training.schedule import Stage

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")


def wait():
    if DEVICE.type == "cuda":
        torch.cuda.synchronize()


class Timer(Callback):
    """Times the train batches after the first few, then ends the fit."""

    order = 90

    def __init__(self, warm: int, steps: int):
        self.warm, self.steps = warm, steps

    def after_batch(self):
        if not self.learn.training:
            return
        i = self.learn.iter + 1
        if i == self.warm:
            wait()
            self.begun = time.perf_counter()
        if i < self.warm + self.steps:
            return
        wait()
        self.seconds = time.perf_counter() - self.begun
        raise CancelFitException


def timed_fit(learn, warm: int, steps: int, *cbs) -> float:
    timer = Timer(warm, steps)
    with learn.no_bar(), learn.no_logging():
        learn.fit_one_cycle(1, 1e-3, cbs=[timer, *cbs])
    return timer.seconds


def timed_loop(step, batches, warm: int, steps: int) -> float:
    for batch in itertools.islice(batches, warm):
        step(*batch)
    wait()
    begun = time.perf_counter()
    for batch in itertools.islice(batches, steps):
        step(*batch)
    wait()
    return time.perf_counter() - begun


# ---- contenders: (arguments, steps) -> a function that times some steps


def stock_fastai(a, folder, **_):
    dls = ImageDataLoaders.from_folder(
        folder,
        train="train",
        valid="valid",
        item_tfms=Resize(a.size),
        bs=a.bs,
        batch_tfms=aug_transforms(do_flip=False, max_warp=0),
    )
    learn = vision_learner(
        dls, getattr(torchvision.models, a.arch), pretrained=False, metrics=accuracy
    )
    return lambda: timed_fit(learn, a.warm, a.steps)


def plain_torch(a, folder, **_):
    t = torchvision.transforms
    data = torchvision.datasets.ImageFolder(
        folder / "train",
        t.Compose(
            [
                t.Resize((a.size, a.size)),
                t.RandomRotation(10),
                t.ToTensor(),
                t.Normalize([0.5] * 3, [0.25] * 3),
            ]
        ),
    )
    loader = torch.utils.data.DataLoader(
        data,
        a.bs,
        shuffle=True,
        num_workers=os.cpu_count(),
        drop_last=True,
        persistent_workers=True,
        pin_memory=DEVICE.type == "cuda",
    )
    net = torchvision.models.get_model(a.arch, weights=None, num_classes=len(data.classes)).to(
        DEVICE
    )
    opt, loss = torch.optim.AdamW(net.parameters(), 1e-3), torch.nn.CrossEntropyLoss()

    def step(x, y):
        loss(net(x.to(DEVICE)), y.to(DEVICE)).backward()
        opt.step()
        opt.zero_grad()

    return lambda: timed_loop(step, iter(loader), a.warm, a.steps)


def this_library(a, manifest, precision, **_):
    dls = build_dataloaders(manifest, a.size, a.bs, sampling="none", device=DEVICE)
    learn = build_learner(dls, a.arch, "none")
    chosen = choose_precision(DEVICE, precision)

    def run():
        with tempfile.TemporaryDirectory() as out, computing(learn.model, chosen, DEVICE) as cbs:
            history = RunHistory(Path(out), total=1, quiet=True)
            history.enter(Stage(name="all layers", freeze_to=0, epochs=1, lr_max=1e-3))
            return timed_fit(learn, a.warm, a.steps, history, LossGuard(history), *cbs)

    return run


def ceiling(a, manifest, precision, **_):
    net = build_network(a.arch, len(manifest.vocab)).to(DEVICE, memory_format=torch.channels_last)
    x = torch.randn(a.bs, 1, a.size, a.size, device=DEVICE)
    y = torch.randint(len(manifest.vocab), (a.bs,), device=DEVICE)
    opt, loss = torch.optim.AdamW(net.parameters(), 1e-3, fused=True), torch.nn.CrossEntropyLoss()

    def step(x, y):
        loss(net(x), y).backward()
        opt.step()
        opt.zero_grad()

    def run():
        with computing(net, choose_precision(DEVICE, precision), DEVICE):
            return timed_loop(step, itertools.repeat((x, y)), a.warm, a.steps)

    return run


# ---- the table


def linked(manifest, folder: Path) -> Path:
    """The curated images as train/CLASS/ and valid/CLASS/, which ImageFolder and from_folder read."""
    for r in manifest.rows:
        if r.split == "test":
            continue
        place = folder / r.split / r.label / Path(r.path).name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to((manifest.root / r.path).resolve())
    return folder


def measured(a) -> dict[str, list[float]]:
    """Images a second, a number a round."""
    manifest = read_manifest(a.data)
    with ExitStack() as stack:
        folder = linked(manifest, Path(stack.enter_context(tempfile.TemporaryDirectory())))
        best = choose_precision(DEVICE).name
        makers = {"stock fastai": (stock_fastai, "fp32"), "plain torch": (plain_torch, "fp32")}
        for precision in dict.fromkeys(["fp32", best]):
            makers[f"this library, {precision}"] = this_library, precision
            makers[f"ceiling, {precision}"] = ceiling, precision
        common = dict(folder=folder, manifest=manifest)
        runs = {
            name: make(a, precision=precision, **common)
            for name, (make, precision) in makers.items()
        }
        speeds = {name: [] for name in runs}
        # glibc keeping memory, as the library has it, is the process's: the peers come first, as their users have them,
        # and once more at the end, to tell how much of the difference it is
        peers = ("stock fastai", "plain torch")
        for _ in range(a.rounds):
            for name in peers:
                speeds[name].append(a.bs * a.steps / runs[name]())
        keep_memory()
        for _ in range(a.rounds):
            for name in [n for n in runs if n not in peers]:
                speeds[name].append(a.bs * a.steps / runs[name]())
        for name in peers:
            speeds[f"{name}, memory kept"] = [a.bs * a.steps / runs[name]()]
    return speeds


def table(a, speeds: dict) -> str:
    median = {name: statistics.median(s) for name, s in speeds.items()}
    lines = [
        f"{a.arch}, {a.size} px, batches of {a.bs}: train images/s, median of {a.rounds} rounds of {a.steps} "
        "steps",
        "",
        f"{'':<34}{'images/s':>9}{'least':>8}{'most':>8}{'of stock':>10}{'of ceiling':>12}",
    ]
    for name, s in speeds.items():
        top = median.get(f"ceiling, {name.split(', ')[1]}") if name.startswith("this") else None
        share = f"{100 * median[name] / top:.0f} %" if top else ""
        lines.append(
            f"{name:<34}{median[name]:>9.1f}{min(s):>8.1f}{max(s):>8.1f}"
            f"{median[name] / median['stock fastai']:>9.2f}x{share:>12}"
        )
    return "\n".join(lines)


def machine() -> str:
    from importlib.metadata import version

    libraries = ", ".join(f"{n} {version(n)}" for n in ("torch", "torchvision", "fastai"))
    chosen = choose_precision(DEVICE)
    gpu = f", {torch.cuda.get_device_name()}" if DEVICE.type == "cuda" else ""
    return (
        f"{datetime.date.today()}, {len(os.sched_getaffinity(0))} cores, {platform.machine()}{gpu}, Python "
        f"{platform.python_version()}, {libraries}; precision {chosen.name}: {chosen.why}"
    )


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("data")
    p.add_argument("--arch", default="resnet34")
    for name, default in (("size", 224), ("bs", 32), ("rounds", 3), ("steps", 5), ("warm", 2)):
        p.add_argument(f"--{name}", type=int, default=default)
    p.add_argument("--out", help="append the table to this file")
    a = p.parse_args()
    warnings.simplefilter("ignore")
    text = f"{machine()}\n{table(a, measured(a))}\n"
    print(text)
    if a.out:
        open(a.out, "a").write(f"```\n{text}```\n\n")


if __name__ == "__main__":
    main()
