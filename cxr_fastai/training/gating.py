"""The gate of a training: fitted on the folder's train films, measured on valid ones.

The reader of a Learner's loaders and the manifest in; a Gate, and what is known of it, out. The
films come from the cache that training made, where it holds enough pixels; test is never asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cxr_fastai.gate import SIDE, Gate, Negatives, fit_gate, thumbnail
from cxr_fastai.gate.kinds import Judgement
from cxr_fastai.gate.table import alarms_of
from cxr_fastai.manifest import Manifest
from cxr_fastai.manifest_check import Record
from cxr_fastai.negatives import Negative, read_negatives
from cxr_fastai.training.data import ReadRadiograph
from cxr_fastai.training.pixel_cache import pixel_cache

__all__ = ["fit_folder_gate", "negatives_of"]

LATERAL = "L"  # of a manifest's column view
ENOUGH = 2 * SIDE  # px of a cache that thumbnails are made from; a smaller one has lost edges


def fit_folder_gate(
    read: ReadRadiograph,  # of the loaders
    manifest: Manifest,
    seed: int = 0,
) -> tuple[Gate, dict[str, Any]]:  # with what is known of it, for key gate of bundle.json
    """Fit the gate of a curated folder.

    Raises `NotCurated` where what curation kept of laterals and CT slices was changed.
    """
    train = _frontal([row for row in manifest.rows if row.split == "train"])
    valid = _frontal([row for row in manifest.rows if row.split == "valid"])
    kept = read_negatives(manifest)
    gate = fit_gate(
        films=_thumbnails(read, manifest, train),
        groups=[row.group for row in train],
        sources=[row.source for row in train],
        negatives=negatives_of([one for one in kept if one.split == "train"]),
        seed=seed,
        least_side=_least_side(train),
    )
    own = gate.judge_thumbnails(_thumbnails(read, manifest, valid))
    others = [one for one in kept if one.split == "valid"]
    measured = {
        "alarms": alarms_of([row.source for row in valid], _refused(own)),
        "caught": _caught(gate, others),
    }
    return gate, {**gate.facts, "valid": measured}


def _frontal(rows: Sequence[Record]) -> list[Record]:
    """Leave out what its source calls a lateral: it is no good film. All where all are."""
    others = [row for row in rows if row.view != LATERAL]
    return others or list(rows)


def _thumbnails(
    read: ReadRadiograph,
    manifest: Manifest,
    rows: Sequence[Record],
) -> np.ndarray:  # (n, SIDE, SIDE) uint8
    """Return the films of rows as the gate sees them."""
    places, pixels = read.rows, read.pixels
    enough = not read.crop and (read.size == SIDE or read.size >= ENOUGH)
    if pixels is None or not enough:
        places, pixels = pixel_cache(manifest, SIDE)
    small = np.empty((len(rows), SIDE, SIDE), np.uint8)
    for i, row in enumerate(rows):
        small[i] = thumbnail(np.asarray(pixels[places[str(manifest.root / row.path)]]))
    return small


def _least_side(rows: Sequence[Record]) -> int:
    """Return the shortest side of the films that were learned from, at most SIDE."""
    sides = [min(int(row.width), int(row.height)) for row in rows if row.width and row.height]
    return min([SIDE, *sides])


def negatives_of(kept: Sequence[Negative]) -> Negatives:
    """Return what curation kept as arrays."""
    if not kept:
        return Negatives()
    return Negatives(
        small=np.stack([one.thumbnail for one in kept]),
        kinds=[one.kind for one in kept],
        sources=[one.source for one in kept],
        patients=[one.group or one.patient for one in kept],
    )


def _refused(judgements: Sequence[Judgement]) -> list[bool]:
    """Tell which pictures were refused."""
    return [not judgement.passes for judgement in judgements]


def _caught(
    gate: Gate,
    kept: Sequence[Negative],
) -> list[dict[str, Any]]:  # a record a kind
    """Count what is caught of pictures that curation threw out."""
    found = []
    for kind in sorted({one.kind for one in kept}):
        own = np.stack([one.thumbnail for one in kept if one.kind == kind])
        refused = sum(_refused(gate.judge_thumbnails(own)))
        found.append({"kind": kind, "n": len(own), "refused": refused})
    return found
