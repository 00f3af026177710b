"""The two sides that benchmarks/dedupe.py compares: this library and imagededup, each in a process that stays and does
one step when it is asked for it, and what both hold in memory. Linux alone.
"""

from __future__ import annotations

import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import Executor, Future
from pathlib import Path

from cxr_fastai.curation.copies.copy_sets import ScannedImage, collect_copies
from cxr_fastai.curation.copies.fingerprint import fingerprint
from cxr_fastai.curation.copies.links import find_links
from cxr_fastai.curation.copies.scan import fingerprint_many, scan
from cxr_fastai.curation.copies.scan_cache import ScanCache
from cxr_fastai.curation.engines import open_engine, spread
from cxr_fastai.curation.sources.item import undescribed_item

EVERY = 0.25  # seconds between two looks at the memory

# What the other Python runs: a line of JSON asks, a line answers.
IMAGEDEDUP = """
import json, os, sys, time, warnings
out = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)
warnings.simplefilter("ignore")
def say(**what): print(json.dumps(what), file=out, flush=True)
folder, workers = sys.argv[1], int(sys.argv[2])
try:
    from importlib.metadata import version
    from pathlib import Path
    import imagededup.methods as methods, torch
except ImportError as e: sys.exit(say(error=str(e)))
say(versions={k: version(k) for k in ("imagededup", "pillow", "torch")},
    cnn=any(Path(torch.hub.get_dir(), "checkpoints").glob("mobilenet_v3_small*")))
coders, codes = {}, {}
for line in sys.stdin:
    what, method, bits, asked = json.loads(line)
    coder = coders.get(method) or coders.setdefault(method, getattr(methods, method)(verbose=False))
    cnn, begun, answer = method == "CNN", time.perf_counter(), {}
    if what == "encode":
        codes[method] = coder.encode_images(image_dir=folder, recursive=True, **{"num_enc_workers": workers} if not cnn
                                            else {"num_enc_workers": 0})
        seconds, answer["n"] = time.perf_counter() - begun, len(codes[method])
    else:
        kw = {"num_sim_workers": workers} if cnn else {"max_distance_threshold": bits, "num_dist_workers": workers}
        told = coder.find_duplicates(encoding_map=codes[method], **kw)
        seconds = time.perf_counter() - begun
        pairs = {(min(a, b), max(a, b)) for a, others in told.items() for b in others if a != b}
        answer = {"pairs": len(pairs), "hits": [(min(a, b), max(a, b)) in pairs for a, b in asked]}
    say(seconds=seconds, **answer)
"""


# ---- this library's side, in a process of its own


def hash_many(todo: list) -> list:
    return [fingerprint(*job, features=False) for job in todo]


def serve(folder, workers):
    """Answers as the script above does."""
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    print("{}", file=out, flush=True)
    with open_engine("local", int(workers)) as engine:
        ours = Ours(sorted(map(str, Path(folder).iterdir())), engine)
        for line in sys.stdin:
            what, *_, asked = json.loads(line)
            step, begun = getattr(ours, what), time.perf_counter()
            step()
            seconds = time.perf_counter() - begun
            print(json.dumps({"seconds": seconds, **ours.told(what, asked)}), file=out, flush=True)


class Ours:
    """The steps of `curation.find.find`, each by itself."""

    def __init__(self, files, engine):
        self.engine, self.items = (
            engine,
            [undescribed_item(f) for f in files],
        )
        self.jobs, self.prints, self.home, self.notes = [(f, None, f) for f in files], [], {}, []

    def start(self):
        list(spread(self.engine, fingerprint_many, self.jobs[:128]))

    def hashes(self):
        found = sorted(spread(self.engine, hash_many, self.jobs), key=lambda x: x[0])
        self.home = {os.path.basename(self.jobs[k][0]): p.pixel_sha256 for k, p in found}

    def fingerprint(self):
        """With all that it remembers written down, as always."""
        os.environ["CXR_CACHE"] = self.cache = tempfile.mkdtemp(dir=os.environ["TMPDIR"])
        self.prints = scan(self.items, self.engine)

    def links(self):
        with ScanCache() as memory:
            self.found = find_links(self.prints, self.engine, memory)

    def groups(self):
        seen = [
            ScannedImage(
                item=it,
                fingerprint=p,
                label="",
                why_unlabelled="",
                rank=(-p.width * p.height, it.path),
            )
            for it, p in zip(self.items, self.prints)
        ]
        self.home = {
            os.path.basename(m.item.path): g.id
            for g in collect_copies(seen, self.found)
            for m in g.members
        }

    def profile(self):
        """Where the time goes, one process and thread: of 400 images, of all images' search, of 2,000 pairs."""
        import cProfile
        import pstats

        from cxr_fastai.curation.copies import candidates
        from cxr_fastai.curation.copies.features import Features
        from cxr_fastai.curation.copies.links import match_many

        by = {p.pixel_sha256: p.sketch for p in sorted(self.prints, key=lambda p: p.pixel_sha256)}
        sketches, self.notes = list(by.values()), []

        def watched(what, fn, *args):
            with cProfile.Profile() as p:
                out = fn(*args)
            stats = pstats.Stats(p)
            rows = sorted(stats.stats.items(), key=lambda kv: -kv[1][2])[:6]
            self.notes.append(
                f"{what}: " + ", ".join(f"{k[2]} {v[2] / stats.total_tt:.0%}" for k, v in rows)
            )
            return out

        step = lambda x, n: x[:: max(len(x) // n, 1)]
        watched("fingerprint", fingerprint_many, step(self.jobs, 400))
        threads, candidates.ThreadPoolExecutor = (
            candidates.ThreadPoolExecutor,
            Here,
        )  # the profiler sees one thread
        try:
            pairs = watched(
                "search", candidates.find_candidates, [Features.unpack(s) for s in sketches]
            )
        finally:
            candidates.ThreadPoolExecutor = threads
        watched(
            "comparing",
            match_many,
            [(sketches[a], sketches[b], m, v) for a, b, m, v in step(pairs, 2000)],
        )
        self.notes.append(f"{len(pairs) / len(sketches):.1f} pairs an image are compared")

    def told(self, what, asked) -> dict:
        if what == "profile":
            return {"notes": self.notes}
        if what not in ("hashes", "groups"):
            return {"n": len(self.items)}
        sizes: dict = {}
        for g in self.home.values():
            sizes[g] = sizes.get(g, 0) + 1
        return {
            "pairs": sum(math.comb(s, 2) for s in sizes.values()),
            "hits": [self.home[a] == self.home[b] for a, b in asked],
            "n": len(self.items),
        }


class Here(Executor):
    """Threads' work, done at once by the one that asks."""

    def __init__(self, workers, initializer, initargs):
        initializer(*initargs)

    def submit(self, fn, *args):
        future = Future()
        future.set_result(fn(*args))
        return future


# ---- both


class Side:
    """One of the two processes."""

    def __init__(self, name, python, code, folder, workers, env=None):
        pipes = dict(stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.name, self.seconds, self.cpu, self.answers = name, {}, {}, {}
        self.p = subprocess.Popen(
            [python, "-c", code, folder, str(workers)], text=True, env=env, **pipes
        )
        self.hello = json.loads(self.p.stdout.readline() or '{"error": "it ended"}')

    def ask(self, what, method="", bits=0, asked=()):
        key = (what, method, bits)
        with Watch(self.p.pid) as watch:
            print(json.dumps([what, method, bits, asked]), file=self.p.stdin, flush=True)
            answer = self.p.stdout.readline()
        if not answer:
            sys.exit(f"{self.name} ended while it was asked for {what} {method}.")
        answer = json.loads(answer)
        self.seconds.setdefault(key, []).append(answer["seconds"])
        self.cpu.setdefault(key, []).append(watch.cpu)
        memory = (
            max(a, b)
            for a, b in zip(
                (watch.driver, watch.workers), self.answers.get(key, {}).get("mb", (0, 0))
            )
        )
        self.answers[key] = {**answer, "mb": tuple(memory)}

    def median(self, *keys, of="seconds") -> float:
        return sum(statistics.median(getattr(self, of)[k]) for k in keys)


def library(folder, workers, tmp) -> Side:
    """This library; what it remembers goes into `tmp`."""
    code = "import sys; sys.argv = sys.argv[1:]; import dedupe_sides; dedupe_sides.serve(*sys.argv)"
    here = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    env = {**os.environ, "PYTHONPATH": here, "TMPDIR": tmp}
    return Side("this library", sys.executable, code, folder, workers, env)


def imagededup(python, folder, workers) -> Side:
    return Side("imagededup", python, IMAGEDEDUP, folder, workers)


# ---- memory


class Watch:
    """While the block runs: `driver`, MB that a process held at its peak, as the kernel counted (VmHWM), and `workers`,
    the greatest sum of what all that it started held, looked at every EVERY seconds (Pss: shared pages count once);
    `cpu`, seconds of all of them.
    """

    def __init__(self, pid):
        self.pid, self.driver, self.workers, self.over = pid, 0, 0, threading.Event()

    def __enter__(self):
        reset_peak(self.pid)
        self.cpu = -cpu_seconds(self.pid)
        self.thread = threading.Thread(target=self._look, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.cpu += cpu_seconds(self.pid)
        self.over.set()
        self.thread.join()

    def _look(self):
        while True:
            self.driver = max(self.driver, status_mb("VmHWM", self.pid))
            self.workers = max(self.workers, sum(map(pss_mb, descendants(self.pid))))
            if self.over.wait(EVERY):
                return


def reset_peak(pid="self"):
    """From here on VmHWM tells of what comes."""
    try:
        Path(f"/proc/{pid}/clear_refs").write_text("5")
    except OSError:
        pass  # then it tells of all since the start


def status_mb(what: str, pid="self") -> float:
    try:
        return int(Path(f"/proc/{pid}/status").read_text().split(f"{what}:")[1].split()[0]) / 1024
    except (OSError, IndexError):
        return 0  # it is no more


def pss_mb(pid) -> float:
    try:
        return (
            int(Path(f"/proc/{pid}/smaps_rollup").read_text().split("\nPss:")[1].split()[0]) / 1024
        )
    except (OSError, IndexError):
        return 0


def cpu_seconds(pid) -> float:
    """That a process used, what it started, and what of that has ended."""

    def ticks(p, last):
        try:
            return sum(
                map(int, Path(f"/proc/{p}/stat").read_text().rpartition(")")[2].split()[11:last])
            )
        except OSError:
            return 0

    return (ticks(pid, 15) + sum(ticks(p, 13) for p in descendants(pid))) / os.sysconf("SC_CLK_TCK")


def descendants(pid) -> list[int]:
    children: dict = {}
    for f in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(f.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        children.setdefault(parent, []).append(int(f.parent.name))
    out = list(children.get(pid, ()))
    for p in out:
        out += children.get(p, ())
    return out
