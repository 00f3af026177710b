"""How busy a GPU is while something runs: what nvidia-smi says, twice a second.

A context in, a share out; on a machine without nvidia-smi there is none. Changes nothing of the
GPU's settings.
"""

from __future__ import annotations

import shutil
import statistics
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

__all__ = ["GpuUse", "gpu_use"]

# Share of the time since the last look in which a kernel ran, in percent.
LOOK = ["--query-gpu=utilization.gpu", "--format=csv,noheader,nounits", "--loop-ms=500"]


@dataclass
class GpuUse:
    """What was seen of the first GPU."""

    percents: list[float] = field(default_factory=list)

    @property
    def idle(self) -> float | None:
        """Share of the time, 0 to 1, in which nothing ran on it; None: nobody looked."""
        if not self.percents:
            return None
        return round(1 - statistics.mean(self.percents) / 100, 3)


@contextmanager
def gpu_use() -> Iterator[GpuUse]:
    """Look at the GPU until the context ends; then the share is there."""
    use = GpuUse()
    program = shutil.which("nvidia-smi")
    if program is None:
        yield use
        return
    watch = subprocess.Popen(
        [program, *LOOK, "--id=0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        yield use
    finally:
        watch.terminate()
        told = watch.communicate()[0]
        use.percents.extend(_numbers(told))


def _numbers(told: str) -> list[float]:
    """Read a number a line; what is none, as a line that was cut, is left."""
    found = []
    for line in told.splitlines():
        try:
            found.append(float(line))
        except ValueError:
            continue
    return found
