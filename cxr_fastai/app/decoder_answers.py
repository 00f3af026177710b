"""What a decoder answers, which is not to be trusted: it may have been taken over by its film.

JSON and pixels in, a Radiograph or an ImageRejected out, or `Nonsense`. Nothing is unpickled.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from cxr_fastai.core import ImageRejected, printable
from cxr_fastai.images import FORMATS, NOTES, REASONS, Radiograph

__all__ = ["Nonsense", "facts_of", "film_of", "rejection_of"]

NOTE_NAMES = tuple(NOTES)


class Nonsense(Exception):
    """An answer that is none."""


def facts_of(text: bytes) -> Mapping[str, Any]:
    """Read the JSON of an answer. Raises `Nonsense`."""
    try:
        facts = json.loads(text)
    except (ValueError, RecursionError):
        raise Nonsense from None
    if not isinstance(facts, dict):
        raise Nonsense
    return facts


def rejection_of(facts: Mapping[str, Any]) -> ImageRejected:
    """Make the rejection that a child tells of. Raises `Nonsense`."""
    reason, message = facts.get("reason"), facts.get("message")
    if not isinstance(reason, str) or reason not in REASONS or not isinstance(message, str):
        raise Nonsense
    return ImageRejected(reason, printable(message))


def film_of(facts: Mapping[str, Any], pixels: bytes) -> Radiograph:
    """Make the film that a child tells of. Raises `Nonsense`."""
    width, height, bits = (facts.get(key) for key in ("width", "height", "bits"))
    if not (isinstance(width, int) and isinstance(height, int) and isinstance(bits, int)):
        raise Nonsense
    if width * height != len(pixels) or min(width, height) < 1:
        raise Nonsense
    notes = facts.get("notes")
    if not isinstance(notes, list) or not all(note in NOTE_NAMES for note in notes):
        raise Nonsense
    if facts.get("format") not in FORMATS:
        raise Nonsense
    levels = np.frombuffer(pixels, np.uint8).reshape(height, width)  # read-only, as bytes are
    return Radiograph(
        pixels=levels,
        format=facts["format"],
        mode=str(facts.get("mode")),
        bits=bits,
        width=width,
        height=height,
        notes=tuple(notes),
        jpeg_tables=str(facts.get("jpeg_tables")),
    )
