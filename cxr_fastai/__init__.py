"""From a pile of public chest X-ray downloads to a model one can believe.
Names are imported when first used: this import is light.
"""

from importlib import import_module

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


def __getattr__(name):
    if name == "__version__":
        return import_module("importlib.metadata").version(__name__)
    if name in _HOME:
        return getattr(import_module(f".{_HOME[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted([*globals(), *_HOME])
