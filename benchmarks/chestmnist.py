"""ChestMNIST's official arrays as a curated folder, so that they are trained on and scored as such.

Used by benchmarks/medmnist.py. The arrays tell no patient: intervals are over images, and too
narrow. They are NIH's images again: never beside a folder of NIH.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from cxr_fastai.core import SourceUnavailable, sha256_text, write_json, write_text
from cxr_fastai.images import pixel_sha256, write_png
from cxr_fastai.manifest import COLUMNS, CURATION, MANIFEST, Manifest, Record, manifest_text
from cxr_fastai.manifest import read_manifest as read
from cxr_fastai.recipes import NONE, Recipe, load_recipe
from cxr_fastai.train_settings import Train

FILE = Path("http") / "medmnist" / "chestmnist.npz"
PARTS = {"train": "train", "val": "valid", "test": "test"}
FINDINGS = (  # columns of the labels: medmnist 3.0.2, info.py
    "atelectasis",
    "cardiomegaly",
    "effusion",
    "infiltration",
    "mass",
    "nodule",
    "pneumonia",
    "pneumothorax",
    "consolidation",
    "edema",
    "emphysema",
    "fibrosis",
    "pleural_thickening",
    "hernia",
)
# As recipe pneumoniamnist has them (chosen on its validation array); not chosen again here.
TRAIN = Train(
    arch="resnet18", size=64, epochs=15, bs=64, lr=3e-3, weights="none", sampling="none", ema=0.99
)


def chest_folder(
    mirror: Path,  # that has FILE
    out: Path,  # absent, or written by this before
) -> Manifest:
    """Write each official image with its labels and its split. Raises `SourceUnavailable`."""
    file = mirror / FILE
    if not file.is_file():
        raise SourceUnavailable(f"{file} is not there: fetch MedMNIST's chestmnist.npz of 28 px.")
    if (out / CURATION).is_file():
        return read(out)
    recipe = replace(load_recipe("nih14"), name="chestmnist", train=TRAIN)
    arrays = np.load(file)
    rows: list[Record] = []
    for part in PARTS:
        if f"{part}_images" in arrays and f"{part}_labels" in arrays:
            rows += _rows(out, arrays[f"{part}_images"], arrays[f"{part}_labels"], part, recipe)
    write_text(out / MANIFEST, manifest_text(rows, recipe))
    write_json(out / CURATION, {"recipe": recipe.to_dict()})
    return read(out)


def _rows(
    out: Path,
    films: np.ndarray,  # (n, h, w) uint8
    labels: np.ndarray,  # (n, 14) of 0 and 1
    part: str,  # train | val | test
    recipe: Recipe,
) -> list[Record]:
    """Write the images of one array; return their rows."""
    (out / part).mkdir(parents=True, exist_ok=True)
    rows = []
    for i, (pixels, present) in enumerate(zip(films, labels)):
        path = f"{part}/{i:06}.png"
        write_png(pixels, out / path)
        found = {name for name, is_present in zip(FINDINGS, present) if is_present}
        ordered = [name for name in recipe.vocab if name in found]
        cells = {
            "path": path,
            "sha256": sha256_text(f"{FILE.name}#{part}/{i}"),
            "pixel_sha256": pixel_sha256(pixels),
            "source": "chestmnist",
            "original_path": f"{FILE.name}#{part}/{i}",
            "label": "|".join(ordered) or NONE,
            "findings": "|".join(ordered) or "no_finding",
            "group": f"{part}{i}",
            "split": PARTS[part],
            "width": str(pixels.shape[1]),
            "height": str(pixels.shape[0]),
            "mode": "L/8",
            "licence": "CC BY 4.0",
        }
        rows.append(Record(**{**dict.fromkeys(COLUMNS, ""), **cells}))
    return rows
