"""What a healthy chest shows on a film: heart, bones and vessels. A `Scene` in, arrays out.

Each lies at its own depth, so that two exposures of a person are not one picture moved.
Draws no disease, touches no file.
"""

from __future__ import annotations

import numpy as np

from cxr_fastai.phantom.chest import Scene
from cxr_fastai.phantom.shapes import Grid, Stroke, branches, bump, ellipse, polylines, step, stream

__all__ = ["bones", "heart_shadow", "vessels"]

RIBS = 24  # brightnesses that are drawn for each layer of ribs; no chest shows as many
DISC_GAP = 0.135  # half image widths from vertebra to vertebra


def heart_shadow(
    chest: Scene,
) -> np.ndarray:  # (size, size), 0-1
    """Draw heart, great vessels and mediastinum, 0-1.

    Two thirds lie on the image's right, with the apex low on that side.
    """
    points = chest.at_depth(-0.5)
    body = chest.body
    k = body.heart
    y = chest.floor - body.dome
    left = ellipse(
        points,
        x=body.apex_x * k,
        y=y - 0.10 * k,
        rx=0.26 * k,
        ry=0.31 * k,
        soft=0.06,
        lean=body.lean,
    )
    right = ellipse(
        points,
        x=-0.075 * k,
        y=y - 0.13 * k,
        rx=0.15 * k,
        ry=0.27 * k,
        soft=0.06,
    )
    arch = ellipse(
        points,
        x=0.085,
        y=-0.34,
        rx=body.knob + 0.02,
        ry=body.knob + 0.03,
        soft=0.05,
    )
    trunk = ellipse(
        points,
        x=0.10,
        y=-0.14,
        rx=0.085,
        ry=0.17,
        soft=0.06,
    )
    mediastinum = step(body.medial * 0.8 - abs(points.x), 0.06)
    return np.maximum.reduce([left, right, arch, trunk, mediastinum])


def bones(
    chest: Scene,
) -> np.ndarray:  # (size, size) added brightness
    """Draw posterior and anterior ribs with brighter rims, clavicles and the spine."""
    back = chest.at_depth(1)
    front = chest.at_depth(-1)
    ribs = _posterior_ribs(chest, back) + _anterior_ribs(chest, front)
    beside_wall = step(chest.wall + 0.015 - chest.a, 0.03)
    below_top = step(chest.t - 0.02, 0.06)
    above_base = step(chest.floor + 0.12 - chest.y, 0.3)
    cage = beside_wall * below_top * above_base
    at_wall = bump(((chest.a - chest.wall) / 0.035) ** 2)
    rim = at_wall * step(chest.t - 0.1, 0.1) * 0.07
    every = (ribs + rim) * cage + _clavicles(chest, front) + _spine(chest, back)
    return chest.body.bone * every


def _posterior_ribs(
    chest: Scene,
    back: Grid,
) -> np.ndarray:  # (size, size), 0-1
    """Draw the ribs that arch down from the spine."""
    a = abs(back.x)
    curvature = chest.body.rib_drop * (1.25 - 0.5 * np.clip(chest.t, 0, 1))
    drop = curvature * (a - 0.22) ** 2
    bands, wear = _rib_bands(chest, back.y - drop, layer=0)
    return bands * step(a - 0.06, 0.04) * 0.10 * wear


def _anterior_ribs(
    chest: Scene,
    front: Grid,
) -> np.ndarray:  # (size, size), 0-1
    """Draw the ribs that slope toward the breast bone."""
    a = abs(front.x)
    drop = chest.body.rib_slope * (0.72 - a) + 0.05
    bands, wear = _rib_bands(chest, front.y - drop, layer=1)
    where = step(a - 0.34, 0.2) * step(chest.t - 0.12, 0.1)
    return bands * where * 0.055 * wear


def _rib_bands(
    chest: Scene,
    y: np.ndarray,  # as if the ribs of this layer were level
    layer: int,  # 0 posterior, 1 anterior
) -> tuple[np.ndarray, np.ndarray]:  # 0-1 where a rib is; how worn that rib is
    """Draw level ribs, each with brighter edges and a brightness of its own."""
    body = chest.body
    wear = stream(body.patient, 13).uniform(0.75, 1.15, (2, RIBS))[layer]
    level = (y - body.apex) / body.rib_gap
    nearest = np.floor(level + 0.5)
    number = np.clip(nearest, 0, RIBS - 1).astype(int)
    off_middle = abs(level - nearest)
    half = body.rib_thick * (0.5 + 0.1 * layer)
    edges = 0.55 + 0.45 * np.clip(off_middle / half, 0, 1) ** 2
    bands = step(half - off_middle, 0.10) * edges
    return bands, wear[number]


def _clavicles(
    chest: Scene,
    front: Grid,
) -> np.ndarray:  # (size, size), 0-1
    """Draw two bars from the breast bone to the shoulders, and the heads of the upper arms."""
    body = chest.body
    a = abs(front.x)
    y = front.y
    bend = 0.5 * body.rise * np.clip(a - 0.35, 0, 1) ** 2
    line = body.clavicle - body.rise * (a - 0.07) + bend
    half_height = 0.042 - 0.012 * bump(((a - 0.35) / 0.3) ** 2)
    off_line = abs(y - line) / half_height
    edges = 0.6 + 0.4 * np.clip(off_line, 0, 1) ** 2
    bar = step(1 - off_line, 0.4) * edges * step(a - 0.06, 0.03) * step(0.86 - a, 0.05)
    arm = ellipse(
        Grid(x=a, y=y),
        x=1.0,
        y=body.clavicle - 0.02,
        rx=0.15,
        ry=0.19,
        soft=0.05,
    )
    blade_edge = abs(a - body.half - 0.02 + 0.25 * (y + 0.35))
    blade = step(0.03 - blade_edge, 0.05) * step(0.33 - abs(y + 0.28), 0.1)
    return 0.12 * bar + 0.10 * arm + 0.035 * blade


def _spine(
    chest: Scene,
    back: Grid,
) -> np.ndarray:  # (size, size), 0-1
    """Draw vertebral bodies, discs between them, a row of spinous processes."""
    body = chest.body
    a = abs(back.x)
    level = np.mod(back.y - body.apex, DISC_GAP) / DISC_GAP  # 0-1 within a vertebra
    off_middle = level - 0.5
    disc = 0.55 + 0.45 * step(0.36 - abs(off_middle), 0.2)
    vertebra = step(0.085 - a, 0.04) * disc
    process = bump((a / 0.028) ** 2 + (off_middle / 0.28) ** 2)
    below_dome = step(back.y - chest.floor + body.dome, 0.3)
    return (0.055 * vertebra + 0.03 * process) * (1 - 0.5 * below_dome)


def vessels(
    chest: Scene,
) -> np.ndarray:  # (size, size), 0-1
    """Draw the lungs' vascular trees, 0-1, from both hila; a patient keeps them."""
    rng = stream(chest.body.patient, 14)
    strokes: list[Stroke] = []
    for side in (-1, 1):
        angles = np.linspace(-1.4, 1.25, 10) + rng.uniform(-0.15, 0.15, 10)
        strokes += branches(
            rng=rng,
            side=side,
            angles=angles,
            length=0.58,
            width=0.026,
        )
    return polylines(chest, strokes)
