"""pytest tests/cohort/test_attributes.py: how well one attribute alone tells a class"""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score
from toy_cohort import cohort_of, folder, row

from cxr_fastai.cohort.attributes import ATTRIBUTES, auroc_alone, score_attributes


@pytest.mark.parametrize("seed", range(5))
def test_the_auroc_of_one_attribute_equals_scikit_learn_on_its_prevalences(seed):
    rng = np.random.default_rng(seed)
    has, values = rng.random(80) < 0.3, rng.choice(list("uvwxyz"), 80)
    score = pd.Series(has).groupby(values).transform("mean")
    assert auroc_alone(has, values) == pytest.approx(roc_auc_score(has, score))


def test_no_ranking_by_one_attribute_is_better():
    rng = np.random.default_rng(1)
    has, values = rng.random(40) < 0.4, rng.integers(0, 3, 40)
    best = max(roc_auc_score(has, np.array(rank)[values]) for rank in np.ndindex(3, 3, 3))
    assert auroc_alone(has, values.astype(str)) == pytest.approx(best)


@pytest.mark.parametrize(
    "has,values,want",
    [
        ([1, 1], "xy", None),
        ([0, 0], "xy", None),
        ([], "", None),
        ([1, 0], "xy", 1),
        ([1, 0], "xx", 0.5),
    ],
)
def test_an_auroc_is_undefined_one_half_or_one(has, values, want):
    assert auroc_alone(np.array(has, bool), np.array(list(values), "<U1")) == want


def test_images_of_an_unknown_value_or_class_are_not_counted():
    rows = [
        row("a|b", sex="F"),
        row("b|?a", sex="M"),
        row("none", sex="M"),
        row("none|?b", sex="F"),
        row("a", sex=""),
    ]
    scores = score_attributes(cohort_of(folder(rows, task="multi_label", vocab="ab")))
    assert list(scores) == list(ATTRIBUTES) and list(scores["sex"]) == ["a", "b", "none"]
    # F has it and has not, M has not
    assert scores["sex"]["a"] == {"auroc": 0.75, "images": 1, "others": 2}


def test_a_value_that_only_unknown_images_have_is_left_out():
    rows = [row("a", view="PA"), row("none", view="AP"), row("?a", view="L")]
    with np.errstate(invalid="raise"):
        scores = score_attributes(cohort_of(folder(rows, task="multi_label", vocab="a")))
    assert scores["view"]["a"] == {"auroc": 1.0, "images": 1, "others": 1}


def test_an_age_group_by_source_counts_as_one_by_age():
    rows = [row("a", "kids"), row("b", "one", age="40"), row("a", "one", age="9")]
    scores = score_attributes(cohort_of(folder(rows)))
    assert scores["age_group"]["a"] == {"auroc": 1.0, "images": 2, "others": 1}
