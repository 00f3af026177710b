"""pytest tests/curation/folder/test_result.py"""

import json
from dataclasses import FrozenInstanceError, replace

import pytest
from made_curations import Films, curation, link, record, reject

from cxr_fastai.core import CxrError, FolderWarning
from cxr_fastai.curation.folder.quality import QUALITY_COLUMNS
from cxr_fastai.curation.folder.result import Request, Summary, Written
from cxr_fastai.curation.folder.split import RULE
from cxr_fastai.manifest import MANIFEST_VERSION
from cxr_fastai.recipes import load_recipe


@pytest.fixture
def films(tmp_path):
    return Films(tmp_path)


def quality(**cells):
    "A row of quality.csv."
    return {**dict.fromkeys(QUALITY_COLUMNS, ""), "path": "a", "source": "one", **cells}


def test_a_request_is_what_curation_json_holds_in_its_order():
    request = Request(recipe=load_recipe("pneumonia"), seed=3, catalog_sha256="ab")
    assert list(request.to_dict()) == [
        "manifest_version",
        "recipe",
        "layout",
        "quick",
        "seed",
        "on_conflict",
        "folds",
        "split_rule",
        "catalog_sha256",
    ]
    d = request.to_dict()
    assert (d["manifest_version"], d["split_rule"], d["seed"]) == (MANIFEST_VERSION, RULE, 3)
    assert d["recipe"]["name"] == "pneumonia" and json.loads(json.dumps(d)) == d


def test_a_request_says_the_flags_that_are_no_default():
    plain = Request(recipe=load_recipe("pneumonia"), catalog_sha256="ab")
    assert plain.flags == ""
    full = replace(plain, seed=3, folds=5, quick=True, layout="split", on_conflict="upstream")
    assert full.flags == " --layout split --quick --seed 3 --on-conflict upstream --folds 5"
    assert replace(plain, right=True).flags == " --right"


def test_that_films_are_righted_stands_in_curation_json_where_it_was_asked_for():
    plain = Request(recipe=load_recipe("pneumonia"))
    assert "right" not in plain.to_dict()
    assert replace(plain, right=True).to_dict()["right"] is True


def test_copies_are_counted_by_kind_and_across_sources():
    copies = {("a", "a", "bytes"): 2, ("a", "b", "bytes"): 3, ("b", "a", "near"): 4}
    assert Summary(copies=copies).duplicates() == {
        "bytes": 5,
        "pixels": 0,
        "near": 4,
        "across_sources": 7,
    }


def test_the_table_of_counts_ends_with_all_images_once_and_has_no_thousands_separator():
    summary = Summary(
        images=1500,
        counts={
            ("mass", "two", "test"): 1,
            ("mass", "one", "train"): 1499,
            ("edema", "one", "train"): 7,
        },
        splits={"train": 1499, "test": 1},
    )
    assert summary.counts_rows() == [
        ("edema", "one", 7, 0, 0, 7),
        ("mass", "one", 1499, 0, 0, 1499),
        ("mass", "two", 0, 0, 1, 1),
        ("all", "", 1499, 0, 1, 1500),
    ]
    lines = summary.counts_table().splitlines()
    assert lines[0] == "class  source  train  valid  test   all"
    assert lines[-1] == "all             1499      0     1  1500"


def test_what_users_read_of_a_curation(films):
    torn = films.pair(label="mass", seed=2)
    done = curation(
        [films.pair(), torn],
        failed={"rsna": CxrError("no token")},
        rejects=[reject(stage="scan"), reject(stage="quick"), reject(stage="label")],
        related=[link(torn.kept, torn.members[1], joined="no")],
        warnings=[FolderWarning("odd", "look out")],
        quality=[quality(notes="alpha|bits"), quality(looks="inverted", righted="yes")],
        on_conflict="keep-both-out",
    )
    assert done.recipe.name == "toy" and done.on_conflict == "keep-both-out"
    assert done.conflicts == [torn] and done.incomplete == ("rsna",) and done.faults == 3
    assert done.duplicates()["near"] == 1 and done.notes == {"alpha": 1, "bits": 1}
    assert (done.written, done.removed, done.foreign) == (0, 0, [])
    written = replace(done, changes=Written(files=3, removed=1, foreign=("x/y.png",)))
    assert (written.written, written.removed, written.foreign) == (3, 1, ["x/y.png"])
    text = str(done)
    assert (done.summary.looks, done.summary.righted) == ({"inverted": 1}, 1)
    says = "1 film looks unlike an upright frontal film (1 inverted; quality.csv names each)"
    assert f"{says}; 1 was turned or inverted back: look at" in text
    assert "label conflicts laid aside in .conflicts/: 1 radiograph -> conflicts.csv" in text
    assert "by their look: 1 pair, 0 of them tied to one split" in text
    assert "left out or not read: 3 -> rejects.csv\n         1  label: truncated" in text
    assert repr(done) == "<Curation of 1 radiograph for recipe toy>"
    assert "<pre>" in done._repr_html_()


def test_as_json_it_keeps_its_keys_and_warnings_are_sentences(films):
    done = curation([films.pair()], warnings=[FolderWarning("odd", "look out", do="do so")])
    d = json.loads(json.dumps(done.to_dict()))
    assert list(d) == [
        "out",
        "recipe",
        "images",
        "counts",
        "duplicates",
        "official_repeats",
        "conflicts",
        "on_conflict",
        "related",
        "unexpected",
        "rejects",
        "negatives",
        "sources",
        "incomplete",
        "versions",
        "notes",
        "looks",
        "righted",
        "warnings",
        "foreign",
        "written",
        "removed",
    ]
    assert d["warnings"] == ["look out"] and d["sources"] == ["one", "two"]
    assert d["counts"] == [{"class": "normal", "source": "one", "split": "train", "images": 1}]


def test_a_result_is_not_changed_by_who_is_handed_it(films):
    done = curation(records=[record(films.image())])
    with pytest.raises(FrozenInstanceError):
        done.warnings = []
    with pytest.raises(FrozenInstanceError):
        done.summary.images = 7
