"""Training films by what the network makes of them: which, and their embeddings, kept in a cache.

A model and a curated folder in, an `Index` out. Films are read from the folder once, checked to be
those of the manifest; the next start reads their embeddings from the cache. It writes nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from cxr_fastai import images
from cxr_fastai.app.similar_share import Agreement, agreement_of
from cxr_fastai.bundle.bundle import Bundle
from cxr_fastai.bundle.files import is_onnx
from cxr_fastai.bundle.inputs import prepare
from cxr_fastai.core import (
    IntegrityError,
    StrPath,
    UsageError,
    atomic_path,
    cache_dir,
    printable,
    sha256_text,
)
from cxr_fastai.manifest import Manifest, Record, read_manifest
from cxr_fastai.manifest_pixels import verified_pixels
from cxr_fastai.progress import SILENT, Progress
from cxr_fastai.reporting.text import count
from cxr_fastai.serving.answers import Model, members_of
from cxr_fastai.serving.read_ahead import read_ahead

__all__ = ["NEAREST", "Index", "described", "index_of"]

VERSION = 1  # raise when what is kept changes
TRAIN = "train"  # the split whose films are found
VALID = "valid"  # whose films ask what near ones share
TEST = "test"
GIVEN = ("size", "crop", "in_channels", "mean", "std")  # how films become a network's input
NEAREST = 5  # films that are found
FILMS_AT_A_TIME = 32  # bounds memory, does not change results
# Of the length of a vector of 1 that is kept as float16
LENGTH_ERROR = 0.01


@dataclass(frozen=True, eq=False)
class Index:
    """Films and what the network makes of them."""

    root: Path  # the curated folder
    rows: Sequence[Record]  # of the films
    vectors: np.ndarray  # (n, d) float16, each of length 1, or 0
    whose: str  # which films these are, in words that follow a number
    # what near ones share, as films of validation tell; None: too few do
    agreement: Agreement | None = None


def index_of(
    model: Model,
    data: StrPath | Manifest,  # a folder that `cxr curate` wrote
    progress: Progress | None = None,  # None: silence
) -> Index:
    """Describe the training films of a folder, or read what an earlier start found of them.

    Raises `NotCurated`, `UsageError` where the folder has no training film, `IntegrityError` naming
    a film that is not that of its row any more.
    """
    progress = progress or SILENT
    manifest = read_manifest(data)
    members = members_of(model)
    seen = _seen(members, manifest)
    rows, whose = _chosen(manifest, seen)
    asking = _asking(members, manifest, seen)
    films = [*rows, *asking]
    file = cache_dir() / "similar" / f"{_key(model, manifest, films)}.npz"
    vectors = _kept(file, len(films))
    if vectors is None:
        vectors = _vectors(model, manifest.root, films, progress)
        _keep(file, vectors)
    n = len(rows)
    agreement = agreement_of(rows, vectors[:n], asking, vectors[n:], NEAREST)
    return Index(manifest.root, rows, vectors[:n], whose, agreement)


def described(
    members: Sequence[Bundle],
    inputs: Sequence[np.ndarray],  # a member each, (n, in_channels, size, size) float32
) -> np.ndarray:  # (n, d) float32, each of length 1, or 0
    """Describe films by their embeddings, those of several bundles side by side.

    The cosine between two such vectors is the mean of the members' cosines.
    """
    parts = []
    for member, batch in zip(members, inputs):
        features = member.runtime.features(batch)
        if not np.isfinite(features).all():
            raise IntegrityError(f"{member.path}: the network's embeddings are not finite")
        parts.append(_unit(features))
    return np.concatenate(parts, axis=1) / np.float32(np.sqrt(len(parts)))


def _unit(
    features: np.ndarray,  # (n, d)
) -> np.ndarray:  # (n, d) float32
    """Give vectors the length 1; one of zeros stays."""
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    return (features / np.where(lengths > 0, lengths, 1)).astype(np.float32)


# ---- which films


def _chosen(
    manifest: Manifest,
    seen: Sequence[bool] | None,  # of `_seen`
) -> tuple[list[Record], str]:  # films; which they are, in words
    """Choose the films that the model was trained on, or say that it was on none of these."""
    name = printable(manifest.root.resolve().name)
    rows = [row for row in manifest.rows if row.split == TRAIN]
    if not rows:
        raise UsageError(
            f"{printable(manifest.root)} has no film in split {TRAIN}: there is none to find."
        )
    if seen is None:
        return rows, (
            f"of the folder {name}; the bundle does not tell whether it was trained on them"
        )
    chosen = [row for row, own in zip(manifest.rows, seen) if own and row.split == TRAIN]
    if not chosen:
        return rows, f"of the folder {name}, which this model was not trained on"
    if len(chosen) == len(rows):
        return chosen, f"of the folder {name} that this model was trained on"
    of = count(len(rows), "film")
    return chosen, (
        f"of the folder {name} that this model was trained on (of {of} of its split {TRAIN})"
    )


def _asking(
    members: Sequence[Bundle],
    manifest: Manifest,
    seen: Sequence[bool] | None,  # of `_seen`
) -> list[Record]:  # empty: there is none, or nobody can tell
    """Choose films of validation that no network was fitted to.

    A bundle's list has films of training and of validation. In its own folder, where it saw all of
    training, those are its validation; in any other, and of a fold, only what it never saw is
    trusted.
    """
    if seen is None or any(is_onnx(member.path) for member in members):
        return []
    is_own = all(manifest.sha256 == member.meta["manifest_sha256"] for member in members)
    of_train = [own for row, own in zip(manifest.rows, seen) if row.split == TRAIN]
    is_whole = is_own and all(of_train)
    chosen = []
    for row, was_seen in zip(manifest.rows, seen):
        if row.split == VALID and (is_whole or not was_seen):
            chosen.append(row)
    return chosen


def _seen(
    members: Sequence[Bundle],
    manifest: Manifest,
) -> list[bool] | None:  # a film of the manifest each; None: no member tells
    """Tell which films any of the bundles saw: these pixels, not those of a patient."""
    pixels = [{"pixel_sha256": row.pixel_sha256, "patient": ""} for row in manifest.rows]
    told = []
    for member in members:
        if not is_onnx(member.path):
            own = member.saw(pixels)
            if own is not None:
                told.append(own)
        elif manifest.sha256 == member.meta["manifest_sha256"]:
            # an exported file has no list, and names the manifest
            told.append([row.split != TEST for row in manifest.rows])
    if not told:
        return None
    return [any(of_each) for of_each in zip(*told)]


# ---- their embeddings


def _vectors(
    model: Model,
    root: Path,
    rows: Sequence[Record],
    progress: Progress,
) -> np.ndarray:  # (n, d) float16
    """Read and describe films."""
    members = members_of(model)

    def read(path: str, pixel_sha256: str) -> list[np.ndarray]:
        """Read a film as each member's network is given it."""
        pixels = verified_pixels(Path(path), pixel_sha256)
        return [prepare(pixels, member.meta) for member in members]

    named = [(str(root / row.path), row.pixel_sha256) for row in rows]
    starts = range(0, len(rows), FILMS_AT_A_TIME)
    what = f"describing {count(len(rows), 'film')} of training and validation"
    found = []
    with closing(read_ahead(read, named, FILMS_AT_A_TIME)) as batches:
        for _ in progress.bar(starts, len(starts), what):
            films = next(batches)
            inputs = [np.stack(of_member) for of_member in zip(*films)]
            found.append(described(members, inputs).astype(np.float16))
    return np.concatenate(found)


# ---- the cache


def _key(
    model: Model,
    manifest: Manifest,
    rows: Sequence[Record],
) -> str:
    """Return what embeddings are kept under: the networks, what computes them, and the films."""
    members = members_of(model)
    networks = []
    for one in members:
        given = [one.meta[key] for key in GIVEN]  # type: ignore[literal-required]
        networks.append([one.meta["weights_sha256"], one.runtime.name, given])
    what = {
        "version": VERSION,
        "decoder": images.DECODER_VERSION,
        "networks": networks,
        "manifest": manifest.sha256,
        "films": [row.pixel_sha256 for row in rows],
    }
    return sha256_text(json.dumps(what))[:32]


def _kept(
    file: Path,
    n: int,  # films
) -> np.ndarray | None:  # None: it is not there, or damaged
    """Return what an earlier start found, after checking it."""
    try:
        with np.load(file, allow_pickle=False) as arrays:
            vectors: np.ndarray = arrays["vectors"]
    except (OSError, ValueError, KeyError, EOFError, BadZipFile):
        return None
    return vectors if _is_sound(vectors, n) else None


def _is_sound(vectors: np.ndarray, n: int) -> bool:
    """Tell whether an array is a vector of length 1, or 0, for each of n films."""
    if vectors.dtype != np.float16 or vectors.ndim != 2 or len(vectors) != n:
        return False
    lengths = np.linalg.norm(vectors.astype(np.float32), axis=1)
    is_one = np.abs(lengths - 1) < LENGTH_ERROR
    return bool((is_one | (lengths == 0)).all())


def _keep(file: Path, vectors: np.ndarray) -> None:
    """Keep what was found; a cache that cannot be written costs the next start time only."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(file) as part:
            with open(part, "wb") as stream:
                np.savez(stream, vectors=vectors)
    except OSError:
        pass
