"""The images of a curated folder, class by class, and what can be counted of them.

Rows of a manifest, its recipe and the catalogue -> a Cohort, and counts of it in the shapes of
eda.json. Never reads a file: the brightness of images is given.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from cxr_fastai.advice import flag
from cxr_fastai.catalog import Source
from cxr_fastai.cohort.shapes import (
    AgeCounts,
    BrightnessCounts,
    ClassCounts,
    MeasuredQuantiles,
    PatientCounts,
    Quantiles,
    QuantilesOnly,
)
from cxr_fastai.core import SPLITS, Task, UsageError
from cxr_fastai.manifest import Record
from cxr_fastai.recipes import NONE, Recipe, present, unknown

__all__ = [
    "ADULT",
    "AGE_GROUPS",
    "SAMPLE",
    "Cohort",
    "Sample",
    "Quantiles",
    "gather",
    "age_group",
    "tally",
    "sampled",
    "class_counts",
    "side_quantiles",
    "brightness_counts",
    "patient_counts",
]

ADULT = 18  # years from which an age counts as adult
# images of a class and source whose brightness is measured: the standard error of a mean is then
# 7 % of the spread between images
SAMPLE = 200
DECADES = (*(f"{start}-{start + 9}" for start in range(0, 90, 10)), "90+")  # years
FIVE = (0, 0.25, 0.5, 0.75, 1)  # least, quartiles and greatest
# Of an image whose age is given: child, adult. Of any other, the catalogue's word for its source.
AGE_GROUPS = {
    "child": f"child, under {ADULT}",
    "adult": "adult",
    "child_source": "child, by source",
    "adult_source": "adult, by source",
    "mixed_source": "mixed, by source",
    "": "unknown",
}
COLUMNS = ("split", "source", "sex", "view")  # of the manifest that a Cohort holds as they are


@dataclass(frozen=True)
class Cohort:
    """The images looked at, and the classes of each: one, or in a multi-label folder any number."""

    root: Path
    rows: list[Record]
    task: Task
    splits: tuple[str, ...]  # looked at
    names: dict[str, str]  # class slug -> name to show, in vocab order
    has: dict[str, np.ndarray]  # class -> (n,) bool
    unknown: dict[str, np.ndarray]  # class -> (n,) bool: the source does not say
    # COLUMNS, age_group (a key of AGE_GROUPS) and group (child, adult) -> (n,) text, '' unknown
    columns: dict[str, np.ndarray]
    sides: np.ndarray  # (n, 2) width and height in px; nan where either is unknown

    def rows_of(self, label: str) -> list[Record]:
        """Return the images of a class."""
        indices = np.flatnonzero(self.has[label])
        return [self.rows[i] for i in indices]

    def tally(
        self,
        label: str,
        column: str,  # of `columns`
    ) -> dict[str, int]:  # value -> images
        """Count the values of a class's images, the commonest first."""
        values = self.columns[column][self.has[label]]
        return tally(values.tolist())

    def tallies(
        self,
        column: str,  # of `columns`
    ) -> dict[str, dict[str, int]]:  # class -> value -> images
        """Count the values of each class's images, the commonest of a class first."""
        counts = {}
        for label in self.names:
            counts[label] = self.tally(label, column)
        return counts


class Sample(NamedTuple):
    """Images of one class and source."""

    images: int  # all of them
    rows: list[Record]  # those whose brightness is measured


def gather(
    root: Path | str,  # the curated folder
    rows: list[Record],  # of its manifest
    recipe: Recipe,
    catalog: Mapping[str, Source],  # id -> Source
    split: str = "all",  # all | train | valid | test
) -> Cohort:
    """Collect the images of a folder, or of one split, and mark their classes.

    Raises `UsageError` for a split without images.
    """
    splits = SPLITS if split == "all" else (split,)
    chosen = [row for row in rows if row.split in splits]
    if not chosen:
        per_split = Counter(row.split for row in rows)
        have = ", ".join(f"{name} {per_split[name]:,}" for name in SPLITS)
        raise UsageError(
            f"{root} has no images in split {split!r}: it has {have}. "
            f"Choose another {flag('split')}."
        )
    classes = [present(row.label) for row in chosen]
    open_classes = [unknown(row.label) for row in chosen]
    names = {label: recipe.display.get(label, label) for label in recipe.vocab}
    if recipe.task is Task.MULTI_LABEL and (NONE,) in classes:
        names[NONE] = "none of these"
    return Cohort(
        root=Path(root),
        rows=chosen,
        task=recipe.task,
        splits=splits,
        names=names,
        has=_marks(names, classes),
        unknown=_marks(names, open_classes),
        columns=_columns(chosen, catalog),
        sides=_sides(chosen),
    )


def _marks(
    names: Iterable[str],  # of all classes
    classes: list[tuple[str, ...]],  # of each image
) -> dict[str, np.ndarray]:  # class -> (n,) bool
    """Mark the images that each class stands in."""
    marks = {}
    for label in names:
        marks[label] = np.array([label in of_image for of_image in classes])
    return marks


def _columns(
    rows: list[Record],
    catalog: Mapping[str, Source],
) -> dict[str, np.ndarray]:  # name -> (n,) text
    """Return the columns of a Cohort."""
    columns = {}
    for name in COLUMNS:
        columns[name] = np.array([getattr(row, name) for row in rows])
    age_groups = [age_group(row, catalog.get(row.source)) for row in rows]
    groups = [_child_or_adult(word) for word in age_groups]
    columns["age_group"] = np.array(age_groups)
    columns["group"] = np.array(groups)
    return columns


def _sides(
    rows: list[Record],
) -> np.ndarray:  # (n, 2) width and height in px
    """Return the sides of images; nan where either is unknown."""
    sides = []
    for row in rows:
        if row.width and row.height:
            sides.append((float(row.width), float(row.height)))
        else:
            sides.append((np.nan, np.nan))
    return np.array(sides).reshape(-1, 2)


def age_group(
    row: Record,
    source: Source | None,  # that the image came from; None: the catalogue does not know it
) -> str:  # a key of AGE_GROUPS
    """Return child or adult by the image's age, or else the catalogue's word for its source."""
    if row.age:
        return "child" if float(row.age) < ADULT else "adult"
    if source is None or not source.age_group:
        return ""
    return f"{source.age_group}_source"


def _child_or_adult(
    group: str,  # a key of AGE_GROUPS
) -> str:
    """Return child or adult, by age or by source; empty where neither is known."""
    word = group.removesuffix("_source")
    if word == "mixed":
        return ""
    return word


# ---- counts of a class


def tally(values: Iterable[str]) -> dict[str, int]:
    """Return value -> how often, the commonest first, then by name."""
    counts = Counter(values)
    by_name = sorted(counts.items())
    by_count = sorted(by_name, key=lambda item: item[1], reverse=True)
    return dict(by_count)


def class_counts(
    cohort: Cohort,
    label: str,
    gray: Mapping[str, float],  # path -> mean gray 0-255, of the images that `sampled` names
) -> ClassCounts:
    """Count everything that is counted of a class."""
    rows = cohort.rows_of(label)
    sides = side_quantiles(cohort, label)
    return ClassCounts(
        name=cohort.names[label],
        images=len(rows),
        unknown=int(cohort.unknown[label].sum()),
        split=cohort.tally(label, "split"),
        source=cohort.tally(label, "source"),
        sex=cohort.tally(label, "sex"),
        view=cohort.tally(label, "view"),
        age_group=cohort.tally(label, "age_group"),
        ages=_age_counts(rows),
        patients=patient_counts(rows),
        width=QuantilesOnly(quantiles=sides["width"]),
        height=QuantilesOnly(quantiles=sides["height"]),
        aspect=QuantilesOnly(quantiles=sides["aspect"]),
        brightness=brightness_counts(cohort, label, gray),
    )


def side_quantiles(
    cohort: Cohort,
    label: str,
) -> dict[str, Quantiles | None]:  # width, height (px), aspect (width / height)
    """Return the quantiles of the sides of a class's images."""
    sides = cohort.sides[cohort.has[label]]
    known = ~np.isnan(sides[:, 0])
    width = sides[known, 0]
    height = sides[known, 1]
    return {
        "width": _quantiles(width),
        "height": _quantiles(height),
        "aspect": _quantiles(width / height),
    }


def _quantiles(
    values: Sequence[float] | np.ndarray,
    weights: Sequence[float] | None = None,  # as many; then quantiles of what the values stand for
) -> Quantiles | None:  # None of nothing
    """Least, quartiles and greatest, rounded to four decimals."""
    if not len(values):
        return None
    numbers = np.asarray(values, float)
    if weights is None:
        five = np.quantile(numbers, FIVE)
    else:
        five = np.quantile(numbers, FIVE, weights=weights, method="inverted_cdf")
    return [round(float(q), 4) for q in five]


def _age_counts(
    rows: list[Record],  # of a class
) -> AgeCounts:
    """Count the ages that are given."""
    ages = [float(row.age) for row in rows if row.age]
    last = len(DECADES) - 1
    images = Counter(min(int(age) // 10, last) for age in ages)
    decades = {}
    for i, decade in enumerate(DECADES):
        decades[decade] = images[i]
    return AgeCounts(
        known=len(ages),
        quantiles=_quantiles(ages),
        decades=decades,
    )


def patient_counts(
    rows: list[Record],
) -> PatientCounts:
    """Count the patients that the sources name, and how many images each has."""
    images = Counter(row.patient for row in rows if row.patient)
    each = list(images.values())
    return PatientCounts(
        images=sum(each),
        patients=len(each),
        images_a_patient=_quantiles(each),
    )


# ---- brightness


def sampled(
    cohort: Cohort,
    label: str,
) -> dict[str, Sample]:  # source -> its images of the class
    """Choose the images of a class whose brightness is measured, of each source.

    They are the SAMPLE images of lowest pixel hash, which is random and stays.
    """
    by_source: dict[str, list[Record]] = {}
    for row in cohort.rows_of(label):
        by_source.setdefault(row.source, []).append(row)
    samples = {}
    for source in sorted(by_source):
        rows = by_source[source]
        by_hash = sorted(rows, key=lambda row: row.pixel_sha256)
        samples[source] = Sample(images=len(rows), rows=by_hash[:SAMPLE])
    return samples


def brightness_counts(
    cohort: Cohort,
    label: str,
    gray: Mapping[str, float],  # path -> mean gray 0-255; of more images, the others are not used
) -> BrightnessCounts:  # of nothing, where an image of the sample was not measured
    """Return the brightness of a class, and of each source in it.

    In the class's quantiles a measured image stands for as many of its source as were not.
    """
    samples = sampled(cohort, label)
    if not _all_measured(samples.values(), gray):
        return BrightnessCounts(images=0, quantiles=None, by_source={})
    values: list[float] = []
    weights: list[float] = []
    by_source = {}
    for source, sample in samples.items():
        measured = [gray[row.path] for row in sample.rows]
        values += measured
        weights += [sample.images / len(measured)] * len(measured)
        by_source[source] = MeasuredQuantiles(images=len(measured), quantiles=_quantiles(measured))
    return BrightnessCounts(
        images=len(values), quantiles=_quantiles(values, weights), by_source=by_source
    )


def _all_measured(
    samples: Iterable[Sample],
    gray: Collection[str],  # paths of the images that were measured
) -> bool:
    """Tell whether every image of the samples was measured."""
    for sample in samples:
        for row in sample.rows:
            if row.path not in gray:
                return False
    return True
