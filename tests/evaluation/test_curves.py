"""pytest tests/evaluation/test_curves.py

ROC, precision-recall and net benefit beside scikit-learn and plain loops.
"""

import json

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve
from toy_closer import question

from cxr_fastai.evaluation.curves import GRID, THRESHOLDS, benefit_of, curve_of
from cxr_fastai.evaluation.questions import Question
from cxr_fastai.intervals.bootstrap import Resampling

N = 150


@pytest.fixture(scope="module")
def asked():
    return question(), Resampling([i // 2 for i in range(N)], 400, 0)


def test_the_roc_curve_is_scikit_learns_at_each_place(asked):
    own, resampling = asked
    fpr, tpr, _ = roc_curve(own.positive[own.known], own.probs[own.known], drop_intermediate=False)
    highest = [tpr[fpr <= x + 1e-9].max() for x in GRID]
    assert curve_of(own, resampling).roc.y == pytest.approx(highest)


def test_precision_is_that_of_the_first_threshold_of_each_recall(asked):
    own, resampling = asked
    y, p = own.positive[own.known], own.probs[own.known]
    expected = []
    for recall in GRID[1:]:
        cut = max(t for t in p if y[p >= t].sum() >= recall * y.sum() - 1e-9)
        expected.append(y[p >= cut].mean())
    assert curve_of(own, resampling).precision_recall.y == pytest.approx(expected)


def test_areas_and_dot_are_those_of_what_is_known(asked):
    own, resampling = asked
    y, p = own.positive[own.known], own.probs[own.known]
    curve = curve_of(own, resampling)
    assert curve.auroc == pytest.approx(roc_auc_score(y, p))
    assert curve.ap == pytest.approx(average_precision_score(y, p))
    yes = p >= 0.5
    assert curve.dot == pytest.approx((yes[~y].mean(), yes[y].mean(), y[yes].mean()))


def test_bands_are_those_of_a_loop_over_the_resamples(asked):
    own, resampling = asked
    drawn = []
    for images in resampling.draws():
        images = images[own.known[images]]
        fpr, tpr, _ = roc_curve(own.positive[images], own.probs[images], drop_intermediate=False)
        drawn.append([tpr[fpr <= x + 1e-9].max() for x in GRID])
    low, high = np.percentile(drawn, (2.5, 97.5), axis=0)
    line = curve_of(own, resampling).roc
    assert line.low == pytest.approx(low) and line.high == pytest.approx(high)


def test_net_benefit_is_its_formula(asked):
    own, resampling = asked
    y, p = own.positive[own.known], own.probs[own.known]
    found = benefit_of(own, resampling)
    for i in (0, 30, 60, 98):
        t = THRESHOLDS[i]
        yes = p >= t
        worth = ((yes & y).sum() - (yes & ~y).sum() * t / (1 - t)) / len(y)
        assert found.model.y[i] == pytest.approx(worth)
        assert found.treat_all[i] == pytest.approx(y.mean() - (1 - y.mean()) * t / (1 - t))


def test_below_20_groups_there_is_no_band():
    few = Resampling([i // 15 for i in range(N)], 50, 0)
    assert curve_of(question(), few).roc.low is None
    assert benefit_of(question(), few).model.high is None


def test_without_two_sides_there_is_no_curve():
    lone = question()
    of_one = Question("x", "X", np.ones(N, bool), lone.known, lone.probs, lone.before)
    resampling = Resampling(range(N), 20, 0)
    assert curve_of(of_one, resampling) is None and benefit_of(of_one, resampling) is None


def test_many_scores_are_cut_at_quantiles_and_stay_near():
    many = question(1, 3000)
    exact = Question("x", "X", many.positive, many.known, np.random.default_rng(3).random(3000) * 0.2
                     + many.probs * 0.8, many.before)  # fmt: skip
    curve = curve_of(exact, Resampling(range(3000), 20, 0))
    fpr, tpr, _ = roc_curve(exact.positive[exact.known], exact.probs[exact.known])
    assert np.abs(curve.roc.y - np.interp(GRID, fpr, tpr)).max() < 0.02


def test_all_of_it_is_strict_json(asked):
    curve = curve_of(*asked)
    assert json.loads(json.dumps(curve.to_dict(), allow_nan=False))["roc"]["x"] == GRID.tolist()
    json.dumps(benefit_of(*asked).to_dict(), allow_nan=False)
