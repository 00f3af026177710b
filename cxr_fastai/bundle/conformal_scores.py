"""What a bundle keeps of validation so that prediction sets can be made: scores by class.

Probabilities of validation in, a record for bundle.json out, and whether a record is one. The
score of a film is how far it is from a class, one less the probability of it (Sadinle, Lei and
Wasserman 2019, JASA 114:223). The unit is a group: films of one patient are alike, and count once,
by the one that fits its class worst. Needs no torch, reads no file, draws nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

import numpy as np

from cxr_fastai.bundle import values
from cxr_fastai.core import Task

__all__ = [
    "ABSENT",
    "CLASS",
    "PRESENT",
    "Calibration",
    "Kept",
    "calibration_scores",
    "fits_task",
    "is_calibration",
    "named_classes",
]

# Sides that scores are kept of: of a single-label task one, of each finding two
CLASS = "class"
PRESENT = "present"
ABSENT = "absent"

# Scores kept of a class. Of more groups every n-th is kept, and the next higher one is used: the
# coverage is then up to 1/400 more than asked, a sixth of its own standard error with 400 groups.
MAX_SCORES = 400
SCORE_DIGITS = 6  # scores are rounded up to them: float32 and float64 then agree on who is in


class Kept(TypedDict):
    """The scores of one class on validation."""

    groups: int
    scores: list[float]  # ascending, at evenly spaced ranks where there are more than MAX_SCORES


class Calibration(TypedDict):
    """What bundle.json keeps under `conformal`."""

    sources: dict[str, int]  # source -> groups of validation
    scores: dict[str, dict[str, Kept]]  # side -> class or finding -> scores


# ---- what training keeps


def calibration_scores(
    probs: np.ndarray,  # (n, c) of validation, as the bundle computes them
    targs: np.ndarray,  # (n,) class indices, or (n, c) of 1, 0 and nan
    vocab: Sequence[str],  # (c,)
    groups: Sequence[str],  # (n,) what films of one patient share
    sources: Sequence[str],  # (n,)
) -> Calibration:
    """Return the scores that prediction sets are made by."""
    scores: dict[str, dict[str, Kept]] = {}
    for side, distances, is_of in _sides(np.asarray(probs, np.float64), targs):
        scores[side] = {}
        for i, name in enumerate(vocab):
            scores[side][name] = _kept(distances[:, i], is_of[:, i], groups)
    return {"sources": _groups_by_source(groups, sources), "scores": scores}


def _sides(
    probs: np.ndarray,  # (n, c)
    targs: np.ndarray,  # (n,) or (n, c)
) -> list[tuple[str, np.ndarray, np.ndarray]]:
    """Return each side's name, how far films are from it (n, c), and which are of it (n, c)."""
    if targs.ndim == 1:
        return [(CLASS, 1 - probs, np.arange(probs.shape[1]) == targs[:, None])]
    return [(PRESENT, 1 - probs, targs == 1), (ABSENT, probs, targs == 0)]


def _kept(
    distances: np.ndarray,  # (n,) of all films from a class
    is_of: np.ndarray,  # (n,) bool: films of the class
    groups: Sequence[str],  # (n,)
) -> Kept:
    """Return the scores of a class: of each group its worst film's."""
    worst: dict[str, float] = {}
    for i in np.flatnonzero(is_of).tolist():
        group = groups[i]
        before = worst.get(group, 0.0)
        worst[group] = max(before, float(distances[i]))
    ranked = sorted(map(_rounded_up, worst.values()))
    return {"groups": len(ranked), "scores": _thinned(ranked)}


def _thinned(
    ranked: list[float],  # ascending
) -> list[float]:
    """Return the scores at MAX_SCORES evenly spaced ranks, the last among them; all of fewer."""
    n = len(ranked)
    n_kept = min(n, MAX_SCORES)
    kept = []
    for i in range(1, n_kept + 1):
        rank = math.ceil(i * n / n_kept)
        kept.append(ranked[rank - 1])
    return kept


def _rounded_up(score: float) -> float:
    """Round a score up, to no more than 1."""
    scale = 10**SCORE_DIGITS
    return min(math.ceil(score * scale) / scale, 1.0)


def _groups_by_source(groups: Sequence[str], sources: Sequence[str]) -> dict[str, int]:
    """Count the groups of each source, by its name."""
    pairs = sorted(set(zip(sources, groups)))
    counts: dict[str, int] = {}
    for source, _ in pairs:
        counts[source] = counts.get(source, 0) + 1
    return counts


# ---- what bundle.json may hold


def is_calibration(value: object) -> bool:
    """Tell whether a value is a `Calibration`."""
    if not isinstance(value, dict):
        return False
    sources, scores = value.get("sources"), value.get("scores")
    if not isinstance(sources, dict) or not isinstance(scores, dict):
        return False
    if not all(map(values.is_whole, sources.values())):
        return False
    sides = set(scores)
    if sides not in ({CLASS}, {PRESENT, ABSENT}):
        return False
    return all(map(_are_kept, scores.values()))


def _are_kept(of_side: object) -> bool:
    """Tell whether a value holds the scores of classes."""
    if not isinstance(of_side, dict):
        return False
    return all(map(_is_kept, of_side.values()))


def _is_kept(entry: object) -> bool:
    """Tell whether a value is a `Kept`: as many scores as groups, or MAX_SCORES of more."""
    if not isinstance(entry, dict):
        return False
    groups = entry.get("groups")
    scores = entry.get("scores")
    if not isinstance(groups, int) or not values.is_whole(groups):
        return False
    if not isinstance(scores, list) or not all(map(values.is_share, scores)):
        return False
    if len(scores) != min(groups, MAX_SCORES):
        return False
    return scores == sorted(scores)


def fits_task(record: Mapping[str, Any], task: str) -> bool:
    """Tell whether a calibration has the sides of a task."""
    sides = {PRESENT, ABSENT} if task == Task.MULTI_LABEL.value else {CLASS}
    return set(record["scores"]) == sides


def named_classes(record: Mapping[str, Any]) -> list[str]:
    """Return the classes that a calibration names, each once."""
    names: set[str] = set()
    for of_side in record.get("scores", {}).values():
        names.update(of_side)
    return sorted(names)
