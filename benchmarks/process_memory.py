"""What processes hold in memory and how long they compute, as Linux's /proc tells.

A process id in, MB or seconds out. Used by the other benchmarks; measures nothing by itself.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path

LOOK_EVERY = 0.25  # seconds between two looks at the memory
KB_A_MB = 1024
USER_TIME = 11  # of /proc/PID/stat behind the name: user, system, ended children's user, system


class Watch:
    """What a process and all that it started used while the block ran.

    `driver`: MB that the process held at its peak, as the kernel counted (VmHWM). `workers`: the
    greatest sum of what those held that it started, looked at every LOOK_EVERY seconds (Pss: shared
    pages count once). `cpu`: seconds of all of them.
    """

    def __init__(self, pid: int):
        self.pid = pid
        self.driver = 0.0
        self.workers = 0.0
        self.cpu = 0.0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Watch:
        reset_peak(self.pid)
        self.cpu = -cpu_seconds(self.pid)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.cpu += cpu_seconds(self.pid)
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while True:
            held = sum(pss_mb(child) for child in descendants(self.pid))
            self.driver = max(self.driver, status_mb("VmHWM", self.pid))
            self.workers = max(self.workers, held)
            if self._over.wait(LOOK_EVERY):
                return


def reset_peak(pid: int | str = "self") -> None:
    """Let VmHWM tell of what comes from here on; where that is refused, of all since the start."""
    try:
        Path(f"/proc/{pid}/clear_refs").write_text("5")
    except OSError:
        pass


def status_mb(
    field: str,  # VmRSS: held now; VmHWM: held at the peak
    pid: int | str = "self",
) -> float:
    """Read a field of /proc/PID/status; 0 for a process that is no more."""
    try:
        text = Path(f"/proc/{pid}/status").read_text()
        return _kilobytes(text, field) / KB_A_MB
    except (OSError, IndexError):
        return 0


def pss_mb(pid: int) -> float:
    """Read what a process holds, shared pages divided by those who share them."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
        return _kilobytes(text, "\nPss") / KB_A_MB
    except (OSError, IndexError):
        return 0


def _kilobytes(text: str, field: str) -> int:
    return int(text.split(f"{field}:")[1].split()[0])


def cpu_seconds(pid: int) -> float:
    """Add up what a process used, what it started, and what of that has ended."""
    ticks = _ticks(pid, 4)
    for child in descendants(pid):
        ticks += _ticks(child, 2)
    return ticks / os.sysconf("SC_CLK_TCK")


def _ticks(
    pid: int,
    fields: int,  # 2: its own; 4: of those it started and that have ended too
) -> int:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return 0
    after_name = stat.rpartition(")")[2].split()
    return sum(int(ticks) for ticks in after_name[USER_TIME : USER_TIME + fields])


def descendants(pid: int) -> list[int]:
    """List what a process started, and what those started."""
    children: dict[int, list[int]] = {}
    for file in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(file.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        children.setdefault(parent, []).append(int(file.parent.name))
    found = list(children.get(pid, ()))
    for child in found:
        found += children.get(child, ())
    return found
