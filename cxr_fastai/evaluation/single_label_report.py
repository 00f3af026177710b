"""What `evaluate` says of a single-label bundle.

Its predictions and a manifest's rows in, a Report out: text, a page, a picture, strict JSON;
answers no image itself, writes no file.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import cast

import numpy as np

from cxr_fastai.bundle.coverage import CoverageReport
from cxr_fastai.core import FolderWarning
from cxr_fastai.evaluation.cells import (
    Cell,
    TableRow,
    cell,
    interval_text,
    number_text,
    row_cells,
    stacked_table,
)
from cxr_fastai.evaluation.closer_look import CloserLook
from cxr_fastai.evaluation.curve_plots import pictures_of
from cxr_fastai.evaluation.distinct import Counted
from cxr_fastai.evaluation.films_shown import FilmsShown
from cxr_fastai.evaluation.folder_audit import FolderAudit
from cxr_fastai.evaluation.gate_alarms import GateAlarms
from cxr_fastai.evaluation.notes import training_words
from cxr_fastai.evaluation.pixel_floor import PixelFloor
from cxr_fastai.evaluation.plots import confusion_png
from cxr_fastai.evaluation.predictions import Predictions, Row
from cxr_fastai.evaluation.report_parts import ReportParts, joined_parts
from cxr_fastai.evaluation.resampled import ResampledNumber, collect_resampled
from cxr_fastai.evaluation.single_label import (
    ClassificationMetrics,
    DecisionMetrics,
    FloorMetrics,
    SourceMetrics,
    positives_and_risk,
)
from cxr_fastai.evaluation.single_label_intervals import (
    MEAN_KEYS,
    classification_groups,
    decision_groups,
    resampled_decision,
    resampled_metrics,
)
from cxr_fastai.evaluation.single_label_words import verdict_words
from cxr_fastai.evaluation.too_few import (
    opening_words,
    side_words,
    verdict_instead,
)
from cxr_fastai.evaluation.triage import Triage
from cxr_fastai.evaluation.triage_words import triage_rows, triage_words
from cxr_fastai.intervals.bootstrap import Resampling
from cxr_fastai.intervals.interval_trees import (
    IntervalTree,
    branch,
    find_interval,
)
from cxr_fastai.reporting.html import data_uri, render
from cxr_fastai.reporting.text import count, table, with_span, wrap

__all__ = ["Report"]

HEADLINE = {  # key of metrics: its name, what it means; the order is that of recipes.METRICS
    "accuracy": ("accuracy", "Share of the images that were answered right."),
    "balanced_accuracy": (
        "balanced accuracy",
        "Mean recall of the classes that have images: a rare class counts as much as a common one.",
    ),
    "macro_f1": ("macro F1", "Mean F1 of the classes that have images; 1 is perfect."),
    "macro_auroc": (
        "macro AUROC",
        "Mean over the classes of the chance that an image of the class gets a higher probability "
        "for it than an image of another class; 0.5 is guessing.",
    ),
}
DECISION_KEYS = ("auroc", "accuracy", "sensitivity", "specificity", "ppv", "npv", "prevalence")
CAPITALS = {"auroc": "AUROC", "ppv": "PPV", "npv": "NPV"}  # the others are called as their keys
CLASS_KEYS = ("prevalence", "precision", "recall", "f1", "auroc")
COMPARED_DECISION_KEYS = ("auroc", "sensitivity", "specificity")


@dataclass(frozen=True)
class Report(ReportParts):
    """What `evaluate` found of a single-label bundle.

    Prints as a table, shows as html in a notebook.
    """

    metrics: ClassificationMetrics
    floors: FloorMetrics
    sources: dict[str, SourceMetrics]
    n: int  # images
    split: str
    names: dict[str, str]  # class slug -> name to show, in vocab order
    title: str = ""  # of the folder's recipe
    notes: list[str] = field(default_factory=list)  # what a reader must know beside the numbers
    training_warnings: list[FolderWarning] = field(default_factory=list)  # that the bundle carries
    about: dict[str, str] = field(default_factory=dict)  # what was evaluated on what
    decision: DecisionMetrics | None = None  # where the bundle decides by a threshold
    triage: Triage | None = None  # likewise
    intervals: IntervalTree = field(default_factory=dict)  # nested as in to_dict; and gain
    groups: int = 0  # patients, or radiographs of unknown ones: what the intervals resample
    side_groups: dict[str, int] = field(default_factory=dict)  # of the decision: positive, negative
    class_groups: dict[str, int] = field(default_factory=dict)  # slug -> groups that have the class
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
    predictions: Predictions | None = field(default=None, repr=False, compare=False)

    picture = "confusion.png"  # what a file of to_png is called

    # ---- what it says

    @property
    def above_floor(self) -> bool:
        """Whether more images are answered right than the source-only floor answers right."""
        return self._gain > 0

    @property
    def opening(self) -> str:
        """What the report opens with where groups are too few; empty where they are enough."""
        interval = find_interval(self.intervals, "metrics", "accuracy")
        return opening_words("accuracy", cell(self.metrics, "accuracy", interval), self.groups)

    @property
    def side_words(self) -> str:
        """Which side of the decision has too few groups; empty where both have enough."""
        names = {"positive": self.positive, "negative": "the others"}
        sides = {names[side]: n for side, n in self.side_groups.items()}
        return side_words(sides, self.groups)

    @property
    def _gain(self) -> int:
        """Images answered right beyond what the source-only floor answers right."""
        floor = self.floors["source_only"]["accuracy"]
        return round((self.metrics["accuracy"] - floor) * self.n)

    @property
    def verdict(self) -> str:
        """Accuracy beside the source-only floor, in words."""
        if self.too_few:
            return verdict_instead(self.groups)
        return verdict_words(self._gain, self.n, find_interval(self.intervals, "gain"))

    @property
    def summary(self) -> str:
        """Split, images, classes that have images, sources."""
        n_classes = sum(numbers["support"] > 0 for numbers in self.metrics["per_class"].values())
        counts = [
            count(self.n, "image"),
            count(n_classes, "class", "classes"),
            count(len(self.sources), "source"),
        ]
        return f"{self.split_words}: {', '.join(counts)}"

    @property
    def n_mistaken(self) -> int:
        """Images that were answered as another class than their own."""
        counts = np.array(self.metrics["confusion"])
        return int(counts.sum() - np.trace(counts))

    @property
    def positive(self) -> str:
        """What a yes of the decision means; empty where the bundle decides nothing."""
        return f"not {self.names[self.decision['negative']]}" if self.decision else ""

    # ---- rows of its tables

    def headline(
        self,
        none: str = "-",
    ) -> list[tuple[str, str, list[Cell]]]:  # name, meaning, model and floors
        """Return each headline number beside its majority, source-only and pixel floor."""
        rows = []
        for key in self.headline_keys or HEADLINE:
            name, meaning = HEADLINE[key]
            interval = find_interval(self.intervals, "metrics", key)
            cells = [
                cell(self.metrics, key, interval, none),
                self._floor_cell("majority", key, none),
                self._floor_cell("source_only", key, none),
            ]
            if self.pixels:
                cells.append(self.pixel_cell(key, none))
            rows.append((name, meaning, cells))
        return rows

    def _floor_cell(
        self,
        floor: str,  # majority | source_only
        key: str,  # of HEADLINE
        none: str,  # what stands where there is no number
    ) -> Cell:
        """Return a headline number of one of the two floors."""
        numbers = self.floors["majority"] if floor == "majority" else self.floors["source_only"]
        return cell(numbers, key, find_interval(self.intervals, "floors", floor, key), none)

    def decision_rows(
        self,
        none: str = "-",
    ) -> list[tuple[str, str, str, str]]:  # name, value, interval, of how many images
        """Return the yes or no that the bundle's threshold decides; empty where it has none."""
        if not self.decision:
            return []
        rows = []
        for key in DECISION_KEYS:
            value = cast("float | None", self.decision.get(key))
            interval = find_interval(self.intervals, "decision", key)
            rows.append(
                (
                    CAPITALS.get(key, key),
                    number_text(value, key, none),
                    interval_text(interval, key, none),
                    f"{self.decision['of'][key]:,}",
                )
            )
        return rows

    def class_rows(
        self,
        none: str = "-",
    ) -> list[tuple[str, int, list[Cell]]]:  # slug, images, CLASS_KEYS
        """Return the numbers of each class."""
        rows = []
        for slug, numbers in self.metrics["per_class"].items():
            tree = branch(self.intervals, "metrics", "per_class", slug)
            cells = row_cells(numbers, CLASS_KEYS, tree, none)
            rows.append((slug, numbers["support"], cells))
        return rows

    def triage_words(self) -> list[tuple[bool, str]]:
        """Return sentences of the worklist, each with whether all is as it should be."""
        if not self.triage:
            return []
        return triage_words(self.triage, branch(self.intervals, "triage"), self.positive, self.n)

    def triage_rows(
        self,
        none: str = "-",  # what stands where there is no number
    ) -> list[tuple[str, ...]]:
        """Return the table of the worklist's thresholds; empty where none was fixed."""
        if not self.triage:
            return []
        return triage_rows(self.triage, branch(self.intervals, "triage"), none)

    def resampled_numbers(
        self,
        resampling: Resampling,  # of the groups of these images
    ) -> dict[str, ResampledNumber]:
        """Return what can be told beside other models on the same images, by key."""
        if self.predictions is None:
            return {}
        targs, probs = self.predictions.targs, self.predictions.probs
        vocab = list(self.names)
        counted = resampled_metrics(resampling, targs, probs, vocab, self.predictions.preds)
        intervals = branch(self.intervals, "metrics")
        groups = classification_groups(resampling, targs, vocab)
        found = collect_resampled(MEAN_KEYS, self.metrics, intervals, counted, groups)
        if self.decision:
            negative, threshold = self.decision["negative"], self.decision["threshold"]
            counted = resampled_decision(resampling, targs, probs, vocab, negative, threshold)
            intervals = branch(self.intervals, "decision")
            positive, _ = positives_and_risk(targs, probs, vocab, negative)
            groups = decision_groups(resampling, positive)
            keys = COMPARED_DECISION_KEYS
            found.update(collect_resampled(keys, self.decision, intervals, counted, groups))
        return found

    # ---- forms

    def to_dict(self) -> dict[str, object]:
        """Return everything, as strict JSON.

        `vocab` is the order of the rows and columns of `confusion`.
        """
        return {
            "split": self.split,
            "n": self.n,
            "vocab": list(self.names),
            "names": self.names,
            "title": self.title,
            "metrics": self.metrics,
            "decision": self.decision or {},
            "triage": self.triage or {},
            "floors": {**self.floors, "pixels": self._pixel_dict()},
            "by_source": self.sources,
            "groups_by_side": self.side_groups,
            **self._shared_dict(),
        }

    def __str__(self) -> str:
        verdict = [] if self.too_few else [f"Accuracy is {self.verdict}."]
        parts = [
            training_words(self.training_warnings),
            wrap(self.opening),
            self.audit_lines,
            [self.summary],
            self._headline_text(),
            [*verdict, *wrap(self.pixel_words), *self.notes],
            self._decision_text(),
            wrap(self.side_words),
            self._triage_text(),
            self._class_text(),
            wrap(self.class_words),
            self.closer_lines,
            self.coverage_lines,
            wrap(self.interval_words),
        ]
        return joined_parts(parts)

    def _headline_text(self) -> list[str]:
        """Return the headline numbers beside their floors, as lines."""
        rows = [["", "model", "majority floor", "source-only floor"]]
        if self.pixels:
            rows[0].append("pixel floor")
        for name, _, cells in self.headline():
            rows.append([name, *[with_span(*each) for each in cells]])
        return table(rows)

    def _decision_text(self) -> list[str]:
        """Return the numbers at the threshold, as lines; none without one."""
        if not self.decision:
            return []
        yes = f"{self.positive}, from {self.decision['threshold']:.3f} on"
        return table([(yes, "value", "95 % interval", "of n"), *self.decision_rows()])

    def _triage_text(self) -> list[str]:
        """Return what a worklist would do, as lines."""
        lines: list[str] = []
        for _, sentence in self.triage_words():
            lines.extend(wrap(sentence))
        rows = self.triage_rows()
        if lines and rows:
            lines.extend(["", *table(rows)])
        return lines

    def _class_text(self) -> list[str]:
        """Return the numbers of each class, as lines."""
        header = ("class", "n", "prevalence", "precision", "recall", "F1", "AUROC")
        rows = []
        for slug, n, cells in self.class_rows():
            rows.append(TableRow((self.names[slug], f"{n:,}"), cells))
        return stacked_table(header, rows)

    def to_html(
        self,
        page: bool = True,  # a whole page with the confusion matrix; False: the tables alone
    ) -> str:
        """Return self-contained html: inline style, pictures inside, no script, nothing fetched."""
        pictures: dict[str, str] = {}
        if page:
            pictures = {"confusion": data_uri(self.to_png()), **pictures_of(self.closer)}
        return render(
            "evaluation", "report.html", page=page, r=self, about=self.about, pictures=pictures
        )

    def _repr_html_(self) -> str:
        """Return the page's body, which a notebook shows."""
        return self.to_html(page=False)

    def to_png(self) -> bytes:
        """Draw which classes are taken for which."""
        return confusion_png(self.metrics["confusion"], list(self.names.values()), self.summary)

    def prediction_table(self) -> tuple[list[Row], list[str]]:
        """Return the rows and columns of predictions.csv; none where no answers are held."""
        if self.predictions is None:
            return [], []
        vocab = list(self.names)
        return self.predictions.table(vocab, [vocab[int(i)] for i in self.predictions.preds])
