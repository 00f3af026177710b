"""How the fuzz tests run: the same cases each time, as many as asked, twenty times as many under CXR_FUZZ_TIMES=20."""

from __future__ import annotations

import os
from collections.abc import Callable

from hypothesis import HealthCheck, settings

TIMES = int(os.environ.get("CXR_FUZZ_TIMES", 1))


def fuzz(cases: int) -> Callable:
    """Run a test on that many drawn cases."""
    return settings(
        max_examples=cases * TIMES,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
