"""pytest tests/evaluation/test_questions.py

Which yes or no questions a report's answers come to.
"""

import numpy as np

from cxr_fastai.evaluation.predictions import Predictions
from cxr_fastai.evaluation.questions import class_questions, decided_question, finding_questions

NAMES = {"a": "A", "b": "B", "c": "C"}
PROBS = np.array([[0.2, 0.3, 0.5], [0.6, 0.3, 0.1]])
FOUND = Predictions([{}, {}], np.array([2, 0]), PROBS, PROBS.argmax(1))
DECISION = {"negative": "a", "threshold": 0.4}


def test_a_decision_asks_whether_an_image_is_not_negative():
    own = decided_question(FOUND, PROBS, NAMES, DECISION)
    assert (own.slug, own.name, own.threshold) == ("not_a", "not A", 0.4)
    assert own.positive.tolist() == [True, False] and np.allclose(own.probs, [0.8, 0.4])
    assert np.allclose(own.before, own.probs) and own.known.all()


def test_without_a_decision_there_is_none_and_each_class_is_asked():
    assert decided_question(FOUND, PROBS, NAMES, {}) is None
    asked = class_questions(FOUND, PROBS, NAMES, None)
    assert [each.slug for each in asked] == ["a", "b", "c"]
    assert [each.positive.tolist() for each in asked][2] == [True, False]


def test_of_two_classes_the_decision_says_all():
    two = {"a": "A", "b": "B"}
    found = Predictions([{}], np.array([1]), np.array([[0.3, 0.7]]), np.array([1]))
    decided = decided_question(found, found.probs, two, DECISION)
    assert class_questions(found, found.probs, two, decided) == [decided]
    three = decided_question(FOUND, PROBS, NAMES, DECISION)
    assert len(class_questions(FOUND, PROBS, NAMES, three)) == 4


def test_a_finding_is_asked_where_it_is_known():
    found = Predictions([{}, {}], np.array([[1, np.nan], [0, 1]]), PROBS[:, :2], PROBS[:, :2] > 0.5)
    names = {"a": "A", "b": "B"}
    first, second = finding_questions(found, found.probs, names, [(0.3, True), (0.5, False)])
    assert first.known.all() and second.known.tolist() == [False, True]
    assert (first.threshold, first.is_fixed, second.is_fixed) == (0.3, True, False)
