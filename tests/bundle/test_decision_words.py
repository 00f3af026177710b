"""Answers in words: the words follow the answer, and their numbers tell it.

python -m pytest tests/bundle/test_decision_words.py
"""

from dataclasses import replace

import numpy as np
import pytest
from toy_bundles import VOCAB

from cxr_fastai.bundle.decision_words import apart

SINGLE, MULTI = "single_label", "multi_label"
NORMAL = dict(negative="normal", threshold=0.8)
WORDS = [  # of covid_19, normal, tuberculosis
    (
        dict(decision=NORMAL),
        [0.35, 0.4, 0.25],
        "normal: risk 0.60 is below the threshold 0.80",
        0.8,
    ),
    (
        dict(decision=NORMAL),
        [0.6, 0.1, 0.3],
        "COVID-19: risk 0.90 reaches the threshold 0.80; "
        "the most probable of 2 other classes, 0.60",
        0.8,
    ),
    (
        dict(decision=NORMAL, thresholds={"covid_19": 0.7}),
        [0.6, 0.1, 0.3],
        "no answer: risk 0.90 reaches the threshold 0.80, but COVID-19, 0.60, "
        "is below its own threshold 0.70",
        0.8,
    ),
    (
        dict(decision=NORMAL, thresholds={"normal": 0.7}),
        [0.25, 0.5, 0.25],
        "no answer: risk 0.50 is below the threshold 0.80, but normal, 0.50, "
        "is below its own threshold 0.70",
        0.8,
    ),
    ({}, [0.61, 0.3, 0.09], "COVID-19: the most probable of 3 classes, 0.61", None),
    (
        dict(thresholds={"covid_19": 0.5}),
        [0.61, 0.3, 0.09],
        "COVID-19: the most probable of 3 classes, 0.61; 0.61 reaches its own threshold 0.50",
        0.5,
    ),
    (
        dict(thresholds={"covid_19": 0.7}),
        [0.61, 0.3, 0.09],
        "no answer: COVID-19, 0.61, is below its own threshold 0.70",
        0.7,
    ),
    (
        dict(task=MULTI, thresholds=dict(zip(VOCAB, (0.5, 0.3, 0.9)))),
        [0.7, 0.4, 0.8],
        "COVID-19: 0.70 reaches the threshold 0.50, normal: 0.40 reaches the threshold 0.30; "
        "1 other finding is below its threshold",
        None,
    ),
    (
        dict(task=MULTI, thresholds=dict(zip(VOCAB, (0.5, 0.3, 0.9)))),
        [0.1, 0.2, 0.7],
        "none of the findings: all 3 are below their thresholds; "
        "the nearest, normal, 0.20, is below the threshold 0.30",
        None,
    ),
    (
        dict(task=MULTI),
        [0.6, 0.2, 0.1],
        "COVID-19: 0.60 reaches the threshold 0.50 (not fixed on validation); "
        "2 other findings are below their thresholds",
        None,
    ),
]


def answer_of(loaded, changes, probs):
    meta = {**loaded.meta, "task": SINGLE, **changes}
    return replace(loaded, meta=meta).decide(np.array(probs, np.float32))


@pytest.mark.parametrize("changes, probs, words, threshold", WORDS)
def test_the_decision_says_what_it_follows_from(loaded, changes, probs, words, threshold):
    answer = answer_of(loaded, changes, probs)
    assert (answer.decision, answer.threshold) == (words, threshold)
    assert str(answer) == words


def test_a_prediction_holds_the_risk_that_its_words_name(loaded):
    answer = answer_of(loaded, dict(decision=NORMAL), [0.35, 0.4, 0.25])
    assert answer.risk == pytest.approx(0.6) and answer.label == "normal"
    assert answer_of(loaded, {}, [0.35, 0.4, 0.25]).risk is None


@pytest.mark.parametrize("threshold", [0.7, 0.8, 0.3, 1 / 3])
@pytest.mark.parametrize("step", [-1, 0, 1])
def test_the_words_never_contradict_the_answer_beside_a_threshold(loaded, threshold, step):
    """The risk and its float32 neighbours: which side was answered is what is said."""
    risk = np.float32(threshold)
    for _ in range(abs(step)):
        risk = np.nextafter(risk, np.float32(step), dtype=np.float32)
    changes = dict(decision=dict(negative="normal", threshold=threshold))
    answer = answer_of(loaded, changes, [risk, 1 - risk, 0])
    says_below = "is below the threshold" in answer.decision
    assert says_below == (answer.label == "normal")


@pytest.mark.parametrize(
    "value, threshold, words",
    [
        (0.401, 0.8, ("0.40", "0.80")),
        (0.7996, 0.8, ("0.7996", "0.8000")),
        (0.8, 0.8, ("0.80", "0.80")),
        (0.9, 0.0004, ("0.9000", "0.0004")),
        (0.9, 0.999, ("0.900", "0.999")),
        (0.5, 0.0, ("0.50", "0.00")),
    ],
)
def test_numbers_have_the_decimals_that_tell_them_apart(value, threshold, words):
    assert apart(value, threshold) == words
