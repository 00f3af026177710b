"""Invented fingerprints with planted copies, for benchmarks/dedupe_scale.py.

A number and a seed in, fingerprints and what they show out. Reads and writes no image.

An invented radiograph has a smooth random thumbnail and MAX_FEATURES features at random places. Its
descriptors are copies of prototypes with some bits turned (BENT), so that the search has neighbours
to reject: among 7,797 real radiographs the sixth nearest descriptor lies 19, 27, 39, 53, 65 bits
away (percentiles 1, 10, 50, 90, 99), among 8,000 invented ones 22, 26, 40, 56, 68. A search in the
real ones meets 6.2 to 6.8 times as many descriptors as a mean list holds, whether they are 1,000 or
7,797; with IMAGES_A_PROTOTYPE it meets 6.8 times as many here, at any number. (With a fixed number
of prototypes it was 4 times at 1,000 and 9 at 20,000.) STRANGERS x TIED of them come from other
radiographs, at places that mean nothing: geometry has pairs to reject, as of real ones (4.4 an
image). What is not imitated: anatomy in its place, by which real radiographs are more alike than
these, and a space of descriptors that a graph finds its way in: that of the search finds the
nearest of 12,000 pivots in 93 of 100 cases here, the others 2 bits farther in the mean of the
fourth (real ones: 95, .3 bits), and less of more, so that pairs an image rise from 2.7 at 10,000 to
9 at 40,000.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from cxr_fastai.core import sha256_text
from cxr_fastai.curation.copies.features import GRID, MAX_FEATURES, THUMB, Features, mirrored
from cxr_fastai.curation.copies.fingerprint import Fingerprint

IMAGES_A_COPY = 20  # one image of so many is a copy
KINDS = ("resized", "cropped", "flipped", "rotated")
IMAGES_A_PROTOTYPE = 14
BENT = (8, 12, 19)  # of a hundred bits, a third of the descriptors each
STRANGERS = 4  # other radiographs that share descriptors with one
TIED = 4  # descriptors that each of them shares
TIED_BENT = 8  # of a hundred bits of these, and of those of a copy
LOW, HIGH = 16, 240  # where features lie in the square of GRID
WAVES = 20  # each way, of a thumbnail
BLOCK = 4096  # images invented at once


class Invention(NamedTuple):
    """Fingerprints, and what they show."""

    fingerprints: list[Fingerprint]
    shows: list[int]  # the number of the radiograph that each shows
    kinds: list[str]  # how each was made of it: '' or one of KINDS


def invent(n: int, seed: int = 0) -> Invention:
    """Invent n fingerprints; the copies come last."""
    rng = np.random.default_rng(seed)
    n_prototypes = n // IMAGES_A_PROTOTYPE // 2 + 1
    prototypes = rng.integers(0, 256, (n_prototypes, 32), np.uint8)
    # a chest is nearly its own mirror image
    prototypes = np.concatenate([prototypes, mirrored(prototypes)])
    n_copies = n // IMAGES_A_COPY
    originals = n - n_copies
    sketches = []
    for start in range(0, originals, BLOCK):
        sketches += _originals(rng, min(BLOCK, originals - start), prototypes)
    shows = [*range(originals), *rng.integers(0, originals, n_copies).tolist()]
    kinds = [""] * originals + [KINDS[i % len(KINDS)] for i in range(n_copies)]
    for number, kind in zip(shows[originals:], kinds[originals:]):
        copy = _copy(rng, Features.unpack(sketches[number]), kind)
        sketches.append(copy.pack())
    fingerprints = []
    for i, (sketch, kind) in enumerate(zip(sketches, kinds)):
        side = 224 if kind == "resized" else 1024
        fingerprints.append(_fingerprint(sha256_text(f"{seed}:{i}"), side, sketch))
    return Invention(fingerprints=fingerprints, shows=shows, kinds=kinds)


def _fingerprint(sha256: str, side: int, sketch: bytes) -> Fingerprint:
    return Fingerprint(
        sha256=sha256,
        pixel_sha256=sha256,
        phash=sha256[:16],
        width=side,
        height=side,
        mode="L/8",
        sketch=sketch,
    )


def _originals(
    rng: np.random.Generator,
    n: int,
    prototypes: np.ndarray,  # (.., 32) uint8
) -> list[bytes]:
    """Invent the features of n radiographs, packed."""
    points = rng.integers(LOW, HIGH + 1, (n, MAX_FEATURES, 2), np.uint8)
    chosen = prototypes[rng.integers(0, len(prototypes), (n, MAX_FEATURES))]
    thirds = np.split(chosen, len(BENT), axis=1)
    bent = [_bent(rng, third, percent) for third, percent in zip(thirds, BENT)]
    descriptors = _tied(rng, np.concatenate(bent, axis=1))
    order = rng.permuted(np.tile(np.arange(MAX_FEATURES), (n, 1)), axis=1)
    descriptors = np.take_along_axis(descriptors, order[..., None], axis=1)
    packed = []
    for its_points, its_descriptors, thumb in zip(points, descriptors, _thumbs(rng, n)):
        features = Features(points=its_points, descriptors=its_descriptors, thumb=thumb)
        packed.append(features.pack())
    return packed


def _tied(
    rng: np.random.Generator,
    own: np.ndarray,  # (n, MAX_FEATURES, 32) uint8
) -> np.ndarray:
    """Replace some descriptors of each radiograph by those of STRANGERS others, a little bent."""
    descriptors = own.copy()
    places = rng.permutation(MAX_FEATURES)
    for k in range(STRANGERS):
        to = places[k * TIED : (k + 1) * TIED]
        source = places[MAX_FEATURES - (k + 1) * TIED : MAX_FEATURES - k * TIED]
        shift = 1 + int(rng.integers(len(own)))
        theirs = np.roll(own, shift, axis=0)[:, source]
        descriptors[:, to] = _bent(rng, theirs, TIED_BENT)
    return descriptors


def _bent(
    rng: np.random.Generator,
    descriptors: np.ndarray,  # (.., 32) uint8
    percent: int,  # of the bits that are turned: one of BENT
) -> np.ndarray:
    """Turn so many of a hundred bits; a bit of `and` is set half as often, one of `or` oftener."""

    def coins() -> np.ndarray:
        return rng.integers(0, 256, descriptors.shape, np.uint8)

    if percent == 8:  # 1/8 x 5/8
        turned = coins() & coins() & coins() & (coins() | coins() & coins())
    elif percent == 12:  # 1/8
        turned = coins() & coins() & coins()
    else:  # 1/4 x 3/4
        turned = coins() & coins() & (coins() | coins())
    return descriptors ^ turned


def _thumbs(
    rng: np.random.Generator,
    n: int,
) -> np.ndarray:  # (n, THUMB, THUMB) uint8
    """Add up waves, the short ones weak."""
    k = np.arange(WAVES)
    waves = np.cos(np.pi * k[:, None] * (np.arange(THUMB) + 0.5) / THUMB)
    weights = rng.normal(size=(n, WAVES, WAVES)) / (1 + np.hypot(k[:, None], k))
    images = waves.T @ weights.astype(np.float32) @ waves
    images -= images.mean((1, 2), keepdims=True)
    grays = 128 + 45 * images / images.std((1, 2), keepdims=True)
    return np.clip(grays, 0, 255).astype(np.uint8)


def _copy(rng: np.random.Generator, original: Features, kind: str) -> Features:
    """Change features as a copy's are.

    Those that stay in the picture are moved by a step at most, in a somewhat other order; others
    are new.
    """
    matrix = _transform(rng, kind)
    steps = rng.integers(-1, 2, original.points.shape)
    points = np.rint(original.points @ matrix[:, :2].T + matrix[:, 2] + steps)
    seen = mirrored(original.descriptors) if kind == "flipped" else original.descriptors
    descriptors = _bent(rng, seen, TIED_BENT)
    out = ((points < LOW) | (points > HIGH)).any(1)
    points[out] = rng.integers(LOW, HIGH + 1, (out.sum(), 2))
    descriptors[out] = rng.integers(0, 256, (out.sum(), 32))
    order = np.argsort(np.arange(MAX_FEATURES) + rng.normal(0, 12, MAX_FEATURES))
    return Features(
        points=points.astype(np.uint8)[order],
        descriptors=descriptors[order],
        thumb=_moved_thumb(rng, original.thumb, matrix),
    )


def _transform(rng: np.random.Generator, kind: str) -> np.ndarray:
    """Return the (2, 3) matrix of a kind of copy, in the square of GRID."""
    edge = GRID - 1
    side = rng.uniform(0.75, 0.9)
    x, y = rng.uniform(0, 25, 2)
    matrices = {
        "resized": [[1, 0, 0], [0, 1, 0]],
        "flipped": [[-1, 0, edge], [0, 1, 0]],
        "cropped": [[1 / side, 0, -x / side], [0, 1 / side, -y / side]],
        "rotated": [[0, -1, edge], [1, 0, 0]],
    }
    return np.array(matrices[kind])


def _moved_thumb(rng: np.random.Generator, thumb: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Move a thumbnail and add noise; its pixels are told by their centres."""
    scale = THUMB / GRID
    centre = (scale - 1) / 2
    shift = scale * matrix[:, 2] + centre - matrix[:, :2].sum(1) * centre
    small = np.column_stack([matrix[:, :2], shift])
    moved = cv2.warpAffine(thumb, small, (THUMB, THUMB), borderMode=cv2.BORDER_REPLICATE)
    return np.clip(moved + rng.normal(0, 2, moved.shape), 0, 255).astype(np.uint8)
