"""How many of the films that are scored the bundle's gate would refuse, by source.

Films as they pass and their sources in, counts and one sentence out. The scores do not ask the
gate: they are of all films.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cxr_fastai.gate.gate import Gate
from cxr_fastai.gate.table import alarms_of
from cxr_fastai.reporting.text import count, share

__all__ = ["GateAlarms", "Watching"]


@dataclass(frozen=True)
class GateAlarms:
    """The films of a split that a gate would refuse."""

    n: int
    refused: int
    by_kind: dict[str, int]  # kind -> films, the most frequent first
    by_source: list[dict[str, Any]]  # of table.alarms_of

    @property
    def says(self) -> str:
        """The counts in a sentence."""
        told = f"The gate would refuse {self.refused:,} of {count(self.n, 'film')}"
        if not self.refused:
            return f"{told}."
        sources = []
        for row in self.by_source:
            if row["refused"]:
                part = share(row["refused"], row["n"])
                sources.append(f"{row['source']} {row['refused']:,} of {row['n']:,} ({part})")
        return f"{told}, by source: {', '.join(sources)}. The scores are of all films."

    def to_dict(self) -> dict[str, Any]:
        """Return the counts as strict JSON."""
        return {
            "n": self.n,
            "refused": self.refused,
            "by_kind": self.by_kind,
            "by_source": self.by_source,
        }


class Watching:
    """Judges films as they are decoded, once each."""

    def __init__(
        self,
        gate: Gate | None,  # None: nothing is judged
        decode: Callable[[Path], np.ndarray],
    ) -> None:
        self.gate = gate
        self._decode = decode
        self._kinds: dict[Path, str] = {}

    def decode(self, path: Path) -> np.ndarray:
        """Return the pixels of a film, and judge it."""
        pixels = self._decode(path)
        if self.gate is not None:
            self._kinds[path] = self.gate.judge(pixels).kind
        return pixels

    def alarms(
        self,
        source_of: Mapping[Path, str],  # of each film
    ) -> GateAlarms | None:  # None: there is no gate
        """Count the refusals."""
        if self.gate is None:
            return None
        kinds = [self._kinds[path] for path in source_of]
        refused = [bool(kind) for kind in kinds]
        found: dict[str, int] = {}
        for kind in sorted(filter(None, kinds)):
            found[kind] = found.get(kind, 0) + 1
        return GateAlarms(
            n=len(refused),
            refused=sum(refused),
            by_kind=dict(sorted(found.items(), key=_most_first)),
            by_source=alarms_of(list(source_of.values()), refused),
        )


def _most_first(item: tuple[str, int]) -> tuple[int, str]:
    """Give the key to sort kinds by."""
    kind, n = item
    return -n, kind
