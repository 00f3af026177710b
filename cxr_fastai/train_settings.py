"""How a network is trained, as data: keys of a recipe's [train], and flags of `cxr train`.

A `Train` holds the values, `SETTINGS` what each may be, `check_settings` judges them. Nothing here
trains; the meaning of each value stands in training/.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any

from cxr_fastai.core import RecipeError, Task
from cxr_fastai.recipe_values import check_one_of, is_number, is_whole

__all__ = [
    "Train",
    "Setting",
    "SETTINGS",
    "check_settings",
    "LOSSES",
    "SAMPLING",
    "STAGES",
    "UNFREEZE",
    "AUGMENT",
    "MIX",
    "PRECISION",
    "TRACKERS",
]

# by task; formulas: training/losses.py. auto: the first
LOSSES = {
    Task.SINGLE_LABEL: (
        "cross_entropy",
        "weighted_cross_entropy",
        "weighted_bce",
        "focal",
        "weighted_focal",
    ),
    Task.MULTI_LABEL: ("bce", "weighted_bce", "focal", "weighted_focal"),
}
ALL_LOSSES = tuple(dict.fromkeys(LOSSES[Task.SINGLE_LABEL] + LOSSES[Task.MULTI_LABEL]))
# How train images are drawn: each class as often as the others, in an epoch as long as all images
# or as the rarest class allows; or as they come.
SAMPLING = ("oversample", "undersample", "none")
# Pretrained backbones thaw group by group, train whole from the first step, or stay as they are.
UNFREEZE = ("progressive", "at_once", "never")
# The stage in which a backbone is frozen runs on features that are computed once, or on images.
STAGES = ("auto", "cached", "plain")
# Amounts: training/augment.py; none of them mirrors.
AUGMENT = ("none", "mild", "strong", "acquisition", "randaugment")
MIX = ("none", "mixup", "cutmix")
PRECISION = ("auto", "bf16", "fp16", "fp32")
# where a run can be recorded too: training/trackers.py
TRACKERS = ("mlflow", "tensorboard", "wandb", "trackio")


@dataclass(frozen=True)
class Setting:
    """What a training setting may be, for the check and for the command line."""

    kind: type  # str | int | float | bool | list
    help: str
    expected: str  # in words
    fits: Callable[[Any], bool]
    choices: tuple[str, ...] = ()


# ---- fields of Train. Each returns what dataclasses.field does, which the type checker takes for
# ---- the field's own type: hence Any


def _field(
    default: object,
    setting: Setting,
) -> Any:
    """Return a field with its setting."""
    return field(default=default, metadata={"setting": setting})


def _whole(default: int, least: int, text: str) -> Any:
    """Return a field that is a whole number."""

    def _fits(value: object) -> bool:
        return is_whole(value, least)

    expected = f"a whole number of at least {least}"
    return _field(default, Setting(kind=int, help=text, expected=expected, fits=_fits))


def _number(
    default: float,
    low: float,  # included
    high: float,  # not included
    text: str,
) -> Any:
    """Return a field that is a number in a range."""

    def _fits(value: Any) -> bool:
        return is_number(value) and low <= value < high

    expected = f"a number from {low} to below {high}"
    return _field(default, Setting(kind=float, help=text, expected=expected, fits=_fits))


def _choice(default: str, choices: tuple[str, ...], text: str) -> Any:
    """Return a field that is one of some words."""

    def _fits(value: object) -> bool:
        return value in choices

    expected = f"one of {', '.join(choices)}"
    setting = Setting(kind=str, help=text, expected=expected, fits=_fits, choices=choices)
    return _field(default, setting)


def _text(default: str, text: str) -> Any:
    """Return a field that is a text."""

    def _fits(value: object) -> bool:
        return isinstance(value, str) and bool(value)

    return _field(default, Setting(kind=str, help=text, expected="a text", fits=_fits))


def _rate(default: float, text: str) -> Any:
    """Return the field of the learning rate: a number, or find."""

    def _fits(value: Any) -> bool:
        return value == "find" or (is_number(value) and 0 < value < 10)

    expected = "a number above 0 and below 10, or find"
    return _field(default, Setting(kind=float, help=text, expected=expected, fits=_fits))


def _sides(text: str) -> Any:
    """Return the field of the sides to begin with."""

    def _fits(value: object) -> bool:
        return isinstance(value, (list, tuple)) and all(is_whole(side, 16) for side in value)

    expected = "a list of sides of at least 16 px"
    setting = Setting(kind=list, help=text, expected=expected, fits=_fits)
    return field(default_factory=list, metadata={"setting": setting})


def _switch(default: bool, text: str) -> Any:
    """Return a field that is true or false."""

    def _fits(value: object) -> bool:
        return isinstance(value, bool)

    return _field(default, Setting(kind=bool, help=text, expected="true or false", fits=_fits))


@dataclass(frozen=True)
class Train:
    """How a recipe trains; every field is a flag of `cxr train` too."""

    arch: str = _text(
        "resnet34",
        "resnet18, resnet34, resnet50, densenet121, .. or any name of torchvision or timm",
    )
    layers: int = _whole(
        0, 0, "how many layers of a pretrained body are kept, from the first; 0: all"
    )
    size: int = _whole(224, 16, "side of the square input, px")
    crop: float = _number(
        0.0, 0, 0.4, "share cut off each side of an image before all else, in prediction too"
    )
    resize: list[int] = _sides("smaller sides to begin with, px: 96,128")
    epochs: int = _whole(10, 1, "times through the train images")
    bs: int = _whole(32, 2, "images a batch")
    lr: float | str = _rate(
        1e-3, "highest learning rate of one-cycle, for the head; find: a lr finder's valley"
    )
    wd: float = _number(0.01, 0, 1, "weight decay, decoupled")
    weights: str = _text("imagenet", "where the backbone starts: imagenet, none, or a file")
    loss: str = _choice(
        "auto", ("auto", *ALL_LOSSES), "what training makes small; auto: the task's plain one"
    )
    gamma: float = _number(
        2.0, 0, 10, "of a focal loss: how little an image counts that is answered right"
    )
    sampling: str = _choice("oversample", SAMPLING, "how train images are drawn")
    unfreeze: str = _choice("progressive", UNFREEZE, "how a pretrained backbone thaws")
    freeze_epochs: int = _whole(
        1, 1, "of the epochs, those in which the head of a pretrained network trains alone"
    )
    stages: str = _choice(
        "auto",
        STAGES,
        "the head's epochs: on features computed once, or plain; auto: cached if able",
    )
    augment: str = _choice("mild", AUGMENT, "changes to train images; never a flip")
    erase: float = _number(0.0, 0, 1, "share of train images in which a rectangle is erased")
    mix: str = _choice("none", MIX, "train on mixtures of two images")
    label_smoothing: float = _number(
        0.0, 0, 1, "share of each label that is spread over all classes"
    )
    ema: float = _number(
        0.0, 0, 1, "decay of an average of the weights a step, 0.99 to 0.9999; 0: none"
    )
    accumulate: int = _whole(1, 1, "batches whose gradients make one step")
    clip: float = _number(0.0, 0, 1e6, "longest gradient; 0: any")
    patience: int = _whole(0, 0, "stop after so many epochs without a better one; 0: never")
    precision: str = _choice(
        "auto", PRECISION, "numbers that the network computes in; auto: by device and network"
    )
    compile: bool = _switch(False, "torch.compile the network")


SETTINGS: dict[str, Setting] = {f.name: f.metadata["setting"] for f in fields(Train)}


def check_settings(
    train: Train,
    task: Task,
    n_classes: int,
    where: str,  # names the file or the command in errors
) -> None:
    """Raise `RecipeError` where a setting is out of its range, or none of the task's."""
    if train.loss != "auto":
        check_one_of(train.loss, LOSSES[task], f"loss of a {task} recipe", where)
    if train.loss == "weighted_bce" and task is Task.SINGLE_LABEL and n_classes != 2:
        raise RecipeError(
            f"{where}: loss = 'weighted_bce': {n_classes} classes that exclude each other: it "
            "takes two. Use weighted_cross_entropy."
        )
    for key, setting in SETTINGS.items():
        value = getattr(train, key)
        if setting.choices:
            check_one_of(value, setting.choices, key, where)
        elif not setting.fits(value):
            raise RecipeError(f"{where}: {key} = {value!r}: expected {setting.expected}.")
    _check_frozen(train, where)


def _check_frozen(train: Train, where: str) -> None:
    """Raise `RecipeError` where the settings of a frozen backbone contradict each other."""
    from_scratch = train.weights == "none"
    if train.layers and from_scratch:
        raise RecipeError(
            f"{where}: layers = {train.layers} with weights = 'none': layers are kept of a "
            "pretrained backbone. Give weights, or leave layers away."
        )
    if train.unfreeze == "never" and from_scratch:
        raise RecipeError(
            f"{where}: unfreeze = 'never' with weights = 'none': a backbone that starts at random "
            "learns nothing while it is frozen. Give weights, or another unfreeze."
        )
    if train.unfreeze == "progressive" and 1 < train.freeze_epochs >= train.epochs:
        raise RecipeError(
            f"{where}: freeze_epochs = {train.freeze_epochs} of epochs = {train.epochs}: none is "
            "left in which it thaws. Give fewer, more epochs, or unfreeze = 'never'."
        )
    if train.stages != "cached":
        return
    against = {"weights": "none", "unfreeze": "at_once"}
    for key, value in against.items():
        if getattr(train, key) == value:
            raise RecipeError(
                f"{where}: stages = 'cached' with {key} = {value!r}: nothing is frozen then. Use "
                "stages = 'auto'."
            )
    if train.mix != "none":
        raise RecipeError(
            f"{where}: stages = 'cached' with mix = {train.mix!r}: features of mixed images cannot "
            "be had from those of single ones. Use stages = 'auto', or mix = 'none'."
        )
