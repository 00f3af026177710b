"""pytest tests/curation/folder/test_folds.py"""

from collections import defaultdict
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_curations import item, rule

from cxr_fastai.core import UsageError
from cxr_fastai.curation.folder.folds import check_folds, unscored_paths, with_folds
from cxr_fastai.manifest import COLUMNS, Record


def row(i, group="", label="a", split="train"):
    plain = dict.fromkeys(COLUMNS, "")
    own = dict(path=f"{i}.png", pixel_sha256=f"{i}", group=group or f"g{i}")
    return Record(**{**plain, **own, "label": label, "split": split})


def folds_of_classes(rows):
    "Class -> fold -> groups."
    found = defaultdict(lambda: defaultdict(set))
    for each in rows:
        for label in each.label.split("|"):
            found[label][each.fold].add(each.group)
    return found


patients = st.lists(st.tuples(st.sampled_from("aaab"), st.integers(1, 9)), min_size=20, max_size=90)


def rows_of(people):
    rows = []
    for patient, (label, images) in enumerate(people):
        rows += [row(f"{patient}_{i}", f"p{patient}", label) for i in range(images)]
    return rows


@settings(max_examples=60, deadline=None)
@given(patients, st.integers(2, 7), st.integers(0, 99), st.randoms())
def test_a_group_has_one_fold_and_a_class_of_k_groups_is_in_every_fold_evenly(
    people, k, seed, shuffler
):
    rows = rows_of(people)
    got = with_folds(rows, k, set(), seed)
    assert [replace(each, fold="") for each in got] == rows
    assert {each.fold for each in got} <= {str(i) for i in range(k)}
    fold_of = {each.group: each.fold for each in got}
    assert all(fold_of[each.group] == each.fold for each in got)
    for of_fold in folds_of_classes(got).values():
        sizes = [len(of_fold.get(str(i), ())) for i in range(k)]
        assert max(sizes) - min(sizes) <= 1
    shuffled = rows[:]
    shuffler.shuffle(shuffled)
    assert {each.path: each.fold for each in with_folds(shuffled, k, set(), seed)} == {
        each.path: each.fold for each in got
    }


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.sets(st.sampled_from("abcd"), min_size=1), min_size=12, max_size=60),
    st.integers(2, 5),
)
def test_groups_of_several_classes_are_dealt_so_that_no_fold_lacks_a_class(labels, k):
    rows = []
    for i, classes in enumerate(labels):
        rows += [row(f"{i}{label}", f"p{i}", label) for label in sorted(classes)]
    found = folds_of_classes(with_folds(rows, k, set(), 0))
    for of_fold in found.values():
        groups = set().union(*of_fold.values())
        if len(groups) >= 2 * k:
            assert len(of_fold) == k


def test_images_are_even_too():
    rows = rows_of([("a", 1 + i % 9) for i in range(90)])
    sizes = defaultdict(int)
    for each in with_folds(rows, 5, set(), 0):
        sizes[each.fold] += 1
    assert max(sizes.values()) - min(sizes.values()) <= 9


def test_another_seed_deals_otherwise():
    rows = [row(i) for i in range(40)]
    assert with_folds(rows, 5, set(), 0) != with_folds(rows, 5, set(), 1)


def test_what_is_officially_tested_or_for_training_only_has_no_fold():
    rows = [row(i) for i in range(12)] + [row("t", "tested", split="test"), row("k")]
    items = {each.pixel_sha256: item() for each in rows}
    items["k"] = item(rule=rule(split="train"))
    unscored = unscored_paths(rows, {"tested"}, items)
    assert unscored == {"t.png", "k.png"}
    got = with_folds(rows, 3, unscored, 0)
    assert [each.path for each in got if not each.fold] == ["t.png", "k.png"]


def test_more_folds_than_groups_are_refused():
    with pytest.raises(UsageError, match="5 folds asked for, and there are 3 groups"):
        with_folds([row(i) for i in range(3)], 5, set(), 0)


@pytest.mark.parametrize("folds", [1, -2, 21, 2.0, True, "5"])
def test_a_number_of_folds_that_is_none_is_refused(folds):
    with pytest.raises(UsageError, match="from 2 to 20"):
        check_folds(folds)


@pytest.mark.parametrize("folds", [0, 2, 5, 20])
def test_a_number_of_folds_is_taken(folds):
    assert check_folds(folds) is None
