"""bundle.json: what its keys are and must be, and the model card, which says the same to people. Records in, checked
records and text out; reads and writes no file, sees no weight.
"""

from __future__ import annotations

import math
from importlib.metadata import PackageNotFoundError, version

import numpy as np

from cxr_fastai import images
from cxr_fastai.core import IntegrityError, one_line
from cxr_fastai.models.architectures import COMMON, is_arch
from cxr_fastai.recipes import TASKS

__all__ = [
    "FORMAT_VERSION",
    "KEYS",
    "WEIGHTS",
    "upgraded",
    "check_facts",
    "complete",
    "libraries",
    "card",
]

FORMAT_VERSION = (
    2  # 1 had no crop, offsets and trained_on_sha256: such a bundle is read as one without
)
WEIGHTS = "model.safetensors"
MAX_SIZE = 4096  # px; more than any network here is trained at, and a bound on what a foreign bundle can allocate
LIBRARIES = ("cxr_fastai", "torch", "torchvision", "safetensors", "numpy", "pillow")


# ---- each key, what it must be in words, and in code


def _whole(v, least: int = 0) -> bool:
    return isinstance(v, int) and not isinstance(v, bool) and v >= least


def _number(v) -> bool:
    return isinstance(v, (int, float)) and not isinstance(v, bool) and math.isfinite(v)


def _text(v) -> bool:
    return isinstance(v, str)


def _record(v) -> bool:
    return isinstance(v, dict)


def _texts(v) -> bool:
    return _record(v) and all(map(_text, v.values()))


def _hash(v) -> bool:
    return _text(v) and len(v) == 64 and not set(v) - set("0123456789abcdef")


def _slugs(v) -> bool:
    return isinstance(v, list) and bool(v) and all(map(_text, v)) and len(set(v)) == len(v)


def _shares(v) -> bool:
    return _record(v) and all(_number(p) and 0 <= p <= 1 for p in v.values())


def _decides(v) -> bool:
    triage = v.get("triage", []) if _record(v) else None
    return (
        isinstance(triage, list)
        and _text(v.get("negative"))
        and _shares({"": v.get("threshold")})
        and all(
            _record(x) and _shares({k: x.get(k) for k in ("asked_sensitivity", "threshold")})
            for x in triage
        )
    )


KEYS = {
    "format_version": (f"{FORMAT_VERSION}", lambda v: _whole(v) and v == FORMAT_VERSION),
    "arch": (f"{', '.join(COMMON)}, or another that is known here", is_arch),
    "in_channels": ("1 or 3", lambda v: _whole(v) and v in (1, 3)),
    "vocab": ("a list of different class names", _slugs),
    "display": ("display names by class", _texts),
    "task": (f"one of {', '.join(TASKS)}", lambda v: _text(v) and v in TASKS),
    "size": (
        f"pixels, {images.MIN_SIDE} to {MAX_SIZE}",
        lambda v: _whole(v, images.MIN_SIDE) and v <= MAX_SIZE,
    ),
    "crop": ("a share cut off each side, 0 to below 0.4", lambda v: _number(v) and 0 <= v < 0.4),
    "mean": ("a number", _number),
    "std": ("a number above 0", lambda v: _number(v) and v > 0),
    "decoder_version": ("a whole number", _whole),
    "thresholds": ("probabilities, 0 to 1, by class", _shares),
    "temperature": ("a number above 0", lambda v: _number(v) and v > 0),
    "offsets": (
        "numbers by class, added to its logits",
        lambda v: _record(v) and all(map(_number, v.values())),
    ),
    "decision": (
        "a record with negative, a class, and threshold, 0 to 1, and maybe a list triage; or empty",
        lambda v: v == {} or _decides(v),
    ),
    "trained_on_sha256": ("64 hex digits, or empty", lambda v: v == "" or _hash(v)),
    "recipe": ("a record with a name", lambda v: _record(v) and _text(v.get("name"))),
    "manifest_sha256": ("64 hex digits", _hash),
    "trained": (
        "a record with epochs, a whole number",
        lambda v: _record(v) and _whole(v.get("epochs")),
    ),
    "metrics": ("a record", _record),
    "libraries": ("versions by library", _texts),
    "weights_sha256": ("64 hex digits", _hash),
}

ADDED = {"crop": 0.0, "offsets": {}, "trained_on_sha256": ""}  # in version 2


def upgraded(meta):
    """A record of version 1 as one of this version; anything else as it is."""
    if not _record(meta) or meta.get("format_version") != 1 or meta["format_version"] is True:
        return meta
    return {**ADDED, **meta, "format_version": FORMAT_VERSION}


def check_facts(meta, where):
    """Raise `IntegrityError` at the first key of `meta` that is missing or wrong."""
    if not _record(meta):
        raise IntegrityError(f"{where}: expected a JSON object, found {type(meta).__name__}")
    for key, (expected, fits) in KEYS.items():
        if key not in meta:
            raise IntegrityError(f"{where}: key {key!r} is missing, expected {expected}")
        if not fits(meta[key]):
            raise IntegrityError(
                f"{where}: key {key!r} is {one_line(repr(meta[key]))[:80]}, expected {expected}"
            )
    negative = meta["decision"].get("negative")
    if negative and negative not in meta["vocab"]:
        raise IntegrityError(
            f"{where}: key 'decision' names {negative!r}, which is no class of its vocab"
        )
    for key in ("thresholds", "offsets"):
        strange = sorted(set(meta[key]) - set(meta["vocab"]))
        if strange:
            raise IntegrityError(
                f"{where}: key {key!r} names {strange[0]!r}, which is no class of its vocab"
            )


def complete(meta: dict, sha256: str) -> dict:
    """`meta` with what it may leave out, in the order of KEYS, as plain JSON values."""
    defaults = dict(
        **ADDED,
        in_channels=1,
        task="single_label",
        decoder_version=images.DECODER_VERSION,
        thresholds={},
        temperature=1.0,
        decision={},
        display={},
        metrics={},
        libraries=libraries(),
    )
    facts = _plain({**defaults, **meta, "format_version": FORMAT_VERSION, "weights_sha256": sha256})
    if _slugs(facts.get("vocab")) and _record(facts["display"]):
        facts["display"] = {c: facts["display"].get(c, c) for c in facts["vocab"]}
    order = [*(k for k in KEYS if k in facts), *(k for k in facts if k not in KEYS)]
    return {k: facts[k] for k in order}


def _plain(v):
    """Numpy numbers as Python's, tuples as lists, and null for what is not finite: JSON has no word for it."""
    if isinstance(v, dict):
        return {str(k): _plain(x) for k, x in v.items()}
    if isinstance(v, (list, tuple)):
        return [_plain(x) for x in v]
    if isinstance(v, (np.generic, np.ndarray)):
        return _plain(v.tolist())
    return None if isinstance(v, float) and not math.isfinite(v) else v


def libraries(
    *more: str,  # names beside LIBRARIES
) -> dict[str, str]:
    """Installed versions, for bundle.json."""
    found = {}
    for name in (*LIBRARIES, *more):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            pass  # a checkout that is not installed
    return found


def card(meta: dict) -> str:
    """The model card: bundle.json for people."""
    trained, recipe, task = meta["trained"], meta["recipe"]["name"], meta["task"].replace("_", " ")
    classes = "\n".join(
        f"- {meta['display'][c]} (`{c}`){_from(meta['thresholds'].get(c))}" for c in meta["vocab"]
    )
    metrics = (
        "\n".join(f"- {k}: {v}" for k, v in _scalars(meta["metrics"]))
        or "- none recorded; run `cxr evaluate`"
    )
    seed = f", seed {trained['seed']}" if "seed" in trained else ""
    return f"""# {recipe}: a chest radiograph model

A {meta["arch"]} for chest radiographs of {meta["size"]} x {meta["size"]} px in gray, {task}.

    cxr predict THIS_FOLDER chest.png

## Classes
{classes}
{_decided(meta)}
## Data and training
Recipe `{recipe}`; data of the manifest with SHA-256 `{meta["manifest_sha256"]}`.
{trained["epochs"]} epochs from weights "{trained.get("weights", "not recorded")}"{seed}.

## Metrics
{metrics}

## Limits
For research only: not a medical device, and not for diagnosis or triage of patients. It knows the classes above and no
others, and gives them probabilities even for pictures that are no chest radiographs. Numbers from the sources it was
trained on do not carry over to other hospitals, machines or ages.

Weights: `{WEIGHTS}`, SHA-256 `{meta["weights_sha256"]}`. Loading it runs no code.
"""


def _decided(meta: dict) -> str:
    """What was fixed on validation, a line each."""
    d, lines = meta["decision"], []
    if d:
        asked = (
            f", fixed on validation to find {d['asked_sensitivity']:.0%}"
            if "asked_sensitivity" in d
            else ""
        )
        lines.append(
            f"Not {meta['display'][d['negative']]}: answered from a risk of {d['threshold']:.3g} on{asked}."
        )
    lines += [
        f"A worklist keeps {x['asked_sensitivity']:.0%} of them where it lays aside what is below "
        f"{x['threshold']:.3g}, by validation."
        for x in d.get("triage", ())
    ]
    if meta["crop"]:
        lines.append(f"{meta['crop']:.0%} of each side of an image are cut off first.")
    lines.append(
        f"Logits are divided by a temperature of {meta['temperature']:g}"
        f"{', and shifted back by what the loss weighed' if meta['offsets'] else ''}."
    )
    return "\n" + "\n".join(lines) + "\n"


def _from(threshold) -> str:
    return "" if threshold is None else f", answered from {threshold:.2f}"


def _scalars(metrics: dict, before: str = ""):
    """(name, value) of all numbers and texts in nested records."""
    for key, value in metrics.items():
        if _record(value):
            yield from _scalars(value, f"{before}{key} ")
        elif isinstance(value, float):
            yield f"{before}{key}", f"{value:.4g}"
        elif isinstance(value, (int, str)):
            yield f"{before}{key}", value
