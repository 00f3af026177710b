"""pytest tests/evaluation/test_interval_trees.py

Intervals are found by their keys, and tell of which kind they are.
"""

import pytest

from cxr_fastai.intervals.interval_trees import (
    ExactInterval,
    branch,
    find_interval,
    includes_zero,
    interval_kinds,
    is_above_zero,
)

TREE = {"metrics": {"accuracy": [0.1, 0.2], "f1": None}, "gain": [-0.1, 0.3]}


@pytest.mark.parametrize(
    "keys,want",
    [
        (["gain"], [-0.1, 0.3]),
        (["metrics", "accuracy"], [0.1, 0.2]),
        (["metrics", "f1"], None),
        (["metrics", "recall"], None),
        (["floors", "majority", "accuracy"], None),
        (["gain", "accuracy"], None),
    ],
)
def test_an_interval_is_found_by_its_keys_or_there_is_none(keys, want):
    assert find_interval(TREE, *keys) == want


def test_a_branch_that_the_tree_lacks_is_empty():
    assert branch(TREE, "metrics") == TREE["metrics"]
    assert branch(TREE, "floors", "majority") == {} == branch(TREE, "gain", "low")


@pytest.mark.parametrize(
    "limits,want",
    [(None, False), ([-0.1, 0.1], True), ([0, 0.1], True), ([-0.1, 0], True), ([0.1, 0.2], False)],
)
def test_zero_lies_within_an_interval_or_on_its_edge(limits, want):
    assert includes_zero(limits) is want


@pytest.mark.parametrize(
    "limits,want",
    [([0.1, 0.4], True), ([0.0, 0.4], False), ([-0.1, 0.4], False), ([-0.4, -0.1], False)],
)
def test_an_interval_lies_above_zero_only_as_a_whole(limits, want):
    assert is_above_zero(limits) is want and is_above_zero(None) is False


def test_kinds_nest_as_the_intervals_do():
    tree = {
        "gain": [0.1, 0.2],
        "metrics": {"accuracy": ExactInterval([0.1, 0.2]), "f1": None},
        "at": [{"npv": [0, 1]}],
        "none": [],
    }
    assert interval_kinds(tree) == {
        "gain": "bootstrap",
        "metrics": {"accuracy": "exact", "f1": None},
        "at": [{"npv": "bootstrap"}],
        "none": None,
    }
