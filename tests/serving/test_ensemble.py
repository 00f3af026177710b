"""pytest tests/serving/test_ensemble.py

Several bundles together: the mean and the spread, votes wherever a threshold decides, and who cannot answer together.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from toy_rows import META

import cxr_fastai
from cxr_fastai.bundle.bundle import Bundle
from cxr_fastai.bundle.store import load_bundle, save_bundle
from cxr_fastai.core import ImageRejected, UsageError
from cxr_fastai.models.networks import build_network
from cxr_fastai.serving.ensemble import Ensemble, load_ensemble
from cxr_fastai.serving.predict import predict, predict_paths

VOCAB = ["covid_19", "normal", "tuberculosis"]


class NoNetwork:
    "A runtime that is never asked."

    name = "torch"


def member(i=0, vocab=VOCAB, task="single_label", **meta):
    "A bundle of any meta, which decides about probabilities that it is given."
    own = dict(
        vocab=list(vocab),
        display={},
        task=task,
        thresholds={},
        decision={},
        recipe={"name": "toy"},
        weights_sha256=f"{i:064d}",
    )
    return Bundle(NoNetwork(), own | meta, Path(f"runs/{i}"))


def together(*members):
    return Ensemble(tuple(members))


def rows(*probs):
    return [np.array(own, np.float32) for own in probs]


# ---- the most probable class


def test_without_thresholds_the_most_probable_class_of_the_mean_is_the_answer():
    found = together(member(0), member(1)).decide(rows([0.6, 0.3, 0.1], [0.1, 0.5, 0.4]))
    assert found.label == "normal" and not found.abstained and found.threshold is None
    assert found.probs == pytest.approx({"covid_19": 0.35, "normal": 0.4, "tuberculosis": 0.25})
    assert found.spread["covid_19"] == pytest.approx((0.1, 0.6))
    assert found.decision == (
        "normal: the most probable of 3 classes in the mean of 2 bundles, 0.40 (0.30 to 0.50), "
        "and in 1 of them"
    )


def test_classes_in_another_order_are_averaged_by_name():
    turned = member(1, VOCAB[::-1])
    found = together(member(0), turned).decide(rows([0.8, 0.1, 0.1], [0.1, 0.1, 0.8]))
    assert found.label == "covid_19" and list(found.probs) == VOCAB
    assert found.probs["covid_19"] == pytest.approx(0.8)


# ---- yes or no


def deciding(i, threshold, **meta):
    return member(i, decision={"negative": "normal", "threshold": threshold}, **meta)


@pytest.mark.parametrize(
    "risks, label",
    [
        ((0.3, 0.3, 0.9), "normal"),  # one of three: the mean .5 reaches the mean threshold .4
        ((0.5, 0.5, 0.0), "tuberculosis"),  # two of three
        ((0.9, 0.9, 0.9), "tuberculosis"),
        ((0.1, 0.1, 0.1), "normal"),
    ],
)
def test_each_member_decides_by_its_own_threshold_and_more_than_half_must_agree(risks, label):
    three = together(*[deciding(i, 0.4) for i in range(3)])
    found = three.decide(rows(*[[0.0, 1 - risk, risk] for risk in risks]))
    assert found.label == label
    assert found.risk == pytest.approx(np.mean(risks), abs=1e-6)
    votes = sum(risk >= 0.4 for risk in risks)
    assert f"in {votes} of 3 bundles the risk reaches their own threshold" in found.decision


def test_thresholds_are_never_exchanged_between_members():
    two = together(deciding(0, 0.2), deciding(1, 0.8))
    assert two.decide(rows([0.0, 0.7, 0.3], [0.0, 0.1, 0.9])).label == "tuberculosis"
    assert two.decide(rows([0.0, 0.9, 0.1], [0.0, 0.3, 0.7])).label == "normal"


def test_divided_bundles_give_no_answer_and_say_so():
    two = together(deciding(0, 0.5), deciding(1, 0.5))
    found = two.decide(rows([0.5, 0.1, 0.4], [0.0, 0.9, 0.1]))
    assert found.label is None and found.abstained
    assert found.reason == (
        "the bundles are divided: in 1 of 2 bundles the risk reaches their own threshold; mean "
        "risk 0.50 (0.10 to 0.90)"
    )
    assert found.decision == f"no answer: {found.reason}"


def test_of_several_classes_that_mean_something_the_most_probable_of_the_mean_is_answered():
    two = together(deciding(0, 0.5), deciding(1, 0.5))
    found = two.decide(rows([0.6, 0.1, 0.3], [0.1, 0.1, 0.8]))
    assert found.label == "tuberculosis"


@pytest.mark.parametrize("least, label", [((0.7, 0.9, 0.9), None), ((0.7, 0.7, 0.9), "covid_19")])
def test_a_class_is_held_back_where_half_hold_it_below_their_own_threshold(least, label):
    three = together(*[member(i, thresholds={"covid_19": t}) for i, t in enumerate(least)])
    found = three.decide(rows(*[[0.8, 0.1, 0.1]] * 3))
    assert found.label == label and found.abstained is (label is None)
    if label is None:
        assert "below its own threshold in 2 of 3 bundles" in found.reason


# ---- findings


def test_findings_are_voted_each_by_itself_and_a_tie_is_found():
    names = ["effusion", "mass"]
    two = together(
        member(0, names, "multi_label", thresholds={"effusion": 0.3, "mass": 0.9}),
        member(1, names, "multi_label", thresholds={"effusion": 0.6, "mass": 0.9}),
    )
    found = two.decide(rows([0.4, 0.8], [0.4, 0.2]))
    assert found.label == "effusion" and not found.abstained
    assert found.decision == (
        "effusion: found by 1 of 2 bundles, mean 0.40 (0.40 to 0.40); "
        "1 other finding is found by fewer than half"
    )
    nothing = two.decide(rows([0.1, 0.8], [0.1, 0.2]))
    assert nothing.label == "none"
    assert nothing.decision == (
        "none of the findings: none is found by half of the 2 bundles; the nearest, mass, by 0, "
        "mean 0.50 (0.20 to 0.80)"
    )


# ---- who can answer together


@pytest.mark.parametrize(
    "other, why",
    [
        (member(1, VOCAB[:2]), "tuberculosis is known to one alone"),
        (member(1, [*VOCAB, "a", "b"]), "a, b are known to one alone"),
        (member(1, task="multi_label"), "the task of one is single_label, of the other multi"),
        (deciding(1, 0.5), "for one no class means that nothing was found, for the other normal"),
        (member(0), "are one network"),
    ],
)
def test_bundles_that_cannot_answer_together_are_refused_in_one_line(other, why):
    with pytest.raises(UsageError, match=why) as e:
        together(member(0), other)
    assert "runs/0" in str(e.value) and str(other.path) in str(e.value)


def test_a_class_that_stands_for_other_findings_is_not_the_same_class():
    findings = {name: [name] for name in VOCAB}
    one = member(0, recipe={"name": "a", "classes": findings})
    same = member(1, recipe={"name": "b", "classes": dict(findings)})
    other = member(1, recipe={"name": "b", "classes": {**findings, "normal": ["no_finding"]}})
    together(one, same)
    together(one, member(1))
    with pytest.raises(UsageError, match="class normal stands for other findings"):
        together(one, other)


def test_one_bundle_is_no_ensemble_and_a_coverage_is_promised_by_one_alone():
    with pytest.raises(UsageError, match="takes two bundles or more, received 1"):
        together(member(0))
    two = together(member(0), member(1))
    assert two.promise(None) is None
    with pytest.raises(UsageError, match="by one bundle alone"):
        two.promise(0.9)
    assert two.names == ["0", "1"]


# ---- real networks, of other sizes and architectures


@pytest.fixture(scope="module")
def second(tmp_path_factory):
    "Another network of the toy bundle's classes, of another size, its classes in another order."
    torch.manual_seed(5)
    meta = {**META, "vocab": META["vocab"][::-1], "size": 48, "arch": "cnn"}
    folder = tmp_path_factory.mktemp("second") / "bundle"
    return save_bundle(folder, build_network("cnn", 2), meta)


def test_several_bundles_answer_for_a_folder_with_the_mean_of_each(made, second, folder):
    found = cxr_fastai.predict([made, second], folder)
    alone = [predict(path, folder) for path in (made, second)]
    assert [bool(answer.error) for answer in found] == [False, True, False]
    for answer, one, other in zip(found, *alone):
        for name, p in answer.probs.items():
            own = (one.probs[name], other.probs[name])
            assert p == pytest.approx(np.mean(own), abs=1e-6)
            assert answer.spread[name] == pytest.approx((min(own), max(own)), abs=1e-6)


def test_one_film_is_answered_or_refused_as_by_one_bundle(made, second, folder):
    both = load_ensemble([load_bundle(made, "cpu"), second])
    one = predict(both, folder / "b.png")
    assert one.source.endswith("b.png") and one.spread
    assert "<th>of the bundles</th>" in one._repr_html_()
    refusals = []
    for model in (both, made):
        with pytest.raises(ImageRejected, match="broken.png") as e:
            predict(model, folder / "sub" / "broken.png")
        refusals.append((e.value.reason, str(e.value)))
    assert refusals[0] == refusals[1]
    with pytest.raises(UsageError, match="empty list of bundles"):
        predict([], folder)
    assert isinstance(load_ensemble([made]), Bundle)


def test_a_single_film_with_test_time_views_is_that_of_a_list(made, folder):
    one = predict(made, folder / "b.png", tta=True)
    [same] = predict(made, [folder / "b.png"], tta=True)
    assert one == same and one.probs != predict(made, folder / "b.png").probs


def test_rows_carry_the_spread_of_several_bundles_and_none_of_one(made, second, folder):
    paths = [folder / "b.png"]
    [row] = predict_paths(load_ensemble([made, second]), paths)
    low, high = row["spread"]["normal"]
    assert low < row["probs"]["normal"] < high
    assert "spread" not in predict_paths(load_bundle(made), paths)[0]


def test_a_member_may_differ_in_nothing_but_its_weights(made, second):
    both = load_ensemble([made, second])
    first = both.members[0]
    with pytest.raises(UsageError, match="are one network"):
        Ensemble((first, replace(first, path=Path("copy"))))
