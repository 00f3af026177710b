"""What is promised of the rows of a manifest. Whole folders, and all faults of a cell: test_manifest.py."""

from dataclasses import replace

import pytest

from cxr_fastai.core import NotCurated
from cxr_fastai.manifest_check import (
    COLUMNS,
    REQUIRED,
    Fault,
    Record,
    UnknownNameFault,
    check_rows,
    find_faults,
    is_inside,
    shown,
)
from cxr_fastai.recipes import Recipe, load_recipe

SIX = load_recipe("six_class")
SOUND = replace(
    Record(**dict.fromkeys(COLUMNS, "")),
    path="normal/1.png",
    sha256="a" * 64,
    pixel_sha256="1" * 64,
    source="s",
    label="normal",
    group="g1",
    split="train",
)


def other(i: int, **cells) -> Record:
    own = dict(path=f"normal/{i}.png", pixel_sha256=f"{i:064x}", group=f"g{i}")
    return replace(SOUND, **{**own, **cells})


def test_a_row_needs_what_it_needs_and_no_more():
    assert find_faults([SOUND], SIX) == []
    for column in REQUIRED:
        faults = find_faults([replace(SOUND, **{column: ""})], SIX)
        assert [f for f in faults if f.column == column][0].wrong == "empty"


def test_faults_come_in_the_order_of_the_rows_with_their_numbers_in_the_file():
    rows = [SOUND, other(2, age="old"), other(3, sex="x", split="dev")]
    faults = find_faults(rows, SIX)
    assert [(f.row, f.column) for f in faults] == [(3, "age"), (4, "split"), (4, "sex")]
    assert {f.row for f in find_faults(rows, SIX, [2, 7, 9])} == {7, 9}


def test_a_fault_names_the_row_in_the_file_that_it_repeats_also_behind_damaged_rows():
    again = replace(other(2), path=SOUND.path)
    (fault,) = find_faults([SOUND, again], SIX, [4, 9])
    assert fault.sentence("m.csv") == (
        "m.csv, row 9, column path: 'normal/1.png' stands twice, in row 4 too."
    )


def test_a_label_is_judged_by_the_recipe_and_without_one_any_text_is_a_label():
    rows = [replace(SOUND, label="effusion|?mass")]
    recipe = Recipe("m", "M", {"effusion": ["effusion"], "mass": ["mass"]}, task="multi_label")
    assert find_faults(rows, recipe) == find_faults(rows, None) == []
    (fault,) = find_faults(rows, SIX)
    assert isinstance(fault, UnknownNameFault) and fault.kind == "class"
    (fault,) = find_faults([replace(SOUND, label="mass|?mass")], recipe)
    assert (
        "unknown class 'mass|?mass' in x, row 2, column label: expected one of effusion, mass"
        in (fault.sentence("x"))
    )


def test_a_group_or_a_patient_in_two_splits_is_told_for_every_later_row():
    rows = [other(1, group="g", patient="p"), other(2, group="g", split="test", patient="p")]
    assert [(f.row, f.column) for f in find_faults(rows, SIX)] == [(3, "group"), (3, "patient")]
    unknown_patients = [other(1), other(2, split="test")]
    assert find_faults(unknown_patients, SIX) == []


def test_the_first_fault_is_raised_in_one_sentence():
    with pytest.raises(NotCurated) as e:
        check_rows([SOUND, other(2, sex="x"), other(3, age="x")], SIX, "m.csv")
    assert str(e.value) == (
        "m.csv, row 3, column sex: 'x': expected F, M, or empty. Curate the folder again."
    )


def test_each_value_is_judged_once_however_many_rows_have_it(monkeypatch):
    judged = []

    def counted(recipe, text):
        judged.append(text)
        return True

    monkeypatch.setattr(Recipe, "is_label", counted)
    assert find_faults([other(i) for i in range(2_000)], SIX) == []
    assert judged == ["normal"]


@pytest.mark.parametrize("path", ["a/b.png", "..a/b..png", "train/normal/ä ö.png", "a/.b"])
def test_paths_within_the_folder(path):
    assert is_inside(path)


@pytest.mark.parametrize("path", ["/a", "a/../b", "..", "C:a", "a\\b", "a//b", "a/", "./a", "a\0b"])
def test_paths_that_may_leave_the_folder(path):
    assert not is_inside(path)


def test_a_long_cell_is_cut_in_a_message():
    assert shown("x" * 81) == repr("x" * 80 + "..") and shown("a\nb") == "'a\\nb'"


def test_a_fault_of_a_whole_row_names_no_column():
    assert Fault(4, "", "expected 20 cells").sentence("m.csv") == "m.csv, row 4: expected 20 cells."


# ---- images that stand twice

TESTED = dict(group="g", split="test")


def test_an_image_may_stand_again_where_its_row_says_so_in_any_order():
    first = other(2, **TESTED)
    again = other(1, **TESTED, pixel_sha256=first.pixel_sha256, repeat_of=first.path)
    near = other(3, **TESTED, repeat_of=first.path)
    assert find_faults([again, first, near], SIX) == []
    (fault,) = find_faults([replace(again, repeat_of=""), first, near], SIX)
    assert (fault.row, fault.column) == (3, "pixel_sha256")


@pytest.mark.parametrize(
    "cells, says",
    [
        (dict(repeat_of="normal/9.png"), "'normal/9.png': no row has this path"),
        (dict(repeat_of="../1.png"), "'../1.png': expected the path of another row, or empty"),
        (dict(repeat_of="normal/2.png"), "'normal/2.png' repeats another row itself"),
        (dict(repeat_of="normal/3.png"), "'normal/3.png' repeats another row itself"),
        (dict(group="h"), "'normal/1.png' is of another source or group"),
        (dict(source="t"), "'normal/1.png' is of another source or group"),
    ],
)
def test_a_row_that_repeats_none_though_it_says_so_is_a_fault(cells, says):
    rows = [other(i, **TESTED) for i in (1, 2, 3)]
    rows[1:] = [replace(row, repeat_of="normal/1.png") for row in rows[1:]]
    assert find_faults(rows, SIX) == []
    rows[1] = replace(rows[1], **cells)
    faults = find_faults(rows, SIX)
    assert says in [fault.wrong[: len(says)] for fault in faults]
    assert {(fault.row, fault.column) for fault in faults} == {(3, "repeat_of")}


def test_only_tested_images_are_kept_twice():
    rows = [other(1, group="g"), other(2, group="g", repeat_of="normal/1.png")]
    (fault,) = find_faults(rows, SIX)
    assert fault.wrong.startswith("only images of an official test set are kept twice")


def test_a_finding_may_be_a_users_own():
    assert find_faults([replace(SOUND, findings="no_finding|own:COVID-19 (pos)")], SIX) == []
    (fault,) = find_faults([replace(SOUND, findings="own:")], SIX)
    assert fault.column == "findings"


@pytest.mark.parametrize("cell", ["", "inverted", "turned_90", "inverted|turned_270"])
def test_how_a_film_lay_before_it_was_righted_is_one_of_a_few_words(cell):
    assert find_faults([replace(SOUND, righted=cell)], SIX) == []


@pytest.mark.parametrize(
    "cell", ["turned", "turned_45", "inverted|", "|inverted", "lateral", "yes"]
)
def test_no_other_word_says_how_a_film_lay(cell):
    (fault,) = find_faults([replace(SOUND, righted=cell)], SIX)
    assert fault.column == "righted" and "turned_90" in fault.wrong
