"""Which architectures there are, read from the source of torchvision and timm: torch is not loaded.

A name -> nothing, or an `UnknownName` that lists the nearest. What `architectures` can build is the
same, by the libraries' own registries; that needs torch, which takes seconds to load.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from cxr_fastai.core import UnknownName
from cxr_fastai.models.names import BASELINE, LITES, TORCHVISION_STARTS, unknown_arch

__all__ = ["check_arch", "is_known", "torchvision_names", "timm_names"]

# A function that builds a network stands under this decorator, in both libraries.
REGISTERED = re.compile(r"^@register_model\b.*?^def (\w+)", re.MULTILINE | re.DOTALL)


def check_arch(arch: str) -> None:
    """Raise `UnknownName` for an architecture that nobody has.

    Passes all where a library's source cannot be read: `architectures` judges it later.
    """
    if not is_known(arch):
        ours = {BASELINE, *LITES, *torchvision_names()}
        raise UnknownName(unknown_arch(arch, ours, set(timm_names())))


def is_known(arch: str) -> bool:
    """Tell whether anybody has an architecture of this name, as far as sources can be read."""
    if arch == BASELINE or arch in LITES:
        return True
    ours = torchvision_names()
    if not ours or arch in ours:
        return True
    timms = timm_names()
    return arch in timms or (not timms and find_spec("timm") is not None)


@cache
def torchvision_names() -> frozenset[str]:
    """Return the classifiers of torchvision that can be taken apart here; empty: cannot be read."""
    names = _registered("torchvision")
    return frozenset(name for name in names if name.startswith(TORCHVISION_STARTS))


@cache
def timm_names() -> frozenset[str]:
    """Return timm's networks; empty where it is not installed, or cannot be read."""
    return frozenset(_registered("timm"))


def _registered(library: str) -> list[str]:
    """List what the modules of a library's folder `models` register."""
    spec = find_spec(library)
    names: list[str] = []
    for place in (spec and spec.submodule_search_locations) or ():
        for file in sorted(Path(place, "models").glob("*.py")):
            try:
                names += REGISTERED.findall(file.read_text(encoding="utf-8"))
            except (OSError, UnicodeDecodeError):
                continue
    return names
