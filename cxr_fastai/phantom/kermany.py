"""Kermany's children, and the COVID-19 Radiography Database, which has some of them too.

(Mirror, n, size, seed) -> files laid out as the sources have them, and a list of `Drawn`.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from PIL import Image

from cxr_fastai.phantom.film import draw
from cxr_fastai.phantom.mirror import Mirror, Picture, encoded
from cxr_fastai.phantom.people import Drawn, Visit, first_drawing, visits
from cxr_fastai.phantom.shares import shares

__all__ = ["covid_radiography", "kermany_kaggle"]

KERMANY = {"bacteria": "bacterial_pneumonia", "virus": "viral_pneumonia", "NORMAL": "normal"}
KERMANY_COUNTS = (2780, 1493, 1583)  # of the real one, by label
NUMBERS_A_LABEL = 100_000
RADIOGRAPHY = {"COVID": "covid_19", "Lung_Opacity": "bacterial_pneumonia", "Normal": "normal"}
VIRAL = "Viral Pneumonia"
RADIOGRAPHY_COUNTS = (3616, 6012, 10192, 1345)  # of the real one, the viral last
RADIOGRAPHY_ROOT = "COVID-19_Radiography_Dataset"
MASK_SIZE = (256, 256)  # as the real ones, whatever the image's
ENDLESS = 10**4  # more of Kermany's images than are ever copied
MACOS_FORK = b"\0\5\x16\7" + bytes(116)
FOLDER_SETTINGS = b"\0\0\0\1Bud1".ljust(512, b"\0")  # a .DS_Store
FORKS = 3


@dataclass(frozen=True)
class Child:
    """One image of Kermany's."""

    name: str  # of the file
    person: str
    part: str  # train | val | test
    data: bytes  # the JPEG


def _children(
    label: str,  # of KERMANY
    count: int,  # images
    size: int,  # width and height, pixels
    seed: int,
) -> Iterator[Child]:
    """Draw the images of a label; patients' numbers start anew with each."""
    base = first_drawing(seed, "kermany") + NUMBERS_A_LABEL * list(KERMANY).index(label)
    for i, visit in enumerate(visits(count)):
        person, stem = _names(label, i, visit)
        film = draw(
            KERMANY[label],
            seed=base + i,
            size=size,
            patient=base + visit.patient,
            age="child",
        )
        yield Child(
            name=f"{stem}.jpeg",
            person=person,
            part=_part(label, visit.patient),
            data=encoded(film, ".jpeg", quality=95),
        )


def _part(
    label: str,  # of KERMANY
    patient: int,
) -> str:
    """Say in which part a patient's images lie; val has no viral ones."""
    if patient % 5 == 1:
        return "test"
    if patient % 5 == 2 and label != "virus":
        return "val"
    return "train"


def _names(
    label: str,  # of KERMANY
    i: int,  # of the image among those of its label
    visit: Visit,
) -> tuple[str, str]:
    """Name a patient and the file of an image, as Kermany's do."""
    number = visit.patient + 1
    if label == "NORMAL":
        prefix = ("IM", "NORMAL2-IM")[visit.patient % 2]
        person = f"{prefix}-{115 + visit.patient:04d}"
        second = "-0002" if i % 7 == 6 else ""
        return person, f"{person}-{visit.image + 1:04d}{second}"
    person = f"person{number}_{label}"
    suffix = "_1" if label == "virus" and i == 4 else ""  # as person447_virus_921_1.jpeg
    return person, f"{person}_{i + 1}{suffix}"


def kermany_kaggle(
    mirror: Mirror,
    n: int,  # images
    size: int,  # width and height, pixels
    seed: int,
) -> list[Drawn]:
    """Fill train, val and test; a second copy of all one level down; what macOS leaves."""
    drawn = []
    for label, count in zip(KERMANY, shares(n, KERMANY_COUNTS)):
        folder = "NORMAL" if label == "NORMAL" else "PNEUMONIA"
        for child in _children(label, count, size, seed):
            below = f"{child.part}/{folder}/{child.name}"
            path = mirror.put(f"chest_xray/{below}", child.data)
            mirror.put(f"chest_xray/chest_xray/{below}", child.data)
            test = child.part == "test"
            drawn.append(
                Drawn(
                    path=path,
                    label=label,
                    person=child.person,
                    test=test,
                )
            )
    for image in drawn[:FORKS]:
        original = PurePosixPath(image.path)
        fork = f"chest_xray/__MACOSX/{original.parent}/._{original.name}"
        mirror.put(fork, MACOS_FORK)
    for folder in ("chest_xray", "chest_xray/train", "chest_xray/chest_xray"):
        mirror.put(f"{folder}/.DS_Store", FOLDER_SETTINGS)
    return drawn


def _copies(
    label: str,  # of KERMANY
    size: int,  # width and height, pixels
    seed: int,
) -> Iterator[Image.Image]:
    """Give Kermany's train images again: the same pixels, to be put into other files."""
    for child in _children(label, ENDLESS, size, seed):
        if child.part == "train":
            yield Image.open(io.BytesIO(child.data))


def covid_radiography(
    mirror: Mirror,
    n: int,  # images
    size: int,  # width and height, pixels
    seed: int,
) -> list[Drawn]:
    """Fill a folder of images, one of masks and a table for each class; no patients.

    All viral and some normal images are Kermany's.
    """
    number = first_drawing(seed, "radiography")
    viral = _copies("virus", size, seed)
    normal = _copies("NORMAL", size, seed)
    drawn = []
    for folder, count in zip((*RADIOGRAPHY, VIRAL), shares(n, RADIOGRAPHY_COUNTS)):
        root = f"{RADIOGRAPHY_ROOT}/{folder}"
        for i in range(1, count + 1):
            number += 1
            name = f"{folder}-{i}.png"
            film: Picture
            if folder == VIRAL:
                film = next(viral)
            elif folder == "Normal" and i % 8 == 1:
                film = next(normal)
            else:
                film = draw(
                    RADIOGRAPHY[folder],
                    seed=number,
                    size=size,
                    patient=number,
                )
            path = mirror.image(f"{root}/images/{name}", film)
            drawn.append(
                Drawn(
                    path=path,
                    label=folder,
                    person=name,
                )
            )
            mirror.image(f"{root}/masks/{name}", Image.new("L", MASK_SIZE))
        mirror.put(f"{root}.metadata.xlsx", b"Drawn: a table would stand here.\n")
    readme = "Drawn by cxr_fastai.phantom; no person was imaged.\n"
    mirror.text(f"{RADIOGRAPHY_ROOT}/README.md.txt", readme)
    return drawn
