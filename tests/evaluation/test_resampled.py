"""pytest tests/evaluation/test_resampled.py

Numbers with their resamples, and intervals of differences.
"""

import numpy as np
import pytest

from cxr_fastai.evaluation.resampled import (
    ResampledNumber,
    collect_resampled,
    difference_interval,
)
from cxr_fastai.intervals.bootstrap import interval
from cxr_fastai.intervals.interval_trees import ExactInterval

TREE = {"metrics": {"accuracy": [0.1, 0.2], "f1": None}, "gain": [-0.1, 0.3]}


def test_numbers_are_collected_with_their_intervals_and_resamples():
    draws = {"accuracy": np.arange(3.0), "f1": np.ones(3)}
    found = collect_resampled(
        ["accuracy", "f1"],
        {"accuracy": 0.15, "f1": None},
        TREE["metrics"],
        draws,
        {"accuracy": 30, "f1": 20},
    )
    assert list(found) == ["accuracy", "f1"]
    assert (found["accuracy"].value, found["accuracy"].interval) == (0.15, [0.1, 0.2])
    assert found["f1"].value is None is found["f1"].interval
    assert found["accuracy"].in_resamples is draws["accuracy"]
    assert (found["accuracy"].groups, found["f1"].groups) == (30, 20)


def number(value, between, draws, groups=30):
    return ResampledNumber(value, between, np.asarray(draws, float), groups)


def test_a_difference_of_enough_groups_is_paired_and_expanded():
    rng = np.random.default_rng(0)
    one, other = rng.random(200), rng.random(200)
    found = difference_interval(number(0.5, [0, 1], one), number(0.4, [0, 1], other, 25))
    assert found == interval(one - other, 25) and not isinstance(found, ExactInterval)


def test_a_difference_of_few_groups_has_the_width_of_two_apart():
    draws = np.linspace(0, 1, 50)
    found = difference_interval(number(0.8, [0.5, 0.9], draws), number(0.6, [0.3, 0.7], draws, 9))
    assert isinstance(found, ExactInterval)
    assert found == pytest.approx([0.2 - np.hypot(0.3, 0.1), 0.2 + np.hypot(0.1, 0.3)])


def test_a_difference_that_no_group_shows_may_still_be_one_elsewhere():
    same = number(0.5, [0.3, 0.7], np.linspace(0, 1, 50), 60)
    most = 1 - 0.025 ** (1 / 60)
    assert difference_interval(same, same) == pytest.approx([-most, most])


def test_all_right_against_what_is_fixed_gains_no_more_than_there_is():
    right = number(1.0, [0.59, 1.0], np.ones(50), 7)
    fixed = number(0.5, None, np.full(50, 0.5), 7)
    assert difference_interval(right, fixed) == pytest.approx([0.09, 0.5], abs=0.001)


@pytest.mark.parametrize("value,groups", [(None, 30), (0.5, 1)])
def test_what_is_undefined_or_of_one_group_has_no_difference(value, groups):
    other = number(0.5, [0, 1], np.ones(9))
    assert difference_interval(number(value, None, np.ones(9), groups), other) is None
