"""Networks: names to layers (`architectures`), body, head and groups (`networks`), weights.

Names are imported when first used, so that what only asks for a name of an architecture stays
without torch. Learners that were pickled before this was a package find their classes here.
"""

from importlib import import_module
from typing import Any

_HOME = {
    "AdaptiveConcatPool2d": "networks",
    "build_network": "networks",
    "param_groups": "networks",
    "load_weights": "weights",
}
__all__ = list(_HOME)


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"cxr_fastai.models.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
