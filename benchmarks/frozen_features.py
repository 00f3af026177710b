"""The frozen stage on cached features beside the plain way: seconds and scores, seed by seed.

.venv/bin/python benchmarks/frozen_features.py DATA --out DIR [--arch NAME] [--weights W]
    [--size PX] [--epochs N] [--thaw N] [--seeds N] [--ways cached,plain]
    [--limit N] [--limit-valid N]

DATA is a curated folder. Each way trains the head alone for --epochs from the same seeds, and with
--thaw so many epochs more in which the body thaws, as a run does that is not told otherwise. Each
run's validation AUROC and loss, and the seconds of the head's epochs (features included) and of all
stand in a line of DIR/lines.jsonl; what stands there is not trained again. The table goes to
stdout. Pixels are decoded before anything is timed. With --limit and --limit-valid these splits are
cut to N images of each class.
"""

from __future__ import annotations

import argparse
import csv
import json
import statistics
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch

from cxr_fastai.manifest import Manifest, read_manifest
from cxr_fastai.run_files import HISTORY
from cxr_fastai.training.data import build_dataloaders
from cxr_fastai.training.run import train


@dataclass(frozen=True)
class Line:
    """One run."""

    way: str  # cached | plain
    seed: int
    seconds: float  # of the head's epochs, by history.csv
    all_seconds: float  # of all epochs
    valid_loss: float  # of the best epoch
    auroc: float  # of validation
    accuracy: float  # balanced, of validation
    best_epoch: int


def main() -> None:
    """Train what is not trained yet, and print the table."""
    asked = _asked()
    manifest = _limited(read_manifest(asked.data), "train", asked.limit)
    manifest = _limited(manifest, "valid", asked.limit_valid)
    lines = _lines(asked.out)
    build_dataloaders(manifest, asked.size, 32)  # decodes
    for seed in range(asked.seeds):
        for way in asked.ways:
            if (way, seed) not in {(line.way, line.seed) for line in lines}:
                lines.append(_run(manifest, way, seed, asked))
                _keep(lines[-1], asked.out)
    _print(lines, manifest, asked)


def _asked() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--arch", default="tf_efficientnet_lite0")
    parser.add_argument("--weights", default="imagenet")
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--thaw", type=int, default=0)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--ways", type=_names, default=["cached", "plain"])
    parser.add_argument("--limit", type=int, default=0)
    parser.add_argument("--limit-valid", type=int, default=0)
    return parser.parse_args()


def _names(text: str) -> list[str]:
    """Split at commas."""
    return text.split(",")


def _limited(manifest: Manifest, split: str, limit: int) -> Manifest:
    """Keep the first `limit` images of each class in a split; 0: all."""
    if not limit:
        return manifest
    taken: dict[str, int] = {}
    rows = []
    for row in manifest.rows:
        if row.split == split:
            taken[row.label] = taken.get(row.label, 0) + 1
            if taken[row.label] > limit:
                continue
        rows.append(row)
    return replace(manifest, rows=rows)


def _run(manifest: Manifest, way: str, seed: int, asked: argparse.Namespace) -> Line:
    """Train one way from one seed, and score it."""
    run = asked.out / f"{way}_{seed}"
    bundle = train(
        manifest,
        run,
        seed=seed,
        resume=run.exists(),
        quiet=True,
        beside=(),
        arch=asked.arch,
        weights=asked.weights,
        size=asked.size,
        epochs=asked.epochs + asked.thaw,
        freeze_epochs=asked.epochs,
        unfreeze="progressive" if asked.thaw else "never",
        stages=way,
        mix="none",
        resize=[],
    )
    meta = json.loads((bundle / "bundle.json").read_text())
    scores = meta["metrics"]["valid"]
    with open(run / HISTORY, encoding="utf-8") as file:
        seconds = [float(row["seconds"]) for row in csv.DictReader(file)]
    return Line(
        way=way,
        seed=seed,
        seconds=round(sum(seconds[: asked.epochs]), 1),
        all_seconds=round(sum(seconds), 1),
        valid_loss=round(scores["loss"], 4),
        auroc=round(scores["macro_auroc"], 4),
        accuracy=round(scores["balanced_accuracy"], 4),
        best_epoch=meta["trained"]["best_epoch"],
    )


def _lines(out: Path) -> list[Line]:
    """Read what was measured before."""
    file = out / "lines.jsonl"
    if not file.exists():
        return []
    return [Line(**json.loads(line)) for line in file.read_text().splitlines()]


def _keep(line: Line, out: Path) -> None:
    """Write down a run that is over."""
    out.mkdir(parents=True, exist_ok=True)
    with open(out / "lines.jsonl", "a") as file:
        file.write(json.dumps(asdict(line)) + "\n")


def _print(lines: list[Line], manifest: Manifest, asked: argparse.Namespace) -> None:
    """Print a row a run, and what the ways are beside each other."""
    splits = [row.split for row in manifest.rows]
    print(
        f"{asked.arch}, {asked.weights}, {asked.size} px, {asked.epochs} epochs of the head and "
        f"{asked.thaw} in which the body thaws, "
        f"{splits.count('train')} train and {splits.count('valid')} validation images, "
        f"{torch.get_num_threads()} threads\n"
    )
    print(
        "| way | seed | head, s | all, s | valid loss | valid AUROC | balanced accuracy "
        "| kept epoch |"
    )
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for line in sorted(lines, key=_by_way):
        print(
            f"| {line.way} | {line.seed} | {line.seconds:.1f} | {line.all_seconds:.1f} "
            f"| {line.valid_loss:.4f} "
            f"| {line.auroc:.4f} | {line.accuracy:.4f} | {line.best_epoch} |"
        )
    seconds = {}
    for way in asked.ways:
        own = [line for line in lines if line.way == way]
        seconds[way] = statistics.median(line.seconds for line in own)
        mean = statistics.mean(line.auroc for line in own)
        print(f"\n{way}: mean AUROC {mean:.4f}")
    if {"cached", "plain"} <= seconds.keys():
        print(f"\nThe stage is {seconds['plain'] / seconds['cached']:.1f} times as fast (medians).")


def _by_way(line: Line) -> tuple[str, int]:
    """Sort by way, then by seed."""
    return line.way, line.seed


if __name__ == "__main__":
    main()
