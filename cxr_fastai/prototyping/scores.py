"""What a report says, kept as plain text cells: for the terminal, the page and prototype.json.

A Report or a FindingsReport -> Scores. It counts nothing itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from cxr_fastai.evaluation.build_report import AnyReport
from cxr_fastai.evaluation.single_label_report import Report
from cxr_fastai.intervals.interval_trees import find_interval
from cxr_fastai.reporting.text import count, with_span

__all__ = ["Number", "Scores", "scores_of"]

FLOORS = ("majority floor", "source-only floor")
GUESSED_AUROC = 0.5


@dataclass(frozen=True)
class Number:
    """A headline number beside its floors."""

    name: str
    meaning: str
    model: str  # value and interval, in words
    floors: tuple[str, ...]  # of the floors that the report has


@dataclass(frozen=True)
class Scores:
    """How a model did on one split."""

    split: str
    images: int
    groups: int
    numbers: tuple[Number, ...]
    floors: tuple[str, ...]  # names of the floors
    always: str  # the class that the majority floor answers; empty: there is none
    too_few: bool  # groups for a verdict
    at_chance: bool  # whether guessing is within the interval, of the answers and of the ranking
    ranks: bool  # the ranking of images by their probabilities is better than guessing
    above_floor: bool  # whether the gain over the floor lies above 0, with its interval
    verdict: str  # as the report words it
    notes: tuple[str, ...] = ()
    few_classes: str = ""  # which classes have too few groups
    positive: str = ""  # what a yes of the threshold means, as "not Normal"; empty: no threshold
    decided: str = ""  # what a yes of the threshold means, and from where; empty: no threshold
    decision: tuple[tuple[str, str, str, str], ...] = ()  # name, value, interval, of n images

    def line(self, name: str = "") -> str:
        """Say the first number, or that of this name, beside the first floor."""
        number = self.numbers[0]
        for other in self.numbers:
            if other.name == name:
                number = other
        told = f"{number.name} {number.model} on {count(self.images, f'{self.split} image')}"
        if self.groups:
            told += f" of {count(self.groups, 'group')}"
        return f"{told}, where {self.floor_words} reaches {number.floors[0]}"

    @property
    def shows(self) -> bool:
        """Whether the model is shown to do better than an answer without a look at the image."""
        return not self.too_few and (self.above_floor or self.ranks)

    @property
    def floor_words(self) -> str:
        """Name what the first floor is of."""
        return f"always answering “{self.always}”" if self.always else "knowing the source alone"

    def to_dict(self) -> dict[str, Any]:
        """Return it as strict JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Scores:
        """Read what `to_dict` wrote and JSON kept."""
        numbers = []
        for number in stored["numbers"]:
            numbers.append(Number(**{**number, "floors": tuple(number["floors"])}))
        lists: dict[str, Any] = {name: tuple(stored[name]) for name in ("floors", "notes")}
        lists["decision"] = tuple(tuple(row) for row in stored["decision"])
        return cls(**{**stored, **lists, "numbers": tuple(numbers)})


def scores_of(report: AnyReport) -> Scores:
    """Return what is kept of a report."""
    floors = _floors(report)
    numbers = []
    for name, meaning, cells in report.headline():
        words = [with_span(*cell) for cell in cells[: 1 + len(floors)]]
        numbers.append(Number(name, meaning, words[0], tuple(words[1:])))
    return Scores(
        split=report.split,
        images=report.n,
        groups=report.groups,
        numbers=tuple(numbers),
        floors=floors,
        always=_always(report),
        too_few=report.too_few,
        at_chance=_at_chance(report) and not _ranks(report),
        ranks=_ranks(report),
        above_floor=report.sure,
        verdict=report.verdict,
        notes=tuple(report.notes),
        few_classes=report.class_words,
        positive=report.positive if isinstance(report, Report) else "",
        decided=_decided(report),
        decision=tuple(report.decision_rows()) if isinstance(report, Report) else (),
    )


def _decided(report: AnyReport) -> str:
    """Say what a yes of the bundle's threshold means; empty where it has none."""
    if not isinstance(report, Report) or not report.decision:
        return ""
    return f"{report.positive}, from {report.decision['threshold']:.3f} on"


def _ranks(report: AnyReport) -> bool:
    """Tell whether the interval of the macro AUROC lies above guessing."""
    interval = find_interval(report.intervals, "metrics", "macro_auroc")
    return interval is not None and interval[0] > GUESSED_AUROC


def _floors(report: AnyReport) -> tuple[str, ...]:
    """Name the floors; of one source the source-only floor is the majority's, told once."""
    if not isinstance(report, Report):
        return ("source-only floor",)
    return FLOORS[:1] if len(report.sources) == 1 else FLOORS


def _always(report: AnyReport) -> str:
    """Return the class that the majority floor answers."""
    if not isinstance(report, Report):
        return ""
    return report.names[report.floors["majority"]["label"]]


def _at_chance(report: AnyReport) -> bool:
    """Tell whether guessing reaches as much: it lies within the interval, or above it."""
    single = isinstance(report, Report)
    key = "balanced_accuracy" if single else "macro_auroc"
    interval = find_interval(report.intervals, "metrics", key)
    chance = 1 / len(report.names) if single else GUESSED_AUROC
    return interval is not None and interval[0] <= chance
