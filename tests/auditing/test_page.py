"""pytest tests/auditing/test_page.py: box plots and limits of the page"""

import pytest
from toy_cohort import cohort_of, folder, row

from cxr_fastai.auditing.page import page_values
from cxr_fastai.cohort.counts import class_counts
from cxr_fastai.cohort.source_counts import finding_counts


def values(rows, gray=None):
    cohort = cohort_of(folder(rows, vocab="ab"))
    brightness = {each.path: gray for each in rows} if gray is not None else {}
    classes = {label: class_counts(cohort, label, brightness) for label in cohort.names}
    return page_values(classes, finding_counts(rows))


def test_the_strips_of_a_quantity_share_the_greatest_value_of_any_class():
    rows = [row(width="100", height="50"), row("b", width="200", height="50")]
    strips = values(rows, gray=51.0)["strips"]
    assert strips["width"]["top"] == "200" and strips["brightness"]["top"] == "255"
    assert strips["width"]["boxes"]["a"]["at"] == ["50.0"] * 5
    assert strips["brightness"]["boxes"]["a"]["at"] == ["20.0"] * 5
    assert strips["aspect"]["boxes"]["b"]["middle"] == "4.00" and strips["width"]["unit"] == "px"


def test_a_class_without_numbers_has_no_box():
    strips = values([row(width="", height="")])["strips"]
    assert strips["width"]["boxes"] == {"a": {}, "b": {}} and strips["width"]["top"] == "1"


def test_brightness_is_by_class_and_source_with_the_images_measured():
    rows = [row("a", "one"), row("a", "two"), row("a", "two", phash="1")]
    light = values(rows, gray=51.0)["light"]
    assert {s: x["n"] for s, x in light["a"].items()} == {"one": 1, "two": 2}
    assert light["a"]["one"]["middle"] == "51" and light["b"] == {}


@pytest.mark.parametrize(
    "findings,together", [(["mass", "nodule"], False), (["mass|nodule"], True)]
)
def test_findings_stand_together_where_an_image_has_two(findings, together):
    rows = [row(findings=some, phash=str(i)) for i, some in enumerate(findings)]
    assert values(rows)["together"] is together
