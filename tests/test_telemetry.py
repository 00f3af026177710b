"""pytest tests/test_telemetry.py

No library reports to its maker: the real ones, each in a process of its own."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cxr_fastai.telemetry import REPORTS_NOTHING, reports_nothing

HOUSE = Path(__file__).parent.parent


def python(code, home, **env):
    home.mkdir(exist_ok=True)
    kept = {k: v for k, v in os.environ.items() if k not in VARIABLES and k != "DO_NOT_TRACK"}
    env = {**kept, "HOME": str(home), "PYTHONPATH": str(HOUSE), **env}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


VARIABLES = {name for variables in REPORTS_NOTHING.values() for name in variables}


def test_onnx_runtime_leaves_no_number_of_the_device(tmp_path):
    pytest.importorskip("onnxruntime")
    code = "from cxr_fastai.bundle.onnx_file import need; print(need('onnxruntime').__version__)"
    assert python(code, tmp_path / "home")
    assert [path for path in (tmp_path / "home").rglob("*") if path.is_file()] == []


def test_mlflow_counts_no_use(tmp_path):
    pytest.importorskip("mlflow")
    code = (
        "from cxr_fastai.training.extras import extra; extra('mlflow'); "
        "from mlflow.telemetry.utils import is_telemetry_disabled; print(is_telemetry_disabled())"
    )
    assert python(code, tmp_path / "home") == "True"


def test_wandb_sends_no_error(tmp_path):
    pytest.importorskip("wandb")
    code = (
        "from cxr_fastai.training.extras import extra; extra('wandb'); "
        "import wandb; print(wandb.env.error_reporting_enabled())"
    )
    assert python(code, tmp_path / "home") == "False"


def test_the_hub_client_counts_no_call(tmp_path):
    pytest.importorskip("huggingface_hub")
    code = (
        "from cxr_fastai.telemetry import reports_nothing; reports_nothing('huggingface_hub'); "
        "from huggingface_hub import constants; print(constants.HF_HUB_DISABLE_TELEMETRY)"
    )
    assert python(code, tmp_path / "home") == "True"


def test_a_persons_own_setting_stands(monkeypatch):
    monkeypatch.setenv("ORT_DISABLE_TELEMETRY", "0")
    reports_nothing("onnxruntime")
    assert os.environ["ORT_DISABLE_TELEMETRY"] == "0"
    reports_nothing("numpy")  # of which nothing is known


def test_no_module_imports_such_a_library_but_behind_the_switch():
    "A statement `import LIBRARY` stands in a function that said so before, or came by `extra` and `need`."
    allowed = {"training/mlflow_run.py", "training/wandb_run.py", "training/trackio_run.py"}
    found = []
    for path in sorted((HOUSE / "cxr_fastai").rglob("*.py")):
        name = path.relative_to(HOUSE / "cxr_fastai").as_posix()
        text = path.read_text()
        for node in ast.walk(ast.parse(text)):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            for imported in names:
                library = imported.split(".")[0]
                if library in REPORTS_NOTHING and name not in allowed:
                    found += [name] if "reports_nothing(" not in text else []
    assert found == []
