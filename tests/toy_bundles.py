"""Toy bundles for tests: what one is saved with, pictures to ask it about, and ways to spoil its files."""

import hashlib
import io
import json

import numpy as np
from PIL import Image

VOCAB = ["covid_19", "normal", "tuberculosis"]
META = dict(
    arch="resnet18",
    vocab=VOCAB,
    display={"covid_19": "COVID-19"},
    size=32,
    mean=0.5,
    std=0.25,
    recipe={"name": "toy"},
    manifest_sha256="0" * 64,
    trained=dict(epochs=2, best_epoch=1, seconds=3.5, weights="none", seed=1),
)


def put(file, data):
    file.unlink(missing_ok=True)
    file.write_bytes(data if isinstance(data, bytes) else json.dumps(data).encode())
    return file


def meta_of(folder):
    return json.loads((folder / "bundle.json").read_text())


def restate(folder, **changes):
    put(folder / "bundle.json", {**meta_of(folder), **changes})


def replace_weights(folder, data):
    "Other weights, with their true hash."
    put(folder / "model.safetensors", data)
    restate(folder, weights_sha256=hashlib.sha256(data).hexdigest())


def picture(seed=0, size=(50, 40)):
    "(h, w) uint8: smooth noise, so that resizing does not make all of them the same gray."
    coarse = np.random.default_rng(seed).integers(0, 255, (5, 5), np.uint8)
    return np.array(Image.fromarray(coarse).resize(size, Image.Resampling.BILINEAR))


def png(pixels):
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def report_of(folder, **changes):
    "The content of metrics.json, as of an evaluation of a bundle."
    report = {
        "split": "test",
        "n": 20,
        "groups": 15,
        "title": "Toy classes",
        "metrics": {"accuracy": 0.75, "macro_auroc": 0.875},
        "intervals": {"metrics": {"accuracy": [0.5, 0.9]}},
        "floors": {"source_only": {"accuracy": 0.625}},
        "notes": ["A *note* of this run."],
        "coverage": {"verdict": "The promise of 90 % is not kept here."},
        "about": {
            "weights (SHA-256)": meta_of(folder)["weights_sha256"],
            "images curated for recipe": "toy",
            "images of manifest (SHA-256)": "7" * 64,
        },
    }
    return {**report, **changes}
