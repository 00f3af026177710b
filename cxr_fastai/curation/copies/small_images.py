"""Find the radiographs that images under 48 px are copies of.

Features and Fingerprints of many images -> pairs that are the same radiograph. It reads no file.

Such images have no local features. They are made by cropping the longer side from both ends to a
square, or by squashing the whole, and shrinking (MedMNIST: 28 px). Carriers squash radiographs too,
so their shape before that is unknown, and each is tried at all the crops that may be: at 14 x 14
against every small image, at 28 x 28 against those that it fits best. A match must fit well and
leave every other picture behind. Copies that are mirrored, turned, inverted or cropped otherwise
are not found, and a small image whose own details are flat matches nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from cxr_fastai.curation.copies.features import GRID, MIN_FEATURES_SIDE, Features
from cxr_fastai.curation.copies.fingerprint import Fingerprint
from cxr_fastai.curation.copies.geometry import Match
from cxr_fastai.curation.copies.small_pictures import (
    FINE_SIDE,
    FINER_CROPS,
    ROUGH_SIDE,
    cut,
    details,
    evened,
    fine_cuts,
    is_flat,
    restored,
    sample,
    shares,
)
from cxr_fastai.progress import SILENT, Progress

__all__ = ["find_small_images"]

# A crop is told as 100 log(width / height) of the radiograph whose middle square it is; negative:
# the height is cut. Of the 5,216 that MedMNIST made of Kermany's, crops lie between -18 and 116,
# half of them between 23 and 46. These are width / height .62 to 3.06. With steps of 6 or 10 the
# right one also comes first or second.
CROPS = range(-48, 113, 8)
MIN_SIDE = 24  # pixels: at 20, two that show different films come as near as .90
# Radiographs, and small images, that are looked at again, ..
MAX_GUESSES = 8
MIN_ROUGH_SCORE = 0.7  # .. if they are at least so alike at first; of 5,216 right ones none is less
# Images compared in one block.
IMAGES_A_BLOCK = 512
ASKED_A_BLOCK = 4096

# The verdict: score + (score - that of the best other picture, small ones included). Measured on
# the 5,216 images of MedMNIST that have their original here, and on 109,903 searches without the
# original (30 to 2,500 radiographs).
# Of wrong radiographs the best has .986, the next .969; 1.5 % of the right ones have less than 1.
MIN_EVIDENCE = 1.0
# Least that the other picture's score counts: a small collection may hold none that is near.
MIN_RIVAL_SCORE = 0.72
# Radiographs so alike in their crops are one picture: copies are at .99 or more, others at .92 or
# less.
SAME_PICTURE = 0.97
# From this score two small images match; different ones reach .88 (13.7 million pairs).
MIN_SCORE_OF_TWO_SMALL = 0.93

Guess = tuple[int, int]  # an image, by its place in the list, and the crop that fits


@dataclass(frozen=True)
class _Images:
    """What the rounds compare."""

    features: list[Features]
    small: dict[int, np.ndarray]  # place in the list -> (FINE_SIDE, FINE_SIDE) float32

    def pictures(
        self,
        places: Iterable[int],  # of small images
    ) -> np.ndarray:  # (n, FINE_SIDE, FINE_SIDE) float32
        """Return the small images at some places."""
        return np.stack([self.small[i] for i in places])


def find_small_images(
    features: list[Features],
    fingerprints: list[Fingerprint],  # in the same order
    new: Sequence[int] | None = None,  # indices: only pairs that hold one of them; None: all pairs
    progress: Progress = SILENT,
) -> list[tuple[int, int, Match]]:  # sorted; i < j; kind near
    """Find the pairs that are one radiograph, and of which one at least is small.

    They are the same for any order of the images.
    """
    shorter_sides = [min(p.width, p.height) for p in fingerprints]
    if min(shorter_sides, default=MIN_FEATURES_SIDE) >= MIN_FEATURES_SIDE:
        return []
    if new is not None and not len(new):
        return []
    order = sorted(range(len(fingerprints)), key=lambda i: fingerprints[i].pixel_sha256)
    large = [i for i in order if shorter_sides[i] >= MIN_FEATURES_SIDE]
    images = _Images(features, _small_images(order, features, fingerprints))
    small = list(images.small)
    fresh = None if new is None else {int(i) for i in new}
    asked = small
    if fresh is not None:
        asked = _worth_asking(small, (large, small), fresh, images)
    large_guesses = _guess(asked, large, images, progress)
    small_guesses = _guess(asked, small, images, progress)
    found: dict[tuple[int, int], Match] = {}
    for n, i in enumerate(asked):
        for k, score, crop in _judge(images.small[i], large_guesses[n], small_guesses[n], images):
            if fresh is None or i in fresh or k in fresh:
                found[min(i, k), max(i, k)] = _match(score, crop, radiograph_first=k < i)
    return [(i, k, result) for (i, k), result in sorted(found.items(), key=lambda x: x[0])]


def _small_images(
    order: list[int],
    features: list[Features],
    fingerprints: list[Fingerprint],
) -> dict[int, np.ndarray]:
    """Return the small images that are large enough, and not too flat, to be told apart."""
    small = {}
    for i in order:
        size = fingerprints[i]
        if MIN_SIDE <= min(size.width, size.height) < MIN_FEATURES_SIDE:
            image = restored(features[i].thumb, size.width, size.height)
            if not is_flat(image):
                small[i] = image
    return small


def _worth_asking(
    small: list[int],
    kinds: tuple[list[int], list[int]],  # large images, small ones
    fresh: set[int],
    images: _Images,
) -> list[int]:
    """Return the new small images, and the old ones that may be copies of a new image.

    What these match depends on old ones too.
    """
    old = [i for i in small if i not in fresh]
    worth = fresh.intersection(small)
    for kind in kinds:
        guesses = _guess(old, [i for i in kind if i in fresh], images)
        worth.update(i for i, guessed in zip(old, guesses) if guessed)
    return [i for i in small if i in worth]


def _match(
    score: float,
    crop: int,  # 100 log(width / height)
    radiograph_first: bool,
) -> Match:
    """Make the Match of a small image and a radiograph that it shows the middle of."""
    x, y = shares(crop)
    overlap = round(x * y, 4)
    if radiograph_first:
        x, y = 1 / x, 1 / y
        overlap = 1.0
    middle = (GRID - 1) / 2
    matrix = (x, 0.0, middle * (1 - x), 0.0, y, middle * (1 - y))
    return Match(
        kind="near",
        score=score,
        evidence=score,
        inliers=0,
        matrix=tuple(round(value, 4) for value in matrix),
        inverted=False,
        overlap=overlap,
    )


# ---- the first round


class _Nearest:
    """The images that are nearest to each that is asked for, so far."""

    def __init__(
        self,
        n: int,  # images that are asked for
    ):
        self.scores = np.full((n, MAX_GUESSES), -1, np.float32)
        self.images = np.zeros((n, MAX_GUESSES), np.int64)
        self.crops = np.zeros((n, MAX_GUESSES), np.int64)

    def add(
        self,
        rows: slice,  # of those that are asked for
        block: list[int],  # images
        scores: np.ndarray,  # (rows, images) float32
        crops: np.ndarray,  # (rows, images) int16
    ) -> None:
        """Keep the nearest of what was known and of a block of images."""
        all_scores = np.concatenate([self.scores[rows], scores], 1)
        images = np.broadcast_to(block, scores.shape)
        all_images = np.concatenate([self.images[rows], images], 1)
        all_crops = np.concatenate([self.crops[rows], crops], 1)
        kept = np.argpartition(-all_scores, MAX_GUESSES - 1, axis=1)[:, :MAX_GUESSES]
        self.scores[rows] = np.take_along_axis(all_scores, kept, 1)
        self.images[rows] = np.take_along_axis(all_images, kept, 1)
        self.crops[rows] = np.take_along_axis(all_crops, kept, 1)

    def guesses(self) -> list[list[Guess]]:
        """Return those that are alike enough.

        They are in no order.
        """
        guesses = []
        for scores, images, crops in zip(self.scores, self.images, self.crops):
            near = scores >= MIN_ROUGH_SCORE
            guesses.append(list(zip(images[near].tolist(), crops[near].tolist())))
        return guesses


def _guess(
    asked: list[int],  # small images
    among: list[int],  # all of them large, or all of them small
    images: _Images,
    progress: Progress = SILENT,
) -> list[list[Guess]]:
    """Return, for each that is asked for, the nearest in the rough round.

    Images are compared block by block, which bounds the memory.
    """
    if not asked or not among:
        return [[] for _ in asked]
    nearest = _Nearest(len(asked))
    asked_details = details(_shrunk(images.pictures(asked)))
    places = np.asarray(asked)[:, None]
    blocks = [among[i : i + IMAGES_A_BLOCK] for i in range(0, len(among), IMAGES_A_BLOCK)]
    what = f"looking for copies of tiny images: {len(asked)}"
    for block in progress.bar(blocks, len(blocks), what):
        views = _views(block, images)
        for start in range(0, len(asked), ASKED_A_BLOCK):
            rows = slice(start, start + ASKED_A_BLOCK)
            scores, crops = _best_crop(asked_details[rows], views)
            scores[places[rows] == block] = -1  # no image is a copy of itself
            nearest.add(rows, block, scores, crops)
    return nearest.guesses()


def _views(
    block: list[int],  # images, all of them large or all of them small
    images: _Images,
) -> list[tuple[int, np.ndarray]]:  # crop, (n, ROUGH_SIDE ** 2)
    """Return what the images of a block look like in each crop; small ones are cropped already."""
    if block[0] in images.small:
        return [(0, details(_shrunk(images.pictures(block))))]
    thumbs = np.stack([images.features[i].thumb for i in block]).astype(np.float32)
    views = []
    for crop in CROPS:
        rows, columns = cut(crop, ROUGH_SIDE)
        views.append((crop, details(rows @ thumbs @ columns.T)))
    return views


def _shrunk(
    images: np.ndarray,  # (n, FINE_SIDE, FINE_SIDE)
) -> np.ndarray:  # (n, ROUGH_SIDE, ROUGH_SIDE)
    """Shrink images to what the first round compares."""
    rows = sample(1, ROUGH_SIDE, FINE_SIDE)
    return rows @ images @ rows.T


def _best_crop(
    asked: np.ndarray,  # (n, ROUGH_SIDE ** 2) of the images that are asked for
    views: list[tuple[int, np.ndarray]],
) -> tuple[np.ndarray, np.ndarray]:  # (n, images) float32 scores, int16 crops
    """Return how alike two images are in the crop that fits best, and that crop."""
    _, first = views[0]
    best = np.full((len(asked), len(first)), -1, np.float32)
    crops = np.zeros(best.shape, np.int16)
    for crop, view in views:
        scores = asked @ view.T
        np.copyto(crops, crop, where=scores > best)
        np.maximum(best, scores, out=best)
    return best, crops


# ---- the second round


class _View(NamedTuple):
    """A radiograph in the crop that fits a small image best."""

    image: int
    score: float
    crop: int
    picture: np.ndarray  # (FINE_SIDE ** 2,) of unit length


def _judge(
    picture: np.ndarray,  # (FINE_SIDE, FINE_SIDE) a small image
    large: list[Guess],
    small: list[Guess],
    images: _Images,
) -> list[tuple[int, float, int]]:  # image, score, crop
    """Return the candidates that are the same picture as the small image.

    What is not the best picture is its rival, and its score counts against the best.
    """
    asked = evened(picture[None])[0]
    small_scores = _score_small([k for k, _ in small], asked, images)
    found = [(k, s, 0) for k, s in small_scores.items() if s >= MIN_SCORE_OF_TWO_SMALL]
    views = [_fit(k, crop, asked, images) for k, crop in large]
    if not views:
        return found
    rivals = [MIN_RIVAL_SCORE]
    rivals += [score for score in small_scores.values() if score < MIN_SCORE_OF_TWO_SMALL]
    best = max(views, key=lambda view: view.score)
    same = [view.picture @ best.picture >= SAME_PICTURE for view in views]
    rivals += [view.score for view, is_same in zip(views, same) if not is_same]
    for view, is_same in zip(views, same):
        evidence = 2 * view.score - max(rivals)
        if is_same and evidence >= MIN_EVIDENCE:
            found.append((view.image, view.score, view.crop))
    return found


def _score_small(
    places: list[int],  # of small images
    asked: np.ndarray,  # (FINE_SIDE ** 2,)
    images: _Images,
) -> dict[int, float]:
    """Return how alike other small images are to one."""
    if not places:
        return {}
    scores = _scores(evened(images.pictures(places)), asked)
    return {k: round(float(score), 4) for k, score in zip(places, scores)}


def _fit(
    place: int,  # of a radiograph
    rough_crop: int,
    asked: np.ndarray,  # (FINE_SIDE ** 2,)
    images: _Images,
) -> _View:
    """Find the crop of a radiograph that fits a small image best."""
    rows, columns = fine_cuts(rough_crop)
    pictures = evened(rows @ images.features[place].thumb.astype(np.float32) @ columns)
    scores = _scores(pictures, asked)
    best = int(scores.argmax())
    return _View(
        image=place,
        score=round(float(scores[best]), 4),
        crop=rough_crop + FINER_CROPS[best],
        picture=pictures[best],
    )


def _scores(
    pictures: np.ndarray,  # (n, FINE_SIDE ** 2)
    asked: np.ndarray,  # (FINE_SIDE ** 2,)
) -> np.ndarray:  # (n,)
    """Correlate row by row: a product of matrices would depend on the number of threads."""
    scores: np.ndarray = (pictures * asked).sum(1)
    return scores
