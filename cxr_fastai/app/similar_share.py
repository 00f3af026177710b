"""What films that are near to one another share: the class, or rather the source.

Asked of films of validation, which no network was fitted to, before anybody is shown a neighbour.
Vectors and rows in, an `Agreement` out, in words. Reads no file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from cxr_fastai.labels import present
from cxr_fastai.manifest import Record
from cxr_fastai.reporting.text import count, percent

__all__ = ["Agreement", "agreement_of"]

# Groups (of one patient, or of one radiograph) of films that are asked: of fewer no share is told,
# as in every report of this library.
MIN_GROUPS = 20
FILMS_AT_A_TIME = 128  # whose distances to all others are in memory together


@dataclass(frozen=True)
class Agreement:
    """How often the nearest films share something with the film that asks, and any others do."""

    films: int  # that asked
    label: float  # share of the nearest that have its class, or of several findings one of its own
    label_of_any: float  # the same of all films: what chance would find
    source: float
    source_of_any: float  # 1: there is one source alone

    @property
    def says(self) -> str:
        """In words, without a full stop."""
        words = (
            f"of {count(self.films, 'film')} of validation, {percent(self.label)} of the nearest "
            f"share the class ({percent(self.label_of_any)} by chance)"
        )
        if self.source_of_any < 1:
            words += f" and {percent(self.source)} the source ({percent(self.source_of_any)})"
        return words


def agreement_of(
    rows: Sequence[Record],  # of the films that are found
    vectors: np.ndarray,  # (n, d) float16, of length 1
    asked_rows: Sequence[Record],  # of the films that ask
    asked: np.ndarray,  # (m, d) float16
    nearest: int,  # of the films that are found for each
) -> Agreement | None:  # None: too few ask
    """Tell what near films share."""
    groups = {row.group for row in asked_rows}
    if len(groups) < MIN_GROUPS:
        return None
    found = _nearest(vectors, asked, nearest)
    labels = [row.label for row in rows]
    own_labels = [row.label for row in asked_rows]
    label, label_of_any = _shares(labels, own_labels, found)
    sources = [row.source for row in rows]
    own_sources = [row.source for row in asked_rows]
    source, source_of_any = _shares(sources, own_sources, found)
    return Agreement(
        films=len(asked_rows),
        label=label,
        label_of_any=label_of_any,
        source=source,
        source_of_any=source_of_any,
    )


def _nearest(
    vectors: np.ndarray,
    asked: np.ndarray,
    nearest: int,
) -> np.ndarray:  # (m, nearest) numbers of films, or as many as there are
    """Find the nearest films of each that asks."""
    whole = vectors.astype(np.float32)
    found = []
    for start in range(0, len(asked), FILMS_AT_A_TIME):
        part = asked[start : start + FILMS_AT_A_TIME].astype(np.float32)
        distances = 1 - part @ whole.T
        order = np.argsort(distances, axis=1, kind="stable")
        found.append(order[:, :nearest])
    return np.concatenate(found)


def _shares(
    names: Sequence[str],  # of the films that are found: labels, or sources
    asked: Sequence[str],  # of the films that ask
    found: np.ndarray,  # (m, k) numbers of films
) -> tuple[float, float]:  # of those found, of all
    """Return the mean share of films that have something in common with the one that asks."""
    known = sorted({*names, *asked})
    place = {name: number for number, name in enumerate(known)}
    alike = np.zeros((len(known), len(known)), bool)
    for one, other in product(known, known):
        alike[place[one], place[other]] = _is_alike(one, other)
    codes = np.array([place[name] for name in names])
    own = np.array([place[name] for name in asked])
    is_alike = alike[own[:, None], codes[found]]
    counts = np.bincount(codes, minlength=len(known))
    alike_of_all = alike[own] @ counts
    return float(is_alike.mean()), float(alike_of_all.mean() / len(codes))


def _is_alike(one: str, other: str) -> bool:
    """Tell whether two labels, or sources, have a part in common."""
    common = set(present(one)) & set(present(other))
    return bool(common)
