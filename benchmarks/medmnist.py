"""MedMNIST's own tests of chest films, by its evaluator's rules, beside the published table.

python benchmarks/medmnist.py MIRROR --out DIR [--data chestmnist] [--seeds 0,1,2] [--split test]
    [--set KEY=VALUE ..] [--json]

MIRROR/http/medmnist holds the official files of 28 px, pneumoniamnist.npz and chestmnist.npz.
Trains once a seed, into DIR (benchmarks/official_tests.py), and scores the official array: of two
classes the AUROC of the second one's probability and the accuracy at 0.5; of more classes the mean
of each against the rest and the accuracy of the most probable; of several findings the mean over
them, each at 0.5. These are `getAUC` and `getACC` of the package medmnist 3.0.2; `auc` and `acc`
here. Of two classes the accuracy at each bundle's own threshold, which validation fixed, stands
beside: `decided`. `--split valid` scores the validation array, for a mirror that lacks the test
array. Where DIR holds networks already, they are not trained again; the test array is asked once a
network.
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
from official_tests import SHARES, Asked, curated, setting_of, trained, voted
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
        return _auroc(truth == 1, scores[:, 1])
    found = []
    for i in range(scores.shape[1]):
        is_positive = truth == i if truth.ndim == 1 else truth[:, i] == 1
        found.append(_auroc(is_positive, scores[:, i]))
    return float(np.mean(found))


def _auroc(is_positive: np.ndarray, scores: np.ndarray) -> float:
    """Rank one class or finding. Raises `UsageError` where the array has it always or never."""
    if is_positive.all() or not is_positive.any():
        raise UsageError(
            f"an array of {len(is_positive)} images has a class or finding in all of them, or in "
            "none: the evaluator's AUC is not defined. Fetch the official file."
        )
    return float(roc_auc_score(is_positive, scores))


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
    bundles = []
    for seed in asked.seeds:
        network = trained(replace(asked, asks_test=False), data, seed)
        found = _answers(network.bundle, data, split)
        answers.append(found)
        bundles.append(network.bundle)
        minutes = round(network.minutes, 1)
        networks.append({"seed": seed, "minutes": minutes, **_scored([found], [network.bundle])})
    return {
        "data": asked.recipe,
        "split": split,
        "n": len(answers[0].targs),
        "networks": networks,
        "mean": _of_seeds(networks, np.mean),
        "least": _of_seeds(networks, np.min),
        "most": _of_seeds(networks, np.max),
        "ensemble": _scored(answers, bundles),
        "settings": bundles[0].meta["recipe"]["train"],
        "weights": bundles[0].meta["trained"]["weights"],
        "manifest_sha256": data.sha256,
        "published": PUBLISHED[asked.recipe] if split == "test" else {},
    }


def _answers(bundle: Bundle, data: Manifest, split: str) -> Predictions:
    """Ask a bundle for all images of a split."""
    report = evaluate(bundle, data, split, resamples=1, pixel_floor=False)
    if report.predictions is None:
        raise UsageError(f"{data.root}: the report holds no predictions of {split}.")
    return report.predictions


def _scored(answers: list[Predictions], bundles: list[Bundle]) -> Numbers:
    """Score what networks say together of the same images, or one of them alone."""
    first = answers[0]
    mean = np.mean([found.probs for found in answers], axis=0)
    return {**scored(first.targs, mean, first.groups), "decided": decided(answers, bundles)}


def decided(
    answers: list[Predictions],  # of each bundle, of the same images
    bundles: list[Bundle],
) -> Numbers:  # empty where they ask no yes or no
    """Count what the bundles answer by their own thresholds, as `cxr predict A,B,C` votes."""
    decisions = [bundle.meta["decision"] for bundle in bundles]
    if not all(decisions):
        return {}
    first = answers[0]
    negative = bundles[0].vocab.index(decisions[0]["negative"])
    risks = [1 - found.probs[:, negative] for found in answers]
    votes = [risk >= decision["threshold"] for risk, decision in zip(risks, decisions)]
    truth = (first.targs != negative).astype(int)
    found = voted(truth, risks, votes, first.groups)
    kept = {key: found[key] for key in SHARES}
    intervals = {f"{key}_interval": found[f"{key}_interval"] for key in SHARES}
    return {**kept, **intervals, "thresholds": [decision["threshold"] for decision in decisions]}


def _of_seeds(networks: list[Numbers], sum_up: Callable[..., Any]) -> Numbers:
    """Sum up what the networks score alone."""
    found = {key: float(sum_up([own[key] for own in networks])) for key in ("auc", "acc")}
    if networks[0]["decided"]:
        for key in SHARES:
            found[f"decided_{key}"] = float(sum_up([own["decided"][key] for own in networks]))
    return found


# ---- the command


def text_of(found: Numbers) -> str:
    """Put all into a table."""
    lines = [f"{found['data']}, {found['split']}, {found['n']} images; {ENLARGED}"]
    lines.append("ACC: at 0.5, the evaluator's; then accuracy at the threshold of validation.")
    lines += ["| | AUC | ACC | at validation's threshold |", "| --- | --- | --- | --- |"]
    for own in found["networks"]:
        lines.append(_line(f"seed {own['seed']}", own))
    mean = found["mean"]
    by_threshold = percent(mean.get("decided_accuracy"))
    lines.append(_row("mean of seeds", decimal(mean["auc"]), percent(mean["acc"]), by_threshold))
    lines.append(_line("all seeds together", found["ensemble"]))
    for name, (area, right) in found["published"].items():
        lines.append(_row(f"published: {name}", decimal(area), percent(right), percent(None)))
    return "\n".join(lines)


def _line(name: str, own: Numbers) -> str:
    """Return the row of numbers with intervals."""
    area = f"{decimal(own['auc'])} ({span(own['auc_interval'], as_share=False)})"
    right = f"{percent(own['acc'])} ({span(own['acc_interval'])})"
    by_threshold = percent(None)
    if own["decided"]:
        between = span(own["decided"]["accuracy_interval"])
        by_threshold = f"{percent(own['decided']['accuracy'])} ({between})"
    return _row(name, area, right, by_threshold)


def _row(*cells: str) -> str:
    """Return a row of the table."""
    return "| " + " | ".join(cells) + " |"


def seeds_of(words: str) -> tuple[int, ...]:
    """Read --seeds. Raises `UsageError`."""
    parts = words.split(",")
    if not all(part.strip().isdecimal() for part in parts):
        raise UsageError(f"--seeds {words}: expected whole numbers with commas, as 0,1,2.")
    seeds = tuple(int(part) for part in parts)
    if len(set(seeds)) < len(seeds) or len(seeds) > 1 and len(seeds) % 2 == 0:
        raise UsageError(f"--seeds {words}: an odd number of different ones, so that a vote ends.")
    return seeds


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
        seeds = seeds_of(given.seeds)
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
