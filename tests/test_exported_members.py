"""The public face: what can be imported, and that importing it is light."""

import ast
import importlib
import inspect
import pydoc
import re
import subprocess
import sys
from pathlib import Path

import pytest

import cxr_fastai

HOUSE = Path(cxr_fastai.__file__).parent
PUBLIC = [  # what people import; a name that goes or comes is a change of the public face
    "prototype",
    "curate",
    "find_duplicates",
    "explore",
    "audit",
    "build_dataloaders",
    "build_learner",
    "train",
    "train_folds",
    "fit",
    "export",
    "evaluate",
    "predict",
    "load_bundle",
    "save_bundle",
    "push",
    "load_recipe",
    "read_manifest",
    "CxrError",
]
HEAVY = ("torch", "fastai", "pandas", "numpy", "PIL", "matplotlib", "sklearn", "cv2", "jinja2")


def module_name(path: Path) -> str:
    parts = path.relative_to(HOUSE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = sorted(HOUSE.rglob("*.py"))
DECLARING = [path for path in MODULES if "\n__all__" in path.read_text(encoding="utf-8")]
# Packages that import a name when it is first used have no line that defines it.
LAZY = [path for path in DECLARING if "\ndef __getattr__(" in path.read_text(encoding="utf-8")]


def test_the_top_of_the_package_is_the_list_above():
    assert cxr_fastai.__all__ == PUBLIC
    for name in PUBLIC:
        assert callable(getattr(cxr_fastai, name)), name
    assert set(PUBLIC) <= set(dir(cxr_fastai))
    assert cxr_fastai.__version__[0].isdigit()
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        cxr_fastai.nothing  # noqa: B018


@pytest.mark.parametrize("path", DECLARING, ids=module_name)
def test_every_name_that_a_module_declares_is_there_and_stands_once(path):
    module = importlib.import_module(module_name(path))
    missing = [name for name in module.__all__ if not hasattr(module, name)]
    assert not missing
    assert len(set(module.__all__)) == len(module.__all__)
    assert not [name for name in module.__all__ if name.startswith("_") and name != "__version__"]


@pytest.mark.parametrize("path", [path for path in DECLARING if path not in LAZY], ids=module_name)
def test_every_name_that_a_module_declares_is_defined_or_handed_on_by_its_own_lines(path):
    """Not by a star, and not by a name that some other code put there."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    defined, declared = set(), []
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            defined.add(node.name)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            names = [alias.asname or alias.name for alias in node.names]
            assert "*" not in names
            defined.update(names)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            defined.add(node.id)
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__":
            declared = ast.literal_eval(node.value)
    assert declared and set(declared) <= defined


def test_no_module_takes_the_place_of_a_public_name():
    """As `cxr_fastai.predict` would, were there a module of this name and it imported."""
    for module in HOUSE.iterdir():
        assert module.stem not in PUBLIC, module.stem
    for name in PUBLIC:
        home = importlib.import_module(f"cxr_fastai.{cxr_fastai._HOME[name]}")
        assert not inspect.ismodule(getattr(cxr_fastai, name)), name
        assert getattr(cxr_fastai, name) is getattr(home, name), name


@pytest.mark.parametrize("name", [name for name in PUBLIC if name != "CxrError"])
def test_help_explains_every_parameter(name):
    function = getattr(cxr_fastai, name)
    shown = pydoc.plain(pydoc.render_doc(function))
    parameters = inspect.signature(function).parameters
    assert parameters and "Parameters\n" in shown
    for parameter in parameters:
        explained = rf"(?m)^ +{parameter} :[^\n]*\n +\S.*"
        assert re.search(explained, shown), f"{name}: {parameter} has no meaning beside it"


def test_help_explains_the_methods_of_a_bundle():
    from cxr_fastai.bundle.bundle import Bundle

    for name in ("predict", "probs", "decide", "risk", "answers"):
        assert "Parameters\n----------\n" in getattr(Bundle, name).__doc__, name


def test_importing_the_package_is_light():
    code = "import sys, cxr_fastai; print(*sys.modules)"
    got = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not set(HEAVY) & set(got.stdout.split())
