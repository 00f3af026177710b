"""pytest tests/bundle/test_conformal_scores.py

What a bundle keeps of validation: one score a patient, and nothing that is no calibration is taken
for one.
"""

import numpy as np
import pytest
from toy_bundles import META, meta_of, picture, restate

from cxr_fastai.bundle.conformal_scores import calibration_scores, is_calibration
from cxr_fastai.bundle.store import load_bundle, save_bundle
from cxr_fastai.core import IntegrityError

VOCAB = ["covid_19", "normal", "viral"]


def test_a_patient_counts_once_by_the_film_that_fits_worst():
    probs = np.array([[0.9, 0.1, 0], [0.2, 0.8, 0], [0.7, 0.3, 0]])
    record = calibration_scores(probs, np.zeros(3, int), VOCAB, ["a", "a", "b"], ["x", "x", "y"])
    of_class = record["scores"]["class"]["covid_19"]
    assert of_class["groups"] == 2 and of_class["scores"] == pytest.approx([0.3, 0.8], abs=2e-6)
    assert record["sources"] == {"x": 1, "y": 1}


@pytest.mark.parametrize(
    "spoil",
    [
        {"scores": {}},
        {"scores": {"present": {}}},
        {"scores": {"class": {"a": {"groups": 2, "scores": [0.5]}}}},
        {"scores": {"class": {"a": {"groups": 2, "scores": [0.5, 0.1]}}}},
        {"scores": {"class": {"a": {"groups": 1, "scores": [2]}}}},
        {"scores": {"class": {"a": {"groups": True, "scores": [0.1]}}}},
        {"sources": {"x": -1}},
        {"sources": []},
    ],
)
def test_what_is_no_calibration_is_told(spoil):
    good = {"sources": {"x": 1}, "scores": {"class": {"a": {"groups": 1, "scores": [0.5]}}}}
    assert is_calibration(good) and not is_calibration({**good, **spoil})
    assert not is_calibration([])


KEPT = {"groups": 1, "scores": [0.5]}
OF_OTHERS = {
    "is 3, expected": 3,
    "names 'flu'": {"sources": {}, "scores": {"class": {"flu": KEPT}}},
    "is of another task": {"sources": {}, "scores": {"present": {}, "absent": {}}},
}


@pytest.mark.parametrize("says", OF_OTHERS)
def test_a_bundle_with_a_wrong_calibration_is_refused(copied, says):
    restate(copied, conformal=OF_OTHERS[says])
    with pytest.raises(IntegrityError, match=f"key 'conformal' {says}"):
        load_bundle(copied)


def test_a_bundle_keeps_it_and_answers_by_it(net, tmp_path):
    scores = [round(0.05 * i, 6) for i in range(1, 20)]
    of_class = dict.fromkeys(META["vocab"], {"groups": 19, "scores": scores})
    record = {"sources": {"here": 57}, "scores": {"class": of_class}}
    bundle = load_bundle(save_bundle(tmp_path / "b", net, {**META, "conformal": record}), "cpu")
    assert meta_of(tmp_path / "b")["conformal"] == record
    answer = bundle.predict(picture(), coverage=0.95)
    assert answer.prediction_set.classes == tuple(META["vocab"]), "the last score is .95"
    assert answer.decision.endswith("; at 95 % coverage COVID-19 or normal or tuberculosis")
    assert bundle.predict(picture()).prediction_set is None
