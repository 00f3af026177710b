"""Which images a model got wrong, the surest of them first, as thumbnails.

A single-label Report and a curated folder -> Mistakes for the page; pixels are read for them. An
image that cannot be shown is named.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cxr_fastai.core import CxrError
from cxr_fastai.evaluation.build_report import AnyReport
from cxr_fastai.evaluation.single_label_report import Report
from cxr_fastai.images import decode
from cxr_fastai.reporting.html import thumbnail

__all__ = ["Mistake", "Mistakes", "mistakes_of", "MAX_MISTAKES"]

MAX_MISTAKES = 12  # on the page


@dataclass(frozen=True)
class Mistake:
    """An image that was answered wrong."""

    path: str  # in the curated folder
    original: str  # its file, as the user knows it
    is_: str  # the class that it is of
    said: str  # the class that was answered
    sure: str  # with which probability
    uri: str  # of a thumbnail; empty: it could not be made
    width: int
    height: int


@dataclass(frozen=True)
class Mistakes:
    """The mistakes on one split."""

    split: str
    shown: tuple[Mistake, ...]
    total: int
    images: int


def mistakes_of(
    report: AnyReport,
    root: Path,  # the curated folder
) -> Mistakes | None:  # None: an image may have several findings, or no answers are held
    """Return the mistakes of a report, those answered with the highest probability first."""
    found = report.predictions
    if not isinstance(report, Report) or found is None:
        return None
    wrong = np.flatnonzero(found.preds != found.targs)
    certainty = found.probs[wrong, found.preds[wrong]]
    order = wrong[np.argsort(-certainty, kind="stable")]
    names = list(report.names.values())
    shown = []
    for i in order[:MAX_MISTAKES]:
        row = found.rows[int(i)]
        said = int(found.preds[i])
        uri, width, height = _thumbnail(root / row["path"])
        shown.append(
            Mistake(
                path=row["path"],
                original=row["original_path"],
                is_=names[int(found.targs[i])],
                said=names[said],
                sure=f"{found.probs[i, said]:.2f}",
                uri=uri,
                width=width,
                height=height,
            )
        )
    return Mistakes(report.split, tuple(shown), len(wrong), report.n)


def _thumbnail(file: Path) -> tuple[str, int, int]:
    """Return a thumbnail; an empty one where the image cannot be read any more."""
    try:
        return thumbnail(decode(file))
    except (CxrError, OSError):
        return "", 0, 0
