"""A closer look at a report's answers: curves, calibration, net benefit, subgroups, in one record.

Predictions, a bundle's meta and a Resampling in, a CloserLook out, and it as strict JSON.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from cxr_fastai.core import Task
from cxr_fastai.evaluation.curves import Benefit, Curve, benefit_of, curve_of
from cxr_fastai.evaluation.predictions import Predictions
from cxr_fastai.evaluation.questions import (
    Question,
    class_questions,
    decided_question,
    finding_questions,
)
from cxr_fastai.evaluation.reliability import Events, Reliability, reliability_of
from cxr_fastai.evaluation.subgroups import Subgroups, subgroups_of
from cxr_fastai.evaluation.uncalibrated import before_calibration, temperature_of
from cxr_fastai.intervals.bootstrap import Resampling
from cxr_fastai.recipes import UNSET
from cxr_fastai.reporting.text import decimal, span

__all__ = ["CloserLook", "look_at_classes", "look_at_findings"]


@dataclass(frozen=True, eq=False)
class CloserLook:
    """What a report shows beside its tables."""

    curves: tuple[Curve, ...]
    benefits: tuple[Benefit, ...]  # empty: no yes or no is decided
    reliability: Reliability
    subgroups: Subgroups

    def to_dict(self) -> dict[str, Any]:
        """Return everything as strict JSON."""
        return {
            "curves": {curve.slug: curve.to_dict() for curve in self.curves},
            "decision_curves": {each.slug: each.to_dict() for each in self.benefits},
            "calibration": self.reliability.to_dict(),
            "subgroups": self.subgroups.to_dict(),
        }

    @property
    def calibration_words(self) -> str:
        """What the temperature changed, and what few images alone would show."""
        found = self.reliability
        after, before = found.after, found.before
        brier = f"{decimal(after.brier)} ({span(after.brier_interval, as_share=False)})"
        ece = decimal(after.ece)
        if before is not None and found.temperature is not None:
            brier += f", {decimal(before.brier)} before temperature {found.temperature:.2f}"
            ece += f", {decimal(before.ece)} before"
        return (
            f"Calibration of {found.words}: Brier score {brier}; ECE {ece}, where faultless "
            f"probabilities would show {decimal(after.ece_by_chance)} on as many."
        )

    @property
    def subgroup_words(self) -> str:
        """Which subgroups fare worse; empty where none is shown to."""
        found = self.subgroups
        named = [f"{row.column} {row.value} ({decimal(row.auroc)})" for row in found.lower]
        if not named:
            return ""
        return (
            f"The AUROC is lower than that of all images ({decimal(found.auroc)}), its whole "
            f"interval below it, for {', '.join(named)}."
        )


def look_at_classes(
    found: Predictions,  # of a single-label bundle
    meta: Mapping[str, Any],  # of the bundle
    names: Mapping[str, str],  # class slug -> name to show, in vocab order
    resampling: Resampling,  # R draws of the groups of these images
) -> CloserLook:
    """Look closer at a single-label report."""
    before = before_calibration(found.probs, meta, list(names), Task.SINGLE_LABEL)
    decided = decided_question(found, before, names, meta.get("decision") or {})
    questions = class_questions(found, before, names, decided)
    events = _answer_events(found, before) if decided is None else _events([decided], decided.name)
    asked = questions if decided is None else [decided]
    of = "each class against the rest" if decided is None else decided.name
    right = found.preds == found.targs
    return CloserLook(
        curves=_curves(questions, resampling),
        benefits=() if decided is None else _benefits([decided], resampling),
        reliability=reliability_of(events, found.sources, temperature_of(meta), resampling),
        subgroups=subgroups_of(of, asked, right, found.rows, resampling),
    )


def look_at_findings(
    found: Predictions,  # of a multi-label bundle
    meta: Mapping[str, Any],  # of the bundle
    names: Mapping[str, str],
    resampling: Resampling,
) -> CloserLook:
    """Look closer at a multi-label report."""
    before = before_calibration(found.probs, meta, list(names), Task.MULTI_LABEL)
    fixed = cast("Mapping[str, float]", meta.get("thresholds") or {})
    thresholds = [(fixed.get(slug, UNSET), slug in fixed) for slug in names]
    questions = finding_questions(found, before, names, thresholds)
    events = _events(questions, "all findings in one count")
    return CloserLook(
        curves=_curves(questions, resampling),
        benefits=_benefits(questions, resampling),
        reliability=reliability_of(events, found.sources, temperature_of(meta), resampling),
        subgroups=subgroups_of("each finding", questions, None, found.rows, resampling),
    )


def _curves(questions: Sequence[Question], resampling: Resampling) -> tuple[Curve, ...]:
    """Return the curves of the questions that have two sides."""
    curves = [curve_of(question, resampling) for question in questions]
    return tuple(curve for curve in curves if curve is not None)


def _benefits(questions: Sequence[Question], resampling: Resampling) -> tuple[Benefit, ...]:
    """Return the net benefit of the questions that have two sides."""
    benefits = [benefit_of(question, resampling) for question in questions]
    return tuple(each for each in benefits if each is not None)


def _events(questions: Sequence[Question], words: str) -> Events:
    """Return what may come true: each question's yes."""
    happened = np.column_stack([question.positive for question in questions])
    return Events(
        words=words,
        happened=happened,
        known=np.column_stack([question.known for question in questions]),
        after=np.column_stack([question.probs for question in questions]),
        before=np.column_stack([question.before for question in questions]),
        happened_before=happened,
    )


def _answer_events(
    found: Predictions,  # of a bundle that decides nothing
    before: np.ndarray,  # (n, c)
) -> Events:
    """Return what may come true: that the most probable class is the right one."""
    truth = found.targs[:, None]
    return Events(
        words="the most probable class",
        happened=found.probs.argmax(1)[:, None] == truth,
        known=np.ones((len(truth), 1), bool),
        after=found.probs.max(1)[:, None],
        before=before.max(1)[:, None],
        happened_before=before.argmax(1)[:, None] == truth,
    )
