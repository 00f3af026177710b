"""pytest tests/training/test_extras.py"""

import sys

import pytest

from cxr_fastai.core import UsageError
from cxr_fastai.training.extras import extra


def test_a_library_that_is_there_is_imported():
    assert extra("json") is sys.modules["json"]


def test_one_that_is_not_is_told_with_what_brings_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(UsageError, match=r"--track mlflow.*pip install 'cxr_fastai\[mlflow\]'"):
        extra("mlflow")
