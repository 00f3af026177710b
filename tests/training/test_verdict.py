"""pytest tests/training/test_verdict.py"""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from cxr_fastai.core import Task
from cxr_fastai.training.data import build_dataloaders
from cxr_fastai.training.learner import build_learner
from cxr_fastai.training.verdict import at_chance, constant_loss, run_warnings, score, scores_line

N = 120  # images, each of a group of its own


def answers(right_share: float, classes: int = 2, seed: int = 0):
    "Logits and targets of which a share is right; the wrong ones answer any class."
    draw = np.random.default_rng(seed)
    targs = np.arange(N) % classes
    told = np.where(draw.random(N) < right_share, targs, draw.integers(0, classes, N))
    logits = np.eye(classes)[told] * 2 + draw.normal(0, 0.1, (N, classes))
    return logits, targs


def groups(n: int = N) -> list[str]:
    return [str(i) for i in range(n)]


def scored(share: float, classes: int = 2):
    return score(Task.SINGLE_LABEL, *answers(share, classes), groups())


@pytest.mark.parametrize("classes", [2, 3, 6])
def test_answers_at_random_cannot_be_told_from_a_guess(classes):
    warning = at_chance(scored(0, classes))
    assert warning.kind == "at_chance" and "Do not use it" in warning.do
    low, high = warning.numbers["interval"]
    assert low <= 1 / classes and warning.numbers["guess"] == 1 / classes


@pytest.mark.parametrize("classes", [2, 3, 6])
def test_a_network_that_reads_is_told_from_a_guess(classes):
    assert at_chance(scored(0.8, classes)) is None


def test_one_answer_to_all_images_is_a_guess_however_many_are_of_that_class():
    targs = np.array([0] * 110 + [1] * 10)
    logits = np.tile([3.0, 0.0], (N, 1))
    found = score(Task.SINGLE_LABEL, logits, targs, groups())
    assert found.numbers["accuracy"] > 0.9 and found.numbers["balanced_accuracy"] == 0.5
    assert at_chance(found)


def test_a_ranking_that_answers_waste_is_told_beside_the_guess():
    targs = np.array([0] * 90 + [1] * 30)
    logits = np.stack([np.full(N, 5.0), targs + np.linspace(0, 0.1, N)], 1)
    warning = at_chance(score(Task.SINGLE_LABEL, logits, targs, groups()))
    assert "probabilities do rank (macro AUROC 1.000" in warning.says


def test_of_few_groups_more_images_are_asked_for():
    logits, targs = answers(0.7)
    found = score(Task.SINGLE_LABEL, logits[:6], targs[:6], groups(6))
    assert "scored on more images" in at_chance(found).do


def test_one_group_or_one_class_alone_is_no_verdict():
    logits, targs = answers(1)
    assert at_chance(score(Task.SINGLE_LABEL, logits, targs, ["one"] * N)) is None
    assert at_chance(score(Task.SINGLE_LABEL, logits, targs * 0, groups())) is None


def findings(signal: float):
    draw = np.random.default_rng(1)
    targs = draw.integers(0, 2, (N, 3)).astype(float)
    targs[::5, 1] = np.nan
    logits = signal * np.nan_to_num(targs, nan=0.5) + draw.normal(0, 1, (N, 3))
    return score(Task.MULTI_LABEL, logits, targs, groups())


def test_findings_are_judged_by_the_ranking_of_those_that_are_known():
    assert at_chance(findings(0)).numbers["score"] == "macro_auroc"
    assert at_chance(findings(2)) is None
    assert set(findings(2).numbers) == {"macro_auroc", "macro_ap"}


def rows(*losses: float) -> list[dict]:
    return [{"epoch": i + 1, "valid_loss": loss} for i, loss in enumerate(losses)]


NO_NEGATIVE = SimpleNamespace(negative="")


@pytest.mark.parametrize(
    "losses, best, warned",
    [
        ((0.5, 9, 9, 9), 1, True),
        ((9, 9, 9, 0.5), 4, False),
        ((9, 9, 0.5, 9), 3, False),
        ((9,), 1, True),
        ((0.6, 0.5), 2, False),
    ],
)
def test_a_run_came_apart_where_all_last_losses_are_above_a_constant_answers(losses, best, warned):
    found = run_warnings(scored(0.9), rows(*losses), best, 0.69, NO_NEGATIVE, True)
    assert [w.kind for w in found] == ["loss_above_constant"] * warned
    if warned:
        assert f"Epoch {best} was kept" in found[0].says


def test_a_question_without_a_threshold_is_told():
    recipe = SimpleNamespace(negative="normal")
    found = run_warnings(scored(0.9), rows(0.1), 1, 0.69, recipe, False)
    assert [w.kind for w in found] == ["no_threshold"]


def test_the_scores_stand_in_one_line_with_intervals():
    line = scores_line(scored(0.9), 3, 10)
    assert line.startswith("validation, epoch 3 of 10: accuracy 9")
    assert "balanced accuracy" in line and "120 images of 120 groups, 95 % intervals" in line
    assert line.count(" to ") == 3


# ---- the loss of a constant answer


def learner(folder, **how):
    dls = build_dataloaders(folder, size=32, bs=8, device="cpu", **how)
    return build_learner(dls, "cnn", "none", loss=how.pop("loss", "auto"))


def valid_targs(learn):
    return learn.dls.valid.pixels.labels.numpy()


def test_of_classes_drawn_alike_it_is_that_of_equal_probabilities(folder):
    learn = learner(folder, sampling="oversample")
    assert constant_loss(learn, valid_targs(learn)) == pytest.approx(math.log(3), rel=1e-5)


def test_of_images_as_they_come_it_knows_how_common_a_class_is(folder):
    learn = learner(folder, sampling="none")
    shares = np.array([6, 4, 12]) / 22
    wanted = -np.log(shares)[valid_targs(learn)].mean()
    assert constant_loss(learn, valid_targs(learn)) == pytest.approx(wanted, rel=1e-5)


def test_no_constant_answer_to_findings_has_a_lower_loss_on_train(findings_folder):
    dls = build_dataloaders(findings_folder, size=32, bs=8, device="cpu", sampling="none")
    learn = build_learner(dls, "cnn", "none", loss="weighted_bce")
    y = dls.train.pixels.labels
    least = constant_loss(learn, y.numpy())
    for shift in (-0.3, 0.3):
        logits = torch.full(y.shape, shift)
        assert least <= float(learn.loss_func.score(logits, y)) + 1e-6


def test_of_other_loaders_nobody_knows_it(folder):
    learn = learner(folder)
    learn.dls.train.draws = None
    assert constant_loss(learn, valid_targs(learn)) is None


@pytest.mark.parametrize(
    "valid, train, steps, title",
    [
        ((0.9, 0.8, 0.75), (0.9, 0.8, 0.7), 24, "Trained too little"),
        ((0.9, 1.1, 0.95), (0.9, 0.8, 0.7), 24, "Trained too little"),
        ((0.9, 0.8, 0.75), (0.9, 0.8, 0.7), 400, "The loss came apart"),
        ((0.9, 9, 99), (0.9, 8, 98), 24, "The loss came apart"),
        ((0.5, 9, 9, 9), (0.9, 0.8, 0.7, 0.6), 24, "The loss came apart"),
        ((0.9,), (0.9,), 8, "The loss came apart"),
        ((0.9, 0.8), (0.9, 0.8), None, "The loss came apart"),
    ],
)
def test_few_steps_whose_loss_falls_are_too_little_and_no_explosion(valid, train, steps, title):
    history = rows(*valid)
    for row, loss in zip(history, train, strict=True):
        row["train_loss"] = loss
    (found,) = run_warnings(scored(0.9), history, 1, 0.69, NO_NEGATIVE, True, steps)
    assert (found.kind, found.title) == ("loss_above_constant", title)
    assert ("24 steps" in found.says) is (title == "Trained too little")
