"""The second door: a trained model as a folder, saved and loaded without pickle.

`store` writes, verifies and loads it; `bundle` answers with it; `meta` says what bundle.json holds,
`model_card` says it to people. Names are imported when first used, so that what only reads
bundle.json stays without torch.
"""

from importlib import import_module
from typing import Any

_HOME = {
    "Bundle": "bundle",
    "save_bundle": "store",
    "load_bundle": "store",
    "write_card": "evaluated_card",
    "export_onnx": "onnx_export",
}
__all__ = list(_HOME)


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"cxr_fastai.bundle.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
