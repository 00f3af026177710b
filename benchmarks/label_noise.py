"""Where labels that are known to be wrong rank among the suspects of `cxr audit`.

    python benchmarks/label_noise.py [DATA] [--seeds 4]

Drawn films with 3 % of the labels made wrong: how many of the first hundred suspects are these;
beside it the library cleanlab with the same probabilities, where it is installed. DATA is a folder
that `cxr curate --on-conflict upstream` wrote: it keeps each radiograph that two sources label
differently under its original's label, and names it in conflicts.csv; their ranks are printed.
"""

from __future__ import annotations

import argparse
import csv
import importlib.util
from dataclasses import replace
from pathlib import Path

import numpy as np

from cxr_fastai.manifest import Record, read_manifest
from cxr_fastai.phantom import CLASSES, draw
from cxr_fastai.probes import label_noise
from cxr_fastai.probes.classifier import deal_folds
from cxr_fastai.probes.films import Films, measure_pixels
from cxr_fastai.probes.label_noise import OUT_OF_FOLD, Suspects, suspects, suspects_of_classes
from cxr_fastai.probes.texture import texture
from cxr_fastai.progress import SILENT
from cxr_fastai.reporting.text import count, table

FILMS = 3500
SIDE = 64  # px
SHARE = 0.03  # of labels that are made wrong
FIRST = 100  # suspects that are looked at
ORDERS = ("self_confidence", "normalized_margin", "confidence_weighted_entropy")  # of cleanlab


def main() -> None:
    """Print what was asked for."""
    p = argparse.ArgumentParser()
    p.add_argument("data", nargs="?")
    p.add_argument("--seeds", type=int, default=4, metavar="N", help="labellings (0: no drawing)")
    args = p.parse_args()
    if args.seeds:
        _print_drawn(args.seeds)
    if args.data:
        _print_conflicts(Path(args.data))


# ---- drawn films


def _print_drawn(seeds: int) -> None:
    """Make labels of drawn films wrong, and count them among the first suspects."""
    films, truth, groups = _drawn()
    features = texture(films)
    has_cleanlab = importlib.util.find_spec("cleanlab") is not None
    rows: list[tuple[object, ...]] = [("seed", "ours", *(ORDERS if has_cleanlab else ()))]
    for seed in range(seeds):
        labels = _made_wrong(truth, seed)
        folds = deal_folds([str(label) for label in labels], groups)
        probs = label_noise._held_out(features, labels, len(CLASSES), folds, SILENT)
        found = suspects_of_classes(probs, labels, CLASSES, films.rows, OUT_OF_FOLD)
        first = [int(suspect.path) for suspect in found.listed[:FIRST]]
        hits: list[object] = [int((labels != truth)[first].sum())]
        if has_cleanlab:
            hits += [_of_cleanlab(labels, probs, truth, order) for order in ORDERS]
        rows.append((seed, *hits))
    wrong = round(SHARE * FILMS)
    print(f"wrong labels among the first {FIRST}; {wrong} of {FILMS:,} drawn films have one")
    print("\n".join(table(rows)))


def _drawn() -> tuple[Films, np.ndarray, list[str]]:
    """Draw two films a patient, of the classes in turn."""
    blank = Record(**dict.fromkeys(Record.__dataclass_fields__, ""))
    measured, rows, truth, groups = [], [], [], []
    for i in range(FILMS):
        patient = i // 2
        label = patient % len(CLASSES)
        measured.append(measure_pixels(draw(CLASSES[label], i, SIDE, patient=patient)))
        rows.append(replace(blank, path=str(i), group=str(patient)))
        truth.append(label)
        groups.append(str(patient))
    parts = [np.stack(part) for part in zip(*measured)]
    return Films(rows, *parts), np.array(truth), groups


def _made_wrong(truth: np.ndarray, seed: int) -> np.ndarray:
    """Return labels of which a share is of another class."""
    rng = np.random.default_rng(seed)
    labels = truth.copy()
    wrong = rng.choice(len(truth), round(SHARE * len(truth)), replace=False)
    labels[wrong] = (labels[wrong] + rng.integers(1, len(CLASSES), len(wrong))) % len(CLASSES)
    return labels


def _of_cleanlab(labels: np.ndarray, probs: np.ndarray, truth: np.ndarray, order: str) -> int:
    """Count the wrong labels among the first that cleanlab lists."""
    from cleanlab.filter import find_label_issues

    probs = probs / probs.sum(1, keepdims=True)
    listed = find_label_issues(labels, probs, return_indices_ranked_by=order)
    return int((labels != truth)[listed[:FIRST]].sum())


# ---- radiographs that two sources label differently


def _print_conflicts(data: Path) -> None:
    """Print where the kept radiographs of conflicts.csv rank among all suspects."""
    label_noise.MAX_LISTED = 10**9  # all of them, not those of a page
    manifest = read_manifest(data)
    found = suspects(manifest)
    row_of = {(row.source, row.original_path): row for row in manifest.rows}
    with (data / "conflicts.csv").open(encoding="utf-8", newline="") as file:
        conflicts = list(csv.DictReader(file))
    labels: dict[str, set[str]] = {}
    kept: dict[str, Record] = {}
    for line in conflicts:
        labels.setdefault(line["group"], set()).add(line["label"])
        row = row_of.get((line["source"], line["path"]))
        if row is not None:
            kept[line["group"]] = row
    rank_of = {suspect.path: i for i, suspect in enumerate(found.listed, 1)}
    rows: list[tuple[object, ...]] = [("source", "split", "label", "other label", "rank")]
    for group, row in sorted(kept.items(), key=lambda item: rank_of.get(item[1].path, 10**9)):
        others = ", ".join(sorted(labels[group] - {row.label}))
        rows.append((row.source, row.split, row.label, others, _rank_words(row, rank_of, found)))
    print(
        f"\n{count(len(kept), 'radiograph')} of conflicts.csv kept, of {found.asked:,} films asked "
        f"of; {len(found.listed):,} are suspected"
    )
    print("\n".join(table(rows)))


def _rank_words(row: Record, rank_of: dict[str, int], found: Suspects) -> str:
    """Say where a film ranks, or why it has no rank."""
    if row.split == "test":
        return "not asked: test"
    return f"{rank_of[row.path]:,}" if row.path in rank_of else "not suspected"


if __name__ == "__main__":
    main()
