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
    run(path, tmp_path)


def run(path, tmp_path, **environment):
    """Run a notebook as nbdev does; what a host's environment says of it."""
    for name in ("pyproject.toml", "settings.ini"):
        shutil.copy(path.parent.parent / name, tmp_path / name)
    (tmp_path / "nbs").mkdir()
    shutil.copy(path, tmp_path / "nbs" / path.name)
    runner = Path(sys.executable).with_name("nbdev-test")
    env = {
        **os.environ,
        "CXR_CACHE": str(tmp_path / "cache"),
        "PATH": f"{runner.parent}:{os.environ['PATH']}",
        **{name: str(value) for name, value in environment.items()},
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


# ---- Colab and Kaggle

COLAB = Path(__file__).parent.parent / "nbs" / "colab.ipynb"


def code_of(path):
    cells = json.loads(path.read_text())["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]


def test_the_hosts_notebook_has_ten_cells_at_most_and_asks_for_no_torch():
    cells = code_of(COLAB)
    assert len(cells) <= 10
    install = cells[0]
    assert 'find_spec("cxr_fastai") is None' in install and '"-c", "held.txt"' in install
    assert "torch==" not in install and "--upgrade" not in install and "-U" not in install


def test_its_first_cell_installs_nothing_where_the_package_is(tmp_path, monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError(f"{args} was run")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(subprocess, "run", refuse)
    exec(code_of(COLAB)[0], {})
    assert list(tmp_path.iterdir()) == []


def test_its_first_cell_holds_what_is_there_where_the_package_is_not(tmp_path, monkeypatch):
    import importlib.util
    from importlib.metadata import version

    asked = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CXR_SOURCE", "somewhere.whl")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(subprocess, "run", lambda args, check: asked.append(args))
    exec(code_of(COLAB)[0], {})
    assert asked[0][-3:] == ["-c", "held.txt", "somewhere.whl"] and len(asked) == 1
    held = (tmp_path / "held.txt").read_text().split()
    assert held == [f"{name}=={version(name)}" for name in ("torch", "torchvision", "numpy")]


def test_its_first_cell_takes_no_package_of_this_name_from_strangers(tmp_path, monkeypatch):
    import importlib.util

    asked = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CXR_SOURCE", raising=False)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(subprocess, "run", lambda args, check: asked.append(args[-1]))
    exec(code_of(COLAB)[0], {})
    assert asked == [
        "git+URL-OF-THIS-REPOSITORY"
    ]  # the index of packages has no cxr_fastai of ours


@pytest.mark.slow
def test_it_takes_what_kaggle_mounts(tmp_path):
    from cxr_fastai.phantom import write_like

    write_like(tmp_path / "input", "kermany_kaggle", 60, 48)
    run(COLAB, tmp_path, CXR_MOUNTED=tmp_path / "input", CXR_SMALL=1, CXR_WORK=tmp_path / "work")
    assert "person" in (tmp_path / "work" / "data" / "manifest.csv").read_text()


@pytest.mark.slow
def test_it_takes_a_folder_of_classes(tmp_path):
    from PIL import Image

    from cxr_fastai.phantom import draw

    for k, kind in enumerate(("normal", "tuberculosis")):
        (tmp_path / "films" / kind).mkdir(parents=True)
        for i in range(30):
            film = Image.fromarray(draw(kind, seed=100 * k + i, size=48))
            film.save(tmp_path / "films" / kind / f"{i}.png")
    run(COLAB, tmp_path, CXR_FILMS=tmp_path / "films", CXR_SMALL=1, CXR_WORK=tmp_path / "work")
    assert (tmp_path / "work" / "report" / "report.html").is_file()
