"""The shapes of what is counted, as eda.json holds it; keys stand in the order of the file."""

from __future__ import annotations

from typing import TypedDict

__all__ = [
    "Quantiles",
    "QuantilesOnly",
    "MeasuredQuantiles",
    "AgeCounts",
    "PatientCounts",
    "BrightnessCounts",
    "ClassCounts",
    "SourceCounts",
    "FindingCounts",
]

Quantiles = list[float]  # least, quartiles and greatest: five numbers
Tally = dict[str, int]  # value -> images, the commonest first; '' unknown


class QuantilesOnly(TypedDict):
    """Quantiles of something that every image has."""

    quantiles: Quantiles | None  # None of no images


class MeasuredQuantiles(TypedDict):
    """Quantiles of something that was measured of a sample."""

    images: int  # measured
    quantiles: Quantiles | None


class AgeCounts(TypedDict):
    """Ages in years."""

    known: int  # images whose age is given
    quantiles: Quantiles | None
    decades: Tally  # 0-9, 10-19, .., 90+ -> images; all of them, in their order


class PatientCounts(TypedDict):
    """Patients that the sources name."""

    images: int  # whose patient is named
    patients: int
    images_a_patient: Quantiles | None


class BrightnessCounts(TypedDict):
    """Mean gray of images, 0-255."""

    images: int  # measured
    quantiles: Quantiles | None  # weighted: an image stands for as many of its source as were not
    by_source: dict[str, MeasuredQuantiles]


class ClassCounts(TypedDict):
    """Everything that is counted of a class."""

    name: str  # to show
    images: int
    unknown: int  # images of which the source does not say whether they have the class
    split: Tally
    source: Tally
    sex: Tally
    view: Tally
    age_group: Tally  # by keys of counts.AGE_GROUPS
    ages: AgeCounts
    patients: PatientCounts
    width: QuantilesOnly  # px
    height: QuantilesOnly  # px
    aspect: QuantilesOnly  # width / height
    brightness: BrightnessCounts


class SourceCounts(TypedDict):
    """Everything that is counted of a source."""

    images: int
    title: str  # the catalogue's word; empty where it does not know the source
    age_group: str  # likewise
    redistribute: str  # likewise: yes | no | empty
    licences: Tally
    sizes: int  # different ones
    common_sizes: Tally  # "1024 x 1024" -> images, of the commonest only
    modes: Tally  # of the source's files
    patients: PatientCounts


class FindingCounts(TypedDict):
    """How often findings stand together."""

    names: list[str]  # the commonest first
    counts: list[list[int]]  # images that have the finding of the row and that of the column
    unknown: int  # images without any finding named
