"""pytest tests/evaluation/test_single_label.py

Metrics and floors against hand-counted tables and scikit-learn.
"""

import json
import warnings

import numpy as np
import pytest
from sklearn import metrics as sk
from toy_scores import draw_classes, leaves, one_hot

from cxr_fastai.core import UsageError
from cxr_fastai.evaluation.single_label import (
    classification_metrics,
    decision_metrics,
    floors,
    source_metrics,
)

ABC = ["a", "b", "c"]


TARGS, PREDS = np.array([0, 0, 0, 0, 1, 1, 2]), np.array([0, 0, 0, 1, 1, 2, 2])


@pytest.mark.parametrize(
    "name,want",
    [
        ("n", 7),
        ("accuracy", 5 / 7),
        ("balanced_accuracy", (3 / 4 + 1 / 2 + 1) / 3),
        ("macro_f1", (6 / 7 + 1 / 2 + 2 / 3) / 3),
        ("macro_auroc", (7 / 8 + 0.65 + 11 / 12) / 3),
    ],
)
def test_headline_numbers_equal_the_hand_count(name, want):
    assert classification_metrics(TARGS, one_hot(PREDS), ABC)[name] == pytest.approx(want)


@pytest.mark.parametrize(
    "slug,want",
    [
        ("a", dict(precision=1, recall=3 / 4, f1=6 / 7, support=4, prevalence=4 / 7, auroc=7 / 8)),
        (
            "b",
            dict(precision=1 / 2, recall=1 / 2, f1=1 / 2, support=2, prevalence=2 / 7, auroc=0.65),
        ),
        (
            "c",
            dict(precision=1 / 2, recall=1, f1=2 / 3, support=1, prevalence=1 / 7, auroc=11 / 12),
        ),
    ],
)
def test_class_numbers_equal_the_hand_count(slug, want):
    assert classification_metrics(TARGS, one_hot(PREDS), ABC)["per_class"][slug] == pytest.approx(
        want
    )


def test_confusion_has_truth_in_rows_and_answers_in_columns():
    assert classification_metrics(TARGS, one_hot(PREDS), ABC)["confusion"] == [
        [3, 1, 0],
        [0, 1, 1],
        [0, 0, 1],
    ]


@pytest.mark.parametrize("seed", range(4))
def test_metrics_equal_scikit_learn(seed):
    targs, probs, _ = draw_classes(seed)
    m, preds = classification_metrics(targs, probs, list("abcd")), probs.argmax(1)
    assert m["accuracy"] == pytest.approx(sk.accuracy_score(targs, preds))
    assert m["balanced_accuracy"] == pytest.approx(sk.balanced_accuracy_score(targs, preds))
    assert m["macro_f1"] == pytest.approx(sk.f1_score(targs, preds, average="macro"))
    assert m["macro_auroc"] == pytest.approx(sk.roc_auc_score(targs, probs, multi_class="ovr"))
    assert m["confusion"] == sk.confusion_matrix(targs, preds).tolist()


def test_a_class_without_images_has_no_recall_no_f1_no_auroc_and_is_left_out_of_the_means():
    m = classification_metrics([0, 0, 1, 1], one_hot([0, 0, 1, 2]), ABC)
    assert m["per_class"]["c"] == dict(
        precision=0.0, recall=None, f1=None, support=0, auroc=None, prevalence=0.0
    )
    assert m["balanced_accuracy"] == pytest.approx((1 + 1 / 2) / 2) and m[
        "macro_f1"
    ] == pytest.approx((1 + 2 / 3) / 2)
    assert m["macro_auroc"] == pytest.approx((1 + 3 / 4) / 2)


def test_a_class_that_is_never_answered_has_precision_zero():
    m = classification_metrics([0, 1], one_hot([0, 0], 2), ["a", "b"])
    assert m["per_class"]["b"]["precision"] == 0 and m["per_class"]["b"]["f1"] == 0


def test_images_of_one_class_only_have_no_auroc():
    m = classification_metrics([1, 1], one_hot([1, 0]), ABC)
    assert m["macro_auroc"] is None and all(o["auroc"] is None for o in m["per_class"].values())


@pytest.mark.parametrize("targs", [[0], [1, 1], [0, 1, 2], [2, 2, 0]])
def test_values_are_plain_python_strict_json_and_raise_no_warning(targs):
    probs, sources = one_hot([0] * len(targs)), ["x"] * len(targs)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        out = {
            "m": classification_metrics(targs, probs, ABC),
            "f": floors(targs, sources, ABC),
            "s": source_metrics(targs, probs, sources, ABC),
        }
    assert {type(x) for x in leaves(out)} <= {int, float, str, type(None)}
    assert json.loads(json.dumps(out, allow_nan=False)) == out


def test_equal_probabilities_answer_the_class_earlier_in_vocab():
    assert classification_metrics([1], np.full((1, 3), 1 / 3), ABC)["confusion"][1] == [1, 0, 0]


SIX = [
    "bacterial_pneumonia",
    "covid_19",
    "normal",
    "other_findings",
    "tuberculosis",
    "viral_pneumonia",
]


PUBLISHED = [
    ("kermany", 0, 2530),
    ("kermany", 5, 1345),
    ("kermany", 2, 1122),
    ("covid_sources", 1, 288),
    ("tb_sets", 4, 394),
    ("nih_sample", 3, 5597),
]  # (source, class, images) of the published six-folder set


def expand(table):
    "(source, class, images) rows -> truths and sources, an entry an image."
    return np.repeat([c for _, c, _ in table], [n for *_, n in table]), [
        s for s, _, n in table for _ in range(n)
    ]


def test_published_six_folder_set_is_won_to_78_percent_by_its_sources_alone():
    targs, sources = expand(PUBLISHED)
    f = floors(targs, sources, SIX)
    assert len(targs) == 11_276
    assert f["source_only"]["accuracy"] == pytest.approx((2530 + 288 + 394 + 5597) / 11_276)
    assert (
        round(f["source_only"]["accuracy"], 3) == 0.781
        and round(f["majority"]["accuracy"], 3) == 0.496
    )
    assert f["majority"]["label"] == "other_findings" and f["majority"][
        "balanced_accuracy"
    ] == pytest.approx(1 / 6)
    assert f["source_only"]["balanced_accuracy"] == pytest.approx(4 / 6)
    assert f["source_only"]["answers"] == {
        "covid_sources": "covid_19",
        "kermany": "bacterial_pneumonia",
        "nih_sample": "other_findings",
        "tb_sets": "tuberculosis",
    }


@pytest.mark.parametrize("seed", range(20))
def test_source_only_floor_is_never_below_the_majority_floor(seed):
    targs, _, sources = draw_classes(seed, n=1 + seed * 7)
    f = floors(targs, sources, list("abcd"))
    assert f["source_only"]["accuracy"] >= f["majority"]["accuracy"]


@pytest.mark.parametrize("seed", range(3))
def test_no_answer_that_sees_only_the_source_is_better_than_the_floor(seed):
    targs, _, sources = draw_classes(seed, n=60, c=3, sources=3)
    best = max(
        np.mean(targs == np.array([rule[int(s[1])] for s in sources]))
        for rule in np.ndindex(3, 3, 3)
    )
    assert floors(targs, sources, ABC)["source_only"]["accuracy"] == pytest.approx(best)


@pytest.mark.parametrize("vocab,want", [(["a", "b"], "a"), (["b", "a"], "b")])
def test_ties_go_to_the_class_earlier_in_vocab(vocab, want):
    targs = [vocab.index("b"), vocab.index("a")]
    f = floors(targs, ["x", "x"], vocab)
    assert f["majority"]["label"] == want and f["source_only"]["answers"] == {"x": want}


def test_one_source_makes_the_two_floors_equal():
    f = floors([0, 0, 1], ["x"] * 3, ABC)
    assert f["source_only"]["accuracy"] == f["majority"]["accuracy"] == pytest.approx(2 / 3)


def test_sources_of_one_class_each_make_the_floor_perfect():
    assert floors([0, 1, 1], ["x", "y", "y"], ABC)["source_only"]["accuracy"] == 1


def test_each_source_has_its_own_accuracy_and_floor():
    s = source_metrics([0, 0, 1, 2], one_hot([0, 1, 1, 0]), ["y", "y", "y", "x"], ABC)
    assert list(s) == ["x", "y"] and s["x"] == dict(
        n=1, classes=1, accuracy=0.0, commonest="c", floor=1.0
    )
    assert s["y"] == pytest.approx(dict(n=3, classes=2, accuracy=2 / 3, commonest="a", floor=2 / 3))


def test_source_accuracies_weighted_by_images_make_the_accuracy():
    targs, probs, sources = draw_classes(0)
    s = source_metrics(targs, probs, sources, list("abcd"))
    pooled = sum(o["n"] * o["accuracy"] for o in s.values()) / len(targs)
    assert pooled == pytest.approx(classification_metrics(targs, probs, list("abcd"))["accuracy"])
    floor = sum(o["n"] * o["floor"] for o in s.values()) / len(targs)
    assert floor == pytest.approx(floors(targs, sources, list("abcd"))["source_only"]["accuracy"])


@pytest.mark.parametrize(
    "targs,probs,says",
    [
        ([], np.zeros((0, 3)), "n > 0"),
        ([[0]], one_hot([0]), "expected (n,)"),
        ([3], one_hot([0]), "from 0 to 2"),
        ([-1], one_hot([0]), "from 0 to 2"),
        ([0.5], one_hot([0]), "indices"),
        (["a"], one_hot([0]), "indices"),
        ([0, 1], one_hot([0]), "expected (2, 3)"),
        ([0], one_hot([0], 2), "expected (1, 3)"),
        ([0, 1], np.array([[1, 0, 0], [np.nan, 0, 0]]), "first is row 1"),
    ],
)
def test_arrays_that_do_not_fit_are_refused_in_one_line(targs, probs, says):
    with pytest.raises(UsageError) as e:
        classification_metrics(targs, probs, ABC)
    assert says in str(e.value) and "\n" not in str(e.value)


def test_a_source_is_needed_for_every_image():
    with pytest.raises(UsageError, match="1 names for 2 images"):
        floors([0, 1], ["x"], ABC)


def test_decision_metrics_count_at_the_given_threshold():
    vocab = ["bacterial", "normal", "viral"]
    probs = np.array(
        [[0.5, 0.3, 0.2], [0.1, 0.8, 0.1], [0.2, 0.6, 0.2], [0.05, 0.9, 0.05], [0.3, 0.3, 0.4]]
    )
    targs = np.array([0, 1, 2, 2, 1])
    found = decision_metrics(targs, probs, vocab, "normal", 0.4)
    assert found == dict(
        negative="normal",
        n=5,
        prevalence=0.6,
        threshold=0.4,
        auroc=pytest.approx(2.5 / 6),
        accuracy=pytest.approx(3 / 5),
        sensitivity=pytest.approx(2 / 3),
        specificity=0.5,
        ppv=pytest.approx(2 / 3),
        npv=0.5,
        of=dict(auroc=5, prevalence=5, accuracy=5, sensitivity=3, specificity=2, ppv=3, npv=2),
    )


def test_a_decision_without_one_side_leaves_its_shares_undefined():
    found = decision_metrics(
        np.array([1, 1]), np.array([[0.1, 0.9], [0.2, 0.8]]), ["a", "b"], "b", 0.5
    )
    assert [found[k] for k in ("auroc", "sensitivity", "ppv", "specificity")] == [
        None,
        None,
        None,
        1,
    ]


def test_given_answers_count_in_place_of_the_most_probable():
    probs = np.array([[0.6, 0.4], [0.6, 0.4]])
    assert classification_metrics(np.array([1, 0]), probs, ["a", "b"])["accuracy"] == 0.5
    assert (
        classification_metrics(np.array([1, 0]), probs, ["a", "b"], np.array([1, 0]))["accuracy"]
        == 1.0
    )
    with pytest.raises(UsageError, match="one an image"):
        classification_metrics(np.array([1, 0]), probs, ["a", "b"], [1])
