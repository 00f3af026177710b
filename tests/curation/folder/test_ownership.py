"""pytest tests/curation/folder/test_ownership.py"""

from dataclasses import replace

import pytest

from cxr_fastai.core import NotCurated, StorageError, UsageError, write_json
from cxr_fastai.curation.folder.lock import MARKER
from cxr_fastai.curation.folder.ownership import check_out
from cxr_fastai.curation.folder.result import Request
from cxr_fastai.recipes import Train, load_recipe

REQUEST = Request(recipe=load_recipe("pneumonia"), catalog_sha256="ab")


@pytest.fixture
def out(tmp_path):
    "A folder that REQUEST wrote."
    (tmp_path / "out").mkdir()
    write_json(tmp_path / "out" / "curation.json", REQUEST.to_dict())
    return tmp_path / "out"


def test_a_folder_that_is_absent_empty_or_of_the_same_request_may_be_written(out, tmp_path):
    (tmp_path / "empty").mkdir()
    for folder in (tmp_path / "absent", tmp_path / "empty", out):
        assert check_out(folder, REQUEST) is None


def test_what_a_killed_run_left_is_ours(tmp_path):
    for name in (MARKER, ".images.txt", "sources.lock.json", ".curation.json.77.part"):
        (tmp_path / name).write_text("x")
    assert check_out(tmp_path, REQUEST) is None


def test_a_folder_with_anything_else_is_not_ours(tmp_path):
    (tmp_path / "holiday.png").write_bytes(b"x")
    with pytest.raises(UsageError, match="not empty and holds no curation.json"):
        check_out(tmp_path, REQUEST)


@pytest.mark.parametrize(
    "cells, says",
    [
        (dict(seed=1), "another seed .0, now 1"),
        (dict(layout="split"), "another layout .class, now split"),
        (dict(quick=True), "another quick"),
        (dict(on_conflict="upstream"), "another on_conflict .drop, now upstream"),
        (dict(folds=5), "another folds .0, now 5"),
        (dict(recipe=load_recipe("six_class")), "another recipe .pneumonia, now six_class"),
        (
            dict(recipe=replace(REQUEST.recipe, filters={"view": ["PA"]})),
            "another recipe's filters",
        ),
    ],
)
def test_another_request_is_refused_with_what_differs(out, cells, says):
    with pytest.raises(UsageError, match=says):
        check_out(out, replace(REQUEST, **cells))


def test_how_a_recipe_trains_and_a_grown_catalogue_shape_no_folder(out):
    other = replace(REQUEST.recipe, train=Train(epochs=77), metrics=["macro_auroc"])
    assert check_out(out, replace(REQUEST, recipe=other, catalog_sha256="cd")) is None


def test_keys_that_an_earlier_version_did_not_write_have_their_old_meaning(out):
    before = REQUEST.to_dict()
    del before["on_conflict"], before["split_rule"]
    write_json(out / "curation.json", before)
    with pytest.raises(UsageError, match="another split_rule .1, now 3"):
        check_out(out, REQUEST)


def test_a_damaged_request_is_told(out):
    (out / "curation.json").write_text("[]")
    with pytest.raises(NotCurated):
        check_out(out, REQUEST)


def test_a_folder_below_a_file_is_a_storage_error(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(StorageError):
        check_out(tmp_path / "file" / "out", REQUEST)
