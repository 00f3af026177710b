"""What a tuberculosis model of one hospital is worth at another, in both directions.

.venv/bin/python benchmarks/tuberculosis.py MIRROR [--out DIR] [--epochs N]

MIRROR holds the sources shenzhen and montgomery. Both are curated for one recipe of two classes; a
network is trained on each, from weights none, and scored on its own test split and on all images of
the other hospital; logistic regression on 8x8 and 16x16 gray squares, fitted on the same train
images, stands beside. What is in DIR already is not trained again.
"""

from __future__ import annotations

import argparse
import math
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cxr_fastai.curation.pipeline import curate
from cxr_fastai.evaluation.evaluate import evaluate
from cxr_fastai.intervals.bootstrap import Resampling
from cxr_fastai.intervals.exact import exact_share
from cxr_fastai.manifest import Manifest, read_manifest
from cxr_fastai.probes.classifier import deal_folds, fitted_scores, held_out_scores
from cxr_fastai.probes.features import gray
from cxr_fastai.probes.films import measure_films
from cxr_fastai.probes.targets import auroc_of
from cxr_fastai.reporting.text import decimal, percent, span
from cxr_fastai.training.run import train

HOSPITALS = ("shenzhen", "montgomery")
ILL = "tuberculosis"
FOUND = 0.9  # share of the training hospital's validation films with tuberculosis
EPOCHS = {"shenzhen": 10, "montgomery": 20}
BATCH = {"shenzhen": 16, "montgomery": 8}
RECIPE = """title = "Tuberculosis or no finding"
task = "single_label"
negative = "no_finding"

[classes]
no_finding = ["no_finding"]
tuberculosis = ["tuberculosis"]
"""


@dataclass(frozen=True, eq=False)
class Answers:
    """What a model says of some films: one a patient, or patients as groups."""

    is_ill: np.ndarray  # (n,) bool
    scores: np.ndarray  # (n,) higher is more likely tuberculosis
    groups: list[str]  # (n,)


@dataclass(frozen=True)
class Line:
    """A row of the table."""

    trained_on: str
    scored_on: str
    model: str
    valid: Answers | None  # None: of five folds each has its own model, and no threshold stands
    tested: Answers


def network_answers(bundle: Path, data: Path, split: str) -> Answers:
    """Ask a bundle."""
    report = evaluate(bundle, data, split, resamples=1, pixel_floor=False)
    predictions = report.predictions
    if predictions is None:
        raise SystemExit(f"{data}: the report holds no predictions of {split}.")
    column = list(report.names).index(ILL)
    return Answers(
        is_ill=predictions.targs == column,
        scores=predictions.probs[:, column],
        groups=[row["group"] for row in predictions.rows],
    )


def squares_answers(
    fitted: Manifest,  # whose train films are learned from
    asked: Manifest,
    split: str,  # valid | test | all
    side: int,  # px
) -> Answers:
    """Fit gray squares on the train films of one folder and ask them of another."""
    own = [row for row in fitted.rows if row.split == "train"]
    rows = [row for row in asked.rows if split in ("all", row.split)]
    features = gray(measure_films(fitted.root, own), side)
    is_ill = np.array([row.label == ILL for row in own])
    other = gray(measure_films(asked.root, rows), side)
    scores = fitted_scores(features, is_ill, np.ones(len(own), bool), other)
    if scores is None:
        raise SystemExit(f"{fitted.root}: train lacks a class, or {asked.root} has no {split} film")
    return Answers(
        np.array([row.label == ILL for row in rows]), scores, [row.group for row in rows]
    )


def held_out_answers(
    at: Manifest,
    side: int,  # px
) -> Answers:
    """Ask gray squares of all films of one hospital, each by a model of the other four folds."""
    rows = list(at.rows)
    features = gray(measure_films(at.root, rows), side)
    is_ill = np.array([row.label == ILL for row in rows])
    groups = [row.group for row in rows]
    folds = deal_folds([row.label for row in rows], groups)
    scores = held_out_scores(features, is_ill, np.ones(len(rows), bool), folds)
    return Answers(is_ill, scores, groups)


def threshold_of(valid: Answers) -> float:
    """Return the highest threshold that finds FOUND of validation's tuberculosis."""
    ill = np.sort(valid.scores[valid.is_ill])[::-1]
    return float(ill[math.ceil(FOUND * len(ill)) - 1])


def share_words(
    hits: np.ndarray,  # (n,) bool
    groups: int,  # that the films are of
) -> str:
    """Return a share of films with its exact interval over groups."""
    share = float(hits.mean())
    return f"{percent(share)} ({span(exact_share(share, groups))})"


def row_words(line: Line) -> str:
    """Put a row of the table into Markdown."""
    tested = line.tested
    resampling = Resampling(tested.groups)
    groups = resampling.groups_of(tested.is_ill, ~tested.is_ill)
    auroc = auroc_of(tested.is_ill, tested.scores)
    draws = resampling.aurocs(tested.is_ill, tested.scores)
    between = resampling.interval(draws, auroc, groups, is_ranking=True)
    told = f"{decimal(auroc)} ({span(between, as_share=False)})"
    shares = ["-", "-"]
    if line.valid is not None:
        called = tested.scores >= threshold_of(line.valid)
        shares = [
            share_words(called[tested.is_ill], resampling.groups_of(tested.is_ill)),
            share_words(~called[~tested.is_ill], resampling.groups_of(~tested.is_ill)),
        ]
    cells = [
        line.trained_on,
        line.scored_on,
        f"{int(tested.is_ill.sum())} + {int((~tested.is_ill).sum())}",
        line.model,
        told,
        *shares,
    ]
    return "| " + " | ".join(cells) + " |"


def lines_of(
    at: str,  # the training hospital
    folders: dict[str, Path],
    bundle: Path,
) -> list[Line]:
    """Score one hospital's models at home and away."""
    lines = []
    home = read_manifest(folders[at])
    for to in HOSPITALS:
        split = "test" if to == at else "all"
        place = f"{to}, {split}"
        valid = network_answers(bundle, folders[at], "valid")
        tested = network_answers(bundle, folders[to], split)
        lines.append(Line(at, place, "resnet18", valid, tested))
        away = read_manifest(folders[to])
        for side in (8, 16):
            valid = squares_answers(home, home, "valid", side)
            tested = squares_answers(home, away, split, side)
            lines.append(Line(at, place, f"{side}x{side} gray squares", valid, tested))
    for side in (8, 16):
        tested = held_out_answers(home, side)
        lines.append(Line(at, f"{at}, all, 5 folds", f"{side}x{side} gray squares", None, tested))
    return lines


def trained(
    at: str,  # the hospital
    data: Path,
    run: Path,
    epochs: int | None,  # None: EPOCHS
) -> Path:  # the bundle
    """Train a network, or return the one that is there."""
    bundle = run / "bundle"
    if bundle.is_dir():
        return bundle
    return train(
        data,
        run,
        arch="resnet18",
        weights="none",
        size=128,
        bs=BATCH[at],
        lr=1e-3,
        epochs=epochs or EPOCHS[at],
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("mirror", type=Path, metavar="MIRROR")
    parser.add_argument("--out", type=Path, metavar="DIR")
    parser.add_argument("--epochs", type=int, metavar="N", help=f"default: {EPOCHS}")
    asked = parser.parse_args()
    out = asked.out or Path(tempfile.mkdtemp())
    out.mkdir(parents=True, exist_ok=True)
    recipe = out / "tb.toml"
    recipe.write_text(RECIPE, encoding="utf-8")
    folders = {at: out / at for at in HOSPITALS}
    for at in HOSPITALS:
        curate(folders[at], str(recipe), mirror=asked.mirror, only=[at])
    print("| trained on | scored on | ill + well | model | AUROC | found | specificity |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for at in HOSPITALS:
        bundle = trained(at, folders[at], out / "runs" / at, asked.epochs)
        for line in lines_of(at, folders, bundle):
            print(row_words(line), flush=True)


if __name__ == "__main__":
    main()
