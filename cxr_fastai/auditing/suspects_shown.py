"""The labels most likely wrong, as the audit shows and lists them.

Suspects and the curated folder in; thumbnails with what is said of each, and the csv to review,
out. Changes no label, writes no file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from cxr_fastai.auditing.model_asked import ModelSide
from cxr_fastai.auditing.pixels import map_pixels, shown_thumbnail
from cxr_fastai.manifest import Record
from cxr_fastai.probes.label_noise import (
    Suspect,
    Suspects,
    is_single,
    suspects_of_classes,
    suspects_of_findings,
)
from cxr_fastai.progress import SILENT, Progress

__all__ = ["ShownSuspects", "show_suspects", "suspects_of_model"]

MAX_SHOWN = 24  # thumbnails of a list; the csv has all


class Thumb(NamedTuple):
    """A small picture of a film."""

    uri: str
    width: int
    height: int


@dataclass(frozen=True)
class ShownSuspect:
    """A suspect with its picture; the fields are those of a shot of parts.html."""

    suspect: Suspect
    thumb: Thumb

    kept = False
    score = ""
    size = ""

    @property
    def path(self) -> str:
        """The film's file in the folder."""
        return self.suspect.path

    @property
    def source(self) -> str:
        """Where the film comes from."""
        return self.suspect.source

    @property
    def badge(self) -> str:
        """What the model has for likelier."""
        suggested = self.suspect.suggested
        if self.suspect.finding:
            return f"rather {suggested}: {self.suspect.finding}"
        name = suggested.replace("_", " ")
        return f"rather {name}?"

    @property
    def transform(self) -> str:
        """How little of the two probabilities is the label's."""
        percent = 100 * self.suspect.score
        return f"the label's share {percent:.1f} %"

    @property
    def label(self) -> str:
        """What the label says."""
        words = f"labelled {self.suspect.label}"
        if self.suspect.finding:
            words += f": {self.suspect.finding}"
        return words

    @property
    def source_label(self) -> str:
        """A word that stands last."""
        return ""


@dataclass(frozen=True)
class ShownSuspects:
    """A list of suspects with pictures of the first."""

    found: Suspects
    shots: Sequence[ShownSuspect]


def suspects_of_model(model: ModelSide) -> Suspects | None:
    """Find the labels of test films that a trained model has for wrong; None where it cannot say.

    It has learned from train and valid: of these it could only say what it was taught.
    """
    names = list(model.scores)
    if len(names) < 2 or not len(model.rows):
        return None
    probs = np.stack([np.asarray(model.scores[name], float) for name in names], 1)
    if probs.min() < 0 or probs.max() > 1:
        return None  # scores that rank and are no probabilities
    has, known = model.targets.has, model.targets.known
    by = f"{model.name}, of the test films, which it never saw"
    if not is_single(model.targets):
        own_has = {name: has[name] for name in names}
        own_known = {name: known[name] for name in names}
        return suspects_of_findings(probs, own_has, own_known, model.rows, by)
    labels = np.full(len(probs), -1)
    for i, name in enumerate(names):
        labels[has[name]] = i
    return suspects_of_classes(probs, labels, names, model.rows, by)


def show_suspects(
    found: Suspects,
    root: Path,  # the curated folder
    rows: Sequence[Record],  # that the suspects are of
    progress: Progress = SILENT,
) -> ShownSuspects:
    """Draw the first suspects. Raises `IntegrityError` for a film that is not that of its row."""
    first = found.listed[:MAX_SHOWN]
    wanted = {suspect.path for suspect in first}
    chosen = [row for row in rows if row.path in wanted]
    thumbs = map_pixels(shown_thumbnail, root, chosen, "drawing suspects", progress)
    shots = []
    for suspect in first:
        thumb = Thumb(*thumbs[suspect.path])
        shots.append(ShownSuspect(suspect, thumb))
    return ShownSuspects(found, shots)
