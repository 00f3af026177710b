"""pytest tests/test_notebooks.py

The notebooks teach and assert; nbdev's own runner executes each in a process of its own."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

NBS = sorted((Path(__file__).parent.parent / "nbs").glob("*.ipynb"))


@pytest.mark.parametrize("path", NBS, ids=lambda p: p.stem)
def test_a_notebook_runs(path, tmp_path):
    for name in ("pyproject.toml", "settings.ini"):
        shutil.copy(path.parent.parent / name, tmp_path / name)
    (tmp_path / "nbs").mkdir()
    shutil.copy(path, tmp_path / "nbs" / path.name)
    runner = Path(sys.executable).with_name("nbdev-test")
    env = {
        **os.environ,
        "CXR_CACHE": str(tmp_path / "cache"),
        "PATH": f"{runner.parent}:{os.environ['PATH']}",
    }
    done = subprocess.run(
        [str(runner), f"nbs/{path.name}", "--n-workers", "0"],
        cwd=tmp_path,
        env=env,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0 and "Success" in done.stdout + done.stderr, (
        done.stdout + done.stderr
    )


@pytest.mark.parametrize("path", NBS, ids=lambda p: p.stem)
def test_a_notebook_is_committed_with_small_outputs_and_no_error(path):
    cells = [c for c in json.loads(path.read_text())["cells"] if c["cell_type"] == "code"]
    assert any(c["outputs"] for c in cells) and path.stat().st_size < 300_000
    assert not any(o["output_type"] == "error" for c in cells for o in c["outputs"])
    assert all(str(Path.home()) not in json.dumps(c["outputs"]) for c in cells)


def test_the_tour_is_there():
    assert {p.stem for p in NBS} >= {"index", "01_curation", "02_training"}
