"""A tiny curated folder, drawn with numpy: each class has its own stripes, each image its own noise, and a marker at
the upper left. For tests of any wing; needs no download."""

import hashlib

import numpy as np

from cxr_fastai.core import SPLITS, write_json
from cxr_fastai.images import write_png
from cxr_fastai.manifest import CURATION, Record, write_manifest
from cxr_fastai.recipes import NONE, Recipe, Train, present

# in an order that is not the alphabet's
CLASSES = {"tuberculosis": ["tuberculosis"], "covid_19": ["covid_19"], "normal": ["no_finding"]}
COUNTS = {
    "tuberculosis": (6, 2, 1),
    "covid_19": (4, 2, 1),
    "normal": (12, 3, 1),
}  # images of train, valid, test


def recipe(**train) -> Recipe:
    "The toy folder's recipe; its settings are those of a run that ends in seconds."
    settings = dict(arch="resnet18", size=32, epochs=2, bs=8, weights="none")
    return Recipe(
        "toy",
        "Toy classes",
        CLASSES,
        display={"covid_19": "COVID-19"},
        train=Train(**{**settings, **train}),
    )


def picture(kind: int, seed: int, size: int = 48) -> np.ndarray:  # (size, size) uint8
    "Stripes of 2, 3, 4, .. periods for kind 0, 1, 2, .., noise, and the marker."
    x = np.arange(size)
    noise = np.random.default_rng([kind, seed]).normal(0, 12, (size, size))
    gray = 110 + 50 * np.sin(2 * np.pi * (kind + 2) * x / size)[None] + noise
    gray[4:12, 3:9] = 255
    return gray.clip(0, 255).astype(np.uint8)


def findings_recipe(**train) -> Recipe:
    "Of the multi-label folder."
    settings = dict(arch="resnet18", size=32, epochs=2, bs=8, weights="none", sampling="none")
    return Recipe(
        "toy_findings",
        "Toy findings",
        {"effusion": ["effusion"], "mass": ["mass"], "hernia": ["hernia"]},
        task="multi_label",
        train=Train(**{**settings, **train}),
    )


# label -> images of train, valid, test. Images of one class and of another are the two stripes mixed
FINDINGS_COUNTS = {
    "none": (12, 6, 6),
    "effusion": (6, 4, 4),
    "mass|?hernia": (6, 4, 4),
    "effusion|mass": (4, 3, 3),
    "mass|hernia|?effusion": (3, 2, 2),
}


def curated_findings(root, counts=FINDINGS_COUNTS, **train):
    "Write a multi-label folder; returns `root`. A group has two images."
    recipe = findings_recipe(**train)
    rows = [
        _findings_image(root, recipe, label, split, i)
        for label, of in counts.items()
        for split, n in zip(SPLITS, of)
        for i in range(n)
    ]
    write_manifest(root, rows, recipe.labels)
    write_json(root / CURATION, {"recipe": recipe.to_dict()})
    return root


def _findings_image(root, recipe, label: str, split: str, i: int) -> Record:
    name = f"{label}-{split}-{i:02}"
    kinds = [recipe.vocab.index(c) for c in present(label) if c != NONE]
    drawn = [picture(k, hash_of(name)) for k in kinds or [5]]
    (root / "images").mkdir(parents=True, exist_ok=True)
    write_png(np.mean(drawn, 0).astype(np.uint8), root / "images" / f"{hash_of(name)}.png")
    sha, found = hashlib.sha256(name.encode()).hexdigest(), [c for c in present(label) if c != NONE]
    known = dict(
        path=f"images/{hash_of(name)}.png",
        sha256=sha,
        pixel_sha256=sha,
        source="toy",
        label=label,
        findings="|".join(found) or "no_finding",
        group=f"{label}-{split}-{i // 2}",
        split=split,
        width="48",
        height="48",
        mode="L8",
    )
    return Record(**{**dict.fromkeys(Record.__dataclass_fields__, ""), **known})


def curated(root, counts=COUNTS, **train):
    "Write the folder; returns `root`."
    rows = [
        _image(root, label, split, i)
        for label, of in counts.items()
        for split, n in zip(SPLITS, of)
        for i in range(n)
    ]
    root.mkdir(parents=True, exist_ok=True)
    write_manifest(root, rows, list(CLASSES))
    write_json(root / CURATION, {"recipe": recipe(**train).to_dict()})
    return root


def _image(root, label: str, split: str, i: int) -> Record:
    "Draw one image into its class folder; its row."
    name = f"{label}-{split}-{i:02}"
    (root / label).mkdir(parents=True, exist_ok=True)
    write_png(picture(list(CLASSES).index(label), hash_of(name)), root / label / f"{name}.png")
    sha = hashlib.sha256(name.encode()).hexdigest()
    known = dict(
        path=f"{label}/{name}.png",
        sha256=sha,
        pixel_sha256=sha,
        source="toy",
        label=label,
        findings=CLASSES[label][0],
        group=name,
        split=split,
        width="48",
        height="48",
        mode="L8",
    )
    return Record(**{**dict.fromkeys(Record.__dataclass_fields__, ""), **known})


def hash_of(name: str) -> int:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "little") % 2**31
