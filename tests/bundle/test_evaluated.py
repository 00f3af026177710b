"""pytest tests/bundle/test_evaluated.py

Numbers of metrics.json in words, and none of another model.
"""

import pytest

from cxr_fastai.bundle.evaluated import check_same_model, number_words, numbers_of, opening_of
from cxr_fastai.core import UsageError

REPORT = {
    "split": "test",
    "n": 1,
    "groups": 1,
    "metrics": {"accuracy": 1.0, "macro_auroc": None, "per_class": {}, "n": 1},
    "intervals": {"metrics": {"accuracy": None}},
    "about": {"weights (SHA-256)": "a" * 64},
}


def test_numbers_without_an_interval_or_a_floor_stand_alone_and_null_is_none():
    [number] = numbers_of(REPORT)
    assert number_words(number) == "accuracy: 1.000" and number.hub == "accuracy"
    assert opening_of(REPORT) == "1 image of 1 patient or group, split test."


def test_floors_and_intervals_stand_beside():
    report = {
        **REPORT,
        "intervals": {"metrics": {"accuracy": [0.5, 1.0]}},
        "floors": {"majority": {"accuracy": 0.25}, "pixels": {"accuracy": 0.5}},
    }
    [number] = numbers_of(report)
    assert number_words(number) == "accuracy: 1.000 (0.500 to 1.000); majority floor 0.250"


@pytest.mark.parametrize("about", [None, {}, {"weights (SHA-256)": "b" * 64}])
def test_numbers_of_other_weights_are_refused(about):
    check_same_model({"weights_sha256": "a" * 64}, REPORT)
    with pytest.raises(UsageError, match="these numbers are of weights .*, the bundle has aaaa"):
        check_same_model({"weights_sha256": "a" * 64}, {**REPORT, "about": about})
