"""What the gate refuses, and whom it refuses by mistake.

    python benchmarks/gate.py DATA [--split test] [--ieee8023 DIR] [--loso]

Of a curated folder: a gate is fitted on its train films, and asked about films of another split and
about pictures of other origin than those it learned: photographs, textures and pages that
scikit-image ships, digits of scikit-learn, laterals and CT slices of other patients. Those are the
ones that DATA keeps (negatives.csv), or those of DIR, a copy of ieee8023's repository; each is
judged by a gate that saw no picture of its patient (five parts of the patients). With --loso the
good films of each source are judged by a gate that was fitted without the source.
"""

from __future__ import annotations

import argparse
import csv
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import numpy as np
from PIL import Image

from cxr_fastai import images
from cxr_fastai.core import CxrError
from cxr_fastai.gate import SIDE, Gate, Negatives, fit_gate, made, thumbnail
from cxr_fastai.gate.features import contrast_of, features_of
from cxr_fastai.gate.gate import scores_of
from cxr_fastai.gate.table import alarms_of, area_under, kinds_refused
from cxr_fastai.manifest import Record, read_manifest
from cxr_fastai.negatives import read_negatives
from cxr_fastai.reporting.text import decimal, percent, table
from cxr_fastai.training.gating import negatives_of
from cxr_fastai.training.pixel_cache import pixel_cache

PHOTOGRAPHS = (
    "astronaut camera chelsea coffee coins rocket motorcycle_left hubble_deep_field retina ihc "
    "cell clock_motion moon horse"
).split()
TEXTURES = "brick grass gravel page text logo chessboard_GRAY color".split()
CROPS = 50  # of each photograph and texture
NOISES = 600
PARTS = 5  # of the patients of laterals and CT slices
SEED = 7  # of what is made here; the gate's own is 0


@dataclass(frozen=True, eq=False)
class Films:
    """Good films of some splits."""

    rows: Sequence[Record]
    small: np.ndarray  # (n, SIDE, SIDE) uint8

    @property
    def sources(self) -> list[str]:
        """The source of each film."""
        return [row.source for row in self.rows]

    def of(self, chosen: Sequence[bool]) -> Films:
        """Return a part of the films."""
        rows = [row for row, is_chosen in zip(self.rows, chosen) if is_chosen]
        return Films(rows, self.small[np.asarray(chosen)])


def main() -> None:
    """Print the table."""
    p = argparse.ArgumentParser()
    p.add_argument("data")
    p.add_argument("--split", default="test", choices=("valid", "test"))
    p.add_argument("--ieee8023", metavar="DIR", help="its repository: metadata.csv and images")
    p.add_argument("--loso", action="store_true", help="also leave out each source in turn")
    args = p.parse_args()
    films = _films(Path(args.data))
    train = films.of([row.split == "train" for row in films.rows])
    held = films.of([row.split == args.split for row in films.rows])
    others = (
        _of_ieee8023(Path(args.ieee8023))
        if args.ieee8023
        else negatives_of(read_negatives(args.data))
    )
    start = time.perf_counter(), time.process_time()
    gate = _fit(train, others)
    seconds = time.perf_counter() - start[0]
    busy = time.process_time() - start[1]
    told = f"fitted on {len(train.rows):,} films in {seconds:.1f} s ({busy:.1f} s of a processor)"
    print(f"{told}; {gate.promise}\n")
    _print_kinds(gate, held, _foreign(held), _cross_fitted(train, others, held))
    _print_sources(gate, held, args.split)
    _print_changed(gate, held)
    if args.loso:
        _print_unseen_sources(films, others)


def _fit(films: Films, others: Negatives) -> Gate:
    """Fit a gate on films and on what is none."""
    return fit_gate(films.small, [row.group for row in films.rows], films.sources, others)


# ---- pictures


def _films(folder: Path) -> Films:
    """Read all films of a curated folder, from the cache where it has them."""
    manifest = read_manifest(folder)
    places, pixels = pixel_cache(manifest, SIDE)
    order = [places[str(manifest.root / row.path)] for row in manifest.rows]
    return Films(manifest.rows, np.asarray(pixels)[order])


def _of_ieee8023(folder: Path) -> Negatives:
    """Read the laterals and CT slices of ieee8023's repository by its own table."""
    small, kinds, patients = [], [], []
    with open(folder / "metadata.csv", encoding="utf-8", newline="") as f:
        rows = list(csv.DictReader(f))
    for row in rows:
        kind = "ct" if row["modality"] == "CT" else "lateral" if row["view"] == "L" else ""
        file = folder / row["folder"] / row["filename"]
        if not kind or not file.is_file():
            continue
        try:
            small.append(thumbnail(images.decode(file)))
        except CxrError:
            continue
        kinds.append(kind)
        patients.append(f"ieee8023:{row['patientid']}")
    return Negatives(np.stack(small), kinds, ["ieee8023"] * len(kinds), patients)


def _foreign(held: Films) -> Iterator[tuple[str, np.ndarray]]:
    """Yield pictures of other origin than those that the gate learned."""
    rng = np.random.default_rng(SEED)
    for quarters in (1, 2, 3):
        yield f"turned by {90 * quarters} degrees", made.turned(held.small, quarters)
    yield "inverted", 255 - held.small
    yield "half a film", made.cut(held.small, rng)
    yield "noise", made.noise(NOISES, rng)
    yield "photographs of scikit-image", _crops(PHOTOGRAPHS, rng)
    yield "textures and pages of scikit-image", _crops(TEXTURES, rng)
    yield "digits of scikit-learn", _digits()


def _crops(names: Sequence[str], rng: np.random.Generator) -> np.ndarray:
    """Cut pieces out of pictures that scikit-image ships."""
    found = []
    folder = resources.files("skimage") / "data"
    for name in names:
        (file,) = [entry for entry in folder.iterdir() if entry.name.split(".")[0] == name]
        with file.open("rb") as f:
            gray = np.asarray(Image.open(f).convert("L"))
        shorter = min(gray.shape)
        for _ in range(CROPS):
            height, width = (rng.uniform(0.15, 1, 2) * shorter).astype(int)
            top = rng.integers(gray.shape[0] - height + 1)
            left = rng.integers(gray.shape[1] - width + 1)
            piece = np.ascontiguousarray(gray[top : top + height, left : left + width])
            found.append(thumbnail(piece))
    return np.stack(found)


def _digits() -> np.ndarray:
    """Return written digits."""
    from sklearn.datasets import load_digits

    digits = load_digits().images[:300]
    return np.stack([thumbnail((digit * 15.9).astype(np.uint8)) for digit in digits])


# ---- measures


@dataclass(frozen=True, eq=False)
class Measured:
    """What a gate says of pictures."""

    refused: np.ndarray  # (n,) bool
    above: np.ndarray  # (n,) how far the worse of both scores lies above its limit


def _measured(gate: Gate, small: np.ndarray) -> Measured:
    """Judge pictures."""
    scores = scores_of(gate.model, features_of(small))
    refused = [not judgement.passes for judgement in gate.judgements(scores, contrast_of(small))]
    odds = scores.odds - gate.odds_limit
    distance = scores.distance - gate.distance_limit
    # a log-odds is far from a log-distance: each in its own unit above the limit, blank ones on top
    above = np.where(distance > 0, np.maximum(odds, distance), odds)
    above = np.where(contrast_of(small) < 4, np.inf, above)
    return Measured(np.array(refused), above)


def _cross_fitted(
    train: Films,
    others: Negatives,
    held: Films,
) -> Iterator[tuple[str, Measured, Measured]]:  # kind, of it, of good films by the same gates
    """Judge laterals and CT slices by gates that saw none of their patient."""
    if not len(others):
        return
    names = sorted(set(others.patients))
    part_of = dict(zip(names, np.random.default_rng(SEED).permutation(len(names)) % PARTS))
    parts = np.array([part_of[patient] for patient in others.patients])
    kinds = np.asarray(others.kinds)
    found: dict[str, list[Measured]] = {}
    good = []
    for part in range(PARTS):
        gate = _fit(train, _some(others, parts != part))
        good.append(_measured(gate, held.small))
        for kind in sorted(set(kinds)):
            own = others.small[(parts == part) & (kinds == kind)]
            found.setdefault(kind, []).append(_measured(gate, own))
    for kind, measured in found.items():
        yield f"{kind}, other patients", _joined(measured), _joined(good)


def _some(others: Negatives, chosen: np.ndarray) -> Negatives:
    """Return a part of the pictures."""
    places = np.flatnonzero(chosen)
    return Negatives(
        small=others.small[places],
        kinds=[others.kinds[i] for i in places],
        sources=[others.sources[i] for i in places],
        patients=[others.patients[i] for i in places],
    )


def _joined(measured: Sequence[Measured]) -> Measured:
    """Put measures of several gates together, each relative to its own limits."""
    return Measured(
        refused=np.concatenate([each.refused for each in measured]),
        above=np.concatenate([each.above for each in measured]),
    )


# ---- print


def _print_kinds(
    gate: Gate,
    held: Films,
    foreign: Iterator[tuple[str, np.ndarray]],
    others: Iterator[tuple[str, Measured, Measured]],
) -> None:
    """Print what is caught of each kind."""
    good = _measured(gate, held.small)
    rows: list[tuple[object, ...]] = [
        ("pictures", "n", "caught by the gate", "caught at 1 % of alarms", "AUROC")
    ]
    for name, small in foreign:
        rows.append(_kind_row(name, _measured(gate, small), good))
    for name, measured, own_good in others:
        rows.append(_kind_row(name, measured, own_good))
    print("\n".join(table(rows)))


def _kind_row(name: str, of_kind: Measured, good: Measured) -> tuple[object, ...]:
    """Return a row of the table."""
    limit = np.quantile(good.above, 0.99)
    return (
        name,
        len(of_kind.refused),
        percent(of_kind.refused.mean()),
        percent((of_kind.above > limit).mean()),
        decimal(area_under(good.above, of_kind.above)),
    )


def _print_sources(gate: Gate, held: Films, split: str) -> None:
    """Print the false alarms of each source."""
    judgements = gate.judge_thumbnails(held.small)
    refused = [not judgement.passes for judgement in judgements]
    rows: list[tuple[object, ...]] = [(f"good films of {split}", "n", "refused", "share")]
    rows.append(("all", len(refused), sum(refused), percent(np.mean(refused))))
    for row in alarms_of(held.sources, refused):
        rows.append((row["source"], row["n"], row["refused"], percent(row["refused"] / row["n"])))
    print("\n" + "\n".join(table(rows)))
    print(f"as: {kinds_refused(judgements)}")


def _print_changed(gate: Gate, held: Films) -> None:
    """Print how many good films are refused that were changed a little, and mirrored."""
    rng = np.random.default_rng(SEED)
    tilted = [Image.fromarray(film).rotate(10, Image.Resampling.BILINEAR) for film in held.small]
    changed = {
        "tilted by 10 degrees": np.stack([np.asarray(film) for film in tilted]),
        "cropped by 8 % on each side": np.stack(
            [thumbnail(f[5:-5, 5:-5].copy()) for f in held.small]
        ),
        "contrast stretched by half": np.clip((held.small - 127.5) * 1.5 + 127.5, 0, 255),
        "eight gray levels": held.small // 32 * 32,
        "tilted, cropped, windowed, marked, framed": made.varied(held.small, rng),
        "mirrored (cannot be seen)": held.small[:, :, ::-1],
    }
    rows: list[tuple[object, ...]] = [("good films, changed", "n", "refused")]
    for name, small in changed.items():
        refused = [not j.passes for j in gate.judge_thumbnails(small.astype(np.uint8))]
        rows.append((name, len(refused), percent(np.mean(refused))))
    print("\n" + "\n".join(table(rows)))


def _print_unseen_sources(films: Films, others: Negatives) -> None:
    """Print the false alarms of each source by a gate that never saw it."""
    rows: list[tuple[object, ...]] = [("source, never seen", "n", "refused", "share")]
    for source in sorted(set(films.sources)):
        seen = [row.split == "train" and row.source != source for row in films.rows]
        gate = _fit(films.of(seen), others)
        own = films.of([row.source == source for row in films.rows])
        refused = [not judgement.passes for judgement in gate.judge_thumbnails(own.small)]
        rows.append((source, len(refused), sum(refused), percent(np.mean(refused))))
    print("\n" + "\n".join(table(rows)))


if __name__ == "__main__":
    main()
