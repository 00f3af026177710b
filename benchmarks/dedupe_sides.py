"""The two sides that benchmarks/dedupe.py compares: this library and imagededup.

Each stands in a process that stays and does one step when it is asked for it: a line of JSON asks,
a line answers. Linux alone.
"""

from __future__ import annotations

import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from process_memory import Watch

from cxr_fastai.curation.copies import candidates
from cxr_fastai.curation.copies.copy_sets import ScannedImage, collect_copies
from cxr_fastai.curation.copies.features import Features
from cxr_fastai.curation.copies.fingerprint import Fingerprint, Unreadable, fingerprint
from cxr_fastai.curation.copies.links import Link, find_links, match_many
from cxr_fastai.curation.copies.parts import PartPair
from cxr_fastai.curation.copies.scan import fingerprint_many, scan
from cxr_fastai.curation.copies.scan_cache import ScanCache
from cxr_fastai.curation.engines import Engine, open_engine, spread
from cxr_fastai.curation.sources.item import undescribed_item

WARM_JOBS = 128  # images that start the workers
PROFILED_IMAGES = 400
PROFILED_PAIRS = 2000
PROFILED_FUNCTIONS = 6  # that take the most time, told of each step

# What the other Python runs.
IMAGEDEDUP = """
import json, os, sys, time, warnings
out = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)
warnings.simplefilter("ignore")

def say(**answer):
    print(json.dumps(answer), file=out, flush=True)

folder, workers = sys.argv[1], int(sys.argv[2])
try:
    from importlib.metadata import version
    from pathlib import Path
    import imagededup.methods as methods
    import torch
except ImportError as e:
    say(error=str(e))
    sys.exit()

def encode(method):
    encode_workers = 0 if method == "CNN" else workers
    found = coders[method].encode_images(
        image_dir=folder, recursive=True, num_enc_workers=encode_workers)
    codes[method] = found
    return found

def find(method, bits):
    if method == "CNN":
        settings = {"num_sim_workers": workers}
    else:
        settings = {"max_distance_threshold": bits, "num_dist_workers": workers}
    return coders[method].find_duplicates(encoding_map=codes[method], **settings)

def pairs_of(listed):
    pairs = set()
    for a, others in listed.items():
        pairs.update((min(a, b), max(a, b)) for b in others if a != b)
    return pairs

checkpoints = Path(torch.hub.get_dir(), "checkpoints")
say(versions={name: version(name) for name in ("imagededup", "pillow", "torch")},
    cnn=any(checkpoints.glob("mobilenet_v3_small*")))
coders, codes = {}, {}
for line in sys.stdin:
    what, method, bits, asked = json.loads(line)
    if method not in coders:
        coders[method] = getattr(methods, method)(verbose=False)
    begun = time.perf_counter()
    if what == "encode":
        found = encode(method)
        say(seconds=time.perf_counter() - begun, n=len(found))
    else:
        listed = find(method, bits)
        seconds = time.perf_counter() - begun
        pairs = pairs_of(listed)
        hits = [(min(a, b), max(a, b)) in pairs for a, b in asked]
        say(seconds=seconds, pairs=len(pairs), hits=hits)
"""


# ---- this library's side, in a process of its own


def hash_many(jobs: list[tuple[Any, ...]]) -> list[Fingerprint | Unreadable]:
    """Hash images, in a worker; no local features."""
    return [fingerprint(*job, features=False) for job in jobs]


def serve(
    folder: str,  # of links to images
    workers: str,  # a number
) -> None:
    """Answer the lines of stdin as the script above does, until they end."""
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    print("{}", file=out, flush=True)
    files = sorted(str(path) for path in Path(folder).iterdir())
    with open_engine("local", int(workers)) as engine:
        library = LibrarySteps(files, engine)
        for line in sys.stdin:
            what, _, _, asked = json.loads(line)
            step = getattr(library, what)
            begun = time.perf_counter()
            step()
            seconds = time.perf_counter() - begun
            answer = {"seconds": seconds, **library.answer(what, asked)}
            print(json.dumps(answer), file=out, flush=True)


class LibrarySteps:
    """The steps of `curation.copies.find.find`, each by itself."""

    def __init__(self, files: list[str], engine: Engine):
        self.engine = engine
        self.items = [undescribed_item(file) for file in files]
        self.jobs = [(file, None, file) for file in files]
        self.fingerprints: list[Any] = []
        self.found_links: list[Link] = []
        self.home: dict[str, str] = {}  # name of a file -> what its copies share
        self.notes: list[str] = []

    def start(self) -> None:
        """Start the workers."""
        list(spread(self.engine, fingerprint_many, self.jobs[:WARM_JOBS]))

    def hashes(self) -> None:
        """Hash bytes and pixels; equal pixels are copies."""
        for number, result in spread(self.engine, hash_many, self.jobs):
            name = os.path.basename(self.jobs[number][0])
            self.home[name] = result.pixel_sha256

    def fingerprint(self) -> None:
        """Fingerprint all images; what a scan remembers is written down, as always."""
        os.environ["CXR_CACHE"] = tempfile.mkdtemp(dir=os.environ["TMPDIR"])
        self.fingerprints = scan(self.items, self.engine)

    def links(self) -> None:
        """Find the pairs that match."""
        with ScanCache() as cache:
            self.found_links = find_links(self.fingerprints, self.engine, cache)

    def groups(self) -> None:
        """Collect the copies of each radiograph."""
        images = [_scanned(item, fp) for item, fp in zip(self.items, self.fingerprints)]
        self.home = {}
        for copies in collect_copies(images, self.found_links):
            for member in copies.members:
                self.home[os.path.basename(member.item.path)] = copies.id

    def profile(self) -> None:
        """Tell where the time goes, in one process and thread.

        Of PROFILED_IMAGES images, of the search of all, of PROFILED_PAIRS pairs.
        """
        by_pixels = {fp.pixel_sha256: fp.sketch for fp in self.fingerprints}
        sketches = [by_pixels[pixels] for pixels in sorted(by_pixels)]
        self.notes = []
        self._profiled("fingerprint", fingerprint_many, _some(self.jobs, PROFILED_IMAGES))
        features = [Features.unpack(sketch) for sketch in sketches]
        threads = candidates.ThreadPoolExecutor
        candidates.ThreadPoolExecutor = AtOnce  # the profiler sees one thread
        try:
            pairs = self._profiled("search", candidates.find_candidates, features)
        finally:
            candidates.ThreadPoolExecutor = threads
        jobs = []
        for a, b, mirror, invert in _some(pairs, PROFILED_PAIRS):
            pair = PartPair(a, b, False, False, mirror, invert)
            jobs.append((sketches[a], sketches[b], pair))
        self._profiled("comparing", match_many, jobs)
        self.notes.append(f"{len(pairs) / len(sketches):.1f} pairs an image are compared")

    def _profiled(self, what: str, fn: Callable[[Any], Any], argument: Any) -> Any:
        import cProfile
        import pstats

        with cProfile.Profile() as profiler:
            result = fn(argument)
        stats = pstats.Stats(profiler)
        own_times = [(times[2], function[2]) for function, times in stats.stats.items()]
        own_times.sort(key=lambda pair: -pair[0])
        shares = [f"{name} {s / stats.total_tt:.0%}" for s, name in own_times[:PROFILED_FUNCTIONS]]
        self.notes.append(f"{what}: {', '.join(shares)}")
        return result

    def answer(
        self,
        what: str,  # step that was done
        asked: list[list[str]],  # pairs of names
    ) -> dict[str, Any]:
        """Say what a step found, as the script above does."""
        if what == "profile":
            return {"notes": self.notes}
        if what not in ("hashes", "groups"):
            return {"n": len(self.items)}
        sizes = Counter(self.home.values())
        return {
            "pairs": sum(math.comb(size, 2) for size in sizes.values()),
            "hits": [self.home[a] == self.home[b] for a, b in asked],
            "n": len(self.items),
        }


def _scanned(item: Any, fp: Fingerprint) -> ScannedImage:
    """Make an image of no class; of copies the largest comes first."""
    rank = (-fp.width * fp.height, item.path)
    return ScannedImage(item=item, fingerprint=fp, label="", why_unlabelled="", rank=rank)


def _some(things: Sequence[Any], n: int) -> list[Any]:
    """Take about n of the things, evenly spread."""
    return list(things[:: max(len(things) // n, 1)])


class AtOnce(Executor):
    """Does what threads would do, at once, in the one that asks."""

    def __init__(
        self,
        workers: int,  # threads that there would be
        initializer: Callable[..., object],
        initargs: tuple[Any, ...],
    ):
        initializer(*initargs)

    def submit(self, fn: Callable[..., Any], *args: Any) -> Future[Any]:
        """Do it."""
        future: Future[Any] = Future()
        future.set_result(fn(*args))
        return future


# ---- both, as the one that asks sees them


class Step(NamedTuple):
    """What a side is asked to do."""

    what: str
    method: str = ""  # of imagededup: PHash, DHash, CNN
    bits: int = 0  # of imagededup's find: that may differ


@dataclass
class Measured:
    """What a step took in each round; the memory is the greatest of them."""

    seconds: list[float] = field(default_factory=list)
    cpu_seconds: list[float] = field(default_factory=list)
    driver_mb: float = 0
    workers_mb: float = 0
    answer: dict[str, Any] = field(default_factory=dict)  # of the last round


class Side:
    """One of the two processes, and what its steps took."""

    def __init__(
        self,
        name: str,
        python: str,  # that runs it
        code: str,
        folder: str,  # of links to images
        workers: int,
        env: dict[str, str] | None = None,
    ):
        self.name = name
        self.measured: dict[Step, Measured] = {}
        self.process = subprocess.Popen(
            [python, "-c", code, folder, str(workers)],
            text=True,
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        greeting = self.process.stdout.readline()
        self.hello: dict[str, Any] = json.loads(greeting or '{"error": "it ended"}')

    def ask(
        self,
        step: Step,
        asked: Sequence[tuple[str, str]] = (),  # pairs of names: are they told to be copies?
    ) -> None:
        """Have a step done, and measure it."""
        with Watch(self.process.pid) as watch:
            print(json.dumps([*step, asked]), file=self.process.stdin, flush=True)
            line = self.process.stdout.readline()
        if not line:
            sys.exit(f"{self.name} ended while it was asked for {step.what} {step.method}.")
        measured = self.measured.setdefault(step, Measured())
        measured.answer = json.loads(line)
        measured.seconds.append(measured.answer["seconds"])
        measured.cpu_seconds.append(watch.cpu)
        measured.driver_mb = max(measured.driver_mb, watch.driver)
        measured.workers_mb = max(measured.workers_mb, watch.workers)

    def seconds(self, *steps: Step) -> float:
        """Add up the median seconds of the steps."""
        return sum(statistics.median(self.measured[step].seconds) for step in steps)

    def cpu_seconds(self, *steps: Step) -> float:
        """Add up the median CPU seconds of the steps."""
        return sum(statistics.median(self.measured[step].cpu_seconds) for step in steps)

    def close(self) -> None:
        """End the process."""
        self.process.stdin.close()
        self.process.wait()


def library_side(
    folder: str,  # of links to images
    workers: int,
    tmp: str,  # folder for what it remembers
) -> Side:
    """Start this library."""
    code = "import sys; sys.argv = sys.argv[1:]; import dedupe_sides; dedupe_sides.serve(*sys.argv)"
    env = {**os.environ, "PYTHONPATH": python_path(), "TMPDIR": tmp}
    return Side("this library", sys.executable, code, folder, workers, env)


def imagededup_side(python: str, folder: str, workers: int) -> Side:
    """Start imagededup; its `hello` holds an error where it is not there."""
    return Side("imagededup", python, IMAGEDEDUP, folder, workers)


def python_path() -> str:
    """Where a Python of ours finds the modules of this folder."""
    here = str(Path(__file__).parent)
    return os.pathsep.join([here, os.environ.get("PYTHONPATH", "")])
