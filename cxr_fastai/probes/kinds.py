"""The probes P1 to P7: what each cheap model is given, what helps where it tells, and who did it.

Films -> features, by the probe's kind. Asks nothing itself: `shortcuts` does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from cxr_fastai.probes import features
from cxr_fastai.probes.classifier import LINEAR, TREE
from cxr_fastai.probes.films import Films
from cxr_fastai.probes.verdict import Verdict

__all__ = [
    "Kind",
    "PROBES",
    "OF_SOURCES",
    "CENTRE",
    "GRAY_8",
    "GRAY_16",
    "HISTOGRAM",
    "MAGUOLO_AND_NANNI",
    "WITHIN_REMEDY",
]

# ids of probes that others are held against
CENTRE = "P4"  # the control: the middle of the film
GRAY_8 = "P5"
GRAY_16 = "P5b"
HISTOGRAM = "P6"


@dataclass(frozen=True)
class Kind:
    """A probe: what the cheap model is given, and what it means where that tells."""

    id: str  # P1 to P12
    title: str
    given: str  # what the model sees, in words
    features: Callable[[Films], np.ndarray]
    do: str  # what helps
    source: str  # the study that did it
    model: str = LINEAR  # of classifier
    is_control: bool = False  # it has no verdict
    worst: Verdict = Verdict.FAIL  # it can come to: where the disease itself may tell, no FAIL
    within_source: Verdict = Verdict.WARN  # the worst where the source cannot be what tells
    is_outside: bool = False  # it shows what lies beside the lungs


def _gray8(films: Films) -> np.ndarray:  # (n, 64)
    """Return each film as 8x8 gray squares."""
    return features.gray(films, 8)


def _gray16(films: Films) -> np.ndarray:  # (n, 256)
    """Return each film as 16x16 gray squares."""
    return features.gray(films, 16)


def _facts(films: Films) -> np.ndarray:
    """Return the facts of each film's file."""
    return features.facts(films.rows)


def _facts_but_bytes(films: Films) -> np.ndarray:
    """Return the facts of each film's file but the bytes that a pixel takes."""
    return features.facts(films.rows, with_bytes=False)


SOURCES_REMEDY = (
    "Take all classes from one source, or several sources for each class, and believe a score that "
    "holds on a source that the model never saw."
)
WITHIN_REMEDY = (
    "Hold a model against the pixel floor, and its score against films of another hospital: within "
    "one source nothing tells disease from how the films were made."
)
FLOOR_REMEDY = "A network is worth its price above this floor (cxr evaluate)."
DAGAEV = "Dagaev 2023, doi 10.1016/j.patrec.2022.12.010"
MAGUOLO_AND_NANNI = "Maguolo and Nanni 2021, doi 10.1016/j.inffus.2021.04.008"
PROBES = (
    Kind(
        id="P1",
        title="File facts",
        given="size, shape, pixel format and JPEG tables of the file",
        features=_facts_but_bytes,
        model=TREE,
        within_source=Verdict.FAIL,
        do=f"No radiograph is ill by its file. {SOURCES_REMEDY}",
        source="Zech 2018, doi 10.1371/journal.pmed.1002683",
    ),
    Kind(
        id="P2",
        title="Border of the film",
        given="the outer tenth of the film on each side",
        features=features.ring,
        is_outside=True,
        do=SOURCES_REMEDY,
        source=MAGUOLO_AND_NANNI,
    ),
    Kind(
        id="P3",
        title="Corners, where markers stand",
        given="the four corners of the film",
        features=features.corners,
        is_outside=True,
        do=SOURCES_REMEDY,
        source="DeGrave 2021, doi 10.1038/s42256-021-00338-7",
    ),
    Kind(
        id="P4",
        title="Middle of the film, a control",
        given="the middle 60 % of each side",
        features=features.centre,
        is_control=True,
        do="",
        source=MAGUOLO_AND_NANNI,
    ),
    Kind(
        id="P5",
        title="Pixel floor, 8x8",
        given="the film as 64 gray squares",
        features=_gray8,
        is_control=True,
        do=FLOOR_REMEDY,
        source=DAGAEV,
    ),
    Kind(
        id="P5b",
        title="Pixel floor, 16x16",
        given="the film as 256 gray squares",
        features=_gray16,
        is_control=True,
        do=FLOOR_REMEDY,
        source=DAGAEV,
    ),
    Kind(
        id="P6",
        title="Gray levels without their places",
        given="how often each gray level occurs",
        features=features.histogram,
        worst=Verdict.WARN,
        do="Train with augmentation of contrast and brightness, and hold the score against this.",
        source="Ong Ly 2024, doi 10.1038/s41746-024-01118-4",
    ),
    Kind(
        id="P7",
        title="Sharpness and noise",
        given="how much of the film is coarse and how much is fine",
        features=features.spectrum,
        do=SOURCES_REMEDY,
        source="doi 10.1038/s41598-023-39855-3",
    ),
)
# Asked of the sources: there the bytes that a pixel takes are a fact too.
OF_SOURCES = (
    replace(
        PROBES[0],
        id="P1s",
        title="File facts, of the sources",
        given="size, shape, pixel format and compression of the file",
        features=_facts,
        do=SOURCES_REMEDY,
    ),
    replace(PROBES[-1], id="P7s", title="Sharpness and noise, of the sources"),
)
