"""Libraries that a person may lack: one line says how to get them.

A name -> the imported library.
"""

from __future__ import annotations

import importlib
from types import ModuleType

from cxr_fastai.advice import flag
from cxr_fastai.core import UsageError
from cxr_fastai.telemetry import reports_nothing

__all__ = ["extra"]


def extra(
    name: str,  # of the library, and of the package's extra that brings it
) -> ModuleType:
    """Import an optional library. Raises `UsageError`."""
    reports_nothing(name)
    try:
        return importlib.import_module(name)
    except ImportError as e:
        raise UsageError(
            f"{flag('track', name)}: {name} is not installed ({e}). "
            f"pip install 'cxr_fastai[{name}]'"
        ) from e
