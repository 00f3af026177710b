"""pytest tests/evaluation/test_triage_words.py

A worklist in words: each sentence follows from its numbers.
"""

import numpy as np
import pytest

from cxr_fastai.evaluation.triage import triage_intervals, triage_metrics
from cxr_fastai.evaluation.triage_words import triage_rows, triage_words
from cxr_fastai.intervals.bootstrap import Resampling

# Ten images by falling risk; four of them positive, the last one missed by a threshold of .35.
RISK = np.array([0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.05])


ILL = np.array([1, 1, 0, 1, 0, 0, 0, 1, 0, 0], bool)


def said(sensitivity, limits, missed=1, asked=0.98, groups=40):
    found = triage_metrics(ILL, RISK, range(10), [dict(asked_sensitivity=asked, threshold=0.35)])
    found["positive_groups"] = groups
    found["at"][0].update(sensitivity=sensitivity, missed=missed)
    return triage_words(found, dict(at=[dict(sensitivity=limits)]), "not Normal", 10)[1]


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
        (1.0, [0.912, 1.0], 0, True, "none missed in 40 groups still allows 8.8 % elsewhere."),
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
    intervals = triage_intervals(Resampling(range(10), 50), ILL, RISK)
    ((right, words),) = triage_words(found, intervals, "not Normal", 10)
    assert (
        right
        and "Of those who are not Normal, the first 25 % of the worklist hold 50.0 % (" in words
    )
    assert "), at best 75.0 %; the first 50 %" in words
    assert not triage_words(triage_metrics(~(RISK > 0), RISK, range(10)), {}, "not Normal", 10)


@pytest.mark.parametrize(
    "n,says",
    [
        (10, "In random order it is 30 % and 50 %."),  # the first 25 % of 10 images are 3
        (200, "In random order it is 25 % and 50 %."),
        (11, "In random order it is 27.3 % and 54.5 %."),
    ],
)
def test_a_random_order_reaches_the_share_of_images_that_a_part_holds(n, says):
    positive = np.arange(n) < 3
    found = triage_metrics(positive, -np.arange(n), range(n))
    ((_, words),) = triage_words(found, {}, "not Normal", n)
    assert words.endswith(says)


def test_without_an_interval_nothing_is_said_of_one():
    _, words = said(0.96, None, 5)
    assert words.endswith("does not keep it here: 96.0 %.")
    assert said(0.985, None, 5)[1].endswith("keeps it here: 98.5 %.")


@pytest.mark.parametrize("sensitivity", [0.96, 0.985, 1.0])
def test_whether_few_groups_keep_a_sensitivity_is_not_told(sensitivity):
    found, words = said(sensitivity, [0.6, 1.0], 0, groups=19)
    assert not found and words.startswith("Too few to tell whether the threshold")
    assert "(60.0 to 100.0) of 19 groups here." in words


def test_the_table_has_a_column_an_asked_sensitivity():
    asked = [dict(asked_sensitivity=s, threshold=t) for s, t in ((0.98, 0.35), (0.995, 0.15))]
    rows = triage_rows(
        triage_metrics(ILL, RISK, range(10), asked),
        triage_intervals(Resampling(range(10)), ILL, RISK, asked),
    )
    assert rows[0] == ("asked sensitivity", "98 %", "99.5 %") and {len(r) for r in rows} == {3}
    missed = dict((r[0], r[1:]) for r in rows)["missed"]
    assert missed[0].startswith("1 of 4 (0 to ") and missed[1] == "0 of 4 (0 to 2)"
    assert [r[0] for r in rows][-1] == "NPV at a prevalence of 50 %" and not triage_rows(
        dict(at=[]), {}
    )
