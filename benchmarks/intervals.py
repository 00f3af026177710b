"""How long intervals take, how often they hold: .venv/bin/python benchmarks/intervals.py [--images 25000] [--out FILE]

Drawn answers of as many images, about two a patient. Every number of a single-label report of six classes with a yes or
no, and AUROC and average precision of 14 findings, each in 2,000 resamples of the patients, beside a plain loop that
calls scikit-learn on the images of each resample: a few of the same resamples, compared number by number, and their
time extrapolated. Then memory at 112,000 images, and how often an interval holds a simulated accuracy.
"""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import resource
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import scipy
import sklearn
from sklearn.metrics import average_precision_score, roc_auc_score

from cxr_fastai.evaluation.bootstrap import RESAMPLES, Resampling, interval
from cxr_fastai.evaluation.build_report import class_report
from cxr_fastai.evaluation.single_label import classification_metrics, decision_metrics
from cxr_fastai.evaluation.single_label_intervals import resampled_decision, resampled_metrics
from cxr_fastai.evaluation.single_label_report import Report
from cxr_fastai.recipes import Recipe

VOCAB, FINDINGS = [f"class_{i}" for i in range(6)], 14
MEANS = ("accuracy", "balanced_accuracy", "macro_f1", "macro_auroc")
SHARES = ("auroc", "sensitivity", "specificity", "npv")


def draw(n: int, seed: int = 0) -> SimpleNamespace:
    """Answers that are right more often than not; groups of about two images, classes and sources of uneven size."""
    rng = np.random.default_rng(seed)
    targs = rng.choice(6, n, p=[0.3, 0.05, 0.25, 0.25, 0.05, 0.1])
    logits = rng.normal(size=(n, 6)) + 2 * np.eye(6)[targs]
    probs = (np.exp(logits) / np.exp(logits).sum(1, keepdims=True)).astype(np.float32)
    found = rng.random((n, FINDINGS)) < np.geomspace(0.002, 0.2, FINDINGS)
    return SimpleNamespace(
        targs=targs,
        probs=probs,
        groups=rng.integers(0, n // 2, n),
        sources=rng.integers(0, 5, n),
        found=found,
        scores=(rng.normal(size=found.shape) + found).astype(np.float32),
    )


def report(x) -> Report:
    """Every number of a single-label report, and its interval."""
    rows = [
        dict(path="", source=f"s{s}", group=g, label=VOCAB[t])
        for s, g, t in zip(x.sources, x.groups, x.targs)
    ]
    meta = dict(
        arch="none",
        task="single_label",
        recipe={"name": "r"},
        manifest_sha256="",
        decision=dict(
            negative=VOCAB[2],
            threshold=0.5,
            triage=[dict(asked_sensitivity=s, threshold=t) for s, t in ((0.98, 0.2), (0.99, 0.1))],
        ),
    )
    bundle = SimpleNamespace(
        vocab=VOCAB, display={}, meta=meta, answers=lambda probs: probs.argmax(1)
    )
    data = SimpleNamespace(recipe=Recipe("r", "r", {c: [c] for c in VOCAB}), sha256="")
    return class_report(bundle, data, "test", rows, x.probs)


def timed(do):
    start = time.perf_counter()
    out = do()
    return time.perf_counter() - start, out


def plain_report(x, i) -> np.ndarray:
    m = classification_metrics(x.targs[i], x.probs[i], VOCAB)
    d = decision_metrics(x.targs[i], x.probs[i], VOCAB, VOCAB[2], 0.5)
    return np.array([*(m[k] for k in MEANS), *(d[k] for k in SHARES)])


def plain_findings(x, i) -> np.ndarray:
    return np.array(
        [
            f(x.found[i, k], x.scores[i, k])
            for f in (roc_auc_score, average_precision_score)
            for k in range(FINDINGS)
        ]
    )


def vectorised_report(x, draws) -> np.ndarray:
    m, d = (
        f(draws, x.targs, x.probs, VOCAB, *more)
        for f, more in ((resampled_metrics, ()), (resampled_decision, (VOCAB[2], 0.5)))
    )
    return np.stack([*(m[k] for k in MEANS), *(d[k] for k in SHARES)], axis=1)


def vectorised_findings(x, draws) -> np.ndarray:
    return np.stack(
        [
            f(x.found[:, k], x.scores[:, k])
            for f in (draws.aurocs, draws.average_precisions)
            for k in range(FINDINGS)
        ],
        axis=1,
    )


def times(n: int, loops: int):
    x = draw(n)
    whole, _ = timed(lambda: report(x))
    draws = Resampling(x.groups)
    yield f"{n:,} images of {draws.n_groups:,} groups, {RESAMPLES:,} resamples; the loop: {loops} of them, extrapolated"
    yield ""
    yield f"{'':51}{'seconds':>7}{'plain loop':>12}{'ratio':>8}{'greatest difference':>21}"
    for name, fast, plain in (
        ("numbers of six classes and of a yes or no", vectorised_report, plain_report),
        (
            f"AUROC and average precision of {FINDINGS} findings",
            vectorised_findings,
            plain_findings,
        ),
    ):
        spent, found = timed(lambda: fast(x, draws))
        some = [i for i, _ in zip(draws.draws(), range(loops))]
        loop, slow = timed(lambda: np.array([plain(x, i) for i in some]))
        loop *= RESAMPLES / loops
        yield f"{name:51}{spent:7.1f}{loop:12.0f}{loop / spent:7.0f}x{np.abs(found[:loops] - slow).max():21.0e}"
    yield f"{'a whole report, with floors, sources and worklist':51}{whole:7.1f}"


def memory(n: int):
    x = draw(n)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    spent, _ = timed(lambda: Resampling(np.arange(n)).aurocs(x.targs == 2, x.probs[:, 2]))
    more = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    yield f"one AUROC of {n:,} images, each a group of its own: {spent:.1f} s, {more:,.0f} MB more at the peak"


def coverage(trials: int):
    """Patients of 1 to 5 images, whose own accuracies scatter (beta, 3 pseudo-counts) around the true one."""
    rng = np.random.default_rng(1)
    yield f"{trials} trials: how often a 95 % interval holds the true accuracy, and how often it has no width"
    yield ""
    yield f"{'patients':>8}" + "".join(f"{f'of {p:.0%}':>10}{'no width':>10}" for p in (0.8, 0.95))
    for g in (10, 20, 30, 50, 100, 200):
        line = f"{g:8}"
        for p in (0.8, 0.95):
            spans = [_trial(rng, g, p, t) for t in range(trials)]
            holds, flat = (
                np.mean([f(*s) for s in spans])
                for f in (
                    lambda low, high: low - 1e-9 <= p <= high + 1e-9,
                    lambda low, high: low == high,
                )
            )
            line += f"{holds:9.1%} {flat:9.1%} "
        yield line.rstrip()


def _trial(rng, g: int, p: float, seed: int) -> list[float]:
    groups = np.repeat(np.arange(g), rng.integers(1, 6, g))
    right = rng.random(len(groups)) < rng.beta(3 * p, 3 * (1 - p), g)[groups]
    return interval(Resampling(groups, 400, seed).shares(right))


def main():
    v = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    v.add_argument("--images", type=int, default=25_000)
    v.add_argument("--loops", type=int, default=20, help="resamples of the plain loop")
    v.add_argument("--trials", type=int, default=1000)
    v.add_argument("--out", type=Path)
    args = v.parse_args()
    lines = [
        f"{datetime.date.today()}, {os.cpu_count()} cores, {platform.machine()}, "
        f"Python {platform.python_version()}, numpy {np.__version__}, scipy {scipy.__version__}, "
        f"scikit-learn {sklearn.__version__}"
    ]
    for part in (memory(112_000), times(args.images, args.loops), coverage(args.trials)):
        lines += ["", *part]
    print("\n".join(lines))
    if args.out:
        args.out.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
