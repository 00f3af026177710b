"""What a tuberculosis model of one hospital is worth there and at another, in both directions.

.venv/bin/python benchmarks/tuberculosis.py MIRROR [--out DIR] [--third] [--seeds N] [--arch NAME]
    [--weights imagenet|none|FILE] [--size PX] [--epochs N]

MIRROR holds the sources shenzhen and montgomery. Each is curated by recipe tb. Three kinds of model
are fitted on each: logistic regression on gray squares (the pixel floor), on what a network of ARCH
and WEIGHTS sees that is not trained further (frozen_films), and, with --seeds, N networks that are
fine-tuned, with what they answer together. Logistic regressions are scored at home by five folds of
patients, dealt three times; networks on their test split; all of them on every film of the other
hospital. Thresholds are chosen at home. --third scores Shenzhen's also on adults of nih_sample, any
finding beside none: what ALIKE and STRENGTH below were chosen by. What is in DIR already is not
trained again.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from frozen_films import FILM, LUNGS, frozen_body, frozen_features
from home_and_away import Answers, Line, away_line, head_lines, home_line, network_line, row_words

from cxr_fastai.curation.pipeline import curate
from cxr_fastai.evaluation.evaluate import evaluate
from cxr_fastai.evaluation.predictions import Predictions
from cxr_fastai.manifest import Manifest, Record, read_manifest
from cxr_fastai.probes.features import gray
from cxr_fastai.probes.films import measure_films
from cxr_fastai.training.run import train

HOSPITALS = ("shenzhen", "montgomery")
ILL = "tuberculosis"
SIDES = (8, 16)  # px, of gray squares
EPOCHS = {"shenzhen": 10, "montgomery": 20}
BATCH = {"shenzhen": 16, "montgomery": 8}
FEATURE_SIDE = 192  # px
SQUARE_STRENGTHS = (1e-3, 1e-2, 1e-1, 1.0)  # of gray squares, chosen at home
STRENGTH = 1e-3  # of frozen features, chosen by --third
# View and layers of EfficientNet-Lite from which features are taken, None being all; the first was
# chosen by --third, the others stand beside.
ALIKE = ((FILM, 6), (FILM, None), (LUNGS, 6))
THIRD = "nih_sample"
GROWN_UP = 15  # years


@dataclass(frozen=True, eq=False)
class Hospital:
    """A curated hospital, and what is known of its films."""

    name: str
    root: Path
    is_ill: np.ndarray  # (n,) bool
    groups: list[str]  # (n,)
    features: dict[str, np.ndarray]  # model -> (n, f)


def hospital_of(
    name: str,
    manifest: Manifest,
    asked: argparse.Namespace,
) -> Hospital:
    """Compute all features of a hospital's films."""
    rows = [row for row in manifest.rows if name != THIRD or _is_adult_pa(row)]
    films = measure_films(manifest.root, rows)
    features = {f"{side}x{side} gray squares": gray(films, side) for side in SIDES}
    for view, layers in ALIKE:
        body = frozen_body(asked.arch, asked.weights, layers)
        seen = frozen_features(body, manifest.root, rows, view, FEATURE_SIDE)
        features[f"frozen, {view}, {layers or 'all'} layers"] = seen
    return Hospital(
        name=name,
        root=manifest.root,
        is_ill=np.array([row.label in (ILL, "abnormal") for row in rows]),
        groups=[row.group for row in rows],
        features=features,
    )


def _is_adult_pa(row: Record) -> bool:
    """Tell whether a film of the third source is like those of the hospitals."""
    return row.view == "PA" and bool(row.age) and float(row.age) >= GROWN_UP


# ---- networks that are fine-tuned


def network_answers(
    bundles: Sequence[Path],  # whose answers are averaged
    data: Path,
    split: str,  # valid | test | all
) -> Answers:
    """Ask bundles."""
    told = [_predictions(bundle, data, split) for bundle in bundles]
    columns = [names.index(ILL) for names, _ in told]
    first = told[0][1]
    scores = [own.probs[:, column] for column, (_, own) in zip(columns, told)]
    return Answers(
        is_ill=first.targs == columns[0],
        scores=np.mean(scores, axis=0),
        groups=[row["group"] for row in first.rows],
    )


def _predictions(
    bundle: Path,
    data: Path,
    split: str,  # valid | test | all
) -> tuple[list[str], Predictions]:  # classes, answers
    """Ask one bundle."""
    report = evaluate(bundle, data, split, resamples=1, pixel_floor=False)
    if report.predictions is None:
        raise SystemExit(f"{data}: the report holds no predictions of {split}.")
    return list(report.names), report.predictions


def trained(
    at: str,  # the hospital
    data: Path,
    run: Path,
    seed: int,
    asked: argparse.Namespace,
) -> Path:  # the bundle
    """Train a network, or return the one that is there."""
    bundle = run / "bundle"
    if bundle.is_dir():
        return bundle
    return train(
        data,
        run,
        seed=seed,
        arch=asked.arch,
        weights=asked.weights,
        size=asked.size,
        bs=BATCH[at],
        epochs=asked.epochs or EPOCHS[at],
    )


def network_lines(
    at: str,  # the training hospital
    hospitals: dict[str, Hospital],
    out: Path,
    asked: argparse.Namespace,
) -> list[Line]:
    """Score the networks of a hospital at home and away: each alone, then all together."""
    home = hospitals[at].root
    bundles = []
    for seed in range(asked.seeds):
        run = out / "runs" / f"{asked.arch}_{asked.size}" / f"{at}_{seed}"
        bundles.append(trained(at, home, run, seed, asked))
    teams = [(f"fine-tuned {asked.arch}, seed {i}", [one]) for i, one in enumerate(bundles)]
    if len(bundles) > 1:
        teams.append((f"these {len(bundles)} together", bundles))
    lines = []
    for words, team in teams:
        valid = network_answers(team, home, "valid")
        for to in HOSPITALS:
            split = "test" if to == at else "all"
            tested = network_answers(team, hospitals[to].root, split)
            lines.append(network_line(at, f"{to}, {split}", words, valid, tested))
    return lines


# ---- all


def linear_lines(at: str, to: str, hospitals: dict[str, Hospital]) -> list[Line]:
    """Score the logistic regressions of a hospital at home, or away."""
    home = hospitals[at]
    away = hospitals[to]
    own = Answers(home.is_ill, np.zeros(len(home.is_ill)), home.groups)
    other = Answers(away.is_ill, np.zeros(len(away.is_ill)), away.groups)
    lines = []
    for model, features in home.features.items():
        strengths = SQUARE_STRENGTHS if "squares" in model else (STRENGTH,)
        if to == at:
            lines.append(home_line(at, model, features, own, strengths))
            continue
        asked = (away.features[model], other)
        lines.append(away_line(at, to, model, (features, own), asked, strengths))
    return lines


def arguments() -> argparse.Namespace:
    """Read what was asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("mirror", type=Path, metavar="MIRROR")
    parser.add_argument("--out", type=Path, metavar="DIR")
    parser.add_argument("--arch", default="tf_efficientnet_lite0", metavar="NAME")
    parser.add_argument("--weights", default="imagenet", metavar="imagenet|none|FILE")
    parser.add_argument("--size", type=int, default=128, metavar="PX", help="of what is fine-tuned")
    parser.add_argument("--epochs", type=int, metavar="N", help=f"default: {EPOCHS}")
    parser.add_argument("--seeds", type=int, default=0, metavar="N", help="networks to fine-tune")
    parser.add_argument("--third", action="store_true", help="score on a third source too")
    return parser.parse_args()


def main() -> None:
    """Print the table."""
    asked = arguments()
    out = asked.out or Path(tempfile.mkdtemp())
    out.mkdir(parents=True, exist_ok=True)
    hospitals = {}
    recipes = dict.fromkeys(HOSPITALS, "tb") | ({THIRD: "triage"} if asked.third else {})
    for name, recipe in recipes.items():
        curate(out / name, recipe, mirror=asked.mirror, only=[name])
        hospitals[name] = hospital_of(name, read_manifest(out / name), asked)
    print("\n".join(head_lines()))
    ways = [(at, to) for at in HOSPITALS for to in HOSPITALS]
    ways += [(HOSPITALS[0], THIRD)] if asked.third else []
    for at, to in ways:
        for line in linear_lines(at, to, hospitals):
            print(row_words(line), flush=True)
    for at in HOSPITALS:
        for line in network_lines(at, hospitals, out, asked):
            print(row_words(line), flush=True)


if __name__ == "__main__":
    main()
