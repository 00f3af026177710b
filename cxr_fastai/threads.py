"""How threads wait for one another: chosen before torch is loaded, which looks once.

An environment -> the same with what libgomp and libiomp read of it. Changes nothing that a user
chose, and not how many threads there are: sums would be others, and the same seed would not give
the same weights.
"""

from __future__ import annotations

import os
import sys
from collections.abc import MutableMapping

__all__ = ["busy_words", "wait_without_spinning", "OWN_CHOICES"]

# By any of these a user says himself how threads wait.
OWN_CHOICES = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")
WAITING = {"OMP_WAIT_POLICY": "PASSIVE", "KMP_BLOCKTIME": "0"}


def wait_without_spinning(
    environment: MutableMapping[str, str] | None = None,  # None: that of this process
) -> bool:  # whether it was done
    """Let threads that wait give their core away, where nobody chose and torch is not loaded yet.

    A thread that spins holds a core that the thread it waits for needs, as soon as another
    program runs beside: benchmarks/results/threads.md.
    """
    environment = os.environ if environment is None else environment
    if "torch" in sys.modules or any(name in environment for name in OWN_CHOICES):
        return False
    environment.update(WAITING)
    return True


def busy_words() -> str:
    """Say that other programs hold the cores, and what helps; empty where they do not.

    One thread was 4.6 times as fast as two that wait for each other at a load of 25 on two cores
    (benchmarks/results/threads.md). It is advised, not chosen: its sums, and so its weights, are
    others than those of two.
    """
    if "OMP_NUM_THREADS" in os.environ or not hasattr(os, "getloadavg"):
        return ""
    cores = os.cpu_count() or 1
    load = os.getloadavg()[0]
    if load <= cores:
        return ""
    return (
        f"other programs keep this machine busy (load {load:.0f}, cores {cores}): without a GPU, "
        "training may be several times as fast with OMP_NUM_THREADS=1; its weights are then others"
    )
