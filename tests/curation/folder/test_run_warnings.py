"""pytest tests/curation/folder/test_run_warnings.py"""

import pytest
from made_curations import Films, overlap, record, rule

from cxr_fastai.catalog import Source
from cxr_fastai.core import SourceUnavailable
from cxr_fastai.curation.folder.result import (
    CLASS_WITHOUT_IMAGES,
    SOURCE_FAILED,
    UNEXPECTED_OVERLAP,
)
from cxr_fastai.curation.folder.run_warnings import (
    class_warnings,
    failure_warnings,
    findings_of_rule,
    overlap_warnings,
)
from cxr_fastai.recipes import Recipe

RECIPE = Recipe(
    name="toy", title="Toy", classes={"normal": ["no_finding"], "sick": ["mass", "edema"]}
)


@pytest.fixture
def films(tmp_path):
    return Films(tmp_path)


def test_each_absent_source_is_a_warning_with_its_error():
    (warning,) = failure_warnings({"rsna": SourceUnavailable("rsna: no token")})
    assert (warning.kind, str(warning)) == (SOURCE_FAILED, "incomplete: rsna: no token")
    assert warning.numbers == {"source": "rsna"} and failure_warnings({}) == []


def test_a_class_without_images_names_who_could_give_some(films):
    catalog = {
        "one": Source(id="one", rules=(rule(findings="no_finding"), rule(findings="mass"))),
        "two": Source(id="two", rules=(rule("two", findings=""),)),
    }
    rows = [record(films.image(label="normal"))]
    (warning,) = class_warnings(rows, RECIPE, catalog)
    assert warning.kind == CLASS_WITHOUT_IMAGES
    assert str(warning) == "no image for class sick: sources that have it: one"
    assert warning.numbers == {"class": "sick", "sources": ["one"]}
    (nobody,) = class_warnings(rows, RECIPE, {"two": catalog["two"]})
    assert str(nobody).endswith("sources that have it: none in the catalogue")
    assert class_warnings([*rows, record(films.image(label="sick"))], RECIPE, catalog) == []


def test_unexpected_copies_are_counted_for_each_two_sources(films):
    pair = films.pair()
    rows = [overlap(pair), overlap(pair), overlap(pair, other_source="abc")]
    one, two = overlap_warnings(rows)
    assert one.kind == two.kind == UNEXPECTED_OVERLAP
    assert str(one) == (
        "unexpected overlap: abc and one share 1 radiograph, and the catalogue does not link them"
    )
    assert "one and two share 2 radiographs" in str(two)
    assert two.numbers == {"sources": ["one", "two"], "radiographs": 2}


def test_a_rule_without_a_finding_gives_none():
    assert findings_of_rule(rule(findings="mass|edema")) == ["mass", "edema"]
    assert findings_of_rule(rule(findings="")) == []
