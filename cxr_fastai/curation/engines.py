"""Who does the work of a long step: processes of this machine, or Ray.

An importable function of a list, and things to apply it to -> a result or a `Lost` for each, as
they come. A worker that dies or hangs costs the thing that it was at, and nothing else; an error
that the function raises ends the run. It knows nothing of images.
"""

from __future__ import annotations

import os
import queue
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from math import inf
from typing import Any, Protocol, TypeVar

from cxr_fastai.advice import flag
from cxr_fastai.core import UnknownName, UsageError, one_line, unknown_name
from cxr_fastai.curation.worker import cause_of_death, start_worker
from cxr_fastai.telemetry import reports_nothing

__all__ = ["ENGINES", "Engine", "Lost", "open_engine", "spread"]

T = TypeVar("T")
R = TypeVar("R")

MAX_WORKERS = 4096  # each has a thread and a process; no machine or cluster here has more
CHUNK = 64  # things a task: tens of milliseconds of decoding at least, so that sending costs little
CHUNK_SECONDS = 120  # for a task; one that takes longer is done again thing by thing, not refused
THING_SECONDS = 60  # for one thing alone; the greatest radiograph decodes in about 2
GRACE_SECONDS = 2  # for a task at hand when a run is interrupted


@dataclass(frozen=True)
class Lost:
    """What is said of a thing whose worker did not come back."""

    reason: str  # crashed | timed_out
    message: str


class Engine(Protocol):
    """What every engine can do; each stage of a run uses the same one in turn."""

    workers: int  # processes at once

    def map(
        self,
        fn: Callable[[list[T]], list[R]],  # importable
        chunks: Iterable[list[T]],  # taken when a worker is free
        seconds: float,  # for one chunk
    ) -> Iterator[tuple[int, list[R] | Lost]]:
        """Yield (index of chunk, what `fn` gave or `Lost`) as they are done."""

    def close(self) -> None:
        """End the workers."""


@contextmanager
def open_engine(
    name: str = "local",  # a key of `ENGINES`
    workers: int | None = None,  # processes at once; None: one a core
) -> Iterator[Engine]:
    """Yield an engine; its workers end with the block. Raises `UnknownName`, `UsageError`."""
    if name not in ENGINES:
        raise UnknownName(unknown_name("engine", name, ENGINES))
    if workers is not None and not 1 <= workers <= MAX_WORKERS:
        raise UsageError(f"workers is {workers}: expected 1 to {MAX_WORKERS:,}.")
    engine = ENGINES[name](workers)
    try:
        yield engine
    finally:
        engine.close()


def spread(
    engine: Engine,
    fn: Callable[[list[T]], list[R]],  # importable; takes a list, returns a list as long
    things: list[T],
) -> Iterator[tuple[int, R | Lost]]:
    """Yield (index, result or `Lost`) for each thing, in any order.

    A task that is lost is done again one thing at a time. A thing whose worker dies twice, alone,
    is lost, and so is one that takes more than THING_SECONDS alone.
    """
    spans = [(start, min(start + CHUNK, len(things))) for start in range(0, len(things), CHUNK)]
    rounds = [(CHUNK_SECONDS, False), (THING_SECONDS, False), (THING_SECONDS, True)]
    for seconds, is_last in rounds:
        again: list[tuple[int, int]] = []
        chunks = (things[start:end] for start, end in spans)
        for n, result in engine.map(fn, chunks, seconds):
            start, end = spans[n]
            if not isinstance(result, Lost):
                yield from zip(range(start, end), result)
                continue
            hung_alone = end - start == 1 and result.reason == "timed_out"
            if is_last or hung_alone:
                yield start, result
            else:
                again += [(i, i + 1) for i in range(start, end)]
        spans = sorted(again)


# ---- processes of this machine


@dataclass
class _Shift:
    """One call of `Local.map`, as its feeders see it."""

    fn: Callable[[list[Any]], list[Any]]
    chunks: Iterator[tuple[int, list[Any]]]  # (index, chunk) that nobody has taken yet
    taking: threading.Lock  # held while one is taken
    results: queue.Queue[_Message]
    seconds: float  # for one chunk


@dataclass(frozen=True)
class _Message:
    """What a feeder tells the caller of `map`: a result, an error to raise, or that it ends."""

    index: int = -1
    result: list[Any] | Lost | None = None
    error: BaseException | None = None
    feeder_ends: bool = False


class Local:
    """One loky executor of a single process for each worker, each fed by a thread.

    The death of a process breaks its executor; this way it leaves the others alone.
    """

    workers: int
    pools: list[Any]  # a worker's executor; None before its first task and after its death
    feeders: list[threading.Thread]
    stop: threading.Event

    def __init__(
        self,
        workers: int | None = None,  # at once; None: one a core
    ):
        """Prepare the workers; each starts with its first task."""
        from joblib import cpu_count

        self.workers = workers or cpu_count()
        self.pools = [None] * self.workers
        self.feeders = []
        self.stop = threading.Event()

    def map(
        self,
        fn: Callable[[list[T]], list[R]],  # importable
        chunks: Iterable[list[T]],  # taken when a worker is free
        seconds: float,  # for one chunk
    ) -> Iterator[tuple[int, list[R] | Lost]]:
        """Yield (index of chunk, list or `Lost`) as they are done.

        A chunk is taken when a worker is free.
        """
        shift = _Shift(
            fn=fn,
            chunks=enumerate(chunks),
            taking=threading.Lock(),
            results=queue.Queue(2 * self.workers),
            seconds=seconds,
        )
        self.stop.clear()
        self.feeders = [
            threading.Thread(target=self._feed, args=(slot, shift), daemon=True)
            for slot in range(self.workers)
        ]
        for feeder in self.feeders:
            feeder.start()
        working = len(self.feeders)
        try:
            while working:
                message = shift.results.get()
                if message.feeder_ends:
                    working -= 1
                elif message.error is not None:
                    raise message.error
                elif message.result is not None:
                    yield message.index, message.result
        finally:
            if working:
                self.close()

    def _feed(
        self,
        slot: int,  # of a worker
        shift: _Shift,
    ) -> None:
        """In a thread: give the worker of a slot one chunk after the other."""
        try:
            while not self.stop.is_set():
                with shift.taking:
                    index, chunk = next(shift.chunks, (-1, None))
                if chunk is None:
                    break
                result = self._one(slot, shift, chunk)
                self._put(shift, _Message(index=index, result=result))
        except BaseException as e:
            self._put(shift, _Message(error=e))  # raised again by the consumer
        finally:
            self._put(shift, _Message(feeder_ends=True))

    def _put(
        self,
        shift: _Shift,
        message: _Message,
    ) -> None:
        """Hand a message to the caller of `map`, unless all is being ended."""
        while not self.stop.is_set():
            try:
                shift.results.put(message, timeout=0.1)
                return
            except queue.Full:
                continue

    def _one(
        self,
        slot: int,  # of a worker
        shift: _Shift,
        chunk: list[Any],
    ) -> list[Any] | Lost:
        """Have the worker of a slot do a chunk; a worker that is lost is ended."""
        from concurrent import futures
        from concurrent.futures.process import BrokenProcessPool

        if self.pools[slot] is None:
            self.pools[slot] = start_worker()
        try:
            return self.pools[slot].submit(shift.fn, chunk).result(timeout=shift.seconds)
        except BrokenProcessPool as e:
            lost = _crashed(cause_of_death(e))
        except futures.TimeoutError:
            lost = _timed_out(shift.seconds)
        self._drop(slot)
        return lost

    def close(self) -> None:
        """End feeders, then workers: a task at hand may end by itself, or its worker is killed."""
        self.stop.set()
        until = time.monotonic() + GRACE_SECONDS
        for feeder in self.feeders:
            was_started = feeder.ident is not None  # not where ctrl-C came before
            if was_started:
                feeder.join(max(until - time.monotonic(), 0))
        for slot in range(self.workers):
            self._drop(slot)

    def _drop(self, slot: int) -> None:
        """End the worker of a slot, whatever it is at."""
        pool = self.pools[slot]
        self.pools[slot] = None
        if pool:
            pool.shutdown(wait=True, kill_workers=True)


def _crashed(how: str) -> Lost:
    """Say that a worker died."""
    return Lost("crashed", f"the process that decoded it died: {how}")


def _timed_out(seconds: float) -> Lost:
    """Say that a task took too long."""
    return Lost("timed_out", f"decoding it took more than {seconds:g} s")


# ---- Ray


class Ray:
    """Tasks on Ray: the cluster that $RAY_ADDRESS names, else one on this machine.

    Every node needs this package and sees the files under the same paths.
    """

    ray: Any  # the module
    started_here: bool
    workers: int

    def __init__(self, workers: int | None = None):  # at once; None: one a core
        """Prepare the workers; each starts with its first task."""
        reports_nothing("ray")
        try:
            import ray
        except ImportError as e:
            raise UsageError(
                f"{flag('engine', 'ray')} needs Ray: pip install 'cxr_fastai[ray]', "
                "or leave it out."
            ) from e
        self.ray = ray
        self.started_here = not ray.is_initialized()
        if self.started_here:
            _start(ray, workers)
        self.workers = workers or max(int(ray.cluster_resources().get("CPU", 1)), 1)

    def map(
        self,
        fn: Callable[[list[T]], list[R]],  # importable
        chunks: Iterable[list[T]],  # taken when a worker is free
        seconds: float,  # for one chunk
    ) -> Iterator[tuple[int, list[R] | Lost]]:
        """Yield (index of chunk, list or `Lost`) as they are done, as `Local.map` does.

        As many tasks wait as run, so that no worker does. A task's clock starts at its turn.
        """
        task = self.ray.remote(num_cpus=1, max_retries=0)(fn)
        jobs = enumerate(chunks)
        flying: dict[Any, int] = {}  # reference to a task -> index of its chunk
        begun: dict[Any, float] = {}  # -> when it was its turn
        try:
            while True:
                for index, chunk in islice(jobs, 2 * self.workers - len(flying)):
                    flying[task.remote(chunk)] = index
                if not flying:
                    return
                for ref in islice(flying, self.workers):
                    begun.setdefault(ref, time.monotonic())
                ready, _ = self.ray.wait(list(flying), timeout=1)
                late = _late(flying, ready, begun, seconds)
                for ref in ready:
                    yield flying.pop(ref), self._result(ref)
                for ref in late:
                    self.ray.cancel(ref, force=True)
                    yield flying.pop(ref), _timed_out(seconds)
        finally:
            for ref in flying:
                self.ray.cancel(ref, force=True)

    def _result(
        self,
        ref: Any,  # to a task
    ) -> Any:
        """Return what a task gave, or `Lost`; an error of the function is raised again."""
        errors = self.ray.exceptions
        try:
            return self.ray.get(ref)
        except errors.RayTaskError as e:
            raise (e.cause if isinstance(e.cause, Exception) else e) from None
        except errors.RayError as e:
            return _crashed(type(e).__name__)

    def close(self) -> None:
        """Shut Ray down, if it was started here."""
        if self.started_here:
            self.ray.shutdown()


def _late(
    flying: dict[Any, int],  # reference to a task -> index of its chunk
    ready: list[Any],  # tasks that are done
    begun: dict[Any, float],  # task -> when it was its turn
    seconds: float,  # for one chunk
) -> list[Any]:
    """Return the tasks that are late. One that has not had its turn has no clock yet."""
    now = time.monotonic()
    waiting = [ref for ref in flying if ref not in ready]
    return [ref for ref in waiting if now - begun.get(ref, inf) > seconds]


def _start(
    ray: Any,  # the module
    workers: int | None,  # at once; None: one a core
) -> None:
    """Join the cluster that $RAY_ADDRESS names, or start Ray here. Raises `UsageError`."""
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
        what = f"cannot reach {where}: {one_line(e)[:300]}. Check RAY_ADDRESS."
        raise UsageError(f"{flag('engine', 'ray')}: {what}") from e


def _knock(address: str) -> None:
    """Raise `OSError` where HOST:PORT, also behind ray://, does not answer."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if host and port.isdigit():
        socket.create_connection((host, int(port)), timeout=10).close()


ENGINES: dict[str, Callable[[int | None], Engine]] = {"local": Local, "ray": Ray}
