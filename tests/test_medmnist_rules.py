"""pytest tests/test_medmnist_rules.py

The evaluator's rules, by hand. (They gave the same numbers as `getAUC` and `getACC` of the package
medmnist 3.0.2 on 300 draws of each task.)
"""

from pathlib import Path

import numpy as np
import pytest

from cxr_fastai.core import UsageError


@pytest.fixture
def rules(monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parents[1] / "benchmarks")
    import medmnist_rules

    return medmnist_rules


def test_of_two_classes_the_second_ones_probability_at_a_half(rules):
    truth = np.array([0, 0, 1, 1])
    scores = np.array([[0.9, 0.1], [0.3, 0.7], [0.5, 0.5], [0.2, 0.8]])
    assert rules.auc(truth, scores) == 3 / 4
    assert rules.acc(truth, scores) == 2 / 4, "a half itself is no yes"


def test_of_more_classes_the_mean_of_each_against_the_rest(rules):
    truth = np.array([0, 1, 2, 2])
    scores = np.array([[0.6, 0.2, 0.2], [0.3, 0.4, 0.3], [0.5, 0.1, 0.4], [0.1, 0.2, 0.7]])
    assert rules.auc(truth, scores) == pytest.approx((1 + 1 + 1) / 3)
    assert rules.acc(truth, scores) == 3 / 4
    swapped = scores[:, [1, 0, 2]]
    # class 0 by 0.2 among 0.4, 0.1, 0.2: 1.5 of 3; class 1 by 0.3 among 0.6, 0.5, 0.1: 1 of 3
    assert rules.auc(truth, swapped) == pytest.approx((0.5 + 1 / 3 + 1) / 3)


def test_of_several_findings_the_mean_over_them(rules):
    truth = np.array([[1, 0], [0, 0], [1, 1], [0, 0]])
    scores = np.array([[0.6, 0.6], [0.7, 0.1], [0.9, 0.4], [0.2, 0.1]])
    # first: 0.6 and 0.9 among 0.7 and 0.2: 3 of 4; second: 0.4 among 0.6, 0.1, 0.1: 2 of 3
    assert rules.auc(truth, scores) == pytest.approx((3 / 4 + 2 / 3) / 2)
    assert rules.acc(truth, scores) == (3 / 4 + 2 / 4) / 2


def _wins(is_positive, scores):
    "The Mann-Whitney count: pairs in the right order, ties half."
    pairs = scores[is_positive][:, None] - scores[~is_positive][None]
    return ((pairs > 0) + (pairs == 0) / 2).mean()


@pytest.mark.parametrize("classes", [2, 3, 5])
def test_drawn_arrays_by_the_packages_formulas(rules, classes):
    "getAUC and getACC of medmnist 3.0.2, derived by hand: pairs and counts."
    rng = np.random.default_rng(classes)
    for _ in range(20):
        truth = rng.permutation(np.arange(60) % classes)
        scores = rng.dirichlet(np.ones(classes), 60).round(1)  # with ties
        if classes == 2:
            expected = _wins(truth == 1, scores[:, 1])
            right = sum((score > 0.5) == bool(y) for y, score in zip(truth, scores[:, 1]))
        else:
            expected = np.mean([_wins(truth == i, scores[:, i]) for i in range(classes)])
            right = sum(list(row).index(max(row)) == y for y, row in zip(truth, scores))
        assert rules.auc(truth, scores) == pytest.approx(expected)
        assert rules.acc(truth, scores) == pytest.approx(right / 60)


def test_drawn_findings_by_the_packages_formulas(rules):
    rng = np.random.default_rng(0)
    for _ in range(20):
        truth = rng.permuted(np.arange(50)[:, None] % np.array([2, 3, 7]) == 0, axis=0).astype(int)
        scores = rng.random((50, 3)).round(1)
        areas = [_wins(truth[:, i] == 1, scores[:, i]) for i in range(3)]
        right = [np.mean((scores[:, i] > 0.5) == truth[:, i]) for i in range(3)]
        assert rules.auc(truth, scores) == pytest.approx(np.mean(areas))
        assert rules.acc(truth, scores) == pytest.approx(np.mean(right))


def test_an_array_without_a_class_has_no_auc_and_says_so(rules):
    with pytest.raises(UsageError, match="not defined"):
        rules.auc(np.zeros(4, int), np.full((4, 2), 0.5))
    with pytest.raises(UsageError, match="not defined"):
        rules.auc(np.array([[1, 0], [1, 1]]), np.full((2, 2), 0.5))


def test_a_score_stands_in_its_interval(rules):
    truth = np.array([0] * 20 + [1] * 20)
    risk = np.r_[np.linspace(0.05, 0.6, 20), np.linspace(0.4, 0.9, 20)]
    found = rules.scored(truth, np.stack([1 - risk, risk], 1), [str(i) for i in range(40)])
    for key in ("auc", "acc"):
        low, high = found[f"{key}_interval"][:2]
        assert low < found[key] < high
