"""What is fixed on the validation split once a network is trained: its temperature, and the threshold of a yes or no.

Logits and classes in, plain numbers out. Never sees a test image; never changes a weight.
"""
from __future__ import annotations
import math
import numpy as np

__all__ = ["fit_temperature", "fit_decision", "softmax"]

HOTTEST = 20.0  # temperatures looked at: from a twentieth to this


def softmax(logits:np.ndarray, temperature:float=1.0)->np.ndarray:
    z = np.asarray(logits, np.float64) / temperature
    e = np.exp(z - z.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)

def fit_temperature(
    logits:np.ndarray,  # (n, classes)
    targs:np.ndarray,   # (n,) class indices
)->float:
    """The one number by which logits are divided so that probabilities are as likely as can be (Guo et al. 2017, arXiv
    1706.04599). It moves no ranking of classes. 1 where validation cannot tell: no images, or none of them wrong."""
    from scipy.optimize import minimize_scalar
    if not len(targs) or (logits.argmax(1) == targs).all(): return 1.0
    def loss(log_t):
        p = softmax(logits, math.exp(log_t))[np.arange(len(targs)), targs]
        return -np.log(np.maximum(p, 1e-30)).mean()
    best = minimize_scalar(loss, bounds=(-math.log(HOTTEST), math.log(HOTTEST)), method="bounded")
    return float(round(math.exp(best.x), 4))

def fit_decision(
    probs:np.ndarray,     # (n, classes), calibrated
    targs:np.ndarray,     # (n,) class indices
    vocab:list[str],
    negative:str,         # the class of those who have nothing
    sensitivity:float,    # least share of the others that must be found
)->dict:                  # for bundle.json; empty where validation lacks one of the two sides
    """The highest threshold on the probability of not being `negative` that still finds `sensitivity` of those who are
    not: fixed by what the reader needs, not by this split's prevalence, which another hospital does not share."""
    index = vocab.index(negative)
    scores, positive = 1 - probs[:, index], targs != index
    if not positive.any() or positive.all(): return {}
    ranked = np.sort(scores[positive])[::-1]
    threshold = float(ranked[math.ceil(sensitivity*len(ranked)) - 1])
    found = scores >= threshold
    return dict(negative=negative, threshold=threshold, asked_sensitivity=float(sensitivity),
                sensitivity=float(found[positive].mean()), specificity=float((~found[~positive]).mean()))
