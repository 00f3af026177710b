"""How much of a model's heat lies outside the lungs, beside heats that look at no film.

OMP_NUM_THREADS=1 .venv/bin/python benchmarks/heat.py DATA BUNDLE [--masks DIR] [--split NAME ..]
    [--films N] [--out FILE]

DATA is a curated folder, BUNDLE was trained on its train split; the films of its other splits are
explained. MASKS holds drawn lung masks, each named as its film was in the source (the stem of
original_path): films without one are left out, and shares are taken by the drawn lungs as well as
by those that the package finds. Without MASKS by the latter alone. Beside the heat stand a spot at
the centre, the mean of the training masks of the lung segmenter, and a heat that is the same
everywhere. Means over films, 95 % intervals by a bootstrap over patients. It prints where heat
lies, and not whether a model looks at disease.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from lungs import deal, patient_of
from PIL import Image

from cxr_fastai import images
from cxr_fastai.bundle import load_bundle
from cxr_fastai.bundle.bundle import Bundle
from cxr_fastai.intervals.bootstrap import Resampling, interval
from cxr_fastai.lungs import lung_field, share_outside
from cxr_fastai.lungs.field import SIDE, mean_field
from cxr_fastai.manifest import read_manifest
from cxr_fastai.reporting.text import count, percent, span
from cxr_fastai.serving.heat import centre_spot
from cxr_fastai.serving.heat_of import heat_of
from cxr_fastai.serving.rows import MOSTLY

SEED = 0
OURS = "the answer's heat (Grad-CAM)"
SPOT = "a spot at the centre, the same on every film"
MEAN = "the mean lung mask, the same on every film"
FLAT = "a heat that is the same everywhere"


@dataclass
class Shares:
    """The share of each film's heat that lies outside one kind of lungs."""

    of: dict[str, list[float]] = field(default_factory=lambda: {name: [] for name in KINDS})
    patients: list[str] = field(default_factory=list)

    def add(self, heats: dict[str, np.ndarray], inside: np.ndarray, patient: str) -> None:
        """Add a film."""
        for name, heat in heats.items():
            share = share_outside(heat, inside)
            self.of[name].append(np.nan if share is None else share)
        self.patients.append(patient)


KINDS = (OURS, SPOT, MEAN, FLAT)


def mask_files(folder: Path | None) -> dict[str, Path]:
    """List the masks by their stems."""
    if folder is None:
        return {}
    return {file.stem: file for file in sorted(folder.glob("*.png"))}


def drawn_lungs(file: Path) -> np.ndarray:  # (SIDE, SIDE) bool
    """Read a mask."""
    drawn = np.asarray(Image.open(file).convert("L"))
    return images.resize(drawn, SIDE) >= 128


def explained(bundle: Bundle, pixels: np.ndarray) -> np.ndarray:  # (SIDE, SIDE)
    """Compute the heat of the answer to a film."""
    given, _ = bundle.read(pixels)
    heat = heat_of([bundle], [given], pixels, bundle.decide(bundle.probs_of(given[None])[0]))
    return heat.on_film(SIDE, SIDE)


def chosen_films(
    bundle: Bundle,
    data: Path,
    splits: Iterable[str],
    masks: dict[str, Path],
    most: int,
) -> list:
    """Choose films that did not train the bundle, by the seed: where masks were given with one."""
    manifest = read_manifest(data)
    rows = manifest.df
    rows = rows[rows["split"].isin(list(splits))]
    if bundle.meta["manifest_sha256"] != manifest.sha256:
        saw = bundle.saw(rows.to_dict("records"))
        if saw is None:
            raise SystemExit(f"{bundle.path} does not tell which films trained it")
        rows = rows[~np.array(saw, bool)]
    if masks:
        stems = [Path(path).stem for path in rows["original_path"]]
        rows = rows[[stem in masks for stem in stems]]
    rows = rows.sample(min(most, len(rows)), random_state=SEED).sort_values("path")
    return rows.to_dict("records")


def line(name: str, shares: list[float], patients: list[str]) -> str:
    """Write a row of the table."""
    values = np.array(shares)
    told = ~np.isnan(values)
    draws = Resampling([patient for patient, kept in zip(patients, told) if kept])
    between = interval(draws.shares(values[told]), draws.n_groups)
    mostly = percent(float((values[told] > MOSTLY).mean()))
    return f"| {name} | {percent(float(values[told].mean()))} | {span(between)} | {mostly} |"


def table(title: str, shares: Shares) -> list[str]:
    """Write a table."""
    none = int(np.isnan(shares.of[OURS]).sum())
    n = len(shares.patients)
    head = f"## By {title}: {count(n, 'film')} of {count(len(set(shares.patients)), 'patient')}"
    notes = [f"On {count(none, 'film')} no place raised the answer: no heat.", ""] if none else []
    return [
        head,
        "",
        "| heat | mean share outside | 95 % interval | films with more than half outside |",
        "| --- | --- | --- | --- |",
        *[line(name, shares.of[name], shares.patients) for name in KINDS],
        "",
        *notes,
    ]


def closer(drawn: Shares, found: Shares, is_new: list[bool]) -> str:
    """Say how near the shares by found lungs are to those by drawn ones."""
    differences = 100 * np.abs(np.array(drawn.of[OURS]) - np.array(found.of[OURS]))
    known = differences[~np.isnan(differences) & np.array(is_new, bool)]
    if not len(known):
        return "Every mask here trained the segmenter: nothing is said of how near it comes."
    return (
        f"On the {count(len(known), 'film')} of patients held out when the segmenter was trained, "
        f"the share by found lungs differs from that by drawn ones by {known.mean():.1f} points on "
        f"average, {np.quantile(known, 0.95):.1f} at the 95th percentile."
    )


def main() -> None:
    """Explain, count, tell."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--masks", type=Path)
    parser.add_argument("--split", nargs="+", default=["valid", "test"])
    parser.add_argument("--films", type=int, default=400, help="at most")
    parser.add_argument("--out", type=Path, help="the tables, as Markdown")
    args = parser.parse_args()
    bundle = load_bundle(args.bundle, "cpu")
    masks = mask_files(args.masks)
    drawn, found, without = Shares(), Shares(), 0
    held_out = deal(np.array([patient_of(stem) for stem in masks]))["test"] if masks else []
    is_new = []
    fixed = {SPOT: centre_spot(), MEAN: mean_field(), FLAT: np.ones((SIDE, SIDE), np.float32)}
    for row in chosen_films(bundle, args.data, args.split, masks, args.films):
        pixels = images.decode(args.data / row["path"])
        heats = {OURS: explained(bundle, pixels), **fixed}
        patient = row["patient"] or row["group"]
        field = lung_field(pixels)
        if not field.is_plausible:
            without += 1
            continue
        found.add(heats, field.inside, patient)
        if masks:
            file = masks[Path(row["original_path"]).stem]
            drawn.add(heats, drawn_lungs(file), patient)
            is_new.append(patient_of(file.stem) in held_out)
    trained = bundle.meta["trained"]
    text = [
        "# Heat outside the lungs",
        "",
        f"{bundle.meta['arch']} at {bundle.size} px, {trained['epochs']} epochs, recipe "
        f"{bundle.meta['recipe'].get('name')}; films of {' and '.join(args.split)}, which did not "
        "train it. Heat shows where an answer is most sensitive; it does not show why.",
        "",
    ]
    if without:
        text += [f"On {count(without, 'film')} no lung field was found: left out.", ""]
    if masks:
        text += table("drawn lungs", drawn)
    text += table("lungs that the package finds", found)
    if masks:
        text += [closer(drawn, found, is_new), ""]
    print("\n".join(text))
    if args.out:
        args.out.write_text("\n".join(text), encoding="utf-8")


if __name__ == "__main__":
    main()
