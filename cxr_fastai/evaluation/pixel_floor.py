"""The pixel floor as numbers of a report: what gray squares reach, and what the model gains on it.

Scores of cheap models, the model's own and a Resampling in, a PixelFloor out: numbers, intervals,
and differences that are counted in the same resamples. Fits nothing.

Of one class an image the floor answers the class whose model, of the class against the rest, is
surest. Those models balance the classes, which costs accuracy where one is common: the verdict
rests on the macro AUROC.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from cxr_fastai.evaluation.multi_label import first_draw
from cxr_fastai.evaluation.multi_label_counts import SingleDraw, count_findings
from cxr_fastai.evaluation.multi_label_intervals import headline_groups
from cxr_fastai.evaluation.pixel_scores import PixelScores
from cxr_fastai.evaluation.predictions import Predictions
from cxr_fastai.evaluation.resampled import (
    ResampledNumber,
    collect_resampled,
    difference_interval,
)
from cxr_fastai.evaluation.single_label import classification_metrics
from cxr_fastai.evaluation.single_label_intervals import (
    MEAN_KEYS,
    classification_groups,
    classification_intervals,
    resampled_metrics,
)
from cxr_fastai.intervals.bootstrap import Resampling
from cxr_fastai.intervals.interval_trees import Interval, IntervalTree, is_above_zero
from cxr_fastai.reporting.text import count, decimal, span, with_span

__all__ = ["PixelFloor", "SideNumbers", "class_pixel_floor", "finding_pixel_floor"]

VERDICT_KEY = "macro_auroc"
RANKING_KEYS = ("macro_auroc", "macro_ap")
ANSWERS = (
    "Each class has a logistic regression of its own against the rest; the answer is the class "
    "whose probability is highest."
)


@dataclass(frozen=True)
class SideNumbers:
    """What gray squares of one grid reach."""

    values: dict[str, float | None]
    intervals: dict[str, Interval]
    gains: dict[str, float | None]  # of the model over it
    gain_intervals: dict[str, Interval]  # paired
    per_class: dict[str, float | None]  # class -> AUROC
    per_class_intervals: dict[str, Interval]
    valid_macro_auroc: float | None

    def to_dict(self) -> dict[str, object]:
        """Return the numbers as strict JSON; their intervals stand with those of the report."""
        return {
            **self.values,
            "gain": self.gains,
            "auroc_by_class": self.per_class,
            "valid_macro_auroc": self.valid_macro_auroc,
        }


@dataclass(frozen=True)
class PixelFloor:
    """What logistic regression on gray squares reaches on the same images."""

    side: int  # px: the grid that validation prefers
    by_side: dict[int, SideNumbers]
    fitted_on: int  # train films
    validated_on: int  # films
    not_fitted: tuple[str, ...]  # classes, as shown, that the train films do not tell

    @property
    def chosen(self) -> SideNumbers:
        """The numbers of the grid that validation prefers."""
        return self.by_side[self.side]

    @property
    def is_beaten(self) -> bool:
        """Whether the interval of the model's gain in macro AUROC lies above 0."""
        return is_above_zero(self.chosen.gain_intervals[VERDICT_KEY])

    @property
    def words(self) -> str:
        """What it reaches, and whether the model is shown to do better."""
        numbers = self.chosen
        if numbers.values[VERDICT_KEY] is None:
            return f"The pixel floor ({self.squares}) ranks no class of these images."
        told = [f"{self._reach(self.side)}; {self._gain_words()}."]
        told += [f"{self._reach(side)}." for side in self.by_side if side != self.side]
        if self.not_fitted:
            names = ", ".join(self.not_fitted)
            told.append(f"No train film tells it {names}: it guesses there.")
        return " ".join(told)

    @property
    def squares(self) -> str:
        """The grid in words."""
        return _squares(self.side)

    def _reach(self, side: int) -> str:
        """Say what one grid reaches."""
        numbers = self.by_side[side]
        between = span(numbers.intervals[VERDICT_KEY], as_share=False, none="")
        number = with_span(decimal(numbers.values[VERDICT_KEY]), between)
        valid = numbers.valid_macro_auroc
        on_valid = "" if valid is None else f" (on validation {decimal(valid)})"
        if side != self.side:
            return f"On {_squares(side)} it reaches {number}{on_valid}"
        return (
            f"Pixel floor: logistic regression on {_squares(side)}, fitted on "
            f"{count(self.fitted_on, 'train film')}, reaches macro AUROC {number}{on_valid}"
        )

    def _gain_words(self) -> str:
        """Say whether the model is shown to beat the chosen grid."""
        gain = self.chosen.gains[VERDICT_KEY] or 0.0
        between = self.chosen.gain_intervals[VERDICT_KEY]
        clause = f"{gain:+.3f}"
        if between is not None:
            clause += f", 95 % interval {span(between, as_share=False)}"
        if self.is_beaten:
            return f"the model is above it ({clause}, paired)"
        return f"the model is not shown to beat {self.squares} ({clause}, paired)"

    def to_dict(self) -> dict[str, object]:
        """Return the numbers as strict JSON."""
        return {
            "side": self.side,
            "fitted_on": self.fitted_on,
            "validated_on": self.validated_on,
            "not_fitted": list(self.not_fitted),
            "answers": ANSWERS,
            "shown_to_be_beaten": self.is_beaten,
            "by_side": {str(side): own.to_dict() for side, own in self.by_side.items()},
        }

    def interval_tree(self) -> IntervalTree:
        """Return the intervals, nested as the numbers are."""
        tree: dict[str, IntervalTree] = {}
        for side, own in self.by_side.items():
            tree[str(side)] = {
                **own.intervals,
                "gain": own.gain_intervals,
                "auroc_by_class": own.per_class_intervals,
            }
        return {"by_side": tree}


def _squares(side: int) -> str:
    """Name a grid of gray squares."""
    return f"{side}x{side} gray squares"


# ---- one class an image


def class_pixel_floor(
    resampling: Resampling,  # R draws of the groups of these images
    found: Predictions,  # of the model
    names: Mapping[str, str],  # class slug -> name to show, in vocab order
    scores: PixelScores,
    negative: str = "",  # class of the decision; empty: none
) -> PixelFloor:
    """Count the pixel floor of a single-label report."""
    vocab = list(names)
    targs = found.targs
    own = _class_numbers(resampling, targs, found.probs, vocab, found.preds)
    if negative:
        index = vocab.index(negative)
        own["auroc"] = _ranking(resampling, targs != index, 1 - found.probs[:, index])
    by_side = {}
    for side, probs in scores.by_side.items():
        floor = _class_numbers(resampling, targs, probs, vocab, probs.argmax(1))
        if negative:
            floor["auroc"] = _ranking(resampling, targs != index, 1 - probs[:, index])
        aurocs = {}
        for i, slug in enumerate(vocab):
            aurocs[slug] = _ranking(resampling, targs == i, probs[:, i])
        by_side[side] = _side(own, floor, aurocs, scores.valid_aurocs[side])
    return _pixel_floor(scores, by_side, names)


def _class_numbers(
    resampling: Resampling,
    targs: np.ndarray,  # (n,)
    probs: np.ndarray,  # (n, c)
    vocab: Sequence[str],
    preds: np.ndarray,  # (n,)
) -> dict[str, ResampledNumber]:
    """Count MEAN_KEYS with their intervals and resamples."""
    return collect_resampled(
        MEAN_KEYS,
        classification_metrics(targs, probs, vocab, preds),
        classification_intervals(resampling, targs, probs, vocab, preds),
        resampled_metrics(resampling, targs, probs, vocab, preds),
        classification_groups(resampling, targs, vocab),
    )


def _ranking(
    resampling: Resampling,
    positive: np.ndarray,  # (n,) bool
    risk: np.ndarray,  # (n,)
    known: np.ndarray | None = None,  # (n,) bool: whether it is known; None: of all
) -> ResampledNumber:
    """Count the AUROC of a yes or no."""
    among = np.ones(len(risk), bool) if known is None else known
    draw = SingleDraw().aurocs(positive, risk, among)[0]
    value = None if np.isnan(draw) else float(draw)
    groups = resampling.groups_of(positive & among, ~positive & among)
    draws = resampling.aurocs(positive, risk, among)
    between = resampling.interval(draws, value, groups, is_ranking=True)
    return ResampledNumber(value, between, draws, groups)


# ---- several findings an image


def finding_pixel_floor(
    resampling: Resampling,  # R draws of the groups of these images
    found: Predictions,  # of the model
    names: Mapping[str, str],  # finding slug -> name to show, in vocab order
    scores: PixelScores,
) -> PixelFloor:
    """Count the pixel floor of a multi-label report: it ranks, and answers nothing."""
    own = _finding_numbers(resampling, found.targs, found.probs)
    by_side = {}
    for side, probs in scores.by_side.items():
        floor = _finding_numbers(resampling, found.targs, probs)
        aurocs = {}
        for i, slug in enumerate(names):
            own_targs = found.targs[:, i]
            known = ~np.isnan(own_targs)
            aurocs[slug] = _ranking(resampling, own_targs == 1, probs[:, i], known)
        by_side[side] = _side(own, floor, aurocs, scores.valid_aurocs[side])
    return _pixel_floor(scores, by_side, names)


def _finding_numbers(
    resampling: Resampling,
    targs: np.ndarray,  # (n, c) 1, 0, nan
    probs: np.ndarray,  # (n, c)
) -> dict[str, ResampledNumber]:  # RANKING_KEYS
    """Count how well findings are ranked, with intervals and resamples."""
    answers = np.zeros(targs.shape, bool)
    once = count_findings(SingleDraw(), targs, probs, answers)
    draws = count_findings(resampling, targs, probs, answers).headline
    groups = headline_groups(resampling, targs)
    numbers = first_draw(once.headline)
    found = {}
    for key in RANKING_KEYS:
        between = resampling.interval(draws[key], numbers[key], groups[key], is_ranking=True)
        found[key] = ResampledNumber(numbers[key], between, draws[key], groups[key])
    return found


# ---- both


def _side(
    own: Mapping[str, ResampledNumber],  # of the model
    floor: Mapping[str, ResampledNumber],  # in the same resamples
    per_class: Mapping[str, ResampledNumber],  # AUROC of each class
    valid: float | None,  # macro AUROC on validation
) -> SideNumbers:
    """Put the numbers of one grid beside the model's."""
    gains: dict[str, float | None] = {}
    for key, number in floor.items():
        gains[key] = _difference(own[key].value, number.value)
    return SideNumbers(
        values={key: number.value for key, number in floor.items()},
        intervals={key: number.interval for key, number in floor.items()},
        gains=gains,
        gain_intervals={key: difference_interval(own[key], x) for key, x in floor.items()},
        per_class={slug: number.value for slug, number in per_class.items()},
        per_class_intervals={slug: number.interval for slug, number in per_class.items()},
        valid_macro_auroc=valid,
    )


def _difference(own: float | None, other: float | None) -> float | None:
    """Return a difference; None where either is undefined."""
    return None if own is None or other is None else own - other


def _pixel_floor(
    scores: PixelScores,
    by_side: dict[int, SideNumbers],
    names: Mapping[str, str],
) -> PixelFloor:
    """Put the numbers of all grids together."""
    missing: Iterable[str] = scores.not_fitted
    return PixelFloor(
        side=scores.side,
        by_side=by_side,
        fitted_on=scores.fitted_on,
        validated_on=scores.validated_on,
        not_fitted=tuple(names[slug] for slug in missing),
    )
