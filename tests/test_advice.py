"""Errors advise those at a terminal and those in Python.

python -m pytest tests/test_advice.py
"""

import ast
import inspect
import re
from dataclasses import fields
from pathlib import Path

import pytest

import cxr_fastai
from cxr_fastai.advice import command, flag
from cxr_fastai.train_settings import Train

HOUSE = Path(cxr_fastai.__file__).parent
# What only the command line runs, and what prints the next command to type.
OF_THE_COMMAND_LINE = {
    "advice.py",
    "bundle_names.py",
    "cli.py",
    "demo.py",
    "curation_flags.py",
    "push_flags.py",
    "app_flags.py",
    "flags.py",
    "one_line_parser.py",
    "outputs.py",
    "curation/own/folder.py",  # the command that would say in full what was inferred
    "curation/own/table_words.py",
    "curation/pipeline.py",
    "prototyping/next_steps.py",
    "prototyping/asked.py",
}
# kaggle's, trackio's, wandb's; of `cxr sources`, which has no function
OF_OTHERS = {"--unzip", "--project", "--no-skip-online", "--check"}
CSS = re.compile(r"var\(--[a-z]+\)")
FLAG = re.compile(r"(?<![\w-])--[a-z][a-z-]*[a-z]")
MODULES = [
    path
    for path in sorted(HOUSE.rglob("*.py"))
    if path.relative_to(HOUSE).as_posix() not in OF_THE_COMMAND_LINE
    and path.relative_to(HOUSE).parts[0] not in ("verbs", "app")  # the server: `cxr app` starts it
]


@pytest.mark.parametrize(
    "name, value, words",
    [
        ("out", None, "--out (Python: out)"),
        (
            "allow_missing_classes",
            True,
            "--allow-missing-classes (Python: allow_missing_classes=True)",
        ),
        ("folds", 5, "--folds 5 (Python: folds=5)"),
        ("mirror", "DIR", "--mirror DIR (Python: mirror=DIR)"),
        ("weights", "none", '--weights none (Python: weights="none")'),
    ],
)
def test_a_flag_is_named_with_its_keyword(name, value, words):
    assert flag(name, value) == words


def test_a_command_is_named_with_its_call():
    assert command("cxr train DATA", "train(DATA)") == "`cxr train DATA` (Python: train(DATA))"


# ---- in the rooms that Python reaches


def said(tree):
    """Yield every text of a module that is no docstring and no argument of `flag` or `command`."""
    passed = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr):
            passed.add(node.value)
        elif isinstance(node, ast.JoinedStr):
            passed.update(node.values)
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("flag", "command"):
            passed.update(ast.walk(node))
    for node in ast.walk(tree):
        if node in passed:
            continue
        if isinstance(node, ast.JoinedStr):
            parts = [getattr(value, "value", "X") for value in node.values]
            yield node.lineno, "".join(part if isinstance(part, str) else "X" for part in parts)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(HOUSE).as_posix())
def test_no_text_names_a_flag_without_its_keyword(path):
    bare = []
    for line, text in said(ast.parse(path.read_text(encoding="utf-8"))):
        flags = set(FLAG.findall(CSS.sub("", text))) - OF_OTHERS
        if flags and "(Python" not in text and text not in ("--as",):
            bare.append(f"{line}: {text[:80]}")
    assert not bare, bare


def keywords():
    """Collect the parameters of all public functions, and the settings of training."""
    found = {field.name for field in fields(Train)}
    for name in cxr_fastai.__all__:
        member = getattr(cxr_fastai, name)
        if inspect.isfunction(member):
            found.update(inspect.signature(member).parameters)
    return found


def test_every_keyword_that_is_advised_is_one_of_a_public_function():
    known = keywords()
    wrong = []
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or getattr(node.func, "id", "") != "flag":
                continue
            name = getattr(node.args[0], "value", None)
            if isinstance(name, str) and name not in known:
                wrong.append(f"{path.relative_to(HOUSE)}:{node.lineno}: {name}")
    assert not wrong


def test_the_scan_sees_a_bare_flag():
    code = 'def f():\n    """--doc"""\n    raise E(f"give --out {x}", flag("in"), "see --size (Python: size)")\n'
    texts = [text for _, text in said(ast.parse(code))]
    assert texts == ["give --out X", "see --size (Python: size)"]
