"""pytest tests/curation/test_decide.py: what is decided before anything is written"""

from dataclasses import replace

import pytest
from made_curations import item, rule, source
from toy_sources import put, tree

from cxr_fastai.core import FolderWarning, SourceUnavailable, UsageError
from cxr_fastai.curation.decide import Listed, decide, expects_copies
from cxr_fastai.curation.engines import open_engine
from cxr_fastai.curation.folder.result import (
    CLASS_WITHOUT_IMAGES,
    SMALL_FOLDER,
    SOURCE_FAILED,
    Request,
)
from cxr_fastai.curation.sources.item import reject_file
from cxr_fastai.curation.sources.listing import Listing
from cxr_fastai.recipes import Recipe

RECIPE = Recipe(name="toy", title="Toy", classes={"normal": ["no_finding"], "sick": ["mass"]})
REQUEST = Request(recipe=RECIPE)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("CXR_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def listed(tmp_path):
    "Twelve normal images and two sick ones of source one; a damaged file and one without a finding."
    items = []
    for i in range(14):
        file = put(tmp_path / f"{i}.png", i)
        findings = ("mass",) if i < 2 else ("no_finding",)
        items.append(item(file=str(file), path=file.name, findings=findings))
    (tmp_path / "bad.png").write_bytes(b"no image")
    items.append(item(file=str(tmp_path / "bad.png"), path="bad.png"))
    items.append(item(path="silent.png", findings=(), source_label="?", rule=rule(notes="a CT")))
    return Listed(
        sources=[source("one", findings="no_finding")],
        listings=[Listing(items=items, rejects=[], warnings=[])],
        failed={},
        versions={},
        warnings=[],
        left_aside=[],
    )


CATALOG = {"one": source("one", findings="no_finding|mass")}


def decided(tmp_path, listed, request=REQUEST, catalog=CATALOG):
    with open_engine("local", 1) as engine:
        return decide(tmp_path / "out", request, listed, catalog, engine)


def test_everything_is_decided_and_nothing_is_written(tmp_path, listed):
    before = tree(tmp_path)
    done = decided(tmp_path, listed)
    assert len(done.records) == 14 == done.summary.images
    assert [r.path for r in done.records] == sorted(r.path for r in done.records)
    assert {(r.path, r.stage, r.reason) for r in done.rejects} == {
        ("bad.png", "scan", "not_an_image"),
        ("silent.png", "label", "no_finding_stated"),
    }
    silent = next(r for r in done.rejects if r.path == "silent.png")
    assert silent.message == "the source says '?': a CT"
    assert set(done.brightness) == {r.path for r in done.records}
    assert all(done.origins[r.pixel_sha256].path == r.original_path for r in done.records)
    assert not (tmp_path / "out").exists()
    assert {p for p in tree(tmp_path) if not p.startswith("cache")} == set(before)


def test_the_order_of_listing_decides_nothing(tmp_path, listed):
    backwards = replace(listed.listings[0], items=listed.listings[0].items[::-1])
    one = decided(tmp_path, listed)
    other = decided(tmp_path, replace(listed, listings=[backwards]))
    assert (one.records, one.rejects, one.summary) == (other.records, other.rejects, other.summary)


def test_warnings_stand_in_the_order_of_the_road(tmp_path, listed):
    told = replace(
        listed,
        failed={"rsna": SourceUnavailable("no token")},
        warnings=[FolderWarning("listing", "fewer images")],
        left_aside=[FolderWarning("aside", "two is at hand too")],
    )
    recipe = replace(RECIPE, classes={**RECIPE.classes, "other": ["edema"]})
    done = decided(tmp_path, told, Request(recipe=recipe))
    kinds = [w.kind for w in done.warnings]
    assert kinds == [SOURCE_FAILED, "listing", CLASS_WITHOUT_IMAGES, SMALL_FOLDER, "aside"]
    assert done.incomplete == ("rsna",)


def test_folds_are_dealt_and_what_is_officially_tested_has_none(tmp_path, listed):
    items = [
        replace(each, official="test") if each.path in ("5.png", "6.png") else each
        for each in listed.listings[0].items
    ]
    listed = replace(listed, listings=[replace(listed.listings[0], items=items)])
    done = decided(tmp_path, listed, replace(REQUEST, folds=2))
    folds = {row.original_path: row.fold for row in done.records}
    assert folds.pop("5.png") == folds.pop("6.png") == ""
    assert set(folds.values()) == {"0", "1"} and {folds["0.png"], folds["1.png"]} == {"0", "1"}
    assert SMALL_FOLDER not in [warning.kind for warning in done.warnings]
    plain = decided(tmp_path, listed)
    assert [row.split for row in plain.records] == [row.split for row in done.records]
    assert {row.fold for row in plain.records} == {""}


def test_no_image_with_a_class_is_an_error_that_names_the_commonest_reason(tmp_path, listed):
    recipe = Recipe(name="toy", title="Toy", classes={"a": ["edema"], "b": ["hernia"]})
    with pytest.raises(UsageError, match="class of recipe toy: 14 files left out for 'no_class'"):
        decided(tmp_path, listed, Request(recipe=recipe))


def test_sources_that_hold_nothing_are_told_as_such(tmp_path, listed):
    empty = replace(listed, listings=[Listing(items=[], rejects=[], warnings=[])])
    with pytest.raises(UsageError, match="the sources hold no images"):
        decided(tmp_path, empty)


@pytest.mark.parametrize(
    "one, other, expected",
    [
        ("a", "b", True),  # b took from a
        ("b", "a", True),
        ("c", "a", True),  # through b
        ("c", "d", True),  # both from a
        ("a", "e", False),
        ("any", "e", True),
    ],
)
def test_copies_are_expected_where_two_sources_have_an_origin_in_common(one, other, expected):
    derived = dict(a="", b="a", c="b", d="a|e", e="", any="*")
    catalog = {name: source(name, derived_from=ups) for name, ups in derived.items()}
    assert expects_copies(catalog)(one, other) is expected


def test_where_nothing_is_left_the_labels_that_were_found_are_told(tmp_path, listed):
    def left_out(n, reason, text=""):
        path, why = f"{reason}{n}.png", f"why {n}."
        return reject_file("one", path, "label", reason, why, text=text)

    texts = ["Normal"] * 4 + ["tb"] * 3 + ["blank"] * 4
    rejects = [left_out(n, "unknown_label", text) for n, text in enumerate(texts)]
    rejects += [left_out(n, "no_row") for n in range(2)]
    nothing = replace(listed, listings=[Listing(items=[], rejects=rejects, warnings=[])])
    with pytest.raises(UsageError) as e:
        decided(tmp_path, nothing)
    said = str(e.value)
    assert "11 files left out for 'unknown_label' (4 'Normal', 4 blank, 3 'tb')" in said
    assert "2 files left out for 'no_row' (no_row0.png: why 0)" in said


def test_an_image_of_which_all_is_denied_is_stated(tmp_path, listed):
    denied = item(
        file=str(put(tmp_path / "d.png", 99)), path="d.png", findings=(), absent=("mass",)
    )
    more = [*listed.listings, Listing(items=[denied], rejects=[], warnings=[])]
    classes = {"mass": ["mass"], "edema": ["edema"]}
    recipe = Recipe(name="m", title="M", classes=classes, task="multi_label")
    done = decided(tmp_path, replace(listed, listings=more), Request(recipe=recipe))
    (row,) = [row for row in done.records if row.original_path == "d.png"]
    assert (row.label, row.findings) == ("none|?edema", "")
