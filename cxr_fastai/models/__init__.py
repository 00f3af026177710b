"""Networks: names to layers (`architectures`), and body, head, groups and weights (`networks`).

Names are imported when first used, so that what only asks for a name of an architecture stays
without torch. Learners that were pickled before this was a package find their classes here.
"""

from importlib import import_module
from typing import Any


def __getattr__(name: str) -> Any:
    networks = import_module("cxr_fastai.models.networks")
    if hasattr(networks, name):
        return getattr(networks, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
