"""The second door: a trained model as a folder, saved and loaded without pickle.

`store` writes, verifies and loads it; `meta` says what bundle.json holds. Names are imported when
first used, so that what only reads bundle.json stays without torch.
"""

from importlib import import_module
from typing import Any

__all__ = ["Bundle", "save_bundle", "load_bundle"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(import_module("cxr_fastai.bundle.store"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
