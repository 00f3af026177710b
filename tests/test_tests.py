"""pytest tests/test_tests.py

The tests themselves: a file for every module, an assertion in every test, no wall clock.
"""

import ast
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
HOUSE = TESTS.parent / "cxr_fastai"
FILES = sorted(TESTS.rglob("test_*.py"))
MODULES = [
    path.relative_to(HOUSE)
    for path in sorted(HOUSE.rglob("*.py"))
    if path.stem not in ("__init__", "__main__")
]
CLOCKS = {"time", "monotonic", "perf_counter", "process_time"}
CHECKS = {"raises", "warns", "fail", "run_checked", "check_call"}  # they fail a test too


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_every_module_has_a_test_file_of_its_name(module):
    assert (TESTS / module.parent / f"test_{module.stem}.py").is_file()


def _functions(path: Path) -> list[ast.FunctionDef]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    ]


def checks(node: ast.AST, helpers: dict[str, ast.FunctionDef], depth: int = 3) -> bool:
    """Whether a function asserts, or calls a helper of its file that does."""
    for part in ast.walk(node):
        if isinstance(part, ast.Assert):
            return True
        if isinstance(part, ast.Call):
            name = getattr(part.func, "attr", getattr(part.func, "id", ""))
            if name in CHECKS or name.startswith(("assert_", "check")):
                return True
            if depth and name in helpers and checks(helpers[name], helpers, depth - 1):
                return True
    return False


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.relative_to(TESTS).as_posix())
def test_every_test_asserts(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    helpers = {n.name: n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)}
    silent = [test.name for test in _functions(path) if not checks(test, helpers)]
    assert not silent


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.relative_to(TESTS).as_posix())
def test_no_assertion_reads_a_clock(path):
    for test in _functions(path):
        for node in ast.walk(test):
            if not isinstance(node, ast.Assert):
                continue
            calls = [part.func for part in ast.walk(node.test) if isinstance(part, ast.Call)]
            clocks = [c for c in calls if getattr(c, "attr", "") in CLOCKS]
            clocks = [c for c in clocks if getattr(c.value, "id", "") == "time"]
            assert not clocks, f"{test.name}, line {node.lineno}"
