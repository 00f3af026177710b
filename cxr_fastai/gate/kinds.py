"""What a picture can be that is no upright frontal chest film, in words, and how it is righted.

A judgement in, righted pixels out. Learns nothing, reads no file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["KINDS", "PASSES", "RIGHTED", "TURNS", "Judgement", "judgement_of", "right", "righted"]

PASSES = ""  # the kind of a picture that is answered
# What each kind looks like; behind it "not answered".
KINDS = {
    "not_a_chest_film": "looks like no chest radiograph (a photograph, noise or a drawing)",
    "lateral": "looks like a lateral film; the model learned frontal ones",
    "ct": "looks like a slice of a CT",
    "inverted": "looks inverted (black on white)",
    "turned_90": "looks turned by 90 degrees, its head to the left",
    "turned_180": "looks turned upside down",
    "turned_270": "looks turned by 90 degrees, its head to the right",
    "half_film": "looks like a part of a film, not a whole chest",
    "too_small": "has too few pixels to be judged",
    "blank": "is almost blank: there is too little contrast to see anything",
    "far_from_training": "is unlike the films that the model was trained on",
}
# Degrees, counter-clockwise, that right a film of the kind.
TURNS = {"turned_90": 270, "turned_180": 180, "turned_270": 90}
RIGHTED = ("inverted", *TURNS)


@dataclass(frozen=True)
class Judgement:
    """What the gate says of one picture."""

    kind: str  # one of KINDS; empty: it passes
    score: float  # how far beyond what 1 % of good films reach; above 0 it is refused
    reason: str = ""  # in words; empty where it passes
    turn: int = 0  # degrees counter-clockwise that right it: 0, 90, 180, 270
    invert: bool = False  # whether black and white are to be exchanged to right it

    @property
    def passes(self) -> bool:
        """Whether it may be answered."""
        return not self.kind

    @property
    def can_be_righted(self) -> bool:
        """Whether turning or inverting makes a film of it that may pass."""
        return self.kind in RIGHTED


def judgement_of(
    kind: str,  # one of KINDS, or PASSES
    score: float,
) -> Judgement:
    """Put a judgement into words."""
    return Judgement(
        kind=kind,
        score=score,
        reason=KINDS.get(kind, ""),
        turn=TURNS.get(kind, 0),
        invert=kind == "inverted",
    )


def right(
    pixels: np.ndarray,  # (h, w) uint8
    judgement: Judgement,
) -> np.ndarray:  # uint8, upright and black on black as far as the judgement tells
    """Turn and invert a picture back; one that needs neither comes back as it is."""
    turned = np.rot90(pixels, judgement.turn // 90) if judgement.turn else pixels
    if judgement.invert:
        turned = 255 - turned
    return np.ascontiguousarray(turned)


def righted(
    pixels: np.ndarray,  # (h, w) uint8
    steps: Sequence[str],  # kinds, of RIGHTED
) -> np.ndarray:  # uint8
    """Turn and invert a film back, step by step."""
    for kind in steps:
        pixels = right(pixels, judgement_of(kind, 0.0))
    return pixels
