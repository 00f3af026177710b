"""How fast the scan is, and what it holds in memory.
.venv/bin/python benchmarks/scan.py FOLDER [--rounds 3] [--workers 2] [--size 1024]

FOLDER holds real images, a mirror say. Prints three tables: images/s of the whole fingerprint (bytes hashed, decoded,
checked, pixels hashed, perceptual hash, journaled) beside the floor, which is nothing but decoding the same files with
the same workers; the same on Ray; writing the curated PNG, for the projection; and the memory at its peak for 1,000
and 20,000 files. What is compared runs in turn, in one process, so that a noisy machine disturbs all alike.
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
from importlib.metadata import version
from pathlib import Path

from cxr_fastai.core import ImageRejected
from cxr_fastai.curation.copies.fingerprint import fingerprint, pixel_sha256
from cxr_fastai.curation.copies.scan import scan
from cxr_fastai.curation.engines import open_engine, spread
from cxr_fastai.curation.sources.item import Item, undescribed_item
from cxr_fastai.curation.sources.tree import folder_tree
from cxr_fastai.images import decode, is_image_name, resize, write_png

SIZES = (1000, 20000)  # files, for the memory


def decode_many(todo: list) -> list:
    """The floor: what any scan must do."""
    for file, *_ in todo:
        try:
            decode(file)
        except ImageRejected:
            pass
    return todo


def write_png_many(todo: list) -> list:
    """What a curation does with an image that it keeps."""
    with tempfile.TemporaryDirectory() as tmp:
        for file, *_ in todo:
            try:
                pixels = decode(file)
            except ImageRejected:
                continue
            pixel_sha256(pixels)
            write_png(pixels, f"{tmp}/x.png")
    return todo


def items_of(files: dict[str, str]) -> list[Item]:
    """Items of all files, as of one source that says nothing of them."""
    return [undescribed_item(file, source="bench", path=path) for path, file in files.items()]


def resized(files: dict[str, str], size: int, n=600) -> dict[str, str]:
    """N of the files as size x size gray PNG, as NIH publishes them at 1024."""
    tmp = tempfile.mkdtemp()
    for i, f in enumerate(list(files.values())[:: max(len(files) // n, 1)][:n]):
        try:
            write_png(resize(decode(f), size), f"{tmp}/{i}.png")
        except ImageRejected:
            pass
    return folder_tree(tmp).files


def timed(fn) -> float:
    begun = time.perf_counter()
    fn()
    return time.perf_counter() - begun


def fresh_scan(items, engine):
    """A scan that remembers nothing: its journal goes into a folder of its own."""
    with tempfile.TemporaryDirectory() as tmp:
        os.environ["CXR_CACHE"] = tmp
        scan(items, engine)


def throughput(items, workers, rounds) -> list[tuple]:
    """(what, images/s, share of the floor): medians of rounds that take turns."""
    jobs = [(it.file, it.array) for it in items]
    seconds = {
        "decode only (the floor)": [],
        "scan, local": [],
        "scan, ray": [],
        "write PNG, local": [],
    }
    with open_engine("local", workers) as local, open_engine("ray", workers) as ray:
        run = {
            "decode only (the floor)": lambda: list(spread(local, decode_many, jobs)),
            "scan, local": lambda: fresh_scan(items, local),
            "scan, ray": lambda: fresh_scan(items, ray),
            "write PNG, local": lambda: list(spread(local, write_png_many, jobs)),
        }
        for what in run:
            list(
                spread(ray if "ray" in what else local, decode_many, jobs[:200])
            )  # start the workers
        for _ in range(rounds):
            for what, fn in run.items():
                seconds[what].append(timed(fn))
    rows = []
    for what, s in seconds.items():
        shares = sorted(a / b for a, b in zip(seconds["decode only (the floor)"], s))
        rows.append(
            (
                what,
                len(items) / statistics.median(s),
                statistics.median(shares),
                shares[0],
                shares[-1],
            )
        )
    return rows


def pieces(items) -> list[tuple]:
    """(what, ms an image) of one process: where the time of a fingerprint goes beside decoding."""
    jobs = [(it.file, it.array) for it in items[:: max(len(items) // 1000, 1)]]
    both = {"decode": [], "fingerprint": []}
    for _ in range(3):
        both["decode"].append(timed(lambda: decode_many(jobs)))
        both["fingerprint"].append(timed(lambda: [fingerprint(*j) for j in jobs]))
    return [(k, 1000 * statistics.median(v) / len(jobs)) for k, v in both.items()]


def memory(folder, n, workers) -> tuple:
    """(files, peak MB of the driver, of the largest worker, seconds): a process of its own, told by the kernel."""
    code = "import sys; sys.argv = sys.argv[1:]; import scan; scan.measure_memory(*sys.argv)"
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parent), "CXR_CACHE": tempfile.mkdtemp()}
    out = subprocess.run(
        [sys.executable, "-c", code, str(folder), str(n), str(workers)],
        env=env,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()
    return int(n), *map(float, out)


def measure_memory(folder, n, workers):
    files, tmp = list(folder_images(folder).values()), tempfile.mkdtemp()
    for i in range(int(n)):
        os.symlink(os.path.abspath(files[i % len(files)]), f"{tmp}/{i}")  # each a name of its own
    items = items_of({str(i): f"{tmp}/{i}" for i in range(int(n))})
    with open_engine("local", int(workers)) as engine:
        seconds = timed(lambda: scan(items, engine))
        worker = max(mb for _, mb in spread(engine, peak_many, list(range(64))))
    print(*peak_many([0]), worker, seconds)


def peak_many(todo: list) -> list:
    """MB that this process held at its peak. The kernel's own word: getrusage counts what the parent held at the fork."""
    status = Path("/proc/self/status").read_text()
    return [int(status.split("VmHWM:")[1].split()[0]) / 1024 for _ in todo]


def folder_images(folder) -> dict[str, str]:
    return {p: f for p, f in folder_tree(folder).files.items() if is_image_name(p)}


def main():
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("folder")
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--workers", type=int, default=2)
    p.add_argument("--size", type=int, help="measure on 600 of them, resized")
    args = p.parse_args()
    files = folder_images(args.folder)
    items = items_of(resized(files, args.size) if args.size else files)
    print(
        f"{len(items)} images, {args.workers} workers, {os.cpu_count()} cores, {platform.machine()}, Python "
        f"{platform.python_version()}, pillow {version('pillow')}, ray {version('ray')}\n"
    )
    for what, ms in pieces(items):
        print(f"{what:<26}{ms:>8.2f} ms an image, one process")
    print(f"\n{'':<26}{'images/s':>9}{'of floor':>9}   (least to greatest of {args.rounds} rounds)")
    for what, rate, share, lo, hi in throughput(items, args.workers, args.rounds):
        print(f"{what:<26}{rate:>9.0f}{share:>9.0%}   ({lo:.0%} to {hi:.0%})")
    if args.size:
        return
    print(f"\n{'files':<10}{'driver MB':>10}{'worker MB':>10}{'images/s':>10}")
    for n in SIZES:
        _, driver, worker, seconds = memory(args.folder, n, args.workers)
        print(f"{n:<10}{driver:>10.0f}{worker:>10.0f}{n / seconds:>10.0f}")


if __name__ == "__main__":
    main()
