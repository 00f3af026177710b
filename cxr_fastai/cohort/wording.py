"""The kinds of warnings about a folder, their thresholds, and the words that their sentences share.

Numbers in, FolderWarnings and parts of sentences out; counts nothing, reads no file.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from cxr_fastai.cohort.attributes import AttributeScore
from cxr_fastai.cohort.counts import Cohort
from cxr_fastai.core import FolderWarning
from cxr_fastai.reporting.text import count, share

__all__ = [
    "TITLES",
    "MIN_DOMINANT_SHARE",
    "MIN_IMAGES_PER_CLASS",
    "MIN_TELLING_AUROC",
    "warning",
    "name_some",
    "portion",
    "telling_aurocs",
    "auroc_words",
]

# of a class's images from one source or age group, or of a source's from one class, is warned of
MIN_DOMINANT_SHARE = 0.9
# of a class in a split: one image more or less moves its recall by 5 points
MIN_IMAGES_PER_CLASS = 20
# AUROC of one attribute alone that is warned of; of one that is had by half of the images, in a
# class of half of them, this is a Cramer's V of 0.5, a large effect (Cohen 1988, chapter 7)
MIN_TELLING_AUROC = 0.75
MAX_NAMED = 4  # things that a sentence names; the numbers beside it hold all
TITLES = {  # kind -> heading
    "single_source": "One source only",
    "class_of_one_source": "Class = source",
    "source_of_one_class": "Source = class",
    "source_only_floor": "Source-only floor",
    "class_of_one_age_group": "Class = age group",
    "unknown_age": "Ages unknown",
    "class_of_one_sex": "Class = sex",
    "class_of_one_view": "Class = view",
    "size_apart": "Class = size",
    "shape_apart": "Class = shape",
    "brightness_apart": "Class = brightness",
    "class_absent": "Class without images",
    "class_scarce": "Class of few images",
}


def warning(
    kind: str,  # a key of TITLES
    says: str,
    do: str,
    numbers: dict[str, Any] | list[Any],  # what `says` was made from, as strict JSON
) -> FolderWarning:
    """Build a warning whose title is that of its kind."""
    return FolderWarning(kind=kind, says=says, do=do, title=TITLES[kind], numbers=numbers)


def name_some(
    things: Iterable[str],
    most: int = MAX_NAMED,  # that are named
) -> str:
    """List some things, and how many more there are."""
    names = list(things)
    named = "; ".join(names[:most])
    if len(names) <= most:
        return named
    return f"{named}; and {len(names) - most} more"


def portion(
    n: int,
    total: int,  # that `n` is a part of
) -> str:
    """Say how many of some images: all 120 images, or 90 % of 120 images."""
    images = count(total, "image")
    if n == total:
        return f"all {images}"
    return f"{share(n, total)} of {images}"


def telling_aurocs(
    scores: Mapping[str, AttributeScore],  # class -> how well an attribute tells it
) -> dict[str, float]:  # class -> AUROC, the highest first
    """Return the AUROC of each class that the attribute tells.

    Classes of too few images on either side are not judged.
    """
    telling = {}
    for label, score in scores.items():
        auroc = score["auroc"]
        fewer = min(score["images"], score["others"])
        if auroc is None or fewer < MIN_IMAGES_PER_CLASS:
            continue
        if auroc >= MIN_TELLING_AUROC:
            telling[label] = auroc
    by_name = sorted(telling.items())
    return dict(sorted(by_name, key=lambda item: item[1], reverse=True))


def auroc_words(
    cohort: Cohort,
    aurocs: Mapping[str, float],  # class -> AUROC
) -> str:
    """Name classes with their AUROCs: a 0.91; b 0.75."""
    names = cohort.names
    return name_some(f"{names[label]} {auroc:.2f}" for label, auroc in aurocs.items())
