"""How long intervals take, and how often they hold.

.venv/bin/python benchmarks/intervals.py [--images 25000] [--out FILE]

Drawn answers of as many images, about two a patient. Every number of a single-label report of six
classes with a yes or no, and AUROC and average precision of 14 findings, each in 2,000 resamples of
the patients, beside a plain loop that calls scikit-learn on the images of each resample: a few of
the same resamples, compared number by number, and their time extrapolated. Then memory at 112,000
images, and how often intervals hold a simulated truth (interval_coverage).
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
from interval_coverage import coverage, other_coverage
from sklearn.metrics import average_precision_score, roc_auc_score

from cxr_fastai.bundle.bundle import Bundle
from cxr_fastai.bundle.meta import Decision, TriageStep
from cxr_fastai.bundle.torch_runtime import TorchRuntime
from cxr_fastai.core import Task
from cxr_fastai.evaluation.build_report import class_report
from cxr_fastai.evaluation.single_label import classification_metrics, decision_metrics
from cxr_fastai.evaluation.single_label_intervals import resampled_decision, resampled_metrics
from cxr_fastai.evaluation.single_label_report import Report
from cxr_fastai.intervals.bootstrap import RESAMPLES, Resampling
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
    return Bundle(TorchRuntime(torch.nn.Identity(), torch.device("cpu")), meta, Path("none"))


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
    parts = (
        memory(MEMORY_IMAGES),
        times(args.images, args.loops),
        coverage(args.trials),
        other_coverage(args.trials // 2),
    )
    for part in parts:
        lines += ["", *part]
    text = "\n".join(lines)
    print(text)
    if args.out:
        args.out.write_text(text + "\n")


if __name__ == "__main__":
    main()
