"""pytest tests/evaluation/test_arrays.py

What is no array of the right shape is refused in one line.
"""

import numpy as np
import pytest

from cxr_fastai.core import UsageError
from cxr_fastai.evaluation.arrays import (
    class_answers,
    class_indices,
    class_probs,
    finding_arrays,
    finding_targets,
    source_names,
)

AB = ["a", "b"]
PROBS = np.array([[0.9, 0.1], [0.5, 0.5], [0.2, 0.8]])


def test_arrays_that_fit_are_given_back():
    assert class_indices([0, 1, 1], AB).tolist() == [0, 1, 1]
    assert np.array_equal(class_probs(PROBS.tolist(), 3, AB), PROBS)
    labels, probs, answers = finding_arrays([[1, np.nan]] * 3, PROBS, PROBS > 0.3, AB)
    assert labels.dtype == float and np.isnan(labels[:, 1]).all()
    assert np.array_equal(probs, PROBS) and answers.dtype == bool


def test_answers_are_the_given_ones_or_the_most_probable_and_earlier_on_a_tie():
    assert class_answers(None, PROBS).tolist() == [0, 0, 1]
    assert class_answers([1, 1, 0], PROBS).tolist() == [1, 1, 0]


def test_sources_are_names_whatever_they_are():
    assert source_names([1, "x", None], 3).tolist() == ["1", "x", "None"]


@pytest.mark.parametrize(
    "check,says",
    [
        (lambda: class_indices([], AB), "targs has shape (0,): expected (n,) with n > 0."),
        (lambda: class_indices([0, 2], AB), "whole numbers from 0 to 1; received [0, 2], .."),
        (lambda: class_indices([0.0], AB), "targs must be indices into vocab"),
        (lambda: class_probs(PROBS, 2, AB), "probs has shape (3, 2): expected (2, 2)"),
        (lambda: class_probs(PROBS * np.nan, 3, AB), "3 of 3 rows are not finite numbers"),
        (lambda: class_answers([0], PROBS), "preds has shape (1,): expected (3,)"),
        (lambda: finding_targets([[1]], AB), "targs has shape (1, 1): expected (n, 2)"),
        (lambda: finding_targets([[1, 2]], AB), "targs holds 2: expected 1 present"),
        (lambda: finding_targets([[np.nan] * 2], AB), "no label that is known"),
        (lambda: finding_arrays([[0, 1]], PROBS, PROBS, AB), "probs has shape (3, 2)"),
        (lambda: finding_arrays([[0, 1]], PROBS[:1], PROBS, AB), "found has shape (3, 2)"),
        (lambda: finding_arrays([[0, 1]], [[0, np.inf]], [[0, 1]], AB), "1 of 1 rows are not"),
        (lambda: source_names(["s"], 2), "sources has 1 names for 2 images"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(check, says):
    with pytest.raises(UsageError) as e:
        check()
    assert says in str(e.value) and "\n" not in str(e.value)
