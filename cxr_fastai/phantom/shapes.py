"""Shapes on a film: soft edges, blobs, smooth noise, wandering strokes. Arrays in, arrays out.

Only polynomials, square roots and look-ups touch whole images, in float64: every platform rounds to
the same uint8. Knows nothing of chests, touches no file.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from PIL import Image, ImageDraw

__all__ = [
    "Points",
    "Film",
    "Grid",
    "Stroke",
    "stream",
    "step",
    "bump",
    "ellipse",
    "clouds",
    "branches",
    "polylines",
]

SUPERSAMPLING = 4  # strokes are drawn so many times too large and averaged down
STEPS_OF_A_BRANCH = 7
# A branch is drawn as three strokes that overlap: first point, end, share of its width.
PARTS_OF_A_BRANCH = ((0, 4, 1), (3, 6, 0.65), (5, 8, 0.4))
CURVED_FROM = 0.03  # half image widths; thinner strokes need no round joints

Stroke = tuple[np.ndarray, np.ndarray, float]  # x and y of its points, its width; half image widths
ToPixels = Callable[[np.ndarray, np.ndarray, int], tuple[np.ndarray, np.ndarray]]


class Points(Protocol):
    """Where the pixels lie, in half image widths: x to the image's right, y downward."""

    @property
    def x(self) -> np.ndarray:
        """Distance from the middle to the right."""

    @property
    def y(self) -> np.ndarray:
        """Distance from the middle downward."""


class Film(Points, Protocol):
    """A square of pixels that can be drawn on."""

    @property
    def size(self) -> int:
        """Width and height, pixels."""

    @property
    def seed(self) -> int:
        """Of the exposure."""

    @property
    def pixels(self) -> ToPixels:
        """Map coordinates to pixels on a canvas of that width."""


@dataclass(frozen=True)
class Grid:
    """Points that are no film of their own, as one half of a chest mirrored on the other."""

    x: np.ndarray
    y: np.ndarray


def stream(*key: int) -> np.random.Generator:
    """Open a stream of random numbers of its own for each key, the same on every platform."""
    return np.random.default_rng(list(key))


def step(
    a: np.ndarray,
    width: float,
) -> np.ndarray:
    """Rise from 0 to 1 as `a` crosses zero, smooth over `width`."""
    t = np.clip(a / width + 0.5, 0, 1)
    smooth: np.ndarray = t * t * (3 - 2 * t)
    return smooth


def bump(
    r2: np.ndarray,  # squared distance from the middle, in radii
) -> np.ndarray:
    """Draw a round blob: 1 at its middle, 0 from radius 1 on."""
    blob: np.ndarray = np.clip(1 - r2, 0, 1) ** 2
    return blob


def ellipse(
    points: Points,
    x: float,  # of its middle
    y: float,
    rx: float,  # its radii
    ry: float,
    soft: float = 0.04,  # width of its edge
    lean: float = 0.0,  # how much its lower end is sheared to the image's right
) -> np.ndarray:  # 0-1
    """Fill an ellipse that has a soft edge."""
    down = points.y - y
    across = points.x - x - lean * down
    radius = np.sqrt((across / rx) ** 2 + (down / ry) ** 2)
    return step((1 - radius) * min(rx, ry), soft)


def clouds(
    film: Film,
    rng: np.random.Generator,
    cells: int,  # blobs across
) -> np.ndarray:
    """Draw smooth noise, about -1 to 1."""
    grid = rng.uniform(-1, 1, (cells + 1, cells + 1))
    position = np.linspace(0, cells, film.size)
    low = np.minimum(position.astype(int), cells - 1)
    t = position - low
    t = t * t * (3 - 2 * t)
    rows = grid[low] * (1 - t)[:, None] + grid[low + 1] * t[:, None]
    smooth: np.ndarray = rows[:, low] * (1 - t) + rows[:, low + 1] * t
    return smooth


# ---- strokes


def branches(
    rng: np.random.Generator,
    side: int,  # -1 the image's left, 1 its right
    angles: np.ndarray,  # (n,) radians, in which each branch sets out
    length: float,
    width: float,
    twigs: int = 3,  # generations of branches from these
) -> list[Stroke]:
    """Let strokes wander from the hilum, with their twigs."""
    root_x = np.full((len(angles), 1), 0.16)
    root_y = -0.06 + 0.11 * angles[:, None]
    return _branches_from((root_x, root_y), rng, side, angles, length, width, twigs)


def _branches_from(
    root: tuple[np.ndarray, np.ndarray],  # (n, 1) each: where every branch begins
    rng: np.random.Generator,
    side: int,
    angles: np.ndarray,  # (n,)
    length: float,
    width: float,
    twigs: int,
) -> list[Stroke]:
    """Let strokes wander from given points, with their twigs."""
    n = len(angles)
    turns = rng.normal(0, 0.17, (n, STEPS_OF_A_BRANCH))
    heading = angles[:, None] + turns.cumsum(1)
    reach = length * rng.uniform(0.6, 1.1, (n, 1)) / STEPS_OF_A_BRANCH
    x = _walk(root[0], np.cos(heading) * reach)
    y = _walk(root[1], np.sin(heading) * reach)
    strokes: list[Stroke] = []
    for i in range(n):
        for first, end, share in PARTS_OF_A_BRANCH:
            strokes.append((side * x[i, first:end], y[i, first:end], width * share))
    for j in range(2, 2 + twigs):
        turn = rng.choice([-1, 1], n) * rng.uniform(0.4, 0.8, n)
        fork = (x[:, j : j + 1], y[:, j : j + 1])
        strokes += _branches_from(
            fork, rng, side, heading[:, j] + turn, length * 0.5, width * 0.5, twigs=0
        )
    return strokes


def _walk(
    first: np.ndarray,  # (n, 1)
    steps: np.ndarray,  # (n, steps)
) -> np.ndarray:  # (n, 1 + steps)
    """Add up steps from a first position."""
    return np.hstack([first, first + steps.cumsum(1)])


def polylines(
    film: Film,
    strokes: Sequence[Stroke],
) -> np.ndarray:  # (size, size), 0-1
    """Draw strokes too large, averaged down and softened."""
    canvas = SUPERSAMPLING * film.size
    sheet = Image.new("L", (canvas, canvas))
    pen = ImageDraw.Draw(sheet)
    for (_, _, width), line in zip(strokes, _lines(film, strokes, canvas)):
        joint = "curve" if width > CURVED_FROM else None
        pen.line(line, fill=255, width=max(1, round(width * canvas / 2)), joint=joint)
    drawn = np.asarray(sheet.reduce(SUPERSAMPLING)) / 255
    for _ in range(film.size // 85):
        drawn = _soften(drawn)
    return drawn


def _lines(
    film: Film,
    strokes: Sequence[Stroke],
    canvas: int,  # its width, pixels
) -> list[list[float]]:
    """Give each stroke's points as x, y, x, y, .. on the canvas; all are mapped at once."""
    if not strokes:
        return []
    x = np.concatenate([stroke[0] for stroke in strokes])
    y = np.concatenate([stroke[1] for stroke in strokes])
    mapped_x, mapped_y = film.pixels(x, y, canvas)
    numbers = np.stack([mapped_x, mapped_y], 1).ravel().tolist()
    lines = []
    first = 0
    for stroke in strokes:
        end = first + 2 * len(stroke[0])
        lines.append(numbers[first:end])
        first = end
    return lines


def _soften(
    a: np.ndarray,  # (h, w)
) -> np.ndarray:  # the same shape
    """Mix each pixel with its neighbours, weights 1 2 1 along both axes."""
    a = np.pad(a, 1, "edge")
    a = a[:-2] + 2 * a[1:-1] + a[2:]
    softened: np.ndarray = (a[:, :-2] + 2 * a[:, 1:-1] + a[:, 2:]) / 16
    return softened
