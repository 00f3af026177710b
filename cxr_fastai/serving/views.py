"""Test-time augmentation: a film seen in a few honest ways, and the mean of what is said of them.

A network's inputs in, the same inputs turned and zoomed a little out. No view mirrors a chest, as
no training here does: a mirrored chest is another anatomy. No view changes gray values, of which
training varies more than a few views can. Nothing is drawn: the same film gives the same views.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image

__all__ = ["VIEWS", "View", "seen", "views_of"]


@dataclass(frozen=True)
class View:
    """A way to see a film."""

    turn: float  # degrees counter-clockwise
    zoom: float  # above 1: closer


# Half of what the mildest augmentation of training does (training/augment.py, AMOUNTS: 10 degrees,
# 10 % of zoom), so that every trained network has seen films as these.
VIEWS = (View(0, 1), View(5, 1), View(-5, 1), View(0, 1.05), View(0, 0.95))
EDGE = 0.12  # share of the side that a view may need from beyond the film's edge: it is reflected


def views_of(
    batch: np.ndarray,  # (n, c, size, size) float32, of inputs.prepare: all channels alike
) -> Iterator[np.ndarray]:  # as many batches as VIEWS, of the same shape; the first is `batch`
    """See all films of a batch in each way."""
    for view in VIEWS:
        if view == View(0, 1):
            yield batch
        else:
            yield np.stack([seen(array, view) for array in batch])


def seen(
    array: np.ndarray,  # (c, size, size) float32, all channels alike
    view: View,
) -> np.ndarray:  # the same shape
    """Turn and zoom one film about its centre; what lies beyond its edge is reflected."""
    size = array.shape[-1]
    edge = max(1, round(EDGE * size))
    wide = Image.fromarray(np.pad(array[0], edge, mode="reflect"))
    centre = wide.width / 2
    angle = math.radians(view.turn)
    along, across = math.cos(angle) / view.zoom, math.sin(angle) / view.zoom
    # Where each pixel comes from: turned about the centre of the film.
    start = size / 2
    coefficients = (
        along,
        -across,
        centre - along * start + across * start,
        across,
        along,
        centre - across * start - along * start,
    )
    turned = wide.transform(
        (size, size), Image.Transform.AFFINE, coefficients, Image.Resampling.BILINEAR
    )
    return np.repeat(np.asarray(turned, np.float32)[None], array.shape[0], 0)
