"""Worklists by risk against hand counts and plain loops.
Run: python -m pytest tests/evaluation/test_triage.py"""

import json
import math
import warnings

import numpy as np
import pytest

from cxr_fastai.evaluation.bootstrap import Resampling, interval
from cxr_fastai.evaluation.triage import (
    early,
    early_in,
    npv_at,
    triage_intervals,
    triage_metrics,
    triage_rows,
    triage_words,
    work_removed,
    worklist,
)

# Ten images by falling risk; four of them positive, the last one missed by a threshold of .35.
RISK = np.array([0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.05])
ILL = np.array([1, 1, 0, 1, 0, 0, 0, 1, 0, 0], bool)


def drawn(seed, n=80):
    rng = np.random.default_rng(seed)
    positive = rng.random(n) < 0.3
    return positive, np.round(rng.random(n) * 0.7 + 0.3 * positive, 2), rng.integers(0, n // 2, n)


# ---- by hand


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
    assert early(ILL[shuffle], RISK[shuffle], parts) == want


def test_without_positive_images_nothing_comes_early():
    assert early([0, 0, 0], [0.1, 0.2, 0.3]) == {"0.25": None, "0.5": None}


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


# ---- NPV elsewhere


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


# ---- intervals


@pytest.mark.parametrize("seed", range(3))
def test_early_shares_equal_a_plain_loop_over_the_resamples(seed):
    positive, risk, groups = drawn(seed)
    rs = Resampling(groups, 90, seed)
    want = [list(early(positive[i], risk[i]).values()) for i in map(np.sort, rs.draws())]
    assert np.allclose(
        early_in(rs, positive, risk), np.array(want, float), rtol=0, atol=1e-12, equal_nan=True
    )


def test_intervals_equal_those_of_a_plain_loop():
    positive, risk, groups = drawn(1)
    rs, asked = Resampling(groups, 90), [dict(asked_sensitivity=0.98, threshold=0.4)]
    loop = [work_removed(positive[i], risk[i], 0.4) for i in rs.draws()]
    found = triage_intervals(rs, positive, risk, asked)["at"][0]
    for k in ("prevalence", "removed", "sensitivity", "specificity", "npv", "missed"):
        assert found[k] == pytest.approx(
            interval([np.nan if x[k] is None else x[k] for x in loop])
        ), k
    assert found["npv_at"]["0.1"] == pytest.approx(interval([x["npv_at"]["0.1"] for x in loop]))


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


# ---- in words


def said(sensitivity, limits, missed=1, asked=0.98):
    found = triage_metrics(ILL, RISK, range(10), [dict(asked_sensitivity=asked, threshold=0.35)])
    found["at"][0].update(sensitivity=sensitivity, missed=missed)
    return triage_words(found, dict(at=[dict(sensitivity=limits)]), "not Normal")[1]


@pytest.mark.parametrize(
    "sensitivity,limits,missed,right,says",
    [
        (
            0.985,
            [0.981, 0.99],
            5,
            True,
            "sensitivity of 98 % keeps it here: 98.5 % (98.1 to 99.0).",
        ),
        (
            0.985,
            [0.95, 0.99],
            5,
            True,
            "keeps it here: 98.5 % (95.0 to 99.0), though the interval reaches below it.",
        ),
        (1.0, [1.0, 1.0], 0, True, "none missed in 4 groups still allows about 75.0 % elsewhere."),
        (
            0.96,
            [0.94, 0.97],
            5,
            False,
            "does not keep it here: 96.0 % (94.0 to 97.0), all of the interval below it.",
        ),
        (
            0.96,
            [0.94, 0.99],
            5,
            False,
            "does not keep it here: 96.0 % (94.0 to 99.0), though the interval reaches it.",
        ),
        (0.96, None, 5, False, "does not keep it here: 96.0 %"),
    ],
)
def test_a_threshold_that_does_not_keep_its_sensitivity_is_told(
    sensitivity, limits, missed, right, says
):
    found, words = said(sensitivity, limits, missed)
    assert found is right and says in words


def test_how_early_the_positive_come_is_told_beside_the_best_order():
    found = triage_metrics(ILL, RISK, range(10))
    ((right, words),) = triage_words(
        found, triage_intervals(Resampling(range(10), 50), ILL, RISK), "not Normal"
    )
    assert (
        right
        and "Of those who are not Normal, the first 25 % of the worklist hold 50.0 % (" in words
    )
    assert "), at best 75.0 %; the first 50 %" in words and words.endswith(
        "In random order it is 25 % and 50 %."
    )
    assert not triage_words(triage_metrics(~(RISK > 0), RISK, range(10)), {}, "not Normal")


def test_the_table_has_a_column_an_asked_sensitivity():
    asked = [dict(asked_sensitivity=s, threshold=t) for s, t in ((0.98, 0.35), (0.995, 0.15))]
    rows = triage_rows(
        triage_metrics(ILL, RISK, range(10), asked),
        triage_intervals(Resampling(range(10)), ILL, RISK, asked),
    )
    assert rows[0] == ("asked sensitivity", "98 %", "99.5 %") and {len(r) for r in rows} == {3}
    missed = dict((r[0], r[1:]) for r in rows)["missed"]
    assert missed[0].startswith("1 of 4 (0 to ") and missed[1].startswith("0 of 4 (0 to 0)")
    assert [r[0] for r in rows][-1] == "NPV at a prevalence of 50 %" and not triage_rows(
        dict(at=[]), {}
    )


def test_the_first_part_of_a_list_is_its_rounded_up_share_of_images():
    for n in range(1, 40):
        assert early(np.ones(n), np.arange(n), (0.1,))["0.1"] == pytest.approx(
            math.ceil(n / 10) / n
        )


def test_equal_risks_tell_nothing_whatever_order_the_images_come_in():
    positive, risk = np.arange(100) < 30, np.zeros(100)
    for order in (np.arange(100), np.arange(100)[::-1]):
        assert early(positive[order], risk[order]) == pytest.approx({"0.25": 0.25, "0.5": 0.5})


def test_a_block_of_equal_risks_is_shared_in_the_mean_over_its_orders():
    rng = np.random.default_rng(0)
    positive, risk = rng.random(40) < 0.4, rng.integers(0, 4, 40)
    shuffled = [rng.permutation(40) for _ in range(4000)]
    broken = [
        early(positive[p], -np.argsort(np.argsort(-risk[p], kind="stable"))) for p in shuffled
    ]
    for part in ("0.25", "0.5"):
        assert early(positive, risk)[part] == pytest.approx(
            np.mean([b[part] for b in broken]), abs=0.01
        )
