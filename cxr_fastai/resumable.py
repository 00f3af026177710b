"""What a run that is to go on was trained with, read without torch, which takes seconds to load.

A run's folder and what was asked for -> nothing, or the error that training would end in. Of a
checkpoint it reads settings and data alone, and builds no object that the file names.
"""

from __future__ import annotations

import json
import pickle
import zipfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from cxr_fastai.advice import flag
from cxr_fastai.core import UsageError
from cxr_fastai.inputs import readable_path
from cxr_fastai.manifest import Manifest
from cxr_fastai.recipes import load_recipe
from cxr_fastai.run_files import BUNDLE, CHECKPOINT, is_over, refuse_other_settings
from cxr_fastai.train_request import own_settings

__all__ = ["bundle_meta", "check_resumed", "refuse_other_data", "refuse_other_than_over"]


def check_resumed(
    run: Path,
    manifest: Manifest | None,  # None: a fold's, of which the folder is not asked
    recipe: str | None,  # that was named; None: the run's own settings
    own: Mapping[str, Any],  # settings that were asked for
    seed: int | None,
) -> None:
    """Refuse what training would refuse of a run to go on with. Raises `UsageError`.

    A folder or checkpoint that cannot be read so is left to training, which says why.
    """
    asked = own_settings(own)
    if recipe:
        asked = {**asdict(load_recipe(recipe).train), **asked}
    if is_over(run):
        if manifest is not None:
            refuse_other_data(run, manifest)
        refuse_other_than_over(run, asked, seed)
        return
    had = _checkpoint_facts(run)
    if had is None:
        return
    if manifest is not None and had["manifest_sha256"] != manifest.sha256:
        raise UsageError(
            f"{run} was trained on another curated folder (manifest {had['manifest_sha256'][:12]}, "
            f"this one is {manifest.sha256[:12]}): give that one, or another {flag('out')} "
            f"without {flag('resume')}."
        )
    given = asked if seed is None else {**asked, "seed": seed}
    refuse_other_settings(run, {**had["settings"], "seed": had["seed"]}, given)


# ---- a run that is over


def bundle_meta(run: Path) -> dict[str, Any]:
    """Read bundle.json of a run that made its bundle."""
    text = readable_path(run / BUNDLE / "bundle.json", "bundle").read_text(encoding="utf-8")
    return json.loads(text)


def refuse_other_data(run: Path, manifest: Manifest) -> None:
    """Raise `UsageError` where a run that is over was one on another folder."""
    trained_on = bundle_meta(run)["manifest_sha256"]
    if trained_on == manifest.sha256:
        return
    raise UsageError(
        f"{run} came to its end on another curated folder (manifest {trained_on[:12]}, this one is "
        f"{manifest.sha256[:12]}): choose another {flag('out')}, without "
        f"{flag('resume')}."
    )


def refuse_other_than_over(
    run: Path,
    asked: Mapping[str, Any],  # settings
    seed: int | None,  # None: it was not given
) -> None:
    """Raise `UsageError` where a run that is over had other settings than are asked for now."""
    meta = bundle_meta(run)
    had = {**meta["recipe"]["train"], "seed": meta["trained"].get("seed")}
    given = dict(asked)
    if seed is not None:
        given["seed"] = seed
    if "weights" in given:  # no folder of a machine stands in a bundle
        given["weights"] = Path(given["weights"]).name
    if isinstance(given.get("lr"), str):
        del given["lr"]  # the bundle has the rate that was found
    refuse_other_settings(run, had, given)


# ---- a run that was cut short


class _Nothing(dict[Any, Any]):
    """Stands for every object of a checkpoint that is no plain value: it holds and does nothing."""

    def __init__(self, *_: object) -> None:
        super().__init__()

    def __setstate__(self, _: object) -> None:
        """Take no state."""


class _Plain(pickle.Unpickler):
    """Reads plain values of a pickle alone: no name in it is looked up, no code of it runs."""

    def find_class(self, module: str, name: str) -> type[_Nothing]:
        """Return what stands for nothing, whatever is named."""
        return _Nothing

    def persistent_load(self, pid: object) -> None:
        """Leave the numbers of tensors where they are."""


def _checkpoint_facts(run: Path) -> dict[str, Any] | None:  # None: there is none that can be read
    """Return settings, seed and manifest_sha256 of a checkpoint, none of its weights."""
    file = readable_path(run / CHECKPOINT, "checkpoint")
    try:
        with zipfile.ZipFile(file) as archive:
            names = [name for name in archive.namelist() if name.endswith("/data.pkl")]
            with archive.open(names[0]) as plain:
                stored = _Plain(plain).load()
        return {
            "settings": dict(stored["settings"]),
            "seed": int(stored["seed"]),
            "manifest_sha256": str(stored["manifest_sha256"]),
        }
    except Exception:  # a damaged file may fail in any way: training says what is wrong with it
        return None
