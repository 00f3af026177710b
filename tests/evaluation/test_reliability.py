"""pytest tests/evaluation/test_reliability.py

Brier, ECE and bins, whole and within source, before and after temperature.
"""

import json

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss
from toy_closer import drawn, events, found

from cxr_fastai.evaluation.reliability import Events, reliability_of
from cxr_fastai.intervals.bootstrap import Resampling

N = 400


def test_brier_is_scikit_learns():
    probs, happened = drawn()
    assert found(probs, happened).after.brier == pytest.approx(brier_score_loss(happened, probs))


def test_faultless_probabilities_have_the_error_of_chance_alone():
    errors = [found(*drawn(seed, 200)).after for seed in range(30)]
    mean = np.mean([each.ece for each in errors])
    assert mean == pytest.approx(np.mean([each.ece_by_chance for each in errors]), rel=0.15)


def test_overconfident_probabilities_are_further_off_than_chance():
    probs, happened = drawn()
    sure = np.where(probs > 0.5, 0.99, 0.01)
    off = found(sure, happened, before=probs)
    assert off.after.ece > 3 * off.after.ece_by_chance and off.before.ece < off.after.ece


def test_bins_hold_equally_many_and_equal_probabilities_stay_together():
    probs, happened = drawn()
    assert [each.images for each in found(probs, happened).after.bins] == [40] * 10
    tied = found(np.where(np.arange(N) % 4, 0.3, 0.8), happened).after.bins
    assert [(each.prob, each.images) for each in tied] == [
        (pytest.approx(0.3), 300),
        (pytest.approx(0.8), 100),
    ]


def test_what_is_not_known_counts_nowhere():
    probs, happened = drawn()
    known = np.arange(N) % 2 == 0
    part = events(probs, happened)
    part = Events("x", part.happened, known[:, None], part.after, part.before, part.happened)
    half = reliability_of(part, ["s"] * N, 1, Resampling(range(N), 50, 0)).after
    assert half.brier == pytest.approx(brier_score_loss(happened[known], probs[known]))


def test_each_source_has_its_own_and_few_groups_are_said():
    probs, happened = drawn()
    sources = ["small"] * 10 + ["large"] * (N - 10)
    large, small = found(probs, happened, sources=sources).by_source
    assert (large.source, large.too_few) == ("large", False)
    assert (small.images, small.too_few) == (10, True)
    assert large.after.brier == pytest.approx(brier_score_loss(happened[10:], probs[10:]))


def test_all_of_it_is_strict_json():
    numbers = found(*drawn()).to_dict()
    assert json.loads(json.dumps(numbers, allow_nan=False))["temperature"] == 1.5
