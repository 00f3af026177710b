"""pytest -m slow tests/test_install.py

Installed where users are: the wheel goes into an environment that has a torch of its own, leaves
what is there, and runs the demo. Needs a package index, gigabytes and minutes.
"""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
UV = shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv")

# What is there before. `pip install cxr_fastai` may add to it, and must not change it.
ENVIRONMENTS = {
    "older_torch": ["torch==2.14.1", "torchvision==0.29.1"],
    "floors": [
        "torch==2.8.0",
        "torchvision==0.23.0",
        "fastai==2.8.4",
        "fastcore<1.9",
        "numpy==2.0.0",
        "pandas==2.2.2",
        "pillow==11.0.0",
        "scikit-learn==1.5.0",
        "matplotlib==3.9.0",
        "joblib==1.5.0",
        "opencv-python-headless==4.11.0.86",
        "faiss-cpu==1.9.0",
        "safetensors==0.4.5",
    ],
}


def run(*command, **kwargs) -> str:
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, **kwargs)
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT)
    return next(folder.glob("*.whl"))


@pytest.fixture(params=ENVIRONMENTS)
def python(request, tmp_path):
    """The interpreter of a fresh environment that holds one of ENVIRONMENTS."""
    if UV is None:
        pytest.skip("needs uv")
    venv = tmp_path / "venv"
    run(UV, "venv", "--quiet", "--python", sys.executable, venv)
    python = venv / "bin" / "python"
    try:
        run(UV, "pip", "install", "--quiet", "--python", python, *ENVIRONMENTS[request.param])
    except AssertionError as e:
        if "connect" in str(e).lower() or "dns" in str(e).lower():
            pytest.skip("no package index can be reached")
        raise
    return python


def installed(python) -> dict[str, str]:
    lines = run(UV, "pip", "freeze", "--python", python).splitlines()
    return dict(line.split("==") for line in lines if "==" in line)


@pytest.mark.slow
def test_the_wheel_keeps_what_is_there_and_runs_the_demo(python, wheel, tmp_path):
    before = installed(python)
    run(UV, "pip", "install", "--quiet", "--python", python, wheel)
    after = installed(python)
    assert {name: after[name] for name in before} == before
    env = {"PATH": "/usr/bin:/bin", "CXR_CACHE": str(tmp_path / "cache"), "OMP_NUM_THREADS": "2"}
    out = run(python.with_name("cxr"), "demo", "--out", tmp_path / "demo", cwd=tmp_path, env=env)
    assert "planted copies found" in out and (tmp_path / "demo/report/report.html").is_file()
