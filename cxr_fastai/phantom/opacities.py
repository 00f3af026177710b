"""What diseases show in the lungs. (Scene, random stream) -> the share of air that is filled, 0-1.

Forms that a network can tell apart, set by eye; a phantom teaches a program its road, not medicine.
Never reads a real radiograph, touches no file.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from cxr_fastai.phantom.chest import Scene, place
from cxr_fastai.phantom.shapes import Stroke, branches, bump, clouds, ellipse, polylines, step

__all__ = ["LARGE_HEART", "OF_FINDING", "OF_KIND", "Opacity"]

Opacity = Callable[[Scene, np.random.Generator], np.ndarray]
SIDES = (-1, 1)  # of the image: left, right


def _nothing(
    chest: Scene,
    rng: np.random.Generator,  # of this disease alone
) -> np.ndarray:  # (size, size) share of air that is filled, 0-1
    """Fill nothing: healthy lungs."""
    return np.zeros((chest.size, chest.size))


def _lobe(
    chest: Scene,
    rng: np.random.Generator,  # of this disease alone
) -> np.ndarray:  # (size, size) share of air that is filled, 0-1
    """Fill one dense lobe in one lung: bacterial pneumonia.

    It ends sharply at a fissure and has air-filled bronchi within.
    """
    side = rng.choice(SIDES)
    above = rng.random() < 0.45
    level = rng.uniform(0.42, 0.56)
    tilt = rng.uniform(-0.15, 0.25)
    past = chest.t - level - tilt * (chest.u - 0.5)  # depth beyond the fissure, in lung heights
    if above:
        past = -past
    reach = rng.uniform(0.30, 0.55)
    ragged = 0.07 * clouds(chest, rng, 6)
    patch = step(past, 0.03) * step(reach - past + ragged, 0.28) * (chest.side == side)
    angles = rng.uniform(-1.2, 1.2, 6)
    bronchi = polylines(
        chest,
        branches(
            rng=rng,
            side=side,
            angles=angles,
            length=0.5,
            width=0.022,
            twigs=0,
        ),
    )
    density = rng.uniform(0.45, 0.9)
    grain = 0.88 + 0.12 * clouds(chest, rng, 10)
    return density * patch * grain * (1 - 0.35 * bronchi)


def _streaks(
    chest: Scene,
    rng: np.random.Generator,  # of this disease alone
) -> np.ndarray:  # (size, size) share of air that is filled, 0-1
    """Draw streaks and haze around both hila: viral pneumonia."""
    strokes: list[Stroke] = []
    haze = np.zeros((chest.size, chest.size))
    for side in SIDES:
        angles = np.linspace(-1.4, 1.3, 18) + rng.uniform(-0.1, 0.1, 18)
        strokes += branches(
            rng=rng,
            side=side,
            angles=angles,
            length=rng.uniform(0.36, 0.5),
            width=0.034,
        )
        across = (chest.x - side * 0.2) / 0.42
        down = (chest.y + 0.02) / 0.55
        haze = haze + rng.uniform(0.8, 1) * bump(across**2 + down**2)
    near_heart = bump((np.clip(chest.u, 0, 2) / 1.25) ** 2)
    patchy = 0.8 + 0.5 * clouds(chest, rng, 9)
    density = rng.uniform(0.5, 1)
    streaks = 0.42 * polylines(chest, strokes) * near_heart * patchy
    return density * (streaks + 0.30 * haze * patchy)


def _ground_glass(
    chest: Scene,
    rng: np.random.Generator,  # of this disease alone
) -> np.ndarray:  # (size, size) share of air that is filled, 0-1
    """Lay several hazy patches at the rim of both lungs, most of them low: COVID-19."""
    filled = _nothing(chest, rng)
    for side in SIDES:
        for _ in range(rng.integers(2, 5)):
            filled = np.maximum(filled, _hazy_patch(chest, rng, side))
    return filled * (0.85 + 0.15 * clouds(chest, rng, 24))


def _hazy_patch(
    chest: Scene,
    rng: np.random.Generator,  # of this disease alone
    side: int,  # -1 the image's left, 1 its right
) -> np.ndarray:  # (size, size) share of air that is filled, 0-1
    """Draw one hazy patch that is bent out of round."""
    u = rng.uniform(0.68, 1.0)
    t = rng.uniform(0.42, 0.88)
    radius = rng.uniform(0.12, 0.22)
    warp = 1 + 0.45 * clouds(chest, rng, 8)
    across = (chest.u - u) * 0.5 / radius
    down = (chest.t - t) * 1.1 / radius
    spot = bump((across**2 + down**2) * warp) * (chest.side == side)
    density = rng.uniform(0.28, 0.62)
    return density * np.sqrt(spot)


def _apical(
    chest: Scene,
    rng: np.random.Generator,  # of this disease alone
) -> np.ndarray:  # (size, size) share of air that is filled, 0-1
    """Scatter nodules in the upper zones, most often with a cavity: tuberculosis."""
    one_sided = rng.random() < 0.55
    sides = [rng.choice(SIDES)] if one_sided else list(SIDES)
    filled = _nothing(chest, rng)
    for side in sides:
        for _ in range(rng.integers(7, 15)):
            filled = np.maximum(filled, _nodule_of_many(chest, rng, side))
        angles = rng.uniform(-1.5, -0.7, 7)
        strokes = branches(
            rng=rng,
            side=side,
            angles=angles,
            length=0.5,
            width=0.018,
            twigs=0,
        )
        strands = 0.35 * polylines(chest, strokes) * step(0.45 - chest.t, 0.2)
        filled = np.maximum(filled, strands)
    ragged = 1 + 0.3 * clouds(chest, rng, 22)
    if rng.random() < 0.65:
        filled = _with_cavity(chest, rng, sides[0], filled)
    return filled * ragged


def _nodule_of_many(
    chest: Scene,
    rng: np.random.Generator,  # of this disease alone
    side: int,  # -1 the image's left, 1 its right
) -> np.ndarray:  # (size, size) share of air that is filled, 0-1
    """Draw one soft nodule of the upper zone."""
    x, y = place(
        chest,
        side=side,
        u=rng.uniform(0.15, 0.9),
        t=rng.uniform(0.06, 0.40),
    )
    density = rng.uniform(0.25, 0.65)
    rx, ry = rng.uniform(0.025, 0.06, 2)
    return density * ellipse(
        chest,
        x=x,
        y=y,
        rx=rx,
        ry=ry,
        soft=0.055,
    )


def _with_cavity(
    chest: Scene,
    rng: np.random.Generator,  # of this disease alone
    side: int,  # -1 the image's left, 1 its right
    filled: np.ndarray,  # by the rest of the disease
) -> np.ndarray:  # (size, size), 0-1
    """Add a cavity: a ring around a dark middle."""
    x, y = place(
        chest,
        side=side,
        u=rng.uniform(0.3, 0.7),
        t=rng.uniform(0.15, 0.33),
    )
    radius = rng.uniform(0.07, 0.12)
    distance = np.sqrt((chest.x - x) ** 2 + (chest.y - y) ** 2)
    ragged = distance * (1 + 0.12 * clouds(chest, rng, 12))
    wall = rng.uniform(0.40, 0.70) * step(radius - ragged, 0.05)
    hollow = 1 - 0.9 * step(radius * 0.62 - ragged, 0.05)
    return np.maximum(filled, wall) * hollow


def _effusion(
    chest: Scene,
    rng: np.random.Generator,  # of this disease alone
) -> np.ndarray:  # (size, size) share of air that is filled, 0-1
    """Fill one or both bases with fluid that climbs at the ribs."""
    filled = _nothing(chest, rng)
    for side in rng.choice(SIDES, rng.integers(1, 3), replace=False):
        level = rng.uniform(0.58, 0.80)
        top = chest.t - level + rng.uniform(0.12, 0.30) * np.clip(chest.u, 0, 1) ** 3
        density = rng.uniform(0.8, 0.97)
        filled = np.maximum(filled, density * step(top, 0.05) * (chest.side == side))
    return filled


def _mass(
    chest: Scene,
    rng: np.random.Generator,  # of this disease alone
) -> np.ndarray:  # (size, size) share of air that is filled, 0-1
    """Draw one round mass with a clear edge."""
    return _round(chest, rng, 0.085, 0.16)


def _nodule(
    chest: Scene,
    rng: np.random.Generator,  # of this disease alone
) -> np.ndarray:  # (size, size) share of air that is filled, 0-1
    """Draw a mass that is small."""
    return _round(chest, rng, 0.045, 0.075)


def _round(
    chest: Scene,
    rng: np.random.Generator,
    min_radius: float,  # half image widths
    max_radius: float,
) -> np.ndarray:
    """Draw one round opacity with a clear edge."""
    side = rng.choice(SIDES)
    x, y = place(
        chest,
        side=side,
        u=rng.uniform(0.3, 0.75),
        t=rng.uniform(0.28, 0.66),
    )
    radius = rng.uniform(min_radius, max_radius)
    density = rng.uniform(0.55, 0.9)
    return density * ellipse(
        chest,
        x=x,
        y=y,
        rx=radius,
        ry=radius * rng.uniform(0.85, 1.1),
        soft=0.03,
    )


OF_KIND: dict[str, Opacity] = {
    "bacterial_pneumonia": _lobe,
    "covid_19": _ground_glass,
    "normal": _nothing,
    "tuberculosis": _apical,
    "viral_pneumonia": _streaks,
    "heart_effusion": _effusion,
    "mass": _mass,
}
# Each of NIH's findings by the nearest of these forms: what a network can see, not what a reader
# would look for.
OF_FINDING: dict[str, Opacity] = {
    "atelectasis": _lobe,
    "cardiomegaly": _nothing,
    "consolidation": _lobe,
    "edema": _streaks,
    "effusion": _effusion,
    "emphysema": _ground_glass,
    "fibrosis": _apical,
    "hernia": _mass,
    "infiltration": _streaks,
    "mass": _mass,
    "nodule": _nodule,
    "pleural_thickening": _ground_glass,
    "pneumonia": _lobe,
    "pneumothorax": _apical,
}
LARGE_HEART = ("heart_effusion", "cardiomegaly")  # kinds and findings that come with one
