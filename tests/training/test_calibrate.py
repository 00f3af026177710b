"""pytest tests/training/test_calibrate.py"""

import numpy as np
import pytest
import torch
from sklearn.metrics import f1_score, log_loss

from cxr_fastai.core import Task
from cxr_fastai.training.calibrate import (
    fit_decision,
    fit_temperature,
    fit_thresholds,
    probabilities,
)
from cxr_fastai.training.losses import CrossEntropy


def softmax(logits, temperature=1.0):
    return probabilities(logits, Task.SINGLE_LABEL, temperature)


VOCAB = ["bacterial", "normal", "viral"]


def sharpened(factor: float, n: int = 4000) -> tuple[np.ndarray, np.ndarray]:
    "Logits that are true when divided by `factor`: classes are drawn from their own probabilities."
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, (n, 3))
    targs = (softmax(logits).cumsum(1) > rng.random((n, 1))).argmax(1)
    return logits * factor, targs


@pytest.mark.parametrize("factor", [0.5, 1.0, 3.0])
def test_the_temperature_undoes_over_and_underconfidence(factor):
    logits, targs = sharpened(factor)
    t = fit_temperature(logits, targs)
    assert t == pytest.approx(factor, rel=0.06)
    assert log_loss(targs, softmax(logits, t)) <= log_loss(targs, softmax(logits)) + 1e-9


def test_a_split_that_cannot_tell_leaves_the_logits_alone():
    logits, _ = sharpened(1)
    assert fit_temperature(logits, logits.argmax(1)) == 1.0
    assert fit_temperature(np.empty((0, 3)), np.empty(0, int)) == 1.0


def test_softmax_bears_large_logits():
    assert softmax(np.array([[1000.0, 0.0, -1000.0]])).tolist() == [[1, 0, 0]]


@pytest.mark.parametrize("asked", [0.5, 0.9, 0.95, 1.0])
def test_the_threshold_is_the_highest_that_finds_as_many_as_asked(asked):
    rng = np.random.default_rng(1)
    probs, targs = rng.dirichlet([1, 1, 1], 500), rng.integers(0, 3, 500)
    found = fit_decision(probs, targs, VOCAB, "normal", asked)
    scores, sick = 1 - probs[:, 1], targs != 1
    sensitivity = lambda t: (scores >= t)[sick].mean()
    assert found["sensitivity"] == sensitivity(found["threshold"]) >= asked
    higher = np.unique(
        scores[scores > found["threshold"]]
    )  # the first is what the threshold lies below
    assert len(higher) < 2 or sensitivity(higher[1]) < asked
    assert (
        found["specificity"] == (scores < found["threshold"])[~sick].mean()
        and found["negative"] == "normal"
    )


@pytest.mark.parametrize(
    "asked,found", [(0.55, 55), (0.07, 7), (0.14, 14), (0.555, 56), (1.0, 100)]
)
def test_a_share_of_100_asks_for_as_many_and_not_for_one_more(asked, found):
    risk = np.linspace(0.01, 0.99, 200)  # the highest hundred are ill
    probs = np.stack([risk, 1 - risk, 0 * risk], axis=1)
    targs = np.where(np.arange(200) >= 100, 0, 1)
    fixed = fit_decision(probs, targs, VOCAB, "normal", asked, triage=[asked])
    for threshold in (fixed["threshold"], fixed["triage"][0]["threshold"]):
        assert np.count_nonzero(1 - probs[:, 1] >= threshold) == found


@pytest.mark.parametrize("targs", [[1, 1, 1], [0, 2, 0]])
def test_one_side_alone_fixes_no_threshold(targs):
    assert fit_decision(np.full((3, 3), 1 / 3), np.array(targs), VOCAB, "normal", 0.95) == {}


def test_an_exported_learner_decides_as_the_bundle_does():
    loss = CrossEntropy()
    loss.calibrate(
        dict(temperature=2.0, offsets={}, decision=dict(negative="normal", threshold=0.3)), VOCAB
    )
    logits = torch.tensor([[0.0, 1.0, 0.5], [0.0, 4.0, 1.0], [3.0, 0.0, 0.0]])
    probs = loss.activation(logits)
    assert torch.allclose(probs, (logits / 2).softmax(1))
    assert loss.decodes(probs).tolist() == [2, 1, 0], (
        "1 - .418 = .58 is above .3: not normal, and viral leads"
    )


# ---- findings

NAN = float("nan")


def f1_at(p, y, t) -> float:
    known = ~np.isnan(y)
    return f1_score(y[known], p[known] >= t, zero_division=0)


def test_a_findings_threshold_is_the_one_of_the_highest_f1_among_the_known():
    rng = np.random.default_rng(2)
    targs = (rng.random((300, 3)) < [0.05, 0.3, 0.7]).astype(float)
    probs = np.clip(0.3 * targs + rng.random((300, 3)) * 0.7, 0, 1).round(2)  # with ties
    targs[rng.random((300, 3)) < 0.1] = NAN
    found = fit_thresholds(probs, targs, VOCAB)
    for i, c in enumerate(VOCAB):
        best = max(f1_at(probs[:, i], targs[:, i], t) for t in np.unique(probs[:, i]))
        assert f1_at(probs[:, i], targs[:, i], found[c]) == best > 0


def test_a_finding_that_validation_cannot_tell_has_no_threshold():
    targs = np.array([[0, 1, NAN], [0, 1, NAN], [0, NAN, 1.0]])
    assert fit_thresholds(np.full((3, 3), 0.5), targs, VOCAB) == {}


@pytest.mark.parametrize("factor", [0.5, 3.0])
def test_one_temperature_serves_all_findings_and_passes_over_what_is_unknown(factor):
    rng = np.random.default_rng(3)
    logits, offsets = rng.normal(0, 2, (4000, 3)), np.array([0.0, -1.0, 2.0])
    targs = (rng.random((4000, 3)) < probabilities(logits, Task.MULTI_LABEL, 1.0, offsets)).astype(
        float
    )
    targs[rng.random((4000, 3)) < 0.3] = NAN
    assert fit_temperature(logits * factor, targs, offsets) == pytest.approx(factor, rel=0.08)


def test_a_worklists_thresholds_are_fixed_with_the_decision():
    rng = np.random.default_rng(4)
    probs, targs = rng.dirichlet([1, 1, 1], 500), rng.integers(0, 3, 500)
    found = fit_decision(probs, targs, VOCAB, "normal", 0.9, triage=[0.98, 0.99])
    scores, sick = 1 - probs[:, 1], targs != 1
    for x, asked in zip(found["triage"], (0.98, 0.99)):
        assert x["asked_sensitivity"] == asked and (scores >= x["threshold"])[sick].mean() >= asked
        higher = np.unique(scores[sick & (scores > x["threshold"])])
        assert (scores >= higher[1])[sick].mean() < asked


def test_rounding_to_a_bundles_float32_moves_nobody_across_a_threshold():
    for seed in range(50):
        rng = np.random.default_rng(seed)
        logits, targs = rng.normal(0, 4, (200, 3)), rng.integers(0, 3, 200)
        found = fit_decision(
            probabilities(logits, Task.SINGLE_LABEL), targs, VOCAB, "normal", 0.95, triage=[0.99]
        )
        probs = torch.tensor(logits, dtype=torch.float32).softmax(1).numpy()
        risk = np.delete(probs, 1, 1).sum(1)
        assert (risk >= found["threshold"])[targs != 1].mean() == found["sensitivity"] >= 0.95
        assert (risk >= found["triage"][0]["threshold"])[targs != 1].mean() >= 0.99
