"""The yes or no questions that a report's answers come to, for curves, calibration and subgroups.

Predictions and what a bundle decides in, Questions out: each a truth and a probability an image.
Counts nothing.

A decision is one question (not normal?); several classes are a question each against the rest; each
finding is one, over the images where it is known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from cxr_fastai.evaluation.predictions import Predictions

__all__ = ["Question", "class_questions", "decided_question", "finding_questions"]


@dataclass(frozen=True, eq=False)
class Question:
    """A yes or no asked of n images."""

    slug: str  # class or finding; of a decision: not_ and the negative class
    name: str  # to show
    positive: np.ndarray  # (n,) bool
    known: np.ndarray  # (n,) bool
    probs: np.ndarray  # (n,) of a yes, calibrated
    before: np.ndarray  # (n,) of a yes, before temperature and offsets
    threshold: float | None = None  # from which the bundle answers yes
    is_fixed: bool = False  # whether validation fixed it


def decided_question(
    found: Predictions,  # of a single-label bundle
    before: np.ndarray,  # (n, c) probabilities before calibration
    names: Mapping[str, str],  # class slug -> name to show, in vocab order
    decision: Mapping[str, object],  # of the bundle; empty where it decides nothing
) -> Question | None:
    """Return the question that a threshold answers; None where the bundle has none."""
    if not decision:
        return None
    negative = str(decision["negative"])
    index = list(names).index(negative)
    return Question(
        slug=f"not_{negative}",
        name=f"not {names[negative]}",
        positive=found.targs != index,
        known=np.ones(len(found.targs), bool),
        probs=np.delete(found.probs, index, 1).sum(1),
        before=1 - before[:, index],
        threshold=float(str(decision["threshold"])),
        is_fixed=True,
    )


def class_questions(
    found: Predictions,  # of a single-label bundle
    before: np.ndarray,  # (n, c) probabilities before calibration
    names: Mapping[str, str],
    decided: Question | None,  # of `decided_question`
) -> list[Question]:
    """Return the decision, if any, and each class against the rest; of two classes that decides."""
    if decided is not None and len(names) == 2:
        return [decided]
    questions = [decided] if decided is not None else []
    for i, (slug, name) in enumerate(names.items()):
        every = np.ones(len(found.targs), bool)
        is_class = found.targs == i
        questions.append(Question(slug, name, is_class, every, found.probs[:, i], before[:, i]))
    return questions


def finding_questions(
    found: Predictions,  # of a multi-label bundle
    before: np.ndarray,  # (n, c) probabilities before calibration
    names: Mapping[str, str],
    thresholds: Sequence[tuple[float, bool]],  # (c,) and whether validation fixed it
) -> list[Question]:
    """Return a question a finding."""
    questions = []
    for i, (slug, name) in enumerate(names.items()):
        labels = found.targs[:, i]
        threshold, is_fixed = thresholds[i]
        questions.append(
            Question(
                slug=slug,
                name=name,
                positive=labels == 1,
                known=~np.isnan(labels),
                probs=found.probs[:, i],
                before=before[:, i],
                threshold=threshold,
                is_fixed=is_fixed,
            )
        )
    return questions
