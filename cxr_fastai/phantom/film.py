"""The film: a chest with what it shows, exposed. (kind or findings, seed, patient) -> uint8 pixels.

Never reads a real radiograph, never stands for one: a phantom teaches a program its road, not
medicine.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np

from cxr_fastai.core import NIH_FINDINGS, UnknownName, UsageError, unknown_name
from cxr_fastai.phantom.chest import AGES, Scene, anatomy, scene, stance
from cxr_fastai.phantom.opacities import LARGE_HEART, OF_FINDING, OF_KIND, Opacity
from cxr_fastai.phantom.shadows import bones, heart_shadow, vessels
from cxr_fastai.phantom.shapes import (
    Film,
    Grid,
    Stroke,
    bump,
    clouds,
    ellipse,
    polylines,
    step,
    stream,
)

__all__ = ["CLASSES", "KINDS", "draw", "draw_findings", "expose"]

CLASSES = (
    "bacterial_pneumonia",
    "covid_19",
    "normal",
    "other_findings",
    "tuberculosis",
    "viral_pneumonia",
)
OTHER_FINDINGS = ("heart_effusion", "mass")  # the forms that other_findings takes
KINDS = (*CLASSES, *OTHER_FINDINGS)
# Strokes of the side marker, in half its height from its middle.
LETTER_L = ((0, -1), (0, 1), (1, 1))
LETTER_R = ((0, 1), (0, -1), (0.8, -0.9), (0.9, -0.4), (0, 0), (1, 1))
MIN_SIZE = 16  # pixels; below that not even a heart is left
FIRST_UNNAMED_PATIENT = 1_000_003  # a chest for each seed, far from patients that are named


@dataclass(frozen=True)
class Shown:
    """One thing that a film shows."""

    name: str
    opacity: Opacity
    rng: np.random.Generator  # its own stream, so that others do not move it


# ---- what is asked for


def draw(
    kind: str,  # one of KINDS; `other_findings` is a large heart with an effusion, or a mass
    seed: int,  # pose, exposure, noise and the opacity's place
    size: int = 256,  # width and height, pixels
    patient: int | None = None,  # the chest; None: one of its own for each `seed`
    age: str = "adult",  # one of AGES
) -> np.ndarray:  # (size, size) uint8, 0 = black
    """Draw a frontal chest radiograph.

    One `seed` keeps pose and exposure across kinds, so that only the disease differs. Raises
    `UnknownName` for another kind or age, `UsageError` for a size or number that is too small.
    """
    if kind not in KINDS:
        raise UnknownName(unknown_name("kind", kind, KINDS))
    _check(seed, size, patient, age)
    rng = stream(seed, 15, KINDS.index(kind))
    form = kind
    if kind == "other_findings":
        form = KINDS[-1 - rng.integers(2)]
    shown = Shown(name=form, opacity=OF_KIND[form], rng=rng)
    return _picture([shown], seed, size, patient, age)


def draw_findings(
    findings: Collection[str],  # several of core.NIH_FINDINGS; none: a normal chest
    seed: int,  # as for `draw`, and the rest too
    size: int = 256,
    patient: int | None = None,
    age: str = "adult",
) -> np.ndarray:  # (size, size) uint8, 0 = black
    """Draw a frontal chest radiograph that shows several findings at once.

    Raises as `draw` does.
    """
    for name in findings:
        if name not in OF_FINDING:
            raise UnknownName(unknown_name("finding", name, OF_FINDING))
    _check(seed, size, patient, age)
    shown = []
    for name in findings:
        rng = stream(seed, 20, NIH_FINDINGS.index(name))
        shown.append(Shown(name=name, opacity=OF_FINDING[name], rng=rng))
    return _picture(shown, seed, size, patient, age)


def _check(seed: int, size: int, patient: int | None, age: str) -> None:
    """Raise `UnknownName` or `UsageError` for what cannot be drawn."""
    if age not in AGES:
        raise UnknownName(unknown_name("age", age, AGES))
    if size < MIN_SIZE:
        raise UsageError(f"size is {size}: a phantom is at least {MIN_SIZE} pixels wide")
    if min(seed, patient or 0) < 0:
        raise UsageError(f"seed {seed}, patient {patient}: expected numbers from 0 on")


def _picture(
    shown: Sequence[Shown],
    seed: int,
    size: int,
    patient: int | None,
    age: str,
) -> np.ndarray:
    """Put a chest, what it shows and an exposure together."""
    body = anatomy(seed + FIRST_UNNAMED_PATIENT if patient is None else patient, age)
    for one in shown:
        if one.name in LARGE_HEART:
            body = replace(body, heart=body.heart * one.rng.uniform(1.22, 1.45))
    chest = scene(body, stance(seed, size))
    heart = heart_shadow(chest)
    air = chest.depth * (1 - 0.88 * heart)
    for one in shown:
        air = air * (1 - np.clip(one.opacity(chest, one.rng), 0, 1))
    return expose(chest, _brightness(chest, heart, air))


# ---- the chest on the film


def _brightness(
    chest: Scene,
    heart: np.ndarray,  # 0-1
    air: np.ndarray,  # 0-1, along the beam
) -> np.ndarray:  # (size, size), about 0-1
    """Add up soft tissue, less air, and heart, belly, vessels and bone: brightness unexposed."""
    body = _outline(chest)
    below_dome = step(chest.y - chest.under, 0.04)
    belly = below_dome * step(chest.wall + 0.05 - chest.a, 0.2)
    gas = 0.13 * _gut(chest) * belly
    film = _soft_tissue(chest, body, heart, belly) - gas
    film = film - 0.40 * air - _trachea(chest)
    tissue = stream(chest.body.patient, 16)
    fine = 0.03 * clouds(chest, tissue, 16)
    coarse = 0.025 * clouds(chest, tissue, 4) * body
    within_lung = 0.13 * vessels(chest) + 0.09 * _hila(chest) + fine
    film = film + air * within_lung + coarse
    seen_through = np.clip(1.45 - film * 1.25, 0.3, 1)
    skeleton = bones(chest) * body * (1 - 0.4 * belly)
    total: np.ndarray = film + skeleton * seen_through
    return total


def _trachea(
    chest: Scene,
) -> np.ndarray:  # (size, size), how much darker its air makes the film
    """Draw the windpipe, a dark band above the heart."""
    band = step(0.035 - abs(chest.x - 0.01), 0.03)
    above_heart = step(-0.28 - chest.y, 0.1)
    return 0.07 * band * above_heart


def _hila(
    chest: Scene,
) -> np.ndarray:  # (size, size), 0-1
    """Draw the roots of both lungs."""
    across = (chest.a - 0.20) / 0.13
    down = (chest.y + 0.06) / 0.20
    return bump(across**2 + down**2)


def _half_width(
    chest: Scene,
) -> np.ndarray:  # (size, size) half image widths
    """Give half the width of the trunk at each level."""
    width: np.ndarray = chest.body.trunk + 1.5 * np.clip(-0.05 - chest.y, 0, 1) ** 2
    return width


def _outline(
    chest: Scene,
) -> np.ndarray:  # (size, size), 0-1
    """Draw where the body is: trunk, shoulders and neck, 0-1."""
    body = chest.body
    top = body.shoulder + body.droop * np.clip(chest.a - body.neck, 0, 2)
    collar = body.neck + 2 * np.clip(chest.y - body.shoulder + 0.15, 0, 1) ** 2
    trunk = step(_half_width(chest) - chest.a, 0.05) * step(chest.y - top, 0.06)
    neck = step(collar - chest.a, 0.06)
    return np.maximum(trunk, neck)


def _soft_tissue(
    chest: Scene,
    body: np.ndarray,  # 0-1: where the body is
    heart: np.ndarray,
    belly: np.ndarray,
) -> np.ndarray:
    """Draw how much of the beam soft tissue holds back."""
    reach = (chest.a / (_half_width(chest) + 0.1)) ** 2
    thick = 0.40 + 0.16 * np.sqrt(np.clip(1 - reach, 0, 1)) + chest.body.fat
    mirrored = Grid(x=chest.a, y=chest.y)
    below_collar = np.clip(chest.y + 0.2, 0, 1)
    breast = (
        ellipse(
            mirrored,
            x=0.46,
            y=0.16,
            rx=0.30,
            ry=0.28,
            soft=0.06,
        )
        * below_collar
    )
    organs = np.maximum(0.12 * heart, 0.11 * belly)
    breasts = max(chest.body.breast, 0) * breast * (1 - heart) * (1 - belly)
    tissue: np.ndarray = body * (thick + organs + breasts)
    return tissue


def _gut(
    chest: Scene,
) -> np.ndarray:  # (size, size), 0-1
    """Draw gas under the patient's left dome, in about half of the people."""
    rng = stream(chest.seed, 17)
    x = rng.uniform(0.30, 0.45)
    y = chest.floor - chest.body.dome + rng.uniform(0.12, 0.16)
    radius = rng.uniform(0.06, 0.11)
    visible = rng.random() < 0.5
    return visible * ellipse(
        chest,
        x=x,
        y=y,
        rx=radius * 1.4,
        ry=radius,
        soft=0.05,
    )


# ---- the exposure


def expose(
    film: Film,
    brightness: np.ndarray,  # (size, size), about 0-1
) -> np.ndarray:  # (size, size) uint8
    """Add exposure, tone, tilt of the light, a side marker and grain; round to grey values."""
    rng = stream(film.seed, 18)
    gain = rng.uniform(0.95, 1.25)
    black = rng.uniform(-0.05, 0.10)
    tone = rng.uniform(-0.35, 0.45)
    tilt_x, tilt_y = rng.uniform(-0.06, 0.06, 2)
    grain = rng.uniform(0.010, 0.028)
    v = brightness * gain + black + tilt_x * film.x + tilt_y * film.y
    v = np.clip(v + 0.02 * clouds(film, rng, 3), 0, 1)
    v = v + tone * v * (1 - v)  # a gamma of about .7 to 1.4, without a power
    v = v + (0.97 - v) * _marker(film, rng) + grain * rng.standard_normal(v.shape)
    # rounded twice: a last-bit difference between platforms cannot tip a pixel
    levels = np.round(np.clip(v, 0, 1) * 255, 6)
    return np.floor(levels + 0.5).astype(np.uint8)


def _marker(
    film: Film,
    rng: np.random.Generator,
) -> np.ndarray:  # (size, size), 0-1
    """Draw what lies on the film: a letter beside a shoulder, now and then a lead.

    R lies beside the patient's right shoulder, L beside the left.
    """
    left = rng.random() < 0.4
    lettered = rng.random() < 0.7
    wired = rng.random() < 0.15
    letter = _letter(rng, left)
    lead = _lead(rng)
    strokes: list[Stroke] = []
    if lettered:
        strokes.append(letter)
    if wired:
        strokes.append(lead)
    return polylines(film, strokes)


def _letter(
    rng: np.random.Generator,
    left: bool,
) -> Stroke:
    """Place the letter of a side."""
    side = 1 if left else -1
    x0 = rng.uniform(0.74, 0.84) * side
    y0 = rng.uniform(-0.88, -0.6)
    height = rng.uniform(0.05, 0.08)
    x, y = np.array(LETTER_L if left else LETTER_R).T
    return x0 + height * x * 0.8, y0 + height * y, height * 0.36


def _lead(
    rng: np.random.Generator,
) -> Stroke:
    """Let a wire run down from the upper edge."""
    along = np.linspace(0, 1, 12)
    x = rng.uniform(-0.5, 0.5) + rng.uniform(-0.6, 0.6) * along + 0.2 * along**2
    y = -1 + rng.uniform(0.8, 1.8) * along
    return x, y, 0.012
