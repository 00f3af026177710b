"""From a pile of public chest X-ray downloads to a model one can believe.

Names are imported when first used: this import is light.
"""

from __future__ import annotations

from importlib import import_module

# public name -> the module of this package that defines it
_HOME = {
    "curate": "curation.pipeline",
    "find_duplicates": "curation.copies.find",
    "explore": "audit.explore",
    "build_dataloaders": "training.data",
    "build_learner": "training.learner",
    "fit": "training.run",
    "export": "training.run",
    "evaluate": "evaluation.evaluate",
    "load_bundle": "bundle",
    "load_recipe": "recipes",
    "read_manifest": "manifest",
    "CxrError": "core",
}
__all__ = list(_HOME)


def __getattr__(name: str) -> object:
    if name == "__version__":
        return import_module("importlib.metadata").version(__name__)
    if name in _HOME:
        return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME])
