"""A recipe from its sources to the score on its test split, unattended.

python benchmarks/official_tests.py RECIPE --mirror MIRROR --out DIR [--seeds 0,1,2]
    [--set KEY=VALUE ..] [--companion KEY=VALUE,KEY=VALUE ..] [--validation-only] [--json]

Curates the recipe into DIR/data, trains one network a seed into DIR/seed_N as the recipe says
(`--set` changes one of its settings), and scores each, and all of them together as `cxr predict
A,B,C` does, on the test split: for `pneumonia` and `pneumoniamnist` what the mirror holds of
Kermany's 624 official images. `--companion` trains another network beside each seed's, with other
settings in place of the recipe's, and scores all of them together too; `pneumonia` as it stands
has two (`--companion none`: without). Beside them stand validation and, of a yes or no, shifted
validation (cxr_fastai/evaluation/shifted.py); what settings are chosen by:
benchmarks/other_films.py. `--validation-only` asks no test image. `--json` prints one JSON object
and nothing else on standard output. Where DIR holds some of it already, the rest is done.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from told import print_found, told

from cxr_fastai.bundle.bundle import Bundle
from cxr_fastai.bundle.meta import libraries
from cxr_fastai.bundle.store import load_bundle
from cxr_fastai.core import UsageError
from cxr_fastai.curation.pipeline import curate
from cxr_fastai.evaluation.build_report import AnyReport
from cxr_fastai.evaluation.evaluate import evaluate
from cxr_fastai.evaluation.shifted import shifted_validation
from cxr_fastai.evaluation.single_label import decision_metrics, positives_and_risk
from cxr_fastai.evaluation.single_label_intervals import decision_intervals
from cxr_fastai.intervals.bootstrap import Resampling
from cxr_fastai.manifest import Manifest, read_manifest
from cxr_fastai.reporting.text import decimal, percent, span
from cxr_fastai.train_settings import SETTINGS
from cxr_fastai.training.run import train

# Kermany 2018: 234 normal, 390 pneumonia; PneumoniaMNIST's test array is the same images
WHOLE_TESTS = {"pneumonia": 624, "kermany": 624, "pneumoniamnist": 624}
SHARES = ("accuracy", "sensitivity", "specificity")

# Networks that answer beside a recipe's own. Of pneumonia: two small ones from scratch, which err
# on other films than the middle of a frozen network does; chosen on a series of normals that no
# network learnt from (results/official_tests.md).
SMALL = dict(weights="none", size=64, lr=1e-3, augment="acquisition", ema=0.99)
COMPANIONS: dict[str, tuple[dict[str, Any], ...]] = {
    "pneumonia": (dict(SMALL, arch="resnet18", epochs=5), dict(SMALL, arch="cnn", epochs=8)),
}
NO_COMPANION = "none"

Numbers = dict[str, Any]  # strict JSON


@dataclass(frozen=True)
class Asked:
    """What is to be measured."""

    recipe: str
    mirror: Path | None  # None: download
    out: Path
    data: Path | Manifest | None = None  # a curated folder: trained as its own recipe says
    seeds: tuple[int, ...] = (0,)
    own: dict[str, Any] = field(default_factory=dict)  # settings in place of the recipe's
    asks_test: bool = True  # False: settings are still being chosen
    companions: tuple[dict[str, Any], ...] = ()  # settings of networks that answer beside


@dataclass(frozen=True, eq=False)
class Trained:
    """One network and what it answered."""

    seed: int
    bundle: Bundle
    minutes: float  # of its training
    test: AnyReport | None  # None: the folder has no test image
    numbers: Numbers


# ---- numbers of a report


def numbers_of(report: AnyReport) -> Numbers:
    """Return what is told of one report: of a yes or no its decision, else the headline."""
    told = report.to_dict()
    found: Numbers = {"n": told["n"], "groups": report.groups}
    intervals: Any = report.intervals
    metrics: Any = told["metrics"]
    decision: Any = told.get("decision")
    if decision:
        found["threshold"] = decision["threshold"]
        for key in ("auroc", *SHARES):
            found[key] = decision[key]
            found[f"{key}_interval"] = intervals["decision"].get(key)
        return found
    for key, value in metrics.items():
        if isinstance(value, float):
            found[key] = value
            found[f"{key}_interval"] = intervals["metrics"].get(key)
    return found


def together(
    networks: Sequence[Trained],
) -> Numbers:  # empty where the recipe asks no yes or no
    """Score all networks as one: the mean risk ranks, the vote of their thresholds answers.

    As `cxr predict A,B,C` does (serving/ensemble.py). An odd number of networks always answers.
    """
    reports = [network.test for network in networks if network.test is not None]
    decisions = [network.bundle.meta["decision"] for network in networks]
    if len(reports) < 2 or not all(decisions):
        return {}
    negative = decisions[0]["negative"]
    first = reports[0].predictions
    assert first is not None  # evaluate keeps them
    vocab = networks[0].bundle.vocab
    risks = []
    votes = []
    for report, decision in zip(reports, decisions):
        assert report.predictions is not None
        _, risk = positives_and_risk(first.targs, report.predictions.probs, vocab, negative)
        risks.append(risk)
        votes.append(risk >= decision["threshold"])
    truth = (first.targs != vocab.index(negative)).astype(int)
    return {"networks": len(reports), **voted(truth, risks, votes, first.groups)}


def voted(
    truth: np.ndarray,  # (n,) 1: not the negative class
    risks: list[np.ndarray],  # (n,) each
    votes: list[np.ndarray],  # (n,) bool each
    groups: list[str],
) -> Numbers:
    """Count a vote, and rank by the mean risk."""
    resampling = Resampling(groups)
    asked = {}
    for name, values in (("auroc", risks), ("shares", votes)):
        share = np.mean(values, axis=0)
        asked[name] = (truth, np.stack([1 - share, share], 1), ("no", "yes"), "no", 0.5)
    ranked = decision_metrics(*asked["auroc"])
    voted = decision_metrics(*asked["shares"])
    found: Numbers = {"n": len(truth), "auroc": ranked["auroc"]}
    found["auroc_interval"] = decision_intervals(resampling, *asked["auroc"])["auroc"]
    intervals = decision_intervals(resampling, *asked["shares"])
    numbers: Any = voted
    for key in SHARES:
        found[key] = numbers[key]
        found[f"{key}_interval"] = intervals[key]
    return found


def mean_of(networks: Iterable[Trained]) -> Numbers:
    """Average what the networks score alone, and tell the least and the most."""
    tested = [network.numbers["test"] for network in networks if network.numbers["test"]]
    if not tested:
        return {}
    found: Numbers = {}
    for key, value in tested[0].items():
        if isinstance(value, float) and key != "threshold":
            values = [numbers[key] for numbers in tested]
            found[key] = {"mean": float(np.mean(values)), "least": min(values), "most": max(values)}
    return found


# ---- the road


def curated(asked: Asked) -> Manifest:
    """Curate the recipe, or return what was curated before."""
    if asked.data is not None:
        return read_manifest(asked.data)
    folder = asked.out / "data"
    curate(folder, asked.recipe, mirror=asked.mirror)
    return read_manifest(folder)


def trained(asked: Asked, data: Manifest, seed: int) -> Trained:
    """Train one network, or take the one that is there, and ask it."""
    run = asked.out / f"seed_{seed}"
    path = train(
        data,
        run,
        recipe=asked.recipe if asked.data is None else None,
        seed=seed,
        resume=run.is_dir(),
        quiet=True,
        beside=(),
        **asked.own,
    )
    bundle = load_bundle(path)
    has_test = any(row.split == "test" for row in data.rows)
    test = None
    if has_test and asked.asks_test:
        test = evaluate(bundle, data, "test", pixel_floor=False)
    valid = evaluate(bundle, data, "valid", pixel_floor=False)
    minutes = bundle.meta["trained"]["seconds"] / 60
    numbers: Numbers = {
        "seed": seed,
        "arch": bundle.meta["arch"],
        "minutes": round(minutes, 1),
        "test": numbers_of(test) if test else {},
        "valid": numbers_of(valid),
        "shifted_valid": _shifted(bundle, data),
        "bundle": str(path),
    }
    return Trained(seed, bundle, minutes, test, numbers)


def _shifted(bundle: Bundle, data: Manifest) -> Numbers:
    """Ask for shifted validation, where the bundle decides by a threshold."""
    if not bundle.meta["decision"]:
        return {}
    return {**shifted_validation(bundle, data)}


def measured(asked: Asked) -> Numbers:
    """Go the whole road; return all that is told of it."""
    begun = time.monotonic()
    data = curated(asked)
    networks = [trained(asked, data, seed) for seed in asked.seeds]
    beside = companions(asked, data)
    first = networks[0].bundle.meta
    tested = sum(row.split == "test" for row in data.rows) if asked.asks_test else 0
    return {
        "recipe": asked.recipe,
        "split": "test",
        "n": tested,
        "whole_test": WHOLE_TESTS.get(asked.recipe),
        "says": _says(asked, tested),
        "train": sum(row.split == "train" for row in data.rows),
        "valid": sum(row.split == "valid" for row in data.rows),
        "networks": [network.numbers for network in networks],
        "mean": mean_of(networks),
        "ensemble": together(networks),
        "companions": [network.numbers for network in beside],
        "all_together": together([*networks, *beside]) if beside else {},
        "minutes": round((time.monotonic() - begun) / 60, 1),
        "settings": first["recipe"]["train"],
        "weights": first["trained"]["weights"],
        "threads": first["trained"]["threads"],
        "manifest_sha256": data.sha256,
        "versions": libraries("fastai", "timm"),
    }


def companions(asked: Asked, data: Manifest) -> list[Trained]:
    """Train the networks that answer beside the recipe's, of each seed."""
    found = []
    for i, own in enumerate(asked.companions, 1):
        beside = replace(asked, out=asked.out / f"companion_{i}", own=own)
        found += [trained(beside, data, seed) for seed in asked.seeds]
    return found


def _says(asked: Asked, tested: int) -> str:
    """Tell what part of an official test this is."""
    whole = WHOLE_TESTS.get(asked.recipe)
    if not asked.asks_test:
        return "validation only, as was asked: no test image was scored"
    if not tested:
        return "the mirror holds no test image: only validation is scored"
    if whole is None or tested == whole:
        return f"all {tested} images of the test split"
    return f"{tested} of the {whole} official test images: the mirror holds no more"


# ---- the command


def text_of(found: Numbers) -> str:
    """Put the numbers into a table."""
    lines = [
        f"{found['recipe']}: {found['says']}; {found['minutes']} minutes",
        f"weights {found['weights']}, {found['settings']['arch']}, {found['settings']['size']} px",
        "| | AUROC | accuracy | sensitivity | specificity |",
        "| --- | --- | --- | --- | --- |",
    ]
    for network in found["networks"]:
        for split in ("test", "valid", "shifted_valid"):
            lines.append(_line(f"seed {network['seed']}, {split}", network[split]))
    if found["ensemble"]:
        count = found["ensemble"]["networks"]
        lines.append(_line(f"{count} seeds together, test", found["ensemble"]))
    for network in found["companions"]:
        lines.append(_line(f"{network['arch']}, seed {network['seed']}, test", network["test"]))
    if found["all_together"]:
        count = found["all_together"]["networks"]
        lines.append(_line(f"all {count} networks together, test", found["all_together"]))
    return "\n".join(lines)


def _line(name: str, numbers: Numbers) -> str:
    """Return a row of the table."""
    cells = [name]
    for key in ("auroc", *SHARES):
        value = numbers.get(key, numbers.get(f"macro_{key}"))
        between = numbers.get(f"{key}_interval", numbers.get(f"macro_{key}_interval"))
        between = numbers["intervals"][key] if "intervals" in numbers else between
        is_share = key != "auroc"
        told = percent(value) if is_share else decimal(value)
        cells.append(f"{told} ({span(between, as_share=is_share)})" if between else told)
    return "| " + " | ".join(cells) + " |"


def setting_of(words: str) -> tuple[str, Any]:
    """Read KEY=VALUE. Raises `UsageError` for a key that is no setting."""
    key, _, text = words.partition("=")
    if key not in SETTINGS or not text:
        raise UsageError(f"--set {words}: expected KEY=VALUE, KEY one of {', '.join(SETTINGS)}.")
    kind = SETTINGS[key].kind
    if kind is list:
        return key, [int(part) for part in text.split(",")]
    if kind is bool:
        return key, text == "true"
    if key == "lr" and text == "find":
        return key, text
    return key, kind(text)


def settings_of(words: str) -> dict[str, Any]:
    """Read KEY=VALUE,KEY=VALUE. Raises `UsageError`."""
    return dict(setting_of(part) for part in words.split(","))


def asked_of(arguments: Sequence[str]) -> tuple[Asked, bool]:
    """Read the command line; also whether JSON is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recipe", metavar="RECIPE", help="a recipe's name or file")
    parser.add_argument("--mirror", type=Path, help="default: download")
    parser.add_argument("--out", type=Path, metavar="DIR", required=True)
    parser.add_argument("--data", type=Path, help="a folder curated before: as its recipe says")
    parser.add_argument("--seeds", default="0,1,2", help="default: %(default)s")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--companion", action="append", default=[], metavar="KEY=VALUE,..")
    parser.add_argument("--validation-only", action="store_true", help="to choose settings by")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args(arguments)
    seeds = seeds_of(given.seeds)
    own = dict(setting_of(words) for words in given.set)
    asks_test = not given.validation_only
    beside = companions_of(given.recipe, given.companion, is_as_it_stands=not own)
    if beside and (len(beside) + 1) * len(seeds) % 2 == 0:
        raise UsageError("--companion: an odd number of networks in all, so that a vote ends.")
    asked = Asked(given.recipe, given.mirror, given.out, given.data, seeds, own, asks_test, beside)
    return asked, given.json


def companions_of(
    recipe: str,
    given: Sequence[str],  # of --companion
    is_as_it_stands: bool,  # the recipe, without --set
) -> tuple[dict[str, Any], ...]:  # settings of each
    """Return the networks that answer beside a recipe's: those given, else its usual ones."""
    if not given and is_as_it_stands:
        return COMPANIONS.get(recipe, ())
    return tuple(settings_of(words) for words in given if words != NO_COMPANION)


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
    return told(partial(_measured_and_printed, arguments))


def _measured_and_printed(arguments: Sequence[str]) -> None:
    """Measure and print; raises `CxrError`."""
    asked, as_json = asked_of(arguments)
    with contextlib.redirect_stdout(sys.stderr):  # curation tells what it does
        found = measured(asked)
    print_found(found, as_json, text_of)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
