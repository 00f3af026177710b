"""Whether copies are found among very many: .venv/bin/python benchmarks/dedupe_scale.py [10000 100000] [--workers 2]

Invents fingerprints with planted copies, each number in a process of its own, and prints what finding and grouping
them took, what was wrong or missed, and the memory. Reads and writes no image. Linux alone. benchmarks/dedupe.py puts
the same rows below those of real images.

An invented radiograph has a smooth random thumbnail and MAX_FEATURES features at random places. Its descriptors are copies of
prototypes with some bits turned (BENT), so that the search has neighbours to reject: among 7,797 real radiographs the
sixth nearest descriptor lies 19, 27, 39, 53, 65 bits away (percentiles 1, 10, 50, 90, 99), among 8,000 invented ones
22, 26, 40, 56, 68. A search in the real ones meets 6.2 to 6.8 times as many descriptors as a mean list holds, whether
they are 1,000 or 7,797; with IMAGES a prototype it meets 6.8 times as many here, at any number. (With a fixed number
of prototypes it was 4 times at 1,000 and 9 at 20,000.) TIES x TIED of them come from other radiographs, at places that
mean nothing: geometry has pairs to reject, as of real ones (4.4 an image). What is not imitated: anatomy in its place,
by which real radiographs are more alike than these, and a space of descriptors that a graph finds its way in: that of
the search finds the nearest of 12,000 pivots in 93 of 100 cases here, the others 2 bits farther in the mean of the
fourth (real ones: 95, .3 bits), and less of more, so that pairs an image rise from 2.7 at 10,000 to 9 at 40,000.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
from dedupe_sides import Watch, cpu_seconds, reset_peak, status_mb

from cxr_fastai.core import sha256_text
from cxr_fastai.curation.copies.copy_sets import ScannedImage, collect_copies
from cxr_fastai.curation.copies.features import GRID, MAX_FEATURES, THUMB, Features, mirrored
from cxr_fastai.curation.copies.fingerprint import Fingerprint
from cxr_fastai.curation.copies.links import find_links, match_many
from cxr_fastai.curation.engines import open_engine, spread
from cxr_fastai.curation.sources.item import undescribed_item

NUMBERS = (10_000, 20_000, 50_000, 100_000)
COPIES = 20  # one image of so many is a copy
KINDS = ("resized", "cropped", "flipped", "rotated")
IMAGES = 14  # for each prototype
BENT = (8, 12, 19)  # of a hundred bits, a third of the descriptors each
TIES, TIED = 4, 4  # other radiographs that share descriptors with one, and how many
BLOCK = 4096  # images invented at once


# ---- what is invented


def invent(n: int, seed=0) -> tuple[list[Fingerprint], list[int], list[str]]:
    """(n fingerprints, the number of the radiograph that each shows, how each was made of it: '' or one of KINDS)."""
    rng = np.random.default_rng(seed)
    prototypes, firsts = rng.integers(0, 256, (n // IMAGES // 2 + 1, 32), np.uint8), n - n // COPIES
    prototypes = np.concatenate(
        [prototypes, mirrored(prototypes)]
    )  # a chest is nearly its own mirror image
    sketches = [
        s
        for i in range(0, firsts, BLOCK)
        for s in _originals(rng, min(BLOCK, firsts - i), prototypes)
    ]
    shows = [*range(firsts), *rng.integers(0, firsts, n // COPIES).tolist()]
    how = [""] * firsts + [KINDS[i % len(KINDS)] for i in range(n // COPIES)]
    sketches += [
        _copy(rng, Features.unpack(sketches[k]), kind).pack()
        for k, kind in zip(shows[firsts:], how[firsts:])
    ]
    prints = []
    for i, (sketch, kind) in enumerate(zip(sketches, how)):
        sha, side = sha256_text(f"{seed}:{i}"), 224 if kind == "resized" else 1024
        fingerprint = Fingerprint(
            sha256=sha,
            pixel_sha256=sha,
            phash=sha[:16],
            width=side,
            height=side,
            mode="L/8",
            sketch=sketch,
        )
        prints.append(fingerprint)
    return prints, shows, how


def _originals(rng, n: int, prototypes) -> list[bytes]:
    points = rng.integers(16, 241, (n, MAX_FEATURES, 2), np.uint8)
    near = prototypes[rng.integers(0, len(prototypes), (n, MAX_FEATURES))]
    thirds = zip(np.split(near, len(BENT), axis=1), BENT)
    descriptors = np.concatenate([_bent(rng, part, percent) for part, percent in thirds], axis=1)
    own, at = descriptors.copy(), rng.permutation(MAX_FEATURES)
    for k in range(TIES):
        to, of = (
            at[k * TIED : (k + 1) * TIED],
            at[MAX_FEATURES - (k + 1) * TIED : MAX_FEATURES - k * TIED],
        )
        descriptors[:, to] = _bent(rng, np.roll(own, 1 + int(rng.integers(n)), axis=0)[:, of], 8)
    order = rng.permuted(np.tile(np.arange(MAX_FEATURES), (n, 1)), axis=1)
    descriptors = np.take_along_axis(descriptors, order[..., None], axis=1)
    return [Features(*f).pack() for f in zip(points, descriptors, _thumbs(rng, n))]


def _bent(rng, descriptors, percent: int):
    """With so many of a hundred bits turned."""
    r = lambda: rng.integers(0, 256, descriptors.shape, np.uint8)
    return (
        descriptors
        ^ {
            8: lambda: r() & r() & r() & (r() | r() & r()),  # 1/8 x 5/8
            12: lambda: r() & r() & r(),
            19: lambda: r() & r() & (r() | r()),
        }[percent]()
    )  # 1/4 x 3/4


def _thumbs(rng, n: int) -> np.ndarray:
    """Sums of waves, the short ones weak."""
    k = np.arange(20)
    waves = np.cos(np.pi * k[:, None] * (np.arange(THUMB) + 0.5) / THUMB)
    weights = rng.normal(size=(n, 20, 20)) / (1 + np.hypot(k[:, None], k))
    images = waves.T @ weights.astype(np.float32) @ waves
    images -= images.mean((1, 2), keepdims=True)
    return np.clip(128 + 45 * images / images.std((1, 2), keepdims=True), 0, 255).astype(np.uint8)


def _copy(rng, f: Features, kind: str) -> Features:
    """Features that stay in the picture are moved by a step at most, in a somewhat other order; others are new."""
    edge, side, (x, y) = GRID - 1, rng.uniform(0.75, 0.9), rng.uniform(0, 25, 2)
    matrix = np.array(
        {
            "resized": [[1, 0, 0], [0, 1, 0]],
            "flipped": [[-1, 0, edge], [0, 1, 0]],
            "cropped": [[1 / side, 0, -x / side], [0, 1 / side, -y / side]],
            "rotated": [[0, -1, edge], [1, 0, 0]],
        }[kind]
    )
    points = np.rint(
        f.points @ matrix[:, :2].T + matrix[:, 2] + rng.integers(-1, 2, f.points.shape)
    )
    descriptors = _bent(rng, mirrored(f.descriptors) if kind == "flipped" else f.descriptors, 8)
    out = ((points < 16) | (points > 240)).any(1)
    points[out] = rng.integers(16, 241, (out.sum(), 2))
    descriptors[out] = rng.integers(0, 256, (out.sum(), 32))
    order = np.argsort(np.arange(MAX_FEATURES) + rng.normal(0, 12, MAX_FEATURES))
    scale, centre = (
        THUMB / GRID,
        (THUMB / GRID - 1) / 2,
    )  # of the thumbnail's pixels, which are told by their centres
    small = np.column_stack(
        [matrix[:, :2], scale * matrix[:, 2] + centre - matrix[:, :2].sum(1) * centre]
    )
    thumb = cv2.warpAffine(f.thumb, small, (THUMB, THUMB), borderMode=cv2.BORDER_REPLICATE)
    thumb = np.clip(thumb + rng.normal(0, 2, thumb.shape), 0, 255).astype(np.uint8)
    return Features(
        points=points.astype(np.uint8)[order], descriptors=descriptors[order], thumb=thumb
    )


# ---- the measurement


class Phases:
    """Seconds of what find_links tells as it goes; what lies before a phase is named after it."""

    def __init__(self):
        self.seconds, self.last = {}, time.perf_counter()

    def say(self, text):
        """Nothing is told beside the phases."""

    def meter(self, total, done, what):
        """No bytes are fetched."""

    def bar(self, things, total, what):
        """Take the time that a phase takes."""
        self._until(f"before {what.split(':')[0]}")
        yield from things
        self._until(what.split(":")[0])

    def _until(self, what):
        self.last, last = time.perf_counter(), self.last
        self.seconds[what] = round(self.seconds.get(what, 0) + self.last - last, 2)


def measure(n, workers):
    """In a process of its own: prints a row as JSON."""
    prints, shows, how = invent(int(n))
    row = {"n": int(n), "fingerprints": status_mb("VmRSS")}
    with open_engine("local", int(workers)) as engine:
        job = prints[0].sketch, prints[1].sketch, False, False
        list(spread(engine, match_many, [job] * 128))  # start the workers
        reset_peak()
        phases, begun, cpu = Phases(), time.perf_counter(), cpu_seconds(os.getpid())
        links = find_links(prints, engine, progress=phases)
        phases._until("sorting out")
        groups = collect_copies(
            [
                ScannedImage(
                    item=undescribed_item(str(i)),
                    fingerprint=p,
                    label="",
                    why_unlabelled="",
                    rank=(-p.width, i),
                )
                for i, p in enumerate(prints)
            ],
            links,
        )
        phases._until("grouping")
        row |= {
            "seconds": time.perf_counter() - begun,
            "phases": phases.seconds,
            "links": len(links),
        }
        row |= {"cpu": cpu_seconds(os.getpid()) - cpu, "driver": status_mb("VmHWM")}
    print(
        json.dumps(row | judge([[int(m.item.path) for m in g.members] for g in groups], shows, how))
    )


def judge(groups: list[list[int]], shows: list[int], how: list[str]) -> dict:
    """Copies that are in their radiograph's group, by kind; groups of more than one radiograph; pairs in one group."""
    home = {i: k for k, g in enumerate(groups) for i in g}
    found = {kind: [0, 0] for kind in KINDS}
    for i, kind in enumerate(how):
        if kind:
            found[kind] = [found[kind][0] + (home[i] == home[shows[i]]), found[kind][1] + 1]
    return {
        "found": found,
        "wrong": sum(len({shows[i] for i in g}) > 1 for g in groups),
        "pairs": sum(math.comb(len(g), 2) for g in groups),
    }


def in_own_process(n: int, workers: int) -> dict:
    code = (
        "import sys; sys.argv = sys.argv[1:]; import dedupe_scale; dedupe_scale.measure(*sys.argv)"
    )
    env = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(
            [str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]
        ),
    }
    p = subprocess.Popen(
        [sys.executable, "-c", code, str(n), str(workers)],
        env=env,
        stdout=subprocess.PIPE,
        text=True,
    )
    with Watch(p.pid) as watch:
        out = p.communicate()[0]
    if p.returncode:
        sys.exit(f"n = {n}: the process ended with {p.returncode}.")
    return json.loads(out) | {"workers": watch.workers}


def fit(rows: list[dict]) -> list[str]:
    """The exponent of time = a n^b by least squares, beside that of n log n over the same numbers."""
    n, seconds, cpu = (np.array([r[k] for r in rows], dtype=float) for k in ("n", "seconds", "cpu"))
    slope = lambda t: np.polyfit(np.log(n), np.log(t), 1)[0]
    least, most = rows[0], rows[-1]
    times = lambda key: most[key] / least[key]
    n_log_n = most["n"] * math.log(most["n"]) / (least["n"] * math.log(least["n"]))
    phases = ", ".join(f"{what} {s:.1f} s" for what, s in most["phases"].items())
    return [
        f"time grows as n^{slope(seconds):.2f} from {least['n']:,} to {most['n']:,}, "
        f"CPU time as n^{slope(cpu):.2f}; n log n as n^{slope(n * np.log(n)):.2f}",
        f"{times('seconds'):.1f} times the time, {times('cpu'):.1f} times the CPU time; n log n {n_log_n:.1f}",
        f"{most['n']:,}: {phases}",
        f"{most['n']:,}: the fingerprints alone hold {most['fingerprints']:.0f} MB of the driver's",
    ]


def main():
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("numbers", nargs="*", type=int, default=NUMBERS)
    p.add_argument("--workers", type=int, default=2)
    args = p.parse_args()
    rows = []
    for n in args.numbers:
        rows.append(r := in_own_process(n, args.workers))
        found = ", ".join(f"{kind} {a} of {b}" for kind, (a, b) in r["found"].items())
        print(
            f"{n:>8,} {r['seconds']:>8.1f} s {r['cpu']:>7.1f} CPU s {r['driver']:>6.0f} + {r['workers']:.0f} MB  "
            f"wrong groups {r['wrong']}, found {found}",
            flush=True,
        )
        print("        ", r["phases"], "links", r["links"], flush=True)
    if len(rows) > 1:
        print(*fit(rows), sep="\n")


if __name__ == "__main__":
    main()
