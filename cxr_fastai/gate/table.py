"""What a gate caught and whom it refused while it was fitted, as plain JSON and in words.

Held-out scores in; the facts that bundle.json, the model card and the benchmark show, out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cxr_fastai.gate.examples import Examples
from cxr_fastai.gate.kinds import Judgement
from cxr_fastai.gate.thrown_out import LEARNED
from cxr_fastai.reporting.text import count, percent

__all__ = ["Refusals", "alarms_of", "area_under", "caught_of", "facts_of"]

SHOWN_ALONE = ("film, changed a little",)
HIDDEN = ("film", "lateral, varied", "ct, varied")  # shown by source, or as pictures thrown out


@dataclass(frozen=True, eq=False)
class Refusals:
    """Which pictures were refused by models that never saw them."""

    examples: Examples
    sources: np.ndarray  # (films,) str
    odds: np.ndarray  # (n,) float64
    refused: np.ndarray  # (n,) bool
    is_told: bool  # whether there were folds to hold out
    groups: int


def facts_of(
    refusals: Refusals,
    films: int,  # in the folder; those that were learned from may be fewer
    alarms: float,  # share of good films that may be refused
) -> dict[str, Any]:
    """Put together what is known of a gate."""
    found = refusals.examples
    learned = set(found.kinds.tolist())
    n = int(found.is_film.sum())
    weak = refusals.groups < 1 / alarms - 1
    facts: dict[str, Any] = {
        "films": films,
        "learned_from": n,
        "groups": refusals.groups,
        "weak": bool(weak),
        "promise": _promise(refusals, alarms, weak),
        "not_learned": [kind for kind in LEARNED if kind not in learned],
        "caught": [],
        "alarms": [],
    }
    if not refusals.is_told:
        return facts
    good = refusals.odds[found.is_film]
    for name in dict.fromkeys(found.names.tolist()):
        if name in HIDDEN:
            continue
        own = found.names == name
        facts["caught"].append(caught_of(name, refusals.refused[own], refusals.odds[own], good))
    refused = refusals.refused[found.is_film].tolist()
    facts["alarms"] = alarms_of(refusals.sources.tolist(), refused)
    return facts


def _promise(refusals: Refusals, alarms: float, weak: bool) -> str:
    """Say what is promised of false alarms, and by what."""
    told = count(refusals.groups, "group")
    if not refusals.is_told:
        return f"nothing is promised of false alarms: {told} cannot be held out"
    if weak:
        most = 1 / (refusals.groups + 1)
        return (
            f"weak: {told} tell no rate of false alarms below {percent(most)}; what is likelier no "
            "film than one is refused"
        )
    return f"at most {percent(alarms)} of good films of these sources refused, by {told} held out"


def caught_of(
    name: str,
    refused: np.ndarray,  # (n,) bool
    odds: np.ndarray,  # (n,)
    good: np.ndarray,  # (films,) odds of good films
) -> dict[str, Any]:
    """Count what was caught of one kind."""
    return {
        "kind": name,
        "n": len(refused),
        "refused": int(refused.sum()),
        "auroc": round(area_under(good, odds), 4),
    }


def alarms_of(
    sources: Sequence[str],  # (n,) of good films
    refused: Sequence[bool],  # (n,)
) -> list[dict[str, Any]]:
    """Count the good films of each source that were refused, the largest source first."""
    films = Counter(sources)
    alarms: Counter[str] = Counter()
    for source, is_refused in zip(sources, refused):
        alarms[source] += bool(is_refused)
    by_name = sorted(films)
    order = sorted(by_name, key=films.__getitem__, reverse=True)
    found = []
    for source in order:
        found.append({"source": source, "n": films[source], "refused": alarms[source]})
    return found


def area_under(
    low: np.ndarray,  # (n,) scores of what should have the lower ones
    high: np.ndarray,  # (m,)
) -> float:  # 0-1: how often one of `high` is above one of `low`, ties counting half
    """Return the AUROC of two samples of scores."""
    ascending = np.sort(low)
    below = np.searchsorted(ascending, high, side="left")
    up_to = np.searchsorted(ascending, high, side="right")
    return float((below + up_to).mean() / (2 * len(low)))


def kinds_refused(
    judgements: Sequence[Judgement],
) -> Mapping[str, int]:  # kind -> pictures, the most frequent first
    """Count refusals by kind."""
    return dict(Counter(j.kind for j in judgements if not j.passes).most_common())
