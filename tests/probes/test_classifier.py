"""Cheap models: what they tell, and that no film is answered by a model that saw its group."""

import numpy as np
import pytest

from cxr_fastai.probes.classifier import LINEAR, TREE, deal_folds, fitted_scores, held_out_scores


def people(n, films=2):
    return [f"p{i // films}" for i in range(n * films)]


def test_folds_cut_no_group_and_hold_each_label():
    groups = people(60)
    labels = ["a" if i % 3 else "b" for i in range(60) for _ in range(2)]
    folds = deal_folds(labels, groups)
    assert set(folds) == {0, 1, 2, 3, 4}
    for group in set(groups):
        assert len({fold for fold, own in zip(folds, groups) if own == group}) == 1
    for label in "ab":
        counts = [sum((folds == k) & (np.array(labels) == label)) for k in range(5)]
        assert max(counts) - min(counts) <= 4
    assert np.array_equal(folds, deal_folds(labels, groups))
    assert not np.array_equal(folds, deal_folds(labels, groups, seed=1))


def test_too_few_groups_have_no_folds_and_no_scores():
    folds = deal_folds(["a", "b"] * 4, ["x", "y", "z", "w"] * 2)
    assert set(folds) == {-1}
    scores = held_out_scores(np.ones((8, 1)), np.arange(8) % 2 == 0, np.ones(8, bool), folds)
    assert np.isnan(scores).all()


@pytest.mark.parametrize("kind", [LINEAR, TREE])
def test_what_tells_is_told(kind):
    has = np.arange(100) % 2 == 0
    features = np.c_[has + np.random.default_rng(0).normal(0, 0.1, 100), np.zeros(100)]
    scores = held_out_scores(
        features, has, np.ones(100, bool), deal_folds(has.astype(str), people(50)), kind
    )
    assert scores[has].min() > scores[~has].max()


def test_a_group_is_never_answered_by_a_model_that_saw_it():
    """Each group has a mark of its own that tells its class: held out, it tells nothing."""
    rng = np.random.default_rng(0)
    has = np.repeat(rng.random(60) < 0.5, 2)
    marks = np.repeat(np.eye(60), 2, axis=0)
    scores = held_out_scores(
        marks, has, np.ones(120, bool), deal_folds(has.astype(str), people(60))
    )
    seen = fitted_scores(marks, has, np.ones(120, bool), marks)
    assert seen[has].min() > seen[~has].max()
    assert np.ptp(scores[:2]) == 0 and abs(scores[has].mean() - scores[~has].mean()) < 0.1


def test_unknown_films_are_not_fitted_on_and_one_side_is_no_model():
    has = np.r_[np.ones(5, bool), np.zeros(5, bool)]
    features = has[:, None].astype(float)
    assert fitted_scores(features, has, has, features) is None
    assert fitted_scores(features, has, np.ones(10, bool), features[:0]) is None
