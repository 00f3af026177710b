"""MedMNIST's own tests of chest films, by its evaluator's rules, beside the published table.

python benchmarks/medmnist.py MIRROR --out DIR [--data chestmnist] [--seeds 0,1,2] [--split test]
    [--set KEY=VALUE ..] [--json]

MIRROR/http/medmnist holds the official files of 28 px, pneumoniamnist.npz and chestmnist.npz.
Trains once a seed, into DIR (benchmarks/official_tests.py), and scores the official array: of two
classes the AUROC of the second one's probability and the accuracy at 0.5; of more classes the mean
of each against the rest and the accuracy of the most probable; of several findings the mean over
them, each at 0.5. These are `getAUC` and `getACC` of the package medmnist 3.0.2; `auc` and `acc`
here. `--split valid` scores the validation array, for a mirror that lacks the test array.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from chestmnist import chest_folder
from official_tests import Asked, curated, setting_of, trained
from sklearn.metrics import roc_auc_score

from cxr_fastai.bundle.bundle import Bundle
from cxr_fastai.core import CxrError, UsageError
from cxr_fastai.evaluation.evaluate import evaluate
from cxr_fastai.evaluation.predictions import Predictions
from cxr_fastai.intervals.bootstrap import Resampling
from cxr_fastai.intervals.exact import exact_share
from cxr_fastai.manifest import Manifest
from cxr_fastai.reporting.text import decimal, percent, span

CHEST = "chestmnist"
THRESHOLD = 0.5  # of the evaluator, whatever validation says
# AUC and ACC on the official test arrays: Yang et al. 2023, Sci Data 10:41; None: not read. Nearly
# all labels of ChestMNIST are 0: an accuracy of .947 is that of answering no finding at all.
PUBLISHED: dict[str, dict[str, tuple[float, float | None]]] = {
    "pneumoniamnist": {
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
        return float(roc_auc_score(truth, scores[:, 1]))
    found = []
    for i in range(scores.shape[1]):
        is_positive = truth == i if truth.ndim == 1 else truth[:, i]
        found.append(roc_auc_score(is_positive, scores[:, i]))
    return float(np.mean(found))


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


# ---- ours


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


def measured(asked: Asked, split: str) -> Numbers:
    """Train, and score the array of a split."""
    data = curated(asked)
    if not any(row.split == split for row in data.rows):
        raise UsageError(
            f"the mirror's {asked.recipe}.npz has no {split} array: fetch the official file, or "
            "score another with --split valid."
        )
    networks = []
    answers = []
    for seed in asked.seeds:
        network = trained(asked, data, seed)
        found = _answers(network.bundle, data, split)
        answers.append(found)
        minutes = round(network.minutes, 1)
        networks.append({"seed": seed, "minutes": minutes, **_scored(found, found.probs)})
    first = answers[0]
    mean = np.mean([found.probs for found in answers], axis=0)
    return {
        "data": asked.recipe,
        "split": split,
        "n": len(first.targs),
        "networks": networks,
        "mean": _of_seeds(networks, np.mean),
        "least": _of_seeds(networks, np.min),
        "most": _of_seeds(networks, np.max),
        "ensemble": _scored(first, mean),
        "published": PUBLISHED[asked.recipe] if split == "test" else {},
    }


def _answers(bundle: Bundle, data: Manifest, split: str) -> Predictions:
    """Ask a bundle for all images of a split."""
    report = evaluate(bundle, data, split, resamples=1, pixel_floor=False)
    if report.predictions is None:
        raise UsageError(f"{data.root}: the report holds no predictions of {split}.")
    return report.predictions


def _scored(found: Predictions, probs: np.ndarray) -> Numbers:
    """Score what a network, or the mean of several, says of these images."""
    return scored(found.targs, probs, found.groups)


def _of_seeds(networks: list[Numbers], sum_up: Callable[..., Any]) -> Numbers:
    """Sum up what the networks score alone."""
    return {key: float(sum_up([own[key] for own in networks])) for key in ("auc", "acc")}


# ---- the command


def text_of(found: Numbers) -> str:
    """Put all into a table."""
    lines = [f"{found['data']}, {found['split']}, {found['n']} images; {ENLARGED}"]
    lines += ["| | AUC | ACC |", "| --- | --- | --- |"]
    for own in found["networks"]:
        lines.append(_line(f"seed {own['seed']}", own))
    lines.append(
        _row("mean of seeds", decimal(found["mean"]["auc"]), percent(found["mean"]["acc"]))
    )
    lines.append(_line("all seeds together", found["ensemble"]))
    for name, (area, right) in found["published"].items():
        lines.append(_row(f"published: {name}", decimal(area), percent(right)))
    return "\n".join(lines)


def _line(name: str, own: Numbers) -> str:
    """Return the row of numbers with intervals."""
    area = f"{decimal(own['auc'])} ({span(own['auc_interval'], as_share=False)})"
    right = f"{percent(own['acc'])} ({span(own['acc_interval'])})"
    return _row(name, area, right)


def _row(*cells: str) -> str:
    """Return a row of the table."""
    return "| " + " | ".join(cells) + " |"


def main(arguments: Sequence[str]) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("mirror", type=Path, metavar="MIRROR")
    parser.add_argument("--out", type=Path, metavar="DIR", required=True)
    parser.add_argument("--data", default="pneumoniamnist", choices=tuple(PUBLISHED))
    parser.add_argument("--seeds", default="0,1,2", help="default: %(default)s")
    parser.add_argument("--split", default="test", choices=("test", "valid"))
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args(arguments)
    try:
        own = dict(setting_of(words) for words in given.set)
        seeds = tuple(int(seed) for seed in given.seeds.split(","))
        asked = Asked(given.data, given.mirror, given.out, seeds=seeds, own=own)
        with contextlib.redirect_stdout(sys.stderr):
            if given.data == CHEST:
                folder = chest_folder(given.mirror, given.out / "data")
                asked = replace(asked, data=folder)
            found = measured(asked, given.split)
    except CxrError as e:
        print(f"error: {e}", file=sys.stderr)
        return e.exit_code
    print(json.dumps(found, sort_keys=True, allow_nan=False) if given.json else text_of(found))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
