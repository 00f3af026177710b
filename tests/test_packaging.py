"""pytest tests/test_packaging.py

What travels: a wheel built from the checkout answers outside of it."""

import configparser
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    src = tmp_path_factory.mktemp("src")
    for name in (
        "setup.py",
        "settings.ini",
        "pyproject.toml",
        "README.md",
        "LICENSE",
        "MANIFEST.in",
        "data_manifest.csv",
    ):
        shutil.copy(ROOT / name, src / name)
    shutil.copytree(
        ROOT / "cxr_fastai",
        src / "cxr_fastai",
        symlinks=True,
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    build = [
        sys.executable,
        "-m",
        "build",
        "--wheel",
        "--no-isolation",
        "--outdir",
        str(src / "dist"),
    ]
    done = subprocess.run(build, cwd=src, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return next((src / "dist").glob("*.whl"))


def test_a_wheel_answers_sources_outside_the_checkout(wheel, tmp_path):
    zipfile.ZipFile(wheel).extractall(tmp_path)
    env = {**os.environ, "PYTHONPATH": str(tmp_path)}
    code = (
        "import cxr_fastai, sys; assert cxr_fastai.__file__.startswith(sys.argv[1]); "
        "from cxr_fastai.cli import main; sys.exit(main(['sources']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        cwd=tmp_path,
        env=env,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0 and "kermany_kaggle" in done.stdout, done.stderr


def test_data_files_travel_in_the_wheel(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    for want in (
        "data_manifest.csv",
        "recipes/six_class.toml",
        "lungs/lungs.safetensors",
        "lungs/NOTICE.md",
        "recipes/pneumonia.toml",
        "recipes/kermany.toml",
        "evaluation/report.html",
        "evaluation/findings.html",
        "reporting/base.html",
        "evaluation/beside.html",
        "curation/folder/report.html",
        "curation/copies/gallery.html",
        "reporting/parts.html",
        "auditing/eda.html",
        "training/run.py",
    ):
        assert f"cxr_fastai/{want}" in names
    assert (
        zipfile.ZipFile(wheel).read("cxr_fastai/data_manifest.csv")
        == (ROOT / "data_manifest.csv").read_bytes()
    )


def test_the_metadata_is_that_of_settings_ini(wheel):
    cfg = configparser.ConfigParser(interpolation=None)
    cfg.read(ROOT / "settings.ini")
    meta = cfg["DEFAULT"]
    z = zipfile.ZipFile(wheel)
    text = z.read(next(n for n in z.namelist() if n.endswith("METADATA"))).decode()
    assert f"Version: {meta['version']}" in text and "License-Expression: Apache-2.0" in text
    assert f"Requires-Python: >={meta['min_python']}" in text
    for line in meta["requirements"].split("\n"):
        if line.strip():
            assert (
                f"Requires-Dist: {line.split(';')[0].split('>')[0].split('=')[0].strip()}" in text
            )
    scripts = z.read(next(n for n in z.namelist() if n.endswith("entry_points.txt"))).decode()
    assert (
        "cxr = cxr_fastai.cli:main" in scripts
        and "curate-data = cxr_fastai.cli:curate_main" in scripts
    )


def test_every_dependency_is_pinned_without_a_host():
    text = (ROOT / "constraints.txt").read_text()
    assert "://" not in text and "--" not in text
    pinned = {
        line.split("==")[0].lower().replace("_", "-") for line in text.splitlines() if "==" in line
    }
    cfg = configparser.ConfigParser(interpolation=None)
    cfg.read(ROOT / "settings.ini")
    for key in ("requirements", "dev_requirements"):
        for line in filter(None, map(str.strip, cfg["DEFAULT"][key].split("\n"))):
            name = line.split(";")[0].split(">")[0].split("=")[0].strip().lower().replace("_", "-")
            assert name in pinned, f"{name} is not in constraints.txt: make constraints"


def test_pyproject_has_no_project_table():
    assert "\n[project]" not in (ROOT / "pyproject.toml").read_text()
