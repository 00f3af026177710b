"""pytest tests/evaluation/test_single_label_intervals.py

Each interval equals counting every resample anew, by a plain loop.
"""

from types import SimpleNamespace

import numpy as np
import pytest
from sklearn import metrics as sk
from toy_scores import draw_classes, limits_of, one_hot

from cxr_fastai.evaluation.single_label import classification_metrics, decision_metrics, floors
from cxr_fastai.evaluation.single_label_intervals import (
    classification_intervals,
    decision_intervals,
    floor_intervals,
    source_intervals,
)
from cxr_fastai.intervals.bootstrap import Resampling, interval

ABCD = "abcd"


@pytest.fixture(scope="module")
def few():
    "Images of ninety groups, four classes, with ties; and each of their resamples, counted one by one."
    targs, probs, sources = draw_classes(1, n=300)
    groups = np.random.default_rng(7).integers(0, 90, 300)
    preds, probs, rs = probs.argmax(1), np.round(probs, 1), Resampling(groups, 50)
    images = list(rs.draws())
    return SimpleNamespace(
        targs=targs,
        probs=probs,
        sources=sources,
        preds=preds,
        groups=groups,
        rs=rs,
        images=images,
        metrics=[classification_metrics(targs[i], probs[i], "abcd", preds[i]) for i in images],
        decisions=[decision_metrics(targs[i], probs[i], "abcd", "b", 0.7) for i in images],
    )


def n_groups(few, *sides):
    "Groups of the side that has fewest."
    return min(len(set(few.groups[side])) for side in sides)


@pytest.mark.parametrize("name", ["accuracy", "balanced_accuracy", "macro_f1", "macro_auroc"])
def test_headline_intervals_equal_a_plain_loop(few, name):
    found = classification_intervals(few.rs, few.targs, few.probs, "abcd", few.preds)
    assert found[name] == pytest.approx(limits_of(few.metrics, name, groups=len(set(few.groups))))


@pytest.mark.parametrize("name", ["recall", "f1", "auroc", "prevalence"])
@pytest.mark.parametrize("slug", "abcd")
def test_class_intervals_equal_a_plain_loop(few, name, slug):
    found = classification_intervals(few.rs, few.targs, few.probs, "abcd", few.preds)["per_class"][
        slug
    ]
    own = few.targs == ABCD.index(slug)
    sides = dict(auroc=[own, ~own], prevalence=[own | True]).get(name, [own])
    want = limits_of(few.metrics, "per_class", slug, name, groups=n_groups(few, *sides))
    assert found[name] == pytest.approx(want)


def test_a_precision_counts_in_the_resamples_that_answer_the_class(few):
    answered = [i[few.preds[i] == 0] for i in few.images]
    found = classification_intervals(few.rs, few.targs, few.probs, "abcd", few.preds)["per_class"][
        "a"
    ]["precision"]
    assert found == pytest.approx(
        interval(
            [np.mean(few.targs[i] == 0) if len(i) else np.nan for i in answered],
            n_groups(few, few.preds == 0),
        )
    )


@pytest.mark.parametrize(
    "name", ["auroc", "prevalence", "accuracy", "sensitivity", "specificity", "ppv", "npv"]
)
def test_intervals_of_a_question_equal_a_plain_loop(few, name):
    found = decision_intervals(few.rs, few.targs, few.probs, "abcd", "b", 0.7)
    ill = few.targs != 1
    yes = np.delete(few.probs, 1, 1).sum(1) >= 0.7
    sides = dict(auroc=[ill, ~ill], sensitivity=[ill], specificity=[~ill], ppv=[yes], npv=[~yes])
    groups = n_groups(few, *sides.get(name, [ill | True]))
    assert found[name] == pytest.approx(limits_of(few.decisions, name, groups=groups))


@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true")
def test_floors_keep_the_answers_of_the_whole_split_in_every_resample(few):
    targs, sources, preds = few.targs, few.sources, few.preds
    limits = floors(targs, sources, "abcd")
    fixed = np.array(["abcd".index(limits["source_only"]["answers"][s]) for s in sources])
    top = np.full(300, "abcd".index(limits["majority"]["label"]))
    found, gain = floor_intervals(few.rs, targs, preds, sources, "abcd", limits)
    for name, answers in (("source_only", fixed), ("majority", top)):
        for key, score in (
            ("accuracy", sk.accuracy_score),
            ("balanced_accuracy", sk.balanced_accuracy_score),
        ):
            want = interval([score(targs[i], answers[i]) for i in few.images], len(set(few.groups)))
            if (name, key) == ("majority", "balanced_accuracy"):
                want = None  # 1 over the number of classes, by definition
            assert found[name][key] == (want and pytest.approx(want))
    paired = [np.mean(preds[i] == targs[i]) - np.mean(fixed[i] == targs[i]) for i in few.images]
    assert gain == pytest.approx(interval(paired, len(set(few.groups))))


def test_source_intervals_equal_a_plain_loop(few):
    found = source_intervals(few.rs, few.targs, few.preds, few.sources)
    assert list(found) == sorted(set(few.sources))
    for s in found:
        own = [i[few.sources[i] == s] for i in few.images]
        right = [np.mean(few.preds[i] == few.targs[i]) if len(i) else np.nan for i in own]
        groups = n_groups(few, few.sources == s)
        assert found[s]["accuracy"] == pytest.approx(interval(right, groups))


def test_a_class_of_one_patient_has_no_interval_of_its_recall():
    groups, targs = ["p", "p", "q", "r", "s"], np.array([0, 0, 1, 1, 1])
    found = classification_intervals(
        Resampling(groups, 50), targs, one_hot([0, 0, 1, 1, 0], 2), "ab"
    )["per_class"]
    assert found["a"]["recall"] is None and found["a"]["auroc"] is None and found["a"]["prevalence"]
    assert found["b"]["recall"] and found["a"]["precision"]
