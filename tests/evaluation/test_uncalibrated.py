"""pytest tests/evaluation/test_uncalibrated.py

Temperature and offsets are undone.
"""

import numpy as np
import pytest

from cxr_fastai.core import Task
from cxr_fastai.evaluation.uncalibrated import before_calibration, temperature_of

META = {"temperature": 2.5, "offsets": {"b": 0.7}}
LOGITS = np.random.default_rng(0).normal(0, 4, (50, 3))
OFFSETS = np.array([0, 0.7, 0])


def softmax(x):
    shares = np.exp(x - x.max(1, keepdims=True))
    return shares / shares.sum(1, keepdims=True)


def test_of_one_class_an_image():
    probs = softmax(LOGITS / 2.5 + OFFSETS)
    raw = before_calibration(probs, META, "abc", Task.SINGLE_LABEL)
    assert raw == pytest.approx(softmax(LOGITS))


def test_of_several_findings():
    probs = 1 / (1 + np.exp(-(LOGITS / 2.5 + OFFSETS)))
    raw = before_calibration(probs, META, "abc", Task.MULTI_LABEL)
    assert raw == pytest.approx(1 / (1 + np.exp(-LOGITS)))


def test_a_bundle_that_says_nothing_changed_nothing():
    probs = softmax(LOGITS)
    assert before_calibration(probs, {}, "abc", Task.SINGLE_LABEL) == pytest.approx(probs)
    assert temperature_of({}) == 1


def test_certain_probabilities_stay_numbers():
    certain = np.array([[1.0, 0.0, 0.0]])
    for task in Task:
        assert np.isfinite(before_calibration(certain, META, "abc", task)).all()


def test_of_several_networks_nothing_is_known():
    meta = {"temperature": float("nan")}
    assert temperature_of(meta) is None
    assert np.isnan(before_calibration(softmax(LOGITS), meta, "abc", Task.SINGLE_LABEL)).all()
