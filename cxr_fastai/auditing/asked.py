"""What one probe of the audit asked and found, in one shape for P1 to P12.

Findings of the probes in, lines of the page and of audit.json out. Asks nothing itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from cxr_fastai.intervals.interval_trees import Interval
from cxr_fastai.probes.shortcuts import Probe
from cxr_fastai.probes.verdict import Verdict
from cxr_fastai.reporting.text import count, decimal, percent, span, with_span

__all__ = ["Asked", "of_probe", "VERDICT_OF_NONE"]

VERDICT_OF_NONE = "for comparison"  # what stands where a probe has no verdict


@dataclass(frozen=True)
class Asked:
    """A line of the audit."""

    id: str  # P1 to P12, with a letter where a probe asks several things
    title: str
    verdict: Verdict | None  # None: a control, or a number that others are held against
    says: str  # one or more sentences, from numbers of this run
    number: float | None = None
    interval: Interval = None
    is_share: bool = False  # the number is a share, not an AUROC or a difference
    films: int = 0
    groups: int = 0  # of the side that has fewest
    do: str = ""  # what helps; empty: nothing need be done
    source: str = ""  # who asked it first
    counts: bool = True  # False: the verdict is overruled by another, as the sentence says
    numbers: Mapping[str, Any] = field(default_factory=dict)  # what else was counted

    @property
    def verdict_words(self) -> str:
        """The verdict as a page shows it."""
        if self.verdict is None:
            return VERDICT_OF_NONE
        return str(self.verdict)

    @property
    def number_words(self) -> str:
        """The number with its interval: 0.879 (0.872 to 0.887)."""
        shown = percent(self.number) if self.is_share else decimal(self.number)
        interval = span(self.interval, as_share=self.is_share, none="")
        return with_span(shown, interval)

    @property
    def counted_words(self) -> str:
        """Films and groups that the number rests on; empty where nothing was counted."""
        if not self.films:
            return ""
        words = count(self.films, "film")
        if self.groups:
            words += f", {count(self.groups, 'group')} on the smaller side"
        return words

    def is_found(self, *verdicts: Verdict) -> bool:
        """Tell whether the verdict counts and is one of these."""
        return self.counts and self.verdict in verdicts

    def overruled(self, why: str) -> Asked:
        """Return the line as one whose verdict does not count, so that nothing need be done."""
        says = f"{self.says} {why}"
        return replace(self, counts=False, says=says, do="")

    def to_dict(self) -> dict[str, Any]:
        """Return the line as strict JSON."""
        return {
            "id": self.id,
            "title": self.title,
            "verdict": str(self.verdict) if self.verdict else None,
            "counts": self.counts,
            "says": self.says,
            "number": self.number,
            "interval": self.interval,
            "films": self.films,
            "groups": self.groups,
            "do": self.do,
            "source": self.source,
            "numbers": dict(self.numbers),
        }


def of_probe(probe: Probe) -> Asked:
    """Return P1 to P7 as lines of the audit."""
    told = probe.told
    return Asked(
        id=probe.id,
        title=probe.title,
        verdict=probe.verdict,
        says=probe.says,
        number=told.auroc,
        interval=None if told.is_same else told.interval,
        films=told.films,
        groups=told.groups,
        do=probe.do,
        source=probe.source,
        numbers={
            "per_class": told.per_class,
            "left_out": told.left_out,
            "by_chance": vars(probe.chance) if probe.chance else None,
        },
    )
