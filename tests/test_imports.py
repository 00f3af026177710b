"""pytest tests/test_imports.py

What nobody runs in a test still finds what it imports: benchmarks, scripts, the site's settings,
lessons."""

import ast
import importlib
import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

HOUSE = Path(__file__).parents[1]
BENCHMARKS = sorted((HOUSE / "benchmarks").glob("*.py"))
FOLDERS = ("benchmarks", "scripts", "docs", "nbs")
# Peers that a benchmark measures, in environments of their own.
NOT_INSTALLED = {"imagededup", "torchxrayvision", "cleanlab", "ray", "sphinx"}


def files() -> list[Path]:
    """Everything with code in it that is neither the package nor a test."""
    found = []
    for folder in FOLDERS:
        for ending in ("*.py", "*.ipynb"):
            found += sorted((HOUSE / folder).glob(ending))
    return found


def code_of(file: Path) -> str:
    """The Python of a file; of a notebook that of all cells, without their magics."""
    text = file.read_text(encoding="utf-8")
    if file.suffix == ".py":
        return text
    cells = [cell for cell in json.loads(text)["cells"] if cell["cell_type"] == "code"]
    lines = "\n".join("".join(cell["source"]) for cell in cells).split("\n")
    return "\n".join("pass" if line.lstrip().startswith(("%", "!")) else line for line in lines)


def imports(code: str) -> list[tuple[str, str]]:
    """(module, name in it or '') of every import, wherever it stands."""
    found = []
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            found += [(alias.name, "") for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found += [(node.module, alias.name) for alias in node.names]
    return found


def missing(code: str) -> list[str]:
    """The imports that find nothing."""
    lines = []
    for module, name in imports(code):
        top = module.split(".")[0]
        if top in NOT_INSTALLED and importlib.util.find_spec(top) is None:
            continue
        try:
            found = importlib.import_module(module)
        except ImportError as e:
            lines.append(f"{module}: {e}")
            continue
        if not is_in(name, found):
            lines.append(f"{module} has no {name}")
    return lines


def is_in(name: str, module: ModuleType) -> bool:
    """Whether a module has a name, or is a package with a module of this name."""
    if name in ("", "*") or hasattr(module, name):
        return True
    is_package = hasattr(module, "__path__")
    return is_package and importlib.util.find_spec(f"{module.__name__}.{name}") is not None


@pytest.fixture
def beside_benchmarks(monkeypatch):
    """A benchmark imports its neighbours by their bare names."""
    monkeypatch.syspath_prepend(HOUSE / "benchmarks")
    yield
    for file in BENCHMARKS:
        sys.modules.pop(file.stem, None)


@pytest.mark.parametrize("file", files(), ids=lambda file: f"{file.parent.name}/{file.name}")
def test_what_a_file_imports_is_there(file, beside_benchmarks):
    assert missing(code_of(file)) == []


@pytest.mark.parametrize("file", BENCHMARKS, ids=lambda file: file.stem)
def test_a_benchmark_can_be_imported(file, beside_benchmarks):
    assert importlib.import_module(file.stem).__doc__


def test_benchmarks_and_lessons_are_looked_at():
    folders = [file.parent.name for file in files()]
    assert {"benchmarks", "nbs"} <= set(folders) and len(BENCHMARKS) >= 10


def test_a_name_that_went_away_is_found():
    code = "from cxr_fastai.core import gone\nfrom cxr_fastai import manifest, nowhere\nimport cxr_fastai.no"
    assert [line.split(" ")[-1] for line in missing(code)[:2]] == ["gone", "nowhere"]
    assert missing(code)[2].startswith("cxr_fastai.no: ")
