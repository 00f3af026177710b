"""MedMNIST's evaluator by its rules, and the published table.

Labels and probabilities in, numbers with 95 % intervals out. Of two classes the AUROC of the second
one's probability and the accuracy at 0.5; of more classes the mean of each against the rest and the
accuracy of the most probable; of several findings the mean over them, each at 0.5. These are
`getAUC` and `getACC` of the package medmnist 3.0.2; here `auc` and `acc`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.metrics import roc_auc_score

from cxr_fastai.core import UsageError
from cxr_fastai.intervals.bootstrap import Resampling
from cxr_fastai.intervals.exact import exact_share

PNEUMONIA = "pneumoniamnist"
CHEST = "chestmnist"
THRESHOLD = 0.5  # of the evaluator, whatever validation says
# AUC and ACC on the official test arrays: Yang et al. 2023, Sci Data 10:41; None: not read. Nearly
# all labels of ChestMNIST are 0: an accuracy of .947 is that of answering no finding at all.
PUBLISHED: dict[str, dict[str, tuple[float, float | None]]] = {
    PNEUMONIA: {
        "ResNet-18 (28)": (0.944, 0.854),
        "ResNet-18 (224)": (0.956, 0.864),
        "ResNet-50 (28)": (0.948, 0.854),
        "ResNet-50 (224)": (0.962, 0.884),
        "auto-sklearn": (0.942, 0.855),
        "AutoKeras": (0.947, 0.878),
        "Google AutoML Vision": (0.991, 0.946),
    },
    CHEST: {
        "ResNet-18 (28)": (0.768, None),
        "ResNet-18 (224)": (0.773, None),
        "ResNet-50 (28)": (0.769, None),
        "ResNet-50 (224)": (0.773, None),
        "auto-sklearn": (0.649, None),
        "AutoKeras": (0.742, None),
        "Google AutoML Vision": (0.778, 0.948),
    },
}
ENLARGED = "The paper's 224 is the array of 28 px enlarged, as ours of any side is."

Numbers = dict[str, Any]  # strict JSON


# ---- the evaluator's rules


def auc(
    truth: np.ndarray,  # (n,) class indices, or (n, c) of 0 and 1: findings
    scores: np.ndarray,  # (n, c) probabilities
) -> float:
    """Average the AUROC over classes or findings; of two classes it is the second one's."""
    if truth.ndim == 1 and scores.shape[1] == 2:
        return _auroc(truth == 1, scores[:, 1])
    found = []
    for i in range(scores.shape[1]):
        is_positive = truth == i if truth.ndim == 1 else truth[:, i] == 1
        found.append(_auroc(is_positive, scores[:, i]))
    return float(np.mean(found))


def _auroc(is_positive: np.ndarray, scores: np.ndarray) -> float:
    """Rank one class or finding. Raises `UsageError` where the array has it always or never."""
    if is_positive.all() or not is_positive.any():
        raise UsageError(
            f"an array of {len(is_positive)} images has a class or finding in all of them, or in "
            "none: the evaluator's AUC is not defined. Fetch the official file."
        )
    return float(roc_auc_score(is_positive, scores))


def acc(
    truth: np.ndarray,  # as for auc
    scores: np.ndarray,
) -> float:
    """Return the share of right answers: at THRESHOLD, or of more than two classes the highest."""
    if truth.ndim == 2:
        return float(((scores > THRESHOLD) == (truth == 1)).mean())
    if scores.shape[1] == 2:
        return float(((scores[:, 1] > THRESHOLD) == (truth == 1)).mean())
    return float((scores.argmax(1) == truth).mean())


# ---- with intervals


def scored(
    truth: np.ndarray,  # (n,) 0 or 1, or (n, c) of 0 and 1
    scores: np.ndarray,  # (n, 2), or (n, c)
    groups: list[str],
) -> Numbers:
    """Score one network, or a mean of several, with 95 % intervals."""
    area = auc(truth, scores)
    right = acc(truth, scores)
    resampling = Resampling(groups)
    if truth.ndim == 2:
        columns = range(truth.shape[1])
        each = [resampling.aurocs(truth[:, i] == 1, scores[:, i]) for i in columns]
        is_right = ((scores > THRESHOLD) == (truth == 1)).mean(1)
        rarest = min(resampling.groups_of(truth[:, i] == 1) for i in columns)
        right_draws = resampling.shares(is_right, np.ones(len(truth)))
        return {
            "auc": area,
            "auc_interval": resampling.interval(np.mean(each, axis=0), area, rarest),
            "acc": right,
            "acc_interval": resampling.interval(right_draws, right, len(set(groups))),
        }
    draws = resampling.aurocs(truth == 1, scores[:, 1])
    sides = resampling.groups_of(truth == 1, truth == 0)
    return {
        "auc": area,
        "auc_interval": resampling.interval(draws, area, sides, is_ranking=True),
        "acc": right,
        "acc_interval": exact_share(right, len(set(groups))),
    }
