"""Tables of what a folder holds: classes against splits, sources, age groups, sexes and views.

Counts in the shapes of cohort -> Tables, which print aligned. Counts nothing itself, reads no file.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from cxr_fastai.cohort.attributes import AttributeScore
from cxr_fastai.cohort.counts import AGE_GROUPS, Quantiles, tally
from cxr_fastai.cohort.shapes import ClassCounts, FindingCounts, SourceCounts
from cxr_fastai.reporting.text import decimal, table

__all__ = [
    "MAX_COLUMNS",
    "QUANTITIES",
    "Quantity",
    "Row",
    "Table",
    "count_tables",
    "class_lines",
    "attribute_lines",
    "quantiles_of",
]

MAX_COLUMNS = 10  # that a terminal and a page still show whole
MAX_VALUES = 6  # columns of a table of a source's own words; other words are counted together
SEXES = {"F": "F", "M": "M"}
VIEWS = {"PA": "PA", "AP": "AP"}

Column = Literal["age_group", "sex", "view"]


class Quantity(NamedTuple):
    """Something that is measured of an image, and how its numbers are written."""

    words: str
    unit: str
    form: str  # of str.format


QUANTITIES = {  # key of ClassCounts -> what it is
    "width": Quantity("width", "px", "{:.0f}"),
    "height": Quantity("height", "px", "{:.0f}"),
    "aspect": Quantity("width / height", "", "{:.2f}"),
    "brightness": Quantity("mean gray", "", "{:.0f}"),
}


class Row(NamedTuple):
    """A line of a Table."""

    name: str
    counts: list[int]
    total: int  # what the shares of the counts are taken of


@dataclass(frozen=True, repr=False)
class Table:
    """Counts, a named row a line."""

    title: str  # what the rows are
    head: list[str]  # a word a count
    rows: list[Row]

    def __str__(self) -> str:
        lines: list[Sequence[object]] = [(self.title, *self.head, "all")]
        lines += [(row.name, *row.counts, row.total) for row in self.rows]
        return "\n".join(table(lines))

    __repr__ = __str__


def count_tables(
    classes: Mapping[str, ClassCounts],
    sources: Mapping[str, SourceCounts],
    findings: FindingCounts,
    splits: Sequence[str],  # looked at
    several: bool,  # an image may have several classes, and of some it may be unknown
) -> dict[str, Table]:
    """Return split, source, age_group, sex and view against classes; findings against findings."""
    return {
        "split": _split_table(classes, splits, several),
        "source": _source_table(classes, sources),
        "age_group": _value_table(classes, "age_group", AGE_GROUPS),
        "sex": _value_table(classes, "sex", SEXES),
        "view": _value_table(classes, "view", VIEWS),
        "findings": _finding_table(findings),
    }


def _split_table(classes: Mapping[str, ClassCounts], splits: Sequence[str], several: bool) -> Table:
    """Set classes down and splits across; the images of which the class is unknown stand last."""
    head = list(splits)
    if several:
        head.append("unknown")
    rows = []
    for each in classes.values():
        counts = [each["split"].get(split, 0) for split in splits]
        if several:
            counts.append(each["unknown"])
        rows.append(Row(each["name"], counts, each["images"]))
    return Table("class", head, rows)


def _source_table(classes: Mapping[str, ClassCounts], sources: Mapping[str, SourceCounts]) -> Table:
    """Set sources down and classes across, or turned where that would be too wide."""
    rows = []
    if len(classes) > MAX_COLUMNS and len(classes) > len(sources):
        for each in classes.values():
            counts = [each["source"].get(source, 0) for source in sources]
            rows.append(Row(each["name"], counts, each["images"]))
        return Table("class", list(sources), rows)
    for source, of_source in sources.items():
        counts = [each["source"].get(source, 0) for each in classes.values()]
        rows.append(Row(source, counts, of_source["images"]))
    return Table("source", [each["name"] for each in classes.values()], rows)


def _value_table(
    classes: Mapping[str, ClassCounts],
    column: Column,
    words: Mapping[str, str],  # value -> how it is shown; these values come first
) -> Table:
    """Count classes against the values of one column: first those of `words`, then common others.

    Values beyond MAX_VALUES are counted together as other; images without one as unknown.
    """
    totals: Counter[str] = Counter()
    for each in classes.values():
        totals.update(each[column])
    candidates = dict.fromkeys([*words, *tally(totals.elements())])
    values = [value for value in candidates if value and totals[value]]
    head = [words.get(value, value) for value in values[:MAX_VALUES]]
    counted = [[value] for value in values[:MAX_VALUES]]  # the values of each column
    if len(values) > MAX_VALUES:
        head.append("other")
        counted.append(values[MAX_VALUES:])
    if totals[""]:
        head.append("unknown")
        counted.append([""])
    rows = []
    for each in classes.values():
        counts = [_images_with(each[column], some) for some in counted]
        rows.append(Row(each["name"], counts, each["images"]))
    return Table("class", head, rows)


def _images_with(images: Mapping[str, int], values: Sequence[str]) -> int:
    """Images that have one of the values."""
    return sum(images.get(value, 0) for value in values)


def _finding_table(findings: FindingCounts) -> Table:
    """Set findings against findings; shares are of the images with the row's, on the diagonal."""
    rows = []
    for i, (name, counts) in enumerate(zip(findings["names"], findings["counts"])):
        rows.append(Row(name, counts, counts[i]))
    return Table("finding", findings["names"], rows)


# ---- lines of a terminal


def class_lines(classes: Mapping[str, ClassCounts]) -> list[str]:
    """Return a line a class: patients, ages, and medians of age, size and brightness."""
    head = ["class", "patients", "ages", "median age"]
    head += [f"median {quantity.words}" for quantity in QUANTITIES.values()]
    rows: list[list[object]] = [[*head]]
    for each in classes.values():
        row: list[object] = [each["name"], each["patients"]["patients"], each["ages"]["known"]]
        row.append(_median(each["ages"]["quantiles"], "{:g}"))
        for key, quantity in QUANTITIES.items():
            row.append(_median(quantiles_of(each, key), quantity.form))
        rows.append(row)
    return table(rows)


def attribute_lines(
    names: Mapping[str, str],  # class -> name to show
    scores: Mapping[str, Mapping[str, AttributeScore]],  # attribute -> class -> its score
) -> list[str]:
    """Return a line a class: the AUROC of knowing each attribute alone."""
    attributes = [attribute.replace("_", " ") for attribute in scores]
    rows = [["AUROC of knowing only", *attributes]]
    for label, name in names.items():
        aurocs = [of_class[label]["auroc"] for of_class in scores.values()]
        rows.append([name, *(decimal(auroc, places=2) for auroc in aurocs)])
    return table(rows)


def quantiles_of(
    counts: ClassCounts,
    key: str,  # of QUANTITIES
) -> Quantiles | None:
    """Return the quantiles of one quantity in a class; None of no images."""
    quantiles = {
        "width": counts["width"]["quantiles"],
        "height": counts["height"]["quantiles"],
        "aspect": counts["aspect"]["quantiles"],
        "brightness": counts["brightness"]["quantiles"],
    }
    return quantiles[key]


def _median(quantiles: Quantiles | None, form: str) -> str:
    return "-" if quantiles is None else form.format(quantiles[2])
