"""The film: what the classes and findings show within a chest, and how it is exposed. (kind, seed, patient) -> uint8
pixels; never reads a real radiograph, never stands for one: a phantom teaches a program its road, not medicine.
"""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from cxr_fastai.core import NIH_FINDINGS, UnknownName, UsageError, unknown_name
from cxr_fastai.phantom.chest import (
    AGES,
    anatomy,
    bones,
    branches,
    bump,
    clouds,
    ellipse,
    heart_shadow,
    place,
    polylines,
    scene,
    stance,
    step,
    stream,
    vessels,
)

CLASSES = (
    "bacterial_pneumonia",
    "covid_19",
    "normal",
    "other_findings",
    "tuberculosis",
    "viral_pneumonia",
)
KINDS = (*CLASSES, "heart_effusion", "mass")  # the last two are the forms that other_findings takes
LEAST_SIZE = 16  # pixels; below that not even a heart is left


# ---- what the classes show: (scene, rng) -> the share of air that is filled, 0..1


def _nothing(s, rng):
    return np.zeros((s.size, s.size))


def _lobe(s, rng):
    """Bacterial: one dense lobe in one lung, ending sharply at a fissure, with air-filled bronchi within."""
    side, above = rng.choice([-1, 1]), rng.random() < 0.45
    level, tilt = rng.uniform(0.42, 0.56), rng.uniform(-0.15, 0.25)
    past = s.t - level - tilt * (s.u - 0.5)  # depth beyond the fissure, in lung heights
    past = -past if above else past
    reach = rng.uniform(0.30, 0.55)
    patch = (
        step(past, 0.03) * step(reach - past + 0.07 * clouds(s, rng, 6), 0.28) * (s.side == side)
    )
    bronchi = polylines(s, branches(rng, side, rng.uniform(-1.2, 1.2, 6), 0.5, 0.022, twigs=0))
    return (
        rng.uniform(0.45, 0.9) * patch * (0.88 + 0.12 * clouds(s, rng, 10)) * (1 - 0.35 * bronchi)
    )


def _streaks(s, rng):
    """Viral: streaks and haze around both hila."""
    strokes, haze = [], 0
    for side in (-1, 1):
        angles = np.linspace(-1.4, 1.3, 18) + rng.uniform(-0.1, 0.1, 18)
        strokes += branches(rng, side, angles, rng.uniform(0.36, 0.5), 0.034)
        haze = haze + rng.uniform(0.8, 1) * bump(
            ((s.x - side * 0.2) / 0.42) ** 2 + ((s.y + 0.02) / 0.55) ** 2
        )
    near = bump((np.clip(s.u, 0, 2) / 1.25) ** 2)
    patchy = 0.8 + 0.5 * clouds(s, rng, 9)
    return rng.uniform(0.5, 1) * (
        0.42 * polylines(s, strokes) * near * patchy + 0.30 * haze * patchy
    )


def _ground_glass(s, rng):
    """COVID-19: several hazy patches at the rim of both lungs, most of them low."""
    out = _nothing(s, rng)
    for side in (-1, 1):
        for _ in range(rng.integers(2, 5)):
            u, t, r = rng.uniform(0.68, 1.0), rng.uniform(0.42, 0.88), rng.uniform(0.12, 0.22)
            warp = 1 + 0.45 * clouds(s, rng, 8)
            spot = bump((((s.u - u) * 0.5 / r) ** 2 + ((s.t - t) * 1.1 / r) ** 2) * warp) * (
                s.side == side
            )
            out = np.maximum(out, rng.uniform(0.28, 0.62) * np.sqrt(spot))
    return out * (0.85 + 0.15 * clouds(s, rng, 24))


def _apical(s, rng):
    """Tuberculosis: nodules in the upper zones, most often with a cavity: a ring around a dark middle."""
    sides, out = ([rng.choice([-1, 1])] if rng.random() < 0.55 else [-1, 1]), _nothing(s, rng)
    for side in sides:
        for _ in range(rng.integers(7, 15)):
            x, y = place(s, side, rng.uniform(0.15, 0.9), rng.uniform(0.06, 0.40))
            out = np.maximum(
                out, rng.uniform(0.25, 0.65) * ellipse(s, x, y, *rng.uniform(0.025, 0.06, 2), 0.055)
            )
        strokes = branches(rng, side, rng.uniform(-1.5, -0.7, 7), 0.5, 0.018, twigs=0)
        out = np.maximum(out, 0.35 * polylines(s, strokes) * step(0.45 - s.t, 0.2))
    ragged = 1 + 0.3 * clouds(s, rng, 22)
    if rng.random() < 0.65:
        (x, y), r = (
            place(s, sides[0], rng.uniform(0.3, 0.7), rng.uniform(0.15, 0.33)),
            rng.uniform(0.07, 0.12),
        )
        far = np.sqrt((s.x - x) ** 2 + (s.y - y) ** 2) * (1 + 0.12 * clouds(s, rng, 12))
        wall = rng.uniform(0.40, 0.70) * step(r - far, 0.05)
        out = np.maximum(out, wall) * (1 - 0.9 * step(r * 0.62 - far, 0.05))
    return out * ragged


def _effusion(s, rng):
    """Fluid that fills one or both bases and climbs at the ribs; drawn with a heart that is too large."""
    out = _nothing(s, rng)
    for side in rng.choice([-1, 1], rng.integers(1, 3), replace=False):
        level = rng.uniform(0.58, 0.80)
        top = s.t - level + rng.uniform(0.12, 0.30) * np.clip(s.u, 0, 1) ** 3
        out = np.maximum(out, rng.uniform(0.8, 0.97) * step(top, 0.05) * (s.side == side))
    return out


def _mass(s, rng, least=0.085, most=0.16):
    """One round mass with a clear edge."""
    x, y = place(s, rng.choice([-1, 1]), rng.uniform(0.3, 0.75), rng.uniform(0.28, 0.66))
    r = rng.uniform(least, most)
    return rng.uniform(0.55, 0.9) * ellipse(s, x, y, r, r * rng.uniform(0.85, 1.1), 0.03)


def _nodule(s, rng):
    return _mass(s, rng, 0.045, 0.075)


OPACITIES = {
    "bacterial_pneumonia": _lobe,
    "covid_19": _ground_glass,
    "normal": _nothing,
    "tuberculosis": _apical,
    "viral_pneumonia": _streaks,
    "heart_effusion": _effusion,
    "mass": _mass,
}
# Each of NIH's findings by the nearest of these forms: what a network can see, not what a reader would look for.
LIKE = {
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
LARGE_HEART = ("heart_effusion", "cardiomegaly")


# ---- the film


def draw(
    kind: str,  # one of KINDS; `other_findings` is a large heart with an effusion, or a mass
    seed: int,  # pose, exposure, noise and the opacity's place
    size: int = 256,  # width and height, pixels
    patient: int | None = None,  # the chest; None: one of its own for each `seed`
    age: str = "adult",  # one of AGES
) -> np.ndarray:  # (size, size) uint8, 0 = black
    """A frontal chest radiograph. One `seed` keeps pose and exposure across kinds, so that only the disease differs."""
    if kind not in KINDS:
        raise UnknownName(unknown_name("kind", kind, KINDS))
    _check(seed, size, patient, age)
    rng = stream(seed, 15, KINDS.index(kind))
    form = KINDS[-1 - rng.integers(2)] if kind == "other_findings" else kind
    return _picture([(form, OPACITIES[form], rng)], seed, size, patient, age)


def draw_findings(
    findings,  # several of core.NIH_FINDINGS; none: a normal chest
    seed: int,  # as for `draw`, and the rest too
    size: int = 256,
    patient: int | None = None,
    age: str = "adult",
) -> np.ndarray:  # (size, size) uint8, 0 = black
    """A frontal chest radiograph that shows several findings at once."""
    for f in findings:
        if f not in LIKE:
            raise UnknownName(unknown_name("finding", f, LIKE))
    _check(seed, size, patient, age)
    shown = [(f, LIKE[f], stream(seed, 20, NIH_FINDINGS.index(f))) for f in findings]
    return _picture(shown, seed, size, patient, age)


def _check(seed: int, size: int, patient: int | None, age: str):
    if age not in AGES:
        raise UnknownName(unknown_name("age", age, AGES))
    if size < LEAST_SIZE:
        raise UsageError(f"size is {size}: a phantom is at least {LEAST_SIZE} pixels wide")
    if min(seed, patient or 0) < 0:
        raise UsageError(f"seed {seed}, patient {patient}: expected numbers from 0 on")


def _picture(
    shown,  # (name, opacity, its random stream), each one thing that the film shows
    seed: int,
    size: int,
    patient: int | None,
    age: str,
) -> np.ndarray:
    body = anatomy(seed + 1_000_003 if patient is None else patient, age)
    for name, _, rng in shown:
        if name in LARGE_HEART:
            body.heart *= rng.uniform(1.22, 1.45)
    s = scene(body, stance(seed, size))
    heart = heart_shadow(s)
    air = s.depth * (1 - 0.88 * heart)
    for _, opacity, rng in shown:
        air = air * (1 - np.clip(opacity(s, rng), 0, 1))
    return expose(s, _film(s, heart, air))


def _film(s, heart, air) -> np.ndarray:
    """Brightness before exposure: soft tissue, less air, plus heart, belly, vessels and bone."""
    side = s.trunk + 1.5 * np.clip(-0.05 - s.y, 0, 1) ** 2
    top = s.shoulder + s.droop * np.clip(s.a - s.neck, 0, 2)
    collar = s.neck + 2 * np.clip(s.y - s.shoulder + 0.15, 0, 1) ** 2
    body = np.maximum(step(side - s.a, 0.05) * step(s.y - top, 0.06), step(collar - s.a, 0.06))
    thick = 0.40 + 0.16 * np.sqrt(np.clip(1 - (s.a / (side + 0.1)) ** 2, 0, 1)) + s.fat
    breast = ellipse(SimpleNamespace(x=s.a, y=s.y), 0.46, 0.16, 0.30, 0.28, 0.06) * np.clip(
        s.y + 0.2, 0, 1
    )
    belly = step(s.y - s.under, 0.04) * step(s.wall + 0.05 - s.a, 0.2)
    gas = 0.13 * _gut(s) * belly
    film = (
        body
        * (
            thick
            + np.maximum(0.12 * heart, 0.11 * belly)
            + max(s.breast, 0) * breast * (1 - heart) * (1 - belly)
        )
        - gas
    )
    film = film - 0.40 * air - 0.07 * step(0.035 - abs(s.x - 0.01), 0.03) * step(-0.28 - s.y, 0.1)
    hila = bump(((s.a - 0.20) / 0.13) ** 2 + ((s.y + 0.06) / 0.20) ** 2)
    blood, tissue = vessels(s), stream(s.patient, 16)
    film = (
        film
        + air * (0.13 * blood + 0.09 * hila + 0.03 * clouds(s, tissue, 16))
        + 0.025 * clouds(s, tissue, 4) * body
    )
    return film + bones(s) * body * (1 - 0.4 * belly) * np.clip(1.45 - film * 1.25, 0.3, 1)


def _gut(s) -> np.ndarray:
    """Gas under the patient's left dome, in about half of the people."""
    rng = stream(s.seed, 17)
    x, y, r = (
        rng.uniform(0.30, 0.45),
        s.floor - s.dome + rng.uniform(0.12, 0.16),
        rng.uniform(0.06, 0.11),
    )
    return (rng.random() < 0.5) * ellipse(s, x, y, r * 1.4, r, 0.05)


def expose(s, film) -> np.ndarray:
    """Exposure, tone, tilt of the light, a side marker, grain; then whole grey values."""
    rng = stream(s.seed, 18)
    gain, black, tone = rng.uniform(0.95, 1.25), rng.uniform(-0.05, 0.10), rng.uniform(-0.35, 0.45)
    tilt, grain = rng.uniform(-0.06, 0.06, 2), rng.uniform(0.010, 0.028)
    v = film * gain + black + tilt[0] * s.x + tilt[1] * s.y
    v = np.clip(v + 0.02 * clouds(s, rng, 3), 0, 1)
    v = v + tone * v * (1 - v)  # a gamma of about .7 to 1.4, without a power
    v = v + (0.97 - v) * _marker(s, rng) + grain * rng.standard_normal(v.shape)
    # rounded twice: a last-bit difference between platforms cannot tip a pixel
    return np.floor(np.round(np.clip(v, 0, 1) * 255, 6) + 0.5).astype(np.uint8)


def _marker(s, rng) -> np.ndarray:
    """What lies on the film: the letter R beside the patient's right shoulder or L beside the left, now and then a lead."""
    left, lettered, wired = rng.random() < 0.4, rng.random() < 0.7, rng.random() < 0.15
    x0, y0, h = (
        rng.uniform(0.74, 0.84) * (1 if left else -1),
        rng.uniform(-0.88, -0.6),
        rng.uniform(0.05, 0.08),
    )
    outline = (
        [(0, -1), (0, 1), (1, 1)]
        if left
        else [(0, 1), (0, -1), (0.8, -0.9), (0.9, -0.4), (0, 0), (1, 1)]
    )
    x, y = np.array(outline).T
    letter = (x0 + h * x * 0.8, y0 + h * y, h * 0.36)
    at = np.linspace(0, 1, 12)
    lead = (
        rng.uniform(-0.5, 0.5) + rng.uniform(-0.6, 0.6) * at + 0.2 * at**2,
        -1 + rng.uniform(0.8, 1.8) * at,
        0.012,
    )
    return polylines(s, [letter] * lettered + [lead] * wired)
