"""The four pictures of the audit's page, as values of its template.

Findings in; places on a scale in percent, cells of a matrix and small PNGs out. Draws no axis and
writes no file: the template does.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from cxr_fastai.intervals.interval_trees import Interval
from cxr_fastai.probes.classifier import linear_weights
from cxr_fastai.probes.features import gray
from cxr_fastai.probes.films import SIDE, Films
from cxr_fastai.probes.sources import SourceWithinClass, Unseen
from cxr_fastai.probes.targets import Targets
from cxr_fastai.reporting.html import data_uri
from cxr_fastai.reporting.text import decimal, span

__all__ = [
    "Rung",
    "WeightMap",
    "ladder_marks",
    "dumbbell_marks",
    "weight_maps",
    "source_matrix",
]

GRID = 8  # squares of a weight map on a side
MAP_SIDE = 192  # px
# Blue speaks for a class and orange against it: apart for every kind of colour-blindness (Okabe
# and Ito 2008).
FOR = (0, 114, 178)
AGAINST = (230, 159, 0)
MAX_OPACITY = 0.75
CHANCE = 0.5  # AUROC
LOWEST = 0.3  # AUROC where a scale begins, unless a number lies below


@dataclass(frozen=True)
class Rung:
    """A number of the ladder."""

    name: str
    auroc: float
    interval: Interval
    is_model: bool = False


@dataclass(frozen=True)
class WeightMap:
    """Where the logistic regression of a class looks."""

    label: str
    uri: str  # of a PNG
    on_edge: float  # share of the weights' size that lies on the outermost squares


def _begin(numbers: Sequence[float]) -> float:
    """Return where a scale begins: LOWEST, or the tenth below the least number."""
    least = min([LOWEST, *numbers])
    tenth = float(np.floor(least * 10) / 10)
    return max(tenth, 0.0)


def _at(
    auroc: float,
    begin: float,  # of the scale, which ends at 1
) -> str:
    """Return a place on the scale, percent of its width."""
    return _wide(auroc - begin, begin)


def _wide(
    length: float,  # AUROC
    begin: float,  # of the scale
) -> str:
    """Return a length on the scale, percent of its width."""
    width = 1 - begin
    return f"{100 * length / width:.1f}"


def _reach(interval: Interval, begin: float) -> dict[str, str]:
    """Return where an interval begins on the scale and how wide it is; empty without one."""
    if interval is None:
        return {}
    low, high = interval
    return {"left": _at(low, begin), "width": _wide(high - low, begin)}


def _ticks(begin: float) -> list[dict[str, str]]:
    """Return the marks of a scale: where it begins, chance, and 1."""
    marked = [CHANCE, 1.0]
    if begin < CHANCE:
        marked.insert(0, begin)
    return [{"at": _at(auroc, begin), "name": f"{auroc:.1f}"} for auroc in marked]


def ladder_marks(rungs: Sequence[Rung]) -> dict[str, object]:
    """Return the floor ladder: a bar a rung, from chance to the model."""
    lows = [rung.interval[0] for rung in rungs if rung.interval]
    begin = _begin([*[rung.auroc for rung in rungs], *lows])
    rows = []
    for rung in rungs:
        rows.append(
            {
                "name": rung.name,
                "at": _at(rung.auroc, begin),
                "reach": _reach(rung.interval, begin),
                "number": decimal(rung.auroc),
                "between": span(rung.interval, as_share=False, none=""),
                "is_model": rung.is_model,
            }
        )
    return {"rows": rows, "ticks": _ticks(begin)}


def dumbbell_marks(
    found: Mapping[str, Sequence[Unseen]],  # whose: of the cheap model, of the network
) -> dict[str, object]:
    """Return the dumbbells: seen and unseen AUROC of each source."""
    told = {}
    for whose, sources in found.items():
        told[whose] = [each for each in sources if each.unseen is not None]
    numbers = []
    for sources in told.values():
        for each in sources:
            numbers += [*(each.unseen_interval or ()), *(each.seen_interval or ())]
    begin = _begin(numbers)
    groups = []
    for whose, sources in told.items():
        if sources:
            groups.append({"whose": whose, "rows": [_dumbbell(each, begin) for each in sources]})
    return {"groups": groups, "ticks": _ticks(begin)}


def _dumbbell(each: Unseen, begin: float) -> dict[str, object]:
    """Return one source's pair."""
    assert each.unseen is not None  # the others are left out
    seen = None if each.seen is None else _at(each.seen, begin)
    ends = [each.unseen] if each.seen is None else sorted([each.seen, each.unseen])
    left = _at(ends[0], begin)
    return {
        "source": each.source,
        "seen": seen,
        "unseen": _at(each.unseen, begin),
        "line": {"left": left, "width": f"{float(_at(ends[-1], begin)) - float(left):.1f}"},
        "reach": _reach(each.unseen_interval, begin),
        "seen_number": decimal(each.seen),
        "unseen_number": decimal(each.unseen),
        "between": span(each.unseen_interval, as_share=False, none=""),
        "classes": ", ".join(each.classes),
        "left_out": ", ".join(each.left_out),
    }


# ---- where the cheap model looks


def weight_maps(
    films: Films,
    targets: Targets,  # of the same films
) -> list[WeightMap]:  # a class each
    """Draw the weights of the logistic regression on 8x8 gray squares over the mean film."""
    if not len(films):
        return []
    squares = gray(films, GRID)
    mean = films.small.mean(0)
    found = []
    for label in targets.judged:
        weights = linear_weights(squares, targets.has[label], targets.known[label])
        if weights is not None:
            grid = weights.reshape(GRID, GRID)
            found.append(WeightMap(label, _drawn(mean, grid), _on_edge(grid)))
    return found


def _on_edge(grid: np.ndarray) -> float:
    """Return the share of the weights' size on the outermost squares."""
    sizes = np.abs(grid)
    whole = max(float(sizes.sum()), 1e-12)
    inner = float(sizes[1:-1, 1:-1].sum())
    return 1 - inner / whole


def _drawn(
    mean: np.ndarray,  # (SIDE, SIDE) 0-255
    grid: np.ndarray,  # (GRID, GRID)
) -> str:
    """Return the picture as a data URI."""
    step = MAP_SIDE // SIDE
    film = np.kron(mean, np.ones((step, step)))[..., None]
    scaled = grid / max(float(np.abs(grid).max()), 1e-12)
    weights = np.kron(scaled, np.ones((MAP_SIDE // GRID, MAP_SIDE // GRID)))[..., None]
    opacity = MAX_OPACITY * np.abs(weights)
    colour = np.where(weights > 0, np.array(FOR), np.array(AGAINST))
    pixels = film * (1 - opacity) + colour * opacity
    buffer = io.BytesIO()
    Image.fromarray(pixels.round().astype(np.uint8)).save(buffer, "PNG", optimize=True)
    return data_uri(buffer.getvalue())


# ---- which class betrays its source


def source_matrix(
    counts: Mapping[str, Mapping[str, int]],  # class -> source -> groups
    found: Sequence[SourceWithinClass],
) -> dict[str, object]:
    """Return class by source: the AUROC of telling that source within the class.

    A cell is the highest of the features; `cannot` where there are too few groups to tell, `only`
    where the class has one source.
    """
    of_class = {each.label: each for each in found}
    sources: list[str] = []
    for own in counts.values():
        sources += [name for name in own if name not in sources]
    rows = []
    for label, own in counts.items():
        cells = []
        for source in sources:
            cells.append(_cell(of_class.get(label), source, own.get(source, 0)))
        rows.append({"label": label, "cells": cells})
    return {"sources": sources, "rows": rows}


def _cell(
    within: SourceWithinClass | None,  # None: the class has one source
    source: str,
    groups: int,
) -> dict[str, object]:
    """Return a cell: its kind, number and groups."""
    if not groups:
        return {"kind": "none", "groups": 0, "auroc": None}
    if within is None:
        return {"kind": "only", "groups": groups, "auroc": None}
    aurocs = [_of_source(told.per_class, source, within) for told in within.told.values()]
    known = [auroc for auroc in aurocs if auroc is not None]
    if source not in within.sources or not known:
        return {"kind": "cannot", "groups": groups, "auroc": None}
    return {"kind": "told", "groups": groups, "auroc": max(known)}


def _of_source(
    per_class: Mapping[str, float],
    source: str,
    within: SourceWithinClass,
) -> float | None:
    """Return the AUROC of one source; of two that exclude each other both have the first's."""
    if source in per_class:
        return per_class[source]
    if len(within.sources) == 2 and len(per_class) == 1:
        return next(iter(per_class.values()))
    return None
