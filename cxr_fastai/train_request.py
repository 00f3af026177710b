"""What a training was asked for, judged before torch is loaded, which takes seconds.

A manifest and what was asked -> the recipe to train by and the settings, or an error. Looks at no
image; what only a built network can tell, `training` refuses later.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from cxr_fastai.advice import flag
from cxr_fastai.core import UsageError, unknown_name
from cxr_fastai.manifest import Manifest
from cxr_fastai.models.at_hand import check_folder
from cxr_fastai.models.known import check_arch
from cxr_fastai.recipes import SETTINGS, Train, check_train, load_recipe
from cxr_fastai.train_settings import TRACKERS
from cxr_fastai.trainable import check_classes

__all__ = [
    "FROM_SCRATCH",
    "check_request",
    "check_seed",
    "check_trackers",
    "own_settings",
    "with_own",
]

# Of networks that have nothing to freeze and nothing to keep.
FROM_SCRATCH = {
    "weights": "none",
    "layers": 0,
    "unfreeze": "progressive",
    "freeze_epochs": 1,
    "stages": "auto",
}


def check_request(
    manifest: Manifest,
    recipe: str | None = None,  # whose [train] settings to use; None: the folder's
    own: Mapping[str, Any] | None = None,  # settings in place of the recipe's
    seed: int | None = None,
    beside: Iterable[str] | None = None,  # architectures to train too; None: the recipe's
    track: Iterable[str] = (),
    allow_missing_classes: bool = False,
) -> Train:  # what a new run would be trained with
    """Check what was asked for. Raises `UsageError`, as `train` would seconds later."""
    base = load_recipe(recipe) if recipe else manifest.recipe
    given = own_settings(own or {})
    settings = with_own(base.train, given)
    check_seed(seed)
    check_train(settings, f"settings of recipe {base.name}", manifest.recipe)
    for arch in (settings.arch, *(base.beside if beside is None else beside)):
        check_arch(arch)
    _check_weights(settings)
    check_trackers(track)
    check_classes(manifest, allow_missing_classes)
    return settings


def own_settings(
    own: Mapping[str, Any],  # as a caller gave them; None: not given
) -> dict[str, Any]:
    """Return the settings that were given. Raises `UsageError` for what is none."""
    unknown = [key for key in own if key not in SETTINGS]
    if unknown:
        raise UsageError(unknown_name("setting", unknown[0], SETTINGS))
    return {key: value for key, value in own.items() if value is not None}


def with_own(
    settings: Train,  # a recipe's
    given: Mapping[str, Any],  # of own_settings
) -> Train:
    """Put what was given in place of a recipe's settings.

    Where a network from scratch is asked for, what the recipe says of pretrained ones goes too;
    where another architecture is, the layers at which the recipe cuts its own.
    """
    if given.get("arch", settings.arch) != settings.arch:
        given = {"layers": 0, **given}
    if given.get("weights") == "none":
        given = {**FROM_SCRATCH, **given}
    return replace(settings, **given)


def check_seed(seed: int | None) -> None:
    """Raise `UsageError` for a seed below 0."""
    if seed is not None and seed < 0:
        raise UsageError(f"seed = {seed}: expected 0 or more.")


def check_trackers(names: Iterable[str]) -> None:
    """Raise `UsageError` for a tracker that is unknown, or whose library is not installed."""
    for name in names:
        if name not in TRACKERS:
            raise UsageError(unknown_name("tracker", name, TRACKERS))
        if find_spec(name) is None:
            raise UsageError(
                f"{flag('track', name)}: {name} is not installed. pip install 'cxr_fastai[{name}]'"
            )


def _check_weights(settings: Train) -> None:
    """Raise `UsageError` for weights that are neither a word nor a file.

    Of imagenet also where the folder that they are looked for in is none.
    """
    if settings.weights == "imagenet":
        check_folder()
    if settings.weights in ("imagenet", "none") or Path(settings.weights).is_file():
        return
    raise UsageError(
        f"no weights file {settings.weights!r}: expected imagenet, none, or a .pth or "
        ".safetensors file"
    )
