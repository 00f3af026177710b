"""pytest tests/evaluation/test_exact.py

Exact intervals against scipy, and on how many groups a number rests.
"""

import numpy as np
import pytest
from scipy.stats import binomtest

from cxr_fastai.intervals.exact import (
    around_constant,
    differ_in_few,
    effective_groups,
    exact_share,
    groups_of_mean,
    is_few,
    is_near_end,
    ranking_span,
    unpaired_difference,
)


@pytest.mark.parametrize("k,n", [(0, 7), (7, 7), (6, 7), (1, 1), (55, 100)])
def test_a_share_of_groups_is_clopper_pearsons(k, n):
    want = binomtest(k, n).proportion_ci(method="exact")
    assert exact_share(k / n, n) == pytest.approx([want.low, want.high])


@pytest.mark.parametrize("area,groups", [(0.998, 20), (0.9, 50), (0.5, 30), (0.02, 25)])
def test_the_ends_of_newcombes_interval_are_1_96_of_their_own_standard_errors_away(area, groups):
    for end in ranking_span(area, groups):
        pairs = (groups - 1) * ((1 - end) / (2 - end) + end / (1 + end))
        error = np.sqrt(end * (1 - end) / groups**2 * (1 + pairs))
        assert abs(area - end) == pytest.approx(1.959964 * error, rel=1e-6)


def test_newcombes_interval_of_a_perfect_ranking_has_a_width_and_mirrors_that_of_none():
    low, high = ranking_span(1.0, 30)
    assert high == pytest.approx(1) and low == pytest.approx(0.93302, abs=1e-5)
    assert ranking_span(0.0, 30) == pytest.approx([0, 1 - low])


def test_a_share_of_images_lies_between_those_of_whole_groups():
    low, high = exact_share(0.85, 10)
    assert exact_share(0.8, 10)[0] < low < exact_share(0.9, 10)[0] < 0.85 < high < 1


def test_groups_of_one_image_are_as_many_trials_and_uneven_ones_fewer():
    one = np.ones(9)
    assert effective_groups(np.array([1, 1, 0, 1, 1, 0, 1, 1, 1.0]), one) == pytest.approx(9)
    wholes = np.array([10, 10, *[1] * 7])
    alike = np.where(np.arange(9) % 2 == 0, wholes, 0)
    assert effective_groups(alike, wholes) < 4
    assert effective_groups(wholes, wholes) == 9 == effective_groups(0 * wholes, wholes)
    mixed = np.array([2.0, 2, 2, 2])
    assert effective_groups(mixed / 2, mixed) == 4  # never more than there are


@pytest.mark.parametrize("parts,few", [([1] * 4 + [0] * 9, True), ([1] * 5 + [0] * 9, False)])
def test_a_group_that_has_a_part_of_it_both_has_and_lacks_it(parts, few):
    ones = np.ones(len(parts))
    assert differ_in_few(np.array(parts), ones) is few is differ_in_few(1 - np.array(parts), ones)
    assert not differ_in_few(np.ones(5), np.full(5, 2))


def test_a_mean_rests_on_the_rarest_class_of_each():
    assert groups_of_mean([7, 100, 30], 200) == 21
    assert groups_of_mean([7, 100, 0], 200) == 14 and groups_of_mean([0], 9) == 0
    assert groups_of_mean([50, 50], 60) == 60


def test_all_right_in_each_class_is_no_less_likely_than_the_interval_of_a_mean_says():
    rng = np.random.default_rng(0)
    for _ in range(200):
        groups = rng.integers(1, 30, 3)
        least = exact_share(1, groups_of_mean(groups.tolist(), 1000))[0]
        shares = rng.random(3)
        if (shares**groups).prod() >= 0.025:
            assert shares.mean() >= least


def test_differences_as_if_not_paired():
    assert unpaired_difference(0.8, [0.5, 0.9], 0.5, None) == pytest.approx([0.0, 0.4])
    assert around_constant([-0.4, 0.4], 0.0, 60)[1] == pytest.approx(1 - 0.025 ** (1 / 60))
    assert around_constant([-0.01, 0.01], 0.0, 60) == [-0.01, 0.01]


def test_20_groups_are_enough_and_5_groups_from_the_end():
    assert is_few(19) and not is_few(20)
    assert is_near_end(0.96, 100) and is_near_end(0.04, 100) and not is_near_end(0.94, 100)
