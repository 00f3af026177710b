"""pytest tests/evaluation/test_bootstrap.py

Bootstrap over groups against plain loops over the same draws, with scikit-learn.
"""

import numpy as np
import pytest
from scipy import stats
from scipy.stats import binomtest
from sklearn import metrics as sk

from cxr_fastai.core import UsageError
from cxr_fastai.intervals import bootstrap
from cxr_fastai.intervals.bootstrap import Resampling, interval
from cxr_fastai.intervals.exact import ranking_span
from cxr_fastai.intervals.interval_trees import ExactInterval, ScoreInterval, interval_kinds


def drawn(seed):
    "A few images in fewer groups, scores with many ties, unknowns: groups, positive, scores, among."
    rng = np.random.default_rng(seed)
    n = int(rng.integers(4, 60))
    positive, among = rng.random(n) < rng.random(), rng.random(n) < 0.8
    return rng.integers(0, max(2, n // 3), n), positive, np.round(rng.random(n), 1), among


def one_by_one(resampling, number, needs):
    "`number` of the indices of each resample, nan where `needs` is not met."
    return np.array([number(i) if needs(i) else np.nan for i in resampling.draws()])


# ---- against a plain loop


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("known", [False, True])
def test_aurocs_equal_scikit_learn_on_the_images_of_each_resample(seed, known):
    groups, positive, scores, among = drawn(seed)
    if not known:
        among = np.ones(len(groups), bool)
    rs = Resampling(groups, 70, seed)

    def of(i):
        return i[among[i]]

    want = one_by_one(
        rs,
        lambda i: sk.roc_auc_score(positive[of(i)], scores[of(i)]),
        lambda i: len(set(positive[of(i)])) == 2,
    )
    assert np.allclose(rs.aurocs(positive, scores, among), want, rtol=0, atol=1e-12, equal_nan=True)


@pytest.mark.parametrize("seed", range(12))
def test_average_precisions_equal_scikit_learn_on_the_images_of_each_resample(seed):
    groups, positive, scores, among = drawn(seed)
    rs = Resampling(groups, 70, seed)

    def of(i):
        return i[among[i]]

    want = one_by_one(
        rs,
        lambda i: sk.average_precision_score(positive[of(i)], scores[of(i)]),
        lambda i: positive[of(i)].any(),
    )
    assert np.allclose(
        rs.average_precisions(positive, scores, among), want, rtol=0, atol=1e-12, equal_nan=True
    )


@pytest.mark.parametrize("seed", range(3))
def test_columns_together_equal_the_micro_average_of_scikit_learn(seed):
    rng = np.random.default_rng(seed)
    groups, positive = rng.integers(0, 12, 30), rng.random((30, 3)) < [0.2, 0.5, 0.7]
    scores, rs = np.round(rng.random((30, 3)), 1), Resampling(groups, 20, seed)
    want = [sk.roc_auc_score(positive[i], scores[i], average="micro") for i in rs.draws()]
    assert np.allclose(rs.aurocs(positive, scores), want, rtol=0, atol=1e-12)


def test_totals_and_shares_equal_sums_over_the_images_of_each_resample():
    rng = np.random.default_rng(0)
    values, groups = rng.normal(size=(40, 3)), [("p", i % 13) for i in range(40)]
    rs = Resampling(groups, 90)
    images = list(rs.draws())
    assert np.allclose(rs.totals(values), [values[i].sum(0) for i in images])
    assert np.allclose(rs.totals(values[:, 0]), [values[i, 0].sum() for i in images])
    assert np.array_equal(rs.totals(values > 0), [(values[i] > 0).sum(0) for i in images])
    wholes = np.arange(40) % 2 == 0
    want = [(values[i] * wholes[i][:, None]).sum(0) / wholes[i].sum() for i in images]
    assert np.allclose(rs.shares(values * wholes[:, None], wholes), want)
    assert np.allclose(rs.shares(values[:, 1]), [values[i, 1].mean() for i in images])


def test_a_share_of_nothing_is_undefined_and_so_is_an_auroc_without_two_sides():
    first = np.arange(6) < 1
    rs = Resampling(range(6), 300)
    times = np.array([np.count_nonzero(i == 0) for i in rs.draws()])
    assert 0 < np.count_nonzero(times == 0) < 300
    scores = np.arange(6.0)
    for found in (
        rs.shares(first, first),
        rs.aurocs(first, scores),
        rs.average_precisions(first, scores),
    ):
        assert np.array_equal(np.isnan(found), times == 0)


def test_each_resample_draws_as_many_groups_as_there_are_and_each_whole():
    groups = np.array(["a", "b", "b", "c", "c", "c", "d"])
    for i in Resampling(groups, 50).draws():
        times = np.bincount(i, minlength=7)
        assert (
            times[1] == times[2] and len(set(times[3:6])) == 1
        )  # the images of a group come together
        assert times[0] + times[1] + times[3] + times[6] == 4


# ---- the draws


def test_the_same_seed_draws_the_same_whatever_the_number_of_resamples():
    rng = np.random.default_rng(0)
    groups, values = rng.integers(0, 20, 50), rng.random(50)
    few, many = (Resampling(groups, r, seed=3).totals(values) for r in (10, 200))
    assert np.array_equal(few, many[:10]) and not np.array_equal(
        few, Resampling(groups, 10, seed=4).totals(values)
    )


def test_draws_that_are_not_kept_are_drawn_again_alike(monkeypatch):
    groups, positive, scores, _ = drawn(5)
    kept, again = Resampling(groups, 100), Resampling(groups, 100)
    want = kept.aurocs(positive, scores)
    monkeypatch.setattr(bootstrap, "MAX_HELD_BYTES", 0)
    for _ in range(2):
        assert np.array_equal(again.aurocs(positive, scores), want, equal_nan=True)
    assert kept._held and not again._held


@pytest.mark.parametrize(
    "groups,resamples,says", [([], 10, "groups is empty"), ([1, 2], 0, "resamples is 0")]
)
def test_nothing_to_draw_is_refused(groups, resamples, says):
    with pytest.raises(UsageError, match=says):
        Resampling(groups, resamples)


# ---- the interval


def test_an_interval_is_the_middle_95_percent_of_the_resamples():
    values = np.random.default_rng(0).permutation(np.arange(1001.0))
    assert interval(values) == [25, 975]
    assert interval(np.r_[values, np.full(1001, np.nan)]) == [25, 975]


@pytest.mark.parametrize("values", [[np.nan] * 4, [1, np.nan, np.nan], [np.nan]])
def test_a_number_that_fewer_than_half_of_the_resamples_define_has_no_interval(values):
    assert interval(values) is None


def test_one_group_has_no_interval_nor_has_a_side_of_one_group():
    alone, right = Resampling(["p"] * 5, 50), np.array([1, 1, 0, 1, 0], bool)
    assert (
        interval(alone.shares(right)) is None
        and interval(alone.aurocs(right, np.arange(5.0))) is None
    )
    rs = Resampling(["p", "p", "q", "r", "s"], 200)
    of_p, recall = np.array([1, 1, 0, 0, 0], bool), np.ones(200)
    assert rs.groups_of(of_p) == 1 and rs.share_interval(recall, right, of_p) is None
    assert rs.interval(recall, 1.0, 1) is None is rs.interval(recall, None, 4)


# ---- where a bootstrap cannot tell


@pytest.mark.parametrize("images", [1, 3])
def test_seven_groups_all_right_or_all_wrong_have_the_exact_interval(images):
    groups = np.repeat(np.arange(7), images)
    every, rs = np.ones(len(groups), bool), Resampling(groups, 50)
    right, wrong = (rs.share_interval(rs.shares(x), x, every) for x in (every, ~every))
    assert right == pytest.approx([0.025 ** (1 / 7), 1]) and round(right[0], 2) == 0.59
    assert wrong == pytest.approx([0, 1 - 0.025 ** (1 / 7)])
    assert isinstance(right, ExactInterval)


@pytest.mark.parametrize("groups,exact", [(19, True), (20, False)])
def test_from_20_groups_on_a_bootstrap_is_an_interval(groups, exact):
    right, rs = np.arange(groups) % 2 == 0, Resampling(range(groups), 50)
    found = rs.share_interval(rs.shares(right), right, right | True)
    assert isinstance(found, ExactInterval) is exact
    area = rs.interval(rs.shares(right), 0.5, groups, is_ranking=True)
    assert isinstance(area, ExactInterval) is exact


@pytest.mark.parametrize("wrong,exact", [(0, True), (4, True), (5, False), (56, True), (55, False)])
def test_a_share_that_fewer_than_5_groups_have_or_lack_is_exact(wrong, exact):
    right, rs = np.arange(60) >= wrong, Resampling(range(60), 200)
    found = rs.share_interval(rs.shares(right), right, right | True)
    assert isinstance(found, ExactInterval) is exact
    if exact:
        want = binomtest(60 - wrong, 60).proportion_ci(method="exact")
        assert found == pytest.approx(list(want))


@pytest.mark.parametrize("number,ranks,exact", [(0.95, 0, True), (0.97, 1, False), (0.9, 0, False)])
def test_numbers_of_answers_near_the_end_are_exact_and_rankings_where_all_are_alike(
    number, ranks, exact
):
    rs, draws = Resampling(range(60), 50), np.linspace(0.8, 1, 50)
    found = rs.interval(draws, number, 60, is_ranking=bool(ranks))
    assert isinstance(found, ExactInterval) is exact
    assert isinstance(found, ScoreInterval) is bool(ranks)
    assert isinstance(rs.interval(np.ones(50), 1.0, 60, is_ranking=True), ExactInterval)


def test_a_ranking_near_the_end_reaches_at_least_as_far_as_newcombes():
    rs, near = Resampling(range(60), 50), ranking_span(0.97, 60)
    narrow = rs.interval(np.linspace(0.969, 0.971, 50), 0.97, 60, is_ranking=True)
    assert narrow == near and interval_kinds({"auroc": narrow}) == {"auroc": "score"}
    wide = rs.interval(np.linspace(0.5, 1, 50), 0.97, 60, is_ranking=True)
    assert wide[0] < near[0] and wide[1] > near[1]
    for number in (0.96, 0.02):  # 2.4 of 60 groups below 1; a rare finding's AP
        draws = np.linspace(number - 0.001, number + 0.001, 50)
        away = rs.interval(draws, number, 60, is_ranking=True)
        assert interval_kinds({"it": away}) == {"it": "bootstrap"} and away[1] < number + 0.002


def test_intervals_of_an_auroc_near_1_hold_the_truth():
    held, plain = [], []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        ill = np.arange(60) < 30
        scores = rng.normal(size=60) + 3.5 * ill
        rs = Resampling(range(60), 200, seed)
        values = rs.aurocs(ill, scores)
        area = sk.roc_auc_score(ill, scores)
        truth = stats.norm.cdf(3.5 / np.sqrt(2))
        for spans, found in (
            (held, rs.interval(values, area, 30, is_ranking=True)),
            (plain, interval(values, 30)),
        ):
            spans.append(found[0] <= truth <= found[1])
    assert np.mean(held) >= 0.95 > 0.9 > np.mean(plain)


def test_the_expanded_interval_is_hesterbergs():
    values = np.arange(100_001) / 1000
    reach = np.sqrt(20 / 19) * stats.t.ppf(0.975, 19)
    want = [100 * stats.norm.cdf(-reach), 100 * stats.norm.cdf(reach)]
    assert interval(values, 20) == pytest.approx(want, abs=0.002) and want[0] < 1.6
    assert interval(values, 10**6) == pytest.approx(interval(values), abs=0.002)


def test_exact_intervals_hold_the_truth_where_images_of_a_group_are_alike():
    rng, held = np.random.default_rng(0), []
    for trial in range(300):
        groups = np.repeat(np.arange(12), rng.integers(1, 6, 12))
        right = (rng.random(12) < 0.85)[groups]
        rs = Resampling(groups, 20, trial)
        low, high = rs.share_interval(rs.shares(right), right, right | True)
        held.append(low <= 0.85 <= high)
    assert np.mean(held) >= 0.95


def test_patients_whose_images_resemble_each_other_widen_the_interval():
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(200), 5)
    right = (rng.random(200) < 0.8)[groups]  # all of a patient's images right, or none
    by_patient, by_image = (
        np.ptp(interval(Resampling(g, 500).shares(right))) for g in (groups, range(1000))
    )
    assert 1.7 < by_patient / by_image < 2.8  # the square root of 5


def test_intervals_hold_the_truth_about_as_often_as_they_say():
    rng, held = np.random.default_rng(0), []
    for trial in range(200):
        groups = np.repeat(np.arange(80), rng.integers(1, 4, 80))
        right = rng.random(len(groups)) < rng.beta(4, 1, 80)[groups]
        low, high = interval(Resampling(groups, 200, trial).shares(right))
        held.append(low <= 0.8 <= high)
    assert 0.88 <= np.mean(held) <= 0.99
