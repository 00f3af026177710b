"""Films to look at: those that were answered most wrongly, and those the model is least sure of.

A report's predictions and the curated folder in, thumbnails with what is said of each out. An image
that cannot be read is shown as a line of text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from cxr_fastai.core import CxrError
from cxr_fastai.evaluation.predictions import Predictions
from cxr_fastai.images import decode
from cxr_fastai.recipes import UNSET
from cxr_fastai.reporting.html import thumbnail

__all__ = ["MAX_SHOWN", "FilmsShown", "ShownFilm", "show_classes", "show_findings"]

MAX_SHOWN = 12  # of each kind
UNREADABLE = "it cannot be read here"


class Thumb(NamedTuple):
    """A small picture of a film."""

    uri: str  # empty: there is none
    width: int
    height: int
    why: str  # there is none


@dataclass(frozen=True)
class ShownFilm:
    """A film and what was said of it; the other fields are those of a shot of parts.html."""

    path: str
    source: str
    said: str
    truth: str
    prob: float  # of what was said
    thumb: Thumb

    kept = False
    transform = ""
    source_label = ""
    size = ""

    @property
    def badge(self) -> str:
        """What was said."""
        return f"said {self.said}"

    @property
    def score(self) -> str:
        """With which probability."""
        return f"{self.prob:.2f}"

    @property
    def label(self) -> str:
        """What it is."""
        return f"is {self.truth}"

    def to_dict(self) -> dict[str, Any]:
        """Return it without its picture, as strict JSON."""
        return {
            "path": self.path,
            "source": self.source,
            "said": self.said,
            "truth": self.truth,
            "prob": self.prob,
        }


@dataclass(frozen=True)
class FilmsShown:
    """Films to look at."""

    mistakes: tuple[ShownFilm, ...]  # those whose truth was given the lowest probability first
    uncertain: tuple[ShownFilm, ...]  # those nearest to another answer first
    wrong: int  # answers, all together
    unsure_words: str  # what near means

    def to_dict(self) -> dict[str, Any]:
        """Return what is said of each film, as strict JSON."""
        return {
            "worst_mistakes": [film.to_dict() for film in self.mistakes],
            "most_uncertain": [film.to_dict() for film in self.uncertain],
            "wrong": self.wrong,
        }


def show_classes(
    found: Predictions,  # of a single-label bundle
    names: Mapping[str, str],  # class slug -> name to show, in vocab order
    decision: Mapping[str, Any],  # of the bundle; empty where it decides nothing
    root: Path,  # the curated folder
) -> FilmsShown:
    """Choose films of a single-label report."""
    shown = list(names.values())
    each = np.arange(len(found.targs))
    of_truth = found.probs[each, found.targs]
    wrong = np.flatnonzero(found.preds != found.targs)
    worst = wrong[np.argsort(of_truth[wrong], kind="stable")]
    if decision:
        index = list(names).index(decision["negative"])
        distance = np.abs(1 - found.probs[:, index] - decision["threshold"])
        words = f"whose probability of being not {shown[index]} is nearest to the threshold"
    else:
        top = np.sort(found.probs, axis=1)
        distance = top[:, -1] - (top[:, -2] if top.shape[1] > 1 else 0)
        words = "whose two most probable classes are nearest to each other"
    unsure = np.argsort(distance, kind="stable")

    def film(i: int) -> ShownFilm:
        """Show one film."""
        said = int(found.preds[i])
        prob = float(found.probs[i, said])
        return _shown(found, i, (shown[said], shown[int(found.targs[i])]), prob, root)

    return FilmsShown(
        mistakes=tuple(film(int(i)) for i in worst[:MAX_SHOWN]),
        uncertain=tuple(film(int(i)) for i in unsure[:MAX_SHOWN]),
        wrong=len(wrong),
        unsure_words=words,
    )


def show_findings(
    found: Predictions,  # of a multi-label bundle
    names: Mapping[str, str],
    thresholds: Mapping[str, float],  # slug -> least probability of a yes, where it was fixed
    root: Path,
) -> FilmsShown:
    """Choose films of a multi-label report: a film stands for its worst finding alone."""
    shown = list(names.values())
    levels = np.array([thresholds.get(slug, UNSET) for slug in names])
    known = ~np.isnan(found.targs)
    present = found.targs == 1
    wrong = known & (found.preds != present)
    of_truth = np.where(present, found.probs, 1 - found.probs)
    distance = np.abs(found.probs - levels)

    def film(i: int, k: int) -> ShownFilm:
        """Show one finding of one film."""
        said, truth = found.preds[i, k], present[i, k]
        words = (_yes_no(shown[k], said), _yes_no(shown[k], truth))
        prob = float(found.probs[i, k] if said else 1 - found.probs[i, k])
        return _shown(found, i, words, prob, root)

    return FilmsShown(
        mistakes=tuple(film(i, k) for i, k in _lowest(of_truth, wrong)),
        uncertain=tuple(film(i, k) for i, k in _lowest(distance, known)),
        wrong=int(wrong.sum()),
        unsure_words="with a finding whose probability is nearest to its threshold",
    )


def _yes_no(name: str, is_there: bool) -> str:
    """Name a finding, or its absence."""
    return name if is_there else f"no {name}"


def _lowest(
    values: np.ndarray,  # (n, c)
    among: np.ndarray,  # (n, c) bool
) -> list[tuple[int, int]]:  # image, finding
    """Return the images with the lowest values, each with its lowest finding."""
    own = np.where(among, values, np.inf)
    finding = own.argmin(1)
    least = own.min(1)
    order = np.argsort(least, kind="stable")[:MAX_SHOWN]
    return [(int(i), int(finding[i])) for i in order if np.isfinite(least[i])]


def _shown(
    found: Predictions,
    i: int,  # of the image
    words: tuple[str, str],  # what was said, what it is
    prob: float,
    root: Path,
) -> ShownFilm:
    """Describe one film."""
    row = found.rows[i]
    said, truth = words
    thumb = _thumb(root / row["path"])
    return ShownFilm(row["path"], row["source"], said, truth, prob, thumb)


def _thumb(file: Path) -> Thumb:
    """Return a thumbnail; none of a file that cannot be read."""
    try:
        uri, width, height = thumbnail(decode(file))
    except (CxrError, OSError):
        return Thumb("", 0, 0, UNREADABLE)
    return Thumb(uri, width, height, "")
