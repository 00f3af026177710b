"""A small folder of gray films, dark or light, for tests of what gray squares tell."""

import hashlib

import numpy as np
from PIL import Image

from cxr_fastai import images
from cxr_fastai.manifest import COLUMNS, Manifest, Record
from cxr_fastai.recipes import Recipe

SPLITS = {"train": 24, "valid": 8, "test": 48}  # films of each class and split, half of either

FIRST = {"train": 0, "valid": 1000, "test": 2000}  # number of the first film's file


def folder(root, tells=True, splits=SPLITS, **cells):
    "Films of 40 px, a group each; `tells`: the class is in the pixels. `cells`: of all rows."
    rng = np.random.default_rng(0)
    rows = []
    for split, n in splits.items():
        for i in range(n):
            label = "dark" if i % 2 else "light"
            level = 90 if label == "dark" and tells else 150
            pixels = np.clip(rng.normal(level, 25, (40, 40)), 0, 255).astype(np.uint8)
            path = f"{label}/{FIRST[split] + i}.png"  # a toy bundle reads number and class
            (root / label).mkdir(exist_ok=True, parents=True)
            Image.fromarray(pixels).save(root / path)
            rows.append(_record(path, label, split, pixels, i, cells))
    recipe = Recipe("shades", "Dark or light", {"dark": ["dark"], "light": ["light"]})
    return Manifest(root, rows, recipe, hashlib.sha256(b"toy").hexdigest())


def _record(path, label, split, pixels, i, cells):
    own = {
        "path": path,
        "label": label,
        "split": split,
        "group": f"{split}{i}",
        "source": "one",
        "pixel_sha256": images.pixel_sha256(pixels),
        **cells,
    }
    return Record(**{**dict.fromkeys(COLUMNS, ""), **own})
