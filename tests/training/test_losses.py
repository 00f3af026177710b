"""pytest tests/training/test_losses.py"""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.utils.class_weight import compute_class_weight

from cxr_fastai.core import Task
from cxr_fastai.recipes import LOSSES
from cxr_fastai.training.losses import (
    MAX_WEIGHT,
    BinaryCrossEntropy,
    build_loss,
    loss_weights,
    prior_offsets,
)

NAN = float("nan")


def exclusive(n: int = 64, k: int = 3) -> tuple[torch.Tensor, torch.Tensor]:
    rng = np.random.default_rng(0)
    y = torch.from_numpy(np.sort(rng.choice(k, n, p=np.arange(1, k + 1) / (k * (k + 1) / 2))))
    return torch.from_numpy(rng.normal(0, 2, (n, k))).float(), y


def findings(n: int = 64, k: int = 4) -> tuple[torch.Tensor, torch.Tensor]:
    rng = np.random.default_rng(1)
    y = torch.from_numpy((rng.random((n, k)) < np.linspace(0.1, 0.6, k)).astype(np.float32))
    y[torch.from_numpy(rng.random((n, k)) < 0.2)] = NAN
    return torch.from_numpy(rng.normal(0, 2, (n, k))).float(), y


def by_hand(x, y, weight, gamma) -> float:
    "Mean over what is known of -w (1 - p)^gamma log p, an entry at a time."
    terms = []
    for i in range(len(x)):
        for c in range(x.shape[1]) if y.ndim == 2 else [int(y[i])]:
            if y.ndim == 2 and y[i, c].isnan():
                continue
            p = (
                x[i].softmax(0)[c]
                if y.ndim == 1
                else x[i, c].sigmoid()
                if y[i, c]
                else 1 - x[i, c].sigmoid()
            )
            terms.append(weight(i, c) * (1 - p) ** gamma * -p.log())
    return float(torch.stack(terms).mean())


@pytest.mark.parametrize("name", LOSSES["single_label"])
def test_losses_of_classes_that_exclude_each_other_are_their_formulas(name):
    x, y = exclusive()
    n = torch.bincount(y)
    weights = loss_weights(y, 3)
    weight = lambda i, c: len(y) / (3 * n[c]) if name.startswith("weighted") else 1.0
    loss = build_loss(name, Task.SINGLE_LABEL, weights, gamma=1.5)
    assert loss(x, y).item() == pytest.approx(
        by_hand(x, y, weight, 1.5 if "focal" in name else 0), rel=1e-5
    )


@pytest.mark.parametrize("name", LOSSES["multi_label"])
def test_losses_of_findings_are_their_formulas_and_leave_out_what_is_unknown(name):
    x, y = findings()
    here, known = (y == 1).sum(0), (~y.isnan()).sum(0)

    def weight(i, c):
        return float(known[c] / (2 * (here[c] if y[i, c] else known[c] - here[c])))

    plain = lambda i, c: 1.0
    loss = build_loss(name, Task.MULTI_LABEL, loss_weights(y, 4), gamma=1.5)
    expected = by_hand(
        x, y, weight if name.startswith("weighted") else plain, 1.5 if "focal" in name else 0
    )
    assert loss(x, y).item() == pytest.approx(expected, rel=1e-5)


def test_weighted_bce_of_two_classes_is_torchs_with_pos_weight_and_weighted_cross_entropy():
    x, y = exclusive(k=2)
    weights = loss_weights(y, 2)
    absent, present = weights[0].tolist()
    log_odds = x[:, 1] - x[:, 0]  # of class 1, as one output would give them
    torchs = absent * F.binary_cross_entropy_with_logits(
        log_odds, y.float(), pos_weight=torch.tensor(present / absent)
    )
    for name in ("weighted_bce", "weighted_cross_entropy"):
        assert build_loss(name, Task.SINGLE_LABEL, weights)(x, y).item() == pytest.approx(
            torchs.item(), rel=1e-5
        )


def test_class_weights_are_scikit_learns_balanced_ones():
    _, y = exclusive()
    wanted = compute_class_weight("balanced", classes=np.arange(3), y=y.numpy())
    assert loss_weights(y, 3)[0].tolist() == pytest.approx(wanted)


def test_a_rare_class_weighs_no_more_than_allowed():
    assert loss_weights(torch.tensor([0] * 1000 + [1] * 5), 2)[0].tolist() == [
        pytest.approx(1005 / 2000),
        MAX_WEIGHT,
    ]


def test_a_rare_finding_weighs_no_more_than_allowed_and_one_of_one_side_is_not_weighted():
    y = torch.zeros(1000, 3)
    y[0, 0], y[:, 1] = 1, 1
    assert loss_weights(y, 3).tolist() == [[pytest.approx(1000 / 1998), 1, 1], [MAX_WEIGHT, 1, 1]]


def test_oversampling_leaves_nothing_to_weigh():
    y = torch.tensor([0, 0, 0, 1])
    assert loss_weights(y, 2, frequency=torch.tensor([1, 1, 1, 3]))[0].tolist() == [1, 1]


def test_unknown_findings_move_no_weight():
    x, y = findings()
    x.requires_grad_()
    build_loss("weighted_focal", Task.MULTI_LABEL, loss_weights(y, 4))(x, y).backward()
    assert (
        x.grad.isfinite().all()
        and (x.grad[y.isnan()] == 0).all()
        and (x.grad[~y.isnan()] != 0).all()
    )
    assert build_loss("bce", Task.MULTI_LABEL)(x, torch.full_like(y, NAN)).item() == 0, (
        "a batch of which nothing is known"
    )


def test_epochs_are_judged_by_the_loss_without_focus_and_smoothing():
    x, y = findings()
    judged = build_loss(
        "weighted_focal", Task.MULTI_LABEL, loss_weights(y, 4), 2.0, label_smoothing=0.1
    )
    assert (
        judged.score(x, y)
        == build_loss("weighted_bce", Task.MULTI_LABEL, loss_weights(y, 4))(x, y)
        != judged(x, y)
    )


def test_smoothing_is_half_a_label_each_way():
    x, y = torch.tensor([[2.0]]), torch.tensor([[1.0]])
    expected = 0.9 * F.softplus(torch.tensor(-2.0)) + 0.1 * F.softplus(torch.tensor(2.0))
    assert build_loss("bce", Task.MULTI_LABEL, label_smoothing=0.2)(x, y).item() == pytest.approx(
        expected.item()
    )


@pytest.mark.parametrize("task", Task)
def test_mixup_gets_a_number_an_image_over_what_is_known_of_it(task):
    x, y = findings() if task is Task.MULTI_LABEL else exclusive()
    loss = build_loss("auto", task)
    alone = [loss(x[i : i + 1], y[i : i + 1]).item() for i in range(len(x))]
    loss.reduction = "none"
    assert loss(x, y).tolist() == pytest.approx(alone, rel=1e-5)


@pytest.mark.parametrize("name", ["bce", "weighted_bce", "weighted_focal"])
def test_a_mixture_has_the_loss_of_its_parts_by_their_share(name):
    x, y = findings()
    y = y.nan_to_num(0)
    loss, other = build_loss(name, Task.MULTI_LABEL, loss_weights(y, 4), 1.5), y.flip(0)
    assert loss(x, 0.3 * y + 0.7 * other).item() == pytest.approx(
        (0.3 * loss(x, y) + 0.7 * loss(x, other)).item(), rel=1e-5
    )


@pytest.mark.parametrize("task", Task)
def test_a_focal_loss_of_any_gamma_has_a_slope_where_the_network_is_sure_and_right(task):
    x = torch.tensor([[200.0, -200.0]], requires_grad=True)
    build_loss("focal", task, gamma=0.5)(
        x, torch.tensor([[1.0, 0.0]] if task is Task.MULTI_LABEL else [0])
    ).backward()
    assert x.grad.isfinite().all()


def test_offsets_give_back_the_prevalence_that_training_had():
    "The best constant answer under the weights, taken back, is the share of images that have the finding."
    y = torch.tensor([[1.0]] * 10 + [[0.0]] * 90)
    weights = loss_weights(y, 1)
    z = torch.zeros(1, requires_grad=True)
    optimiser = torch.optim.LBFGS([z], max_iter=100, tolerance_grad=1e-10)

    def step():
        optimiser.zero_grad()
        loss = build_loss("weighted_bce", Task.MULTI_LABEL, weights)(z.expand(100, 1), y)
        loss.backward()
        return loss

    optimiser.step(step)
    assert z.sigmoid().item() == pytest.approx(0.5, abs=1e-3)
    assert (z + torch.tensor(prior_offsets(weights))).sigmoid().item() == pytest.approx(
        0.1, abs=1e-3
    )


def test_offsets_of_classes_are_minus_the_logarithm_of_their_weights():
    weights = loss_weights(torch.tensor([0, 0, 0, 1]), 2)
    assert (
        prior_offsets(weights) == pytest.approx(-np.log([4 / 6, 4 / 2]))
        and prior_offsets(None) == 0.0
    )


def test_an_exported_learner_finds_what_the_bundle_finds():
    loss = BinaryCrossEntropy()
    loss.calibrate(dict(temperature=2.0, offsets={"b": 1.0}, thresholds={"a": 0.9}), ["a", "b"])
    probs = loss.activation(torch.tensor([[4.0, -2.0], [5.0, -2.1]]))
    assert torch.allclose(probs, torch.tensor([[2.0, 0.0], [2.5, -0.05]]).sigmoid())
    assert loss.decodes(probs).tolist() == [[False, True], [True, False]]
