"""Drawn questions and probabilities, for tests of a closer look at answers."""

import numpy as np

from cxr_fastai.evaluation.questions import Question
from cxr_fastai.evaluation.reliability import Events, reliability_of
from cxr_fastai.intervals.bootstrap import Resampling


def question(seed=0, n=150, strength=1.5, threshold=0.5):
    rng = np.random.default_rng(seed)
    positive = rng.random(n) < 0.4
    probs = np.round(1 / (1 + np.exp(-(strength * positive - 0.8 + rng.normal(0, 1, n)))), 2)
    known = rng.random(n) < 0.9
    return Question("x", "X", positive, known, probs, probs, threshold, True)


def events(probs, happened, before=None):
    column = np.asarray(probs)[:, None]
    truth = np.asarray(happened)[:, None]
    raw = column if before is None else np.asarray(before)[:, None]
    return Events("x", truth, np.ones_like(truth), column, raw, truth)


def drawn(seed=0, n=400):
    rng = np.random.default_rng(seed)
    probs = rng.random(n)
    return probs, rng.random(n) < probs


def found(probs, happened, before=None, sources=None, groups=None):
    n = len(probs)
    resampling = Resampling(range(n) if groups is None else groups, 200, 0)
    return reliability_of(events(probs, happened, before), sources or ["s"] * n, 1.5, resampling)
