"""Put a bundle to the test. Reads a bundle and a curated folder, returns a Report and, where a folder is given, writes
metrics.json, predictions.csv, a picture and report.html there; never trains, never touches an image.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from cxr_fastai.core import SPLITS, Task, UsageError, atomic_path, make_folder, write_text
from cxr_fastai.evaluation.bootstrap import RESAMPLES, Resampling
from cxr_fastai.evaluation.confusion import confusion_png
from cxr_fastai.evaluation.predictions import Answers, facts_of, notes_of
from cxr_fastai.evaluation.single_label import (
    classification_intervals,
    classification_metrics,
    decision_intervals,
    decision_metrics,
    floor_intervals,
    floors,
    question,
    resampled_decision,
    resampled_metrics,
    source_intervals,
    source_metrics,
)
from cxr_fastai.evaluation.triage import triage_intervals, triage_metrics, triage_rows, triage_words
from cxr_fastai.evaluation.unseen import rows_for
from cxr_fastai.manifest import read_manifest, write_rows
from cxr_fastai.reporting.html import data_uri, render
from cxr_fastai.reporting.text import (
    count,
    decimal,
    interval_words,
    percent,
    span,
    table,
    with_span,
    wrap,
)

__all__ = ["evaluate", "Report"]

HEADLINE = {  # key of metrics: its name, whether it is a share of images, what it means
    "accuracy": ("accuracy", True, "Share of the images that were answered right."),
    "balanced_accuracy": (
        "balanced accuracy",
        True,
        "Mean recall of the classes that have images: a rare class counts as much as a common one.",
    ),
    "macro_f1": ("macro F1", False, "Mean F1 of the classes that have images; 1 is perfect."),
    "macro_auroc": (
        "macro AUROC",
        False,
        "Mean over the classes of the chance that an image of the class gets a higher probability for it than an image "
        "of another class; 0.5 is guessing.",
    ),
}
QUESTION = {"auroc": "AUROC", "ppv": "PPV", "npv": "NPV"}  # the others are called as their keys
CLASS_COLUMNS = ("prevalence", "precision", "recall", "f1", "auroc")
NOT_ABOVE = (
    "not above the source-only floor: a model that only recognises the source would do as well"
)


@dataclass(frozen=True)
class Report:
    """What `evaluate` found of a single-label bundle. Prints as a table, shows as html in a notebook."""

    metrics: dict  # of metrics.classification_metrics
    floors: dict  # of metrics.floors
    sources: dict  # of metrics.source_metrics
    n: int  # images
    split: str
    names: dict[str, str]  # class slug -> name to show, in vocab order
    title: str = ""  # of the folder's recipe
    notes: list[str] = field(default_factory=list)  # what a reader must know beside the numbers
    about: dict[str, str] = field(default_factory=dict)  # what was evaluated on what
    decision: dict = field(
        default_factory=dict
    )  # of metrics.decision_metrics, where the bundle decides so
    triage: dict = field(default_factory=dict)  # of triage.triage_metrics, likewise
    intervals: dict = field(
        default_factory=dict
    )  # [low, high] of each number, nested as in to_dict; and gain
    groups: int = 0  # patients, or radiographs of unknown ones: what the intervals resample
    resamples: int = 0
    seed: int = 0
    shown: list[str] = field(
        default_factory=list
    )  # headline, of HEADLINE, in this order; empty: all of it
    answers: Answers | None = field(default=None, repr=False, compare=False)

    @classmethod
    def of(
        cls,
        bundle,
        data,
        split: str,
        rows: list[dict],
        probs,  # (n, c), of the bundle
        resamples: int = RESAMPLES,  # draws of the groups
        seed: int = 0,  # of the draws
    ) -> Report:
        """Count what a bundle answered to the images of `rows`."""
        vocab, decision = list(bundle.vocab), bundle.meta.get("decision") or {}
        sources, groups = [r["source"] for r in rows], [r["group"] for r in rows]
        a = Answers(
            rows, np.array([vocab.index(r["label"]) for r in rows]), probs, bundle.answers(probs)
        )
        limits, draws = floors(a.targs, sources, vocab), Resampling(groups, resamples, seed)
        found = dict(
            metrics=classification_metrics(a.targs, probs, vocab, a.preds), decision={}, triage={}
        )
        spans = dict(
            metrics=classification_intervals(draws, a.targs, probs, vocab, a.preds),
            decision={},
            triage={},
            by_source=source_intervals(draws, a.targs, a.preds, sources),
        )
        spans["floors"], spans["gain"] = floor_intervals(
            draws, a.targs, a.preds, sources, vocab, limits
        )
        if decision:
            asked = a.targs, probs, vocab, decision["negative"]
            found["decision"] = decision_metrics(*asked, decision["threshold"])
            spans["decision"] = decision_intervals(draws, *asked, decision["threshold"])
            found["triage"] = triage_metrics(*question(*asked), groups, decision.get("triage", ()))
            spans["triage"] = triage_intervals(draws, *question(*asked), decision.get("triage", ()))
        return cls(
            floors=limits,
            sources=source_metrics(a.targs, probs, sources, vocab, a.preds),
            n=len(rows),
            split=split,
            names={c: bundle.display.get(c, c) for c in vocab},
            title=data.recipe.title,
            notes=[*notes_of(bundle, data, split), *_floor_notes(limits)],
            about=facts_of(bundle, data),
            intervals=spans,
            groups=draws.n_groups,
            resamples=resamples,
            seed=seed,
            shown=list(data.recipe.metrics),
            answers=a,
            **found,
        )

    # ---- what it says

    @property
    def above_floor(self) -> bool:
        return self._gain > 0

    @property
    def sure(self) -> bool:
        """Whether the interval of the gain over the source-only floor lies above 0."""
        low, _ = self.intervals.get("gain") or (0, 0)
        return self.above_floor and low > 0

    @property
    def _gain(self) -> int:
        """Images answered right beyond what the source-only floor answers right."""
        return round((self.metrics["accuracy"] - self.floors["source_only"]["accuracy"]) * self.n)

    @property
    def verdict(self) -> str:
        """Accuracy beside the source-only floor, in words."""
        points, found = 100 * self._gain / self.n, self.intervals.get("gain")
        said = f"95 % interval {span(found)}" if found else ""
        doubt = ": the interval includes 0, with other patients there may be no gain"
        if not self.above_floor:
            if not found:
                return NOT_ABOVE
            return f"{NOT_ABOVE} ({points:.1f} points, {said}{', which includes 0' if found[1] >= 0 else ''})"
        share = "; ".join(filter(None, [f"{self._gain:,} of {count(self.n, 'image')}", said]))
        return f"above the source-only floor by {points:.1f} points ({share}){'' if self.sure or not found else doubt}"

    @property
    def summary(self) -> str:
        seen = sum(c["support"] > 0 for c in self.metrics["per_class"].values())
        counts = (
            count(self.n, "image"),
            count(seen, "class", "classes"),
            count(len(self.sources), "source"),
        )
        return f"{self.split} split: {', '.join(counts)}"

    @property
    def interval_words(self) -> str:
        return interval_words(self.groups, self.resamples) if self.resamples else ""

    @property
    def positive(self) -> str:
        """What a yes of the decision means."""
        return f"not {self.names[self.decision['negative']]}"

    def headline(self, none: str = "-") -> list[tuple]:
        """(name, meaning, three (value, interval): model, majority floor, source-only floor) of each headline number."""
        f, spans = self.floors, self.intervals.get("floors", {})
        columns = [
            (self.metrics, self.intervals.get("metrics", {})),
            (f["majority"], spans.get("majority", {})),
            (f["source_only"], spans.get("source_only", {})),
        ]

        def cells(key, share):
            return [
                ((percent if share else decimal)(of.get(key), none), span(at.get(key), share, ""))
                for of, at in columns
            ]

        return [
            (name, says, cells(key, share))
            for key in self.shown or HEADLINE
            for name, share, says in [HEADLINE[key]]
        ]

    def question(self, none: str = "-") -> list[tuple]:
        """(name, value, interval, of how many images) of the yes or no that the bundle's threshold decides; or none."""
        if not (d := self.decision):
            return []
        spans = self.intervals.get("decision", {})
        return [
            (
                QUESTION.get(k, k),
                (decimal if k == "auroc" else percent)(d[k], none),
                span(spans.get(k), k != "auroc", none),
                f"{d['of'][k]:,}",
            )
            for k in ("auroc", "accuracy", "sensitivity", "specificity", "ppv", "npv", "prevalence")
        ]

    def each_class(self, none: str = "-") -> list[tuple]:
        """(slug, images, then (value, interval) of each of CLASS_COLUMNS) of each class."""
        spans = self.intervals.get("metrics", {}).get("per_class", {})

        def cell(m, of, k):
            share = k == "prevalence"
            return (percent if share else decimal)(m[k], none), span(of.get(k), share, "")

        return [
            (c, m["support"], [cell(m, spans.get(c, {}), k) for k in CLASS_COLUMNS])
            for c, m in self.metrics["per_class"].items()
        ]

    def triage_words(self) -> list[tuple[bool, str]]:
        return (
            triage_words(self.triage, self.intervals.get("triage", {}), self.positive)
            if self.triage
            else []
        )

    def triage_rows(self, none: str = "-") -> list[tuple[str, ...]]:
        return (
            triage_rows(self.triage, self.intervals.get("triage", {}), none) if self.triage else []
        )

    def compared(self, draws: Resampling) -> dict[str, tuple]:
        """Key -> (value, interval, (R,) in each of `draws`) of what can be told beside other models on the same images."""
        a, vocab, d, spans = self.answers, list(self.names), self.decision, self.intervals
        found = resampled_metrics(draws, a.targs, a.probs, vocab, a.preds)
        out = {k: (self.metrics[k], spans["metrics"][k], found[k]) for k in HEADLINE}
        if not d:
            return out
        found = resampled_decision(draws, a.targs, a.probs, vocab, d["negative"], d["threshold"])
        return {
            **out,
            **{
                k: (d[k], spans["decision"][k], found[k])
                for k in ("auroc", "sensitivity", "specificity")
            },
        }

    # ---- forms

    def to_dict(self) -> dict:
        """Everything, as strict JSON. `vocab` is the order of the rows and columns of `confusion`."""
        return dict(
            split=self.split,
            n=self.n,
            vocab=list(self.names),
            names=self.names,
            title=self.title,
            metrics=self.metrics,
            decision=self.decision,
            triage=self.triage,
            floors=self.floors,
            by_source=self.sources,
            above_source_only_floor=self.above_floor,
            intervals=self.intervals,
            groups=self.groups,
            resamples=self.resamples,
            seed=self.seed,
            notes=self.notes,
            about=self.about,
        )

    def __str__(self) -> str:
        head = [
            ("", "model", "majority floor", "source-only floor"),
            *((name, *(with_span(*cell) for cell in cells)) for name, _, cells in self.headline()),
        ]
        words = [f"Accuracy is {self.verdict}.", *self.notes]
        parts = [
            [self.summary],
            table(head),
            words,
            self._question_text(),
            self._triage_text(),
            self._class_text(),
            wrap(self.interval_words),
        ]
        return "\n\n".join("\n".join(p) for p in parts if p)

    def _question_text(self) -> list[str]:
        if not self.decision:
            return []
        asked = f"{self.positive}, from {self.decision['threshold']:.3f} on"
        return table([(asked, "value", "95 % interval", "of n"), *self.question()])

    def _triage_text(self) -> list[str]:
        words = [line for _, said in self.triage_words() for line in wrap(said)]
        rows = self.triage_rows()
        return [*words, *([""] if rows else []), *table(rows)] if words else []

    def _class_text(self) -> list[str]:
        """Two lines a class: its numbers, and below them their intervals."""
        rows = [("class", "n", "prevalence", "precision", "recall", "F1", "AUROC")]
        for slug, n, cells in self.each_class():
            rows.append((self.names[slug], f"{n:,}", *(value for value, _ in cells)))
            if any(interval for _, interval in cells):
                rows.append(("", "", *(interval for _, interval in cells)))
        return table(rows)

    def to_html(
        self,
        page: bool = True,  # a whole page with the confusion matrix; False: the tables, to stand in another page
    ) -> str:
        """Self-contained html: inline style, pictures inside, no script, nothing fetched."""
        return render(
            "evaluation",
            "report.html",
            page=page,
            r=self,
            about=self.about,
            png=data_uri(self.to_png()) if page else "",
        )

    def to_png(self) -> bytes:
        return confusion_png(self.metrics["confusion"], list(self.names.values()), self.summary)

    def _repr_html_(self) -> str:
        return self.to_html(page=False)

    picture = "confusion.png"  # what a file of to_png is called

    def predictions(self) -> tuple[list[dict], list[str]]:
        return self.answers.table(list(self.names))


def evaluate(
    bundle,  # a bundle, or its folder
    data,  # a curated folder, or its Manifest
    split: str = "test",  # train | valid | test
    out=None,  # folder for metrics.json, predictions.csv, a picture and report.html; None: write nothing
    bs: int = 64,  # images a batch
    progress=None,  # as cxr_fastai.progress.bar: progress(iterable, total, what); None: silence
    resamples: int = RESAMPLES,  # draws of the groups, for the intervals
    seed: int = 0,  # of these draws
):  # a Report; a FindingsReport of a multi-label bundle
    """Answer every image of one split as the bundle does, and count. Raises `UsageError` for a split that is unknown or
    empty and for classes that the bundle does not know; an unreadable image ends the run.
    """
    if seed < 0 or resamples < 1:
        raise UsageError(
            f"seed is {seed} and resamples are {resamples}: expected 0 or more, and 1 or more."
        )
    data = read_manifest(data)
    rows = _rows(data, split)
    if out is not None:
        make_folder(out)  # an --out that cannot be written is told before the long part
    if isinstance(bundle, (str, Path)):
        bundle = _load_bundle(bundle)
    data, rows, notes = rows_for(bundle, data, rows)
    report_of = _report_of(bundle, data, split, rows)
    paths = [Path(data.root) / r["path"] for r in rows]
    if progress:
        paths = progress(paths, len(rows), f"reading {count(len(rows), 'image')}")
    report = report_of(
        bundle, data, split, rows, np.asarray(bundle.probs(paths, bs=bs)), resamples, seed
    )
    report.notes[:0] = notes
    if out is not None:
        _write(report, Path(out))
    return report


def _load_bundle(path):
    from cxr_fastai.bundle.store import (
        load_bundle,  # torch: not needed by who brings a bundle, or only reads a Report
    )

    return load_bundle(path)


def _rows(data, split: str) -> list[dict]:
    """The rows of one split. Raises `UsageError` where there is no such split, or no image in it."""
    rows = data.part(split).to_dict("records")
    if rows:
        return rows
    have = ", ".join(f"{s} {len(data.part(s)):,}" for s in SPLITS)
    raise UsageError(
        f"{data.root} has no images in split {split!r}: it has {have}. Choose another --split."
    )


def _report_of(bundle, data, split: str, rows: list[dict]):
    """What counts the answers of the bundle's task. Raises `UsageError` where it cannot answer for these images."""
    task = bundle.meta["task"]
    if data.recipe.task != task:
        raise UsageError(
            f"{bundle.path} is a {task} bundle, and {data.root} was curated for the {data.recipe.task} "
            f"recipe {data.recipe.name}. {_remedy(bundle)}"
        )
    labels = (
        set(data.recipe.vocab)
        if data.recipe.task is Task.MULTI_LABEL
        else {r["label"] for r in rows}
    )
    unknown = sorted(labels - set(bundle.vocab))
    if unknown:
        raise UsageError(
            f"{data.root}, split {split}: class {', '.join(map(repr, unknown))} is none of the bundle's, "
            f"which knows {', '.join(bundle.vocab)}. {_remedy(bundle)}"
        )
    if task == "single_label":
        return Report.of
    from cxr_fastai.evaluation.multi_label_report import FindingsReport

    return FindingsReport.of


def _remedy(bundle) -> str:
    return f"Curate the data for the bundle's recipe: cxr curate --recipe {bundle.meta['recipe']['name']}."


def _floor_notes(limits: dict) -> list[str]:
    if len(limits["source_only"]["answers"]) == 1:
        return ["All images come from one source: the source-only floor equals the majority floor."]
    if limits["source_only"]["accuracy"] < 1:
        return []
    return [
        "Every source here holds one class: no accuracy on these images can tell reading a radiograph "
        "from recognising its source."
    ]


# ---- files


def _write(report, out: Path):
    """The four files; metrics.json last, so that where it stands the others do."""
    png = report.to_png()
    write_rows(out / "predictions.csv", *report.predictions())
    with atomic_path(out / report.picture) as part:
        part.write_bytes(png)
    write_text(out / "report.html", report.to_html())
    strict = json.dumps(
        report.to_dict(), indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False
    )
    write_text(out / "metrics.json", strict + "\n")
