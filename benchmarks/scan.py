"""How fast the scan is, and what it holds in memory.

.venv/bin/python benchmarks/scan.py FOLDER [--rounds 3] [--workers 2] [--size 1024]

FOLDER holds real images, a mirror say. Prints three tables: images/s of the whole fingerprint
(bytes hashed, decoded, checked, pixels hashed, perceptual hash, journaled) beside the floor, which
is nothing but decoding the same files with the same workers; the same on Ray; writing the curated
PNG, for the projection; and the memory at its peak for 1,000 and 20,000 files (--files). What is
compared runs in turn, in one process, so that a noisy machine disturbs all alike.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from process_memory import status_mb

from cxr_fastai.core import ImageRejected
from cxr_fastai.curation.copies.fingerprint import fingerprint, pixel_sha256
from cxr_fastai.curation.copies.scan import scan
from cxr_fastai.curation.engines import Engine, open_engine, spread
from cxr_fastai.curation.sources.item import Item, PlaceInFile, undescribed_item
from cxr_fastai.curation.sources.tree import folder_tree
from cxr_fastai.images import decode, is_image_name, resize, write_png

MEMORY_FILES = (1000, 20000)  # files, for the memory
RESIZED = 600  # images, with --size
WARM_JOBS = 200  # images that start the workers
PIECES = 1000  # images that one process measures
PIECE_ROUNDS = 3
PEAK_ASKED = 64  # jobs by which the workers tell their peaks
FLOOR = "decode only (the floor)"

Job = tuple[str, PlaceInFile]  # file on disk, where in it


class Throughput(NamedTuple):
    """Medians of rounds that take turns."""

    what: str
    rate: float  # images/s
    share: float  # of the floor
    least: float  # share, of the rounds
    greatest: float


class Memory(NamedTuple):
    """What a scan held at its peak."""

    driver_mb: float
    worker_mb: float  # the largest worker
    seconds: float


# ---- what workers do


def decode_many(jobs: list[Job]) -> list[Job]:
    """Do what any scan must do: the floor."""
    for file, *_ in jobs:
        try:
            decode(file)
        except ImageRejected:
            pass
    return jobs


def write_png_many(jobs: list[Job]) -> list[Job]:
    """Do what a curation does with an image that it keeps."""
    with tempfile.TemporaryDirectory() as tmp:
        for file, *_ in jobs:
            try:
                pixels = decode(file)
            except ImageRejected:
                continue
            pixel_sha256(pixels)
            write_png(pixels, f"{tmp}/x.png")
    return jobs


def fingerprint_all(jobs: list[Job]) -> None:
    """Fingerprint each, in this process."""
    for job in jobs:
        fingerprint(*job)


def peak_many(jobs: list[Any]) -> list[float]:
    """Tell the MB that this process held at its peak, once a job.

    The kernel's own word: getrusage counts what the parent held at the fork.
    """
    return [status_mb("VmHWM") for _ in jobs]


# ---- the images


def folder_images(folder: str) -> dict[str, str]:
    """Find the images of a folder: path in it -> file."""
    files = folder_tree(folder).files
    return {path: file for path, file in files.items() if is_image_name(path)}


def items_of(files: dict[str, str]) -> list[Item]:
    """Make items of all files, as of one source that says nothing of them."""
    return [undescribed_item(file, source="bench", path=path) for path, file in files.items()]


def jobs_of(items: list[Item]) -> list[Job]:
    """Make what workers are given."""
    return [(item.file, item.array) for item in items]


def resized(files: dict[str, str], size: int) -> dict[str, str]:
    """Write some of the files as size x size gray PNG, as NIH publishes them at 1024."""
    tmp = tempfile.mkdtemp()
    step = max(len(files) // RESIZED, 1)
    for i, file in enumerate(list(files.values())[::step][:RESIZED]):
        try:
            write_png(resize(decode(file), size), f"{tmp}/{i}.png")
        except ImageRejected:
            pass
    return folder_tree(tmp).files


# ---- the tables


def timed(fn: Callable[..., Any], *args: Any) -> float:
    """Call; return the seconds that it took."""
    begun = time.perf_counter()
    fn(*args)
    return time.perf_counter() - begun


def spread_all(engine: Engine, fn: Callable[[list[Any]], list[Any]], jobs: list[Job]) -> None:
    """Do all jobs on an engine."""
    list(spread(engine, fn, jobs))


def fresh_scan(items: list[Item], engine: Engine) -> None:
    """Scan and remember nothing: the journal goes into a folder of its own."""
    with tempfile.TemporaryDirectory() as tmp:
        os.environ["CXR_CACHE"] = tmp
        scan(items, engine)


def throughput(items: list[Item], workers: int, rounds: int) -> list[Throughput]:
    """Measure scan and writing beside the floor."""
    jobs = jobs_of(items)
    with open_engine("local", workers) as local, open_engine("ray", workers) as ray:
        runs = {
            FLOOR: partial(spread_all, local, decode_many, jobs),
            "scan, local": partial(fresh_scan, items, local),
            "scan, ray": partial(fresh_scan, items, ray),
            "write PNG, local": partial(spread_all, local, write_png_many, jobs),
        }
        for engine in (local, ray):
            spread_all(engine, decode_many, jobs[:WARM_JOBS])
        seconds: dict[str, list[float]] = {what: [] for what in runs}
        for _ in range(rounds):
            for what, run in runs.items():
                seconds[what].append(timed(run))
    return [_throughput(what, taken, seconds[FLOOR], len(items)) for what, taken in seconds.items()]


def _throughput(
    what: str,
    seconds: list[float],  # a round each
    floor: list[float],  # seconds of the floor in the same rounds
    n: int,  # images
) -> Throughput:
    shares = sorted(least / taken for least, taken in zip(floor, seconds))
    return Throughput(
        what=what,
        rate=n / statistics.median(seconds),
        share=statistics.median(shares),
        least=shares[0],
        greatest=shares[-1],
    )


def pieces(items: list[Item]) -> dict[str, float]:
    """Measure ms an image of one process: where a fingerprint's time goes beside decoding."""
    step = max(len(items) // PIECES, 1)
    jobs = jobs_of(items[::step])
    seconds: dict[str, list[float]] = {"decode": [], "fingerprint": []}
    for _ in range(PIECE_ROUNDS):
        seconds["decode"].append(timed(decode_many, jobs))
        seconds["fingerprint"].append(timed(fingerprint_all, jobs))
    return {what: 1000 * statistics.median(taken) / len(jobs) for what, taken in seconds.items()}


def memory(folder: str, n: int, workers: int) -> Memory:
    """Measure a scan of n files in a process of its own, as the kernel tells."""
    code = "import sys; sys.argv = sys.argv[1:]; import scan; scan.measure_memory(*sys.argv)"
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parent), "CXR_CACHE": tempfile.mkdtemp()}
    process = subprocess.run(
        [sys.executable, "-c", code, folder, str(n), str(workers)],
        env=env,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    driver, worker, seconds = process.stdout.split()
    return Memory(driver_mb=float(driver), worker_mb=float(worker), seconds=float(seconds))


def measure_memory(
    folder: str,
    n: str,  # a number
    workers: str,  # a number
) -> None:
    """Scan n links to the images of a folder, each a name of its own; print what a Memory holds."""
    files = list(folder_images(folder).values())
    tmp = tempfile.mkdtemp()
    links = {}
    for i in range(int(n)):
        links[str(i)] = f"{tmp}/{i}"
        os.symlink(os.path.abspath(files[i % len(files)]), links[str(i)])
    items = items_of(links)
    with open_engine("local", int(workers)) as engine:
        seconds = timed(scan, items, engine)
        worker = max(mb for _, mb in spread(engine, peak_many, list(range(PEAK_ASKED))))
    print(status_mb("VmHWM"), worker, seconds)


def main():
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("folder")
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--workers", type=int, default=2)
    p.add_argument("--size", type=int, help=f"measure on {RESIZED} of them, resized; no memory")
    p.add_argument("--files", type=int, nargs="*", default=MEMORY_FILES, help="for the memory")
    args = p.parse_args()
    files = folder_images(args.folder)
    if not files:
        p.error(f"{args.folder} holds no image; links out of it are not followed")
    items = items_of(resized(files, args.size) if args.size else files)
    print(
        f"{len(items)} images, {args.workers} workers, {os.cpu_count()} cores, "
        f"{platform.machine()}, Python {platform.python_version()}, "
        f"pillow {version('pillow')}, ray {version('ray')}\n"
    )
    for what, ms in pieces(items).items():
        print(f"{what:<26}{ms:>8.2f} ms an image, one process")
    print(f"\n{'':<26}{'images/s':>9}{'of floor':>9}   (least to greatest of {args.rounds} rounds)")
    for row in throughput(items, args.workers, args.rounds):
        spread_of_rounds = f"({row.least:.0%} to {row.greatest:.0%})"
        print(f"{row.what:<26}{row.rate:>9.0f}{row.share:>9.0%}   {spread_of_rounds}")
    if args.size:
        return
    print(f"\n{'files':<10}{'driver MB':>10}{'worker MB':>10}{'images/s':>10}")
    for n in args.files:
        held = memory(args.folder, n, args.workers)
        rate = n / held.seconds
        print(f"{n:<10}{held.driver_mb:>10.0f}{held.worker_mb:>10.0f}{rate:>10.0f}")


if __name__ == "__main__":
    main()
