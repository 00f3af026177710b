"""What the page of `cxr eda` is made of beside the record: box plots, and the limits it names.

Counts of classes and findings -> values of the template eda.html. Writes no file.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cxr_fastai.audit.tables import QUANTITIES, quantiles_of
from cxr_fastai.cohort.counts import ADULT, SAMPLE
from cxr_fastai.cohort.shapes import ClassCounts, FindingCounts
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


def _strips(classes: Mapping[str, ClassCounts]) -> dict[str, dict[str, Any]]:
    """Quantity -> what its box plots share, and the box of each class."""
    strips = {}
    for key, quantity in QUANTITIES.items():
        quantiles = {label: quantiles_of(counts, key) for label, counts in classes.items()}
        greatest = [five[4] for five in quantiles.values() if five]
        top = BRIGHTEST if key == "brightness" else max(greatest, default=1)
        boxes = {}
        for label, five in quantiles.items():
            boxes[label] = box(five, top, quantity.unit, quantity.form)
        strips[key] = {
            "what": quantity.words,
            "unit": quantity.unit,
            "top": quantity.form.format(top),
            "boxes": boxes,
        }
    return strips


def _brightness_boxes(
    classes: Mapping[str, ClassCounts],
) -> dict[str, dict[str, dict[str, Any]]]:
    """Class -> source -> the box of its brightness, and of how many images."""
    quantity = QUANTITIES["brightness"]
    boxes = {}
    for label, counts in classes.items():
        of_class = {}
        for source, measured in counts["brightness"]["by_source"].items():
            five = measured["quantiles"]
            of_source = box(five, BRIGHTEST, quantity.unit, quantity.form)
            of_class[source] = {"n": measured["images"], **of_source}
        boxes[label] = of_class
    return boxes


def _stand_together(
    counts: list[list[int]],  # images that have the finding of the row and that of the column
) -> bool:
    """Tell whether any image has two findings."""
    return any(any(row[i + 1 :]) for i, row in enumerate(counts))
