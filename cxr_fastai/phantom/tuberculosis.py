"""Shenzhen, Montgomery, both once more as kmader has them, Belarus, the TB database.

(Mirror, n, size, seed) -> files laid out as the sources have them, and a list of `Drawn`.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from cxr_fastai.phantom.chest import anatomy, scene, stance
from cxr_fastai.phantom.film import draw
from cxr_fastai.phantom.mirror import Mirror, Picture, in_reversed_palette
from cxr_fastai.phantom.people import Drawn, first_drawing
from cxr_fastai.phantom.shares import shares

__all__ = ["belarus", "kmader", "montgomery", "shenzhen", "tb_database"]

KINDS = ("normal", "tuberculosis")  # by what the file's name ends in
# Ages and sexes as the real readings have them, with their typing errors.
READINGS = (
    "male {}yrs",
    "female {}yrs",
    "femal {}yrs",
    "male{}yrs",
    "Female,{}yrs",
    "male {}months",
    "female {}days",
)
SHENZHEN_COUNTS = (
    326,
    336,
)  # of the real one: healthy, sick; its numbers go on from one to the other
MONTGOMERY_COUNTS = (80, 58)
KMADER_COUNTS = (662, 138)  # Shenzhen's, Montgomery's
TB_DATABASE_COUNTS = (3500, 700)  # normals, tuberculosis
CT_NUMBER = 355  # of tuberculosis in the database
BOXED_EVERY = 4  # films of tuberculosis there: one has a name hidden
# Montgomery's numbers: people who have several, as NLM says of the first two, one film that is
# lordotic. Shenzhen's: the one who looks as if they had two.
SAME_PERSON = {
    117: 113,
    166: 162,
    170: 162,
    53: 52,
    90: 89,
    311: 309,
    316: 313,
}
SHENZHENS_SAME_PERSON = {605: 477}
SEVERAL_NUMBERS = (113, 117, 162, 166, 170)
LORDOTIC = 251
OTHER_SEX = 5  # the number whose sex is given as O

Crop = tuple[slice, slice]


# ---- Shenzhen


def shenzhen(
    mirror: Mirror,
    n: int,  # images
    size: int,  # width and height, pixels
    seed: int,
    top: str = "ChinaSet_AllFiles",
) -> list[Drawn]:
    """Fill palette PNGs, a few in colour, and a text beside each."""
    base = first_drawing(seed, "shenzhen")
    drawn = []
    for sick, count in enumerate(shares(n, SHENZHEN_COUNTS)):
        first = 1 + SHENZHEN_COUNTS[0] * sick
        for number in range(first, first + count):
            stem = f"CHNCXR_{number:04d}_{sick}"
            person = SHENZHENS_SAME_PERSON.get(number, number)
            film = draw(
                KINDS[sick],
                seed=base + number,
                size=size,
                patient=base + person,
            )
            path = mirror.image(f"{top}/CXR_png/{stem}.png", _as_stored(film, number))
            mirror.text(f"{top}/ClinicalReadings/{stem}.txt", _reading(number, sick))
            drawn.append(
                Drawn(
                    path=path,
                    label=str(sick),
                    person=f"{person:04d}",
                )
            )
    mirror.text(f"{top}/shenzhen_consensus_roi.csv", "File,Annotations\n")
    return drawn


def _as_stored(
    film: np.ndarray,  # (size, size) uint8
    number: int,  # of the film
) -> Picture:
    """Store a film as Shenzhen does: through a palette, every twentieth in colour."""
    if number % 20 == 3:
        return Image.fromarray(film).convert("RGB")
    return in_reversed_palette(film)


def _reading(
    number: int,  # of the film
    sick: int,  # 1 or 0
) -> str:
    """Write the clinical reading of a film."""
    patient = READINGS[number % len(READINGS)].format(8 + number % 60)
    finding = "bilateral PTB" if sick else "normal"
    return f"{patient}\n{finding}\n"


# ---- Montgomery


def montgomery(
    mirror: Mirror,
    n: int,  # images
    size: int,  # width and height, pixels
    seed: int,
    top: str = "MontgomerySet",
) -> list[Drawn]:
    """Fill upright and lying films, lung masks, texts.

    Two people have several numbers, one film is lordotic.
    """
    base = first_drawing(seed, "montgomery")
    drawn = []
    for number, ill in _montgomerys_numbers(n):
        stem = f"MCUCXR_{number:04d}_{ill}"
        person = SAME_PERSON.get(number, number)
        film = draw(
            KINDS[ill],
            seed=base + number,
            size=size,
            patient=base + person,
        )
        crop = _crop(number, size)
        path = mirror.image(f"{top}/CXR_png/{stem}.png", film[crop])
        lungs = _lung_masks(base + number, base + person, size)
        for side, mask in lungs.items():
            mirror.image(f"{top}/ManualMask/{side}/{stem}.png", Image.fromarray(mask[crop]))
        text = _montgomerys_text(number, person, ill)
        mirror.text(f"{top}/ClinicalReadings/{stem}.txt", text)
        why_not = "view" if number == LORDOTIC else ""
        drawn.append(
            Drawn(
                path=path,
                label=str(ill),
                person=f"{person:04d}",
                why_not=why_not,
            )
        )
    return drawn


def _montgomerys_numbers(n: int) -> list[tuple[int, int]]:
    """List the numbers of `n` films, each with 1 where the person is ill."""
    n_well, n_ill = shares(n, MONTGOMERY_COUNTS)
    well = [*SEVERAL_NUMBERS, *range(1, 100)]
    ill = [LORDOTIC, *range(301, 400)]
    numbers = [(number, 0) for number in well[:n_well]]
    numbers += [(number, 1) for number in ill[:n_ill]]
    return numbers


def _crop(
    number: int,  # of the film
    size: int,  # width and height, pixels
) -> Crop:
    """Cut a film to the real ones' shapes: 4020 x 4892 or 4892 x 4020."""
    if number % 10 < 7:
        rim = size // 11
        return np.s_[:, rim:-rim]
    return np.s_[: -(size // 6), :]


def _lung_masks(
    seed: int,  # of the exposure
    patient: int,
    size: int,
) -> dict[str, np.ndarray]:  # (size, size) bool, by folder
    """Draw where the lungs lie; left and right are the image's."""
    chest = scene(anatomy(patient, "adult"), stance(seed, size))
    lung = chest.lung > 0.5
    return {"leftMask": lung & (chest.x < 0), "rightMask": lung & (chest.x >= 0)}


def _montgomerys_text(
    number: int,  # of the film
    person: int,
    ill: int,  # 1 or 0
) -> str:
    """Write the clinical reading of a film."""
    sex = "O" if number == OTHER_SEX else "FM"[person % 2]
    finding = "TB, cavitary" if ill else "normal"
    return f"Patient's Sex: {sex}\nPatient's Age: {20 + number % 60:03d}Y\n{finding}\n"


# ---- others


def kmader(
    mirror: Mirror,
    n: int,  # images
    size: int,  # width and height, pixels
    seed: int,
) -> list[Drawn]:
    """Fill both sets of the National Library of Medicine, each below a folder that stands twice."""
    china, county = shares(n, KMADER_COUNTS)
    shenzhens = shenzhen(mirror, china, size, seed, "ChinaSet_AllFiles/ChinaSet_AllFiles")
    montgomerys = montgomery(mirror, county, size, seed, "Montgomery/MontgomerySet")
    return shenzhens + montgomerys


def belarus(
    mirror: Mirror,
    n: int,  # images
    size: int,  # width and height, pixels
    seed: int,
) -> list[Drawn]:
    """Fill one flat folder with tuberculosis only: the middles of larger films."""
    base = first_drawing(seed, "belarus")
    edge = size // 12
    drawn = []
    for i in range(1, n + 1):
        film = draw(
            "tuberculosis",
            seed=base + i,
            size=size + 2 * edge,
            patient=base + i,
        )
        path = mirror.image(f"belarus/{i}.png", film[edge:-edge, edge:-edge])
        drawn.append(
            Drawn(
                path=path,
                label="tuberculosis",
                person=str(i),
            )
        )
    return drawn


def tb_database(
    mirror: Mirror,
    n: int,  # images
    size: int,  # width and height, pixels
    seed: int,
) -> list[Drawn]:
    """Fill a folder a class, with a white box over a name in films of tuberculosis.

    One number is a slice of a CT in the real one. Nothing tells who is drawn.
    """
    base = first_drawing(seed, "tb_database")
    n_well, n_ill = shares(n, TB_DATABASE_COUNTS)
    top = "TB_Chest_Radiography_Database"
    drawn = []
    for i in range(1, n_well + 1):
        film = draw("normal", seed=base + i, size=size, patient=base + i)
        path = mirror.image(f"{top}/Normal/Normal-{i}.png", film)
        drawn.append(Drawn(path=path, label="Normal", person=f"normal {i}"))
    for i in [CT_NUMBER, *range(1, n_ill)]:
        own = base + TB_DATABASE_COUNTS[0] + i
        film = draw("tuberculosis", seed=own, size=size, patient=own)
        if i % BOXED_EVERY == 1:
            film[: size // 12, size // 3 : size // 2] = 255
        path = mirror.image(f"{top}/Tuberculosis/Tuberculosis-{i}.png", film)
        why_not = "modality" if i == CT_NUMBER else ""
        drawn.append(
            Drawn(
                path=path,
                label="Tuberculosis",
                person=f"tuberculosis {i}",
                why_not=why_not,
            )
        )
    return drawn
