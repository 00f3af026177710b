"""Seconds from a folder of films to a validation AUROC: this library beside stock fastai.

.venv/bin/python benchmarks/time_to_score.py DATA --out DIR [--tasks scratch,pretrained]
    [--seeds 0,1,2] [--train 1000] [--size 96] [--aims scratch=.95,pretrained=.98]
    [--sides library,stock] [--ablate] [--explore]

DATA is a curated folder. Of its train films both sides have the same `--train`, drawn by a seed of
their own (0: all), and all of validation; test films are not touched. Each run is a process of its
own with empty caches (benchmarks/clocked_runs.py); the sides take turns, seed by seed. A line a run
stands in DIR/lines.jsonl: what stands there is not run again, so that the command may be cut and
given again. DIR/time_to_score.md and .json hold the tables and the numbers.

`--explore` runs what stock may be given, to the end, from a seed that the contest does not use:
its best rate and the plateau that becomes the aim. `--ablate` takes one thing at a time away from
the library. Where there is a GPU both sides train on it, and its idle share is told.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from clocked_runs import LIBRARY, STOCK, TO_THE_END, Asked, chosen, linked
from gpu_use import gpu_use

from cxr_fastai.manifest import read_manifest

RUN = Path(__file__).with_name("clocked_runs.py")
EXPLORING_SEED = 100


@dataclass(frozen=True)
class Task:
    """One contest."""

    name: str
    arch: str
    weights: str  # imagenet | none
    aim: float  # validation AUROC
    library: dict[str, Any]  # of Train
    stock: dict[str, Any]  # of clocked_runs.Stock: the best of `explored`
    explored: tuple[dict[str, Any], ...]  # what stock was given to choose from
    without: dict[str, dict[str, Any]]  # what is taken from the library: its settings then


@dataclass(frozen=True)
class Line:
    """One run."""

    task: str
    side: str  # library | stock | what was taken away
    seed: int
    aim: float
    reached: bool
    seconds: float  # to the aim; to the end where it was not reached
    auroc: float  # of validation, then
    best: float  # highest AUROC of its epochs
    epochs: int
    ready: float  # s until the loaders stood
    imports: float  # s before the clock
    threads: int
    device: str
    precision: str
    idle: float | None  # share of the GPU's time


TASKS = {
    "scratch": Task(
        name="scratch",
        arch="resnet18",
        weights="none",
        aim=0.95,
        library=dict(
            epochs=8, bs=32, lr=3e-3, ema=0.99, sampling="none", resize=[48, 64], precision="auto"
        ),
        stock=dict(epochs=6, lr=3e-3),
        explored=(dict(epochs=6, lr=1e-3), dict(epochs=6, lr=3e-3), dict(epochs=6, lr=1e-2)),
        without={
            "without smaller sides": dict(resize=[]),
            "without the average": dict(ema=0.0),
            "in fp32": dict(precision="fp32"),
            "batches of 64": dict(bs=64),
        },
    ),
    "pretrained": Task(
        name="pretrained",
        arch="tf_efficientnet_lite0",
        weights="imagenet",
        aim=0.98,
        library=dict(epochs=6, freeze_epochs=4, bs=32, sampling="none"),
        stock=dict(epochs=3, lr=2e-3),
        explored=(dict(epochs=3, lr=2e-3), dict(epochs=3, lr=5e-3), dict(epochs=3, lr=1e-2)),
        without={
            "without cached features": dict(stages="plain"),
            "in fp32": dict(precision="fp32"),
            "in bf16": dict(precision="bf16"),
        },
    ),
}


# ---- runs


def main() -> None:
    """Run what was not run yet, and write the tables."""
    asked = _asked()
    tasks = [_with_aim(TASKS[name], asked.aims) for name in asked.tasks]
    asked.out.mkdir(parents=True, exist_ok=True)
    manifest = chosen(read_manifest(asked.data), asked.train)
    linked(manifest, _films(asked))
    lines = _lines(asked.out)
    for seed in [EXPLORING_SEED] if asked.explore else asked.seeds:
        for task in tasks:
            for side, own, aim in _contenders(task, asked):
                if _key(task, side, seed, aim) in {_key_of(line) for line in lines}:
                    continue
                print(f"{task.name}, {side}, seed {seed} ..", file=sys.stderr, flush=True)
                lines.append(_run(task, side, own, seed, aim, asked))
                _keep(lines[-1], asked.out)
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
    parser.add_argument("--explore", action="store_true")
    parser.add_argument("--ablate", action="store_true")
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


def _with_aim(task: Task, aims: dict[str, float]) -> Task:
    """Put another aim in the place of the task's."""
    return replace(task, aim=aims.get(task.name, task.aim))


def _films(asked: argparse.Namespace) -> Path:
    """Return where the films are linked; other films, another folder."""
    return asked.out.resolve() / f"films_{asked.train}"


def _contenders(task: Task, asked: argparse.Namespace) -> list[tuple[str, dict[str, Any], float]]:
    """Return name, settings and aim of each."""
    if asked.explore:
        return [(_rate_name(own), own, TO_THE_END) for own in task.explored]
    found = []
    if LIBRARY in asked.sides:
        found.append((LIBRARY, task.library, task.aim))
    if STOCK in asked.sides:
        found.append((STOCK, task.stock, task.aim))
    if asked.ablate:
        for name, own in task.without.items():
            found.append((name, {**task.library, **own}, task.aim))
    return found


def _rate_name(own: dict[str, Any]) -> str:
    """Name settings of stock."""
    told = ", ".join(f"{key} {value:g}" for key, value in own.items())
    return f"{STOCK}: {told}"


def _run(
    task: Task,
    side: str,
    own: dict[str, Any],
    seed: int,
    aim: float,
    asked: argparse.Namespace,
) -> Line:
    """Run one side in a process of its own, with empty caches."""
    what = Asked(
        side=STOCK if side.startswith(STOCK) else LIBRARY,
        data=str(asked.data),
        films=str(_films(asked)),
        n_train=asked.train,
        arch=task.arch,
        weights=task.weights,
        size=asked.size,
        seed=seed,
        aim=aim,
        own=own,
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
        raise SystemExit(f"{task.name}, {side}, seed {seed} failed:\n{done.stderr[-2000:]}")
    got = json.loads(done.stdout.splitlines()[-1])
    return Line(
        task=task.name,
        side=side,
        seed=seed,
        aim=aim,
        reached=got["reached"],
        seconds=got["seconds"][-1],
        auroc=got["auroc"][-1],
        best=max(got["auroc"]),
        epochs=len(got["auroc"]),
        ready=got["ready"],
        imports=got["imports"],
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


def _key(task: Task, side: str, seed: int, aim: float) -> tuple[str, str, int, float]:
    """Tell runs apart."""
    return task.name, side, seed, aim


def _key_of(line: Line) -> tuple[str, str, int, float]:
    """Tell runs apart."""
    return line.task, line.side, line.seed, line.aim


# ---- tables


def tables(tasks: Sequence[Task], lines: Sequence[Line], size: int) -> list[str]:
    """Make the lines of all tables."""
    told: list[str] = []
    for task in tasks:
        own = [line for line in lines if line.task == task.name and line.aim == task.aim]
        if own:
            told += [*contest_table(task, own, size), ""]
        explored = [line for line in lines if line.task == task.name and line.aim == TO_THE_END]
        if explored:
            told += [*explored_table(task, explored), ""]
    return told


def contest_table(task: Task, lines: Sequence[Line], size: int) -> list[str]:
    """Make a row a run, and say how the sides stand."""
    told = [
        f"**{task.name}**: {task.arch}, weights {task.weights}, {size} px, "
        f"to a validation AUROC of {task.aim:g}",
        "",
        "| side | seed | s to the aim | AUROC then | epochs | s decoding | numbers | GPU idle |",
        "| --- | ---: | ---: | ---: | ---: | ---: | --- | ---: |",
    ]
    for line in sorted(lines, key=_by_side):
        seconds = f"{line.seconds:.1f}" if line.reached else f"not in {line.seconds:.1f}"
        idle = "" if line.idle is None else f"{100 * line.idle:.0f} %"
        told.append(
            f"| {line.side} | {line.seed} | {seconds} | {line.auroc:.4f} | {line.epochs} "
            f"| {line.ready:.1f} | {line.precision}, {line.device} | {idle} |"
        )
    return [*told, "", *verdict(lines)]


def _by_side(line: Line) -> tuple[str, int]:
    """Sort by side, then by seed."""
    return line.side, line.seed


def verdict(lines: Sequence[Line]) -> list[str]:
    """Say how many times as fast the library is, seed by seed; and what each thing gives it."""
    ours = _by_seed(lines, LIBRARY)
    stock = _by_seed(lines, STOCK)
    told = []
    ratios = [stock[seed].seconds / ours[seed].seconds for seed in sorted(ours.keys() & stock)]
    failed = [line.seed for line in ours.values() if not line.reached]
    if failed:
        told.append(f"The library did not reach the aim from seeds {failed}.")
    elif ratios:
        late = [line for line in stock.values() if not line.reached]
        least = " at least, since stock did not always reach it" if late else ""
        told.append(
            f"The library is {statistics.median(ratios):.1f} times as fast (median of "
            f"{len(ratios)} seeds; {min(ratios):.1f} to {max(ratios):.1f}){least}."
        )
    for side in dict.fromkeys(line.side for line in lines):
        if side in (LIBRARY, STOCK):
            continue
        told += _taken_away(side, _by_seed(lines, side), ours)
    return told


def _by_seed(lines: Sequence[Line], side: str) -> dict[int, Line]:
    """Return the runs of one side."""
    return {line.seed: line for line in lines if line.side == side}


def _taken_away(side: str, there: dict[int, Line], ours: dict[int, Line]) -> list[str]:
    """Say how much longer the library takes so."""
    ratios = [there[seed].seconds / ours[seed].seconds for seed in sorted(there.keys() & ours)]
    if not ratios:
        return []
    late = "" if all(line.reached for line in there.values()) else ", and not always to the aim"
    return [
        "",
        f"{side}: {statistics.median(ratios):.2f} times the library's seconds "
        f"({min(ratios):.2f} to {max(ratios):.2f}){late}.",
    ]


def explored_table(task: Task, lines: Sequence[Line]) -> list[str]:
    """Make a row for each thing that stock was given to choose from."""
    told = [
        f"What stock may be given ({task.name}), to the end, seed {EXPLORING_SEED}:",
        "",
        "| | last AUROC | highest AUROC | epochs | s |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for line in lines:
        told.append(
            f"| {line.side} | {line.auroc:.4f} | {line.best:.4f} | {line.epochs} "
            f"| {line.seconds:.1f} |"
        )
    return told


def machine() -> str:
    """Say where and with what all this was measured."""
    libraries = ", ".join(f"{name} {version(name)}" for name in ("torch", "torchvision", "fastai"))
    gpu = f", {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ""
    return (
        f"{datetime.date.today()}, {len(os.sched_getaffinity(0))} cores, "
        f"{torch.get_num_threads()} threads, {platform.machine()}{gpu}, {libraries}, "
        f"load before {os.getloadavg()[0]:.1f}"
    )


if __name__ == "__main__":
    main()
