"""How well one attribute alone tells a class: source, age group, sex or view.

A Cohort -> AUROC of each attribute and class. Never looks at a pixel or a file.
"""

from __future__ import annotations

from typing import TypedDict

import numpy as np

from cxr_fastai.cohort.counts import Cohort

__all__ = ["ATTRIBUTES", "AttributeScore", "auroc_alone", "score_attributes"]

# name -> column of the cohort; an age group is that of the age, or else the catalogue's word
ATTRIBUTES = {"source": "source", "age_group": "group", "sex": "sex", "view": "view"}


class AttributeScore(TypedDict):
    """AUROC of knowing one attribute, for one class, over the images where both are known."""

    auroc: float | None  # None without images on both sides
    images: int  # that have the class
    others: int


def auroc_alone(
    has: np.ndarray,  # (n,) bool: the image has the class
    values: np.ndarray,  # (n,) text: what is known of it
) -> float | None:  # None without images on both sides
    """Return the AUROC of ranking images by the class's prevalence among those of the same value.

    It is the best that can be had by who sees nothing else (Neyman and Pearson). Prevalences are
    those of the images at hand, so it is the strictest form; 0.5 tells nothing, 1 all.
    """
    names, index = np.unique(values, return_inverse=True)
    return _auroc(*_sides(has, index, len(names)))


def score_attributes(
    cohort: Cohort,
) -> dict[str, dict[str, AttributeScore]]:  # attribute -> class -> score
    """Return how well each attribute alone tells each class."""
    scores = {}
    for name, column in ATTRIBUTES.items():
        scores[name] = _score_classes(cohort, column)
    return scores


def _score_classes(
    cohort: Cohort,
    column: str,  # of the attribute
) -> dict[str, AttributeScore]:  # class -> score
    """Score one attribute, over the images where it and the class are known."""
    values = cohort.columns[column]
    names, index = np.unique(values, return_inverse=True)
    given = values != ""
    scores = {}
    for label in cohort.names:
        known = given & ~cohort.unknown[label]
        with_class = cohort.has[label][known]
        has, others = _sides(with_class, index[known], len(names))
        scores[label] = AttributeScore(
            auroc=_auroc(has, others),
            images=int(has.sum()),
            others=int(others.sum()),
        )
    return scores


def _sides(
    has: np.ndarray,  # (n,) bool: the image has the class
    index: np.ndarray,  # (n,) of its value
    n_values: int,
) -> tuple[np.ndarray, np.ndarray]:  # (n_values,) each
    """Count the images with the class and without it, of each value."""
    with_class = np.bincount(index[has], minlength=n_values)
    without = np.bincount(index[~has], minlength=n_values)
    return with_class, without


def _auroc(
    with_class: np.ndarray,  # (v,) images of each value
    without: np.ndarray,  # (v,)
) -> float | None:  # None without images on both sides
    """Rank values by prevalence and return the AUROC; images of one value count by halves."""
    if not with_class.any() or not without.any():
        return None
    seen = with_class + without > 0
    yes = with_class[seen].astype(float)
    no = without[seen].astype(float)
    prevalence = yes / (yes + no)
    order = np.argsort(prevalence, kind="stable")
    yes = yes[order]
    no = no[order]
    ranked_below = np.cumsum(no) - no
    pairs = yes.sum() * no.sum()
    return float(yes @ (ranked_below + no / 2) / pairs)
