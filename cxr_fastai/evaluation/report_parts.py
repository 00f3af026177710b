"""What reports of either task say alike: too few groups, what intervals are, what JSON ends with.

The fields that both reports have in, words and plain JSON out; counts nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cxr_fastai.bundle.coverage import CoverageReport
from cxr_fastai.core import FolderWarning
from cxr_fastai.evaluation.cells import Cell, cell
from cxr_fastai.evaluation.closer_look import CloserLook
from cxr_fastai.evaluation.distinct import Counted, distinct_numbers
from cxr_fastai.evaluation.films_shown import FilmsShown
from cxr_fastai.evaluation.folder_audit import FolderAudit
from cxr_fastai.evaluation.gate_alarms import GateAlarms
from cxr_fastai.evaluation.pixel_floor import PixelFloor
from cxr_fastai.evaluation.too_few import are_too_few, class_words
from cxr_fastai.evaluation.unseen import ALL_SPLITS
from cxr_fastai.intervals.interval_trees import (
    IntervalTree,
    branch,
    find_interval,
    interval_kinds,
    is_above_zero,
)
from cxr_fastai.reporting.text import decimal, interval_words, wrap

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
    coverage: CoverageReport | None
    split: str
    pixels: PixelFloor | None
    why_no_pixels: str
    closer: CloserLook | None
    films: FilmsShown | None
    audit: FolderAudit | None
    gate: GateAlarms | None

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

    @property
    def split_words(self) -> str:
        """Which images were scored: test split, or all splits."""
        return "all splits" if self.split == ALL_SPLITS else f"{self.split} split"

    @property
    def pixel_words(self) -> str:
        """What gray squares reach and whether the model is shown to beat them, or why not asked."""
        if self.pixels is not None:
            return self.pixels.words
        return f"No pixel floor: {self.why_no_pixels}." if self.why_no_pixels else ""

    @property
    def beats_pixels(self) -> bool:
        """Whether the model is shown to beat gray squares; never where groups are too few."""
        return self.pixels is not None and self.pixels.is_beaten and not self.too_few

    @property
    def closer_lines(self) -> list[str]:
        """What a closer look shows, as lines of text; empty without one."""
        if self.closer is None:
            return []
        lines = wrap(self.closer.calibration_words)
        return [*lines, *wrap(self.closer.subgroup_words)]

    @property
    def closer_ways(self) -> list[tuple[str, str, str]]:  # section, number, what it is of
        """The ways from a page's top to the sections of the closer look that it has."""
        if self.closer is None:
            return []
        n_curves = len(self.closer.curves)
        n_benefits = len(self.closer.benefits)
        n_subgroups = len(self.closer.subgroups.rows)
        ece = decimal(self.closer.reliability.after.ece)
        found = [
            ("curves", f"{n_curves:,}", "ROC curve" if n_curves == 1 else "ROC curves"),
            ("calibration", ece, "mean error of probabilities"),
            ("benefit", f"{n_benefits:,}", "net benefit" if n_benefits == 1 else "net benefits"),
            ("subgroups", f"{n_subgroups:,}", "subgroup" if n_subgroups == 1 else "subgroups"),
        ]
        if self.films is not None:
            n = len(self.films.mistakes)
            found.append(("films", f"{n:,}", f"{'mistake' if n == 1 else 'mistakes'} to look at"))
        empty = {"curves": not n_curves, "benefit": not n_benefits}
        return [way for way in found if not empty.get(way[0], False)]

    @property
    def audit_lines(self) -> list[str]:
        """What the audit says of this folder, as lines of text; empty where it was not asked."""
        return wrap(self.audit.says.replace("`", "")) if self.audit else []

    @property
    def pixel_intervals(self) -> IntervalTree:
        """The intervals of the pixel floor, nested as its numbers are."""
        return self.pixels.interval_tree() if self.pixels else {}

    def pixel_cell(
        self,
        key: str,  # of the headline
        none: str = "-",
    ) -> Cell:
        """Return a headline number of the pixel floor; of a table's last column."""
        if self.pixels is None:
            return Cell(none, "")
        chosen = self.pixels.chosen
        return cell(chosen.values, key, chosen.intervals.get(key), none)

    @property
    def coverage_lines(self) -> list[str]:
        """What prediction sets keep of their promise; empty where no coverage was asked for."""
        return self.coverage.lines() if self.coverage else []

    def _shared_dict(self) -> dict[str, object]:
        """Return what both reports tell of their groups, intervals and notes, as strict JSON."""
        asked = {"coverage": self.coverage.to_dict()} if self.coverage else {}
        intervals = self._all_intervals()
        return {
            **asked,
            "shown_above_pixel_floor": self.beats_pixels,
            "audit": self.audit.to_dict() if self.audit else {},
            "gate": self.gate.to_dict() if self.gate else {},
            "films": self.films.to_dict() if self.films else {},
            **(self.closer.to_dict() if self.closer else {}),
            "above_source_only_floor": self.above_floor,
            "intervals": intervals,
            "interval_kinds": interval_kinds(intervals),
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

    def _all_intervals(self) -> IntervalTree:
        """Return the intervals with those of the pixel floor."""
        if self.pixels is None:
            return self.intervals
        floors = {**branch(self.intervals, "floors"), "pixels": self.pixel_intervals}
        return {**self.intervals, "floors": floors}

    def _pixel_dict(self) -> dict[str, object]:
        """Return the pixel floor, or why there is none, as strict JSON."""
        return self.pixels.to_dict() if self.pixels else {"why_not": self.why_no_pixels}
