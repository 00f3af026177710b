"""Who does the work of a scan: processes of this machine, or Ray. Takes an importable function of a list and things to
apply it to, gives a result or a Lost for each, as they come. A worker that dies or hangs costs the thing that it was
at, and nothing else; an error that the function raises ends the run.
"""

from __future__ import annotations

import os
import queue
import re
import socket
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from math import inf

from cxr_fastai.core import UnknownName, UsageError, one_line, unknown_name

__all__ = ["ENGINES", "Lost", "open_engine", "spread"]

CHUNK = 64  # things a task: tens of milliseconds of decoding at least, so that sending them costs little
CHUNK_SECONDS = (
    120  # for a task; one that takes longer is not refused but done again thing by thing
)
SECONDS = 60  # for one thing alone; the greatest radiograph decodes in about 2
GRACE = 2  # for a task at hand when a run is interrupted
WORKER_MEMORY = (
    4 << 30
)  # bytes above what an idle worker maps: four times what the greatest allowed image needs


@dataclass(frozen=True)
class Lost:
    """What is said of a thing whose worker did not come back."""

    reason: str  # crashed | timed_out
    message: str


@contextmanager
def open_engine(
    name="local",  # a key of `ENGINES`
    workers=None,  # processes at once; None: one a core
):
    """Yield an engine, whose `map` every stage may use in turn; its workers end with the block."""
    if name not in ENGINES:
        raise UnknownName(unknown_name("engine", name, ENGINES))
    engine = ENGINES[name](workers)
    try:
        yield engine
    finally:
        engine.close()


def spread(
    engine,
    fn,  # importable; takes a list, returns a list as long
    things: list,
):
    """Yield (index, result or `Lost`) for each thing, in any order.
    A task that is lost is done again one thing at a time; a thing whose worker dies twice, alone, is lost.
    """
    todo = [(i, min(i + CHUNK, len(things))) for i in range(0, len(things), CHUNK)]
    for seconds, last in ((CHUNK_SECONDS, False), (SECONDS, False), (SECONDS, True)):
        again = []
        for k, out in engine.map(fn, (things[a:b] for a, b in todo), seconds):
            a, b = todo[k]
            if not isinstance(out, Lost):
                yield from zip(range(a, b), out)
            elif last or (b - a == 1 and out.reason == "timed_out"):
                yield a, out
            else:
                again += [(i, i + 1) for i in range(a, b)]
        todo = sorted(again)


# ---- processes of this machine


class Local:
    """One loky executor of a single process for each worker, each fed by a thread: the death of a process, which breaks
    its executor, leaves the others alone.
    """

    def __init__(self, workers=None):
        from joblib import cpu_count

        self.workers = workers or cpu_count()
        self.pools, self.feeders, self.stop = [None] * self.workers, [], threading.Event()

    def map(self, fn, chunks, seconds: float):
        """Yield (index of chunk, list or `Lost`) as they are done; chunks are taken when a worker is free."""
        jobs, take = enumerate(chunks), threading.Lock()
        done: queue.Queue = queue.Queue(2 * self.workers)
        self.stop.clear()
        self.feeders = [
            threading.Thread(
                target=self._feed, args=(i, fn, jobs, take, done, seconds), daemon=True
            )
            for i in range(self.workers)
        ]
        for t in self.feeders:
            t.start()
        left = len(self.feeders)
        try:
            while left:
                k, out = done.get()
                if k is None:
                    left -= 1
                elif isinstance(out, BaseException):
                    raise out
                else:
                    yield k, out
        finally:
            if left:
                self.close()

    def _feed(self, slot, fn, jobs, take, done, seconds):
        def put(x):
            while not self.stop.is_set():
                try:
                    return done.put(x, timeout=0.1)
                except queue.Full:
                    continue

        try:
            while not self.stop.is_set():
                with take:
                    k, chunk = next(jobs, (None, None))
                if k is None:
                    break
                put((k, self._one(slot, fn, chunk, seconds)))
        except BaseException as e:
            put((-1, e))  # raised again by the consumer
        finally:
            put((None, None))

    def close(self):
        """End feeders, then workers: a task at hand may end by itself, or its worker is killed."""
        self.stop.set()
        until = time.monotonic() + GRACE
        for t in self.feeders:  # one has no ident where ctrl-C came before it was started
            if t.ident is not None:
                t.join(max(until - time.monotonic(), 0))
        for slot in range(self.workers):
            self._drop(slot)

    def _one(self, slot, fn, chunk, seconds):
        from concurrent.futures import TimeoutError
        from concurrent.futures.process import BrokenProcessPool

        if self.pools[slot] is None:
            self.pools[slot] = _pool()
        try:
            return self.pools[slot].submit(fn, chunk).result(timeout=seconds)
        except BrokenProcessPool as e:
            lost = Lost("crashed", f"the process that decoded it died: {_death(e)}")
        except TimeoutError:
            lost = Lost("timed_out", f"decoding it took more than {seconds:g} s")
        self._drop(slot)
        return lost

    def _drop(self, slot):
        pool, self.pools[slot] = self.pools[slot], None
        if pool:
            pool.shutdown(wait=True, kill_workers=True)


def _pool():
    from joblib.externals.loky import ProcessPoolExecutor

    return ProcessPoolExecutor(
        1,
        initializer=prepare_worker,
        initargs=(os.getpid(),),
        env={f"{lib}_NUM_THREADS": "1" for lib in ("OMP", "OPENBLAS", "MKL")},
    )


def _death(e) -> str:
    """The signal or exit code that loky names, without its advice."""
    named = re.search(r"\b(SIG[A-Z]+|EXIT)\(-?\d+\)", str(e))
    return named[0] if named else one_line(type(e).__name__)


def prepare_worker(parent: int):
    """In a worker: no interrupts of its own, no more memory than an image may need, no life after its parent's."""
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _silence_libraries()
    _limit_memory()
    threading.Thread(target=_outlive_nobody, args=(parent,), daemon=True).start()


def _silence_libraries():
    """Libtiff writes of damaged files to the terminal from C; Python keeps its own stderr."""
    sys.stderr = os.fdopen(os.dup(2), "w", buffering=1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)


def _limit_memory():
    try:
        import resource

        with open("/proc/self/statm") as f:
            mapped = int(f.read().split()[0]) * resource.getpagesize()
        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        limit = mapped + WORKER_MEMORY
        if hard == resource.RLIM_INFINITY or limit < hard:
            resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
    except (ImportError, OSError, ValueError):
        pass  # not Linux: the decoder's own limits remain


def _outlive_nobody(parent: int):
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


# ---- Ray


class Ray:
    """Tasks on Ray: the cluster that $RAY_ADDRESS names, else one on this machine. Every node needs this package and
    sees the files under the same paths.
    """

    def __init__(self, workers=None):
        try:
            import ray
        except ImportError as e:
            raise UsageError(
                "--engine ray needs Ray: pip install 'cxr_fastai[ray]', or leave --engine out."
            ) from e
        self.ray, self.ours = ray, not ray.is_initialized()
        if self.ours:
            _start(ray, workers)
        self.workers = workers or max(int(ray.cluster_resources().get("CPU", 1)), 1)

    def map(self, fn, chunks, seconds: float):
        """As `Local.map`. As many tasks wait as run, so that no worker does; a task's clock starts when it is its turn."""
        ray, jobs, flying, begun = self.ray, enumerate(chunks), {}, {}
        task = ray.remote(num_cpus=1, max_retries=0)(fn)
        try:
            while True:
                while len(flying) < 2 * self.workers and (job := next(jobs, None)):
                    flying[task.remote(job[1])] = job[0]
                if not flying:
                    return
                for ref in islice(flying, self.workers):
                    begun.setdefault(ref, time.monotonic())
                ready, _ = ray.wait(list(flying), timeout=1)
                late = [
                    r
                    for r in flying
                    if r not in ready and time.monotonic() - begun.get(r, inf) > seconds
                ]
                for ref in ready:
                    yield flying.pop(ref), self._result(ref)
                for ref in late:
                    ray.cancel(ref, force=True)
                    yield (
                        flying.pop(ref),
                        Lost("timed_out", f"decoding it took more than {seconds:g} s"),
                    )
        finally:
            for ref in flying:
                ray.cancel(ref, force=True)

    def _result(self, ref):
        errors = self.ray.exceptions
        try:
            return self.ray.get(ref)
        except errors.RayTaskError as e:
            raise (e.cause if isinstance(e.cause, Exception) else e) from None
        except errors.RayError as e:
            return Lost("crashed", f"the process that decoded it died: {type(e).__name__}")

    def close(self):
        if self.ours:
            self.ray.shutdown()


def _start(ray, workers):
    import logging

    address = os.environ.get("RAY_ADDRESS", "")
    try:
        _knock(address)  # Ray itself would ask for minutes
        ray.init(
            address=address or None,
            num_cpus=None if address else workers,
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.ERROR,
        )
    except (OSError, RuntimeError, ValueError) as e:
        where = f"the Ray cluster at {address}" if address else "a Ray of this machine"
        raise UsageError(
            f"--engine ray: cannot reach {where}: {one_line(e)[:300]}. Check RAY_ADDRESS."
        ) from e


def _knock(address: str):
    """Raise `OSError` where HOST:PORT, also behind ray://, does not answer."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if host and port.isdigit():
        socket.create_connection((host, int(port)), timeout=10).close()


ENGINES = {"local": Local, "ray": Ray}
