"""What reports of either task say alike: too few groups, what intervals are, what JSON ends with.

The fields that both reports have in, words and plain JSON out; counts nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cxr_fastai.core import FolderWarning
from cxr_fastai.evaluation.distinct import Counted, distinct_numbers
from cxr_fastai.evaluation.too_few import are_too_few, class_words
from cxr_fastai.intervals.interval_trees import (
    IntervalTree,
    find_interval,
    interval_kinds,
    is_above_zero,
)
from cxr_fastai.reporting.text import interval_words

__all__ = ["DOUBT", "ReportParts", "joined_parts", "not_above"]

DOUBT = ": the interval includes 0, with other patients there may be no gain"


def not_above(
    does: str,  # what a model that only recognises the source would do as well
) -> str:
    """Say that a model is not above the source-only floor."""
    return (
        "not above the source-only floor: a model that only recognises the source would "
        f"{does} as well"
    )


def joined_parts(parts: Iterable[Sequence[str]]) -> str:
    """Join the parts of a text, each of lines, with a blank line between; empty ones go."""
    return "\n\n".join("\n".join(lines) for lines in parts if lines)


class ReportParts:
    """What a report says of its groups and intervals, and the JSON that both reports share."""

    names: dict[str, str]  # class or finding slug -> name to show
    notes: list[str]
    training_warnings: list[FolderWarning]
    about: dict[str, str]
    intervals: IntervalTree
    groups: int
    class_groups: dict[str, int]
    resamples: int
    seed: int
    distinct: Counted | None

    @property
    def above_floor(self) -> bool:
        """Whether the model is above the source-only floor."""
        raise NotImplementedError

    @property
    def too_few(self) -> bool:
        """Whether there are too few groups for a verdict."""
        return are_too_few(self.groups)

    @property
    def class_words(self) -> str:
        """Which classes or findings have too few groups; empty where all have enough."""
        named = {self.names[slug]: n for slug, n in self.class_groups.items()}
        return class_words(named, self.groups)

    @property
    def sure(self) -> bool:
        """Whether the interval of the gain over the source-only floor lies above 0.

        Never where groups are too few.
        """
        if self.too_few or not self.above_floor:
            return False
        return is_above_zero(find_interval(self.intervals, "gain"))

    @property
    def interval_words(self) -> str:
        """What the intervals are; empty where there are none."""
        return interval_words(self.groups, self.resamples) if self.resamples else ""

    def _shared_dict(self) -> dict[str, object]:
        """Return what both reports tell of their groups, intervals and notes, as strict JSON."""
        return {
            "above_source_only_floor": self.above_floor,
            "intervals": self.intervals,
            "interval_kinds": interval_kinds(self.intervals),
            "groups": self.groups,
            "groups_by_class": self.class_groups,
            "too_few": self.too_few,
            "resamples": self.resamples,
            "seed": self.seed,
            "distinct": distinct_numbers(self.distinct),
            "notes": self.notes,
            "training_warnings": [warning.to_dict() for warning in self.training_warnings],
            "about": self.about,
        }
