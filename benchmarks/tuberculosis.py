"""What a tuberculosis model of one hospital is worth there and at another, in both directions.

python benchmarks/tuberculosis.py MIRROR [--out DIR] [--judge] [--seeds N] [--set KEY=VALUE ..]

MIRROR holds the sources shenzhen, montgomery and roemani_tb. Each is curated by recipe tb. Three
kinds of model are fitted on each hospital: logistic regression on gray squares (the pixel floor)
and on what EfficientNet-Lite0 with ImageNet weights sees that is not trained further
(frozen_films), and, with --seeds, N networks as recipe tb trains them (--set changes a setting),
with what they answer together. Logistic regressions are scored at home by five folds of patients,
dealt three times; networks on their test split; all of them on every film of the other hospital and
of the third. Thresholds are chosen at home. --judge asks no film of the other hospital: it prints
what the setting was chosen by, films of home that were held out, as they are and as another
hospital would have had them (cxr_fastai/evaluation/shifts.py), and the third. What is in DIR
already is not trained again.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from frozen_films import (
    FILM,
    LUNGS,
    OWN,
    PLAIN,
    Change,
    frozen_body,
    frozen_features,
    gray_squares,
)
from home_and_away import (
    Answers,
    Judged,
    Line,
    away_line,
    head_lines,
    home_line,
    judge_head_lines,
    judged,
    judged_words,
    network_line,
    row_words,
)
from official_tests import setting_of
from told import told

from cxr_fastai.curation.pipeline import curate
from cxr_fastai.evaluation.evaluate import evaluate
from cxr_fastai.evaluation.predictions import Predictions
from cxr_fastai.evaluation.shifts import draw_shift, shift
from cxr_fastai.manifest import Record, read_manifest
from cxr_fastai.training.run import train

HOSPITALS = ("shenzhen", "montgomery")
THIRD = "roemani_tb"
ILL = "tuberculosis"
SHIFT_SEED = 8  # of what another hospital would have made of the films
SQUARE_STRENGTHS = (1e-3, 1e-2, 1e-1, 1.0)  # of gray squares, chosen at home


@dataclass(frozen=True)
class Setting:
    """How a film becomes numbers."""

    view: str  # FILM or LUNGS
    layers: int | None  # of EfficientNet-Lite0, from the first; None: all; 0: gray squares alone
    pool: str = PLAIN
    side: int = 192  # px

    @property
    def words(self) -> str:
        """The setting in a cell."""
        if self.layers == 0:
            return f"{self.side}x{self.side} gray squares, {self.view}"
        return f"frozen, {self.view}, {self.layers or 'all'} layers, {self.pool}, {self.side} px"


SQUARES = (Setting(FILM, 0, side=16), Setting(LUNGS, 0, side=16))
EARLIER = Setting(FILM, 6)  # what was chosen before, by NIH's films; Montgomery was asked then
CHOSEN = Setting(LUNGS, 8, OWN)  # by --judge
STRENGTHS = (3e-4, 1e-3, 3e-3)  # of frozen features; that of EARLIER and CHOSEN is the second
CANDIDATES = (
    *(Setting(view, layers) for view in (FILM, LUNGS) for layers in (6, 8, 10, None)),
    *(Setting(view, layers, OWN) for view in (FILM, LUNGS) for layers in (8, 10)),
    *(Setting(LUNGS, 8, OWN, side) for side in (128, 256)),
)


@dataclass(frozen=True, eq=False)
class Hospital:
    """A curated hospital."""

    name: str
    root: Path
    rows: Sequence[Record]

    @property
    def answers(self) -> Answers:
        """Its films, not scored yet."""
        is_ill = np.array([row.label == ILL for row in self.rows])
        groups = [row.group for row in self.rows]
        return Answers(is_ill, np.zeros(len(self.rows)), groups)

    def features(self, setting: Setting, change: Change | None = None) -> np.ndarray:  # (n, f)
        """Make numbers of its films."""
        if setting.layers == 0:
            return gray_squares(self.root, self.rows, setting.view, setting.side, change)
        body = frozen_body("tf_efficientnet_lite0", "imagenet", setting.layers)
        asked = (setting.view, setting.side, setting.pool)
        return frozen_features(body, self.root, self.rows, *asked, change)


def shifted() -> Change:
    """Make films, one after the other, what another hospital would have made of them."""
    draws = np.random.default_rng(SHIFT_SEED)
    return lambda film: shift(film, draw_shift(draws))


# ---- networks that a recipe trains


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


def network_lines(
    at: str,  # the training hospital
    hospitals: Mapping[str, Hospital],
    out: Path,
    seeds: int,
    own: Mapping[str, Any],  # settings in place of the recipe's
) -> Iterator[Line]:
    """Score the networks of a hospital at home and elsewhere: each alone, then all together."""
    home = hospitals[at].root
    bundles = []
    for seed in range(seeds):
        run = out / "runs" / f"{at}_{seed}"
        if not (run / "bundle").is_dir():
            train(home, run, seed=seed, **own)
        bundles.append(run / "bundle")
    teams = [(f"network, seed {seed}", [one]) for seed, one in enumerate(bundles)]
    if len(bundles) > 1:
        teams.append((f"these {len(bundles)} together", bundles))
    for words, team in teams:
        valid = network_answers(team, home, "valid")
        for to, hospital in hospitals.items():
            split = "test" if to == at else "all"
            tested = network_answers(team, hospital.root, split)
            yield network_line(at, f"{to}, {split}", words, valid, tested)


# ---- all


def linear_lines(
    hospitals: Mapping[str, Hospital],
) -> Iterator[Line]:
    """Score the logistic regressions of each hospital at home and elsewhere."""
    for setting in (*SQUARES, EARLIER, CHOSEN):
        strengths = SQUARE_STRENGTHS if setting.layers == 0 else STRENGTHS[1:2]
        features = {name: one.features(setting) for name, one in hospitals.items()}
        for at in HOSPITALS:
            own = (features[at], hospitals[at].answers)
            yield home_line(at, setting.words, *own, strengths)
            for to in hospitals:
                if to != at:
                    asked = (features[to], hospitals[to].answers)
                    yield away_line(at, to, setting.words, own, asked, strengths)


def judged_settings(
    home: Hospital,
    third: Hospital,
) -> Iterator[Judged]:
    """Score what could be chosen, by home and by the third."""
    for setting in (*SQUARES, *CANDIDATES):
        strengths = SQUARE_STRENGTHS if setting.layers == 0 else STRENGTHS
        own = (home.features(setting), home.features(setting, shifted()), home.answers)
        asked = (third.features(setting), third.answers)
        yield from (judged(home.name, setting.words, own, asked, one) for one in strengths)


def arguments() -> argparse.Namespace:
    """Read what was asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("mirror", type=Path, metavar="MIRROR")
    parser.add_argument("--out", type=Path, metavar="DIR")
    parser.add_argument("--judge", action="store_true", help="what the setting was chosen by")
    parser.add_argument("--seeds", type=int, default=0, metavar="N", help="networks to train")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    return parser.parse_args()


def main() -> None:
    """Print the table."""
    asked = arguments()
    out = asked.out or Path(tempfile.mkdtemp())
    out.mkdir(parents=True, exist_ok=True)
    hospitals = {}
    for name in (*HOSPITALS, THIRD):
        curate(out / name, "tb", mirror=asked.mirror, only=[name])
        hospitals[name] = Hospital(name, out / name, read_manifest(out / name).rows)
    print("\n".join(judge_head_lines() if asked.judge else head_lines()))
    if asked.judge:
        for at in HOSPITALS:
            for one in judged_settings(hospitals[at], hospitals[THIRD]):
                print(judged_words(one), flush=True)
        return
    for line in linear_lines(hospitals):
        print(row_words(line), flush=True)
    own = dict(setting_of(words) for words in asked.set)
    for at in HOSPITALS if asked.seeds else ():
        for line in network_lines(at, hospitals, out, asked.seeds, own):
            print(row_words(line), flush=True)


if __name__ == "__main__":
    sys.exit(told(main))
