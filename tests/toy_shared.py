"""Folders and bundles to push, small: a curated folder of a source that may be shared, one of one's own, a bundle."""

import hashlib
from dataclasses import replace
from pathlib import Path

import torch
import toy
from toy_bundles import META

from cxr_fastai.bundle.store import save_bundle
from cxr_fastai.core import write_json, write_text
from cxr_fastai.manifest import manifest_text, read_curation, read_manifest
from cxr_fastai.models.networks import build_network

CARD = """---
license: "other"
license_name: "that-of-each-source"
license_link: "README.md#what-may-be-shared"
pretty_name: "Toy classes"
size_categories:
- "n<1K"
---

# Toy classes

28 radiographs. MRN-SECRET stands in a warning of this card.

## Images by class, source and split

a table

## Beware

- a warning
"""
COUNTS = {"tuberculosis": (3, 1, 1), "normal": (4, 2, 2)}


def shared(
    root, source="nih_sample", licence="CC0", layout="class", own=False, multi=False
) -> Path:
    "A curated folder; `own`: as of cxr curate --folder. Patients, ages and file names say who it is."
    make = toy.curated_findings if multi else toy.curated
    counts = {"none": (2, 1, 1), "effusion|mass": (2, 1, 1)} if multi else COUNTS
    make(root, counts=counts)
    data = read_manifest(root)
    rows = []
    for i, row in enumerate(data.rows):
        path = f"{row.split}/{row.path}" if layout == "split" else row.path
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / row.path).rename(root / path)
        rows.append(
            replace(
                row,
                path=path,
                source=source,
                licence=licence,
                patient=f"{source}:MRN-SECRET-{i}",
                original_path=f"MRN-SECRET-{i}/film.png",
                source_label=f"word {i}",
                age=str(40 + 3 * i) if row.split == "train" else "",
            )
        )
    curation = {**read_curation(root), "manifest_version": 4, "layout": layout}
    if own:
        curation["own"] = {"folder": "/home/ann/MRN-SECRET", "command": "cxr curate .. MRN-SECRET"}
    write_json(root / "curation.json", curation)
    write_text(root / "manifest.csv", manifest_text(rows, data.recipe))
    write_text(root / "README.md", CARD)
    write_text(root / "rejects.csv", "path\nMRN-SECRET.png\n")
    write_json(root / "croissant.json", croissant())
    return root


def croissant() -> dict:
    "The parts of a description that name the manifest and its folders."
    files = [
        {"@id": "manifest.csv", "contentSize": "1 B", "sha256": "0" * 64},
        {"@id": "image-files", "includes": ["normal/*.png"]},
    ]
    return {"name": "Toy classes", "version": "4.0.0+000000000000", "distribution": files}


def bundle(folder, trained_on=("own:MRN-SECRET-1", "f" * 64), **meta) -> Path:
    "A bundle of the smallest network, with a pickle and a text beside it."
    torch.manual_seed(0)
    net = build_network("cnn", len(META["vocab"]))
    save_bundle(folder, net, {**META, "arch": "cnn", **meta}, trained_on)
    (folder / "learner.pkl").write_bytes(b"\x80\x04cposix\nsystem\n.")
    (folder / "notes.txt").write_text("mine")
    return folder


def content(parcel) -> bytes:
    "What a file of a shipment holds."
    return parcel.content if isinstance(parcel.content, bytes) else parcel.content.read_bytes()


def written(shipment, root) -> Path:
    "A shipment as a folder."
    for parcel in shipment.parcels:
        file = root / parcel.path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content(parcel))
        assert len(content(parcel)) == parcel.size
        assert hashlib.sha256(content(parcel)).hexdigest() == parcel.sha256
    return root
