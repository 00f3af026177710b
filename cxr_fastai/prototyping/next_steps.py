"""What to do next: each step with its reason, from a number of this run, and its command.

A prototype's numbers -> Steps, the most pressing first. It runs nothing.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cxr_fastai.core import FolderWarning
from cxr_fastai.prototyping.asked import Request
from cxr_fastai.prototyping.plan import Plan
from cxr_fastai.reporting.text import count

__all__ = ["Step", "Known", "next_steps", "curate_command", "train_command", "MAX_IMAGES_FOR_FOLDS"]

# Below it a tenth for test is fewer than 30 images, and an accuracy of 80 % spans 30 points
MAX_IMAGES_FOR_FOLDS = 300
FOLDS = 5
MORE_TIME = 3  # times the minutes, where the plan could not train enough


@dataclass(frozen=True)
class Step:
    """Something to do."""

    why: str  # a sentence
    commands: tuple[str, ...] = ()


@dataclass(frozen=True)
class Known:
    """What the steps follow from."""

    request: Request
    out: Path
    plan: Plan
    images: int
    patients: int  # images whose patient is known
    conflicts: int
    shortcuts: Sequence[FolderWarning]
    test_images: int
    sure: bool  # the test split shows that the model is above its floor
    cut_short: bool  # training came to its deadline before its epochs were over


def next_steps(known: Known) -> list[Step]:
    """Return what to do next, the most pressing first."""
    steps = [
        _folds(known),
        _shortcuts(known),
        _patients(known),
        _conflicts(known),
        _time(known),
        _weights(known),
        _again(known),
        _elsewhere(known),
    ]
    return [step for step in steps if step is not None]


def curate_command(
    request: Request,
    out: Path,
) -> str:
    """Return the `cxr curate` that makes the curated folder alone."""
    seed = f" --seed {request.seed}" if request.seed else ""
    return f"cxr curate {request.flags}{seed} --out {shlex.quote(str(out))}"


def train_command(
    settings: Mapping[str, Any],  # of a Plan
    data: Path,  # the curated folder
    out: Path,
    seed: int,
    **changed: Any,  # settings in place of the plan's
) -> str:
    """Return the `cxr train` that trains with these settings."""
    return f"{_train({**settings, **changed}, data, out, seed)} --beside none"


def _train(settings: Mapping[str, Any], data: Path, out: Path, seed: int) -> str:
    """Return a `cxr train` that says nothing of baselines, as --folds asks."""
    parts = ["cxr", "train", str(data), "--out", str(out)]
    for name, value in settings.items():
        parts += [f"--{name.replace('_', '-')}", f"{value:g}" if _is_float(value) else str(value)]
    return shlex.join([*parts, "--seed", str(seed)])


def _is_float(value: object) -> bool:
    """Tell whether a value is written as a decimal."""
    return isinstance(value, float)


def _folds(known: Known) -> Step | None:
    """Advise cross-validation where the test split is small."""
    few = known.images < MAX_IMAGES_FOR_FOLDS
    if known.sure and not few:
        return None
    shown = f"{count(known.test_images, 'test image')} show nothing for sure"
    tested = f"a test split of {known.test_images:,} says little"
    why = f"{count(known.images, 'image')} are few: {tested}"
    folder = known.out / "folds"
    curate = f"{curate_command(known.request, folder)} --folds {FOLDS}"
    run = known.out / "folds-run"
    train = _train(known.plan.settings, folder, run, known.request.seed)
    return Step(
        f"{why if few else shown}. Score over {FOLDS} folds, so that every image is tested once, "
        "by a model that did not see it.",
        (curate, f"{train} --folds"),
    )


def _shortcuts(known: Known) -> Step | None:
    """Advise a look at what tells the classes."""
    if not known.shortcuts:
        return None
    data, look = known.out / "curated", known.out / "look"
    return Step(
        f"{count(len(known.shortcuts), 'thing')} that may not be the disease "
        f"{'tells' if len(known.shortcuts) == 1 else 'tell'} the classes: look at the images, and "
        "make the classes alike in it before a score is believed.",
        (shlex.join(["cxr", "eda", str(data), "--out", str(look)]),),
    )


def _patients(known: Known) -> Step | None:
    """Advise to name the patients."""
    if known.patients == known.images:
        return None
    unknown = known.images - known.patients
    how = "--patient COL" if known.request.table else "--patient REGEX"
    return Step(
        f"The patient of {count(unknown, 'image')} is not known: other exposures of one patient "
        f"may stand on both sides of the split, and lift the score. Name the patients with {how}.",
        (),
    )


def _conflicts(known: Known) -> Step | None:
    """Advise to settle labels that contradict each other."""
    if not known.conflicts:
        return None
    its = "its copies carry" if known.conflicts == 1 else "their copies carry"
    return Step(
        f"{count(known.conflicts, 'radiograph')} stayed out because {its} labels of two classes: "
        f"settle them in the folder itself ({known.out / 'curated' / 'conflicts.csv'} names them).",
        (),
    )


def _time(known: Known) -> Step | None:
    """Advise more time where training was cut short."""
    baseline = known.plan.settings["arch"] == "cnn"
    if not known.cut_short and not baseline:
        return None
    why = "Training came to its deadline before its epochs were over"
    if not known.cut_short:
        why = "No ResNet18 learns enough on this machine in the time, so the plain baseline trained"
    minutes = MORE_TIME * known.request.minutes
    out = f"{known.out}-longer"
    flags = _prototype_flags(known.request)
    return Step(
        f"{why}: {minutes:g} minutes give it time to learn more.",
        (f"cxr prototype {flags} --minutes {minutes:g} --out {shlex.quote(out)}",),
    )


def _prototype_flags(request: Request) -> str:
    """Return the arguments of `cxr prototype` that name the images."""
    flags = request.flags.removeprefix("--folder ")
    return f"{flags} --seed {request.seed}" if request.seed else flags


def _weights(known: Known) -> Step | None:
    """Advise pretrained weights where the network began at random."""
    settings = known.plan.settings
    if settings["weights"] != "none":
        return None
    command = train_command(
        settings,
        known.out / "curated",
        known.out / "run-imagenet",
        known.request.seed,
        arch="resnet18",
        size=224,
        epochs=10,
        lr=1e-3,
        weights="imagenet",
    )
    return Step(
        "The network began at random. Where the network can be reached, ImageNet's weights are a "
        "better start (once fetched, this command finds them).",
        (command,),
    )


def _again(known: Known) -> Step:
    """Tell the command that trains this model again, to be changed."""
    command = train_command(
        known.plan.settings, known.out / "curated", known.out / "run-2", known.request.seed
    )
    return Step("Train the same model again, with one setting changed:", (command,))


def _elsewhere(known: Known) -> Step:
    """Advise a test on images from elsewhere."""
    bundle = shlex.quote(str(known.out / "run" / "bundle"))
    return Step(
        "Ask the model about images that it has not seen, best of another hospital: a score on "
        "one's own folder says nothing of those.",
        (
            f"cxr predict {bundle} IMAGE_OR_FOLDER",
            "cxr curate --folder OTHER_FOLDER --out other",
            f"cxr evaluate {bundle} other",
        ),
    )
