"""What a manifest that all can see tells: nothing that curation hides.

pytest tests/hub/test_released.py
"""

from collections import defaultdict

import pytest
from toy_shared import shared

from cxr_fastai.hub.released import OLDEST_TOLD, released
from cxr_fastai.manifest import manifest_text, read_manifest


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return read_manifest(shared(tmp_path_factory.mktemp("one") / "data"))


def test_an_image_stands_below_its_split_and_a_manifest_of_splits_is_the_same(data, tmp_path):
    there = released(data, ())
    assert all(row.path == f"{row.split}/{there.file_of[row.path]}" for row in there.rows)
    assert [row.path for row in there.rows] == sorted(row.path for row in there.rows)
    parted = read_manifest(shared(tmp_path / "split", layout="split"))
    again = released(parted, ())
    assert manifest_text(again.rows, parted.recipe) == manifest_text(parted.rows, parted.recipe)


def test_a_class_that_is_called_as_a_split_stands_below_its_split_too(data):
    row = data.rows[0]
    odd = type(row)(**{**vars(row), "path": f"{row.split}/a.png", "label": row.split})
    one = type(data)(data.root, [odd], data.recipe, data.sha256, data.curation)
    assert released(one, ()).rows[0].path == f"{row.split}/{row.split}/a.png"


def test_a_folder_of_too_many_is_parted_and_paths_that_are_named_follow(data):
    first, second, *_ = data.rows
    again = type(second)(**{**vars(second), "repeat_of": first.path})
    one = type(data)(data.root, [first, again], data.recipe, data.sha256, data.curation)
    there = released(one, (), most_in_a_folder=1)
    by_here = {there.file_of[row.path]: row for row in there.rows}
    name = first.path.rpartition("/")[2]
    assert by_here[first.path].path.endswith(f"/{name[:2]}/{name}")
    assert by_here[second.path].repeat_of == by_here[first.path].path


def test_of_a_source_of_the_catalogue_everything_stays_as_it_is_published(data):
    for row in released(data, ()).rows:
        assert "MRN-SECRET" in row.patient and "MRN-SECRET" in row.original_path


def test_of_ones_own_no_name_of_file_or_patient_is_left_and_patients_stay_apart(data):
    hidden = released(data, {"nih_sample"})
    text = manifest_text(hidden.rows, data.recipe)
    assert "MRN" not in text and "SECRET" not in text and "word" not in text
    before = {row.path: row.patient for row in data.rows}
    people = defaultdict(set)
    for row in hidden.rows:
        people[before[hidden.file_of[row.path]]].add(row.patient)
    numbers = [number for found in people.values() for number in found]
    assert all(len(found) == 1 for found in people.values())
    assert sorted(numbers) == sorted(f"nih_sample:{i + 1}" for i in range(len(people)))


def test_the_numbers_do_not_follow_the_order_of_the_names(data):
    hidden = released(data, {"nih_sample"})
    before = {row.path: row.patient for row in data.rows}
    pairs = [
        (before[hidden.file_of[row.path]], int(row.patient.split(":")[1])) for row in hidden.rows
    ]
    by_name = [number for _, number in sorted(pairs)]
    assert by_name != sorted(by_name)
    assert hidden.rows == released(data, {"nih_sample"}).rows


def test_ages_from_ninety_are_one(data):
    old = [
        type(row)(**{**vars(row), "age": age})
        for row, age in zip(data.rows, ("89", "90", "103.5", ""))
    ]
    one = type(data)(data.root, old, data.recipe, data.sha256, data.curation)
    ages = {
        released(one, {"nih_sample"}).file_of[row.path]: row.age
        for row in released(one, {"nih_sample"}).rows
    }
    assert [ages[row.path] for row in old] == ["89", str(OLDEST_TOLD), str(OLDEST_TOLD), ""]
    assert "103.5" in [row.age for row in released(one, ()).rows]
