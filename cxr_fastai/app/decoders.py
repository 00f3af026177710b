"""Films that somebody sends -> Radiographs, each decoded in a process beside this one.

Of the kind of `images.dicom_decoder`: a child on two pipes, kept for the next film. Here all of
`images` runs in it, within limits of memory, time and files (`decoder_child`), as the server cannot
know who sends what. A child that dies or takes too long costs the film that it was at, which is
rejected with the reason, and another takes its place. What a child answers is checked, never
unpickled: it may have been taken over by its film.
"""

from __future__ import annotations

import errno
import os
import queue
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

from cxr_fastai.app.decoder_answers import Nonsense, facts_of, film_of, rejection_of
from cxr_fastai.app.decoder_child import ANSWER, CONFINED, READY, REQUEST
from cxr_fastai.core import StorageError
from cxr_fastai.images import MAX_PIXELS, Radiograph
from cxr_fastai.images.radiograph import rejected

__all__ = ["Decoders", "LOST_REASONS", "CHILDREN", "MAX_SECONDS", "MEMORY"]

CHILD = Path(__file__).with_name("decoder_child.py")
CHILDREN = 2  # one decodes while the other's film is handed over; films are decoded in 4 to 60 ms
# For one film, on the wall clock and of a processor. 9 megapixels of JPEG 2000 take 3 s on one
# core.
MAX_SECONDS = 20
START_SECONDS = 60  # for a child to start in; it takes a quarter of one where nothing else runs
# Bytes above what a child maps when it starts. The greatest picture that is read, 64 megapixels,
# took 1.2 GB as RGB of 16 bits, 1.0 as a progressive CMYK JPEG; with alpha and 16 bits, 2.1, it is
# refused here. (curation.worker allows 4: to files that no stranger sends.)
MEMORY = 2 << 30
# What the C library (glibc) is told: to keep what a film took for the next one, up to so many
# bytes, instead of having the system give and clear it anew. Of a JPEG of 1,024 px that is 1.8 of
# 5.0 ms, of 1,600 px 4.5 of 11.8.
KEEP_MEMORY = {"MALLOC_MMAP_THRESHOLD_": f"{32 << 20}", "MALLOC_TRIM_THRESHOLD_": f"{256 << 20}"}
PIPE_BYTES = 1 << 20  # as many as Linux gives to everybody; by itself it gives 64 kB
MOST_FACTS = 1 << 16  # bytes of JSON in an answer
TOO_LONG = "SIGXCPU"  # the signal of a process that used up its seconds
# Reasons that a film is rejected for beside those of images.REASONS.
LOST_REASONS = {
    "crashed": "The process that decoded it ended.",
    "timed_out": "Decoding it took more time than a film is given.",
}


@dataclass
class Lost:
    """How many children were lost, for the metrics."""

    crashed: int = 0
    timed_out: int = 0


class Decoders:
    """Children that decode films, one film each at a time."""

    def __init__(
        self,
        children: int = CHILDREN,
        seconds: float = MAX_SECONDS,  # for one film
        memory: int = MEMORY,  # bytes above what a child maps when it starts
        script: Path = CHILD,  # that a child runs
    ):
        """Prepare; nothing is started yet."""
        self.children = children
        self.seconds = seconds
        self.memory = memory
        self.script = script
        self.lost = Lost()
        self.is_confined = False  # whether the system keeps children from files and others
        self._idle: queue.SimpleQueue[_Child | None] = queue.SimpleQueue()
        self._all: set[_Child] = set()
        self._is_closed = False
        self._lock = threading.Lock()  # of what is counted and listed

    def start(self) -> None:
        """Start the children, and wait until they can decode.

        Raises `StorageError` where the system refuses.
        """
        try:
            children = [self._begun() for _ in range(self.children)]
            for child in children:
                child.wait_until_ready()
                self._idle.put(child)
        except (OSError, _Ended) as e:
            raise StorageError(f"no process that decodes films can be started: {e}") from e
        self.is_confined = all(child.is_confined for child in children)

    def close(self) -> None:
        """End the children, whatever they are at."""
        with self._lock:
            self._is_closed = True
            children = list(self._all)
            self._all.clear()
        for child in children:
            child.end()

    def read(
        self,
        data: bytes,
        name: str,  # what messages call it; its ending is held against the content
    ) -> Radiograph:
        """Decode one film, once a child is free. Raises `ImageRejected`, and nothing else."""
        child = self._idle.get()
        try:
            if child is None or not child.is_alive:
                child = self._replaced(child)
            return child.read(data, name, self.seconds)
        except _Ended as e:
            self._count(e.reason)
            raise rejected(e.reason, name, e) from None
        except OSError as e:  # no process, or no pipe, is to be had
            raise rejected("crashed", name, f"no decoder can be started: {e.strerror}") from e
        finally:
            self._idle.put(self._next(child))

    @property
    def pids(self) -> list[int]:
        """The process ids of the children."""
        with self._lock:
            return [child.pid for child in self._all]

    def _next(self, child: _Child | None) -> _Child | None:  # None: to be tried again
        """Return a child for the next film: the same, or another that starts meanwhile."""
        if child is not None and child.is_fit:
            return child
        try:
            return self._replaced(child)
        except OSError:
            return None

    def _replaced(self, child: _Child | None) -> _Child:
        """End a child and start another. Raises OSError."""
        if child is not None:
            with self._lock:
                self._all.discard(child)
            child.end()
        return self._begun()

    def _begun(self) -> _Child:
        """Start a child. Raises OSError."""
        with self._lock:
            if self._is_closed:
                raise OSError(errno.ECANCELED, "the server is being stopped")
            child = _Child(self.script, self.memory, self.seconds)
            self._all.add(child)
        return child

    def _count(self, reason: str) -> None:
        """Count a child that was lost."""
        with self._lock:
            setattr(self.lost, reason, getattr(self.lost, reason) + 1)


class _Ended(Exception):
    """A child that ended over its film, or was ended. Says how."""

    def __init__(self, reason: str, text: str):
        super().__init__(text)
        self.reason = reason  # of LOST_REASONS


class _Child:
    """A process that decodes, with its pipes."""

    def __init__(self, script: Path, memory: int, seconds: float):
        """Start it; it can decode a quarter of a second later. Raises OSError."""
        numbers = [str(memory), str(max(int(seconds), 1)), str(os.getpid())]
        self._process = subprocess.Popen(
            [sys.executable, str(script), *numbers],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=_environment(),
            start_new_session=True,  # it ends with all that it started; Ctrl-C is the server's
        )
        _widen(self._process)
        self.pid = self._process.pid
        self.is_fit = True  # for another film
        self.is_confined = False  # whether the system keeps it from files and other processes
        self._is_ready = False

    @property
    def is_alive(self) -> bool:
        """Whether it runs."""
        return self._process.poll() is None

    def wait_until_ready(self) -> None:
        """Wait until it can decode. Raises `_Ended`."""
        if self._is_ready:
            return
        with _Clock(self, START_SECONDS) as clock:
            try:
                self.is_confined = self._exactly(len(READY)) == CONFINED
                self._is_ready = True
            except EOFError:
                raise self._how_it_ended(clock) from None

    def read(self, data: bytes, name: str, seconds: float) -> Radiograph:
        """Decode one film. Raises `ImageRejected`; `_Ended` where this is the child's end."""
        self.wait_until_ready()
        with _Clock(self, seconds) as clock:
            try:
                self._send(data, name)
                return self._answer()
            except (OSError, EOFError):
                raise self._how_it_ended(clock) from None
            except Nonsense:
                self.is_fit = False
                raise _Ended("crashed", "the decoder gave an answer that is none") from None

    def end(self) -> None:
        """End it and all that it started."""
        self.is_fit = False
        self.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            try:
                if pipe is not None:
                    pipe.close()
            except OSError:  # what was not written when it ended
                pass
        self._process.wait()

    def kill(self) -> None:
        """Kill it with what it started, unless it was waited for: its number may be another's."""
        if self._process.returncode is not None:
            return
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except (AttributeError, OSError):  # on Windows; gone
            self._process.kill()

    def _send(self, data: bytes, name: str) -> None:
        """Hand a film over."""
        assert self._process.stdin is not None
        called = name.encode("utf-8", "surrogateescape")
        self._process.stdin.write(REQUEST.pack(len(called), len(data)) + called)
        self._process.stdin.write(data)
        self._process.stdin.flush()

    def _answer(self) -> Radiograph:
        """Read what came of it. Raises `ImageRejected`, EOFError, and `Nonsense`."""
        is_read, ends, n_facts, n_pixels = ANSWER.unpack(self._exactly(ANSWER.size))
        if n_facts > MOST_FACTS or n_pixels > MAX_PIXELS:
            raise Nonsense
        facts = facts_of(self._exactly(n_facts))
        pixels = self._exactly(n_pixels)
        self.is_fit = not ends
        if not is_read:
            raise rejection_of(facts)
        return film_of(facts, pixels)

    def _exactly(self, n: int) -> bytes:
        """Read n bytes. Raises EOFError where it ends before."""
        assert self._process.stdout is not None
        found = self._process.stdout.read(n)
        if len(found) < n:
            raise EOFError
        return found

    def _how_it_ended(self, clock: _Clock) -> _Ended:
        """Say how it came to its end, and see that it did."""
        self.is_fit = False
        if not clock.is_late:
            _wait_for_end(self.pid)
        clock.stop()
        self.end()
        how = _signal(self._process.returncode)
        if clock.is_late or how == TOO_LONG:
            return _Ended("timed_out", f"decoding it took more than {clock.words}")
        return _Ended("crashed", f"the process that decoded it ended: {how}")


class _Clock:
    """Kills a child that takes too long, while the block runs."""

    def __init__(self, child: _Child, seconds: float):
        self.child = child
        self.is_late = False
        self.words = "1 second" if seconds == 1 else f"{seconds:g} seconds"
        self._is_stopped = False
        self._lock = threading.Lock()  # so that it never rings once it was stopped
        self._timer = threading.Timer(seconds, self._ring)
        self._timer.daemon = True

    def __enter__(self) -> _Clock:
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Let the child live. It is fit for nothing where that comes too late."""
        self._timer.cancel()
        with self._lock:
            self._is_stopped = True
            if self.is_late:
                self.child.is_fit = False

    def _ring(self) -> None:
        with self._lock:
            if not self._is_stopped:
                self.is_late = True
                self.child.kill()


# ---- processes


def _environment() -> dict[str, str]:
    """Return the environment of a child: one thread, and no compiled files left behind."""
    threads = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL")}
    return {**os.environ, **threads, **KEEP_MEMORY, "PYTHONDONTWRITEBYTECODE": "1"}


def _widen(process: subprocess.Popen[bytes]) -> None:
    """Let a pipe hold a film or most of it, where the system allows, so that none waits often."""
    for pipe in (process.stdin, process.stdout):
        try:
            import fcntl

            assert pipe is not None
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        except (ImportError, AttributeError, OSError):  # not on Linux; more than it allows
            pass


def _wait_for_end(pid: int) -> None:
    """Wait until a child that closed its pipe has ended, and leave it to be waited for.

    Its number stays its own until then, so that what it started can be ended by it.
    """
    try:
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    except (AttributeError, OSError):  # on Windows; gone
        pass


def _signal(code: int) -> str:
    """Name what ended a process."""
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"exit code {code}"
