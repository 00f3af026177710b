"""Tables of what a folder holds: classes against splits, sources, age groups, sexes and views.

Counts in the shapes of cohort -> Tables, which print aligned. Counts nothing itself, reads no file.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from cxr_fastai.cohort.attributes import AttributeScore
from cxr_fastai.cohort.counts import AGE_GROUPS, Quantiles, tally
from cxr_fastai.cohort.shapes import ClassCounts, FindingCounts, SourceCounts
from cxr_fastai.findings import finding_name
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
        for row in self.rows:
            lines.append((row.name, *row.counts, row.total))
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


def _split_table(
    classes: Mapping[str, ClassCounts],
    splits: Sequence[str],  # looked at
    several: bool,  # of some images the class may be unknown
) -> Table:
    """Set classes down and splits across; the images of which the class is unknown stand last."""
    head = list(splits)
    if several:
        head.append("unknown")
    rows = []
    for each in classes.values():
        counts = _counts_of(each["split"], splits)
        if several:
            counts.append(each["unknown"])
        rows.append(Row(each["name"], counts, each["images"]))
    return Table("class", head, rows)


def _counts_of(
    images: Mapping[str, int],  # value -> images
    values: Iterable[str],
) -> list[int]:
    """Return the images of each value, in the order of the values."""
    return [images.get(value, 0) for value in values]


def _source_table(
    classes: Mapping[str, ClassCounts],
    sources: Mapping[str, SourceCounts],
) -> Table:
    """Set sources down and classes across, or turn them where that would be too wide."""
    too_wide = len(classes) > MAX_COLUMNS
    if too_wide and len(classes) > len(sources):
        return _classes_by_source(classes, list(sources))
    names = [each["name"] for each in classes.values()]
    rows = []
    for source, of_source in sources.items():
        counts = [each["source"].get(source, 0) for each in classes.values()]
        rows.append(Row(source, counts, of_source["images"]))
    return Table("source", names, rows)


def _classes_by_source(
    classes: Mapping[str, ClassCounts],
    sources: list[str],
) -> Table:
    """Set classes down and sources across."""
    rows = []
    for each in classes.values():
        counts = _counts_of(each["source"], sources)
        rows.append(Row(each["name"], counts, each["images"]))
    return Table("class", sources, rows)


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
    candidates = [*words, *tally(totals.elements())]
    values = [value for value in dict.fromkeys(candidates) if value and totals[value]]
    head = [words.get(value, value) for value in values[:MAX_VALUES]]
    columns = [[value] for value in values[:MAX_VALUES]]  # what is counted in each
    if len(values) > MAX_VALUES:
        head.append("other")
        columns.append(values[MAX_VALUES:])
    if totals[""]:
        head.append("unknown")
        columns.append([""])
    rows = []
    for each in classes.values():
        counts = [_images_with(each[column], some) for some in columns]
        rows.append(Row(each["name"], counts, each["images"]))
    return Table("class", head, rows)


def _images_with(
    images: Mapping[str, int],  # value -> images
    values: Sequence[str],
) -> int:
    """Return how many images have one of the values."""
    return sum(_counts_of(images, values))


def _finding_table(findings: FindingCounts) -> Table:
    """Set findings against findings; shares are of the images with the row's, on the diagonal."""
    rows = []
    names = [finding_name(finding) for finding in findings["names"]]
    for i, name in enumerate(names):
        counts = findings["counts"][i]
        rows.append(Row(name, counts, total=counts[i]))
    return Table("finding", names, rows)


# ---- lines of a terminal


def class_lines(
    classes: Mapping[str, ClassCounts],
) -> list[str]:  # aligned; the first is the head
    """Return a line a class: patients, ages, and medians of age, size and brightness."""
    head = ["class", "patients", "ages", "median age"]
    for quantity in QUANTITIES.values():
        head.append(f"median {quantity.words}")
    rows: list[Sequence[object]] = [head]
    for each in classes.values():
        rows.append(_class_row(each))
    return table(rows)


def _class_row(counts: ClassCounts) -> list[object]:
    """Return the cells of a class's line."""
    row: list[object] = [
        counts["name"],
        counts["patients"]["patients"],
        counts["ages"]["known"],
        _median(counts["ages"]["quantiles"], "{:g}"),
    ]
    for key, quantity in QUANTITIES.items():
        row.append(_median(quantiles_of(counts, key), quantity.form))
    return row


def attribute_lines(
    names: Mapping[str, str],  # class -> name to show
    scores: Mapping[str, Mapping[str, AttributeScore]],  # attribute -> class -> its score
) -> list[str]:  # aligned; the first is the head
    """Return a line a class: the AUROC of knowing each attribute alone."""
    head = ["AUROC of knowing only"]
    for attribute in scores:
        head.append(attribute.replace("_", " "))
    rows = [head]
    for label, name in names.items():
        row = [name]
        for of_class in scores.values():
            auroc = of_class[label]["auroc"]
            row.append(decimal(auroc, places=2))
        rows.append(row)
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


def _median(
    quantiles: Quantiles | None,
    form: str,  # of str.format
) -> str:
    """Return the median in words; a dash without one."""
    if quantiles is None:
        return "-"
    return form.format(quantiles[2])
