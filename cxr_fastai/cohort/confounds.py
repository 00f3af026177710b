"""What tells a class that is not the disease, and what a split lacks.

Source, age group, sex, view, size and brightness of a Cohort -> FolderWarnings with their numbers;
never looks at a pixel or a file: brightness is given.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TypedDict

from cxr_fastai.advice import flag
from cxr_fastai.cohort.attributes import AttributeScore, score_attributes
from cxr_fastai.cohort.counts import Cohort, Quantiles, brightness_counts, side_quantiles
from cxr_fastai.cohort.scarcity import scarcity_warnings
from cxr_fastai.cohort.source_confounds import source_warnings
from cxr_fastai.cohort.wording import (
    MAX_NAMED,
    MIN_DOMINANT_SHARE,
    MIN_IMAGES_PER_CLASS,
    auroc_words,
    name_some,
    portion,
    telling_aurocs,
    warning,
)
from cxr_fastai.core import FolderWarning
from cxr_fastai.reporting.text import count

__all__ = ["find_confounds"]

MIN_OTHER_AGE_SHARE = 0.5  # of another class's images in the other age group, to be warned of
MIN_UNKNOWN_AGE_SHARE = 0.5  # of images without an age, to be warned of
MIN_MEDIAN_RATIO = 1.05  # of two medians, for their classes to be called apart
QUANTITIES = {  # kind of the warning begins so -> key of the quantiles, words
    "size": ("height", "height in px"),
    "shape": ("aspect", "width / height"),  # so width needs no third
    "brightness": ("brightness", "mean gray of 0 to 255"),
}
OTHER_AGE_GROUP = {"child": "adult", "adult": "child"}


class AgeNumbers(TypedDict):
    """What is said of a class of one age group."""

    group: str  # child | adult
    images: int  # of the class, in the group
    of: int  # images of the class
    by_age: int  # images in the group by their own age


def find_confounds(
    cohort: Cohort,
    brightness: Mapping[str, float] | None = None,  # path -> mean gray, 0-255, of images measured
    told_absent: Collection[str] = (),  # classes that the caller says himself to have no image
    advises_folds: bool = True,  # False: the caller says himself how a small folder is scored
) -> list[FolderWarning]:
    """Return every way in which a folder may teach something else than the disease, gravest first.

    Kinds are the keys of `wording.TITLES`. A class whose brightness sample (`counts.sampled`) was
    not measured whole is not compared by brightness.
    """
    scores = score_attributes(cohort)
    return [
        *source_warnings(cohort, scores["source"]),
        *_age_warnings(cohort),
        *_attribute_warnings(cohort, scores),
        *_quantity_warnings(cohort, brightness or {}),
        *scarcity_warnings(cohort, told_absent, advises_folds),
    ]


# ---- ages


def _age_warnings(cohort: Cohort) -> list[FolderWarning]:
    """Warn of classes of one age group, and of ages that nobody knows."""
    found = [
        _class_of_one_age_group(cohort),
        _unknown_age(cohort),
    ]
    return [each for each in found if each is not None]


def _class_of_one_age_group(cohort: Cohort) -> FolderWarning | None:
    """Warn of classes that stand for an age group while another class has the other."""
    groups = cohort.tallies("group")
    given = cohort.tallies("age_group")
    bound: dict[str, AgeNumbers] = {}
    for label in cohort.names:
        group = _dominant_age_group(groups[label])
        if group and _is_common(groups, OTHER_AGE_GROUP[group]):
            bound[label] = AgeNumbers(
                group=group,
                images=groups[label][group],
                of=sum(groups[label].values()),
                by_age=given[label].get(group, 0),
            )
    if not bound:
        return None
    sentences = []
    for label, numbers in bound.items():
        people = "children" if numbers["group"] == "child" else "adults"
        sentences.append(
            f"{cohort.names[label]}, {portion(numbers['images'], numbers['of'])} {people}"
        )
    return warning(
        "class_of_one_age_group",
        f"{name_some(sentences)}. {_given_words(bound.values())}",
        "A model may learn age instead of the disease: compare classes within one age group, or "
        "add images of the other.",
        bound,
    )


def _dominant_age_group(
    groups: Mapping[str, int],  # age group -> images of a class
) -> str:
    """Return the age group of nearly all of a class's images; empty where there is none."""
    total = sum(groups.values())
    for group in OTHER_AGE_GROUP:
        images = groups.get(group, 0)
        if images and images >= MIN_DOMINANT_SHARE * total:
            return group
    return ""


def _is_common(
    groups: Mapping[str, Mapping[str, int]],  # class -> age group -> images
    age_group: str,
) -> bool:
    """Tell whether any class has much of the age group."""
    for of_class in groups.values():
        total = sum(of_class.values())
        images = of_class.get(age_group, 0)
        if images and images >= MIN_OTHER_AGE_SHARE * total:
            return True
    return False


def _given_words(
    bound: Collection[AgeNumbers],  # of the classes that are named
) -> str:
    """Say of how many images the age itself is known."""
    given = sum(numbers["by_age"] for numbers in bound)
    total = sum(numbers["of"] for numbers in bound)
    words = f"The age is given for {portion(given, total)}"
    if given < total:
        words += "; of the others the group is the catalogue's word for the whole source"
    return f"{words}."


def _unknown_age(cohort: Cohort) -> FolderWarning | None:
    total = len(cohort.rows)
    unknown = sum(not row.age for row in cohort.rows)
    if unknown < MIN_UNKNOWN_AGE_SHARE * total:
        return None
    by_source = any(group.endswith("_source") for group in cohort.columns["age_group"])
    do = (
        "Their age group is at best the catalogue's word for the whole source, which may be wrong "
        "for one of them: believe nothing about age that rests on it."
        if by_source
        else "Whether age tells the classes cannot be asked: children and adults look different."
    )
    return warning(
        "unknown_age",
        f"The age is unknown for {portion(unknown, total)}.",
        do,
        {"unknown": unknown, "of": total},
    )


# ---- sex and view


def _attribute_warnings(
    cohort: Cohort,
    scores: Mapping[str, Mapping[str, AttributeScore]],  # attribute -> class -> its score
) -> list[FolderWarning]:
    """Warn of classes that sex or view alone tells."""
    found = []
    for name in ("sex", "view"):
        aurocs = telling_aurocs(scores[name])
        if aurocs:
            found.append(
                warning(
                    f"class_of_one_{name}",
                    f"AUROC of knowing the {name} alone: {auroc_words(cohort, aurocs)}.",
                    f"Compare classes within one {name}, or balance it, before a difference is "
                    "called disease.",
                    aurocs,
                )
            )
    return found


# ---- size, shape and brightness


def _quantity_warnings(
    cohort: Cohort,
    brightness: Mapping[str, float],  # path -> mean gray, of the images measured
) -> list[FolderWarning]:
    """Warn of classes whose middle halves do not meet in size, shape or brightness."""
    quantiles = {}
    for label in cohort.names:
        if cohort.has[label].sum() >= MIN_IMAGES_PER_CLASS:
            quantiles[label] = _quantiles(cohort, label, brightness)
    found = []
    for kind, (key, unit) in QUANTITIES.items():
        known = {}
        for label, of_class in quantiles.items():
            five = of_class[key]
            if five is not None:
                known[label] = five
        warning_of_kind = _apart(cohort, kind, unit, known)
        if warning_of_kind is not None:
            found.append(warning_of_kind)
    return found


def _quantiles(
    cohort: Cohort,
    label: str,
    brightness: Mapping[str, float],  # path -> mean gray, of the images measured
) -> dict[str, Quantiles | None]:  # width, height, aspect, brightness
    """Return the quantiles of all that is compared between classes; None of no images."""
    quantiles = side_quantiles(cohort, label)
    gray = brightness_counts(cohort, label, brightness)
    quantiles["brightness"] = gray["quantiles"]
    return quantiles


def _apart(
    cohort: Cohort,
    kind: str,  # a key of QUANTITIES
    unit: str,
    quantiles: Mapping[str, Quantiles],  # class -> of what is compared
) -> FolderWarning | None:
    """Warn of pairs of classes that one quantity tells apart."""
    pairs = _pairs_apart(quantiles)
    if not pairs:
        return None
    named: set[str] = set().union(*pairs)
    pair_words = count(len(pairs), "pair")
    halves = _halves_in_words(cohort, quantiles, named)
    return warning(
        f"{kind}_apart",
        f"The {kind} of the images tells {pair_words} of classes apart. "
        f"Middle half of each, {unit}: {halves}.",
        "A model sees this before any lung: train with augmentation that changes it, "
        f"{flag('augment', 'acquisition')}, and look whether a score holds within one source.",
        [_pair_numbers(low, high, quantiles) for low, high in pairs],
    )


def _pairs_apart(
    quantiles: Mapping[str, Quantiles],  # class -> of what is compared
) -> list[tuple[str, str]]:
    """Return the pairs of classes whose middle halves do not meet, the lower class first."""
    pairs = []
    for low in quantiles:
        for high in quantiles:
            if _is_above(quantiles[high], quantiles[low]):
                pairs.append((low, high))
    return pairs


def _is_above(
    high: Quantiles,
    low: Quantiles,
) -> bool:
    """Tell whether a middle half lies wholly above another, and its median clearly so."""
    if low[3] >= high[1]:
        return False
    return high[2] >= MIN_MEDIAN_RATIO * low[2]


def _halves_in_words(
    cohort: Cohort,
    quantiles: Mapping[str, Quantiles],
    named: set[str],  # classes
) -> str:
    """Return the middle half of each class, those of lowest median first."""

    def _by_median(label: str) -> tuple[float, str]:
        return quantiles[label][2], label

    sentences = []
    for label in sorted(named, key=_by_median):
        _, lower, _, upper, _ = quantiles[label]
        sentences.append(f"{cohort.names[label]} {_number(lower)} to {_number(upper)}")
    return name_some(sentences, 2 * MAX_NAMED)


def _pair_numbers(
    low: str,
    high: str,
    quantiles: Mapping[str, Quantiles],
) -> dict[str, object]:
    """Return two classes and their middle halves, as strict JSON."""
    halves = []
    for label in (low, high):
        _, lower, _, upper, _ = quantiles[label]
        halves.append([lower, upper])
    return {"classes": [low, high], "halves": halves}


def _number(x: float) -> str:
    """Return a number with two decimals, or as a whole one from 10 on."""
    if x < 10:
        return f"{x:.2f}"
    return f"{x:.0f}"
