"""All numbers of several findings, counted once or in each resample by the same lines.

Checked arrays and draws of their images in, arrays with a row a draw out, nan where a number is
undefined. An unknown label counts nowhere.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from sklearn.metrics import average_precision_score, roc_auc_score

__all__ = [
    "AVERAGES",
    "HEADLINE_KEYS",
    "SCORE_KEYS",
    "Draws",
    "FindingCounts",
    "SingleDraw",
    "count_findings",
]

AVERAGES = ("micro", "macro", "weighted", "samples")
SCORE_KEYS = ("precision", "recall", "f1")
HEADLINE_KEYS = (
    "macro_auroc",
    "macro_ap",
    "macro_f1",
    "micro_f1",
    "weighted_f1",
    "samples_f1",
    "exact",
)


class Draws(Protocol):
    """R draws of the images: a Resampling, or a SingleDraw."""

    def totals(
        self,
        values: np.ndarray,  # (n, ..)
    ) -> np.ndarray:
        """Sum over the images of each draw, (R, ..)."""

    def aurocs(
        self,
        positive: np.ndarray,  # (n,) bool
        scores: np.ndarray,  # (n,)
        among: np.ndarray,  # (n,) bool: the images that count
    ) -> np.ndarray:
        """Return the area under the ROC curve in each draw, (R,)."""

    def average_precisions(
        self,
        positive: np.ndarray,  # (n,) bool
        scores: np.ndarray,  # (n,)
        among: np.ndarray,  # (n,) bool: the images that count
    ) -> np.ndarray:
        """Return the average precision in each draw, (R,)."""


class SingleDraw:
    """The images as they came, in the place of a Resampling: one draw, of each group once."""

    def totals(
        self,
        values: np.ndarray,  # (n, ..)
    ) -> np.ndarray:
        """Sum over the images, (1, ..)."""
        return np.asarray(values).sum(0, dtype=float)[None]

    def aurocs(
        self,
        positive: np.ndarray,  # (n,) bool
        scores: np.ndarray,  # (n,)
        among: np.ndarray,  # (n,) bool: the images that count
    ) -> np.ndarray:
        """Return scikit-learn's AUROC, (1,)."""
        return _score(roc_auc_score, positive[among], scores[among])

    def average_precisions(
        self,
        positive: np.ndarray,  # (n,) bool
        scores: np.ndarray,  # (n,)
        among: np.ndarray,  # (n,) bool: the images that count
    ) -> np.ndarray:
        """Return scikit-learn's average precision, (1,)."""
        return _score(average_precision_score, positive[among], scores[among])


def _score(
    score: Callable[[np.ndarray, np.ndarray], float],
    positive: np.ndarray,  # (n,) bool
    scores: np.ndarray,  # (n,)
) -> np.ndarray:
    """Return a ranking's score as (1,); nan without images on both sides."""
    if positive.all() or not positive.any():
        return np.array([np.nan])
    return np.array([score(positive, scores)])


@dataclass(frozen=True, eq=False)
class FindingCounts:
    """All numbers in each draw."""

    headline: dict[str, np.ndarray]  # (R,) of HEADLINE_KEYS
    averages: dict[str, dict[str, np.ndarray]]  # (R,) of AVERAGES and SCORE_KEYS
    per_class: dict[str, np.ndarray]  # (R, c), by name


@dataclass(frozen=True, eq=False)
class _Masks:
    """Which findings of which images count as what."""

    known: np.ndarray  # (n, c) bool
    present: np.ndarray
    answered: np.ndarray  # and known
    right: np.ndarray  # answered and present


@dataclass(frozen=True, eq=False)
class _Totals:
    """Numbers of images of each of the masks."""

    known: np.ndarray  # (R, c), or (R,)
    present: np.ndarray
    answered: np.ndarray
    right: np.ndarray

    def over_findings(self) -> _Totals:
        """Return all findings in one count."""
        return _Totals(
            known=self.known.sum(1),
            present=self.present.sum(1),
            answered=self.answered.sum(1),
            right=self.right.sum(1),
        )


def count_findings(
    draws: Draws,  # R draws of the images
    targs: np.ndarray,  # (n, c) 1 present, 0 absent, nan unknown
    probs: np.ndarray,  # (n, c)
    preds: np.ndarray,  # (n, c) bool: what was answered
) -> FindingCounts:
    """Count all numbers in each draw."""
    known = ~np.isnan(targs)
    present = targs == 1
    masks = _Masks(known, present, answered=known & preds, right=present & preds)
    totals = _count_masks(draws, masks)
    rates = _rates(totals)
    rankings = _count_rankings(draws, masks, probs)
    averages = _averages(rates, totals)
    samples, exact = _count_samples(draws, masks)
    undefined = np.isnan(averages["micro"]["f1"])
    averages["samples"] = {key: np.where(undefined, np.nan, x) for key, x in samples.items()}
    headline = {
        "macro_auroc": _mean_of_defined(rankings["auroc"]),
        "macro_ap": _mean_of_defined(rankings["ap"]),
    }
    for name in AVERAGES:
        headline[f"{name}_f1"] = averages[name]["f1"]
    headline["exact"] = exact
    return FindingCounts(headline, averages, per_class={**rankings, **rates})


# ---- rankings and answers, by finding


def _count_rankings(
    draws: Draws,
    masks: _Masks,
    probs: np.ndarray,
) -> dict[str, np.ndarray]:  # auroc and ap, (R, c)
    """Count how well each finding is ranked."""
    columns = []
    for i in range(probs.shape[1]):
        columns.append((masks.present[:, i], probs[:, i], masks.known[:, i]))
    aurocs = np.stack([draws.aurocs(*column) for column in columns], axis=1)
    precisions = np.stack([draws.average_precisions(*column) for column in columns], axis=1)
    precisions[np.isnan(aurocs)] = np.nan  # where all images have a finding, ranking is no feat
    return {"auroc": aurocs, "ap": precisions}


def _count_masks(
    draws: Draws,  # R draws of the images
    masks: _Masks,  # (n, c) each
) -> _Totals:
    """Count the images of each finding and mask, in each draw.

    One sum over all masks at once: a sparse product is read once.
    """
    stacked = np.hstack([masks.known, masks.present, masks.answered, masks.right])
    return _Totals(*np.split(draws.totals(stacked), 4, axis=1))


def _rates(
    totals: _Totals,  # of `_count_masks`
) -> dict[str, np.ndarray]:
    """Return the shares of each finding, or of all; nan where that is nothing of nothing."""
    known, present = totals.known, totals.present
    answered, right = totals.answered, totals.right
    with np.errstate(invalid="ignore", divide="ignore"):
        return {
            "prevalence": present / known,
            "precision": right / answered,
            "recall": right / present,
            "specificity": (known - present - answered + right) / (known - present),
            "f1": np.where(present > 0, 2 * right / (present + answered), np.nan),
        }


# ---- averages


def _averages(
    rates: dict[str, np.ndarray],  # (R, c)
    totals: _Totals,
) -> dict[str, dict[str, np.ndarray]]:  # all but that of samples
    """Average over the findings, and count all of them at once."""
    by_finding = _averaged_scores(rates, totals.present)
    in_one_count = totals.over_findings()
    macro = {key: _mean_of_defined(values) for key, values in by_finding.items()}
    weighted = {key: _mean_of_defined(x, totals.present) for key, x in by_finding.items()}
    micro = _averaged_scores(_rates(in_one_count), in_one_count.present)
    return {"micro": micro, "macro": macro, "weighted": weighted}


def _averaged_scores(
    rates: dict[str, np.ndarray],  # of `_rates`
    present: np.ndarray,  # (R, c), or (R,): images that have a finding
) -> dict[str, np.ndarray]:
    """Return what averages are made of.

    Where something is present and nothing was answered, precision is 0.
    """
    precision = np.where(present > 0, np.nan_to_num(rates["precision"]), np.nan)
    return {"precision": precision, "recall": rates["recall"], "f1": rates["f1"]}


def _count_samples(
    draws: Draws,
    masks: _Masks,
) -> tuple[dict[str, np.ndarray], np.ndarray]:  # scores (R,); share of images all right (R,)
    """Return the means over the images of the scores of their findings, and the exact share."""
    n_present = masks.present.sum(1)
    n_answered = masks.answered.sum(1)
    n_right = masks.right.sum(1)
    some_known = masks.known.any(1)
    all_right = (masks.answered == masks.present).all(1)
    columns = [
        _share_or_zero(n_right, n_answered),
        _share_or_zero(n_right, n_present),
        _share_or_zero(2 * n_right, n_present + n_answered),
        all_right & some_known,
        some_known,
    ]
    sums = draws.totals(np.column_stack(columns))
    with np.errstate(invalid="ignore"):
        precision, recall, f1, exact = sums[:, :4].T / sums[:, 4]
    return {"precision": precision, "recall": recall, "f1": f1}, exact


def _share_or_zero(
    part: np.ndarray,
    whole: np.ndarray,
) -> np.ndarray:
    """Divide, image by image; 0 where that is nothing of nothing.

    scikit-learn's zero_division=0.
    """
    return np.divide(part, whole, out=np.zeros(len(part)), where=whole > 0)


def _mean_of_defined(
    values: np.ndarray,  # (R, c)
    weights: np.ndarray | None = None,  # (R, c) 0 or more; None: each finding as much as the others
) -> np.ndarray:  # (R,) over the findings whose value is defined; nan where there is none
    """Average over the findings whose number is defined in a draw."""
    known = ~np.isnan(values)
    weights = known if weights is None else known * weights
    with np.errstate(invalid="ignore"):
        return (np.where(known, values, 0) * weights).sum(1) / weights.sum(1)
