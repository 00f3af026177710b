"""Whether prediction sets keep what they promise: coverage on films that training never saw.

A `Promise`, probabilities and what is true in, a `CoverageReport` out, by class and by source. A
source that validation did not have is promised nothing, and is told all the same: there it fails.
Reads no file.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from cxr_fastai.bundle.conformal import Promise, asked_words
from cxr_fastai.bundle.conformal_scores import ABSENT, CLASS, PRESENT
from cxr_fastai.core import Task
from cxr_fastai.intervals.exact import exact_share
from cxr_fastai.intervals.interval_trees import Interval
from cxr_fastai.reporting.text import percent, span, table, with_span, wrap

__all__ = ["CoverageReport", "CoverageRow", "measure_coverage"]


@dataclass(frozen=True)
class CoverageRow:
    """How often the sets of some films hold what is true of them."""

    name: str  # of the class, finding or source
    side: str  # class | present | absent
    groups: int  # patients, or radiographs of unknown ones; of each class of theirs one
    covered: float  # share of the groups in the sets of all of whose films the truth is
    interval: Interval  # 95 %, exact over groups
    films: int
    size: float  # classes in a set, or of a finding sides, on average
    empty: float  # share of the films whose set is empty
    is_known: bool = True  # a source that validation had; true of classes
    of_source: str = ""  # where the row is of a class at a source that validation lacked

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers as strict JSON."""
        return dict(vars(self))


@dataclass(frozen=True)
class CoverageReport:
    """What was promised and what was kept, by class and by source."""

    asked: float
    says: str  # what is promised
    classes: list[CoverageRow]  # or findings, each side: over films of the promise's own sources
    sources: list[CoverageRow]

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers as strict JSON."""
        return {
            "asked": self.asked,
            "says": self.says,
            "verdict": self.verdict,
            "classes": [row.to_dict() for row in self.classes],
            "sources": [row.to_dict() for row in self.sources],
        }

    @property
    def verdict(self) -> str:
        """What these films say of the promise, in one sentence."""
        if not self.classes:
            return "Nothing is promised of these films: validation had none of their sources."
        broken = [row for row in self.classes if _is_below(row, self.asked)]
        if not broken:
            return (
                f"No class's coverage is surely below the {asked_words(self.asked)} promised: no "
                "interval below ends short of it."
            )
        named = ", ".join(f"{_named(row)} {_covered(row)}" for row in broken)
        return f"The promise of {asked_words(self.asked)} is not kept here: {named}."

    def rows(self) -> Iterator[tuple[str, ...]]:
        """Yield the cells of a table, its header first."""
        yield ("coverage of", "covered", "groups", "films", "classes in a set", "empty sets")
        for row in (*self.classes, *self.sources):
            yield (
                _named(row),
                _covered(row),
                f"{row.groups:,}",
                f"{row.films:,}",
                f"{row.size:.2f}",
                percent(row.empty),
            )

    def lines(self) -> list[str]:
        """Return the report as lines of text."""
        return [*wrap(self.says), *wrap(self.verdict), *table(self.rows())]


def _is_below(row: CoverageRow, asked: float) -> bool:
    """Tell whether a coverage is surely less than asked."""
    return row.interval is not None and row.interval[1] < asked


def _named(row: CoverageRow) -> str:
    """Name what a row is of."""
    name = row.name if row.side == CLASS else f"{row.name}, {row.side}"
    if row.of_source:
        return f"{row.of_source}: {name}"
    return name if row.is_known else f"{name} (not in validation: nothing is promised)"


def _covered(row: CoverageRow) -> str:
    """Write the coverage of a row with its interval."""
    return with_span(percent(row.covered), span(row.interval))


def measure_coverage(
    promise: Promise,
    probs: np.ndarray,  # (n, c) of films that neither training nor validation had
    targs: np.ndarray,  # (n,) class indices, or (n, c) of 1, 0 and nan
    groups: Sequence[str],  # (n,) what films of one patient share
    sources: Sequence[str],  # (n,)
) -> CoverageReport:
    """Count how often the sets hold what is true, by class and by source."""
    cells = _cells(promise, np.asarray(probs), np.asarray(targs))
    is_promised = np.array([source in promise.sources for source in sources])
    classes = [_row(cell.name, cell.side, [cell], groups, is_promised) for cell in cells]
    by_source = []
    for source in sorted(set(sources)):
        here = np.array([own == source for own in sources])
        is_known = source in promise.sources
        for side in dict.fromkeys(cell.side for cell in cells):
            own = [cell for cell in cells if cell.side == side]
            by_source.append(_row(source, side, own, groups, here, is_known))
        if not is_known:  # the promise is one of each class: so is what is kept
            by_source += [_of_class(source, cell, groups, here) for cell in cells]
    return CoverageReport(
        asked=promise.coverage,
        says=promise.says,
        classes=[row for row in classes if row.groups],
        sources=[row for row in by_source if row.groups],
    )


def _of_class(
    source: str,  # that validation did not have
    cell: Cell,
    groups: Sequence[str],  # (n,)
    here: np.ndarray,  # (n,) bool: films of the source
) -> CoverageRow:
    """Count the groups of one class, or of a side of a finding, at a source."""
    row = _row(cell.name, cell.side, [cell], groups, here, is_known=False)
    return replace(row, of_source=source)


@dataclass(frozen=True, eq=False)
class Cell:
    """The films of one class, or of one side of a finding."""

    name: str
    side: str
    mask: np.ndarray  # (n,) bool: films of it
    is_in: np.ndarray  # (n,) bool: the set of the film holds it
    size: np.ndarray  # (n,) int: what the set of the film holds


def _cells(
    promise: Promise,
    probs: np.ndarray,  # (n, c)
    targs: np.ndarray,
) -> list[Cell]:
    """Return the classes, or both sides of each finding, with the sets of all films."""
    if promise.task is Task.SINGLE_LABEL:
        sets = promise.sets(probs)
        size = sets.sum(1)
        names = enumerate(promise.vocab)
        return [Cell(name, CLASS, targs == i, sets[:, i], size) for i, name in names]
    cells = []
    for name, (present, absent) in promise.finding_sets(probs).items():
        own = targs[:, promise.vocab.index(name)]
        size = present.astype(int) + absent
        cells.append(Cell(name, PRESENT, own == 1, present, size))
        cells.append(Cell(name, ABSENT, own == 0, absent, size))
    return cells


def _row(
    name: str,
    side: str,
    cells: list[Cell],  # that are counted together
    groups: Sequence[str],  # (n,)
    among: np.ndarray,  # (n,) bool: films that are counted
    is_known: bool = True,
) -> CoverageRow:
    """Count the groups of each cell whose films are all covered."""
    covered: dict[tuple[str, str], bool] = {}
    sizes: list[int] = []
    for cell in cells:
        for i in np.flatnonzero(cell.mask & among).tolist():
            unit = (cell.name, groups[i])
            covered[unit] = covered.get(unit, True) and bool(cell.is_in[i])
            sizes.append(int(cell.size[i]))
    n = len(covered)
    share = sum(covered.values()) / n if n else 0.0
    return CoverageRow(
        name=name,
        side=side,
        groups=n,
        covered=share,
        interval=list(exact_share(share, n)) if n else None,
        films=len(sizes),
        size=float(np.mean(sizes)) if sizes else 0.0,
        empty=float(np.mean(np.array(sizes) == 0)) if sizes else 0.0,
        is_known=is_known,
    )
