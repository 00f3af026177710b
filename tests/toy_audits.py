"""Curated folders of drawn films with what an audit is to find, or not, put in."""

import hashlib
from pathlib import Path

import numpy as np

from cxr_fastai.core import write_json, write_text
from cxr_fastai.images import pixel_sha256, write_png
from cxr_fastai.manifest import COLUMNS, CURATION, MANIFEST, Record, manifest_text
from cxr_fastai.recipes import Recipe, Train

SIDE = 64
CLASSES = {"ill": ["tuberculosis"], "well": ["no_finding"]}


def recipe(classes=CLASSES) -> Recipe:
    train = Train(arch="resnet18", size=32, epochs=1, bs=16, weights="none")
    return Recipe(name="toy_audit", title="Drawn films", classes=dict(classes), train=train)


def noise(seed: int, disease: bool = False) -> np.ndarray:  # (SIDE, SIDE) float
    """A film of noise; the disease is a faint bright patch in its middle."""
    pixels = np.random.default_rng(seed).normal(110, 25, (SIDE, SIDE))
    if disease:
        pixels[24:40, 24:40] += 14
    return pixels


def drawn_folder(
    root: Path,
    n: int = 160,
    seed: int = 0,
    draw=lambda pixels, ill, source: pixels,
    source_of=lambda i: "north",
    group_of=lambda i: f"g{i}",
    label_of=lambda i: "ill" if i % 2 == 0 else "well",
    test: int = 0,  # the last so many are test films
    disease: bool = True,
    classes=CLASSES,
    **cells,  # of every row
) -> Path:
    """Write the folder; every second film is ill. Returns `root`."""
    rows = []
    groups = list(dict.fromkeys(group_of(i) for i in range(n)))
    for i in range(n):
        label, source = label_of(i), source_of(i)
        pixels = draw(noise(1000 * seed + i, disease and label == "ill"), label == "ill", source)
        gray = np.clip(pixels, 0, 255).astype(np.uint8)
        name = f"{label}/{i:04}.png"
        (root / label).mkdir(parents=True, exist_ok=True)
        write_png(gray, root / name)
        is_valid = groups.index(group_of(i)) % 16 < 4
        split = "test" if i >= n - test else ("valid" if is_valid else "train")
        own = {key: value(i) if callable(value) else value for key, value in cells.items()}
        rows.append(_row(name, gray, label, source, group_of(i), split, classes, own))
    its_recipe = recipe(classes)
    write_text(root / MANIFEST, manifest_text(rows, its_recipe))
    write_json(root / CURATION, {"recipe": its_recipe.to_dict(), "manifest_version": 3})
    return root


def _row(name, gray, label, source, group, split, classes, own):
    blank = dict.fromkeys(COLUMNS, "")
    known = dict(
        path=name,
        sha256=hashlib.sha256(name.encode()).hexdigest(),
        pixel_sha256=pixel_sha256(gray),
        source=source,
        label=label,
        findings=classes[label][0],
        group=group,
        split=split,
        width=str(SIDE),
        height=str(SIDE),
        mode="L8",
        format="PNG",
        bytes="4000",
    )
    return Record(**{**blank, **known, **own})


def by_halves(i):
    """Two sources, each with as many ill as well."""
    return "north" if i % 4 < 2 else "south"


def marker(pixels, ill, source):
    """A bright corner of the ill."""
    if ill:
        pixels[1:5, 56:62] = 255
    return pixels


def gamma(pixels, ill, source):
    """The second source is darker and coarser."""
    if source == "south":
        return 255 * (np.clip(pixels, 0, 255) / 255) ** 1.8
    return pixels


def untrained_bundle(data, folder):
    """A bundle of a folder's classes that says it was trained, of random weights."""
    import torch

    from cxr_fastai.bundle import load_bundle, save_bundle
    from cxr_fastai.models.networks import build_network

    torch.manual_seed(0)
    meta = dict(
        arch="cnn",
        vocab=["ill", "well"],
        size=32,
        mean=0.5,
        std=0.25,
        recipe=data.recipe.to_dict(),
        manifest_sha256=data.sha256,
        trained=dict(epochs=2, best_epoch=1, seconds=3.5, weights="none", seed=1),
    )
    save_bundle(folder, build_network("cnn", 2), meta)
    return load_bundle(folder)
