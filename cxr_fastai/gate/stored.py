"""A gate as bytes of a safetensors file, and back. Never unpickles.

The same gate gives the same bytes. What is read is checked: names, shapes, types, finite numbers.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np

from cxr_fastai.core import IntegrityError, one_line
from cxr_fastai.gate.features import FEATURES, SIDE
from cxr_fastai.gate.gate import Gate, Model, width_expanded
from cxr_fastai.gate.kinds import KINDS, PASSES
from cxr_fastai.strict_json import parse_json

__all__ = ["GATE_VERSION", "gate_bytes", "gate_of"]

GATE_VERSION = 1  # raise when features, arrays or facts change their meaning
FACTS = "facts"  # the array that holds the JSON: a header's own words come in any order
ARRAYS = ("middle", "axes", "weights", "biases", "film_middle", "film_scale")


def gate_bytes(gate: Gate) -> bytes:
    """Write a gate."""
    from safetensors.numpy import save

    facts = {
        "version": GATE_VERSION,
        "kinds": list(gate.model.kinds),
        "odds_limit": gate.odds_limit,
        "distance_limit": gate.distance_limit,
        "least_side": gate.least_side,
        "facts": dict(gate.facts),
    }
    text = json.dumps(facts, sort_keys=True).encode()
    arrays = {name: np.ascontiguousarray(getattr(gate.model, name)) for name in ARRAYS}
    data: bytes = save({**arrays, FACTS: np.frombuffer(text, np.uint8)})
    return data


def gate_of(
    data: bytes,
    where: str | Path,  # names the file in errors
) -> Gate:
    """Read a gate. Raises `IntegrityError` where it is none, or one of a newer library."""
    arrays = _arrays(data, where)
    told = _told(arrays, where)
    kinds = tuple(told["kinds"])
    model = Model(kinds=kinds, **{name: arrays[name] for name in ARRAYS})
    _check_arrays(model, where)
    return Gate(
        model=model,
        odds_limit=float(told["odds_limit"]),
        distance_limit=float(told["distance_limit"]),
        least_side=int(told["least_side"]),
        facts=told["facts"],
    )


def _arrays(data: bytes, where: str | Path) -> dict[str, np.ndarray]:
    """Read all arrays by name."""
    from safetensors.numpy import load

    try:
        arrays: dict[str, np.ndarray] = load(data)
    except Exception as e:  # the parser refuses foreign bytes with errors of several libraries
        raise IntegrityError(f"{where} is no safetensors file: {one_line(e)[:120]}") from e
    for name in (*ARRAYS, FACTS):
        if name not in arrays:
            raise IntegrityError(f"{where} is no gate: array {name!r} is missing")
    return arrays


def _told(arrays: dict[str, np.ndarray], where: str | Path) -> dict[str, Any]:
    """Read what is no array."""
    try:
        told = parse_json(arrays[FACTS].tobytes())
    except ValueError as e:
        raise IntegrityError(f"{where}: its facts are no JSON: {one_line(e)[:120]}") from e
    version = told.get("version") if isinstance(told, dict) else told
    if not isinstance(told, dict) or version != GATE_VERSION:
        found = one_line(repr(version))[:40]
        raise IntegrityError(
            f"{where}: a gate of version {found}, this library reads version {GATE_VERSION}: "
            "use the library that trained it, or train again"
        )
    problem = _problem(told)
    if problem:
        raise IntegrityError(f"{where}: {problem}")
    return told


def _problem(told: dict[str, Any]) -> str:
    """Say what of the facts is not as a gate has it; empty where all is."""
    kinds = told.get("kinds")
    if not isinstance(kinds, list) or kinds[:1] != [PASSES] or len(kinds) < 2:
        return "its kinds are not a list that begins with the one that passes"
    if not set(kinds[1:]) <= set(KINDS):
        return "it names kinds that are not known here"
    for name in ("odds_limit", "distance_limit"):
        value = told.get(name)
        if not _is_a(value, int, float):
            return f"{name} is no number"
        if not np.isfinite(value):
            return f"{name} is not finite"
    side = told.get("least_side")
    if not _is_a(side, int) or not 0 <= side <= SIDE:
        return f"least_side is not 0 to {SIDE}"
    facts = told.get("facts")
    if not isinstance(facts, dict) or not isinstance(facts.get("promise"), str):
        return "it does not tell how it was fitted"
    return ""


def _is_a(value: object, *numbers: type) -> TypeGuard[float]:
    """Tell whether a value of JSON is such a number; true and false are none."""
    if isinstance(value, bool):
        return False
    return isinstance(value, numbers)


def _check_arrays(model: Model, where: str | Path) -> None:
    """Raise `IntegrityError` where an array has another shape or type, or is not finite."""
    axes = model.axes.shape[1] if model.axes.ndim == 2 else 0
    kinds = len(model.kinds)
    shapes = {
        "middle": (FEATURES,),
        "axes": (FEATURES, axes),
        "weights": (width_expanded(axes), kinds),
        "biases": (kinds,),
        "film_middle": (axes + 1,),
        "film_scale": (axes + 1, axes + 1),
    }
    for name, shape in shapes.items():
        array = getattr(model, name)
        is_as_expected = array.shape == shape and array.dtype == np.float32
        if not is_as_expected or not axes:
            found = f"{array.dtype} {array.shape}"
            raise IntegrityError(f"{where}: array {name!r} is {found}, expected float32 {shape}")
        if not np.isfinite(array).all():
            raise IntegrityError(f"{where}: array {name!r} is not finite everywhere")
