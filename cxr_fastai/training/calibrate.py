"""What is fixed on the validation split once a network is trained.

Its temperature, and the thresholds of its answers. Logits and classes in, plain numbers out. Never
sees a test image; never changes a weight.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.special import expit
from sklearn.metrics import roc_auc_score
from torch import Tensor

from cxr_fastai.core import Task
from cxr_fastai.recipes import Recipe
from cxr_fastai.training.losses import prior_offsets

__all__ = ["calibrate", "fit_temperature", "fit_decision", "fit_thresholds", "probabilities"]

MAX_TEMPERATURE = 20.0  # temperatures looked at: from a twentieth to this
SHARE_DIGITS = 6  # of a share of images in images: finer differences are those of floats
MIN_PROBABILITY = 1e-30  # below it, its logarithm is taken of this

Offsets = np.ndarray | float  # (classes,) of losses.prior_offsets, or 0 for all


def calibrate(
    recipe: Recipe,
    logits: np.ndarray,  # (n, classes)
    targs: np.ndarray,  # (n,) class indices, or (n, classes) of 1, 0 and nan
    weights: Tensor | None = None,  # of the loss that the network was trained with
) -> tuple[dict[str, Any], dict[str, float]]:
    """Fix temperature, offsets, decision and thresholds for bundle.json.

    Also returns {auroc} of what a decision asks, where there is one. The loss's weights are taken
    back where thresholds decide. Elsewhere they stay: they say what a mistake costs.
    """
    thresholds_decide = recipe.task is Task.MULTI_LABEL or bool(recipe.negative)
    offsets = prior_offsets(weights) if thresholds_decide else 0.0
    temperature = fit_temperature(logits, targs, offsets)
    probs = probabilities(logits, recipe.task, temperature, offsets)
    decision: dict[str, Any] = {}
    thresholds: dict[str, float] = {}
    scores: dict[str, float] = {}
    if recipe.task is Task.MULTI_LABEL:
        thresholds = fit_thresholds(probs, targs, recipe.vocab)
    elif recipe.negative:
        decision = fit_decision(
            probs, targs, recipe.vocab, recipe.negative, recipe.sensitivity, recipe.triage
        )
    if decision:
        negative = recipe.vocab.index(recipe.negative)
        risk = np.delete(probs, negative, 1).sum(1)
        scores = dict(auroc=float(roc_auc_score(targs != negative, risk)))
    found = dict(
        temperature=temperature,
        decision=decision,
        thresholds=thresholds,
        offsets=_by_class(offsets, recipe.vocab),
    )
    return found, scores


def _by_class(offsets: Offsets, vocab: list[str]) -> dict[str, float]:
    """Name the offsets that are not 0."""
    values = np.broadcast_to(offsets, len(vocab)).tolist()
    named = dict(zip(vocab, values))
    return {name: round(offset, 6) for name, offset in named.items() if offset}


def probabilities(
    logits: np.ndarray,  # (n, classes)
    task: Task,
    temperature: float = 1.0,
    offsets: Offsets = 0.0,
) -> np.ndarray:  # (n, classes) float64
    """Turn logits into probabilities, as Bundle.probs_of has them."""
    z = np.asarray(logits, np.float64) / temperature + offsets
    if task is Task.MULTI_LABEL:
        return expit(z)
    e = np.exp(z - z.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


# ---- temperature


def fit_temperature(
    logits: np.ndarray,  # (n, classes)
    targs: np.ndarray,  # (n,) class indices, or (n, classes) of 1, 0 and nan
    offsets: Offsets = 0.0,
) -> float:
    """Find the number to divide logits by so that probabilities are as likely as can be.

    Guo et al. 2017, arXiv 1706.04599. It moves no ranking of classes. 1 where validation cannot
    tell: no images, or none of them wrong.
    """
    from scipy.optimize import minimize_scalar

    if not len(targs) or not _some_wrong(logits + offsets, targs):
        return 1.0
    task = Task.MULTI_LABEL if targs.ndim == 2 else Task.SINGLE_LABEL

    def loss(log_temperature: float) -> float:
        """Return the mean log loss at a temperature."""
        probs = probabilities(logits, task, math.exp(log_temperature), offsets)
        likelihoods = np.maximum(_of_truth(probs, targs), MIN_PROBABILITY)
        return -np.log(likelihoods).mean()

    bound = math.log(MAX_TEMPERATURE)
    best = minimize_scalar(loss, bounds=(-bound, bound), method="bounded")
    return float(round(math.exp(best.x), 4))


def _some_wrong(logits: np.ndarray, targs: np.ndarray) -> bool:
    """Tell whether any answer that can be checked is wrong."""
    if targs.ndim == 1:
        return bool((logits.argmax(1) != targs).any())
    right = (logits > 0) == (targs == 1)
    return not (right | np.isnan(targs)).all()


def _of_truth(
    probs: np.ndarray,  # (n, classes)
    targs: np.ndarray,  # (n,) class indices, or (n, classes) of 1, 0 and nan
) -> np.ndarray:
    """Return the probability that was given to what is true, wherever that is known."""
    if targs.ndim == 1:
        images = np.arange(len(targs))
        return probs[images, targs]
    known = ~np.isnan(targs)
    of_truth = np.where(targs == 1, probs, 1 - probs)
    return of_truth[known]


# ---- thresholds


def fit_thresholds(
    probs: np.ndarray,  # (n, classes), calibrated
    targs: np.ndarray,  # (n, classes) of 1, 0 and nan
    vocab: list[str],
) -> dict[str, float]:
    """Find for each finding the threshold of the highest F1 among validation's images.

    Lipton, Elkan & Naryanaswamy 2014, arXiv 1402.1892; midway to the next lower probability. A
    finding that validation has no image of, or nothing else than, has none. With few images of a
    finding it is as uncertain as they are few; the report's intervals do not know of that.
    """
    probs = np.asarray(probs, np.float64)
    found = {}
    for i, name in enumerate(vocab):
        known = ~np.isnan(targs[:, i])
        scores = probs[known, i]
        present = targs[known, i] == 1
        if present.any() and not present.all():
            found[name] = _best_f1(scores, present)
    return found


def _best_f1(scores: np.ndarray, present: np.ndarray) -> float:
    """Return the threshold of the highest F1 of scores (n,) and presence (n,) of one finding."""
    levels = np.unique(scores)
    answered = _reaching(levels, scores)
    right = _reaching(levels, scores[present])
    f1 = 2 * right / (answered + present.sum())
    best = levels[int(f1.argmax())]
    return _below(best, scores)


def _reaching(
    levels: np.ndarray,  # (m,)
    scores: np.ndarray,  # (n,)
) -> np.ndarray:  # (m,)
    """Count for each level the scores that reach it."""
    ranked = np.sort(scores)
    return len(scores) - np.searchsorted(ranked, levels)


def _below(
    score: float,
    scores: np.ndarray,  # (n,) of all images
) -> float:
    """Go midway to the next lower score, or to 0.

    Rounding to float32, as a bundle computes, then moves nobody across it.
    """
    lower = scores[scores < score]
    next_lower = lower.max() if len(lower) else 0.0
    return float((score + next_lower) / 2)


def _least_found(
    share: float,  # 0-1, that must be found
    n: int,  # 1 or more
) -> int:
    """Return the least number of n that is this share of them, 1 or more.

    As a float .55 * 100 is a little more than 55, and would ask for 56.
    """
    return max(1, math.ceil(round(share * n, SHARE_DIGITS)))


def fit_decision(
    probs: np.ndarray,  # (n, classes), calibrated
    targs: np.ndarray,  # (n,) class indices
    vocab: list[str],
    negative: str,  # the class of those who have nothing
    sensitivity: float,  # least share of the others that must be found
    triage: Sequence[float] = (),  # further such shares, for a worklist
) -> dict[str, Any]:  # for bundle.json; empty where validation lacks one of the two sides
    """Fix the threshold on the probability of not being `negative`.

    It is the highest that still finds `sensitivity` of those who are not, midway to the next lower
    score: fixed by what the reader needs, not by this split's prevalence, which another hospital
    does not share.
    """
    index = vocab.index(negative)
    risk = np.delete(probs, index, 1).sum(1)
    positive = targs != index
    if not positive.any() or positive.all():
        return {}
    ranked = np.sort(risk[positive])[::-1]

    def threshold_for(share: float) -> float:
        """Return the threshold that still finds this share."""
        return _below(ranked[_least_found(share, len(ranked)) - 1], risk)

    threshold = threshold_for(sensitivity)
    found = risk >= threshold
    decision: dict[str, Any] = dict(
        negative=negative,
        threshold=threshold,
        asked_sensitivity=float(sensitivity),
        sensitivity=float(found[positive].mean()),
        specificity=float((~found[~positive]).mean()),
    )
    if triage:
        decision["triage"] = [
            dict(asked_sensitivity=share, threshold=threshold_for(share)) for share in triage
        ]
    return decision
