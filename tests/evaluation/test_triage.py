"""pytest tests/evaluation/test_triage.py

Worklists by risk against hand counts and plain loops.
"""

import json
import math
import warnings

import numpy as np
import pytest

from cxr_fastai.evaluation.triage import (
    early_shares,
    npv_at,
    resampled_early_shares,
    triage_intervals,
    triage_metrics,
    work_removed,
    worklist,
)
from cxr_fastai.intervals.bootstrap import Resampling, interval
from cxr_fastai.intervals.interval_trees import interval_kinds

# Ten images by falling risk; four of them positive, the last one missed by a threshold of .35.
RISK = np.array([0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.05])


ILL = np.array([1, 1, 0, 1, 0, 0, 0, 1, 0, 0], bool)


def drawn(seed, n=80):
    rng = np.random.default_rng(seed)
    positive = rng.random(n) < 0.3
    return positive, np.round(rng.random(n) * 0.7 + 0.3 * positive, 2), rng.integers(0, n // 2, n)


def test_a_worklist_reads_the_highest_risk_first_and_equal_risks_as_they_came():
    assert worklist([0.2, 0.9, 0.2, 0.9, 0.5]).tolist() == [1, 3, 4, 0, 2]


@pytest.mark.parametrize(
    "parts,want",
    [
        ((0.25, 0.5), {"0.25": 2 / 4, "0.5": 3 / 4}),
        ((0.1,), {"0.1": 1 / 4}),
        ((0.3, 1), {"0.3": 2 / 4, "1": 1.0}),
    ],
)
def test_the_share_of_the_positive_in_the_first_part_is_counted(parts, want):
    shuffle = np.random.default_rng(0).permutation(10)
    assert early_shares(ILL[shuffle], RISK[shuffle], parts) == want


def test_without_positive_images_nothing_comes_early():
    assert early_shares([0, 0, 0], [0.1, 0.2, 0.3]) == {"0.25": None, "0.5": None}


def test_work_removed_equals_the_hand_count():
    found = work_removed(ILL, RISK, 0.35)
    at = found.pop("npv_at")
    assert found == dict(
        threshold=0.35,
        n=10,
        positives=4,
        prevalence=0.4,
        removed=0.4,
        sensitivity=3 / 4,
        specificity=3 / 6,
        npv=3 / 4,
        missed=1,
    )
    assert at["0.5"] == pytest.approx(0.5 / (0.5 + 0.25))


def test_an_image_at_the_threshold_is_read():
    assert work_removed([1, 0], [0.5, 0.2], 0.5)["missed"] == 0


@pytest.mark.parametrize(
    "threshold,want",
    [
        (0, dict(removed=0, npv=None, sensitivity=1, missed=0)),
        (2, dict(removed=1, npv=0.6, sensitivity=0, missed=4)),
    ],
)
def test_removing_nothing_and_removing_all_are_counted_too(threshold, want):
    found = work_removed(ILL, RISK, threshold)
    assert {k: found[k] for k in want} == want


@pytest.mark.parametrize("seed", range(3))
def test_npv_at_the_prevalence_of_the_images_is_their_npv(seed):
    positive, risk, _ = drawn(seed)
    found = work_removed(positive, risk, 0.5)
    assert npv_at(found["sensitivity"], found["specificity"], found["prevalence"]) == pytest.approx(
        found["npv"]
    )


def test_npv_at_another_prevalence_equals_counting_images_of_that_prevalence():
    rng = np.random.default_rng(0)
    positive = rng.random(400_000) < 0.1
    aside = np.where(
        positive, rng.random(400_000) < 0.2, rng.random(400_000) < 0.6
    )  # sensitivity .8, specificity .6
    assert npv_at(0.8, 0.6, 0.1) == pytest.approx((~positive[aside]).mean(), abs=0.002)


@pytest.mark.parametrize(
    "sensitivity,specificity,prevalence,want",
    [
        (1, 0.5, 0.9, 1),
        (0.9, 0, 0.5, 0),
        (1, 0, 0.5, None),
        (None, 0.5, 0.5, None),
        (0.5, None, 0.5, None),
        (0.5, 0.5, 0.2, 0.8),
    ],
)
def test_npv_is_undefined_only_where_nobody_is_laid_aside(
    sensitivity, specificity, prevalence, want
):
    assert npv_at(sensitivity, specificity, prevalence) == want


def test_laying_aside_blindly_has_the_npv_of_the_prevalence():
    for p in (0.05, 0.2, 0.5):
        assert npv_at(0.7, 0.3, p) == pytest.approx(1 - p)


@pytest.mark.parametrize("seed", range(3))
def test_early_shares_equal_a_plain_loop_over_the_resamples(seed):
    positive, risk, groups = drawn(seed)
    rs = Resampling(groups, 90, seed)
    want = [list(early_shares(positive[i], risk[i]).values()) for i in map(np.sort, rs.draws())]
    assert np.allclose(
        resampled_early_shares(rs, positive, risk),
        np.array(want, float),
        rtol=0,
        atol=1e-12,
        equal_nan=True,
    )


def test_intervals_equal_those_of_a_plain_loop():
    positive, risk, groups = drawn(1, n=400)
    rs, asked = Resampling(groups, 90), [dict(asked_sensitivity=0.98, threshold=0.4)]
    loop = [work_removed(positive[i], risk[i], 0.4) for i in rs.draws()]
    found = triage_intervals(rs, positive, risk, asked)["at"][0]
    aside, every = risk < 0.4, risk > -1
    sides = dict(sensitivity=positive, missed=positive, specificity=~positive, npv=aside)
    for k in ("prevalence", "removed", "sensitivity", "specificity", "npv", "missed"):
        n = len(set(groups[sides.get(k, every)]))
        assert found[k] == pytest.approx(interval([x[k] for x in loop], n)), k
    n = min(len(set(groups[positive])), len(set(groups[~positive])))
    assert found["npv_at"]["0.1"] == pytest.approx(interval([x["npv_at"]["0.1"] for x in loop], n))


def test_of_few_ill_groups_all_found_each_interval_is_exact():
    positive, risk = np.arange(107) < 7, np.where(np.arange(107) < 7, 0.9, 0.1)
    asked = [dict(asked_sensitivity=0.98, threshold=0.5)]
    found = triage_intervals(Resampling(range(107), 50), positive, risk, asked)["at"][0]
    low = 0.025 ** (1 / 7)
    assert found["sensitivity"] == pytest.approx([low, 1])
    assert found["missed"] == pytest.approx([0, 7 * (1 - low)])
    worst = npv_at(low, 0.025 ** (1 / 100), 0.1)
    assert found["npv_at"]["0.1"] == pytest.approx([worst, 1])
    assert set(interval_kinds(found)["npv_at"].values()) == {"exact"}


def test_metrics_and_intervals_are_strict_json_of_one_shape_even_where_nothing_is_defined():
    asked = [dict(asked_sensitivity=0.98, threshold=0.5), dict(asked_sensitivity=0.99, threshold=0)]
    for ill in (ILL, np.zeros(10, bool), np.ones(10, bool)):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            found = triage_metrics(ill, RISK, range(10), asked)
            spans = triage_intervals(Resampling(range(10), 20), ill, RISK, asked)
        assert json.loads(json.dumps([found, spans], allow_nan=False)) == [found, spans]
        assert spans["worklist"].keys() == found["worklist"].keys() and len(spans["at"]) == 2
        assert set(spans["at"][0]) == set(found["at"][0]) - {
            "asked_sensitivity",
            "threshold",
            "n",
            "positives",
        }


def test_the_first_part_of_a_list_is_its_rounded_up_share_of_images():
    for n in range(1, 40):
        assert early_shares(np.ones(n), np.arange(n), (0.1,))["0.1"] == pytest.approx(
            math.ceil(n / 10) / n
        )


def test_equal_risks_tell_nothing_whatever_order_the_images_come_in():
    positive, risk = np.arange(100) < 30, np.zeros(100)
    for order in (np.arange(100), np.arange(100)[::-1]):
        assert early_shares(positive[order], risk[order]) == pytest.approx(
            {"0.25": 0.25, "0.5": 0.5}
        )


def test_a_block_of_equal_risks_is_shared_in_the_mean_over_its_orders():
    rng = np.random.default_rng(0)
    positive, risk = rng.random(40) < 0.4, rng.integers(0, 4, 40)
    shuffled = [rng.permutation(40) for _ in range(4000)]
    broken = [
        early_shares(positive[p], -np.argsort(np.argsort(-risk[p], kind="stable")))
        for p in shuffled
    ]
    for part in ("0.25", "0.5"):
        assert early_shares(positive, risk)[part] == pytest.approx(
            np.mean([b[part] for b in broken]), abs=0.01
        )
