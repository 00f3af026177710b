"""python benchmarks/similar.py BUNDLE DATA [BUNDLE DATA ..]: distances between embeddings.

Which distance between embeddings finds training films of the same class, asked by the films of
validation, which no network was fitted to; and how far a film lies from its own copies.

Prints, for each bundle, the mean share of the 5 nearest training films that have the class (of
several findings: a finding in common, or none as well), each class weighing the same, beside what
5 films drawn by chance have; then the distances of copies that were saved anew as JPEG of quality
75 or at half the side, and of the nearest other film; then how far copies and other films differ in
gray levels, squashed to the side at which `cxr app` compares them.
"""

import io
import sys

import numpy as np
from PIL import Image

from cxr_fastai import images
from cxr_fastai.app.similar import COMPARED_SIDE
from cxr_fastai.bundle import load_bundle
from cxr_fastai.labels import present
from cxr_fastai.manifest import read_manifest
from cxr_fastai.manifest_pixels import pixels_of

NEAREST = 5
COPIES = 150  # films that are saved anew
OTHERS = 1000  # films that a film is held against
MOST_TRAIN = 4000  # films of the train split, drawn by a seed
MOST_VALID = 800


def unit(vectors):
    """Vectors of length 1."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.maximum(lengths, 1e-12)


def euclid(train, asked):
    squares = (train**2).sum(1)[None] - 2 * asked @ train.T
    return squares + (asked**2).sum(1)[:, None]


def cosine(train, asked):
    return 1 - unit(asked) @ unit(train).T


def centred(train, asked):
    middle = train.mean(0)
    return cosine(train - middle, asked - middle)


def standardised(train, asked):
    middle, scale = train.mean(0), train.std(0) + 1e-6
    return cosine((train - middle) / scale, (asked - middle) / scale)


def whitened(train, asked):
    middle = train.mean(0)
    _, lengths, axes = np.linalg.svd(train - middle, full_matrices=False)
    kept = lengths > 1e-3 * lengths[0]
    turn = axes[kept].T / lengths[kept]
    return cosine((train - middle) @ turn, (asked - middle) @ turn)


DISTANCES = {
    "euclidean": euclid,
    "cosine": cosine,
    "cosine, centred": centred,
    "cosine, standardised": standardised,
    "cosine, whitened": whitened,
}


def alike(one, other):
    """Whether two labels have a class in common."""
    return bool(set(present(one)) & set(present(other)))


def drawn(rows, most):
    order = np.random.default_rng(0).permutation(len(rows))[:most]
    return [rows[i] for i in sorted(order)]


def by_class(scores, labels):
    """Average the means of all classes."""
    means = []
    for label in sorted(set(labels)):
        means.append(np.mean([s for s, own in zip(scores, labels) if own == label]))
    return float(np.mean(means))


def agreement(near, train, asked):
    """Share of the nearest that have the class of each film that asks."""
    scores = []
    for row, indices in zip(asked, near):
        scores.append(np.mean([alike(row.label, train[i].label) for i in indices]))
    return by_class(scores, [present(row.label)[0] for row in asked])


def same_source(near, train, asked):
    pairs = [row.source == train[i].source for row, indices in zip(asked, near) for i in indices]
    return float(np.mean(pairs))


def embedded(bundle, manifest, rows):
    def decode(row):
        return pixels_of(manifest.root, row)

    return bundle.embed(rows, decode=decode)


def saved_anew(pixels, how):
    """Copy a film: as it is, as a JPEG, smaller, or with other gray levels."""
    image = Image.fromarray(pixels)
    if how == "the same pixels":
        return pixels
    if how == "gamma 1.1":
        return (255 * (pixels / 255) ** 1.1).astype(np.uint8)
    kind, _, number = how.rpartition(" ")
    if kind == "side 1 /":
        size = (max(image.width // int(number), 8), max(image.height // int(number), 8))
        return np.asarray(image.resize(size, Image.Resampling.BOX))
    out = io.BytesIO()
    image.save(out, "JPEG", quality=int(number))
    return np.asarray(Image.open(out))


def copies(bundle, manifest, rows, vectors):
    some = drawn(list(range(len(rows))), COPIES)
    films = [pixels_of(manifest.root, rows[i]) for i in some]
    for how in ("the same pixels", "JPEG 75", "side 1 / 2"):
        made = [saved_anew(film, how) for film in films]
        asked = bundle.embed(made, decode=np.asarray)
        far = cosine(vectors.astype(np.float16).astype(np.float32), asked)
        own = far[np.arange(len(some)), some]
        others = far.copy()
        others[np.arange(len(some)), some] = np.inf
        first = np.mean(own <= others.min(1))
        quantiles = np.quantile(own, [0.5, 0.95, 1])
        print(
            f"  copies, {how}: own distance median {quantiles[0]:.2e}, 95 % {quantiles[1]:.2e}, "
            f"most {quantiles[2]:.2e}; nearest other: least {others.min():.2e}, 5 % "
            f"{np.quantile(others.min(1), 0.05):.2e}; own is first {100 * first:.0f} %"
        )


def squashed(pixels):
    return images.resize(np.ascontiguousarray(pixels), COMPARED_SIDE).astype(np.float32).ravel()


def gray_levels(manifest, rows, asked):
    """How far copies and other films differ, squashed, in gray levels on average."""
    films = [pixels_of(manifest.root, row) for row in drawn(rows, COPIES)]
    whole = np.stack([squashed(film) for film in films])
    for how in ("JPEG 75", "JPEG 50", "side 1 / 2", "side 1 / 3", "gamma 1.1"):
        made = np.stack([squashed(saved_anew(film, how)) for film in films])
        print(f"  gray levels, {how}: most {np.abs(whole - made).mean(1).max():.2f}")
    others = np.stack([squashed(pixels_of(manifest.root, row)) for row in drawn(rows, OTHERS)])
    ask = [squashed(pixels_of(manifest.root, row)) for row in drawn(asked, COPIES)]
    nearest = [np.abs(others - film).mean(1).min() for film in ask]
    print(f"  gray levels, {len(ask)} films to {len(others)} others: least {min(nearest):.2f}")


def main(arguments):
    for path, data in zip(arguments[::2], arguments[1::2]):
        bundle, manifest = load_bundle(path, "cpu"), read_manifest(data)
        train = drawn([row for row in manifest.rows if row.split == "train"], MOST_TRAIN)
        asked = drawn([row for row in manifest.rows if row.split == "valid"], MOST_VALID)
        vectors, ask = embedded(bundle, manifest, train), embedded(bundle, manifest, asked)
        print(
            f"{bundle.meta['arch']} {bundle.size} px, {bundle.meta['recipe']['name']}: "
            f"{len(train)} training films, {len(asked)} of validation, {vectors.shape[1]} numbers"
        )
        chance = np.random.default_rng(1).integers(0, len(train), (len(asked), 200))
        print(
            f"  by chance: class {100 * agreement(chance, train, asked):.1f} %, "
            f"source {100 * same_source(chance, train, asked):.1f} %"
        )
        for name, distance in DISTANCES.items():
            near = np.argsort(distance(vectors, ask), axis=1)[:, :NEAREST]
            print(
                f"  {name}: class {100 * agreement(near, train, asked):.1f} %, "
                f"source {100 * same_source(near, train, asked):.1f} %"
            )
        copies(bundle, manifest, train, vectors)
        gray_levels(manifest, train, asked)


if __name__ == "__main__":
    main(sys.argv[1:])
