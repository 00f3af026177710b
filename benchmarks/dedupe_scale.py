"""Whether copies are found among very many.

.venv/bin/python benchmarks/dedupe_scale.py [10000 100000] [--workers 2]

Invents fingerprints with planted copies, each number in a process of its own, and prints what
finding and grouping them took, what was wrong or missed, and the memory. Reads and writes no image.
Linux alone. benchmarks/dedupe.py puts the same rows below those of real images.

An invented radiograph has a smooth random thumbnail and MAX_FEATURES features at random places. Its
descriptors are copies of prototypes with some bits turned (BENT), so that the search has neighbours
to reject: among 7,797 real radiographs the sixth nearest descriptor lies 19, 27, 39, 53, 65 bits
away (percentiles 1, 10, 50, 90, 99), among 8,000 invented ones 22, 26, 40, 56, 68. A search in the
real ones meets 6.2 to 6.8 times as many descriptors as a mean list holds, whether they are 1,000 or
7,797; with IMAGES_A_PROTOTYPE it meets 6.8 times as many here, at any number. (With a fixed number
of prototypes it was 4 times at 1,000 and 9 at 20,000.) STRANGERS x TIED of them come from other
radiographs, at places that mean nothing: geometry has pairs to reject, as of real ones (4.4 an
image). What is not imitated: anatomy in its place, by which real radiographs are more alike than
these, and a space of descriptors that a graph finds its way in: that of the search finds the
nearest of 12,000 pivots in 93 of 100 cases here, the others 2 bits farther in the mean of the
fourth (real ones: 95, .3 bits), and less of more, so that pairs an image rise from 2.7 at 10,000 to
9 at 40,000.
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

import cv2
import numpy as np
from dedupe_sides import python_path
from process_memory import Watch, cpu_seconds, reset_peak, status_mb

from cxr_fastai.core import sha256_text
from cxr_fastai.curation.copies.copy_sets import CopySet, ScannedImage, collect_copies
from cxr_fastai.curation.copies.features import GRID, MAX_FEATURES, THUMB, Features, mirrored
from cxr_fastai.curation.copies.fingerprint import Fingerprint
from cxr_fastai.curation.copies.links import find_links, match_many
from cxr_fastai.curation.engines import Engine, open_engine, spread
from cxr_fastai.curation.sources.item import undescribed_item
from cxr_fastai.progress import SILENT, Meter

T = TypeVar("T")

NUMBERS = (10_000, 20_000, 50_000, 100_000)
IMAGES_A_COPY = 20  # one image of so many is a copy
KINDS = ("resized", "cropped", "flipped", "rotated")
IMAGES_A_PROTOTYPE = 14
BENT = (8, 12, 19)  # of a hundred bits, a third of the descriptors each
STRANGERS = 4  # other radiographs that share descriptors with one
TIED = 4  # descriptors that each of them shares
TIED_BENT = 8  # of a hundred bits of these, and of those of a copy
LOW, HIGH = 16, 240  # where features lie in the square of GRID
WAVES = 20  # each way, of a thumbnail
BLOCK = 4096  # images invented at once
WARM_PAIRS = 128  # pairs that start the workers


# ---- what is invented


class Invention(NamedTuple):
    """Fingerprints, and what they show."""

    fingerprints: list[Fingerprint]
    shows: list[int]  # the number of the radiograph that each shows
    kinds: list[str]  # how each was made of it: '' or one of KINDS


def invent(n: int, seed: int = 0) -> Invention:
    """Invent n fingerprints; the copies come last."""
    rng = np.random.default_rng(seed)
    n_prototypes = n // IMAGES_A_PROTOTYPE // 2 + 1
    prototypes = rng.integers(0, 256, (n_prototypes, 32), np.uint8)
    # a chest is nearly its own mirror image
    prototypes = np.concatenate([prototypes, mirrored(prototypes)])
    n_copies = n // IMAGES_A_COPY
    originals = n - n_copies
    sketches = []
    for start in range(0, originals, BLOCK):
        sketches += _originals(rng, min(BLOCK, originals - start), prototypes)
    shows = [*range(originals), *rng.integers(0, originals, n_copies).tolist()]
    kinds = [""] * originals + [KINDS[i % len(KINDS)] for i in range(n_copies)]
    for number, kind in zip(shows[originals:], kinds[originals:]):
        copy = _copy(rng, Features.unpack(sketches[number]), kind)
        sketches.append(copy.pack())
    fingerprints = []
    for i, (sketch, kind) in enumerate(zip(sketches, kinds)):
        side = 224 if kind == "resized" else 1024
        fingerprints.append(_fingerprint(sha256_text(f"{seed}:{i}"), side, sketch))
    return Invention(fingerprints=fingerprints, shows=shows, kinds=kinds)


def _fingerprint(sha256: str, side: int, sketch: bytes) -> Fingerprint:
    return Fingerprint(
        sha256=sha256,
        pixel_sha256=sha256,
        phash=sha256[:16],
        width=side,
        height=side,
        mode="L/8",
        sketch=sketch,
    )


def _originals(
    rng: np.random.Generator,
    n: int,
    prototypes: np.ndarray,  # (.., 32) uint8
) -> list[bytes]:
    """Invent the features of n radiographs, packed."""
    points = rng.integers(LOW, HIGH + 1, (n, MAX_FEATURES, 2), np.uint8)
    chosen = prototypes[rng.integers(0, len(prototypes), (n, MAX_FEATURES))]
    thirds = np.split(chosen, len(BENT), axis=1)
    bent = [_bent(rng, third, percent) for third, percent in zip(thirds, BENT)]
    descriptors = _tied(rng, np.concatenate(bent, axis=1))
    order = rng.permuted(np.tile(np.arange(MAX_FEATURES), (n, 1)), axis=1)
    descriptors = np.take_along_axis(descriptors, order[..., None], axis=1)
    packed = []
    for its_points, its_descriptors, thumb in zip(points, descriptors, _thumbs(rng, n)):
        features = Features(points=its_points, descriptors=its_descriptors, thumb=thumb)
        packed.append(features.pack())
    return packed


def _tied(
    rng: np.random.Generator,
    own: np.ndarray,  # (n, MAX_FEATURES, 32) uint8
) -> np.ndarray:
    """Replace some descriptors of each radiograph by those of STRANGERS others, a little bent."""
    descriptors = own.copy()
    places = rng.permutation(MAX_FEATURES)
    for k in range(STRANGERS):
        to = places[k * TIED : (k + 1) * TIED]
        source = places[MAX_FEATURES - (k + 1) * TIED : MAX_FEATURES - k * TIED]
        shift = 1 + int(rng.integers(len(own)))
        theirs = np.roll(own, shift, axis=0)[:, source]
        descriptors[:, to] = _bent(rng, theirs, TIED_BENT)
    return descriptors


def _bent(
    rng: np.random.Generator,
    descriptors: np.ndarray,  # (.., 32) uint8
    percent: int,  # of the bits that are turned: one of BENT
) -> np.ndarray:
    """Turn so many of a hundred bits; a bit of `and` is set half as often, one of `or` oftener."""

    def coins() -> np.ndarray:
        return rng.integers(0, 256, descriptors.shape, np.uint8)

    if percent == 8:  # 1/8 x 5/8
        turned = coins() & coins() & coins() & (coins() | coins() & coins())
    elif percent == 12:  # 1/8
        turned = coins() & coins() & coins()
    else:  # 1/4 x 3/4
        turned = coins() & coins() & (coins() | coins())
    return descriptors ^ turned


def _thumbs(
    rng: np.random.Generator,
    n: int,
) -> np.ndarray:  # (n, THUMB, THUMB) uint8
    """Add up waves, the short ones weak."""
    k = np.arange(WAVES)
    waves = np.cos(np.pi * k[:, None] * (np.arange(THUMB) + 0.5) / THUMB)
    weights = rng.normal(size=(n, WAVES, WAVES)) / (1 + np.hypot(k[:, None], k))
    images = waves.T @ weights.astype(np.float32) @ waves
    images -= images.mean((1, 2), keepdims=True)
    grays = 128 + 45 * images / images.std((1, 2), keepdims=True)
    return np.clip(grays, 0, 255).astype(np.uint8)


def _copy(rng: np.random.Generator, original: Features, kind: str) -> Features:
    """Change features as a copy's are.

    Those that stay in the picture are moved by a step at most, in a somewhat other order; others
    are new.
    """
    matrix = _transform(rng, kind)
    steps = rng.integers(-1, 2, original.points.shape)
    points = np.rint(original.points @ matrix[:, :2].T + matrix[:, 2] + steps)
    seen = mirrored(original.descriptors) if kind == "flipped" else original.descriptors
    descriptors = _bent(rng, seen, TIED_BENT)
    out = ((points < LOW) | (points > HIGH)).any(1)
    points[out] = rng.integers(LOW, HIGH + 1, (out.sum(), 2))
    descriptors[out] = rng.integers(0, 256, (out.sum(), 32))
    order = np.argsort(np.arange(MAX_FEATURES) + rng.normal(0, 12, MAX_FEATURES))
    return Features(
        points=points.astype(np.uint8)[order],
        descriptors=descriptors[order],
        thumb=_moved_thumb(rng, original.thumb, matrix),
    )


def _transform(rng: np.random.Generator, kind: str) -> np.ndarray:
    """Return the (2, 3) matrix of a kind of copy, in the square of GRID."""
    edge = GRID - 1
    side = rng.uniform(0.75, 0.9)
    x, y = rng.uniform(0, 25, 2)
    matrices = {
        "resized": [[1, 0, 0], [0, 1, 0]],
        "flipped": [[-1, 0, edge], [0, 1, 0]],
        "cropped": [[1 / side, 0, -x / side], [0, 1 / side, -y / side]],
        "rotated": [[0, -1, edge], [1, 0, 0]],
    }
    return np.array(matrices[kind])


def _moved_thumb(rng: np.random.Generator, thumb: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Move a thumbnail and add noise; its pixels are told by their centres."""
    scale = THUMB / GRID
    centre = (scale - 1) / 2
    shift = scale * matrix[:, 2] + centre - matrix[:, :2].sum(1) * centre
    small = np.column_stack([matrix[:, :2], shift])
    moved = cv2.warpAffine(thumb, small, (THUMB, THUMB), borderMode=cv2.BORDER_REPLICATE)
    return np.clip(moved + rng.normal(0, 2, moved.shape), 0, 255).astype(np.uint8)


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
    job = (fingerprints[0].sketch, fingerprints[1].sketch, False, False)
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
