"""pytest -m slow tests/fuzz/test_longer.py

The fuzz tests again, on twenty times as many cases.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.mark.slow
@pytest.mark.parametrize("name", ["test_command_line.py", "test_python_face.py"])
def test_twenty_times_as_many_cases(name):
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", HERE / name],
        cwd=HERE.parents[1],
        env={**os.environ, "CXR_FUZZ_TIMES": "20"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-5000:]
