"""The chest of one person, and how one exposure of it stands. Numbers in, coordinates out.

(patient, age, seed) -> a `Scene`, on which `shadows` draws organs and bones, `opacities` diseases.
Draws nothing itself, touches no file. Distances are in half image widths: x runs to the image's
right (the patient's left), y downward, the middle is (0, 0).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from cxr_fastai.phantom.shapes import Grid, ToPixels, step, stream

__all__ = ["AGES", "Anatomy", "Scene", "Stance", "anatomy", "place", "scene", "stance"]

AGES = ("adult", "child")
# Half image widths that back and front shift at most between two exposures of a person.
MAX_PARALLAX = 0.08
LUNG_EDGE = 0.035  # half image widths over which a lung's border fades
NARROWEST_WALL = 0.30  # half the width of the lungs' tops, and of the mediastinum above them
NECK_LEVEL = 0.32  # t at which the mediastinum has its own width

# What differs between people: name -> (adult range, child range); set by eye, beside public films.
ANATOMY = {
    "half": ((0.68, 0.78), (0.62, 0.72)),
    "apex": ((-0.80, -0.72), (-0.76, -0.66)),
    "base": ((0.50, 0.64), (0.40, 0.54)),
    "dome": ((0.17, 0.27), (0.12, 0.20)),
    "lift": ((0.02, 0.08), (0.01, 0.05)),
    "medial": ((0.11, 0.15), (0.12, 0.17)),
    "heart": ((0.86, 1.06), (1.02, 1.20)),
    "apex_x": ((0.15, 0.22), (0.13, 0.20)),
    "lean": ((0.30, 0.75), (0.25, 0.50)),
    "knob": ((0.055, 0.085), (0.02, 0.045)),
    "rib_gap": ((0.140, 0.165), (0.120, 0.140)),
    "rib_drop": ((0.9, 1.6), (0.4, 0.8)),
    "rib_slope": ((0.45, 0.75), (0.25, 0.45)),
    "rib_thick": ((0.34, 0.44), (0.36, 0.46)),
    "trunk": ((0.88, 1.15), (0.76, 0.94)),
    "shoulder": ((-1.0, -0.90), (-0.98, -0.86)),
    "droop": ((0.10, 0.30), (0.15, 0.40)),
    "neck": ((0.20, 0.28), (0.17, 0.24)),
    "clavicle": ((-0.60, -0.50), (-0.58, -0.46)),
    "rise": ((0.10, 0.28), (0.05, 0.22)),
    "bend": ((-0.05, 0.05), (-0.03, 0.03)),
    "bone": ((0.8, 1.2), (0.9, 1.25)),
    "breast": ((-0.20, 0.22), (-0.2, -0.1)),
    "fat": ((-0.03, 0.06), (-0.04, 0.02)),
}


@dataclass(frozen=True)
class Anatomy:
    """The measures of one person."""

    patient: int
    half: float  # rib cage, half its width
    apex: float  # y of the lungs' tops
    base: float  # y of the costophrenic angles
    dome: float  # height of the diaphragm above them
    lift: float  # how much higher the patient's right dome stands
    medial: float  # mediastinum, half its width
    heart: float  # its size, 1 = a third of the image wide
    apex_x: float  # how far its apex points to the image's right
    lean: float  # how flat the heart lies
    knob: float  # aortic arch, radius
    rib_gap: float  # from rib to rib
    rib_drop: float  # curvature of the posterior ribs
    rib_slope: float  # slope of the anterior ribs
    rib_thick: float  # rib height as a share of the gap
    trunk: float  # body, half its width
    shoulder: float  # y where the neck meets the shoulders
    droop: float  # slope of the shoulders
    neck: float  # half its width
    clavicle: float  # y of the clavicles' inner ends
    rise: float  # slope of the clavicles
    bend: float  # sideways curve of the spine
    bone: float  # how bright bone is
    breast: float  # soft tissue over the bases, where above 0
    fat: float  # soft tissue over the lungs


@dataclass(frozen=True)
class Stance:
    """How one exposure stands: maps between the chest's own coordinates and pixels."""

    size: int  # width and height of the film, pixels
    seed: int
    breath: float  # how much lower the diaphragm stands
    parallax: np.ndarray  # (2,) how x and y shift from the breast bone to the middle of the chest
    pixels: ToPixels  # chest coordinates -> pixels on a canvas of that width
    x: np.ndarray  # (size, size) of every pixel
    y: np.ndarray


@dataclass(frozen=True)
class Scene:
    """The coordinates of every pixel within one chest."""

    body: Anatomy
    size: int
    seed: int
    parallax: np.ndarray  # (2,)
    pixels: ToPixels
    x: np.ndarray  # from the spine
    y: np.ndarray
    side: np.ndarray  # -1 the image's left, 1 its right
    floor: float  # y of the costophrenic angles, as this breath has them
    t: np.ndarray  # level: 0 apex, 1 base
    u: np.ndarray  # 0 beside the heart, 1 at the ribs
    wall: np.ndarray  # half the width of the rib cage at this level
    under: np.ndarray  # y of the diaphragm
    lung: np.ndarray  # 0-1
    depth: np.ndarray  # 0-1: air along the beam

    @property
    def a(self) -> np.ndarray:
        """Distance from the spine, to either side."""
        return abs(self.x)

    def at_depth(
        self,
        depth: float,  # behind the middle of the chest: -1 the breast bone, 1 the back
    ) -> Grid:
        """Give the points as what lies at a depth casts its shadow on them.

        No two exposures of a person differ by turning and moving the film alone.
        """
        return Grid(x=self.x - depth * self.parallax[0], y=self.y - depth * self.parallax[1])


def anatomy(
    patient: int,
    age: str,  # one of AGES
) -> Anatomy:
    """Draw the measures of one person: the same `patient` is the same chest."""
    rng = stream(patient, 11)
    column = AGES.index(age)
    measures = {name: float(rng.uniform(*ranges[column])) for name, ranges in ANATOMY.items()}
    return Anatomy(patient=patient, **measures)


def stance(seed: int, size: int) -> Stance:
    """Draw how one exposure stands."""
    rng = stream(seed, 12)
    turn = rng.uniform(-0.06, 0.06)
    scale = rng.uniform(0.94, 1.07)
    dx, dy = rng.uniform(-0.05, 0.05, 2)
    breath = rng.uniform(-0.06, 0.05)
    parallax = rng.uniform(-MAX_PARALLAX, MAX_PARALLAX, 2)
    cos = math.cos(turn)
    sin = math.sin(turn)

    def pixels(x: np.ndarray, y: np.ndarray, canvas: int) -> tuple[np.ndarray, np.ndarray]:
        """Map chest coordinates to pixels on a canvas of that width."""
        right = scale * (cos * x - sin * y) + dx + 1
        down = scale * (sin * x + cos * y) + dy + 1
        return right * canvas / 2, down * canvas / 2

    middles = (np.arange(size) + 0.5) * (2 / size) - 1  # of the pixels of a row
    px = (middles[None] - dx) / scale
    py = (middles[:, None] - dy) / scale
    return Stance(
        size=size,
        seed=seed,
        breath=breath,
        parallax=parallax,
        pixels=pixels,
        x=cos * px + sin * py,
        y=cos * py - sin * px,
    )


def scene(body: Anatomy, pose: Stance) -> Scene:
    """Lay the chest's own coordinates over the film."""
    floor = body.base + pose.breath
    x = pose.x - body.bend * (pose.y**2 - 0.3)
    y = pose.y
    a = abs(x)
    t = (y - body.apex) / (floor - body.apex)
    wall = _widened(body.half, np.clip(t, 0, 1))
    inner = _narrowed(body.medial, np.clip(t / NECK_LEVEL, 0, 1))
    u = (a - inner) / np.maximum(wall - inner, 0.02)
    across = np.clip(u, 0, 1)
    dome = body.dome + np.where(x < 0, body.lift, 0)
    under = floor - dome * (1 - ((across - 0.38) / 0.62) ** 2)
    beside_heart = step(wall - a, LUNG_EDGE) * step(a - inner, LUNG_EDGE)
    lung = beside_heart * step(under - y, LUNG_EDGE) * step(t, 0.03)
    thickness = 1 - 0.35 * (2 * across - 1) ** 4
    depth = lung * thickness * (0.72 + 0.28 * np.clip(t * 3, 0, 1))
    return Scene(
        body=body,
        size=pose.size,
        seed=pose.seed,
        parallax=pose.parallax,
        pixels=pose.pixels,
        x=x,
        y=y,
        side=np.where(x < 0, -1.0, 1.0),
        floor=floor,
        t=t,
        u=u,
        wall=wall,
        under=under,
        lung=lung,
        depth=depth,
    )


def _widened(
    half: float,  # its own, half image widths
    level: np.ndarray,  # 0-1, from its top down
) -> np.ndarray:  # half image widths
    """Give half the width of the rib cage, from its top (level 0) to its base (1)."""
    width: np.ndarray = NARROWEST_WALL + (half - NARROWEST_WALL) * np.sqrt(level * (2 - level))
    return width


def _narrowed(
    medial: float,  # its own half width
    level: np.ndarray,  # 0-1, from its top down
) -> np.ndarray:  # half image widths
    """Give half the width of the mediastinum, from its top (level 0) to where it is slim (1)."""
    width: np.ndarray = NARROWEST_WALL - (NARROWEST_WALL - medial) * np.sqrt(level * (2 - level))
    return width


def place(
    chest: Scene,
    side: int,  # -1 the image's left, 1 its right
    u: float,  # share of the way from the heart to the ribs
    t: float,  # level: 0 apex, 1 base
) -> tuple[float, float]:
    """Find the (x, y) of a point in a lung."""
    body = chest.body
    level = min(t / NECK_LEVEL, 1)
    inner = NARROWEST_WALL - (NARROWEST_WALL - body.medial) * math.sqrt(level * (2 - level))
    wall = NARROWEST_WALL + (body.half - NARROWEST_WALL) * math.sqrt(t * (2 - t))
    x = side * (inner + u * (wall - inner))
    y = body.apex + t * (chest.floor - body.apex)
    return x, y
