"""Whether copies are found among very many.

.venv/bin/python benchmarks/dedupe_scale.py [10000 100000] [--workers 2]

Invents fingerprints with planted copies, each number in a process of its own, and prints what
finding and grouping them took, what was wrong or missed, and the memory. Reads and writes no image.
Linux alone. invented_fingerprints.py says how like real ones they are;
benchmarks/dedupe.py puts the same rows below those of real images.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import NamedTuple, TypeVar

import numpy as np
from dedupe_sides import python_path
from invented_fingerprints import KINDS, Invention, invent
from process_memory import Watch, cpu_seconds, reset_peak, status_mb

from cxr_fastai.curation.copies.copy_sets import CopySet, ScannedImage, collect_copies
from cxr_fastai.curation.copies.fingerprint import Fingerprint
from cxr_fastai.curation.copies.links import find_links, match_many
from cxr_fastai.curation.copies.parts import PartPair
from cxr_fastai.curation.engines import Engine, open_engine, spread
from cxr_fastai.curation.sources.item import undescribed_item
from cxr_fastai.progress import SILENT, Meter

T = TypeVar("T")

NUMBERS = (10_000, 20_000, 50_000, 100_000)
WARM_PAIRS = 128  # pairs that start the workers


# ---- the measurement


class CopiesFound(NamedTuple):
    """Of one kind of copies."""

    found: int  # that are in their radiograph's group
    planted: int


@dataclass(frozen=True)
class Judged:
    """What was found, beside what was planted."""

    found: dict[str, CopiesFound]  # of each of KINDS
    wrong: int  # groups of more than one radiograph
    pairs: int  # pairs in one group


@dataclass(frozen=True)
class Invented(Judged):
    """What finding copies among n invented fingerprints took, and what it found."""

    n: int
    seconds: float
    cpu: float  # seconds
    phases: dict[str, float]  # seconds
    links: int
    fingerprints: float  # MB that they alone hold
    driver: float  # MB
    workers: float  # MB


class Phases:
    """A Progress that takes the seconds of each phase; what lies before one is named after it."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = time.perf_counter()

    def say(self, text: str) -> None:
        """Nothing is told beside the phases."""

    def meter(self, total: int | None, stored: int, what: str) -> Meter:
        """No bytes are fetched."""
        return SILENT.meter(total, stored, what)

    def bar(self, items: Iterable[T], total: int, what: str) -> Iterator[T]:
        """Take the time that a phase takes."""
        name = what.split(":")[0]
        self.until(f"before {name}")
        yield from items
        self.until(name)

    def until(self, name: str) -> None:
        """End a phase."""
        now = time.perf_counter()
        so_far = self.seconds.get(name, 0)
        self.seconds[name] = round(so_far + now - self._last, 2)
        self._last = now


def measure(
    n: str,  # a number
    workers: str,  # a number
) -> None:
    """Measure, in a process of its own; print what an Invented holds, as JSON."""
    invention = invent(int(n))
    fingerprints_mb = status_mb("VmRSS")
    with open_engine("local", int(workers)) as engine:
        _start_workers(engine, invention.fingerprints)
        reset_peak()
        phases = Phases()
        begun = time.perf_counter()
        cpu_before = cpu_seconds(os.getpid())
        links = find_links(invention.fingerprints, engine, progress=phases)
        phases.until("sorting out")
        images = [_scanned(i, fp) for i, fp in enumerate(invention.fingerprints)]
        groups = collect_copies(images, links)
        phases.until("grouping")
        measured = {
            "n": int(n),
            "seconds": time.perf_counter() - begun,
            "cpu": cpu_seconds(os.getpid()) - cpu_before,
            "phases": phases.seconds,
            "links": len(links),
            "fingerprints": fingerprints_mb,
            "driver": status_mb("VmHWM"),
        }
    judged = judge([_numbers(group) for group in groups], invention)
    print(json.dumps(measured | asdict(judged)))


def _start_workers(engine: Engine, fingerprints: list[Fingerprint]) -> None:
    pair = PartPair(0, 1, False, False, False, False)
    job = (fingerprints[0].sketch, fingerprints[1].sketch, pair)
    list(spread(engine, match_many, [job] * WARM_PAIRS))


def _scanned(number: int, fp: Fingerprint) -> ScannedImage:
    """Make an image of no class whose path is its number; of copies the largest comes first."""
    return ScannedImage(
        item=undescribed_item(str(number)),
        fingerprint=fp,
        label="",
        why_unlabelled="",
        rank=(-fp.width, number),
    )


def _numbers(group: CopySet) -> list[int]:
    return [int(member.item.path) for member in group.members]


def judge(
    groups: list[list[int]],  # numbers of the images
    invention: Invention,
) -> Judged:
    """Compare groups with what was planted."""
    home = {}
    for number, group in enumerate(groups):
        home.update(dict.fromkeys(group, number))
    hits: dict[str, list[bool]] = {kind: [] for kind in KINDS}
    for i, kind in enumerate(invention.kinds):
        if kind:
            hits[kind].append(home[i] == home[invention.shows[i]])
    wrong = 0
    for group in groups:
        shown = {invention.shows[i] for i in group}
        wrong += len(shown) > 1
    return Judged(
        found={kind: CopiesFound(sum(found), len(found)) for kind, found in hits.items()},
        wrong=wrong,
        pairs=sum(math.comb(len(group), 2) for group in groups),
    )


def in_own_process(n: int, workers: int) -> Invented:
    """Measure n invented fingerprints in a process of their own, for its memory."""
    run = "import dedupe_scale; dedupe_scale.measure(*sys.argv)"
    code = f"import sys; sys.argv = sys.argv[1:]; {run}"
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(n), str(workers)],
        env={**os.environ, "PYTHONPATH": python_path()},
        stdout=subprocess.PIPE,
        text=True,
    )
    with Watch(process.pid) as watch:
        out = process.communicate()[0]
    if process.returncode:
        sys.exit(f"n = {n}: the process ended with {process.returncode}.")
    measured = json.loads(out)
    measured["found"] = {kind: CopiesFound(*pair) for kind, pair in measured["found"].items()}
    return Invented(**measured, workers=watch.workers)


# ---- what is said of it


def growth(
    runs: list[Invented],  # by n, at least two
) -> list[str]:
    """Give the exponent of time = a n^b by least squares, beside that of n log n."""
    n = np.array([run.n for run in runs], dtype=float)
    seconds = _slope(n, np.array([run.seconds for run in runs]))
    cpu = _slope(n, np.array([run.cpu for run in runs]))
    least, most = runs[0], runs[-1]
    n_log_n = most.n * math.log(most.n) / (least.n * math.log(least.n))
    phases = ", ".join(f"{phase} {s:.1f} s" for phase, s in most.phases.items())
    return [
        f"time grows as n^{seconds:.2f} from {least.n:,} to {most.n:,}, "
        f"CPU time as n^{cpu:.2f}; n log n as n^{_slope(n, n * np.log(n)):.2f}",
        f"{most.seconds / least.seconds:.1f} times the time, "
        f"{most.cpu / least.cpu:.1f} times the CPU time; n log n {n_log_n:.1f}",
        f"{most.n:,}: {phases}",
        f"{most.n:,}: the fingerprints alone hold {most.fingerprints:.0f} MB of the driver's",
    ]


def _slope(n: np.ndarray, times: np.ndarray) -> float:
    return np.polyfit(np.log(n), np.log(times), 1)[0]


def line_of(run: Invented) -> str:
    """Say what one number took and found."""
    found = [f"{kind} {copies.found} of {copies.planted}" for kind, copies in run.found.items()]
    return (
        f"{run.n:>8,} {run.seconds:>8.1f} s {run.cpu:>7.1f} CPU s "
        f"{run.driver:>6.0f} + {run.workers:.0f} MB  "
        f"wrong groups {run.wrong}, found {', '.join(found)}"
    )


def main():
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("numbers", nargs="*", type=int, default=NUMBERS)
    p.add_argument("--workers", type=int, default=2)
    args = p.parse_args()
    runs = []
    for n in args.numbers:
        run = in_own_process(n, args.workers)
        runs.append(run)
        print(line_of(run), flush=True)
        print("        ", run.phases, "links", run.links, flush=True)
    if len(runs) > 1:
        print(*growth(runs), sep="\n")


if __name__ == "__main__":
    main()
