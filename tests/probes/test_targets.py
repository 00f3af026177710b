"""Classes to be told, and how well scores tell them."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from cxr_fastai.probes.classifier import TREE
from cxr_fastai.probes.targets import class_targets, told_by, told_of, value_targets

N = 80
HAS = np.arange(N) % 2 == 0
NONE_UNKNOWN = np.zeros(N, bool)


def targets(groups=None, has=None, unknown=None):
    has = has or {"a": HAS, "b": ~HAS}
    labels = ["a" if own else "b" for own in HAS]
    groups = groups or [f"g{i}" for i in range(N)]
    return class_targets(labels, has, unknown or dict.fromkeys(has, NONE_UNKNOWN), groups)


def test_the_auroc_is_that_of_scikit_learn_and_lies_in_its_interval():
    scores = np.random.default_rng(0).normal(HAS * 1.0, 1).round(1)
    told = told_of({"a": scores}, targets())
    assert told.auroc == pytest.approx(roc_auc_score(HAS, scores))
    low, high = told.interval
    assert low < told.auroc < high and told.groups == 40 and told.films == N


def test_of_two_classes_that_exclude_each_other_one_is_asked():
    assert targets().judged == ["a"]
    three = {"a": HAS, "b": ~HAS & (np.arange(N) % 4 == 1), "c": np.arange(N) % 4 == 3}
    assert targets(has=three).judged == ["a", "b", "c"]


def test_a_class_of_too_few_groups_is_left_out_by_name():
    few = {"a": HAS, "rare": np.arange(N) < 19}
    got = told_by(np.c_[HAS, HAS].astype(float), targets(has=few))
    assert got.left_out == ["rare"] and list(got.per_class) == ["a"]
    twelve_patients = targets(groups=[f"g{i % 12}" for i in range(N)])
    nothing = told_by(HAS[:, None].astype(float), twelve_patients)
    assert nothing.auroc is None and nothing.interval is None and nothing.left_out == ["a", "b"]


def test_a_feature_that_is_the_same_for_all_films_tells_nothing_by_definition():
    """Folds of unequal shares would make .49 of it, with an interval of no width."""
    uneven = {"a": np.arange(N) < 33, "b": np.arange(N) >= 33}
    got = told_by(np.full((N, 3), 128.0), targets(has=uneven), TREE)
    assert (got.auroc, got.interval, got.is_same) == (0.5, [0.5, 0.5], True)
    assert got.per_class == {"a": 0.5}
    assert not told_by(HAS[:, None].astype(float), targets()).is_same


def test_films_of_which_nobody_knows_do_not_count():
    unknown = {"a": np.arange(N) >= 70, "b": np.arange(N) >= 70}
    scores = np.where(np.arange(N) >= 70, ~HAS, HAS).astype(float)
    assert told_of({"a": scores}, targets(unknown=unknown)).auroc == 1


def test_the_values_of_a_column_are_told_where_they_are_known():
    values = ["x" if own else "y" for own in HAS]
    values[:4] = [""] * 4
    got = told_by(HAS[:, None].astype(float), value_targets(values, [f"g{i}" for i in range(N)]))
    assert got.auroc == 1 and got.groups == 38
