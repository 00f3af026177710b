"""Several models on the same images, in one table. Their reports in, a Comparison out: each number with its interval, and
how far each model is from the first, paired: in the same resamples, so that images which are hard for all weigh on
none. Answers no image again, writes no file.
"""

from __future__ import annotations

from dataclasses import dataclass

from cxr_fastai.core import UsageError
from cxr_fastai.evaluation.bootstrap import Resampling, interval
from cxr_fastai.reporting.html import render
from cxr_fastai.reporting.text import (
    count,
    decimal,
    interval_words,
    percent,
    span,
    table,
    wrap,
)

__all__ = ["compare", "Comparison"]

SHARES = (
    "accuracy",
    "balanced_accuracy",
    "sensitivity",
    "specificity",
    "exact",
)  # in percent; others as decimals
CAPITALS = {"auroc": "AUROC", "ap": "AP", "f1": "F1"}
WORDS = (
    "Differences are paired: all models answer the same resamples. Where an interval includes 0, these images do "
    "not tell the two apart; where it does not, another training run still may."
)


@dataclass(frozen=True)
class Comparison:
    """What `compare` found. Prints as tables, shows as html in a notebook."""

    models: dict[
        str, dict
    ]  # name -> values, intervals, differences, difference_intervals: each by key of a metric
    first: str  # the model that the others are compared with
    columns: list[str]  # keys that the table shows
    split: str
    title: str
    n: int
    prevalence: dict[str, float]  # of each class, by the name to show; None where unknown
    groups: int
    resamples: int
    seed: int

    @property
    def summary(self) -> str:
        classes = ", ".join(f"{percent(share)} {name}" for name, share in self.prevalence.items())
        return f"{self.split} split: {count(self.n, 'image')} ({classes}), {count(len(self.models), 'model')}"

    @property
    def words(self) -> list[str]:
        return [
            *([WORDS] if len(self.models) > 1 else []),
            interval_words(self.groups, self.resamples),
        ]

    def header(self) -> list[str]:
        return [" ".join(CAPITALS.get(w, w) for w in k.split("_")) for k in self.columns]

    def rows(self, none: str = "-") -> list[tuple]:
        """(name, (value, interval) of each column) of each model."""

        def cell(m, k):
            return _text(m["values"].get(k), k, none), span(m["intervals"].get(k), k in SHARES, "")

        return [(name, [cell(m, k) for k in self.columns]) for name, m in self.models.items()]

    def differences(self, none: str = "-") -> list[tuple]:
        """(name, (difference, interval) of each column) of each model but the first."""

        def cell(m, k):
            return _signed(m["differences"].get(k), k, none), span(
                m["difference_intervals"].get(k), k in SHARES, ""
            )

        return [
            (name, [cell(m, k) for k in self.columns])
            for name, m in self.models.items()
            if name != self.first
        ]

    def to_dict(self) -> dict:
        """Everything, as strict JSON."""
        return dict(
            split=self.split,
            title=self.title,
            n=self.n,
            prevalence=self.prevalence,
            groups=self.groups,
            resamples=self.resamples,
            seed=self.seed,
            first=self.first,
            models=self.models,
        )

    def __str__(self) -> str:
        parts = [wrap(self.summary), _stacked(["model", *self.header()], self.rows())]
        if rows := self.differences():
            parts += [
                [f"Difference to {self.first}, of shares in points"],
                _stacked(["model", *self.header()], rows),
            ]
        return "\n\n".join(
            "\n".join(p) for p in [*parts, [line for w in self.words for line in wrap(w)]]
        )

    def to_html(
        self,
        page: bool = True,  # a whole page; False: the tables, to stand in another page
    ) -> str:
        return render("evaluation", "beside.html", page=page, b=self, about={})

    def _repr_html_(self) -> str:
        return self.to_html(page=False)


def compare(
    reports: dict,  # name -> Report of the same split of the same folder; the first is what the others are compared with
) -> Comparison:
    """Put models side by side. Raises `UsageError` for reports of different images, and for those that hold no answers
    to count again.
    """
    if not reports:
        raise UsageError("compare: no reports to compare: give a dict of name and Report.")
    first, *_ = reports
    for name, report in reports.items():
        _check(name, report, first, reports[first])
    one, rows = reports[first], reports[first].answers.rows
    draws = Resampling([r["group"] for r in rows], one.resamples, one.seed)
    counted = {name: report.compared(draws) for name, report in reports.items()}
    models = {name: _model(found, counted[first]) for name, found in counted.items()}
    prevalence = {one.names[c]: m["prevalence"] for c, m in one.metrics["per_class"].items()}
    return Comparison(
        models,
        first,
        _columns(list(counted.values())),
        one.split,
        one.title,
        one.n,
        prevalence,
        draws.n_groups,
        one.resamples,
        one.seed,
    )


def _check(name: str, report, first: str, one):
    if not hasattr(report, "compared"):
        raise UsageError(
            f"{name} is a {type(report).__name__}: expected a report, as `evaluate` returns it."
        )
    if report.answers is None:
        raise UsageError(
            f"{name}: the report holds no answers to count again: take it as `evaluate` returns it."
        )

    def images(r):
        return [(x["path"], x["label"], x["group"]) for x in r.answers.rows]

    if report.split != one.split or images(report) != images(one):
        raise UsageError(
            f"{name} was evaluated on other images ({report.split} split, {report.n:,}) than {first} "
            f"({one.split} split, {one.n:,}): evaluate both on the same split of one folder."
        )


def _model(found: dict, base: dict) -> dict:
    both = [k for k in found if k in base and None not in (found[k][0], base[k][0])]
    sure = [k for k in both if found[k][1] and base[k][1]]
    return dict(
        values={k: value for k, (value, _, _) in found.items()},
        intervals={k: limits for k, (_, limits, _) in found.items()},
        differences={k: found[k][0] - base[k][0] for k in both},
        difference_intervals={
            k: interval(found[k][2] - base[k][2]) if k in sure else None for k in both
        },
    )


def _columns(counted: list[dict]) -> list[str]:
    """Keys of any model, but of the two AUROCs one: that of the question where all models answer it."""
    keys = list(dict.fromkeys(k for found in counted for k in found))
    return [
        k
        for k in keys
        if k != ("macro_auroc" if all("auroc" in found for found in counted) else "auroc")
    ]


# ---- text


def _text(x, key: str, none: str) -> str:
    return (percent if key in SHARES else decimal)(x, none)


def _signed(x, key: str, none: str) -> str:
    return none if x is None else f"{100 * x:+.1f}" if key in SHARES else f"{x:+.3f}"


def _stacked(header: list[str], rows) -> list[str]:
    """Two lines a model: its numbers, and below them their intervals."""
    lines = [tuple(header)]
    for name, cells in rows:
        lines.append((name, *(value for value, _ in cells)))
        if any(interval for _, interval in cells):
            lines.append(("", *(interval for _, interval in cells)))
    return table(lines)
