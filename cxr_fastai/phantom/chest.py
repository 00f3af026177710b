"""The drawn chest: its measures, how an exposure stands, and the shadows of heart, bones and vessels. (patient, age,
seed) -> a scene of coordinates and arrays, which `film` makes a picture of; draws no disease and touches no file.

Distances are in half image widths: x runs to the image's right (the patient's left), y downward, the middle is (0, 0).
Only polynomials, square roots and look-ups touch whole images, in float64: every platform rounds to the same uint8.
"""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
from PIL import Image, ImageDraw

AGES = ("adult", "child")
PARALLAX = (
    0.08  # half image widths that back and front shift at most between two exposures of a person
)

# What differs between people: name -> (adult range, child range); set by eye, beside public films.
ANATOMY = {
    "half": ((0.68, 0.78), (0.62, 0.72)),  # rib cage, half its width
    "apex": ((-0.80, -0.72), (-0.76, -0.66)),  # y of the lungs' tops
    "base": ((0.50, 0.64), (0.40, 0.54)),  # y of the costophrenic angles
    "dome": ((0.17, 0.27), (0.12, 0.20)),  # height of the diaphragm above them
    "lift": ((0.02, 0.08), (0.01, 0.05)),  # how much higher the patient's right dome stands
    "medial": ((0.11, 0.15), (0.12, 0.17)),  # mediastinum, half its width
    "heart": ((0.86, 1.06), (1.02, 1.20)),  # its size, 1 = a third of the image wide
    "apex_x": ((0.15, 0.22), (0.13, 0.20)),  # how far its apex points to the image's right
    "lean": ((0.30, 0.75), (0.25, 0.50)),  # how flat the heart lies
    "knob": ((0.055, 0.085), (0.02, 0.045)),  # aortic arch, radius
    "rib_gap": ((0.140, 0.165), (0.120, 0.140)),  # from rib to rib
    "rib_drop": ((0.9, 1.6), (0.4, 0.8)),  # curvature of the posterior ribs
    "rib_slope": ((0.45, 0.75), (0.25, 0.45)),  # slope of the anterior ribs
    "rib_thick": ((0.34, 0.44), (0.36, 0.46)),  # rib height as a share of the gap
    "trunk": ((0.88, 1.15), (0.76, 0.94)),  # body, half its width
    "shoulder": ((-1.0, -0.90), (-0.98, -0.86)),  # y where the neck meets the shoulders
    "droop": ((0.10, 0.30), (0.15, 0.40)),  # slope of the shoulders
    "neck": ((0.20, 0.28), (0.17, 0.24)),  # half its width
    "clavicle": ((-0.60, -0.50), (-0.58, -0.46)),  # y of the clavicles' inner ends
    "rise": ((0.10, 0.28), (0.05, 0.22)),  # slope of the clavicles
    "bend": ((-0.05, 0.05), (-0.03, 0.03)),  # sideways curve of the spine
    "bone": ((0.8, 1.2), (0.9, 1.25)),  # how bright bone is
    "breast": ((-0.20, 0.22), (-0.2, -0.1)),  # soft tissue over the bases, where above 0
    "fat": ((-0.03, 0.06), (-0.04, 0.02)),  # soft tissue over the lungs
}


# ---- shapes


def stream(*key: int) -> np.random.Generator:
    """A stream of its own for each key, the same on every platform."""
    return np.random.default_rng(list(key))


def step(a, width: float):
    """0 to 1 as `a` crosses zero, smooth over `width`."""
    t = np.clip(a / width + 0.5, 0, 1)
    return t * t * (3 - 2 * t)


def bump(r2):
    """1 at the middle of a round blob, 0 from squared radius 1 on."""
    return np.clip(1 - r2, 0, 1) ** 2


def ellipse(s, x: float, y: float, rx: float, ry: float, soft: float = 0.04, lean: float = 0.0):
    """A filled ellipse with a soft edge; `lean` shears its lower end to the image's right."""
    v = s.y - y
    return step((1 - np.sqrt(((s.x - x - lean * v) / rx) ** 2 + (v / ry) ** 2)) * min(rx, ry), soft)


def clouds(s, rng, cells: int):
    """Smooth noise, about -1 to 1, of `cells` blobs across."""
    grid, at = rng.uniform(-1, 1, (cells + 1, cells + 1)), np.linspace(0, cells, s.size)
    low = np.minimum(at.astype(int), cells - 1)
    t = at - low
    t = t * t * (3 - 2 * t)
    rows = grid[low] * (1 - t)[:, None] + grid[low + 1] * t[:, None]
    return rows[:, low] * (1 - t) + rows[:, low + 1] * t


def branches(
    rng, side: int, angles, length: float, width: float, root=None, twigs: int = 3
) -> list:
    """Wandering strokes from the hilum (or `root`) and their twigs: a list of (x, y, width)."""
    steps, n = 7, len(angles)
    heading = angles[:, None] + rng.normal(0, 0.17, (n, steps)).cumsum(1)
    reach = length * rng.uniform(0.6, 1.1, (n, 1)) / steps
    x0, y0 = (np.full((n, 1), 0.16), -0.06 + 0.11 * angles[:, None]) if root is None else root
    x = np.hstack([x0, x0 + (np.cos(heading) * reach).cumsum(1)])
    y = np.hstack([y0, y0 + (np.sin(heading) * reach).cumsum(1)])
    out = [
        (side * x[i, a:b], y[i, a:b], width * w)
        for i in range(n)
        for a, b, w in ((0, 4, 1), (3, 6, 0.65), (5, 8, 0.4))
    ]
    for at in range(2, 2 + twigs):
        fork = heading[:, at] + rng.choice([-1, 1], n) * rng.uniform(0.4, 0.8, n)
        out += branches(
            rng, side, fork, length * 0.5, width * 0.5, (x[:, at : at + 1], y[:, at : at + 1]), 0
        )
    return out


def polylines(s, strokes) -> np.ndarray:
    """Polylines drawn four times too large, averaged down and softened, 0..1."""
    canvas = 4 * s.size
    sheet = Image.new("L", (canvas, canvas))
    pen = ImageDraw.Draw(sheet)
    x, y = (np.concatenate([stroke[axis] for stroke in strokes] or [[]]) for axis in (0, 1))
    xy, at = np.stack(s.pixels(x, y, canvas), 1).ravel().tolist(), 0
    for x, _, width in strokes:
        line, at = xy[at : at + 2 * len(x)], at + 2 * len(x)
        pen.line(
            line,
            fill=255,
            width=max(1, round(width * canvas / 2)),
            joint="curve" if width > 0.03 else None,
        )
    out = np.asarray(sheet.reduce(4)) / 255
    for _ in range(s.size // 85):
        out = _soften(out)
    return out


def _soften(a) -> np.ndarray:
    """Each pixel with its neighbours, weights 1 2 1 along both axes."""
    a = np.pad(a, 1, "edge")
    a = a[:-2] + 2 * a[1:-1] + a[2:]
    return (a[:, :-2] + 2 * a[:, 1:-1] + a[:, 2:]) / 16


# ---- the person


def anatomy(patient: int, age: str) -> SimpleNamespace:
    """The measures of one person: the same `patient` is the same chest."""
    rng, column = stream(patient, 11), AGES.index(age)
    return SimpleNamespace(
        patient=patient, **{k: rng.uniform(*v[column]) for k, v in ANATOMY.items()}
    )


def stance(seed: int, size: int) -> SimpleNamespace:
    """How one exposure stands: maps between the chest's own coordinates and pixels."""
    rng = stream(seed, 12)
    turn, scale = rng.uniform(-0.06, 0.06), rng.uniform(0.94, 1.07)
    (dx, dy), breath = rng.uniform(-0.05, 0.05, 2), rng.uniform(-0.06, 0.05)
    parallax = rng.uniform(-PARALLAX, PARALLAX, 2)
    cos, sin, at = math.cos(turn), math.sin(turn), (np.arange(size) + 0.5) * (2 / size) - 1
    px, py = (at[None] - dx) / scale, (at[:, None] - dy) / scale

    def pixels(x, y, canvas):  # chest coordinates -> pixels on a canvas of that width
        return (scale * (cos * x - sin * y) + dx + 1) * canvas / 2, (
            scale * (sin * x + cos * y) + dy + 1
        ) * canvas / 2

    return SimpleNamespace(
        size=size,
        seed=seed,
        breath=breath,
        parallax=parallax,
        pixels=pixels,
        x=cos * px + sin * py,
        y=cos * py - sin * px,
    )


def scene(body: SimpleNamespace, pose: SimpleNamespace) -> SimpleNamespace:
    """Coordinates within the chest: side -1 | 1, t (0 apex, 1 base), u (0 beside the heart, 1 at the ribs), lung 0..1."""
    s = SimpleNamespace(
        **vars(body), size=pose.size, seed=pose.seed, parallax=pose.parallax, pixels=pose.pixels
    )
    s.floor = body.base + pose.breath
    s.y, s.x = pose.y, pose.x - body.bend * (pose.y**2 - 0.3)
    s.a, s.side = abs(s.x), np.where(s.x < 0, -1.0, 1.0)
    s.t = (s.y - body.apex) / (s.floor - body.apex)
    t, neck = np.clip(s.t, 0, 1), np.clip(s.t / 0.32, 0, 1)
    s.wall = 0.30 + (body.half - 0.30) * np.sqrt(t * (2 - t))
    s.inner = 0.30 - (0.30 - body.medial) * np.sqrt(neck * (2 - neck))
    s.u = (s.a - s.inner) / np.maximum(s.wall - s.inner, 0.02)
    u = np.clip(s.u, 0, 1)
    s.under = s.floor - (body.dome + np.where(s.x < 0, body.lift, 0)) * (
        1 - ((u - 0.38) / 0.62) ** 2
    )  # the diaphragm's y
    edge = 0.035
    s.lung = (
        step(s.wall - s.a, edge)
        * step(s.a - s.inner, edge)
        * step(s.under - s.y, edge)
        * step(s.t, 0.03)
    )
    s.depth = (
        s.lung * (1 - 0.35 * (2 * u - 1) ** 4) * (0.72 + 0.28 * np.clip(t * 3, 0, 1))
    )  # air along the beam
    return s


def _in_depth(s, depth: float) -> SimpleNamespace:
    """The scene as what lies `depth` behind the middle of the chest (-1 the breast bone, 1 the back) casts its shadow:
    no two exposures of a person differ by turning and moving the film alone.
    """
    x = s.x - depth * s.parallax[0]
    return SimpleNamespace(**{**vars(s), "x": x, "a": abs(x), "y": s.y - depth * s.parallax[1]})


def heart_shadow(s) -> np.ndarray:
    """Heart, great vessels and mediastinum, 0..1: two thirds on the image's right, the apex low on that side."""
    s = _in_depth(s, -0.5)
    k, y = s.heart, s.floor - s.dome
    left = ellipse(s, s.apex_x * k, y - 0.10 * k, 0.26 * k, 0.31 * k, 0.06, s.lean)
    right = ellipse(s, -0.075 * k, y - 0.13 * k, 0.15 * k, 0.27 * k, 0.06)
    arch = ellipse(s, 0.085, -0.34, s.knob + 0.02, s.knob + 0.03, 0.05)
    trunk = ellipse(s, 0.10, -0.14, 0.085, 0.17, 0.06)
    return np.maximum.reduce([left, right, arch, trunk, step(s.medial * 0.8 - s.a, 0.06)])


def bones(s) -> np.ndarray:
    """Posterior and anterior ribs with brighter rims, clavicles and the spine: what bone adds to the film."""
    out, wear = 0, stream(s.patient, 13).uniform(0.75, 1.15, (2, 24))
    cage = (
        step(s.wall + 0.015 - s.a, 0.03) * step(s.t - 0.02, 0.06) * step(s.floor + 0.12 - s.y, 0.3)
    )
    back, front = _in_depth(s, 1), _in_depth(s, -1)
    arcs = (
        (
            back,
            s.rib_drop * (1.25 - 0.5 * np.clip(s.t, 0, 1)) * (back.a - 0.22) ** 2,
            0.10,
            step(back.a - 0.06, 0.04),
        ),
        (
            front,
            s.rib_slope * (0.72 - front.a) + 0.05,
            0.055,
            step(front.a - 0.34, 0.2) * step(s.t - 0.12, 0.1),
        ),
    )
    for i, (layer, drop, bright, where) in enumerate(arcs):
        v = (layer.y - drop - s.apex) / s.rib_gap
        n = np.clip(np.floor(v + 0.5), 0, 23).astype(int)
        f, half = abs(v - np.floor(v + 0.5)), s.rib_thick * (0.5 + 0.1 * i)
        band = step(half - f, 0.10) * (0.55 + 0.45 * np.clip(f / half, 0, 1) ** 2)
        out = out + band * where * bright * wear[i][n]
    rim = bump(((s.a - s.wall) / 0.035) ** 2) * step(s.t - 0.1, 0.1) * 0.07
    return s.bone * ((out + rim) * cage + _clavicles(front) + _spine(back))


def _clavicles(s) -> np.ndarray:
    """Two bars from the breast bone up to the shoulders, and the heads of the upper arms."""
    line = s.clavicle - s.rise * (s.a - 0.07) + 0.5 * s.rise * np.clip(s.a - 0.35, 0, 1) ** 2
    f = abs(s.y - line) / (0.042 - 0.012 * bump(((s.a - 0.35) / 0.3) ** 2))
    bar = (
        step(1 - f, 0.4)
        * (0.6 + 0.4 * np.clip(f, 0, 1) ** 2)
        * step(s.a - 0.06, 0.03)
        * step(0.86 - s.a, 0.05)
    )
    arm = ellipse(SimpleNamespace(x=s.a, y=s.y), 1.0, s.clavicle - 0.02, 0.15, 0.19, 0.05)
    blade = step(0.03 - abs(s.a - s.half - 0.02 + 0.25 * (s.y + 0.35)), 0.05) * step(
        0.33 - abs(s.y + 0.28), 0.1
    )
    return 0.12 * bar + 0.10 * arm + 0.035 * blade


def _spine(s) -> np.ndarray:
    """Vertebral bodies, discs between them, a row of spinous processes."""
    f = np.mod(s.y - s.apex, 0.135) / 0.135
    body = step(0.085 - s.a, 0.04) * (0.55 + 0.45 * step(0.36 - abs(f - 0.5), 0.2))
    return (0.055 * body + 0.03 * bump((s.a / 0.028) ** 2 + ((f - 0.5) / 0.28) ** 2)) * (
        1 - 0.5 * step(s.y - s.floor + s.dome, 0.3)
    )


def vessels(s) -> np.ndarray:
    """The lungs' vascular trees, 0..1, from both hila; a patient keeps them."""
    rng, strokes = stream(s.patient, 14), []
    for side in (-1, 1):
        strokes += branches(
            rng, side, np.linspace(-1.4, 1.25, 10) + rng.uniform(-0.15, 0.15, 10), 0.58, 0.026
        )
    return polylines(s, strokes)


def place(s, side: int, u: float, t: float) -> tuple[float, float]:
    """The (x, y) of a point at level `t`, `u` of the way from the heart to the ribs."""
    inner = 0.30 - (0.30 - s.medial) * math.sqrt(min(t / 0.32, 1) * (2 - min(t / 0.32, 1)))
    wall = 0.30 + (s.half - 0.30) * math.sqrt(t * (2 - t))
    return side * (inner + u * (wall - inner)), s.apex + t * (s.floor - s.apex)
