"""From a pile of public chest X-ray downloads to a model one can believe.

Names are imported when first used: this import is light.
"""

from __future__ import annotations

from importlib import import_module
from types import FunctionType

# public name -> the module of this package that defines it
_HOME = {
    "prototype": "prototyping.road",
    "curate": "curation.pipeline",
    "find_duplicates": "curation.copies.find",
    "explore": "auditing.explore",
    "audit": "model_audit.road",
    "build_dataloaders": "training.data",
    "build_learner": "training.learner",
    "train": "training.run",
    "train_folds": "folds",
    "fit": "training.fit",
    "export": "training.bundling",
    "evaluate": "evaluation.evaluate",
    "predict": "serving.predict",
    "load_bundle": "bundle.store",
    "save_bundle": "bundle.store",
    "push": "hub.push",
    "load_recipe": "recipes",
    "read_manifest": "manifest",
    "CxrError": "core",
}
__all__ = list(_HOME)


def __getattr__(name: str) -> object:
    if name == "__version__":
        return import_module("importlib.metadata").version(__name__)
    if name in _HOME:
        member = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
        if isinstance(member, FunctionType):
            # what stands beside its parameters, for help()
            import_module(f"{__name__}.docments").explain(member)
        return member
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME])
