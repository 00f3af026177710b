"""What of a picture is searched and compared: all of it, and the film within it.

Features of pictures -> Parts, which are searched like pictures of their own; of two Parts a Match,
told in the squares of the pictures that they are of. It reads no file.

A film in a viewer's window is a radiograph with something around it. Compared alone it is found by
its bare original, however small; and two films in one frame are as different as they are without.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from cxr_fastai.curation.copies.features import GRID, Features
from cxr_fastai.curation.copies.geometry import Match, match
from cxr_fastai.curation.copies.inset import INSET_SIDE, Box

__all__ = ["Part", "PartPair", "parts_of", "match_parts"]

# What two films have in common, of the smaller: from here on they are at one place of what two
# pictures share. A film whose lower half is white is found in half, so that the whole is not asked.
MIN_COMMON_SHARE = 0.7
MAX_STEPS_APART = 8  # of INSET_SIDE: edges that are nearer are one
WHOLE = Box(0, 0, INSET_SIDE, INSET_SIDE)


class Part(NamedTuple):
    """A picture, or the film within it."""

    image: int  # place in the list
    is_inset: bool


class PartPair(NamedTuple):
    """Two parts of different pictures, to be compared."""

    a: int  # image, by its place in the list
    b: int  # > a
    inset_a: bool  # the film within it
    inset_b: bool
    mirrored: bool  # b may be a mirrored copy ..
    inverted: bool  # .. or a negative


def parts_of(
    pictures: list[Features],
) -> list[Part]:
    """Return all pictures in their order, then the films within them."""
    whole = [Part(i, is_inset=False) for i in range(len(pictures))]
    return whole + [Part(i, is_inset=True) for i, p in enumerate(pictures) if p.inset]


def features_of(
    picture: Features,
    is_inset: bool,
) -> Features:
    """Return the features of a part."""
    if is_inset and picture.inset:
        return picture.inset.features
    return picture


def match_parts(
    a: Features,  # of a picture
    b: Features,
    pair: PartPair,  # which parts of them, and how
) -> Match | None:
    """Decide whether a part of one picture and a part of another are one radiograph.

    Where both pictures hold a film at one place of what they share, the films decide: a frame that
    is the same is no evidence.
    """
    if a.inset and b.inset and _are_alike(a.inset.box, b.inset.box):
        pair = pair._replace(inset_a=True, inset_b=True)  # else most of a frame's pairs cost more
    part_a = features_of(a, pair.inset_a)
    part_b = features_of(b, pair.inset_b)
    found = match(part_a, part_b, pair.mirrored, pair.inverted)
    if found is None:
        return None
    box_a = _box(a, pair.inset_a)
    box_b = _box(b, pair.inset_b)
    told = _in_pictures(found, box_a, box_b)
    both_films = pair.inset_a and pair.inset_b
    if both_films or a.inset is None or b.inset is None:
        return told
    if not _is_one_place(a.inset.box, b.inset.box, told.matrix):
        return told
    return match_parts(a, b, pair._replace(inset_a=True, inset_b=True))


def _box(
    picture: Features,
    is_inset: bool,
) -> Box:
    """Return where a part lies in its picture."""
    return picture.inset.box if is_inset and picture.inset else WHOLE


def _in_pictures(
    found: Match,  # of two parts
    box_a: Box,
    box_b: Box,
) -> Match:
    """Tell a match of two parts in the squares of their pictures."""
    if box_a == box_b == WHOLE:
        return found
    between = np.vstack([np.reshape(found.matrix, (2, 3)), [0, 0, 1]])
    matrix = (box_b.matrix(GRID) @ between @ np.linalg.inv(box_a.matrix(GRID)))[:2]
    return replace(
        found,
        matrix=tuple(round(float(x), 4) for x in matrix.ravel()),
        overlap=found.overlap * box_b.share,
    )


def _are_alike(
    box: Box,
    other: Box,
) -> bool:
    """Tell whether two boxes are one, as far as boxes are found."""
    return bool(np.abs(np.subtract(box, other)).max() <= MAX_STEPS_APART)


def _is_one_place(
    box_a: Box,
    box_b: Box,
    matrix: Iterable[float],  # six numbers, GRID coordinates of a -> those of b
) -> bool:
    """Tell whether a box of one picture, moved as the picture was, lies on that of the other."""
    transform = np.reshape(list(matrix), (2, 3))
    corners = box_a.corners(GRID) @ transform[:, :2].T + transform[:, 2]
    low_a = corners.min(0)
    high_a = corners.max(0)
    low_b = box_b.corners(GRID).min(0)
    high_b = box_b.corners(GRID).max(0)
    common = np.prod(np.maximum(np.minimum(high_a, high_b) - np.maximum(low_a, low_b), 0))
    smaller = min(np.prod(high_a - low_a), np.prod(high_b - low_b))
    return bool(common >= MIN_COMMON_SHARE * smaller)
