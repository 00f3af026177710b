"""What the page of `cxr eda` is made of beside the record: box plots, and the limits it names.

Counts of classes and findings -> values of the template eda.html. Writes no file.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cxr_fastai.auditing.tables import QUANTITIES, quantiles_of
from cxr_fastai.cohort.counts import ADULT, SAMPLE
from cxr_fastai.cohort.shapes import ClassCounts, FindingCounts, MeasuredQuantiles
from cxr_fastai.cohort.wording import MIN_IMAGES_PER_CLASS, MIN_TELLING_AUROC
from cxr_fastai.reporting.html import box

__all__ = ["page_values"]

BRIGHTEST = 255  # gray, where the scale of brightness ends


def page_values(
    classes: Mapping[str, ClassCounts],
    findings: FindingCounts,
) -> dict[str, Any]:  # name in the template -> value
    """Return the box plots of a page, and the thresholds that its sentences name."""
    return {
        "strips": _strips(classes),
        "light": _brightness_boxes(classes),
        "together": _stand_together(findings["counts"]),
        "adult": ADULT,
        "sample": SAMPLE,
        "min_images": MIN_IMAGES_PER_CLASS,
        "min_auroc": MIN_TELLING_AUROC,
    }


def _strips(
    classes: Mapping[str, ClassCounts],
) -> dict[str, dict[str, Any]]:  # key of QUANTITIES -> what, unit, top, boxes
    """Return what the box plots of each quantity share, and the box of each class."""
    strips = {}
    for key, quantity in QUANTITIES.items():
        top = _scale_end(classes, key)
        strips[key] = {
            "what": quantity.words,
            "unit": quantity.unit,
            "top": quantity.form.format(top),
            "boxes": _class_boxes(classes, key, top),
        }
    return strips


def _scale_end(
    classes: Mapping[str, ClassCounts],
    key: str,  # of QUANTITIES
) -> float:
    """Return where the scale of a quantity ends: at the greatest value of any image."""
    if key == "brightness":
        return BRIGHTEST
    greatest = []
    for counts in classes.values():
        five = quantiles_of(counts, key)
        if five is not None:
            greatest.append(five[4])
    return max(greatest, default=1)


def _class_boxes(
    classes: Mapping[str, ClassCounts],
    key: str,  # of QUANTITIES
    top: float,  # where the scale ends
) -> dict[str, dict[str, Any]]:  # class -> its box; empty without numbers
    quantity = QUANTITIES[key]
    boxes = {}
    for label, counts in classes.items():
        five = quantiles_of(counts, key)
        boxes[label] = box(five, top, quantity.unit, quantity.form)
    return boxes


def _brightness_boxes(
    classes: Mapping[str, ClassCounts],
) -> dict[str, dict[str, dict[str, Any]]]:  # class -> source -> its box
    """Return the box of the brightness of each class and source, and of how many images it is."""
    boxes = {}
    for label, counts in classes.items():
        by_source = counts["brightness"]["by_source"]
        boxes[label] = {source: _measured_box(measured) for source, measured in by_source.items()}
    return boxes


def _measured_box(measured: MeasuredQuantiles) -> dict[str, Any]:
    """Return the box of some images' brightness, and `n`, how many they are."""
    quantity = QUANTITIES["brightness"]
    values = box(measured["quantiles"], BRIGHTEST, quantity.unit, quantity.form)
    return {"n": measured["images"], **values}


def _stand_together(
    counts: list[list[int]],  # images that have the finding of the row and that of the column
) -> bool:
    """Tell whether any image has two findings."""
    for i, row in enumerate(counts):
        if any(row[i + 1 :]):
            return True
    return False
