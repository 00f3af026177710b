"""pytest tests/evaluation/test_multi_label_intervals.py

Each interval equals counting every resample anew, by a plain loop.
"""

import itertools
from types import SimpleNamespace

import numpy as np
import pytest
from toy_scores import count_labels, draw_findings, limits_of

from cxr_fastai.core import UsageError
from cxr_fastai.evaluation.multi_label_counts import (
    AVERAGES,
    HEADLINE_KEYS,
)
from cxr_fastai.evaluation.multi_label_floors import findings_floors
from cxr_fastai.evaluation.multi_label_intervals import (
    findings_intervals,
    headline_groups,
    resampled_findings,
)
from cxr_fastai.intervals.bootstrap import Resampling, interval
from cxr_fastai.intervals.interval_trees import ExactInterval

V = list("abcd")


PER_CLASS = ("prevalence", "auroc", "ap", "precision", "recall", "specificity", "f1")


@pytest.fixture(scope="module")
def few():
    "Images of about 150 groups, with unknown labels and ties; each of their resamples, counted one by one."
    targs, probs, found, sources, groups = draw_findings(2, n=480, unknown=0.2)
    rs = Resampling(groups, 40)
    images = list(rs.draws())
    return SimpleNamespace(
        targs=targs,
        probs=probs,
        found=found,
        sources=sources,
        groups=groups,
        rs=rs,
        images=images,
        metrics=[count_labels(targs[i], probs[i], found[i]) for i in images],
        spans=findings_intervals(rs, targs, probs, V, found, list(sources)),
    )


def n_groups(few, *sides):
    "Groups of the side that has fewest."
    return min(len(set(few.groups[side])) for side in sides)


def test_headline_and_average_intervals_equal_a_plain_loop(few):
    spans, n = few.spans["metrics"], headline_groups(few.rs, few.targs)
    for k in HEADLINE_KEYS:
        assert spans[k] == pytest.approx(limits_of(few.metrics, k, groups=n[k])), k
    for a, k in itertools.product(AVERAGES, ("precision", "recall", "f1")):
        groups = n[f"{a}_f1"]
        if (a, k) == ("micro", "precision"):
            groups = n_groups(few, (few.found & ~np.isnan(few.targs)).any(1))
        want = limits_of(few.metrics, "averages", a, k, groups=groups)
        assert spans["averages"][a][k] == pytest.approx(want), (a, k)


def test_a_headline_number_rests_on_the_groups_of_its_rarest_finding():
    targs = np.array([[1, 0], [1, 0], [0, 1], [1, 0], [0, np.nan]])
    n = headline_groups(Resampling("ppqrs", 5), targs)
    assert n["macro_auroc"] == 2 and n["macro_f1"] == 2 and n["exact"] == 4
    assert n["micro_f1"] == 3 == n["weighted_f1"]


@pytest.mark.parametrize("c", V)
def test_intervals_of_a_finding_equal_a_plain_loop(few, c):
    spans = few.spans["metrics"]["per_class"][c]
    assert set(spans) == set(PER_CLASS)
    labels, yes = few.targs[:, V.index(c)], few.found[:, V.index(c)]
    ill, well = labels == 1, labels == 0
    sides = dict(auroc=[ill, well], ap=[ill, well], specificity=[well], prevalence=[ill | well])
    for k in set(PER_CLASS) - {"precision"}:
        if isinstance(spans[k], ExactInterval):
            assert c == "d"  # rare: its numbers lie near the end
            continue
        groups = n_groups(few, *sides.get(k, [ill]))
        assert spans[k] == pytest.approx(
            limits_of(few.metrics, "per_class", c, k, groups=groups)
        ), k
    answered = [m["per_class"][c] for m in few.metrics if m["per_class"][c]["answered"]]
    groups = n_groups(few, yes & (ill | well))
    if groups >= 20:
        assert spans["precision"] == pytest.approx(limits_of(answered, "precision", groups=groups))
    assert isinstance(spans["precision"], ExactInterval) is (groups < 20)


def test_each_resample_gives_the_numbers_of_a_plain_count(few):
    found = resampled_findings(few.rs, few.targs, few.probs, V, few.found)
    for k in HEADLINE_KEYS:
        assert found.headline[k] == pytest.approx([m[k] for m in few.metrics])
    assert found.per_class["auroc"].shape == (40, 4)


def test_a_resample_in_which_all_images_have_a_finding_ranks_none():
    targs = np.array([[1, 1, 1, 1], [1, 1, 0, 0], [0, 0, 0, 1]])
    found = resampled_findings(
        Resampling("pqr", 30), targs, np.eye(3, 4), V, np.eye(3, 4) > 0
    ).per_class
    lacking = np.isnan(found["auroc"])
    assert (
        np.array_equal(lacking, np.isnan(found["ap"])) and (found["prevalence"][lacking] == 1).any()
    )


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.UndefinedMetricWarning")
def test_floors_keep_the_answers_of_the_whole_split_and_the_gain_is_paired(few):
    shares = {s: np.nanmean(few.targs[few.sources == s], axis=0) for s in set(few.sources)}
    floor = findings_floors(few.targs, few.sources, V)["source_only"]
    scores = np.array([shares[s] for s in few.sources])
    found = np.array([[c in floor["answers"][s].split("|") for c in V] for s in few.sources])
    counted = [count_labels(few.targs[i], scores[i], found[i]) for i in few.images]
    spans = few.spans["floors"]["source_only"]
    n = headline_groups(few.rs, few.targs)
    for k in HEADLINE_KEYS:
        assert spans[k] == pytest.approx(limits_of(counted, k, groups=n[k])), k
    for c, k in itertools.product(V, ("auroc", "ap", "f1")):
        ill, well = few.targs[:, V.index(c)] == 1, few.targs[:, V.index(c)] == 0
        groups = n_groups(few, ill) if k == "f1" else n_groups(few, ill, well)
        if isinstance(spans["per_class"][c][k], ExactInterval):
            assert c == "d"
            continue
        want = limits_of(counted, "per_class", c, k, groups=groups)
        assert spans["per_class"][c][k] == pytest.approx(want), (c, k)
    gain = [m["macro_auroc"] - f["macro_auroc"] for m, f in zip(few.metrics, counted)]
    assert few.spans["gain"] == pytest.approx(interval(gain, n["macro_auroc"]))
    none = [count_labels(few.targs[i], 0 * scores[i], found[i] & False) for i in few.images]
    absent = few.spans["floors"]["all_absent"]
    assert absent["exact"] == pytest.approx(limits_of(none, "exact", groups=n["exact"]))
    assert absent["macro_auroc"] is None is absent["macro_f1"]  # 0.5 and 0 by definition


def test_source_intervals_equal_a_plain_loop(few):
    for s, spans in few.spans["by_source"].items():
        own = [i[few.sources[i] == s] for i in few.images]
        counted = [count_labels(few.targs[i], few.probs[i], few.found[i]) for i in own]
        n = headline_groups(few.rs, np.where((few.sources == s)[:, None], few.targs, np.nan))
        for k in ("macro_auroc", "micro_f1", "exact"):
            if n[k] >= 20:
                assert spans[k] == pytest.approx(limits_of(counted, k, groups=n[k])), (s, k)


def test_a_finding_of_one_patient_has_no_interval_but_of_its_prevalence():
    targs = np.array([[1, 1, 0, 0], [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    found = np.zeros((5, 4), bool)
    spans = findings_intervals(Resampling("ppqrs", 50), targs, np.eye(5, 4), V, found, ["x"] * 5)[
        "metrics"
    ]["per_class"]
    assert [spans["a"][k] for k in ("auroc", "ap", "recall", "f1", "precision")] == [None] * 5
    assert spans["a"]["prevalence"] and spans["a"]["specificity"] and spans["b"]["auroc"]


@pytest.mark.parametrize(
    "targs,probs,found,says",
    [
        (np.zeros((0, 4)), np.zeros((0, 4)), np.zeros((0, 4)), "n > 0"),
        (np.zeros(4), np.zeros(4), np.zeros(4), "(n, 4)"),
        (np.zeros((2, 3)), np.zeros((2, 3)), np.zeros((2, 3)), "shape (2, 3): expected (n, 4)"),
        (
            [[0, 2, 0, 0]],
            np.zeros((1, 4)),
            np.zeros((1, 4)),
            "targs holds 2: expected 1 present, 0 absent, nan unknown",
        ),
        ([[np.nan] * 4], np.zeros((1, 4)), np.zeros((1, 4)), "no label that is known"),
        (
            np.zeros((2, 4)),
            np.zeros((1, 4)),
            np.zeros((2, 4)),
            "probs has shape (1, 4): expected (2, 4)",
        ),
        (np.zeros((2, 4)), np.zeros((2, 4)), np.zeros(2), "found has shape (2,): expected (2, 4)"),
        (
            np.zeros((2, 4)),
            [[0] * 4, [0, 0, np.nan, 0]],
            np.zeros((2, 4)),
            "1 of 2 rows are not finite, the first is row 1",
        ),
    ],
)
def test_arrays_that_do_not_fit_are_refused_in_one_line(targs, probs, found, says):
    with pytest.raises(UsageError) as e:
        count_labels(targs, probs, found)
    assert says in str(e.value) and "\n" not in str(e.value)


def test_a_source_is_needed_for_every_image():
    with pytest.raises(UsageError, match="1 names for 2 images"):
        findings_floors(np.zeros((2, 4)), ["x"], V)
