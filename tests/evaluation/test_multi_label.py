"""Numbers of several findings at once against scikit-learn, brute force and a plain loop over resamples.
Run: python -m pytest tests/evaluation/test_findings.py"""

import itertools
import json
import warnings
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn import metrics as sk

from cxr_fastai.core import UsageError
from cxr_fastai.evaluation.bootstrap import Resampling, interval
from cxr_fastai.evaluation.multi_label import (
    AVERAGES,
    HEADLINE_KEYS,
    findings_by_source,
    findings_floors,
    findings_intervals,
    findings_metrics,
    resampled_findings,
)
from cxr_fastai.recipes import UNSET

V = list("abcd")
PER_CLASS = ("prevalence", "auroc", "ap", "precision", "recall", "specificity", "f1")


def draw(seed, n=120, unknown=0.0):
    "Truths, probabilities with ties, answers, sources, groups; each finding of its own prevalence in each source."
    rng = np.random.default_rng(seed)
    sources = rng.integers(0, 3, n)
    targs = (
        rng.random((n, 4)) < np.array([0.5, 0.3, 0.2, 0.1]) * (0.5 + sources[:, None] / 2)
    ).astype(float)
    probs = np.round((rng.random((n, 4)) + targs / 2) / 1.5, 2).astype(np.float32)
    targs[rng.random(targs.shape) < unknown] = np.nan
    return (
        targs,
        probs,
        probs >= [0.4, 0.5, 0.6, 0.7],
        np.array([f"s{s}" for s in sources]),
        rng.integers(0, n // 3, n),
    )


def count(targs, probs, found, thresholds=()):
    return findings_metrics(targs, probs, V, found, dict(thresholds))


def leaves(obj):
    if isinstance(obj, dict):
        obj = list(obj.values())
    return [x for o in obj for x in leaves(o)] if isinstance(obj, list) else [obj]


# ---- scikit-learn, where all is known


@pytest.mark.parametrize("seed", range(4))
def test_all_equals_scikit_learns_classification_report(seed):
    targs, probs, found, *_ = draw(seed)
    found[:, 2] &= seed > 0  # a finding that is never answered
    m, report = (
        count(targs, probs, found),
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
    targs, probs, found, *_ = draw(seed)
    m = count(targs, probs, found)
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
    targs, probs, *_ = draw(0)
    m = count(targs, probs, targs == 1)
    assert m["micro_f1"] == m["macro_f1"] == m["weighted_f1"] == m["exact"] == 1
    assert m["samples_f1"] == m["with_findings"] / len(targs) == np.mean(targs.any(1)) < 1


# ---- unknown labels


@pytest.mark.parametrize("seed", range(3))
def test_each_finding_is_counted_on_the_images_where_it_is_known(seed):
    targs, probs, found, *_ = draw(seed, unknown=0.3)
    m = count(targs, probs, found)
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
    targs, probs, found, *_ = draw(seed, unknown=0.3)
    m, known = count(targs, probs, found), ~np.isnan(targs)
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
    targs, probs, found, sources, groups = draw(0, unknown=0.3)
    doubt = np.isnan(targs)
    others = np.where(doubt, 1 - probs, probs), np.where(doubt, ~found, found)
    assert count(targs, *others) == count(targs, probs, found)
    rs = Resampling(groups, 20)
    assert findings_intervals(rs, targs, others[0], V, others[1], sources) == findings_intervals(
        rs, targs, probs, V, found, sources
    )


def test_an_image_of_which_nothing_is_known_is_no_image_of_the_samples_average():
    targs = np.array([[1, 0, 0, 0], [np.nan] * 4, [0, 0, 0, np.nan]])
    m = count(
        targs, np.zeros((3, 4)), np.array([[True, False, False, False], [True] * 4, [False] * 4])
    )
    assert (
        m["of"]["samples_f1"] == m["of"]["exact"] == 2
        and m["samples_f1"] == 0.5
        and m["exact"] == 1
    )


# ---- what is undefined

TARGS = np.array(
    [[1, 0, np.nan, 1], [0, 0, np.nan, 1], [1, 0, np.nan, 1]]
)  # b: no image; c: not known; d: every image
FOUND = np.array([[True, True, True, False], [False] * 4, [False, False, True, True]])


def test_a_finding_without_images_has_no_recall_and_counts_in_micro_only():
    m = count(TARGS, np.eye(3, 4), FOUND)
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
    c = count(TARGS, np.eye(3, 4), FOUND)["per_class"]["c"]
    assert (c["n"], c["unknown"], c["answered"]) == (0, 3, 0) and not any(
        c[k] is not None for k in PER_CLASS
    )


def test_means_of_rankings_are_over_the_findings_with_both_sides():
    m = count(TARGS, np.eye(3, 4), FOUND)
    assert (
        m["per_class"]["d"]["auroc"] is m["per_class"]["d"]["ap"] is None
        and m["of"]["macro_auroc"] == 1
    )
    assert (
        m["macro_auroc"] == m["per_class"]["a"]["auroc"]
        and m["macro_ap"] == m["per_class"]["a"]["ap"]
    )


def test_a_finding_that_is_never_answered_has_precision_zero():
    a = count([[1, 0, 0, 0]] * 2, np.zeros((2, 4)), np.zeros((2, 4), bool))["per_class"]["a"]
    assert (a["precision"], a["recall"], a["f1"]) == (0, 0, 0)


def test_where_nothing_is_present_there_is_no_average():
    m = count(np.zeros((2, 4)), np.zeros((2, 4)), np.ones((2, 4), bool))
    assert leaves(m["averages"]) == [None] * 12 and m["exact"] == 0 and m["with_findings"] == 0


def test_a_threshold_says_whether_validation_fixed_it():
    m = count(*draw(0)[:3], {"b": 0.25})["per_class"]
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
    m = count(TARGS, np.eye(3, 4), FOUND)["together"]
    assert m["present"] == [[2, 0, 0, 2], [0] * 4, [0] * 4, [2, 0, 0, 3]]
    assert m["answered"] == [[1, 1, 0, 0], [1, 1, 0, 0], [0] * 4, [0, 0, 0, 1]]


# ---- floors


@pytest.mark.parametrize("seed", range(3))
def test_no_answer_that_sees_only_the_source_beats_the_floor(seed):
    targs, _, _, sources, _ = draw(seed, unknown=0.2)
    floor, at = (
        findings_floors(targs, sources, V)["source_only"],
        np.array([int(s[1]) for s in sources]),
    )
    for i, c in enumerate(V):
        known = ~np.isnan(targs[:, i])
        t, s = targs[known, i], at[known]
        assert floor["per_class"][c]["auroc"] == pytest.approx(
            max(
                sk.roc_auc_score(t, np.array(order)[s])
                for order in itertools.permutations(range(3))
            )
        )
        assert floor["per_class"][c]["f1"] == pytest.approx(
            max(sk.f1_score(t, np.array(rule)[s]) for rule in itertools.product((0, 1), repeat=3))
        )
    found = np.array([[c in floor["answers"][s].split("|") for c in V] for s in sources])
    assert floor["micro_f1"] == pytest.approx(
        count(targs, np.zeros(targs.shape), found)["micro_f1"]
    )


def test_one_source_ranks_nothing_and_answers_everything():
    targs, *_ = draw(0)
    floor, p = findings_floors(targs, ["x"] * len(targs), V)["source_only"], targs.mean(0)
    assert floor["macro_auroc"] == 0.5 and floor["macro_ap"] == pytest.approx(p.mean())
    assert floor["macro_f1"] == pytest.approx(np.mean(2 * p / (1 + p))) and floor["answers"] == {
        "x": "a|b|c|d"
    }


def test_sources_of_one_finding_each_make_the_floor_perfect():
    floor = findings_floors([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 0]] * 2, ["x", "y", "z"] * 2, V)[
        "source_only"
    ]
    assert floor["macro_auroc"] == floor["macro_f1"] == floor["exact"] == 1
    assert floor["answers"] == {"x": "a", "y": "b", "z": "none"}


def test_answering_nothing_is_right_where_nothing_is():
    targs, *_ = draw(0)
    floor = findings_floors(targs, ["x"] * len(targs), V)["all_absent"]
    assert (
        floor["exact"] == np.mean(~targs.any(1)) and floor["micro_f1"] == floor["samples_f1"] == 0
    )
    assert floor["macro_auroc"] == 0.5


# ---- within a source


def test_a_source_is_counted_as_if_it_stood_alone():
    targs, probs, found, sources, _ = draw(1, unknown=0.2)
    by = findings_by_source(targs, probs, V, found, sources)
    assert list(by) == ["s0", "s1", "s2"]
    for s, of in by.items():
        own = sources == s
        m = count(targs[own], probs[own], found[own])
        assert {k: of[k] for k in ("n", "with_findings", "macro_auroc", "micro_f1", "exact")} == {
            k: m[k] for k in ("n", "with_findings", "macro_auroc", "micro_f1", "exact")
        }
        assert of["of"] == m["of"]["macro_auroc"] and of["findings"] == m["of"]["macro_f1"]


# ---- intervals: equal to counting each resample anew


def limits_of(found, *keys):
    "Interval of the number that `keys` lead to, over what was counted in each resample."

    def number(x):
        for k in keys:
            x = x[k]
        return np.nan if x is None else x

    return interval([number(x) for x in found])


@pytest.fixture(scope="module")
def few():
    "Sixty images of about twenty groups, with unknown labels and ties; each of their resamples, counted one by one."
    targs, probs, found, sources, groups = draw(2, n=60, unknown=0.2)
    rs = Resampling(groups, 40)
    images = list(rs.draws())
    return SimpleNamespace(
        targs=targs,
        probs=probs,
        found=found,
        sources=sources,
        rs=rs,
        images=images,
        metrics=[count(targs[i], probs[i], found[i]) for i in images],
        spans=findings_intervals(rs, targs, probs, V, found, list(sources)),
    )


def test_headline_and_average_intervals_equal_a_plain_loop(few):
    spans = few.spans["metrics"]
    for k in HEADLINE_KEYS:
        assert spans[k] == pytest.approx(limits_of(few.metrics, k)), k
    for a, k in itertools.product(AVERAGES, ("precision", "recall", "f1")):
        assert spans["averages"][a][k] == pytest.approx(limits_of(few.metrics, "averages", a, k)), (
            a,
            k,
        )


@pytest.mark.parametrize("c", V)
def test_intervals_of_a_finding_equal_a_plain_loop(few, c):
    spans = few.spans["metrics"]["per_class"][c]
    assert set(spans) == set(PER_CLASS)
    for k in set(PER_CLASS) - {"precision"}:
        assert spans[k] == pytest.approx(limits_of(few.metrics, "per_class", c, k)), k
    answered = [m["per_class"][c] for m in few.metrics if m["per_class"][c]["answered"]]
    assert spans["precision"] == pytest.approx(limits_of(answered, "precision"))


def test_each_resample_gives_the_numbers_of_a_plain_count(few):
    found = resampled_findings(few.rs, few.targs, few.probs, V, few.found)
    for k in HEADLINE_KEYS:
        assert found[k] == pytest.approx([m[k] for m in few.metrics])
    assert found["per_class"]["auroc"].shape == (40, 4)


def test_a_resample_in_which_all_images_have_a_finding_ranks_none():
    targs = np.array([[1, 1, 1, 1], [1, 1, 0, 0], [0, 0, 0, 1]])
    found = resampled_findings(Resampling("pqr", 30), targs, np.eye(3, 4), V, np.eye(3, 4) > 0)[
        "per_class"
    ]
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
    counted = [count(few.targs[i], scores[i], found[i]) for i in few.images]
    spans = few.spans["floors"]["source_only"]
    for k in HEADLINE_KEYS:
        assert spans[k] == pytest.approx(limits_of(counted, k)), k
    for c, k in itertools.product(V, ("auroc", "ap", "f1")):
        assert spans["per_class"][c][k] == pytest.approx(limits_of(counted, "per_class", c, k)), (
            c,
            k,
        )
    gain = [m["macro_auroc"] - f["macro_auroc"] for m, f in zip(few.metrics, counted)]
    assert few.spans["gain"] == pytest.approx(interval(gain))
    none = [count(few.targs[i], 0 * scores[i], found[i] & False) for i in few.images]
    assert few.spans["floors"]["all_absent"]["exact"] == pytest.approx(limits_of(none, "exact"))


def test_source_intervals_equal_a_plain_loop(few):
    for s, spans in few.spans["by_source"].items():
        own = [i[few.sources[i] == s] for i in few.images]
        counted = [count(few.targs[i], few.probs[i], few.found[i]) for i in own]
        for k in ("macro_auroc", "micro_f1", "exact"):
            assert spans[k] == pytest.approx(limits_of(counted, k)), (s, k)


def test_a_finding_of_one_patient_has_no_interval_but_of_its_prevalence():
    targs = np.array([[1, 1, 0, 0], [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    found = np.zeros((5, 4), bool)
    spans = findings_intervals(Resampling("ppqrs", 50), targs, np.eye(5, 4), V, found, ["x"] * 5)[
        "metrics"
    ]["per_class"]
    assert [spans["a"][k] for k in ("auroc", "ap", "recall", "f1", "precision")] == [None] * 5
    assert spans["a"]["prevalence"] and spans["a"]["specificity"] and spans["b"]["auroc"]


# ---- wrong arrays


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
        count(targs, probs, found)
    assert says in str(e.value) and "\n" not in str(e.value)


def test_a_source_is_needed_for_every_image():
    with pytest.raises(UsageError, match="1 names for 2 images"):
        findings_floors(np.zeros((2, 4)), ["x"], V)
