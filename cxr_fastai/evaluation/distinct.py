"""Where a split shows radiographs several times: its numbers over each of them once.

An official test set is kept whole, so that scores can be held against published ones; of images
that repeat others of it the manifest says so in `repeat_of`. Rows of a manifest and two reports in,
indices, words and numbers out. Counts no answers, reads no file.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from cxr_fastai.evaluation.cells import Cell
from cxr_fastai.evaluation.predictions import Row
from cxr_fastai.reporting.text import count, with_span

__all__ = ["distinct_indices", "distinct_words", "distinct_numbers"]

# What metrics.json holds of the distinct radiographs, of all keys of a report
KEYS = (
    "n",
    "groups",
    "too_few",
    "metrics",
    "decision",
    "triage",
    "floors",
    "by_source",
    "intervals",
    "interval_kinds",
)


class Counted(Protocol):
    """A report of either task."""

    @property
    def n(self) -> int:
        """Images."""

    @property
    def split(self) -> str:
        """train, valid or test."""

    def headline(self, none: str = ...) -> list[tuple[str, str, list[Cell]]]:
        """Return name, meaning and cells of each headline number; the model's cell is the first."""

    def to_dict(self) -> dict[str, object]:
        """Return everything, as strict JSON."""


def distinct_indices(
    rows: Sequence[Row],  # of a manifest, one an image
) -> list[int]:  # ascending
    """Choose one row for each radiograph: the one that others repeat, or the first that is here."""
    chosen: dict[str, int] = {}  # path of the row that stands for a radiograph -> index
    for i, row in enumerate(rows):
        repeated = row.get("repeat_of", "")
        if repeated:
            chosen.setdefault(repeated, i)
        else:
            chosen[row["path"]] = i
    return sorted(chosen.values())


def distinct_words(
    whole: Counted,  # over all images
    distinct: Counted,  # over each radiograph once
) -> str:
    """Say how many images repeat others, and the headline numbers without them."""
    n_repeats = whole.n - distinct.n
    show, counts = ("shows", "It counts") if n_repeats == 1 else ("show", "They count")
    numbers = []
    for name, _, cells in distinct.headline():
        numbers.append(f"{name} {with_span(*cells[0])}")
    return (
        f"{n_repeats:,} of {count(whole.n, 'image')} {show} a radiograph of the same official test "
        f"set again (manifest.csv, repeat_of). {counts} in all other numbers here, as in published "
        f"scores; over the {count(distinct.n, 'distinct radiograph')}: {', '.join(numbers)}."
    )


def distinct_numbers(
    distinct: Counted | None,  # over each radiograph once; None: no image repeats another
) -> dict[str, object]:
    """Return what metrics.json holds of the distinct radiographs; empty where all are."""
    if distinct is None:
        return {}
    numbers = distinct.to_dict()
    return {key: numbers[key] for key in KEYS if key in numbers}
