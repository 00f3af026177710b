"""How often intervals hold a simulated truth, for benchmarks/intervals.py.

The plain percentile ones, the expanded ones, and those that a report tells, which are exact where
groups are few or hardly any differs.
"""

from __future__ import annotations

import numpy as np
from sklearn.metrics import f1_score, roc_auc_score

from cxr_fastai.evaluation.resampled import ResampledNumber, difference_interval
from cxr_fastai.evaluation.shares import Share
from cxr_fastai.evaluation.single_label_intervals import (
    classification_intervals,
    resampled_metrics,
)
from cxr_fastai.intervals.bootstrap import Resampling, interval
from cxr_fastai.intervals.interval_trees import ExactInterval

SIZES = {
    "1 image each": lambda rng, g: np.ones(g, int),
    "1 to 5 images": lambda rng, g: rng.integers(1, 6, g),
    "1 to 60 images": lambda rng, g: np.minimum(rng.zipf(1.8, g), 60),
}


def coverage(trials: int):
    """How often an interval holds the true accuracy, how wide it is; before and after."""
    yield f"{trials} trials: how often a 95 % interval holds the true accuracy (mean width)"
    yield "patients' own accuracies scatter (beta, 3 pseudo-counts)"
    yield "alike: all images of a patient right, or none"
    yield ""
    head = f"{'accuracy':>24}{'percentile':>18}{'expanded':>18}{'as reported':>18}{'exact':>8}"
    yield f"{'groups of':16}{'alike':>6}{'groups':>7}" + head
    for name, sizes in SIZES.items():
        for alike in (False, True):
            if name == "1 image each" and alike:
                continue
            for g in (10, 20, 50, 100):
                for p in (0.8, 0.95):
                    told = _cover(trials, g, p, sizes, alike)
                    yield f"{name:16}{'yes' if alike else 'no':>6}{g:7}{p:24.0%}" + told


def _cover(trials: int, g: int, p: float, sizes, alike: bool) -> str:
    rng = np.random.default_rng(1)
    found = []
    for seed in range(trials):
        groups = np.repeat(np.arange(g), sizes(rng, g))
        own = rng.random(g) < p if alike else rng.beta(3 * p, 3 * (1 - p), g)
        right = rng.random(len(groups)) < own[groups]
        draws = Resampling(groups, 400, seed)
        share = Share(right, np.ones(len(right), bool))
        values = share.resampled(draws)
        found.append([interval(values), interval(values, g), share.interval(draws, values)])
    return _told(found, p)


def _told(found, truth: float) -> str:
    """Coverage and width of each of three intervals, and how often the last is exact."""
    spans = np.array([[list(x) for x in row] for row in found])
    low, high = spans[..., 0], spans[..., 1]
    holds = ((low - 1e-9 <= truth) & (truth <= high + 1e-9)).mean(0)
    width = (high - low).mean(0)
    exact = np.mean([isinstance(row[-1], ExactInterval) for row in found])
    cells = [f"{h:10.1%} ({w:.3f})" for h, w in zip(holds, width)]
    return "".join(f"{cell:>18}" for cell in cells) + f"{exact:8.0%}"


def other_coverage(trials: int):
    """Tell the same of numbers that are no shares, of patients on each of two sides."""
    yield f"{trials} trials: numbers of two classes, so many patients of each, of 1 to 3 images"
    yield ""
    head = f"{'truth':>8}{'percentile':>18}{'expanded':>18}{'as reported':>18}{'exact':>8}"
    yield f"{'number':20}{'ill':>6}{'well':>6}" + head
    for apart in (1.5, 2.5, 3.2, 4.0):
        for ill, well in ((7, 100), (10, 10), (20, 20), (20, 200), (50, 50), (100, 100)):
            times = 200_000 // (ill + well)
            truths = _two_sides(np.random.default_rng(0), times * ill, times * well, apart)[1]
            found = {name: [] for name in truths if name != "accuracy"}
            for seed in range(trials):
                rng = np.random.default_rng(seed + 1)
                for name, spans in _two_sides(rng, ill, well, apart, seed)[0].items():
                    found[name].append(spans)
            for name, spans in found.items():
                known = [row for row in spans if None not in row]
                yield f"{name:20}{ill:6}{well:6}{truths[name]:8.3f}" + _told(known, truths[name])


def _two_sides(rng, ill: int, well: int, apart: float, seed: int | None = None):
    """Intervals of one trial (none without a seed), and the numbers themselves."""
    side = np.repeat([1, 0], [ill, well])
    groups = np.repeat(np.arange(ill + well), rng.integers(1, 4, ill + well))
    positive = side[groups] == 1
    score = rng.normal(size=ill + well)[groups] * 0.7 + rng.normal(size=len(groups)) * 0.7
    risk = 1 / (1 + np.exp(-(score + apart * (positive - 0.5))))
    other = 1 / (1 + np.exp(-(score + apart / 2 * (positive - 0.5))))
    numbers = _numbers(positive, risk, other)
    if seed is None:
        return {}, numbers
    draws = Resampling(groups, 400, seed)
    probs = np.stack([1 - risk, risk], 1)
    targs = positive.astype(int)
    told = classification_intervals(draws, targs, probs, ["well", "ill"])
    values = resampled_metrics(draws, targs, probs, ["well", "ill"])
    right = ResampledNumber(numbers["accuracy"], told["accuracy"], values["accuracy"], ill + well)
    answers = np.stack([1 - other, other], 1)
    beside = classification_intervals(draws, targs, answers, ["well", "ill"])["accuracy"]
    shares = draws.shares((other >= 0.5) == positive)
    second = ResampledNumber(np.mean((other >= 0.5) == positive), beside, shares, ill + well)
    own = told["per_class"]["ill"]
    after = {
        "sensitivity": (values["recall"][:, 1], own["recall"]),
        "AUROC": (values["auroc"][:, 1], own["auroc"]),
        "F1": (values["f1"][:, 1], own["f1"]),
        "balanced accuracy": (values["balanced_accuracy"], told["balanced_accuracy"]),
        "paired gain": (values["accuracy"] - shares, difference_interval(right, second)),
    }
    side_groups = {"balanced accuracy": 2 * min(ill, well), "paired gain": ill + well}
    spans = {}
    for name, (drawn, reported) in after.items():
        g = side_groups.get(name, min(ill, well))
        spans[name] = [interval(drawn), interval(drawn, g), reported]
    return spans, numbers


def _numbers(positive, risk, other) -> dict[str, float]:
    yes = risk >= 0.5
    recall, peace = yes[positive].mean(), (~yes)[~positive].mean()
    return {
        "accuracy": (yes == positive).mean(),
        "sensitivity": recall,
        "AUROC": roc_auc_score(positive, risk),
        "F1": f1_score(positive, yes, zero_division=0),
        "balanced accuracy": (recall + peace) / 2,
        "paired gain": (yes == positive).mean() - ((other >= 0.5) == positive).mean(),
    }
