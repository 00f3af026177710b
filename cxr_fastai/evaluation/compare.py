"""Several models on the same images, in one table.

Their reports in, a Comparison out: each number with its interval, and how far each model is from
the first, paired: in the same resamples, so that images which are hard for all weigh on none.
Answers no image again, writes no file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypedDict

from cxr_fastai.core import UsageError
from cxr_fastai.evaluation.build_report import AnyReport
from cxr_fastai.evaluation.cells import (
    PERCENT_KEYS,
    Cell,
    TableRow,
    interval_text,
    number_text,
    stacked_table,
)
from cxr_fastai.evaluation.multi_label_report import FindingsReport
from cxr_fastai.evaluation.pixel_floor import PixelFloor
from cxr_fastai.evaluation.predictions import Predictions
from cxr_fastai.evaluation.resampled import ResampledNumber, difference_interval
from cxr_fastai.evaluation.single_label_report import Report
from cxr_fastai.evaluation.too_few import are_too_few, opening_words
from cxr_fastai.evaluation.unseen import ALL_SPLITS
from cxr_fastai.intervals.bootstrap import Resampling
from cxr_fastai.intervals.interval_trees import Interval, interval_kinds
from cxr_fastai.reporting.html import render
from cxr_fastai.reporting.text import count, interval_words, percent, wrap

__all__ = ["Comparison", "ModelNumbers", "compare"]

CAPITALS = {"auroc": "AUROC", "ap": "AP", "f1": "F1"}
DIFFERENCE_WORDS = (
    "Differences are paired: all models answer the same resamples. Where an interval includes 0, "
    "these images do not tell the two apart; where it does not, another training run still may."
)


class ModelNumbers(TypedDict):
    """Numbers of a model, by key of a metric. Their intervals tell their kind: `interval_kinds`."""

    values: dict[str, float | None]
    intervals: dict[str, Interval]
    differences: dict[str, float]  # to the first model, where both have the number
    difference_intervals: dict[str, Interval]


@dataclass(frozen=True)
class Comparison:
    """What `compare` found. Prints as tables, shows as html in a notebook."""

    models: dict[str, ModelNumbers]  # by name
    first: str  # the model that the others are compared with
    columns: list[str]  # keys that the table shows
    split: str
    title: str
    n: int
    prevalence: dict[str, float | None]  # of each class, by the name to show; None where unknown
    groups: int
    resamples: int
    seed: int
    floor: str = ""  # name of the pixel floor among the models; empty: there is none
    few_words: tuple[str, ...] = ()  # of the first report: which sides or classes have few groups

    @property
    def too_few(self) -> bool:
        """Whether there are too few groups for a verdict."""
        return are_too_few(self.groups)

    @property
    def opening(self) -> str:
        """What the tables open with where groups are too few; empty where they are enough."""
        if not self.columns:
            return ""
        name = f"{self.header()[0]} of {self.first}"
        _, cells = self.rows()[0]
        return opening_words(name, cells[0], self.groups)

    @property
    def summary(self) -> str:
        """Split, images, prevalences, models."""
        classes = [f"{percent(share)} {name}" for name, share in self.prevalence.items()]
        images = f"{count(self.n, 'image')} ({', '.join(classes)})"
        n_models = len(self.models) - bool(self.floor)
        return f"{self.split_words}: {images}, {count(n_models, 'model')}"

    @property
    def split_words(self) -> str:
        """Which images were scored: test split, or all splits."""
        return "all splits" if self.split == ALL_SPLITS else f"{self.split} split"

    @property
    def words(self) -> list[str]:
        """What the intervals, and those of the differences, are.

        Where no difference has an interval, nothing is said of them.
        """
        words = [interval_words(self.groups, self.resamples)]
        if self._has_difference_intervals():
            words.insert(0, DIFFERENCE_WORDS)
        return [*self.few_words, *words]

    def _has_difference_intervals(self) -> bool:
        """Tell whether any difference to the first model has an interval.

        None has where all images belong to one group.
        """
        for name, numbers in self.models.items():
            if name != self.first and any(numbers["difference_intervals"].values()):
                return True
        return False

    def header(self) -> list[str]:
        """Return the names of the columns."""
        names = []
        for key in self.columns:
            words = [CAPITALS.get(word, word) for word in key.split("_")]
            names.append(" ".join(words))
        return names

    def rows(
        self,
        none: str = "-",  # what stands where there is no number
    ) -> list[tuple[str, list[Cell]]]:
        """Return the numbers of each model, a cell a column."""
        rows = []
        for name, numbers in self.models.items():
            cells = []
            for key in self.columns:
                value = number_text(numbers["values"].get(key), key, none)
                cells.append(Cell(value, interval_text(numbers["intervals"].get(key), key)))
            rows.append((name, cells))
        return rows

    def differences(
        self,
        none: str = "-",  # what stands where there is no number
    ) -> list[tuple[str, list[Cell]]]:
        """Return the differences of each model but the first, a cell a column."""
        rows = []
        for name, numbers in self.models.items():
            if name == self.first:
                continue
            cells = []
            for key in self.columns:
                value = _signed(numbers["differences"].get(key), key, none)
                between = numbers["difference_intervals"].get(key)
                cells.append(Cell(value, interval_text(between, key)))
            rows.append((name, cells))
        return rows

    def to_dict(self) -> dict[str, object]:
        """Return everything, as strict JSON."""
        return {
            "split": self.split,
            "title": self.title,
            "n": self.n,
            "prevalence": self.prevalence,
            "groups": self.groups,
            "resamples": self.resamples,
            "seed": self.seed,
            "too_few": self.too_few,
            "first": self.first,
            "pixel_floor": self.floor,
            "models": {name: _with_kinds(numbers) for name, numbers in self.models.items()},
        }

    def __str__(self) -> str:
        parts = [wrap(self.opening)] if self.opening else []
        parts += [wrap(self.summary), self._text(self.rows())]
        differences = self.differences()
        if differences:
            parts.append([f"Difference to {self.first}, of shares in points"])
            parts.append(self._text(differences))
        sentences: list[str] = []
        for words in self.words:
            sentences.extend(wrap(words))
        parts.append(sentences)
        return "\n\n".join("\n".join(lines) for lines in parts)

    def _text(
        self,
        rows: list[tuple[str, list[Cell]]],  # a name and a cell a column
    ) -> list[str]:
        """Return rows as a text table."""
        table_rows = [TableRow([name], cells) for name, cells in rows]
        return stacked_table(["model", *self.header()], table_rows)

    def to_html(
        self,
        page: bool = True,  # a whole page; False: the tables, to stand in another page
    ) -> str:
        """Return self-contained html."""
        return render("evaluation", "beside.html", page=page, b=self, about={})

    def _repr_html_(self) -> str:
        """Return the page's body, which a notebook shows."""
        return self.to_html(page=False)


def compare(
    reports: Mapping[str, AnyReport],  # by name, of the same split of the same folder
) -> Comparison:
    """Put models side by side; the others are compared with the first.

    Raises `UsageError` for reports of different images, and for those that hold no predictions to
    count again.
    """
    if not reports:
        raise UsageError("compare: no reports to compare: give a dict of name and Report.")
    first = next(iter(reports))
    base = reports[first]
    images = _predictions(first, base)
    for name, report in reports.items():
        _check_same_images(name, report, first, base)
    resampling = Resampling(images.groups, base.resamples, base.seed)
    numbers = {name: report.resampled_numbers(resampling) for name, report in reports.items()}
    models = {name: _model(own, numbers[first]) for name, own in numbers.items()}
    floor = ""
    if base.pixels is not None:
        floor = f"pixel floor, {base.pixels.squares}"
        models[floor] = _pixel_model(base.pixels)
    return Comparison(
        models=models,
        first=first,
        columns=_columns(list(numbers.values())),
        split=base.split,
        title=base.title,
        n=base.n,
        prevalence=_prevalence(base),
        groups=resampling.n_groups,
        resamples=base.resamples,
        seed=base.seed,
        floor=floor,
        few_words=_few_words(base),
    )


def _pixel_model(
    pixels: PixelFloor,  # of the first report
) -> ModelNumbers:
    """Return the pixel floor as a model; the first one's gain on it was paired already."""
    chosen = pixels.chosen
    differences = {key: -gain for key, gain in chosen.gains.items() if gain is not None}
    difference_intervals: dict[str, Interval] = {}
    for key in differences:
        between = chosen.gain_intervals[key]
        kind = type(between) if between is not None else list
        difference_intervals[key] = None if between is None else kind([-between[1], -between[0]])
    return ModelNumbers(
        values=dict(chosen.values),
        intervals=dict(chosen.intervals),
        differences=differences,
        difference_intervals=difference_intervals,
    )


def _few_words(
    report: AnyReport,  # its own
) -> tuple[str, ...]:
    """Return what a report says of sides and classes of few groups."""
    words = [report.class_words]
    if isinstance(report, Report):
        words.insert(0, report.side_words)
    return tuple(each for each in words if each)


def _prevalence(
    report: AnyReport,  # its own
) -> dict[str, float | None]:
    """Return the prevalence of each class, by the name to show."""
    found: dict[str, float | None] = {}
    for slug, numbers in report.metrics["per_class"].items():
        found[report.names[slug]] = numbers["prevalence"]
    return found


def _predictions(
    name: str,  # of a model
    report: AnyReport,  # its own
) -> Predictions:
    """Return what a report was counted from.

    Raises `UsageError` for what is no report, and for one that holds no predictions.
    """
    if not isinstance(report, (Report, FindingsReport)):
        raise UsageError(
            f"{name} is a {type(report).__name__}: expected a report, as `evaluate` returns it."
        )
    if report.predictions is None:
        raise UsageError(
            f"{name}: the report holds no answers to count again: take it as `evaluate` returns it."
        )
    return report.predictions


def _check_same_images(
    name: str,  # of a model
    report: AnyReport,  # its own
    first: str,  # name of the first model
    base: AnyReport,  # report of the first model
) -> None:
    """Raise `UsageError` where a report is of other images than the first."""
    own = _images(_predictions(name, report))
    if report.split != base.split or own != _images(_predictions(first, base)):
        raise UsageError(
            f"{name} was evaluated on other images ({report.split} split, {report.n:,}) than "
            f"{first} ({base.split} split, {base.n:,}): evaluate both on the same split of one "
            "folder."
        )


def _images(predictions: Predictions) -> list[tuple[str, str, str]]:
    """Return (path, label, group) of each image: what all reports must share."""
    return [(row["path"], row["label"], row["group"]) for row in predictions.rows]


def _model(
    numbers: Mapping[str, ResampledNumber],
    base: Mapping[str, ResampledNumber],  # of the first model
) -> ModelNumbers:
    """Return the numbers of a model and its differences to the first.

    A difference is of numbers that both have; its interval needs both intervals.
    """
    differences: dict[str, float] = {}
    difference_intervals: dict[str, Interval] = {}
    for key, own in numbers.items():
        other = base.get(key)
        if other is None or own.value is None or other.value is None:
            continue
        differences[key] = own.value - other.value
        difference_intervals[key] = difference_interval(own, other)
    return ModelNumbers(
        values={key: own.value for key, own in numbers.items()},
        intervals={key: own.interval for key, own in numbers.items()},
        differences=differences,
        difference_intervals=difference_intervals,
    )


def _with_kinds(numbers: ModelNumbers) -> dict[str, object]:
    """Return the numbers of a model and of which kind each interval is."""
    return {
        **numbers,
        "interval_kinds": interval_kinds(numbers["intervals"]),
        "difference_interval_kinds": interval_kinds(numbers["difference_intervals"]),
    }


def _columns(numbers: list[dict[str, ResampledNumber]]) -> list[str]:
    """Return the keys of any model, but of the two AUROCs one.

    That of the decision where all models have it, the mean over the classes otherwise.
    """
    all_decide = all("auroc" in own for own in numbers)
    left_out = "macro_auroc" if all_decide else "auroc"
    keys: dict[str, None] = {}  # in the order in which they come
    for own in numbers:
        keys.update(dict.fromkeys(own))
    return [key for key in keys if key != left_out]


def _signed(
    value: float | None,
    key: str,  # of a metric
    none: str,  # what stands where there is no number
) -> str:
    """Return a difference, of shares in points."""
    if value is None:
        return none
    return f"{100 * value:+.1f}" if key in PERCENT_KEYS else f"{value:+.3f}"
