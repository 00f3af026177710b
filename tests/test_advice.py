"""Errors advise those at a terminal and those in Python.

python -m pytest tests/test_advice.py
"""

import pytest

from cxr_fastai.advice import command, flag


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
