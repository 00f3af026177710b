"""What `evaluate` says of a multi-label bundle.

Its predictions and a manifest's rows in, a FindingsReport out: text, a page, pictures, strict
JSON; answers no image itself, writes no file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from cxr_fastai.bundle.coverage import CoverageReport
from cxr_fastai.core import FolderWarning
from cxr_fastai.evaluation.cells import Cell, cell, row_cells
from cxr_fastai.evaluation.closer_look import CloserLook
from cxr_fastai.evaluation.curve_plots import pictures_of
from cxr_fastai.evaluation.distinct import Counted
from cxr_fastai.evaluation.films_shown import FilmsShown
from cxr_fastai.evaluation.folder_audit import FolderAudit
from cxr_fastai.evaluation.gate_alarms import GateAlarms
from cxr_fastai.evaluation.multi_label import (
    SOURCE_KEYS,
    FindingMetrics,
    FindingsMetrics,
    FindingSourceMetrics,
)
from cxr_fastai.evaluation.multi_label_counts import SCORE_KEYS
from cxr_fastai.evaluation.multi_label_floors import FindingsFloors
from cxr_fastai.evaluation.multi_label_intervals import headline_groups, resampled_findings
from cxr_fastai.evaluation.multi_label_panels import roc_panels
from cxr_fastai.evaluation.multi_label_tables import (
    answering_text,
    averages_text,
    headline_text,
    ranking_text,
)
from cxr_fastai.evaluation.multi_label_words import (
    HEADLINE,
    exact_words,
    samples_words,
    verdict_words,
)
from cxr_fastai.evaluation.notes import training_words
from cxr_fastai.evaluation.pixel_floor import PixelFloor
from cxr_fastai.evaluation.plots import roc_png, together_png
from cxr_fastai.evaluation.predictions import Predictions, Row
from cxr_fastai.evaluation.report_parts import ReportParts, joined_parts
from cxr_fastai.evaluation.resampled import ResampledNumber, collect_resampled
from cxr_fastai.evaluation.too_few import (
    opening_words,
    verdict_instead,
)
from cxr_fastai.intervals.bootstrap import Resampling
from cxr_fastai.intervals.interval_trees import (
    IntervalTree,
    branch,
    find_interval,
)
from cxr_fastai.recipes import NONE
from cxr_fastai.reporting.html import data_uri, render
from cxr_fastai.reporting.text import count, decimal, wrap

__all__ = ["FindingsReport"]

RANKING_KEYS = ("prevalence", "auroc", "ap")
ANSWER_KEYS = ("precision", "recall", "specificity", "f1")
CLASS_PERCENT_KEYS = ("prevalence",)  # specificity stands between precision, recall and F1


@dataclass(frozen=True)
class FindingsReport(ReportParts):
    """What `evaluate` found of a multi-label bundle.

    Prints as tables, shows as html in a notebook.
    """

    metrics: FindingsMetrics
    floors: FindingsFloors
    sources: dict[str, FindingSourceMetrics]
    n: int  # images
    split: str
    names: dict[str, str]  # finding slug -> name to show, in vocab order
    predictions: Predictions = field(repr=False, compare=False)  # targs and preds are (n, c)
    title: str = ""  # of the folder's recipe
    notes: list[str] = field(default_factory=list)  # what a reader must know beside the numbers
    training_warnings: list[FolderWarning] = field(default_factory=list)  # that the bundle carries
    about: dict[str, str] = field(default_factory=dict)  # what was evaluated on what
    intervals: IntervalTree = field(default_factory=dict)  # of findings_intervals
    groups: int = 0  # patients, or radiographs of unknown ones: what the intervals resample
    class_groups: dict[str, int] = field(
        default_factory=dict
    )  # slug -> groups, of the smaller side
    resamples: int = 0
    seed: int = 0
    headline_keys: list[str] = field(default_factory=list)  # of HEADLINE; empty: all of it
    # over each radiograph once, where some of an official test set are shown again
    distinct: Counted | None = field(default=None, repr=False)
    # what prediction sets keep of their promise, where a coverage was asked for
    coverage: CoverageReport | None = field(default=None, repr=False)
    # what gray squares reach on the same images, or why that is not there
    pixels: PixelFloor | None = field(default=None, repr=False)
    why_no_pixels: str = ""
    closer: CloserLook | None = field(default=None, repr=False, compare=False)
    films: FilmsShown | None = field(default=None, repr=False, compare=False)
    audit: FolderAudit | None = field(default=None, repr=False, compare=False)
    gate: GateAlarms | None = field(default=None, repr=False, compare=False)

    picture = "roc.png"  # what a file of to_png is called

    # ---- what it says

    @property
    def above_floor(self) -> bool:
        """Whether findings are ranked better than by the source alone."""
        return self._gain is not None and self._gain > 0

    @property
    def opening(self) -> str:
        """What the report opens with where groups are too few; empty where they are enough."""
        is_ranked = self.metrics["macro_auroc"] is not None
        key = "macro_auroc" if is_ranked else "exact"
        name = "macro AUROC" if is_ranked else "the share of images all right"
        number = cell(self.metrics, key, find_interval(self.intervals, "metrics", key))
        return opening_words(name, number, self.groups)

    @property
    def is_judged(self) -> bool:
        """Whether the verdict is said: not of too few groups, unless nothing is defined."""
        return not self.too_few or self._gain is None

    @property
    def _gain(self) -> float | None:
        """Macro AUROC beyond that of the source-only floor."""
        model = self.metrics["macro_auroc"]
        floor = self.floors["source_only"]["macro_auroc"]
        return None if model is None or floor is None else model - floor

    @property
    def verdict(self) -> str:
        """Macro AUROC beside the source-only floor, in words."""
        if not self.is_judged:
            return verdict_instead(self.groups)
        floor = self.floors["source_only"]["macro_auroc"]
        return verdict_words(self._gain, floor, find_interval(self.intervals, "gain"))

    @property
    def exact_words(self) -> tuple[bool, str]:
        """Whether more images are right than with no finding answered at all, and that in words."""
        interval = find_interval(self.intervals, "metrics", "exact")
        return exact_words(self.metrics, self.floors, interval)

    @property
    def all_fixed(self) -> bool:
        """Whether validation fixed the threshold of every finding."""
        return all(numbers["fixed"] for numbers in self.metrics["per_class"].values())

    @property
    def any_fixed(self) -> bool:
        """Whether validation fixed the threshold of some finding."""
        return any(numbers["fixed"] for numbers in self.metrics["per_class"].values())

    @property
    def samples_words(self) -> str:
        """What the samples averages can reach; empty where that is 1, or where there are none."""
        return samples_words(self.metrics)

    @property
    def n_present(self) -> int:
        """Findings that images have, all together."""
        return sum(numbers["support"] for numbers in self.metrics["per_class"].values())

    @property
    def n_answered(self) -> int:
        """Findings that were answered, all together."""
        return sum(numbers["answered"] for numbers in self.metrics["per_class"].values())

    @property
    def summary(self) -> str:
        """Split, images, findings, sources."""
        n_present = sum(numbers["support"] > 0 for numbers in self.metrics["per_class"].values())
        counts = [
            count(self.n, "image"),
            f"{count(len(self.names), 'finding')} ({n_present} of them present)",
            count(len(self.sources), "source"),
        ]
        return f"{self.split_words}: {', '.join(counts)}"

    # ---- rows of its tables

    def headline(
        self,
        none: str = "-",
    ) -> list[tuple[str, str, list[Cell]]]:  # name, meaning, model and floors
        """Return each headline number beside its source-only and pixel floor."""
        floor = self.floors["source_only"]
        rows = []
        for key in self.headline_keys or HEADLINE:
            name, meaning = HEADLINE[key]
            interval = find_interval(self.intervals, "metrics", key)
            floor_interval = find_interval(self.intervals, "floors", "source_only", key)
            cells = [
                cell(self.metrics, key, interval, none),
                cell(floor, key, floor_interval, none),
            ]
            if self.pixels:
                cells.append(self.pixel_cell(key, none))
            rows.append((f"{name}{self._of_how_many(key)}", meaning, cells))
        return rows

    def _of_how_many(
        self,
        key: str,  # of HEADLINE
    ) -> str:
        """Say of how many findings a mean is, where that is not all of them."""
        if not key.startswith(("macro", "weighted")):
            return ""
        n = self.metrics["of"][key]
        return "" if n == len(self.names) else f", of {n} findings"

    def ranking(
        self,
        none: str = "-",
    ) -> list[tuple[str, int, int, list[Cell]]]:  # slug, images, images with it, cells
        """Return prevalence, AUROC, AP and the source-only floor's AUROC of each finding."""
        floors = self.floors["source_only"]["per_class"]
        rows = []
        for slug, numbers in self.metrics["per_class"].items():
            cells = self._class_cells(slug, numbers, RANKING_KEYS, none)
            path = ("floors", "source_only", "per_class", slug, "auroc")
            interval = find_interval(self.intervals, *path)
            cells.append(cell(floors[slug], "auroc", interval, none))
            if self.pixels:
                aurocs = {"auroc": self.pixels.chosen.per_class[slug]}
                cells.append(cell(aurocs, "auroc", None, none))
            rows.append((slug, numbers["n"], numbers["support"], cells))
        return rows

    def answering(
        self,
        none: str = "-",
    ) -> list[tuple[str, str, int, list[Cell]]]:  # slug, threshold, images answered, cells
        """Return precision, recall, specificity and F1 of each finding.

        A threshold that validation did not fix stands in brackets.
        """
        rows = []
        for slug, numbers in self.metrics["per_class"].items():
            threshold = decimal(numbers["threshold"])
            if not numbers["fixed"]:
                threshold = f"({threshold})"
            cells = self._class_cells(slug, numbers, ANSWER_KEYS, none)
            rows.append((slug, threshold, numbers["answered"], cells))
        return rows

    def _class_cells(
        self,
        slug: str,  # of the finding
        numbers: FindingMetrics,  # of the finding
        keys: tuple[str, ...],  # of `numbers`
        none: str,  # what stands where there is no number
    ) -> list[Cell]:
        """Return numbers of a finding as cells of a table."""
        tree = branch(self.intervals, "metrics", "per_class", slug)
        return row_cells(numbers, keys, tree, none, CLASS_PERCENT_KEYS)

    def averages(
        self,
        none: str = "-",
    ) -> list[tuple[str, list[Cell]]]:  # average; precision, recall and F1
        """Return the averages over findings and images."""
        rows = []
        for name, numbers in self.metrics["averages"].items():
            tree = branch(self.intervals, "metrics", "averages", name)
            cells = row_cells(numbers, SCORE_KEYS, tree, none)
            rows.append((name, cells))
        return rows

    def by_source(
        self,
        none: str = "-",
    ) -> list[tuple[str, FindingSourceMetrics, list[Cell]]]:  # source, numbers, SOURCE_KEYS
        """Return macro AUROC, micro F1 and the share of images all right of each source."""
        rows = []
        for source, numbers in self.sources.items():
            tree = branch(self.intervals, "by_source", source)
            cells = row_cells(numbers, SOURCE_KEYS, tree, none)
            rows.append((source, numbers, cells))
        return rows

    def resampled_numbers(
        self,
        resampling: Resampling,  # of the groups of these images
    ) -> dict[str, ResampledNumber]:
        """Return what can be told beside other models on the same images, by key."""
        found = self.predictions
        vocab = list(self.names)
        counts = resampled_findings(resampling, found.targs, found.probs, vocab, found.preds)
        keys = self.headline_keys or HEADLINE
        intervals = branch(self.intervals, "metrics")
        groups = headline_groups(resampling, found.targs)
        return collect_resampled(keys, self.metrics, intervals, counts.headline, groups)

    # ---- forms

    def to_dict(self) -> dict[str, object]:
        """Return everything, as strict JSON.

        `vocab` is the order of the rows and columns of `together`.
        """
        return {
            "split": self.split,
            "n": self.n,
            "vocab": list(self.names),
            "names": self.names,
            "title": self.title,
            "metrics": self.metrics,
            "floors": {**self.floors, "pixels": self._pixel_dict()},
            "by_source": self.sources,
            **self._shared_dict(),
        }

    def __str__(self) -> str:
        _, exact = self.exact_words
        sentences: list[str] = []
        verdict = f"Macro AUROC is {self.verdict}." if self.is_judged else ""
        for sentence in (verdict, self.pixel_words, exact, *self.notes):
            sentences.extend(wrap(sentence))
        parts = [
            training_words(self.training_warnings),
            wrap(self.opening),
            self.audit_lines,
            wrap(self.summary),
            headline_text(self.headline()),
            sentences,
            ranking_text(self.ranking(), self.names),
            answering_text(self.answering(), self.names),
            wrap(self.class_words),
            averages_text(self.averages()),
            wrap(self.samples_words),
            self.closer_lines,
            self.coverage_lines,
            wrap(self.interval_words),
        ]
        return joined_parts(parts)

    def to_html(
        self,
        page: bool = True,  # a whole page with its pictures; False: the tables alone
    ) -> str:
        """Return self-contained html: inline style, pictures inside, no script, nothing fetched."""
        pictures: Mapping[str, str] = {}
        if page:
            own = {"roc": data_uri(self.to_png()), "together": data_uri(self._together_png())}
            pictures = {**pictures_of(self.closer), **own}
        return render(
            "evaluation",
            "findings.html",
            page=page,
            r=self,
            about=self.about,
            pictures=pictures,
        )

    def _repr_html_(self) -> str:
        """Return the page's body, which a notebook shows."""
        return self.to_html(page=False)

    def to_png(self) -> bytes:
        """Draw an ROC curve a finding."""
        intervals = branch(self.intervals, "metrics", "per_class")
        found = self.predictions
        bands = {curve.slug: curve.roc for curve in self.closer.curves} if self.closer else {}
        panels = roc_panels(self.metrics, self.names, intervals, found, bands)
        return roc_png(panels, self.summary)

    def _together_png(self) -> bytes:
        """Draw which findings come together, as they are present and as they are answered."""
        together = self.metrics["together"]
        counts = {"present": together["present"], "answered": together["answered"]}
        return together_png(counts, list(self.names.values()))

    def prediction_table(self) -> tuple[list[Row], list[str]]:
        """Return the rows and columns of predictions.csv."""
        vocab = list(self.names)
        predicted = []
        for answers in self.predictions.preds:
            found = [slug for slug, yes in zip(vocab, answers) if yes]
            predicted.append("|".join(found) or NONE)
        return self.predictions.table(vocab, predicted)
