"""Made-up labels, probabilities and answers, and what tests count of them."""

import numpy as np

from cxr_fastai.evaluation.multi_label import findings_metrics
from cxr_fastai.intervals.bootstrap import interval


def one_hot(preds, c=3):
    return np.eye(c)[preds] * 0.8 + 0.2 / c


def draw_classes(seed, n=200, c=4, sources=5):
    "Random truths, probabilities and sources: (n,), (n, c), (n,)."
    rng = np.random.default_rng(seed)
    return (
        rng.integers(0, c, n),
        rng.dirichlet(np.ones(c), n),
        rng.choice([f"s{i}" for i in range(sources)], n),
    )


def leaves(obj):
    "Every leaf of nested dicts and lists."
    if isinstance(obj, dict):
        obj = list(obj.values())
    return [x for o in obj for x in leaves(o)] if isinstance(obj, list) else [obj]


def limits_of(found, *keys, groups):
    "Interval of the number that `keys` lead to, over what was counted in each resample."

    def number(x):
        for k in keys:
            x = x[k]
        return np.nan if x is None else x

    return interval([number(x) for x in found], groups)


def draw_findings(seed, n=120, unknown=0.0):
    "Truths, probabilities with ties, answers, sources, groups; each finding of its own prevalence in each source."
    rng = np.random.default_rng(seed)
    sources = rng.integers(0, 3, n)
    targs = (
        rng.random((n, 4)) < np.array([0.5, 0.3, 0.2, 0.1]) * (0.5 + sources[:, None] / 2)
    ).astype(float)
    probs = np.round((rng.random((n, 4)) + targs / 2) / 1.5, 2).astype(np.float32)
    targs[rng.random(targs.shape) < unknown] = np.nan
    return (
        targs,
        probs,
        probs >= [0.4, 0.5, 0.6, 0.7],
        np.array([f"s{s}" for s in sources]),
        rng.integers(0, n // 3, n),
    )


def count_labels(targs, probs, found, thresholds=()):
    return findings_metrics(targs, probs, list("abcd"), found, dict(thresholds))
