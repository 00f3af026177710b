"""What is fixed on the validation split once a network is trained: its temperature, and the thresholds of its answers.

Logits and classes in, plain numbers out. Never sees a test image; never changes a weight.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.special import expit
from sklearn.metrics import roc_auc_score

from cxr_fastai.core import Task
from cxr_fastai.recipes import Recipe
from cxr_fastai.training.losses import prior_offsets

__all__ = ["calibrate", "fit_temperature", "fit_decision", "fit_thresholds", "probabilities"]

HOTTEST = 20.0  # temperatures looked at: from a twentieth to this


def calibrate(
    recipe: Recipe,
    logits: np.ndarray,  # (n, classes)
    targs: np.ndarray,  # (n,) class indices, or (n, classes) of 1, 0 and nan
    weights=None,  # of the loss that the network was trained with
) -> tuple[
    dict, dict
]:  # temperature, offsets, decision and thresholds for bundle.json; {auroc} of what a decision asks
    """The loss's weights are taken back where thresholds decide. Elsewhere they stay: they say what a mistake costs."""
    vocab, decides = recipe.vocab, recipe.task is Task.MULTI_LABEL or bool(recipe.negative)
    offsets = prior_offsets(weights) if decides else 0.0
    found = dict(
        temperature=fit_temperature(logits, targs, offsets),
        decision={},
        thresholds={},
        offsets={
            c: round(float(x), 6) for c, x in zip(vocab, np.broadcast_to(offsets, len(vocab))) if x
        },
    )
    probs = probabilities(logits, recipe.task is Task.MULTI_LABEL, found["temperature"], offsets)
    if recipe.task is Task.MULTI_LABEL:
        return {**found, "thresholds": fit_thresholds(probs, targs, vocab)}, {}
    if not recipe.negative:
        return found, {}
    decision = fit_decision(probs, targs, vocab, recipe.negative, recipe.sensitivity, recipe.triage)
    index = vocab.index(recipe.negative)
    auroc = (
        dict(auroc=float(roc_auc_score(targs != index, np.delete(probs, index, 1).sum(1))))
        if decision
        else {}
    )
    return {**found, "decision": decision}, auroc


def probabilities(
    logits: np.ndarray,  # (n, classes)
    multi: bool,  # findings, not classes that exclude each other
    temperature: float = 1.0,
    offsets=0.0,  # (classes,) of losses.prior_offsets
) -> np.ndarray:  # (n, classes) float64, as Bundle.probs_of has them
    z = np.asarray(logits, np.float64) / temperature + offsets
    if multi:
        return expit(z)
    e = np.exp(z - z.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def fit_temperature(
    logits: np.ndarray,  # (n, classes)
    targs: np.ndarray,  # (n,) class indices, or (n, classes) of 1, 0 and nan
    offsets=0.0,  # (classes,) of losses.prior_offsets
) -> float:
    """The one number by which logits are divided so that probabilities are as likely as can be (Guo et al. 2017, arXiv
    1706.04599). It moves no ranking of classes. 1 where validation cannot tell: no images, or none of them wrong.
    """
    from scipy.optimize import minimize_scalar

    multi = targs.ndim == 2
    right = (
        (logits + offsets > 0) == (targs == 1) if multi else (logits + offsets).argmax(1) == targs
    )
    if not len(targs) or (right | np.isnan(targs)).all():
        return 1.0

    def loss(log_t):
        return -np.log(
            np.maximum(
                _of_truth(probabilities(logits, multi, math.exp(log_t), offsets), targs), 1e-30
            )
        ).mean()

    best = minimize_scalar(loss, bounds=(-math.log(HOTTEST), math.log(HOTTEST)), method="bounded")
    return float(round(math.exp(best.x), 4))


def _of_truth(probs: np.ndarray, targs: np.ndarray) -> np.ndarray:
    """The probability that was given to what is true, wherever that is known."""
    if targs.ndim == 1:
        return probs[np.arange(len(targs)), targs]
    return np.where(targs == 1, probs, 1 - probs)[~np.isnan(targs)]


def fit_thresholds(
    probs: np.ndarray,  # (n, classes), calibrated
    targs: np.ndarray,  # (n, classes) of 1, 0 and nan
    vocab: list[str],
) -> dict[
    str, float
]:  # by finding; one that validation has no image of, or nothing else than, has none
    """For each finding the threshold of the highest F1 among validation's images (Lipton, Elkan & Naryanaswamy 2014,
    arXiv 1402.1892), midway to the next lower probability. With few images of a finding it is as uncertain as they are
    few; the report's intervals do not know of that.
    """
    found = {}
    for c, p, y in zip(vocab, np.asarray(probs, np.float64).T, targs.T):
        known = ~np.isnan(y)
        p, y = p[known], y[known] == 1
        if not y.any() or y.all():
            continue
        levels = np.unique(p)
        answered = len(p) - np.searchsorted(np.sort(p), levels)
        right = y.sum() - np.searchsorted(np.sort(p[y]), levels)
        best = int((2 * right / (answered + y.sum())).argmax())
        found[c] = _below(levels[best], p)
    return found


def _below(score: float, scores: np.ndarray) -> float:
    """Midway to the next lower score, or to 0: rounding to float32, as a bundle computes, moves nobody across it."""
    lower = scores[scores < score]
    return float((score + (lower.max() if len(lower) else 0.0)) / 2)


def fit_decision(
    probs: np.ndarray,  # (n, classes), calibrated
    targs: np.ndarray,  # (n,) class indices
    vocab: list[str],
    negative: str,  # the class of those who have nothing
    sensitivity: float,  # least share of the others that must be found
    triage=(),  # further such shares, for a worklist
) -> dict:  # for bundle.json; empty where validation lacks one of the two sides
    """The highest threshold on the probability of not being `negative` that still finds `sensitivity` of those who are
    not, midway to the next lower one: fixed by what the reader needs, not by this split's prevalence, which another
    hospital does not share.
    """
    scores, positive = (
        np.delete(probs, vocab.index(negative), 1).sum(1),
        targs != vocab.index(negative),
    )
    if not positive.any() or positive.all():
        return {}
    ranked = np.sort(scores[positive])[::-1]

    def finds(share):
        return _below(ranked[math.ceil(share * len(ranked)) - 1], scores)

    threshold = finds(sensitivity)
    found = scores >= threshold
    return dict(
        negative=negative,
        threshold=threshold,
        asked_sensitivity=float(sensitivity),
        sensitivity=float(found[positive].mean()),
        specificity=float((~found[~positive]).mean()),
        **(
            {"triage": [dict(asked_sensitivity=s, threshold=finds(s)) for s in triage]}
            if triage
            else {}
        ),
    )
