"""What `evaluate` says of a multi-label bundle. Its answers and a manifest's rows in, a FindingsReport out: text, a
page, pictures, strict JSON; answers no image itself, writes no file.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from cxr_fastai.evaluation.bootstrap import RESAMPLES, Resampling
from cxr_fastai.evaluation.multi_label import (
    findings_by_source,
    findings_floors,
    findings_intervals,
    findings_metrics,
    resampled_findings,
)
from cxr_fastai.evaluation.predictions import Answers, facts_of, notes_of
from cxr_fastai.evaluation.roc import Panel, roc_png, together_png
from cxr_fastai.recipes import NONE, UNSET
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

__all__ = ["FindingsReport"]

FEW = 10  # images of a finding below which a note says that its numbers say little
HEADLINE = {  # key of metrics: its name, what it means; the order is that of recipes.METRICS
    "macro_auroc": (
        "macro AUROC",
        "Mean over the findings of the chance that an image with the finding gets a higher "
        "probability of it than an image without; 0.5 is guessing.",
    ),
    "macro_ap": (
        "macro AP",
        "Mean over the findings of the average precision; guessing reaches the prevalence.",
    ),
    "macro_f1": ("macro F1", "Mean F1 of the findings that some image has; 1 is perfect."),
    "micro_f1": ("micro F1", "F1 of all answers in one count: common findings decide."),
    "weighted_f1": (
        "weighted F1",
        "Mean F1 of the findings, each weighing as many images as have it.",
    ),
    "samples_f1": (
        "samples F1",
        "Mean over the images of the F1 of their own findings, 0 for one without any.",
    ),
}
UNDEFINED = "not defined: no finding is present in some of these images and absent in others"
NOT_ABOVE = (
    "not above the source-only floor: a model that only recognises the source would rank as well"
)


@dataclass(frozen=True)
class FindingsReport:
    """What `evaluate` found of a multi-label bundle. Prints as tables, shows as html in a notebook."""

    metrics: dict  # of findings.findings_metrics
    floors: dict  # of findings.findings_floors
    sources: dict  # of findings.findings_by_source
    n: int  # images
    split: str
    names: dict[str, str]  # finding slug -> name to show, in vocab order
    answers: Answers = field(
        repr=False, compare=False
    )  # targs and preds (n, c), as findings_metrics has them
    title: str = ""  # of the folder's recipe
    notes: list[str] = field(default_factory=list)  # what a reader must know beside the numbers
    about: dict[str, str] = field(default_factory=dict)  # what was evaluated on what
    intervals: dict = field(default_factory=dict)  # of findings.findings_intervals
    groups: int = 0  # patients, or radiographs of unknown ones: what the intervals resample
    resamples: int = 0
    seed: int = 0
    shown: list[str] = field(
        default_factory=list
    )  # headline, of HEADLINE, in this order; empty: all of it

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
    ) -> FindingsReport:
        """Count what a bundle answered to the images of `rows`. A finding that the folder's recipe lacks is unknown."""
        vocab, names = list(bundle.vocab), {c: bundle.display.get(c, c) for c in bundle.vocab}
        sources, thresholds = [r["source"] for r in rows], bundle.meta["thresholds"]
        a = Answers(rows, _targets(data.recipe, rows, vocab), probs, bundle.found(probs))
        draws = Resampling([r["group"] for r in rows], resamples, seed)
        metrics = findings_metrics(a.targs, probs, vocab, a.preds, thresholds)
        return cls(
            metrics,
            findings_floors(a.targs, sources, vocab),
            findings_by_source(a.targs, probs, vocab, a.preds, sources),
            len(rows),
            split,
            names,
            a,
            data.recipe.title,
            [*notes_of(bundle, data, split), *_notes(metrics, names, sources)],
            facts_of(bundle, data),
            findings_intervals(draws, a.targs, probs, vocab, a.preds, sources),
            draws.n_groups,
            resamples,
            seed,
            list(data.recipe.metrics),
        )

    # ---- what it says

    @property
    def above_floor(self) -> bool:
        return self._gain is not None and self._gain > 0

    @property
    def sure(self) -> bool:
        """Whether the interval of the gain over the source-only floor lies above 0."""
        low, _ = self.intervals.get("gain") or (0, 0)
        return self.above_floor and low > 0

    @property
    def _gain(self) -> float | None:
        """Macro AUROC beyond that of the source-only floor."""
        model, floor = self.metrics["macro_auroc"], self.floors["source_only"]["macro_auroc"]
        return None if model is None else model - floor

    @property
    def verdict(self) -> str:
        """Macro AUROC beside the source-only floor, in words."""
        if self._gain is None:
            return UNDEFINED
        found = self.intervals.get("gain")
        said = f", 95 % interval {span(found, as_share=False)}" if found else ""
        if not self.above_floor:
            return f"{NOT_ABOVE} ({self._gain:+.3f}{said})"
        doubt = (
            ""
            if self.sure or not found
            else ": the interval includes 0, with other patients there may be no gain"
        )
        floor = decimal(self.floors["source_only"]["macro_auroc"])
        return f"above the source-only floor of {floor} by {self._gain:.3f}{said}{doubt}"

    @property
    def exact_words(self) -> tuple[bool, str]:
        """(whether more images are right than with no finding answered at all, in words)."""
        m, none = self.metrics, self.floors["all_absent"]["exact"]
        here = with_span(
            percent(m["exact"]), span(self.intervals.get("metrics", {}).get("exact"), none="")
        )
        of = count(m["of"]["exact"], "image")
        return m["exact"] > none, (
            f"All known findings of an image are right in {here} of {of}; answering none at all "
            f"would be right in {percent(none)}."
        )

    @property
    def all_fixed(self) -> bool:
        return all(m["fixed"] for m in self.metrics["per_class"].values())

    @property
    def samples_words(self) -> str:
        """What the samples averages can reach."""
        m = self.metrics
        with_any, of = m["with_findings"], m["of"]["samples_f1"]
        if with_any == of:
            return ""
        return (
            "The samples averages count an image without any finding as 0, as scikit-learn does: at best they "
            f"reach {decimal(with_any / of)}, as {with_any:,} of {count(of, 'image')} have one."
        )

    @property
    def summary(self) -> str:
        seen = sum(m["support"] > 0 for m in self.metrics["per_class"].values())
        counts = [
            count(self.n, "image"),
            f"{count(len(self.names), 'finding')} ({seen} of them present)",
            count(len(self.sources), "source"),
        ]
        return f"{self.split} split: {', '.join(counts)}"

    @property
    def interval_words(self) -> str:
        return interval_words(self.groups, self.resamples) if self.resamples else ""

    def headline(self, none: str = "-") -> list[tuple]:
        """(name, meaning, two (value, interval): model, source-only floor) of each headline number."""
        columns = (
            (self.metrics, self.intervals.get("metrics", {})),
            (self.floors["source_only"], self.intervals.get("floors", {}).get("source_only", {})),
        )

        def name(key):
            return f"{HEADLINE[key][0]}{self._of(key)}"

        return [
            (name(k), HEADLINE[k][1], [_cell(of, at, k, none) for of, at in columns])
            for k in self.shown or HEADLINE
        ]

    def _of(self, key: str) -> str:
        """Of how many findings a mean is, where that is not all of them."""
        of = self.metrics["of"].get(key) if key.startswith(("macro", "weighted")) else None
        return "" if of in (None, len(self.names)) else f", of {of} findings"

    def ranking(self, none: str = "-") -> list[tuple]:
        """(slug, images, images with it, (value, interval) of prevalence, AUROC, AP and the source-only floor's AUROC)."""
        spans, floors = self._spans("metrics"), self.floors["source_only"]["per_class"]
        limits = self._spans("floors", "source_only")

        def cells(c, m):
            return [
                *(_cell(m, spans.get(c, {}), k, none) for k in ("prevalence", "auroc", "ap")),
                _cell(floors[c], limits.get(c, {}), "auroc", none),
            ]

        return [
            (c, m["n"], m["support"], cells(c, m)) for c, m in self.metrics["per_class"].items()
        ]

    def answering(self, none: str = "-") -> list[tuple]:
        """(slug, threshold, images answered with it, (value, interval) of precision, recall, specificity and F1)."""
        spans = self._spans("metrics")

        def threshold(m):
            return decimal(m["threshold"]) if m["fixed"] else f"({decimal(m['threshold'])})"

        return [
            (
                c,
                threshold(m),
                m["answered"],
                [
                    _cell(m, spans.get(c, {}), k, none)
                    for k in ("precision", "recall", "specificity", "f1")
                ],
            )
            for c, m in self.metrics["per_class"].items()
        ]

    def averages(self, none: str = "-") -> list[tuple]:
        """(average, (value, interval) of precision, recall and F1)."""
        spans = self.intervals.get("metrics", {}).get("averages", {})
        return [
            (a, [_cell(of, spans.get(a, {}), k, none) for k in of])
            for a, of in self.metrics["averages"].items()
        ]

    def by_source(self, none: str = "-") -> list[tuple]:
        """(source, its numbers, (value, interval) of macro AUROC, micro F1 and all right)."""
        spans = self.intervals.get("by_source", {})
        return [
            (
                s,
                m,
                [_cell(m, spans.get(s, {}), k, none) for k in ("macro_auroc", "micro_f1", "exact")],
            )
            for s, m in self.sources.items()
        ]

    def _spans(self, *keys: str) -> dict:
        """Intervals by finding."""
        at = self.intervals
        for k in (*keys, "per_class"):
            at = at.get(k, {})
        return at

    def compared(self, draws: Resampling) -> dict[str, tuple]:
        """Key -> (value, interval, (R,) in each of `draws`) of what can be told beside other models on the same images."""
        a, spans = self.answers, self.intervals["metrics"]
        found = resampled_findings(draws, a.targs, a.probs, list(self.names), a.preds)
        return {k: (self.metrics[k], spans[k], found[k]) for k in self.shown or HEADLINE}

    # ---- forms

    def to_dict(self) -> dict:
        """Everything, as strict JSON. `vocab` is the order of the rows and columns of `together`."""
        return dict(
            split=self.split,
            n=self.n,
            vocab=list(self.names),
            names=self.names,
            title=self.title,
            metrics=self.metrics,
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
        head = _rows(
            ("", "model", "source-only floor"),
            [((name,), cells) for name, _, cells in self.headline()],
        )
        words = [f"Macro AUROC is {self.verdict}.", self.exact_words[1], *self.notes]
        ranked = [
            ((self.names[c], f"{n:,}", f"{k:,}"), cells[:3]) for c, n, k, cells in self.ranking()
        ]
        answered = [
            ((self.names[c], t, f"{k:,}"), [*cells[:2], cells[3]])
            for c, t, k, cells in self.answering()
        ]
        averaged = [((name,), cells) for name, cells in self.averages()]
        parts = [
            wrap(self.summary),
            head,
            [line for said in words for line in wrap(said)],
            _rows(("finding", "of n", "present", "prevalence", "AUROC", "AP"), ranked),
            _rows(("finding", "from", "answered", "precision", "recall", "F1"), answered),
            _rows(("average", "precision", "recall", "F1"), averaged),
            wrap(self.samples_words),
            wrap(self.interval_words),
        ]
        return "\n\n".join("\n".join(p) for p in parts if p)

    def to_html(
        self,
        page: bool = True,  # a whole page with its pictures; False: the tables, to stand in another page
    ) -> str:
        """Self-contained html: inline style, pictures inside, no script, nothing fetched."""
        pictures = (
            dict(roc=data_uri(self.to_png()), together=data_uri(self._together())) if page else {}
        )
        return render(
            "evaluation", "findings.html", page=page, r=self, about=self.about, pictures=pictures
        )

    def to_png(self) -> bytes:
        """An ROC curve a finding."""
        spans, known = self._spans("metrics"), ~np.isnan(self.answers.targs)

        def panel(i, c, m):
            own = known[:, i]
            return Panel(
                self.names[c],
                self.answers.targs[own, i] == 1,
                self.answers.probs[own, i],
                m["auroc"],
                spans.get(c, {}).get("auroc"),
                m["specificity"],
                m["recall"],
                m["fixed"],
            )

        return roc_png(
            [panel(i, c, m) for i, (c, m) in enumerate(self.metrics["per_class"].items())],
            self.summary,
        )

    def _together(self) -> bytes:
        return together_png(self.metrics["together"], list(self.names.values()))

    def _repr_html_(self) -> str:
        return self.to_html(page=False)

    picture = "roc.png"  # what a file of to_png is called

    def predictions(self) -> tuple[list[dict], list[str]]:
        """Rows and columns of predictions.csv; `predicted` as in a manifest's label."""
        a, kept, of_class = (
            self.answers,
            ["path", "source", "group", "label"],
            [f"p_{c}" for c in self.names],
        )

        def said(yes):
            return "|".join(c for c, has in zip(self.names, yes) if has) or NONE

        rows = [
            {
                **{k: r[k] for k in kept},
                "predicted": said(yes),
                **{k: f"{x:.9g}" for k, x in zip(of_class, p)},
            }
            for r, p, yes in zip(a.rows, a.probs, a.preds)
        ]
        return rows, [*kept, "predicted", *of_class]


# ---- parts


def _targets(recipe, rows: list[dict], vocab) -> np.ndarray:
    """(n, c) 1, 0, nan in the order of a bundle's vocab."""
    at = [recipe.vocab.index(c) if c in recipe.vocab else None for c in vocab]
    labels = [recipe.targets(r["label"]) for r in rows]
    return np.array([[math.nan if i is None else y[i] for i in at] for y in labels])


def _cell(numbers: dict, spans: dict, key: str, none: str) -> tuple[str, str]:
    share = key in ("prevalence", "exact")
    return (percent if share else decimal)(numbers[key], none), span(spans.get(key), share, "")


def _rows(
    header: tuple,  # names of the plain columns, then of those with an interval
    rows: list,  # (plain cells, (value, interval) cells)
) -> list[str]:
    """A line a row; an interval stands in a column of its own."""
    if not rows:
        return []
    plain = len(header) - len(rows[0][1])
    wide = any(interval for _, cells in rows for _, interval in cells)

    def of(cells):
        return [x for cell in cells for x in cell[: 1 + wide]]

    return table(
        [
            (*header[:plain], *of([(name, "95 %") for name in header[plain:]])),
            *((*first, *of(cells)) for first, cells in rows),
        ]
    )


def _notes(metrics: dict, names: dict, sources) -> list[str]:
    per_class, notes = metrics["per_class"].items(), []

    def add(says, found):
        if found:
            notes.append(says.format(", ".join(found)))

    add(
        f"Some labels are unknown and count nowhere: of {metrics['n']:,} images, those in which a finding is known are "
        "{}.",
        [f"{names[c]} {m['n']:,}" for c, m in per_class if m["unknown"]],
    )
    add(
        f"Validation fixed no threshold for {{}}: answered from {UNSET} on.",
        [names[c] for c, m in per_class if not m["fixed"]],
    )
    add(
        f"Fewer than {FEW} images here have {{}}: these numbers say little, yet the macro averages hang on each as on "
        "any other; a resample without such a finding averages the rest.",
        [f"{names[c]} ({m['support']})" for c, m in per_class if m["support"] < FEW],
    )
    if len(set(sources)) == 1:
        notes.append(
            "All images come from one source: the source-only floor ranks none above another, and its F1 is "
            "that of answering each finding everywhere."
        )
    return notes
