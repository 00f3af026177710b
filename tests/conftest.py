"""For all tests: one thread a process. With two, torch waits for busy cores many times longer than it computes."""

import os
from pathlib import Path

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.pop(
    "PYTHONDONTWRITEBYTECODE", None
)  # where it is set, every process of a test would compile torch again


@pytest.fixture(scope="session")
def ray_here():
    "A real Ray of two CPUs, for all tests that want one: it takes seconds to start. Its workers import tests/ too."
    ray = pytest.importorskip("ray")
    os.environ["PYTHONPATH"] = os.pathsep.join(
        [str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]
    )
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    yield ray
    ray.shutdown()
