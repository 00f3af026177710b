"""MedMNIST's own tests of chest films, by its evaluator's rules, beside the published table.

python benchmarks/medmnist.py MIRROR --out DIR [--data chestmnist] [--seeds 0,1,2] [--split test]
    [--set KEY=VALUE ..] [--alone] [--json]
python benchmarks/medmnist.py --folder HELD --out DIR ..

MIRROR/http/medmnist holds the official files of 28 px, pneumoniamnist.npz and chestmnist.npz.
Trains the recipe's network and its companions once a seed, into DIR, and scores the official array
by the evaluator (benchmarks/medmnist_rules.py): each network alone, those of a seed together, all
together, as `cxr predict A,B,C` has it; `--alone` leaves companions away. Of two classes the
accuracy at each network's own threshold, which validation fixed, stands beside: `decided`. `--split
valid` scores the validation array, for a mirror that lacks the test array. Networks that DIR holds
are not trained again. HELD is a hold-out of benchmarks/medmnist_names.py, by which to choose.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from chestmnist import chest_folder
from medmnist_rules import CHEST, ENLARGED, PNEUMONIA, PUBLISHED, Numbers, scored
from official_tests import SHARES, Asked, curated, seeds_of, setting_of, trained, voted
from told import print_found, told

from cxr_fastai.bundle.bundle import Bundle
from cxr_fastai.core import UsageError
from cxr_fastai.evaluation.evaluate import evaluate
from cxr_fastai.evaluation.predictions import Predictions
from cxr_fastai.manifest import Manifest
from cxr_fastai.models.imagenet import is_at_hand
from cxr_fastai.reporting.text import decimal, percent, span

# Networks that answer beside the recipe's own: settings by name. How they were chosen:
# benchmarks/results/medmnist.md
COMPANIONS: dict[str, dict[str, dict[str, Any]]] = {
    PNEUMONIA: {
        "lite": {
            "arch": "tf_efficientnet_lite0",
            "weights": "imagenet",
            "layers": 8,
            "unfreeze": "never",
            "size": 112,
            "epochs": 12,
            "lr": 3e-3,
            "augment": "none",
            "ema": 0.0,
        },
        "cnn": {
            "arch": "cnn",
            "weights": "none",
            "size": 28,
            "epochs": 8,
            "lr": 3e-3,
            "augment": "mild",
            "ema": 0.99,
        },
    },
}
TOGETHER = "together"


@dataclass(frozen=True, eq=False)
class Network:
    """One network and what it says of the array."""

    kind: str  # its architecture
    seed: int
    bundle: Bundle
    minutes: float  # of its training
    answers: Predictions


# ---- the road


def at_hand(
    companions: dict[str, dict[str, Any]],
) -> tuple[dict[str, dict[str, Any]], list[str]]:  # those that can be trained, and who is left out
    """Leave out, and say so, whose ImageNet weights are not on this machine."""
    found = {}
    left_out = []
    for name, settings in companions.items():
        if settings["weights"] == "none" or is_at_hand(settings["arch"]):
            found[name] = settings
            continue
        left_out.append(name)
        print(
            f"warning: companion {name} is left out: ImageNet weights of {settings['arch']} are "
            "not on this machine. Install the extra `weights`.",
            file=sys.stderr,
        )
    return found, left_out


def measured(
    asked: Asked,
    split: str,
    companions: dict[str, dict[str, Any]],  # name -> settings in place of the recipe's
) -> Numbers:
    """Train, and score the array of a split."""
    data = curated(asked)
    if not any(row.split == split for row in data.rows):
        raise UsageError(
            f"the mirror's {asked.recipe}.npz has no {split} array: fetch the official file, or "
            "score another with --split valid."
        )
    networks = []
    for seed in asked.seeds:
        networks.append(_network(asked, data, split, seed))
        for name, settings in companions.items():
            beside = replace(asked, out=asked.out / name, own=settings)
            networks.append(_network(beside, data, split, seed))
    return _told(asked, data, split, networks)


def _network(asked: Asked, data: Manifest, split: str, seed: int) -> Network:
    """Train one network, or take the one that is there, and ask it for the array."""
    one = trained(replace(asked, asks_test=False), data, seed)
    report = evaluate(one.bundle, data, split, resamples=1, pixel_floor=False)
    if report.predictions is None:
        raise UsageError(f"{data.root}: the report holds no predictions of {split}.")
    kind = one.bundle.meta["recipe"]["train"]["arch"]
    return Network(kind, seed, one.bundle, one.minutes, report.predictions)


def _told(asked: Asked, data: Manifest, split: str, networks: list[Network]) -> Numbers:
    """Score each network alone, those of a seed together, and all together."""
    alone = []
    by_kind: dict[str, list[Numbers]] = {}
    by_seed: dict[int, list[Network]] = {}
    for one in networks:
        named = {"kind": one.kind, "seed": one.seed, "minutes": round(one.minutes, 1)}
        alone.append({**named, **_scored([one])})
        by_kind.setdefault(one.kind, []).append(alone[-1])
        by_seed.setdefault(one.seed, []).append(one)
    together = []
    if len(by_kind) > 1:
        together = [{"seed": seed, **_scored(own)} for seed, own in by_seed.items()]
        by_kind[TOGETHER] = together
    first = networks[0]
    return {
        "data": asked.recipe,
        "split": split,
        "n": len(first.answers.targs),
        "networks": alone,
        "together": together,
        "mean": {kind: _summed(own, np.mean) for kind, own in by_kind.items()},
        "least": {kind: _summed(own, np.min) for kind, own in by_kind.items()},
        "most": {kind: _summed(own, np.max) for kind, own in by_kind.items()},
        "ensemble": _scored(networks),
        "settings": {one.kind: one.bundle.meta["recipe"]["train"] for one in networks},
        "weights": {one.kind: one.bundle.meta["trained"]["weights"] for one in networks},
        "manifest_sha256": data.sha256,
        "published": PUBLISHED[asked.recipe],
    }


def _scored(networks: list[Network]) -> Numbers:
    """Score what networks say together of the same images, or one of them alone."""
    first = networks[0].answers
    mean = np.mean([one.answers.probs for one in networks], axis=0)
    return {**scored(first.targs, mean, first.groups), "decided": decided(networks)}


def decided(
    networks: list[Network],
) -> Numbers:  # empty where they ask no yes or no, or are even in number: a vote may tie
    """Count what networks answer by their own thresholds, as `cxr predict A,B,C` votes."""
    decisions = [one.bundle.meta["decision"] for one in networks]
    if not all(decisions) or len(networks) % 2 == 0:
        return {}
    first = networks[0]
    negative = first.bundle.vocab.index(decisions[0]["negative"])
    risks = [1 - one.answers.probs[:, negative] for one in networks]
    votes = [risk >= decision["threshold"] for risk, decision in zip(risks, decisions)]
    truth = (first.answers.targs != negative).astype(int)
    found = voted(truth, risks, votes, first.answers.groups)
    kept = {key: found[key] for key in SHARES}
    intervals = {f"{key}_interval": found[f"{key}_interval"] for key in SHARES}
    return {**kept, **intervals, "thresholds": [decision["threshold"] for decision in decisions]}


def _summed(scores: list[Numbers], sum_up: Callable[..., Any]) -> Numbers:
    """Sum up over seeds."""
    found = {key: float(sum_up([own[key] for own in scores])) for key in ("auc", "acc")}
    if scores[0]["decided"]:
        for key in SHARES:
            found[f"decided_{key}"] = float(sum_up([own["decided"][key] for own in scores]))
    return found


# ---- the command


def text_of(found: Numbers) -> str:
    """Put all into a table."""
    lines = [f"{found['data']}, {found['split']}, {found['n']} images; {ENLARGED}"]
    lines.append("ACC: at 0.5, the evaluator's; then accuracy at the threshold of validation.")
    lines += ["| | AUC | ACC | at validation's threshold |", "| --- | --- | --- | --- |"]
    for own in found["networks"]:
        lines.append(_line(f"seed {own['seed']}, {own['kind']}", own))
    for own in found["together"]:
        lines.append(_line(f"seed {own['seed']}, its networks together", own))
    for kind, mean in found["mean"].items():
        by_threshold = percent(mean.get("decided_accuracy"))
        cells = [decimal(mean["auc"]), percent(mean["acc"]), by_threshold]
        lines.append(_row(f"mean of seeds, {kind}", *cells))
    lines.append(_line("all networks together", found["ensemble"]))
    for name in found["left_out"]:
        lines.append(_row(f"left out: {name}, its weights are not here", *[percent(None)] * 3))
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


def main(arguments: Sequence[str]) -> int:
    """Measure and print."""
    return told(partial(_measured_and_printed, arguments))


def _measured_and_printed(arguments: Sequence[str]) -> None:
    """Measure and print; raises `CxrError`."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("mirror", type=Path, metavar="MIRROR", nargs="?")
    parser.add_argument("--out", type=Path, metavar="DIR", required=True)
    parser.add_argument("--data", default="pneumoniamnist", choices=tuple(PUBLISHED))
    parser.add_argument("--folder", type=Path, help="a hold-out that medmnist_names.py made")
    parser.add_argument("--seeds", default="0,1,2", help="default: %(default)s")
    parser.add_argument("--split", default="test", choices=("test", "valid"))
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--alone", action="store_true", help="the recipe's network, no companion")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args(arguments)
    own = dict(setting_of(words) for words in given.set)
    seeds = seeds_of(given.seeds)
    asked = Asked(given.data, given.mirror, given.out, given.folder, seeds, own)
    if given.mirror is None and given.folder is None:
        raise UsageError("give MIRROR, or --folder.")
    with contextlib.redirect_stdout(sys.stderr):
        if given.data == CHEST and given.folder is None:
            folder = chest_folder(given.mirror, given.out / "data")
            asked = replace(asked, data=folder)
        wanted = {} if given.alone else COMPANIONS.get(given.data, {})
        companions, left_out = at_hand(wanted)
        found = measured(asked, given.split, companions)
        found["left_out"] = left_out
    if given.folder is not None or given.split != "test":
        found["published"] = {}  # those are of the official test array
    print_found(found, given.json, text_of)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
