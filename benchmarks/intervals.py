"""How long intervals take, and how often they hold.

.venv/bin/python benchmarks/intervals.py [--images 25000] [--out FILE]

Drawn answers of as many images, about two a patient. Every number of a single-label report of six
classes with a yes or no, and AUROC and average precision of 14 findings, each in 2,000 resamples of
the patients, beside a plain loop that calls scikit-learn on the images of each resample: a few of
the same resamples, compared number by number, and their time extrapolated. Then memory at 112,000
images, and how often an interval holds a simulated accuracy.
"""

from __future__ import annotations

import argparse
import datetime
import itertools
import os
import platform
import resource
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import scipy
import sklearn
import torch
from sklearn.metrics import average_precision_score, f1_score, roc_auc_score

from cxr_fastai.bundle.bundle import Bundle
from cxr_fastai.bundle.meta import Decision, TriageStep
from cxr_fastai.core import Task
from cxr_fastai.evaluation.bootstrap import RESAMPLES, Resampling, interval
from cxr_fastai.evaluation.build_report import class_report
from cxr_fastai.evaluation.interval_trees import ExactInterval
from cxr_fastai.evaluation.resampled import ResampledNumber, difference_interval
from cxr_fastai.evaluation.shares import Share
from cxr_fastai.evaluation.single_label import classification_metrics, decision_metrics
from cxr_fastai.evaluation.single_label_intervals import (
    classification_intervals,
    resampled_decision,
    resampled_metrics,
)
from cxr_fastai.evaluation.single_label_report import Report
from cxr_fastai.manifest import Manifest
from cxr_fastai.recipes import Recipe

VOCAB = [f"class_{i}" for i in range(6)]
CLASS_SHARES = [0.3, 0.05, 0.25, 0.25, 0.05, 0.1]
NEGATIVE = VOCAB[2]
THRESHOLD = 0.5
SOURCES = 5
FINDINGS = 14
MEANS = ("accuracy", "balanced_accuracy", "macro_f1", "macro_auroc")
SHARES = ("auroc", "sensitivity", "specificity", "npv")
MEMORY_IMAGES = 112_000  # as many as NIH published
PATIENTS = (10, 20, 30, 50, 100, 200)  # of a trial
TRUE_ACCURACIES = (0.8, 0.95)
TRIAL_RESAMPLES = 400


@dataclass(frozen=True)
class Drawn:
    """Answers that are right more often than not, of n images."""

    targs: np.ndarray  # (n,) indices into VOCAB; classes of uneven size
    probs: np.ndarray  # (n, 6)
    groups: np.ndarray  # (n,) about two images each
    sources: np.ndarray  # (n,)
    found: np.ndarray  # (n, FINDINGS) bool
    scores: np.ndarray  # (n, FINDINGS)


def draw(n: int, seed: int = 0) -> Drawn:
    """Draw the answers of n images."""
    rng = np.random.default_rng(seed)
    targs = rng.choice(len(VOCAB), n, p=CLASS_SHARES)
    logits = rng.normal(size=(n, len(VOCAB))) + 2 * np.eye(len(VOCAB))[targs]
    odds = np.exp(logits)
    found = rng.random((n, FINDINGS)) < np.geomspace(0.002, 0.2, FINDINGS)
    return Drawn(
        targs=targs,
        probs=(odds / odds.sum(1, keepdims=True)).astype(np.float32),
        groups=rng.integers(0, n // 2, n),
        sources=rng.integers(0, SOURCES, n),
        found=found,
        scores=(rng.normal(size=found.shape) + found).astype(np.float32),
    )


# ---- every number of a report, and its interval


def report(drawn: Drawn) -> Report:
    """Make a whole single-label report."""
    recipe = Recipe("drawn", "Drawn answers", {name: [name] for name in VOCAB})
    data = Manifest(root=Path("drawn"), rows=[], recipe=recipe, sha256="")
    rows = []
    for source, group, targ in zip(drawn.sources, drawn.groups, drawn.targs):
        rows.append({"path": "", "source": f"s{source}", "group": group, "label": VOCAB[targ]})
    return class_report(bundle_of_no_network(), data, "test", rows, drawn.probs)


def bundle_of_no_network() -> Bundle:
    """Make a bundle that has a yes or no and a worklist; its probabilities are drawn elsewhere."""
    decision = Decision(
        negative=NEGATIVE,
        threshold=THRESHOLD,
        asked_sensitivity=0.95,
        triage=[
            TriageStep(asked_sensitivity=0.98, threshold=0.2),
            TriageStep(asked_sensitivity=0.99, threshold=0.1),
        ],
    )
    meta: dict[str, Any] = {
        "arch": "none",
        "task": Task.SINGLE_LABEL.value,
        "vocab": VOCAB,
        "display": {},
        "recipe": {"name": "drawn"},
        "manifest_sha256": "another folder's",
        "trained_on_sha256": "",
        "decision": decision,
    }
    return Bundle(net=torch.nn.Identity(), meta=meta, path=Path("none"), device=torch.device("cpu"))


# ---- the same numbers in a plain loop and at once


def plain_report(drawn: Drawn, images: np.ndarray) -> np.ndarray:
    """Count one resample of the six classes, as anybody would."""
    targs, probs = drawn.targs[images], drawn.probs[images]
    metrics = classification_metrics(targs, probs, VOCAB)
    decision = decision_metrics(targs, probs, VOCAB, NEGATIVE, THRESHOLD)
    return np.array([metrics[name] for name in MEANS] + [decision[name] for name in SHARES])


def plain_findings(drawn: Drawn, images: np.ndarray) -> np.ndarray:
    """Score one resample of the findings with scikit-learn."""
    numbers = []
    for score in (roc_auc_score, average_precision_score):
        for k in range(FINDINGS):
            numbers.append(score(drawn.found[images, k], drawn.scores[images, k]))
    return np.array(numbers)


def vectorised_report(drawn: Drawn, resampling: Resampling) -> np.ndarray:
    """Count all resamples of the six classes: (resamples, numbers)."""
    metrics = resampled_metrics(resampling, drawn.targs, drawn.probs, VOCAB)
    decision = resampled_decision(resampling, drawn.targs, drawn.probs, VOCAB, NEGATIVE, THRESHOLD)
    numbers = [metrics[name] for name in MEANS] + [decision[name] for name in SHARES]
    return np.stack(numbers, axis=1)


def vectorised_findings(drawn: Drawn, resampling: Resampling) -> np.ndarray:
    """Score all resamples of the findings: (resamples, numbers)."""
    numbers = []
    for score in (resampling.aurocs, resampling.average_precisions):
        for k in range(FINDINGS):
            numbers.append(score(drawn.found[:, k], drawn.scores[:, k]))
    return np.stack(numbers, axis=1)


# ---- the three parts


def timed(fn: Callable[..., Any], *args: Any) -> tuple[float, Any]:
    """Call; return the seconds that it took, and what it returned."""
    begun = time.perf_counter()
    result = fn(*args)
    return time.perf_counter() - begun, result


def times(
    n: int,  # images
    loops: int,  # resamples of the plain loop
) -> Iterator[str]:
    """Yield lines: seconds of both ways, and how far their numbers lie apart."""
    drawn = draw(n)
    whole, _ = timed(report, drawn)
    resampling = Resampling(drawn.groups)
    some = list(itertools.islice(resampling.draws(), loops))
    yield (
        f"{n:,} images of {resampling.n_groups:,} groups, {RESAMPLES:,} resamples; "
        f"the loop: {loops} of them, extrapolated"
    )
    yield ""
    yield f"{'':51}{'seconds':>7}{'plain loop':>12}{'ratio':>8}{'greatest difference':>21}"
    for name, vectorised, plain in (
        ("numbers of six classes and of a yes or no", vectorised_report, plain_report),
        (
            f"AUROC and average precision of {FINDINGS} findings",
            vectorised_findings,
            plain_findings,
        ),
    ):
        seconds, at_once = timed(vectorised, drawn, resampling)
        loop, one_by_one = timed(_in_a_loop, plain, drawn, some)
        loop *= RESAMPLES / loops
        apart = np.abs(at_once[:loops] - one_by_one).max()
        yield f"{name:51}{seconds:7.1f}{loop:12.0f}{loop / seconds:7.0f}x{apart:21.0e}"
    yield f"{'a whole report, with floors, sources and worklist':51}{whole:7.1f}"


def _in_a_loop(
    plain: Callable[[Drawn, np.ndarray], np.ndarray],
    drawn: Drawn,
    resamples: list[np.ndarray],  # indices of images
) -> np.ndarray:
    return np.array([plain(drawn, images) for images in resamples])


def memory(n: int) -> Iterator[str]:
    """Yield a line: what one AUROC of n images takes."""
    drawn = draw(n)
    before = _peak_kb()
    resampling = Resampling(np.arange(n))
    seconds, _ = timed(resampling.aurocs, drawn.targs == 2, drawn.probs[:, 2])
    more = (_peak_kb() - before) / 1024
    yield (
        f"one AUROC of {n:,} images, each a group of its own: {seconds:.1f} s, "
        f"{more:,.0f} MB more at the peak"
    )


def _peak_kb() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


SIZES = {
    "1 image each": lambda rng, g: np.ones(g, int),
    "1 to 5 images": lambda rng, g: rng.integers(1, 6, g),
    "1 to 60 images": lambda rng, g: np.minimum(rng.zipf(1.8, g), 60),
}


def coverage(trials: int):
    """How often an interval holds the true accuracy, how wide it is; before and after."""
    yield f"{trials} trials: how often a 95 % interval holds the true accuracy (mean width)"
    yield "patients' own accuracies scatter (beta, 3 pseudo-counts); all alike: each all right or all wrong"
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
    """The same of numbers that are no shares, of patients on each of two sides."""
    yield f"{trials} trials: numbers of two classes, so many patients of each, 1 to 3 images a patient"
    yield "true values by 400,000 images"
    yield ""
    head = f"{'truth':>8}{'percentile':>18}{'expanded':>18}{'as reported':>18}{'exact':>8}"
    yield f"{'number':20}{'ill':>6}{'well':>6}" + head
    for apart in (1.5, 4.0):
        truths = _two_sides(np.random.default_rng(0), 200_000, 200_000, apart)[1]
        for ill, well in ((7, 100), (10, 10), (20, 20), (20, 200), (50, 50), (100, 100)):
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
    side_groups = {"balanced accuracy": ill + well, "paired gain": ill + well}
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


def main():
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("--images", type=int, default=25_000)
    p.add_argument("--loops", type=int, default=20, help="resamples of the plain loop")
    p.add_argument("--trials", type=int, default=1000)
    p.add_argument("--out", type=Path)
    args = p.parse_args()
    lines = [
        f"{datetime.date.today()}, {os.cpu_count()} cores, {platform.machine()}, "
        f"Python {platform.python_version()}, numpy {np.__version__}, scipy {scipy.__version__}, "
        f"scikit-learn {sklearn.__version__}"
    ]
    parts = (memory(MEMORY_IMAGES), times(args.images, args.loops), coverage(args.trials))
    for part in parts:
        lines += ["", *part]
    text = "\n".join(lines)
    print(text)
    if args.out:
        args.out.write_text(text + "\n")


if __name__ == "__main__":
    main()
