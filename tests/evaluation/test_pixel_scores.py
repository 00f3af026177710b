"""pytest tests/evaluation/test_pixel_scores.py

Gray squares as a floor: fitted on train films alone, chosen by validation, or why there are none.
"""

import numpy as np
import pytest
from PIL import Image
from toy_class_reports import ToyBundle, manifest
from toy_pixels import folder

from cxr_fastai.evaluation.pixel_scores import NO_TRAIN, TRAIN_SCORED, Passing, score_pixels
from cxr_fastai.evaluation.unseen import select_rows
from cxr_fastai.images import decode


def ask(data, split="test", passing=None):
    bundle = ToyBundle(vocab=data.vocab)
    rows = [dict(vars(row)) for row in data.rows if split in (row.split, "all")]
    chosen = select_rows(bundle, data, rows, split)
    return score_pixels(bundle, data, chosen, split, passing=passing)


def test_squares_that_tell_the_class_are_ranked_by_it(tmp_path):
    data = folder(tmp_path)
    found = ask(data)
    is_dark = np.array([row.label == "dark" for row in data.rows if row.split == "test"])
    for side in (8, 16):
        own = found.by_side[side][:, data.vocab.index("dark")]
        assert own[is_dark].min() > own[~is_dark].max(), side
    assert found.fitted_on == sum(row.split == "train" for row in data.rows)
    assert found.not_fitted == () and found.side == 8, "of equal ones the coarser"


def test_a_test_film_changes_nothing_of_the_model(tmp_path):
    data = folder(tmp_path)
    before = ask(data)
    turned = [row for row in data.rows if row.split == "test"]
    for row in turned:  # other labels of the same films
        row_label = "light" if row.label == "dark" else "dark"
        object.__setattr__(row, "label", row_label)
    after = ask(data)
    assert np.array_equal(before.by_side[8], after.by_side[8])


@pytest.mark.parametrize(
    "split,kept,why",
    [
        ("train", ("train", "test"), TRAIN_SCORED),
        ("all", ("train", "test"), TRAIN_SCORED),
        ("test", ("test",), NO_TRAIN),
    ],
)
def test_where_there_is_no_floor_it_says_why(tmp_path, split, kept, why):
    data = folder(tmp_path)
    rows = [row for row in data.rows if row.split in kept]
    assert ask(type(data)(data.root, rows, data.recipe, data.sha256), split) == why


def test_a_train_film_that_was_changed_is_the_reason_that_there_is_none(tmp_path):
    data = folder(tmp_path)
    row = next(row for row in data.rows if row.split == "train")
    Image.linear_gradient("L").save(tmp_path / row.path)
    assert f"{tmp_path / row.path}: its pixels are not those" in ask(data)


def test_a_class_without_train_films_is_named_and_guessed(tmp_path):
    data = folder(tmp_path)
    rows = [row for row in data.rows if row.split != "train" or row.label == "dark"]
    lone = type(data)(data.root, rows, data.recipe, data.sha256)
    assert ask(lone) == NO_TRAIN, "of one class nothing can be fitted"


def test_a_folder_that_is_all_test_has_none():
    assert ask(manifest()) == NO_TRAIN


def test_films_that_passed_are_not_decoded_again_and_score_alike(tmp_path, monkeypatch):
    monkeypatch.setenv("CXR_CACHE", str(tmp_path / "cache"))
    data = folder(tmp_path / "data")
    decoded = ask(data)
    tested = [row for row in data.rows if row.split == "test"]
    passing = Passing(decode)
    for row in tested[1:]:
        passing.decode(data.root / row.path)
    assert passing.films(data.root, tested) is None, "one did not pass"
    passing.decode(data.root / tested[0].path)
    for row in tested:
        (data.root / row.path).unlink()  # nobody looks again
    passed = ask(data, passing=passing)
    for side in (8, 16):
        assert np.array_equal(passed.by_side[side], decoded.by_side[side])


def test_nothing_is_measured_where_no_floor_is_asked_for(tmp_path):
    data = folder(tmp_path)
    passing = Passing(decode, is_asked=False)
    assert passing.decode(data.root / data.rows[0].path).shape == (40, 40)
    assert passing.films(data.root, data.rows[:1]) is None
