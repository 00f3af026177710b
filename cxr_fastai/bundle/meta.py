"""bundle.json: its keys, what each must be, and what is filled in where a caller leaves it out.

Records in, checked records out. Reads and writes no file, sees no weight, needs no torch.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NotRequired, TypedDict, cast

import numpy as np

from cxr_fastai import images
from cxr_fastai.bundle import values
from cxr_fastai.bundle.conformal_scores import fits_task, is_calibration, named_classes
from cxr_fastai.core import IntegrityError, one_line
from cxr_fastai.models.known import is_known
from cxr_fastai.models.names import COMMON
from cxr_fastai.recipes import TASKS

__all__ = [
    "FORMAT_VERSION",
    "KEYS",
    "OPTIONAL_KEYS",
    "Decision",
    "Key",
    "Meta",
    "TriageStep",
    "check_meta",
    "complete",
    "libraries",
    "upgraded",
]

# What each version added that a bundle must have. One of an earlier version is read as one without.
# 4 added what a bundle may have: gate and onnx.
FORMAT_VERSION = 4
ADDED_IN: dict[int, dict[str, Any]] = {
    2: {"crop": 0.0, "offsets": {}, "trained_on_sha256": ""},
    3: {"warnings": []},
}
# px; more than any network here is trained at, and a bound on what a foreign bundle can allocate.
MAX_SIZE = 4096
MAX_CROP = 0.4  # of each side; from here on less than a fifth of the width would be left
LIBRARIES = ("cxr_fastai", "torch", "torchvision", "safetensors", "numpy", "pillow")
SHOWN_OF_WRONG_VALUE = 80  # characters, in an error


class TriageStep(TypedDict, total=False):
    """A threshold below which a worklist lays radiographs aside."""

    asked_sensitivity: float  # share of the others that the worklist was to keep
    threshold: float  # on the risk


class Decision(TypedDict, total=False):
    """How a single-label task answers yes or no; empty for one that does not."""

    negative: str  # the class of those who have nothing
    threshold: float  # on the risk, the probability of all other classes together
    asked_sensitivity: float  # share of the others that was to be found on validation
    triage: list[TriageStep]


class Meta(TypedDict):
    """What bundle.json holds, once `check_meta` has passed it. Further keys are kept."""

    format_version: int
    arch: str
    in_channels: int
    vocab: list[str]  # classes, in the order of the network's outputs
    display: dict[str, str]  # class -> name for people
    task: str
    size: int  # px, width and height of the network's input
    crop: float  # share that is cut off each side first
    mean: float  # of gray values scaled to 0-1
    std: float
    decoder_version: int
    thresholds: dict[str, float]
    temperature: float  # that logits are divided by
    offsets: dict[str, float]  # class -> what is added to its logit
    decision: Decision
    trained_on_sha256: str  # of trained_on.txt; empty where there is none
    recipe: dict[str, Any]
    manifest_sha256: str
    trained: dict[str, Any]
    warnings: list[dict[str, Any]]  # of training: the fields of core.FolderWarning
    metrics: dict[str, Any]
    libraries: dict[str, str]
    weights_sha256: str
    conformal: NotRequired[dict[str, Any]]  # of bundle.conformal; bundles of before have none
    gate: NotRequired[dict[str, Any]]  # what is known of the bundle's gate.safetensors
    onnx: NotRequired[dict[str, Any]]  # what is known of the bundle's model.onnx


# ---- what each key must be


@dataclass(frozen=True)
class Key:
    """What the value of a key must be."""

    expected: str  # in words
    fits: Callable[[object], bool]


def _is_this_version(value: object) -> bool:
    """Tell whether a value is the version that this library writes."""
    return values.is_whole(value) and value == FORMAT_VERSION


def _is_arch(value: object) -> bool:
    """Tell whether a value is the name of an architecture that can be built here."""
    return values.is_text(value) and is_known(str(value))


def _is_one_or_three(value: object) -> bool:
    """Tell whether a value is a number of channels that images can have."""
    if not values.is_whole(value):
        return False
    return value in (1, 3)


def _is_task(value: object) -> bool:
    """Tell whether a value is the name of a task."""
    return values.is_text(value) and value in TASKS


def _is_size(value: object) -> bool:
    """Tell whether a value is a width in pixels that a network here can take."""
    if not isinstance(value, int) or isinstance(value, bool):
        return False
    return images.MIN_SIDE <= value <= MAX_SIZE


def _is_crop(value: object) -> bool:
    """Tell whether a value is a share that can be cut off each side."""
    if not isinstance(value, (int, float)):
        return False
    return values.is_share(value) and value < MAX_CROP


def _is_above_zero(value: object) -> bool:
    """Tell whether a value is a number that one can divide by."""
    if not isinstance(value, (int, float)):
        return False
    return values.is_number(value) and value > 0


def _is_sha256_or_empty(value: object) -> bool:
    """Tell whether a value is a hash, or says that there is nothing to hash."""
    if value == "":
        return True
    return values.is_sha256(value)


def _is_of_a_file(value: object) -> bool:
    """Tell whether a value is a record of a file that lies beside, which it names by its hash."""
    if not isinstance(value, dict):
        return False
    return values.is_sha256(value.get("sha256"))


def _is_recipe(value: object) -> bool:
    """Tell whether a value is a recipe as far as a bundle must know it: by its name."""
    if not isinstance(value, dict):
        return False
    return values.is_text(value.get("name"))


def _is_trained(value: object) -> bool:
    """Tell whether a value says for how many epochs the network was trained."""
    if not isinstance(value, dict):
        return False
    return values.is_whole(value.get("epochs"))


def _is_decision(value: object) -> bool:
    """Tell whether a value is a `Decision`; an empty one is for tasks that decide nothing."""
    if not isinstance(value, dict):
        return False
    if not value:
        return True
    triage = value.get("triage", [])
    if not isinstance(triage, list):
        return False
    negative = value.get("negative")
    if not values.is_text(negative) or not negative:
        return False
    if not values.is_share(value.get("threshold")):
        return False
    return all(_is_triage_step(step) for step in triage)


def _is_triage_step(value: object) -> bool:
    """Tell whether a value is a `TriageStep` that lacks nothing."""
    if not isinstance(value, dict):
        return False
    asked = value.get("asked_sensitivity")
    threshold = value.get("threshold")
    return values.is_share(asked) and values.is_share(threshold)


def _are_warnings(value: object) -> bool:
    """Tell whether a value is a list of warnings, each with its kind and its sentence."""
    if not isinstance(value, list):
        return False
    return all(_is_warning(entry) for entry in value)


def _is_warning(value: object) -> bool:
    """Tell whether a value is a record with a kind and a sentence."""
    if not isinstance(value, dict):
        return False
    return all(values.is_text(value.get(key)) and value[key] for key in ("kind", "says"))


KEYS = {
    "format_version": Key(f"{FORMAT_VERSION}", _is_this_version),
    "arch": Key(f"{', '.join(COMMON)}, or another that is known here", _is_arch),
    "in_channels": Key("1 or 3", _is_one_or_three),
    "vocab": Key("a list of different class names", values.are_different_texts),
    "display": Key("display names by class", values.are_texts),
    "task": Key(f"one of {', '.join(TASKS)}", _is_task),
    "size": Key(f"pixels, {images.MIN_SIDE} to {MAX_SIZE}", _is_size),
    "crop": Key(f"a share cut off each side, 0 to below {MAX_CROP}", _is_crop),
    "mean": Key("a number", values.is_number),
    "std": Key("a number above 0", _is_above_zero),
    "decoder_version": Key("a whole number", values.is_whole),
    "thresholds": Key("probabilities, 0 to 1, by class", values.are_shares),
    "temperature": Key("a number above 0", _is_above_zero),
    "offsets": Key("numbers by class, added to its logits", values.are_numbers),
    "decision": Key(
        "a record with negative, a class, and threshold, 0 to 1, and maybe a list triage; or empty",
        _is_decision,
    ),
    "trained_on_sha256": Key("64 hex digits, or empty", _is_sha256_or_empty),
    "recipe": Key("a record with a name", _is_recipe),
    "manifest_sha256": Key("64 hex digits", values.is_sha256),
    "trained": Key("a record with epochs, a whole number", _is_trained),
    "warnings": Key("a list of records with kind and says", _are_warnings),
    "metrics": Key("a record", values.is_record),
    "libraries": Key("versions by library", values.are_texts),
    "weights_sha256": Key("64 hex digits", values.is_sha256),
}
OPTIONAL_KEYS = {
    "conformal": Key("scores of validation by class, ascending, and its sources", is_calibration),
    "gate": Key("a record with sha256, 64 hex digits", _is_of_a_file),
    "onnx": Key("a record with sha256, 64 hex digits", _is_of_a_file),
}


# ---- check


def upgraded(record: object) -> object:
    """Turn a record of an earlier version into one of this; leave anything else as it is."""
    if not isinstance(record, dict):
        return record
    version = record.get("format_version")
    if not isinstance(version, int) or not values.is_whole(version, 1):
        return record
    if version >= FORMAT_VERSION:
        return record
    added = _added_after(version)
    return {**added, **record, "format_version": FORMAT_VERSION}


def _added_after(version: int) -> dict[str, Any]:
    """Return the keys that later versions added, each as of a bundle without it."""
    added: dict[str, Any] = {}
    for number, keys in ADDED_IN.items():
        if number > version:
            added.update(keys)
    return added


def check_meta(
    record: object,  # of bundle.json
    where: str | Path,  # names the file in errors
) -> Meta:
    """Check a record. Raises `IntegrityError` at the first key that is missing or wrong."""
    if not isinstance(record, dict):
        raise IntegrityError(f"{where}: expected a JSON object, found {type(record).__name__}")
    _check_not_newer(record.get("format_version"), where)
    for name, key in KEYS.items():
        if name not in record:
            raise IntegrityError(f"{where}: key {name!r} is missing, expected {key.expected}")
    for name, key in {**KEYS, **OPTIONAL_KEYS}.items():
        if name in record and not key.fits(record[name]):
            shown = one_line(repr(record[name]))[:SHOWN_OF_WRONG_VALUE]
            raise IntegrityError(f"{where}: key {name!r} is {shown}, expected {key.expected}")
    meta = cast(Meta, record)
    _check_classes(meta, where)
    return meta


def _check_not_newer(version: object, where: str | Path) -> None:
    """Raise `IntegrityError` for the version of a library that is newer than this."""
    if isinstance(version, int) and values.is_whole(version, FORMAT_VERSION + 1):
        raise IntegrityError(
            f"{where}: key 'format_version' is {version}, expected {FORMAT_VERSION} or less: "
            "a newer cxr_fastai wrote this bundle. Update this one (pip install -U cxr_fastai)."
        )


def _check_classes(meta: Meta, where: str | Path) -> None:
    """Raise `IntegrityError` where a key names a class that is none of the vocab."""
    vocab = meta["vocab"]
    calibration = meta.get("conformal")
    if calibration is not None and not fits_task(calibration, meta["task"]):
        raise IntegrityError(f"{where}: key 'conformal' is of another task than {meta['task']}")
    negative = meta["decision"].get("negative")
    named = {
        "decision": [negative] if negative else [],
        "thresholds": sorted(meta["thresholds"]),
        "offsets": sorted(meta["offsets"]),
        "conformal": named_classes(calibration or {}),
    }
    for key, classes in named.items():
        for name in classes:
            if name not in vocab:
                raise IntegrityError(
                    f"{where}: key {key!r} names {name!r}, which is no class of its vocab"
                )


# ---- complete


def complete(
    given: Mapping[str, Any],  # by KEYS, as far as the caller knows them, and any others
    weights_sha256: str,
) -> dict[str, Any]:  # plain JSON values, to be checked
    """Add what may be left out, and bring the keys into the order of KEYS."""
    defaults = {
        **_added_after(1),
        "in_channels": 1,
        "task": "single_label",
        "decoder_version": images.DECODER_VERSION,
        "thresholds": {},
        "temperature": 1.0,
        "decision": {},
        "display": {},
        "metrics": {},
        "libraries": libraries(),
    }
    computed = {"format_version": FORMAT_VERSION, "weights_sha256": weights_sha256}
    record = _plain_json({**defaults, **given, **computed})
    if values.are_different_texts(record.get("vocab")) and values.is_record(record["display"]):
        display = record["display"]
        record["display"] = {name: display.get(name, name) for name in record["vocab"]}
    known = [key for key in KEYS if key in record]
    others = [key for key in record if key not in KEYS]
    return {key: record[key] for key in known + others}


def _plain_json(value: Any) -> Any:
    """Turn NumPy's numbers into Python's and tuples into lists.

    What is not finite becomes null: JSON has no word for it.
    """
    if isinstance(value, dict):
        return {str(key): _plain_json(v) for key, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain_json(v) for v in value]
    if isinstance(value, (np.generic, np.ndarray)):
        return _plain_json(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def libraries(
    *more: str,  # names besides LIBRARIES
) -> dict[str, str]:
    """Look up installed versions, for bundle.json."""
    found = {}
    for name in (*LIBRARIES, *more):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue  # a checkout that is not installed
    return found
