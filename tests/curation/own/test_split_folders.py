"""Folders that name a split."""

import pytest

from cxr_fastai.core import UsageError
from cxr_fastai.curation.own.split_folders import (
    has_splits,
    place_of_split,
    refuse_splits_in_names,
    split_of_folder,
)


@pytest.mark.parametrize(
    "name, split",
    [
        ("Train", "train"),
        ("TRAINING", "train"),
        ("training_set", "train"),
        ("valid", "valid"),
        ("Validation", "valid"),
        ("val", "valid"),
        ("dev", "valid"),
        ("Testing", "test"),
        ("test-images", "test"),
        ("tested", ""),
        ("normal", ""),
        ("", ""),
    ],
)
def test_the_names_of_splits_are_read_in_any_spelling(name, split):
    assert split_of_folder(name) == split


@pytest.mark.parametrize(
    "folders, found",
    [
        (["train/a", "test/a"], True),
        (["a/Training", "a/dev"], True),
        (["test/a", "val/a"], False),
        (["train/a"], False),
        (["test", "control"], False),
    ],
)
def test_folders_are_split_where_train_and_another_are_named(folders, found):
    assert has_splits([tuple(folder.split("/")) for folder in folders]) is found


def test_the_first_folder_that_names_a_split_is_it():
    assert place_of_split(("a", "train", "test")) == 1 and place_of_split(("a", "b")) == -1


def test_a_split_and_a_class_in_one_name_are_refused():
    with pytest.raises(UsageError, match="test_normal, train_tb"):
        refuse_splits_in_names([("train_tb",), ("test_normal",)], "X")
    refuse_splits_in_names([("train_tb",), ("normal",)], "X")
    refuse_splits_in_names([("train",), ("test",)], "X")
