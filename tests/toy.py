"""A tiny curated folder, drawn with numpy, for tests of any wing; needs no download.

Each class has its own stripes, each image its own noise, and a marker at the upper left.
"""

import hashlib
from pathlib import Path

import numpy as np

from cxr_fastai.core import SPLITS, write_json, write_text
from cxr_fastai.images import pixel_sha256, write_png
from cxr_fastai.manifest import COLUMNS, CURATION, MANIFEST, Record, manifest_text
from cxr_fastai.recipes import NONE, Recipe, Train, present

# in an order that is not the alphabet's
CLASSES = {"tuberculosis": ["tuberculosis"], "covid_19": ["covid_19"], "normal": ["no_finding"]}
# class -> images of train, valid, test
COUNTS = {
    "tuberculosis": (6, 2, 1),
    "covid_19": (4, 2, 1),
    "normal": (12, 3, 1),
}
# label -> images of train, valid, test. Images of one class and of another are the two stripes mixed
FINDINGS_COUNTS = {
    "none": (12, 6, 6),
    "effusion": (6, 4, 4),
    "mass|?hernia": (6, 4, 4),
    "effusion|mass": (4, 3, 3),
    "mass|hernia|?effusion": (3, 2, 2),
}


def recipe(**train) -> Recipe:
    """The toy folder's recipe; its settings are those of a run that ends in seconds."""
    settings = dict(arch="resnet18", size=32, epochs=2, bs=8, weights="none")
    return Recipe(
        name="toy",
        title="Toy classes",
        classes=CLASSES,
        display={"covid_19": "COVID-19"},
        train=Train(**{**settings, **train}),
    )


def findings_recipe(**train) -> Recipe:
    """Of the multi-label folder."""
    settings = dict(arch="resnet18", size=32, epochs=2, bs=8, weights="none", sampling="none")
    return Recipe(
        name="toy_findings",
        title="Toy findings",
        classes={"effusion": ["effusion"], "mass": ["mass"], "hernia": ["hernia"]},
        task="multi_label",
        train=Train(**{**settings, **train}),
    )


def picture(kind: int, seed: int, size: int = 48) -> np.ndarray:  # (size, size) uint8
    """Stripes of 2, 3, 4, .. periods for kind 0, 1, 2, .., noise, and the marker."""
    x = np.arange(size)
    noise = np.random.default_rng([kind, seed]).normal(0, 12, (size, size))
    gray = 110 + 50 * np.sin(2 * np.pi * (kind + 2) * x / size)[None] + noise
    gray[4:12, 3:9] = 255
    return gray.clip(0, 255).astype(np.uint8)


def curated(root: Path, counts=COUNTS, **train) -> Path:
    """Write the folder; returns `root`."""
    root.mkdir(parents=True, exist_ok=True)
    rows = [_image(root, *place) for place in _places(counts)]
    return _write(root, rows, recipe(**train))


def curated_findings(root: Path, counts=FINDINGS_COUNTS, **train) -> Path:
    """Write a multi-label folder; returns `root`. A group has two images."""
    its_recipe = findings_recipe(**train)
    rows = [_findings_image(root, its_recipe, *place) for place in _places(counts)]
    return _write(root, rows, its_recipe)


def _places(counts) -> list[tuple[str, str, int]]:
    """(label, split, number in it) of every image."""
    places = []
    for label, sizes in counts.items():
        for split, n in zip(SPLITS, sizes):
            places += [(label, split, i) for i in range(n)]
    return places


def _write(root: Path, rows: list[Record], its_recipe: Recipe) -> Path:
    write_text(root / MANIFEST, manifest_text(rows, its_recipe))
    write_json(root / CURATION, {"recipe": its_recipe.to_dict()})
    return root


def _image(root: Path, label: str, split: str, i: int) -> Record:
    """Draw one image into its class folder; its row."""
    name = f"{label}-{split}-{i:02}"
    path = f"{label}/{name}.png"
    (root / label).mkdir(parents=True, exist_ok=True)
    drawn = picture(list(CLASSES).index(label), hash_of(name))
    write_png(drawn, root / path)
    return _record(
        name,
        path=path,
        pixel_sha256=pixel_sha256(drawn),
        label=label,
        findings=CLASSES[label][0],
        group=name,
        split=split,
    )


def _findings_image(root: Path, its_recipe: Recipe, label: str, split: str, i: int) -> Record:
    name = f"{label}-{split}-{i:02}"
    path = f"images/{hash_of(name)}.png"
    found = [c for c in present(label) if c != NONE]
    kinds = [its_recipe.vocab.index(c) for c in found] or [5]
    drawn = [picture(kind, hash_of(name)) for kind in kinds]
    mixed = np.mean(drawn, 0).astype(np.uint8)
    (root / "images").mkdir(parents=True, exist_ok=True)
    write_png(mixed, root / path)
    return _record(
        name,
        path=path,
        pixel_sha256=pixel_sha256(mixed),
        label=label,
        findings="|".join(found) or "no_finding",
        group=f"{label}-{split}-{i // 2}",
        split=split,
    )


def _record(name: str, **cells: str) -> Record:
    sha256 = hashlib.sha256(name.encode()).hexdigest()
    known = dict(sha256=sha256, source="toy", width="48", height="48")
    return Record(**{**dict.fromkeys(COLUMNS, ""), **known, "mode": "L8", **cells})


def hash_of(name: str) -> int:
    """A number below 2**31 that only the name decides."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "little") % 2**31
