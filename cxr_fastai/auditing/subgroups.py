"""P10: whether a score holds for every source, age, sex and view.

Scores of films and their rows -> a Subgroup each, and a line of the audit. A subgroup whose whole
interval lies below the score of all films is warned of.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cxr_fastai.auditing.asked import Asked
from cxr_fastai.intervals.interval_trees import Interval
from cxr_fastai.manifest import Record
from cxr_fastai.probes.targets import Targets, told_of
from cxr_fastai.probes.verdict import MAX_WIDTH, ORDER, Verdict, worst
from cxr_fastai.reporting.text import count, decimal, span, with_span

__all__ = ["Subgroup", "ask_subgroups", "age_band"]

SOURCE = "Glocker 2023, PMC10025760; Jimenez-Sanchez 2022, arXiv 2211.04279"
REMEDY = "Report the score of each subgroup, and take more films of those that lie below."
AGE_BANDS = ((18, "under 18"), (40, "18 to 39"), (65, "40 to 64"), (200, "65 and over"))  # years
MAX_NAMED = 6  # subgroups that a sentence names


def age_band(row: Record) -> str:
    """Return the band of an age; empty where it is not known."""
    if not row.age:
        return ""
    years = float(row.age)
    return next(name for end, name in AGE_BANDS if years < end)


ATTRIBUTES: dict[str, Callable[[Record], str]] = {
    "source": lambda row: row.source,
    "age": age_band,
    "sex": lambda row: row.sex,
    "view": lambda row: row.view,
}


@dataclass(frozen=True)
class Subgroup:
    """How well classes are told among some of the films."""

    attribute: str  # of ATTRIBUTES
    value: str
    classes: list[str]  # that are told
    auroc: float | None
    interval: Interval
    of_all: float | None  # AUROC of the same classes over all films
    films: int
    groups: int
    verdict: Verdict

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers as strict JSON."""
        return {**vars(self), "verdict": str(self.verdict)}


def ask_subgroups(
    rows: Sequence[Record],
    scores: Mapping[str, np.ndarray],  # class -> (n,) of films that the model did not learn from
    targets: Targets,
    number: str = "P10",  # of the probe
    model: str = "the cheap model on 16x16 gray squares",
) -> Asked:
    """Return P10 as a line of the audit."""
    found = _subgroups(rows, scores, targets)
    told = [each for each in found if each.auroc is not None]
    verdict = worst([each.verdict for each in told]) if told else Verdict.CANNOT_TELL
    gravest = min(told, key=_order) if told else None
    return Asked(
        id=number,
        title="Subgroups",
        verdict=verdict,
        says=_words(told, found, model),
        number=gravest.auroc if gravest else None,
        interval=gravest.interval if gravest else None,
        films=gravest.films if gravest else 0,
        groups=gravest.groups if gravest else 0,
        do=REMEDY if verdict is Verdict.WARN else "",
        source=SOURCE,
        numbers={"subgroups": [each.to_dict() for each in found]},
    )


def _subgroups(
    rows: Sequence[Record],
    scores: Mapping[str, np.ndarray],
    targets: Targets,
) -> list[Subgroup]:
    """Score each value of each attribute that has two."""
    found = []
    for attribute, value_of in ATTRIBUTES.items():
        values = np.array([value_of(row) for row in rows])
        names = sorted(set(values.tolist()) - {""})
        if len(names) < 2:
            continue
        for name in names:
            here = values == name
            found.append(_subgroup(attribute, name, here, scores, targets))
    return found


def _subgroup(
    attribute: str,
    value: str,
    here: np.ndarray,  # (n,) bool
    scores: Mapping[str, np.ndarray],
    targets: Targets,
) -> Subgroup:
    """Score one subgroup, and all films on the same classes."""
    own = {name: np.where(here, values, np.nan) for name, values in scores.items()}
    told = told_of(own, targets)
    whole = told_of({name: scores[name] for name in told.per_class}, targets)
    return Subgroup(
        attribute=attribute,
        value=value,
        classes=list(told.per_class),
        auroc=told.auroc,
        interval=told.interval,
        of_all=whole.auroc,
        films=int(here.sum()),
        groups=told.groups,
        verdict=_judge(told.interval, whole.auroc),
    )


def _judge(interval: Interval, of_all: float | None) -> Verdict:
    """WARN where the subgroup lies below all films, PASS where its interval is narrow enough."""
    if interval is None or of_all is None:
        return Verdict.CANNOT_TELL
    low, high = interval
    if high < of_all:
        return Verdict.WARN
    if high - low <= MAX_WIDTH:
        return Verdict.PASS
    return Verdict.CANNOT_TELL


def _order(each: Subgroup) -> tuple[int, float]:
    """Return what orders subgroups: the gravest verdict, then the largest gap."""
    gap = (each.auroc or 0.0) - (each.of_all or 0.0)
    return ORDER.index(each.verdict), gap


def _words(
    told: Sequence[Subgroup],  # those that have a score
    found: Sequence[Subgroup],  # all
    model: str,  # in words
) -> str:
    """Say which subgroups lie below all films."""
    if not found:
        return "No source, age, sex or view has two values: there are no subgroups to compare."
    if not told:
        return "No subgroup has 20 patients or groups on both sides of a class."
    below = [each for each in told if each.verdict is Verdict.WARN]
    asked = f"{count(len(told), 'subgroup')} of {model} asked"
    if len({tuple(each.classes) for each in told}) > 1:
        asked += ", each beside all films at the classes that it has enough of"
    if not below:
        lowest = _named(min(told, key=_order))
        if len(told) == 1:
            return f"{asked}, not shown to lie below all films: {lowest}."
        return f"{asked}, none shown to lie below all films. Lowest: {lowest}."
    below.sort(key=_order)
    named = "; ".join(_named(each) for each in below[:MAX_NAMED])
    more = f"; and {len(below) - MAX_NAMED} more" if len(below) > MAX_NAMED else ""
    return f"{asked}, {len(below)} below all films: {named}{more}."


def _named(each: Subgroup) -> str:
    """Return a subgroup with its score and that of all films."""
    interval = span(each.interval, as_share=False, none="")
    number = with_span(decimal(each.auroc), interval)
    return f"{each.attribute} {each.value} {number} where all films reach {decimal(each.of_all)}"
