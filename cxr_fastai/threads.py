"""How threads wait for one another: chosen before torch is loaded, which looks once.

An environment -> the same with what libgomp and libiomp read of it. Changes nothing that a user
chose, and not how many threads there are: sums would be others, and the same seed would not give
the same weights.
"""

from __future__ import annotations

import os
import sys
from collections.abc import MutableMapping

__all__ = ["wait_without_spinning", "OWN_CHOICES"]

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
