"""Runs against the clock -> the tables of benchmarks/time_to_score.py.

The records of a contest and what is said of them: which rate stock gets and which aim both, a row a
run, how many times as fast the library is. Runs and writes nothing.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from clocked_runs import LIBRARY, STOCK, TO_THE_END

from cxr_fastai.reporting.text import count

__all__ = ["EXPLORING_SEED", "Line", "Task", "rate_name", "tables", "verdict", "with_aim"]

EXPLORING_SEED = 100


@dataclass(frozen=True)
class Task:
    """One contest."""

    name: str
    arch: str
    weights: str  # imagenet | none
    library: dict[str, Any]  # of Train
    explored: tuple[dict[str, Any], ...]  # of clocked_runs.Stock: what stock may be given
    variants: dict[str, dict[str, Any]]  # the library otherwise: what is otherwise then
    aim: float = TO_THE_END  # validation AUROC, of `with_aim`
    stock: dict[str, Any] = field(default_factory=dict)  # likewise, of `explored`


@dataclass(frozen=True)
class Line:
    """One run."""

    task: str
    side: str  # library | stock | what was taken away
    seed: int
    aim: float
    reached: bool
    seconds: float  # to the aim; to the end where it was not reached
    cpu: float  # s of all cores until then
    auroc: float  # of validation, then
    best: float  # highest AUROC of its epochs
    epochs: int
    ready: float  # s until the loaders stood
    imports: float  # s before the clock
    curve: list[list[float]]  # s and AUROC of each epoch
    threads: int
    device: str
    precision: str
    idle: float | None  # share of the GPU's time


# ---- rates and aims


def rate_name(own: dict[str, Any]) -> str:
    """Name settings of stock."""
    told = ", ".join(f"{key} {value:g}" for key, value in own.items())
    return f"{STOCK}: {told}"


def with_aim(task: Task, lines: Sequence[Line], aims: dict[str, float]) -> Task:
    """Give a task the aim that was asked for, or stock's plateau; and stock its best rate.

    A task that was not explored to the end yet keeps an aim that nothing reaches.
    """
    if task.name in aims:
        return replace(task, aim=aims[task.name], stock=task.explored[0])
    found = {rate_name(own): own for own in task.explored}
    ran = [line for line in lines if line.task == task.name and line.side in found]
    if len(ran) < len(found):
        return task
    plateau = max(line.auroc for line in ran)
    aim = math.floor(round(plateau * 200, 6)) / 200
    seconds = {}
    for line in ran:
        reached = [s for s, auroc in line.curve if auroc >= aim]
        seconds[line.side] = min(reached, default=math.inf)
    best = min(seconds, key=seconds.__getitem__)
    return replace(task, aim=aim, stock=found[best])


# ---- tables


def tables(tasks: Sequence[Task], lines: Sequence[Line], size: int) -> list[str]:
    """Make the lines of all tables."""
    told: list[str] = []
    for task in tasks:
        of_task = [line for line in lines if line.task == task.name]
        explored = [line for line in of_task if line.aim == TO_THE_END]
        contest = [line for line in of_task if line.aim == task.aim < TO_THE_END]
        if explored:
            told += [*explored_table(task, explored), ""]
        if contest:
            told += [*contest_table(task, contest, size), ""]
    return told


def contest_table(task: Task, lines: Sequence[Line], size: int) -> list[str]:
    """Make a row a run, and say how the sides stand."""
    told = [
        f"**{task.name}**: {task.arch}, weights {task.weights}, {size} px, "
        f"to a validation AUROC of {task.aim:g}; library: {_told(task.library)}; "
        f"stock: {_told(task.stock)}",
        "",
        "| side | seed | s to the aim | CPU s | AUROC | epochs | reads, s | numbers | GPU |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | --- | ---: |",
    ]
    for line in sorted(lines, key=_by_side):
        seconds = f"{line.seconds:.1f}" if line.reached else f"not in {line.seconds:.1f}"
        idle = "" if line.idle is None else f"idle {100 * line.idle:.0f} %"
        told.append(
            f"| {line.side} | {line.seed} | {seconds} | {line.cpu:.0f} | {line.auroc:.4f} "
            f"| {line.epochs} | {line.ready:.1f} | {line.precision}, {line.device} | {idle} |"
        )
    return [*told, "", *verdict(lines)]


def _told(own: dict[str, Any]) -> str:
    """Tell settings."""
    return ", ".join(f"{key} {value}" for key, value in own.items())


def _by_side(line: Line) -> tuple[str, int]:
    """Sort by side, then by seed."""
    return line.side, line.seed


def verdict(lines: Sequence[Line]) -> list[str]:
    """Say how many times as fast the library is, seed by seed; and what it is otherwise."""
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
            f"{count(len(ratios), 'seed')}; {min(ratios):.1f} to {max(ratios):.1f}){least}. In CPU "
            f"seconds, which other programs change less, {_cpu_ratio(ours, stock):.1f} times."
        )
    for side in dict.fromkeys(line.side for line in lines):
        if side in (LIBRARY, STOCK):
            continue
        told += _otherwise(side, _by_seed(lines, side), ours)
    return told


def _cpu_ratio(ours: dict[int, Line], stock: dict[int, Line]) -> float:
    """Return how many times as much stock computes: the median of the seeds of both."""
    return statistics.median(stock[seed].cpu / ours[seed].cpu for seed in ours.keys() & stock)


def _by_seed(lines: Sequence[Line], side: str) -> dict[int, Line]:
    """Return the runs of one side."""
    return {line.seed: line for line in lines if line.side == side}


def _otherwise(side: str, there: dict[int, Line], ours: dict[int, Line]) -> list[str]:
    """Say how long the library takes so."""
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
