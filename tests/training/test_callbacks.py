"""pytest tests/training/test_callbacks.py"""

from dataclasses import dataclass

import pytest
import torch
from fastai.callback.core import Callback, CancelBatchException
from fastai.callback.mixup import CutMix, MixUp
from fastai.callback.training import GradientClip

from cxr_fastai.recipes import Train
from cxr_fastai.training.callbacks import (
    Accumulate,
    Average,
    Resize,
    StillBody,
    copy_tensors,
    step_callbacks,
)
from cxr_fastai.training.data import build_dataloaders
from cxr_fastai.training.fit import fit
from cxr_fastai.training.learner import build_learner


@dataclass
class Loop:
    """What Accumulate reads of a Learner in the middle of an epoch."""

    n_iter: int  # batches an epoch
    iter: int  # the running one, from 0
    training: bool = True
    loss_grad: float = 1.0


@dataclass
class Trained:
    """What Average reads of a Learner."""

    model: torch.nn.Module


def learner(folder, bs=8, **kwargs):
    return build_learner(build_dataloaders(folder, 32, bs, device="cpu", **kwargs), "cnn", "none")


@pytest.mark.parametrize(
    "settings, kinds",
    [
        ({}, []),
        (dict(resize=[24]), [Resize]),
        (dict(mix="mixup"), [MixUp]),
        (dict(mix="cutmix"), [CutMix]),
        (dict(accumulate=2), [Accumulate]),
        (dict(clip=1.0), [GradientClip]),
        (dict(ema=0.9), [Average]),
        (dict(unfreeze="never"), [StillBody]),
    ],
)
def test_each_setting_turns_on_its_callback(settings, kinds):
    assert [type(cb) for cb in step_callbacks(Train(**settings))] == kinds


def test_accumulated_batches_make_the_step_of_one_large_batch(folder, tmp_path):
    "Without batch norm, dropout, augmentation: the gradients of 11 + 11 images are those of all 22."

    class Look(Callback):
        order = 20

        def before_step(self):
            grads.append(self.learn.model[1].weight.grad.clone())

    grads = []
    for bs, n in ((22, 1), (11, 2)):
        torch.manual_seed(0)
        learn = learner(folder, bs, sampling="none", augment="none")
        learn.model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(32 * 32, 3))
        learn.splitter = lambda m: [[*m.parameters()]]
        learn.add_cb(Look())
        fit(
            learn,
            Train(size=32, bs=bs, epochs=1, accumulate=n, precision="fp32"),
            tmp_path / str(n),
            quiet=True,
        )
    assert len(grads) == 2 and torch.allclose(*grads, atol=1e-6)


@pytest.mark.parametrize("batches, n, steps", [(6, 3, [2, 5]), (7, 3, [2, 5, 6]), (2, 3, [1])])
def test_an_epochs_last_batches_make_a_step_however_few(batches, n, steps):
    cb, done, weight = Accumulate(n), [], 0
    for i in range(batches):
        cb.learn = Loop(n_iter=batches, iter=i)
        cb.after_loss()
        weight += cb.learn.loss_grad
        try:
            cb.before_step()
        except CancelBatchException:
            continue
        done.append(i)
        assert weight == pytest.approx(1)
        weight = 0
    assert done == steps


def test_the_average_validates_and_is_kept_while_the_raw_weights_train_on(folder, tmp_path):
    seen = {}

    class Look(Callback):
        order = 66

        def after_train(self):
            seen["raw"] = self.learn.model[1][-1].weight.detach().clone()

        def after_validate(self):
            seen["validated"] = self.learn.model[1][-1].weight.detach().clone()

        def after_fit(self):
            seen["after"] = self.learn.model[1][-1].weight.detach().clone()

    learn = learner(folder)
    learn.add_cb(Look())
    fit(learn, Train(size=32, bs=8, epochs=1, ema=0.9), tmp_path / "run", quiet=True)
    assert torch.equal(seen["raw"], seen["after"]) and not torch.equal(
        seen["raw"], seen["validated"]
    )
    assert torch.equal(learn.model[1][-1].weight, seen["validated"])


def test_the_average_is_that_of_its_formula():
    net = torch.nn.Linear(1, 1, bias=False)
    cb = Average(0.5)
    cb.learn = Trained(net)
    torch.nn.init.constant_(net.weight, 1.0)
    cb.before_fit()
    wanted = 1.0
    for step, value in enumerate((2.0, 5.0, -1.0), 1):
        torch.nn.init.constant_(net.weight, value)
        cb.after_step()
        decay = min(0.5, (1 + step) / (10 + step))
        wanted = decay * wanted + (1 - decay) * value
    assert cb.mean["weight"].item() == pytest.approx(wanted)


def test_batches_grow_with_the_epochs_and_validation_does_not(folder, tmp_path):
    shapes = {True: [], False: []}

    class Look(Callback):
        def before_batch(self):
            shapes[self.learn.training].append(self.learn.x.shape[-1])

    learn = learner(folder, resize=[16, 24])
    learn.add_cb(Look())
    fit(learn, Train(size=32, bs=8, epochs=3, resize=[16, 24]), tmp_path / "run", quiet=True)
    assert shapes[True] == [16] * 3 + [24] * 3 + [32] * 3 and set(shapes[False]) == {32}


def test_copies_keep_their_layout_and_do_not_change_with_the_network():
    net = torch.nn.Conv2d(3, 4, 3).to(memory_format=torch.channels_last)
    before = net.weight.detach().clone()
    copies = copy_tensors(net.state_dict())
    torch.nn.init.zeros_(net.weight)
    assert torch.equal(copies["weight"], before) and not copies["weight"].requires_grad
    assert copies["weight"].stride() == net.weight.stride()
