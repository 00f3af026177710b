"""pytest tests/curation/folder/test_run_warnings.py"""

from dataclasses import replace

import pytest
from made_curations import Films, overlap, record, reject, rule

from cxr_fastai.catalog import Source
from cxr_fastai.core import SourceUnavailable
from cxr_fastai.curation.folder.result import (
    CLASS_WITHOUT_IMAGES,
    FILMS_LIE,
    FOLD_WITHOUT_CLASS,
    NOT_JUDGED,
    SMALL_FOLDER,
    SOURCE_FAILED,
    UNEXPECTED_OVERLAP,
)
from cxr_fastai.curation.folder.run_warnings import (
    class_warnings,
    failure_warnings,
    findings_of_rule,
    fold_warnings,
    looks_warnings,
    overlap_warnings,
    why_nothing,
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


def rows_of(films, n, **cells):
    row = record(films.image(label="normal"))
    return [replace(row, path=f"{i}.png", group=f"g{i}", **cells) for i in range(n)]


def test_a_small_folder_without_folds_is_advised_to_have_some(films):
    rows = rows_of(films, 290) + rows_of(films, 9, split="test")
    (advice,) = fold_warnings(rows, 0)
    assert advice.kind == SMALL_FOLDER and advice.numbers == {"images": 299, "test": 9}
    assert str(advice).startswith("299 images: a test split of 9 says little. Score all images by")
    assert "--folds 5" in str(advice) and "cxr train DATA --folds" in str(advice)
    assert fold_warnings([*rows, rows[0]], 0) == [] and fold_warnings([], 0) == []


def test_a_class_that_a_fold_lacks_is_named_with_its_groups(films):
    rows = rows_of(films, 4)
    rows = [replace(row, fold=str(i % 2)) for i, row in enumerate(rows)]
    assert fold_warnings(rows, 2) == []
    rare = [replace(rows[0], label="sick", group="r", path="r.png")]
    tested = [replace(rows[0], label="sick", group="t", path="t.png", fold="")]
    (warning,) = fold_warnings([*rows, *rare, *tested], 2)
    assert warning.kind == FOLD_WITHOUT_CLASS
    assert str(warning) == (
        "class sick is missing in 1 of 2 folds: it has 1 group to deal, and these folds cannot "
        "score it"
    )
    assert warning.numbers == {"class": "sick", "groups": 1, "folds": 2, "lacking": 1}


def test_why_nothing_is_left_counts_the_commonest_reasons():
    lost = [reject(reason="no_class", message="none.")] * 2 + [reject(reason="torn", message="m")]
    said = why_nothing(lost, RECIPE)
    assert "2 files left out for 'no_class' (a.png: none); 1 file left out for 'torn'" in said


def test_why_nothing_is_left_of_ones_own_folder_names_no_catalogue_and_each_file_once():
    lost = [reject(reason="torn", message="a.png: truncated")]
    said = why_nothing(lost, RECIPE, own=True)
    assert said == (
        "no image is left of the folder: 1 file left out for 'torn' (a.png: truncated)."
    )


def lying(**cells):
    "A row of quality.csv."
    return {"path": "a.png", "notes": "", "looks": "", "odds": "", "righted": "", **cells}


def test_films_that_do_not_lie_as_the_others_are_counted_with_what_can_be_done():
    rows = [lying(looks="inverted"), lying(looks="lateral"), lying(notes="tinted")]
    (told,) = looks_warnings(rows, True, False)
    assert told.kind == FILMS_LIE and told.numbers == {"looks": {"inverted": 1, "lateral": 1}}
    assert "2 films look" in told.says and "--right" in told.do
    (laterals,) = looks_warnings(rows[1:], True, False)
    assert laterals.do == ""  # nothing rights a lateral
    (righted,) = looks_warnings([lying(looks="inverted", righted="yes")], True, True)
    assert righted.do == "" and "1 was turned or inverted back" in righted.says
    assert looks_warnings(rows[2:], True, True) == [] == looks_warnings([], False, False)


def test_that_a_few_films_cannot_be_righted_is_said_where_it_was_asked_for():
    (told,) = looks_warnings([], False, True)
    assert told.kind == NOT_JUDGED and told.says.startswith("no film was righted: fewer than 100")
