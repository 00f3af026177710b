"""Find the radiographs that images under 48 px are copies of. Takes Features and Fingerprints of many, returns pairs
that are the same radiograph; reads no file.

Such images have no local features. They are made by cropping the longer side from both ends to a square, or by
squashing the whole, and shrinking (MedMNIST: 28 px). Carriers squash radiographs too, so their shape before that is
unknown, and each is tried at all the crops that may be: at 14 x 14 against every tiny image, at 28 x 28 against those
that it fits best. A match must fit well and leave every other picture behind. Copies that are mirrored, turned,
inverted or cropped otherwise are not found, and a tiny image whose own details are flat matches nothing.
"""

from __future__ import annotations

from functools import lru_cache, cache

import cv2
import numpy as np

from cxr_fastai.curation.copies.features import GRID, THUMB, TINY, Features
from cxr_fastai.curation.copies.fingerprint import Fingerprint
from cxr_fastai.curation.copies.geometry import Match
from cxr_fastai.progress import SILENT, Progress

__all__ = ["find_small_images"]

SIDE, ROUGH_SIDE = 28, 14  # pixels a side of what is compared
# A crop is told as 100 log(width / height) of the radiograph whose middle square it is; negative: the height is cut. Of
# the 5,216 that MedMNIST made of Kermany's, crops lie between -18 and 116, half of them between 23 and 46.
CROPS = range(
    -48, 113, 8
)  # width / height .62 to 3.06. With steps of 6 or 10 the right one also comes first or second
FINER = range(-4, 5)  # around the one that fits best
WINDOW = 5  # pixels: what is smoother than that is left out. Of 3, 5, 7, 9 and 13 it tells right from wrong best
SOFT = 8  # gray levels, added to the local deviation: noise counts less than bones
FLAT = (
    1.5  # gray levels: deviation of what is not smooth; 1.8 is the least of MedMNIST, 11 the median
)
LEAST_SIDE = 24  # pixels: at 20, two that show different films come as near as .90
NEAREST = 8  # radiographs, and tiny images, that are looked at again, ..
ROUGH = 0.7  # .. if they are at least so alike at first; of 5,216 right ones none is less
AT_ONCE, ASKED_AT_ONCE = 512, 4096  # images compared in one block

# The verdict: score + (score - that of the best other picture, tiny ones included). Measured on the 5,216 images of
# MedMNIST that have their original here, and on 109,903 searches without the original (30 to 2,500 radiographs).
EVIDENCE = 1.0  # of wrong radiographs the best has .986, the next .969; 1.5 % of the right ones have less than 1
NO_RIVAL = 0.72  # least that the other picture's score counts: a small collection may hold none that is near
SAME = 0.97  # radiographs so alike in their crops are one picture: copies are at .99 or more, others at .92 or less
BOTH_TINY = (
    0.93  # from this score two tiny images match; different ones reach .88 (13.7 million pairs)
)


def find_small_images(
    features: list[Features],
    prints: list[Fingerprint],  # in the same order
    new=None,  # indices: only pairs that hold one of them; None: all pairs
    progress: Progress = SILENT,
) -> list[tuple[int, int, Match]]:  # sorted; i < j; kind near
    """Pairs that are one radiograph and of which one at least is tiny. The same for any order of the images."""
    side = [min(p.width, p.height) for p in prints]
    if min(side, default=TINY) >= TINY or new is not None and not len(new):
        return []
    order = sorted(range(len(prints)), key=lambda i: prints[i].pixel_sha256)
    little = {
        i: _restored(features[i].thumb, prints[i]) for i in order if LEAST_SIDE <= side[i] < TINY
    }
    little = {i: image for i, image in little.items() if not _flat(image)}
    asked, kinds = list(little), ([i for i in order if side[i] >= TINY], list(little))
    fresh, found = None if new is None else {int(i) for i in new}, {}
    if fresh is not None:
        asked = _worth_asking(asked, kinds, fresh, features, little)
    near = [_nearest(asked, kind, features, little, progress) for kind in kinds]
    for i, radiographs, others in zip(asked, *near):
        for k, score, crop in _judge(little[i], radiographs, others, features, little):
            pair = (min(i, k), max(i, k))
            if fresh is None or fresh.intersection(pair):
                found[pair] = _match(score, crop, k < i)
    return [(*pair, found[pair]) for pair in sorted(found)]


def _worth_asking(asked, kinds, fresh, features, little) -> list:
    """The new ones, and the old that may be copies of a new one: what these match depends on old ones too."""
    old, out = [i for i in asked if i not in fresh], fresh.intersection(asked)
    for kind in kinds:
        near = _nearest(old, [i for i in kind if i in fresh], features, little)
        out |= {i for i, candidates in zip(old, near) if candidates}
    return [i for i in asked if i in out]


def _match(score: float, crop: int, radiograph_first: bool) -> Match:
    """Of a tiny image and a radiograph that it shows the middle of."""
    x, y = _shares(crop)
    fx, fy = (1 / x, 1 / y) if radiograph_first else (x, y)
    matrix = tuple(
        round(v, 4)
        for v in (fx, 0.0, (GRID - 1) / 2 * (1 - fx), 0.0, fy, (GRID - 1) / 2 * (1 - fy))
    )
    return Match(
        kind="near",
        score=score,
        evidence=score,
        inliers=0,
        matrix=matrix,
        inverted=False,
        overlap=1.0 if radiograph_first else round(x * y, 4),
    )


# ---- the two rounds


def _nearest(asked, among, features, little, progress=SILENT) -> list[list[tuple[int, int]]]:
    """For each that is asked (image, crop) of the NEAREST in the rough round, all of them tiny or none."""
    if not asked or not among:
        return [[] for _ in asked]
    best = np.full((len(asked), NEAREST), -1, np.float32)
    whose, crops = (
        np.zeros((len(asked), NEAREST), np.int64),
        np.zeros((len(asked), NEAREST), np.int64),
    )
    asks = _details(_shrunk([little[i] for i in asked]))
    blocks = [among[at : at + AT_ONCE] for at in range(0, len(among), AT_ONCE)]
    blocks = progress.bar(blocks, len(blocks), f"looking for copies of tiny images: {len(asked)}")
    for block in blocks:
        views = _views(block, features, little)
        for at in range(0, len(asked), ASKED_AT_ONCE):
            rows = slice(at, at + ASKED_AT_ONCE)
            alike, crop = _best_crop(asks[rows], views)
            alike[np.asarray(asked[rows])[:, None] == block] = -1
            every = np.concatenate([best[rows], alike], 1)
            kept = np.argpartition(-every, NEAREST - 1, axis=1)[:, :NEAREST]
            take = lambda old, now: np.take_along_axis(np.concatenate([old[rows], now], 1), kept, 1)
            whose[rows], crops[rows] = (
                take(whose, np.broadcast_to(block, alike.shape)),
                take(crops, crop),
            )
            best[rows] = np.take_along_axis(every, kept, 1)
    return [
        [(int(k), int(c)) for s, k, c in zip(*row) if s >= ROUGH] for row in zip(best, whose, crops)
    ]


def _views(block, features, little) -> list[tuple[int, np.ndarray]]:
    """(crop, what the images of a block look like in it); tiny ones are not cropped any more."""
    if block[0] in little:
        return [(0, _details(_shrunk([little[i] for i in block])))]
    thumbs = np.stack([features[i].thumb for i in block]).astype(np.float32)
    return [(c, _details(y @ thumbs @ x.T)) for c in CROPS for y, x in [_cut(c, ROUGH_SIDE)]]


def _shrunk(images):
    rows = _sample(1, ROUGH_SIDE, SIDE)
    return rows @ np.stack(images) @ rows.T


def _best_crop(asks, views):
    alike = np.full((len(asks), len(views[0][1])), -1, np.float32)
    crop = np.zeros(alike.shape, np.int16)
    for c, view in views:
        now = asks @ view.T
        np.copyto(crop, c, where=now > alike)
        np.maximum(alike, now, out=alike)
    return alike, crop


def _judge(image, radiographs, others, features, little) -> list[tuple[int, float, int]]:
    """(whose, score, crop) of the candidates that are the same picture as the tiny image; `others` are tiny, too."""
    ask, seen = _evened(image[None])[0], []
    alike = _scores([little[k] for k, _ in others], ask)[1] if others else []
    alike = [(k, round(float(score), 4)) for (k, _), score in zip(others, alike)]
    rivals = [NO_RIVAL] + [score for _, score in alike if score < BOTH_TINY]
    for k, crop in radiographs:
        y, x = _fine_cuts(crop)
        views, scores = _scores(y @ features[k].thumb.astype(np.float32) @ x, ask)
        at = int(scores.argmax())
        seen.append((round(float(scores[at]), 4), k, crop + FINER[at], views[at]))
    best = max(seen, key=lambda s: s[0])[3] if seen else None
    rival = max(rivals + [score for score, *_, view in seen if view @ best < SAME])
    return [(k, score, 0) for k, score in alike if score >= BOTH_TINY] + [
        (k, score, crop)
        for score, k, crop, view in seen
        if 2 * score - rival >= EVIDENCE and view @ best >= SAME
    ]


def _scores(images, ask):
    views = _evened(np.stack(images))
    return views, (views * ask).sum(
        1
    )  # row by row: a product of matrices would depend on the number of threads


# ---- what is compared


def _shares(crop: int) -> tuple[float, float]:
    """Which shares of width and height a crop shows."""
    return float(np.exp(-max(crop, 0) / 100)), float(np.exp(min(crop, 0) / 100))


@cache
def _cut(crop: int, side: int) -> tuple[np.ndarray, np.ndarray]:
    """(rows, columns), each (side, THUMB): rows @ thumb @ columns.T is that crop, shrunk to `side`."""
    x, y = _shares(crop)
    return _sample(y, side, THUMB), _sample(x, side, THUMB)


@cache
def _fine_cuts(crop: int) -> tuple[np.ndarray, np.ndarray]:
    rows, columns = zip(*(_cut(crop + c, SIDE) for c in FINER))
    return np.stack(rows), np.stack(columns).transpose(0, 2, 1)


@cache
def _sample(share: float, out: int, size: int) -> np.ndarray:
    """(out, size): the middle share of `size` pixels, resized to `out` with a triangular filter, as Pillow does."""
    step = size * share / out
    centres = (size - 1) / 2 + (np.arange(out) - (out - 1) / 2) * step
    weights = np.maximum(1 - abs(np.arange(size) - centres[:, None]) / max(step, 1), 0)
    return (weights / weights.sum(1, keepdims=True)).astype(np.float32)


@cache
def _restore(size: int) -> np.ndarray:
    """(SIDE, THUMB): takes back that `size` pixels were stretched to a thumbnail, and resizes them to SIDE."""
    if size >= TINY:
        return _sample(1, SIDE, THUMB)
    stretch = cv2.resize(
        np.eye(size, dtype=np.float64), (size, THUMB), interpolation=cv2.INTER_LINEAR
    )
    return (_sample(1, SIDE, size) @ np.linalg.pinv(stretch)).astype(np.float32)


def _restored(thumb, size: Fingerprint) -> np.ndarray:
    return _restore(size.height) @ thumb.astype(np.float32) @ _restore(size.width).T


@cache
def _mean(side: int, window: int) -> np.ndarray:
    return cv2.blur(np.eye(side, dtype=np.float32), (1, window))


def _rest(images):
    """(n, side, side): each pixel less the mean around it."""
    mean = _mean(images.shape[-1], WINDOW)
    return images - mean @ images @ mean.T


def _unit(images):
    flat = images.reshape(len(images), -1)
    flat = flat - flat.mean(1, keepdims=True)
    return flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-6)


def _details(images):
    return _unit(_rest(images))


def _evened(images):
    """Details against their own deviation around: a marker or a black border counts no more than ribs."""
    rest, mean = _rest(images), _mean(SIDE, 2 * WINDOW - 1)
    return _unit(rest / (np.sqrt(np.maximum(mean @ (rest * rest) @ mean.T, 0)) + SOFT))


def _flat(image) -> bool:
    return (
        float(_rest(image[None])[0, 2:-2, 2:-2].std()) < FLAT
    )  # without the edge, where a ramp has details
