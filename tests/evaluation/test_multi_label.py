"""pytest tests/evaluation/test_multi_label.py

Numbers of several findings at once against scikit-learn and brute force.
"""

import json
import warnings

import numpy as np
import pytest
from sklearn import metrics as sk
from toy_scores import count_labels, draw_findings, leaves

from cxr_fastai.evaluation.multi_label import findings_by_source, findings_metrics
from cxr_fastai.evaluation.multi_label_counts import AVERAGES
from cxr_fastai.evaluation.multi_label_floors import findings_floors
from cxr_fastai.evaluation.multi_label_intervals import findings_intervals
from cxr_fastai.intervals.bootstrap import Resampling
from cxr_fastai.recipes import UNSET

V = list("abcd")


PER_CLASS = ("prevalence", "auroc", "ap", "precision", "recall", "specificity", "f1")


@pytest.mark.parametrize("seed", range(4))
def test_all_equals_scikit_learns_classification_report(seed):
    targs, probs, found, *_ = draw_findings(seed)
    found[:, 2] &= seed > 0  # a finding that is never answered
    m, report = (
        count_labels(targs, probs, found),
        sk.classification_report(targs, found, target_names=V, output_dict=True, zero_division=0),
    )
    for c in V:
        assert [
            m["per_class"][c][k] for k in ("precision", "recall", "f1", "support")
        ] == pytest.approx([report[c][k] for k in ("precision", "recall", "f1-score", "support")])
    for a in AVERAGES:
        assert list(m["averages"][a].values()) == pytest.approx(
            [report[f"{a} avg"][k] for k in ("precision", "recall", "f1-score")]
        ), a
        assert m[f"{a}_f1"] == pytest.approx(sk.f1_score(targs, found, average=a, zero_division=0))
    assert m["exact"] == pytest.approx(sk.accuracy_score(targs, found))


@pytest.mark.parametrize("seed", range(4))
def test_rankings_equal_scikit_learns(seed):
    targs, probs, found, *_ = draw_findings(seed)
    m = count_labels(targs, probs, found)
    assert m["macro_auroc"] == pytest.approx(sk.roc_auc_score(targs, probs, average="macro"))
    assert m["macro_ap"] == pytest.approx(sk.average_precision_score(targs, probs, average="macro"))
    for i, c in enumerate(V):
        assert m["per_class"][c]["auroc"] == pytest.approx(
            sk.roc_auc_score(targs[:, i], probs[:, i])
        )
        assert m["per_class"][c]["ap"] == pytest.approx(
            sk.average_precision_score(targs[:, i], probs[:, i])
        )
        assert m["per_class"][c]["specificity"] == pytest.approx(
            sk.recall_score(1 - targs[:, i], ~found[:, i])
        )


def test_faultless_answers_reach_of_the_samples_average_only_the_share_of_images_with_a_finding():
    targs, probs, *_ = draw_findings(0)
    m = count_labels(targs, probs, targs == 1)
    assert m["micro_f1"] == m["macro_f1"] == m["weighted_f1"] == m["exact"] == 1
    assert m["samples_f1"] == m["with_findings"] / len(targs) == np.mean(targs.any(1)) < 1


@pytest.mark.parametrize("seed", range(3))
def test_each_finding_is_counted_on_the_images_where_it_is_known(seed):
    targs, probs, found, *_ = draw_findings(seed, unknown=0.3)
    m = count_labels(targs, probs, found)
    for i, c in enumerate(V):
        known = ~np.isnan(targs[:, i])
        t, p, f = targs[known, i], probs[known, i], found[known, i]
        want = dict(
            n=known.sum(),
            unknown=(~known).sum(),
            support=t.sum(),
            prevalence=t.mean(),
            answered=f.sum(),
            auroc=sk.roc_auc_score(t, p),
            ap=sk.average_precision_score(t, p),
            f1=sk.f1_score(t, f),
            precision=sk.precision_score(t, f),
            recall=sk.recall_score(t, f),
        )
        assert {k: m["per_class"][c][k] for k in want} == pytest.approx(want)


@pytest.mark.parametrize("seed", range(3))
def test_averages_equal_scikit_learns_on_what_is_known(seed):
    targs, probs, found, *_ = draw_findings(seed, unknown=0.3)
    m, known = count_labels(targs, probs, found), ~np.isnan(targs)
    flat = sk.precision_recall_fscore_support(
        targs[known], found[known], average="binary", zero_division=0
    )[:3]
    assert list(m["averages"]["micro"].values()) == pytest.approx(flat)
    rows = [
        sk.precision_recall_fscore_support(t[k], f[k], average="binary", zero_division=0)[:3]
        for t, f, k in zip(targs, found, known)
        if k.any()
    ]
    assert list(m["averages"]["samples"].values()) == pytest.approx(np.mean(rows, axis=0))
    right = [(t[k] == f[k]).all() for t, f, k in zip(targs, found, known) if k.any()]
    assert m["exact"] == pytest.approx(np.mean(right))
    f1s, supports = ([m["per_class"][c][k] for c in V] for k in ("f1", "support"))
    assert m["macro_f1"] == pytest.approx(np.mean(f1s))
    assert m["weighted_f1"] == pytest.approx(np.average(f1s, weights=supports))


def test_what_is_answered_where_nothing_is_known_changes_no_number():
    targs, probs, found, sources, groups = draw_findings(0, unknown=0.3)
    doubt = np.isnan(targs)
    others = np.where(doubt, 1 - probs, probs), np.where(doubt, ~found, found)
    assert count_labels(targs, *others) == count_labels(targs, probs, found)
    rs = Resampling(groups, 20)
    assert findings_intervals(rs, targs, others[0], V, others[1], sources) == findings_intervals(
        rs, targs, probs, V, found, sources
    )


def test_an_image_of_which_nothing_is_known_is_no_image_of_the_samples_average():
    targs = np.array([[1, 0, 0, 0], [np.nan] * 4, [0, 0, 0, np.nan]])
    m = count_labels(
        targs, np.zeros((3, 4)), np.array([[True, False, False, False], [True] * 4, [False] * 4])
    )
    assert (
        m["of"]["samples_f1"] == m["of"]["exact"] == 2
        and m["samples_f1"] == 0.5
        and m["exact"] == 1
    )


TARGS = np.array(
    [[1, 0, np.nan, 1], [0, 0, np.nan, 1], [1, 0, np.nan, 1]]
)  # b: no image; c: not known; d: every image


FOUND = np.array([[True, True, True, False], [False] * 4, [False, False, True, True]])


def test_a_finding_without_images_has_no_recall_and_counts_in_micro_only():
    m = count_labels(TARGS, np.eye(3, 4), FOUND)
    b = m["per_class"]["b"]
    assert (b["support"], b["precision"], b["recall"], b["f1"], b["auroc"]) == (
        0,
        0.0,
        None,
        None,
        None,
    )
    assert (
        m["macro_f1"] == pytest.approx((2 / 3 + 1 / 2) / 2)
        and m["of"]["macro_f1"] == m["of"]["weighted_f1"] == 2
    )
    assert m["micro_f1"] == pytest.approx(2 * 2 / (5 + 3))


def test_a_finding_that_is_known_of_no_image_has_no_number():
    c = count_labels(TARGS, np.eye(3, 4), FOUND)["per_class"]["c"]
    assert (c["n"], c["unknown"], c["answered"]) == (0, 3, 0) and not any(
        c[k] is not None for k in PER_CLASS
    )


def test_means_of_rankings_are_over_the_findings_with_both_sides():
    m = count_labels(TARGS, np.eye(3, 4), FOUND)
    assert (
        m["per_class"]["d"]["auroc"] is m["per_class"]["d"]["ap"] is None
        and m["of"]["macro_auroc"] == 1
    )
    assert (
        m["macro_auroc"] == m["per_class"]["a"]["auroc"]
        and m["macro_ap"] == m["per_class"]["a"]["ap"]
    )


def test_a_finding_that_is_never_answered_has_precision_zero():
    a = count_labels([[1, 0, 0, 0]] * 2, np.zeros((2, 4)), np.zeros((2, 4), bool))["per_class"]["a"]
    assert (a["precision"], a["recall"], a["f1"]) == (0, 0, 0)


def test_where_nothing_is_present_there_is_no_average():
    m = count_labels(np.zeros((2, 4)), np.zeros((2, 4)), np.ones((2, 4), bool))
    assert leaves(m["averages"]) == [None] * 12 and m["exact"] == 0 and m["with_findings"] == 0


def test_a_threshold_says_whether_validation_fixed_it():
    m = count_labels(*draw_findings(0)[:3], {"b": 0.25})["per_class"]
    assert (m["a"]["threshold"], m["a"]["fixed"], m["b"]["threshold"], m["b"]["fixed"]) == (
        UNSET,
        False,
        0.25,
        True,
    )


@pytest.mark.parametrize(
    "targs", [np.zeros((1, 4)), np.ones((2, 4)), TARGS, [[np.nan, np.nan, np.nan, 0]] * 3]
)
def test_values_are_plain_python_strict_json_and_raise_no_warning(targs):
    n = len(targs)
    found, sources = np.zeros((n, 4), bool), ["x"] * (n - 1) + ["y"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        out = dict(
            m=findings_metrics(targs, np.zeros((n, 4)), V, found, {}),
            f=findings_floors(targs, sources, V),
            s=findings_by_source(targs, np.zeros((n, 4)), V, found, sources),
            i=findings_intervals(
                Resampling(range(n), 8), targs, np.zeros((n, 4)), V, found, sources
            ),
        )
    assert {type(x) for x in leaves(out)} <= {int, float, str, bool, type(None)}
    assert json.loads(json.dumps(out, allow_nan=False)) == out


def test_pairs_of_findings_are_counted_as_they_are_present_and_as_they_are_answered():
    m = count_labels(TARGS, np.eye(3, 4), FOUND)["together"]
    assert m["present"] == [[2, 0, 0, 2], [0] * 4, [0] * 4, [2, 0, 0, 3]]
    assert m["answered"] == [[1, 1, 0, 0], [1, 1, 0, 0], [0] * 4, [0, 0, 0, 1]]


def test_a_source_is_counted_as_if_it_stood_alone():
    targs, probs, found, sources, _ = draw_findings(1, unknown=0.2)
    by = findings_by_source(targs, probs, V, found, sources)
    assert list(by) == ["s0", "s1", "s2"]
    for s, of in by.items():
        own = sources == s
        m = count_labels(targs[own], probs[own], found[own])
        assert {k: of[k] for k in ("n", "with_findings", "macro_auroc", "micro_f1", "exact")} == {
            k: m[k] for k in ("n", "with_findings", "macro_auroc", "micro_f1", "exact")
        }
        assert of["of"] == m["of"]["macro_auroc"] and of["findings"] == m["of"]["macro_f1"]
