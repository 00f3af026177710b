"""Seconds from a folder of films to a validation AUROC: this library beside stock fastai.

.venv/bin/python benchmarks/time_to_score.py DATA --out DIR [--tasks scratch,pretrained]
    [--seeds 0,1,2] [--train 1000] [--size 96] [--aims scratch=.95,pretrained=.98]
    [--sides library,stock] [--ablate] [--runs N]

DATA is a curated folder. Of its train films both sides have the same `--train`, drawn by a seed of
their own (0: all), and all of validation; test films are not touched. Each run is a process of its
own with empty caches (benchmarks/clocked_runs.py); the sides take turns, seed by seed. A line a run
stands in DIR/lines.jsonl: what stands there is not run again, so that the command may be cut, or
told to stop after `--runs` of them, and given again. DIR/time_to_score.md and .json hold the tables
and the numbers.

First stock is run to the end with each of the rates that it may be given, from a seed that the
contest does not use. The aim is the plateau it came to: the best AUROC among the last epochs,
rounded down to a multiple of .005; stock goes into the contest with the rate that reached it
first. With `--aims` that is skipped. `--ablate` changes one thing of the library at a time. Where
there is a GPU both sides train on it, and its idle share is told.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from clocked_runs import LIBRARY, STOCK, TO_THE_END, Asked, chosen, linked
from contest_tables import EXPLORING_SEED, Line, Task, rate_name, tables, with_aim
from gpu_use import gpu_use
from told import told

from cxr_fastai.manifest import read_manifest
from cxr_fastai.reporting.text import count

RUN = Path(__file__).with_name("clocked_runs.py")
TASKS = {
    "scratch": Task(
        name="scratch",
        arch="resnet18",
        weights="none",
        library=dict(epochs=4, bs=16, lr=6e-3, sampling="none", resize=[80, 80]),
        explored=(dict(epochs=5, lr=3e-3, bs=32), dict(epochs=5, lr=1e-2, bs=32)),
        variants={
            "without smaller sides": dict(resize=[]),
            "with the average": dict(ema=0.99),
            "in fp32": dict(precision="fp32"),
            "batches of 32": dict(bs=32),
        },
    ),
    "pretrained": Task(
        name="pretrained",
        arch="tf_efficientnet_lite0",
        weights="imagenet",
        library=dict(epochs=6, freeze_epochs=4, bs=32, sampling="none", ema=0.99),
        explored=(dict(epochs=3, lr=2e-3, bs=32), dict(epochs=3, lr=5e-3, bs=32)),
        variants={
            "without cached features": dict(stages="plain"),
            "without the average": dict(ema=0.0),
            "in bf16": dict(precision="bf16"),
            "its first 8 layers alone (another network)": dict(layers=8),
        },
    ),
}


# ---- runs


def main() -> None:
    """Run what was not run yet, and write the tables."""
    asked = _asked()
    asked.out.mkdir(parents=True, exist_ok=True)
    manifest = chosen(read_manifest(asked.data), asked.train)
    linked(manifest, _films(asked))
    lines = _lines(asked.out)
    tasks = [TASKS[name] for name in asked.tasks]
    left = asked.runs
    if not asked.aims:
        left = _run_all(_explorations(tasks), lines, asked, left)
    tasks = [with_aim(task, lines, asked.aims) for task in tasks]
    _run_all(_contest(tasks, asked), lines, asked, left)
    splits = [row.split for row in manifest.rows]
    text = "\n".join(
        [
            f"{machine()}; {splits.count('train')} train and {splits.count('valid')} validation "
            f"films, {asked.size} px",
            "",
            *tables(tasks, lines, asked.size),
        ]
    )
    print(text)
    (asked.out / "time_to_score.md").write_text(text + "\n")
    numbers = dict(
        machine=machine(), tasks=[asdict(task) for task in tasks], lines=[asdict(x) for x in lines]
    )
    (asked.out / "time_to_score.json").write_text(json.dumps(numbers, indent=1) + "\n")


def _asked() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--tasks", type=_names, default=list(TASKS))
    parser.add_argument("--seeds", type=_numbers, default=[0, 1, 2])
    parser.add_argument("--sides", type=_names, default=[LIBRARY, STOCK])
    parser.add_argument("--train", type=int, default=1000)
    parser.add_argument("--size", type=int, default=96)
    parser.add_argument("--aims", type=_aims, default={})
    parser.add_argument("--ablate", action="store_true")
    parser.add_argument("--runs", type=int, default=10**6)
    asked = parser.parse_args()
    unknown = [name for name in asked.tasks if name not in TASKS]
    if unknown:
        parser.error(f"--tasks {', '.join(unknown)}: expected {', '.join(TASKS)}")
    return asked


def _names(text: str) -> list[str]:
    """Split at commas."""
    return text.split(",")


def _numbers(text: str) -> list[int]:
    """Split at commas."""
    return [int(number) for number in text.split(",")]


def _aims(text: str) -> dict[str, float]:
    """Read scratch=.95,pretrained=.98."""
    aims = {}
    for part in text.split(","):
        name, _, aim = part.partition("=")
        aims[name] = float(aim)
    return aims


def _films(asked: argparse.Namespace) -> Path:
    """Return where the films are linked; other films, another folder."""
    return asked.out.resolve() / f"films_{asked.train}"


@dataclass(frozen=True)
class Run:
    """One run that is to be."""

    task: Task
    side: str  # of Line
    own: dict[str, Any]
    seed: int
    aim: float


def _explorations(tasks: Sequence[Task]) -> list[Run]:
    """Return stock with each rate, to the end."""
    found = []
    for task in tasks:
        for own in task.explored:
            found.append(Run(task, rate_name(own), own, EXPLORING_SEED, TO_THE_END))
    return found


def _contest(tasks: Sequence[Task], asked: argparse.Namespace) -> list[Run]:
    """Return the sides in turns, seed by seed; tasks without an aim yet are left out."""
    found = []
    for seed in asked.seeds:
        for task in tasks:
            if task.aim == TO_THE_END:
                continue
            sides = {LIBRARY: task.library, STOCK: task.stock}
            for side in asked.sides:
                found.append(Run(task, side, sides[side], seed, task.aim))
            for name, own in task.variants.items() if asked.ablate else ():
                found.append(Run(task, name, {**task.library, **own}, seed, task.aim))
    return found


def _run_all(
    runs: Sequence[Run],
    lines: list[Line],  # what was run; is added to
    asked: argparse.Namespace,
    left: int,  # runs at most
) -> int:  # that are left then
    """Run what was not run yet."""
    for run in runs:
        done = {(line.task, line.side, line.seed, line.aim) for line in lines}
        if left == 0 or (run.task.name, run.side, run.seed, run.aim) in done:
            continue
        print(f"{run.task.name}, {run.side}, seed {run.seed} ..", file=sys.stderr, flush=True)
        lines.append(clocked(run, asked))
        _keep(lines[-1], asked.out)
        left -= 1
    return left


def clocked(run: Run, asked: argparse.Namespace) -> Line:
    """Run one side in a process of its own, with empty caches."""
    what = Asked(
        side=STOCK if run.side.startswith(STOCK) else LIBRARY,
        data=str(asked.data),
        films=str(_films(asked)),
        n_train=asked.train,
        arch=run.task.arch,
        weights=run.task.weights,
        size=asked.size,
        seed=run.seed,
        aim=run.aim,
        own=run.own,
    )
    with tempfile.TemporaryDirectory() as cache, gpu_use() as use:
        done = subprocess.run(
            [sys.executable, str(RUN)],
            input=json.dumps(asdict(what)),
            env={**os.environ, "CXR_CACHE": cache},
            capture_output=True,
            text=True,
        )
    if done.returncode:
        name = f"{run.task.name}, {run.side}, seed {run.seed}"
        raise SystemExit(f"{name} failed:\n{done.stderr[-2000:]}")
    got = json.loads(done.stdout.splitlines()[-1])
    return Line(
        task=run.task.name,
        side=run.side,
        seed=run.seed,
        aim=run.aim,
        reached=got["reached"],
        seconds=got["seconds"][-1],
        cpu=got["cpu"][-1],
        auroc=got["auroc"][-1],
        best=max(got["auroc"]),
        epochs=len(got["auroc"]),
        ready=got["ready"],
        imports=got["imports"],
        curve=[list(pair) for pair in zip(got["seconds"], got["auroc"])],
        threads=got["threads"],
        device=got["device"],
        precision=got["precision"],
        idle=use.idle,
    )


def _lines(out: Path) -> list[Line]:
    """Read what was run before."""
    file = out / "lines.jsonl"
    if not file.exists():
        return []
    return [Line(**json.loads(line)) for line in file.read_text().splitlines()]


def _keep(line: Line, out: Path) -> None:
    """Write down a run that is over."""
    with open(out / "lines.jsonl", "a") as file:
        file.write(json.dumps(asdict(line)) + "\n")


def machine() -> str:
    """Say where and with what all this was measured."""
    libraries = ", ".join(f"{name} {version(name)}" for name in ("torch", "torchvision", "fastai"))
    gpu = f", {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ""
    return (
        f"{datetime.date.today()}, {len(os.sched_getaffinity(0))} cores, "
        f"{count(torch.get_num_threads(), 'thread')}, {platform.machine()}{gpu}, {libraries}, "
        f"load before {os.getloadavg()[0]:.1f}"
    )


if __name__ == "__main__":
    sys.exit(told(main))
