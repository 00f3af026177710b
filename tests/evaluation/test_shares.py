"""pytest tests/evaluation/test_shares.py

Shares of images, of all and in each resample.
"""

import numpy as np
import pytest

from cxr_fastai.evaluation.shares import Share, decision_shares, triage_shares
from cxr_fastai.intervals.bootstrap import Resampling, interval

POSITIVE = np.array([1, 1, 1, 0, 0], bool)
YES = np.array([1, 1, 0, 1, 1], bool)


def values(shares):
    return {name: (share.value, share.images) for name, share in shares.items()}


def test_shares_of_a_yes_or_no_equal_the_hand_count():
    assert values(decision_shares(POSITIVE, YES)) == {
        "prevalence": (3 / 5, 5),
        "accuracy": (2 / 5, 5),
        "sensitivity": (pytest.approx(2 / 3), 3),
        "specificity": (0, 2),
        "ppv": (1 / 2, 4),
        "npv": (0, 1),
    }


def test_laying_aside_is_the_no_of_a_worklist():
    found = values(triage_shares(POSITIVE, ~YES))
    decided = values(decision_shares(POSITIVE, YES))
    assert found.pop("removed") == (1 / 5, 5)
    assert found == {name: decided[name] for name in found}


def test_a_share_of_no_images_is_none_and_nan_in_a_resample():
    share = Share(part=POSITIVE, whole=np.zeros(5, bool))
    assert share.value is None and share.images == 0
    assert np.isnan(share.resampled(Resampling(range(5), 4))).all()


def test_what_has_it_outside_of_the_whole_does_not_count():
    share = Share(part=np.ones(5, bool), whole=~POSITIVE)
    assert (share.value, share.images) == (1, 2)


def test_the_interval_is_that_of_a_plain_loop_and_none_where_one_group_holds_the_images():
    rng = np.random.default_rng(0)
    groups, positive, yes = rng.integers(0, 60, 150), rng.random(150) < 0.7, rng.random(150) < 0.6
    resampling = Resampling(groups, 40)
    share = decision_shares(positive, yes)["sensitivity"]
    own = [i[positive[i]] for i in resampling.draws()]
    loop = [yes[i].mean() for i in own]
    assert share.interval(resampling) == pytest.approx(interval(loop, len(set(groups[positive]))))
    resampling = Resampling("aabcd", 40)
    assert Share(YES, np.array([1, 1, 0, 0, 0], bool)).interval(resampling) is None
