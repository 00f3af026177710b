"""pytest tests/bundle/test_conformal.py

Prediction sets: what is promised is kept on films like those of validation, and refused where they
are too few.
"""

import numpy as np
import pytest

from cxr_fastai.bundle.conformal import check_coverage, promise_of
from cxr_fastai.bundle.conformal_scores import MAX_SCORES, calibration_scores, is_calibration
from cxr_fastai.core import UsageError

VOCAB = ["covid_19", "normal", "viral"]


def drawn(rng, patients, films=1, classes=3):
    """Films of patients: each patient has a class and a difficulty of its own.

    Returns probabilities, classes, groups.
    """
    of_patient = np.arange(patients) % classes
    targs = np.repeat(of_patient, films)
    groups = [f"p{i}" for i in np.repeat(np.arange(patients), films)]
    hard = np.repeat(rng.normal(0, 1, (patients, classes)), films, axis=0)
    logits = hard + rng.normal(0, 0.5, (len(targs), classes))
    logits[np.arange(len(targs)), targs] += 1.5
    probs = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    return probs, targs, groups


def meta(record, task="single_label", vocab=VOCAB):
    return {"task": task, "vocab": list(vocab), "display": {}, "conformal": record}


def single(rng, patients, films=1):
    probs, targs, groups = drawn(rng, patients, films)
    return calibration_scores(probs, targs, VOCAB, groups, ["here"] * len(targs))


def patients_covered(promise, rng, patients, films):
    """Of each class the share of patients in the sets of all of whose films it is."""
    probs, targs, _ = drawn(rng, patients, films)
    sets = promise.sets(probs)
    is_in = sets[np.arange(len(targs)), targs].reshape(patients, films).all(1)
    of_patient = np.arange(patients) % 3
    return [float(is_in[of_patient == i].mean()) for i in range(3)]


@pytest.mark.parametrize("films", [1, 4])
@pytest.mark.parametrize("coverage", [0.8, 0.9])
def test_patients_like_those_of_validation_are_covered_as_often_as_promised(coverage, films):
    rng = np.random.default_rng(7)
    trials = 60
    found = []
    for _ in range(trials):
        promise = promise_of(meta(single(rng, 150, films)), coverage)
        found.append(patients_covered(promise, rng, 300, films))
    # With 50 groups a class the mean of one trial is 41/51 or 46/51, and its spread that of a
    # beta distribution: sd .055 at most. Of 60 trials .0071; 4 sd are .028.
    expected = np.ceil(51 * coverage) / 51
    assert np.mean(found, axis=0) == pytest.approx([expected] * 3, abs=0.028)


def test_films_counted_as_if_they_were_patients_promise_what_they_do_not_keep():
    rng = np.random.default_rng(3)
    probs, targs, groups = drawn(rng, 150, 4)
    alone = calibration_scores(probs, targs, VOCAB, [f"f{i}" for i in range(600)], ["here"] * 600)
    of_films = promise_of(meta(alone), 0.9)
    kept = np.mean([patients_covered(of_films, rng, 300, 4) for _ in range(20)])
    assert kept < 0.87
    own = calibration_scores(probs, targs, VOCAB, groups, ["here"] * 600)
    assert [own["scores"]["class"][name]["groups"] for name in VOCAB] == [50] * 3


def test_the_limit_is_the_score_of_the_rank_that_is_asked():
    probs = np.full((9, 3), 0.0)
    probs[:, 0] = np.arange(9, 0, -1) / 10
    scores = calibration_scores(
        probs, np.zeros(9, int), VOCAB, [str(i) for i in range(9)], ["x"] * 9
    )
    of_class = scores["scores"]["class"]["covid_19"]
    assert of_class["groups"] == 9 and of_class["scores"][-1] == pytest.approx(0.9)
    one_class = {"sources": {"x": 9}, "scores": {"class": {"covid_19": of_class}}}
    at = {c: promise_of(meta(one_class, vocab=["covid_19"]), c) for c in (0.5, 0.8, 0.9)}
    assert at[0.9].limits["class"]["covid_19"] == pytest.approx(0.9), "9 groups are enough for 90 %"
    assert at[0.8].limits["class"]["covid_19"] == pytest.approx(0.8)
    assert at[0.5].limits["class"]["covid_19"] == pytest.approx(0.5)


def test_a_rank_that_floats_put_just_above_a_whole_number_is_that_number():
    kept = {"groups": 99, "scores": [i / 100 for i in range(1, 100)]}
    record = {"sources": {"x": 99}, "scores": {"class": {"a": kept}}}
    assert 100 * 0.55 > 55, "in floats"
    assert promise_of(meta(record, vocab=["a"]), 0.55).limits["class"]["a"] == 0.55


def test_of_many_groups_some_scores_are_kept_and_the_limit_is_no_lower():
    rng = np.random.default_rng(0)
    n = 2 * MAX_SCORES + 133
    p = rng.uniform(size=n)
    probs = np.stack([p, 1 - p], 1)
    record = calibration_scores(
        probs, np.zeros(n, int), ["a", "b"], list(map(str, range(n))), "x" * n
    )
    kept = record["scores"]["class"]["a"]
    assert kept["groups"] == n and len(kept["scores"]) == MAX_SCORES and is_calibration(record)
    only = {**record, "scores": {"class": {"a": kept}}}
    ranked = np.sort(1 - p)
    for coverage in (0.5, 0.731, 0.9, 0.99):
        limit = promise_of(meta(only, vocab=["a"]), coverage).limits["class"]["a"]
        rank = int(np.ceil((n + 1) * coverage))
        assert ranked[rank - 1] <= limit <= ranked[min(rank + 3, n - 1)] + 1e-6


def test_the_same_scores_give_the_same_sets_and_the_same_record():
    one, two = (single(np.random.default_rng(5), 90, 2) for _ in range(2))
    probs = drawn(np.random.default_rng(6), 30)[0]
    assert one == two
    sets = [promise_of(meta(record), 0.9).sets(probs) for record in (one, two)]
    assert np.array_equal(*sets)
    singles = [promise_of(meta(one), 0.9).sets(probs.astype(kind)) for kind in ("f4", "f8")]
    assert np.array_equal(*singles)


# ---- refusals


def test_a_class_of_too_few_patients_is_refused_by_name_and_number():
    rng = np.random.default_rng(1)
    probs, targs, groups = drawn(rng, 60)
    keep = (targs != 2) | (np.arange(60) < 24)
    kept_groups = [group for group, own in zip(groups, keep) if own]
    record = calibration_scores(
        probs[keep], targs[keep], VOCAB, kept_groups, ["x"] * int(keep.sum())
    )
    assert promise_of(meta(record), 0.88).limits["class"].keys() == set(VOCAB)
    with pytest.raises(UsageError) as e:
        promise_of(meta(record), 0.9, "runs/x")
    said = str(e.value)
    assert "runs/x: 90 % coverage cannot be promised" in said and "\n" not in said
    assert "viral has 8 patients or groups, and it takes 9." in said
    assert "--coverage 0.88 (Python: coverage=0.88)" in said and "normal" not in said


def test_a_class_that_validation_lacks_is_refused_without_an_offer():
    probs = np.array([[0.5, 0.5]] * 30)
    record = calibration_scores(
        probs, np.zeros(30, int), ["a", "b"], list(map(str, range(30))), "x" * 30
    )
    with pytest.raises(UsageError, match="b has 0 patients or groups") as e:
        promise_of(meta(record, vocab=["a", "b"]), 0.9)
    assert "up to" not in str(e.value)


def test_a_bundle_without_scores_is_to_be_trained_again():
    with pytest.raises(UsageError, match="keeps no scores of validation.*Train again"):
        promise_of({"task": "single_label", "vocab": VOCAB, "display": {}}, 0.9)


@pytest.mark.parametrize("coverage", [0.49, 1, 1.5, -1, 90, float("nan")])
def test_a_coverage_that_is_no_share_is_refused(coverage):
    with pytest.raises(UsageError, match="expected a share from 0.5 to below 1"):
        check_coverage(coverage)


# ---- several findings


def findings(rng, n, rare=4):
    """Of a finding a third have it, of another `rare` films; a few labels are unknown."""
    targs = np.zeros((n, 2))
    targs[::3, 0] = 1
    targs[:rare, 1] = 1
    targs[-5:, 0] = np.nan
    logits = rng.normal(0, 1, (n, 2)) + 2 * np.nan_to_num(targs)
    probs = 1 / (1 + np.exp(-logits))
    record = calibration_scores(
        probs, targs, ["effusion", "hernia"], list(map(str, range(n))), ["x"] * n
    )
    return probs, targs, record


def test_a_finding_of_too_few_is_left_out_and_said_and_the_others_are_promised():
    rng = np.random.default_rng(2)
    probs, targs, record = findings(rng, 300)
    promise = promise_of(meta(record, "multi_label", ["effusion", "hernia"]), 0.9)
    assert list(promise.finding_sets(probs)) == ["effusion"]
    assert "Nothing is promised of hernia, present, has 4 patients or groups" in promise.says
    found = promise.set_of({"effusion": 0.999, "hernia": 0.5})
    assert found.findings == {"effusion": ("present",)} and found.classes == ()
    assert found.says == "at 90 % coverage present: effusion"
    assert record["scores"]["absent"]["effusion"]["groups"] == 196, "unknown ones are none"


def test_of_each_finding_both_sides_are_covered():
    rng = np.random.default_rng(4)
    kept = []
    for _ in range(40):
        _, _, record = findings(rng, 300, 100)
        promise = promise_of(meta(record, "multi_label", ["effusion", "hernia"]), 0.9)
        probs, targs, _ = findings(rng, 300, 100)
        present, absent = promise.finding_sets(probs)["hernia"]
        kept.append([present[targs[:, 1] == 1].mean(), absent[targs[:, 1] == 0].mean()])
    # sd of one trial .042 and .03, of 40 .0067: 4 sd
    assert np.mean(kept, axis=0) == pytest.approx([0.9, 0.9], abs=0.027)


def test_where_no_finding_has_enough_all_is_refused():
    _, _, record = findings(np.random.default_rng(2), 12)
    with pytest.raises(UsageError, match="effusion, present, has 3 patients or groups; hernia"):
        promise_of(meta(record, "multi_label", ["effusion", "hernia"]), 0.9)


# ---- words


def test_a_set_says_what_it_holds():
    record = single(np.random.default_rng(0), 150)
    promise = promise_of({**meta(record), "display": {"covid_19": "COVID-19"}}, 0.9)
    sure = promise.set_of({"covid_19": 0.98, "normal": 0.01, "viral": 0.01})
    assert sure.classes == ("covid_19",) and sure.says == "at 90 % coverage COVID-19 alone"
    open_ = promise.set_of({"covid_19": 0.4, "normal": 0.3, "viral": 0.3})
    assert open_.says == "at 90 % coverage COVID-19 or normal or viral"
    assert promise.says.startswith("Coverage 90 %: in at least 90 % of the patients of each class")
    assert (
        "for films from these sources only" in promise.says and "here (150 groups)" in promise.says
    )


def test_a_film_unlike_all_classes_has_an_empty_set():
    n = 60
    sure = np.full((n, 2), 0.01)
    targs = np.arange(n) % 2
    sure[np.arange(n), targs] = 0.99
    record = calibration_scores(sure, targs, ["a", "b"], list(map(str, range(n))), ["x"] * n)
    found = promise_of(meta(record, vocab=["a", "b"]), 0.9).set_of({"a": 0.5, "b": 0.5})
    assert found.classes == () and "no class: it is unlike most films of each" in found.says
