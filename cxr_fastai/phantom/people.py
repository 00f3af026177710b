"""Who is drawn: how images are dealt to patients, and how people and drawings are numbered.

Numbers in, numbers out. Two sources of one family hold the same people; two families, or two seeds,
never come near each other.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["IMAGES_EACH", "Drawn", "Visit", "first_drawing", "visits"]

# How many images a patient has, in turn; the second of five is in the official test folder.
IMAGES_EACH = (2, 2, 1, 3, 4)
# Of sources that share radiographs.
FAMILIES = (
    "kermany",
    "radiography",
    "shenzhen",
    "montgomery",
    "belarus",
    "nih",
    "tb_database",
)
NUMBERS_A_SEED = 10**8
NUMBERS_A_FAMILY = 10**6


@dataclass(frozen=True)
class Visit:
    """One image of a patient."""

    patient: int  # from 0
    image: int  # of this patient, from 0


@dataclass(frozen=True)
class Drawn:
    """A drawn image, and what its source says of it."""

    path: str  # in the source, as manifest.csv's original_path
    label: str  # the source's own words, as manifest.csv's source_label
    person: str  # who was drawn: images of one share it, whatever the source says of patients
    test: bool = False  # in the official test set
    why_not: str = ""  # what a curation leaves it out for: view | modality


def visits(n: int) -> Iterator[Visit]:
    """Deal `n` images to patients, so that some have one and some several."""
    patient = 0
    image = 0
    for _ in range(n):
        yield Visit(patient=patient, image=image)
        image += 1
        if image == IMAGES_EACH[patient % len(IMAGES_EACH)]:
            patient += 1
            image = 0


def first_drawing(
    seed: int,
    family: str,  # one of FAMILIES
) -> int:
    """Give the number from which a family counts its people and drawings."""
    return seed * NUMBERS_A_SEED + (FAMILIES.index(family) + 1) * NUMBERS_A_FAMILY
