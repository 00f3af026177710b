"""pytest tests/training/test_steps.py"""

import csv
import os
from types import SimpleNamespace

import pytest
import torch
import toy
from fastai.callback.core import Callback, CancelBatchException
from fastai.callback.mixup import CutMix, MixUp
from fastai.callback.training import GradientClip

from cxr_fastai.core import RecipeError, UsageError
from cxr_fastai.recipes import SETTINGS, Train
from cxr_fastai.training import precision
from cxr_fastai.training.callbacks import Accumulate, Average, Resize, step_callbacks
from cxr_fastai.training.data import build_dataloaders
from cxr_fastai.training.learner import build_learner
from cxr_fastai.training.precision import Precision, choose_precision, computing, keep_memory
from cxr_fastai.training.run import fit, train
from cxr_fastai.training.schedule import sides

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("CXR_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return toy.curated(tmp_path_factory.mktemp("data"))


def learner(folder, bs=8, **kwargs):
    return build_learner(build_dataloaders(folder, 32, bs, device="cpu", **kwargs), "cnn", "none")


def history(out) -> list[dict]:
    return [*csv.DictReader(open(out / "history.csv"))]


# ---- settings and what they turn on


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
    ],
)
def test_each_setting_turns_on_its_callback(settings, kinds):
    assert [type(cb) for cb in step_callbacks(Train(**settings))] == kinds


CHANGES = dict(
    resize=[24],
    lr=5e-3,
    wd=0.5,
    sampling="none",
    augment="strong",
    erase=0.9,
    mix="mixup",
    clip=1e-3,
    crop=0.2,
    loss="focal",
    label_smoothing=0.3,
    ema=0.5,
    accumulate=3,
    precision="fp32",
    bs=4,
    arch="resnet18",
    size=40,
    epochs=1,
)


@pytest.fixture(scope="module")
def plain(folder, tmp_path_factory):
    return trained(folder, tmp_path_factory.mktemp("plain"))


def trained(folder, tmp_path, **own) -> tuple:
    bundle = train(
        folder,
        tmp_path / "run",
        quiet=True,
        **{**dict(arch="cnn", epochs=2, precision="bf16"), **own},
    )
    return (bundle / "model.safetensors").read_bytes(), history(tmp_path / "run")


@pytest.mark.parametrize("key", CHANGES)
def test_each_setting_changes_the_run(folder, plain, tmp_path, key):
    weights, _ = trained(folder, tmp_path, **{key: CHANGES[key]})
    assert weights != plain[0]


def test_settings_that_are_not_tried_here_are_tried_elsewhere():
    "weights and unfreeze in test_run, patience and compile below, gamma in test_losses."
    assert set(SETTINGS) - set(CHANGES) == {"weights", "unfreeze", "patience", "compile", "gamma"}


def test_a_run_without_a_better_epoch_stops(folder, tmp_path):
    class Worse(Callback):
        def before_validate(self):
            torch.nn.init.normal_(self.learn.model[1][-1].weight, std=0.01 + 20 * self.learn.epoch)

    learn = learner(folder)
    learn.add_cb(Worse())
    fitted = fit(learn, Train(size=32, bs=8, epochs=9, patience=2), tmp_path / "run", quiet=True)
    assert fitted.best["epoch"] == 1 and len(fitted.history) == 3


def test_a_found_rate_trains_and_is_written_down(folder, tmp_path, capsys):
    bundle = train(folder, tmp_path / "run", arch="cnn", epochs=1, lr="find")
    said = float(capsys.readouterr().err.split("lr finder: ")[1].split()[0])
    assert 1e-7 < said < 10 and float(history(tmp_path / "run")[0]["lr_max"]) == pytest.approx(said)
    assert not [*tmp_path.rglob("*_tmp*")] and bundle.is_dir()


@pytest.mark.parametrize(
    "key, value, says",
    [
        ("resize", [8], "list of sides"),
        ("lr", "quick", "find"),
        ("ema", 1.0, "from 0 to below 1"),
        ("erase", -0.1, "from 0"),
        ("accumulate", 0, "at least 1"),
        ("patience", -1, "at least 0"),
        ("precision", "fp8", "bf16"),
        ("compile", 1, "true"),
        ("mix", "cutup", "cutmix"),
        ("bs", True, "whole number"),
    ],
)
def test_a_setting_out_of_its_range_is_refused_with_what_is_allowed(
    folder, tmp_path, key, value, says
):
    with pytest.raises(RecipeError, match=f"{key}.*{says}"):
        train(folder, tmp_path / "run", **{key: value})
    assert not (tmp_path / "run").exists()


def test_an_unknown_setting_is_answered_with_the_nearest(folder, tmp_path):
    with pytest.raises(UsageError, match="'epoch'.*Did you mean 'epochs'"):
        train(folder, tmp_path / "run", epoch=3)


# ---- gradients, averages, sides


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
        learn.splitter, learn.model.pretrained, learn.model.started = (
            lambda m: [[*m.parameters()]],
            False,
            "",
        )
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
        cb.learn = SimpleNamespace(training=True, n_iter=batches, iter=i, loss_grad=1.0)
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
    cb.learn = SimpleNamespace(model=net)
    torch.nn.init.constant_(net.weight, 1.0)
    cb.before_fit()
    wanted = 1.0
    for step, value in enumerate((2.0, 5.0, -1.0), 1):
        torch.nn.init.constant_(net.weight, value)
        cb.after_step()
        decay = min(0.5, (1 + step) / (10 + step))
        wanted = decay * wanted + (1 - decay) * value
    assert cb.mean["weight"].item() == pytest.approx(wanted)


@pytest.mark.parametrize(
    "epochs, resize, expected",
    [
        (6, [64, 96], [64, 64, 96, 96, 128, 128]),
        (7, [64, 96], [64, 64, 96, 96, 128, 128, 128]),
        (2, [64, 96], [96, 128]),
        (1, [64], [128]),
        (3, [], [128] * 3),
    ],
)
def test_sides_grow_over_the_epochs(epochs, resize, expected):
    assert sides(epochs, resize, 128) == expected


def test_batches_grow_with_the_epochs_and_validation_does_not(folder, tmp_path):
    shapes = {True: [], False: []}

    class Look(Callback):
        def before_batch(self):
            shapes[self.learn.training].append(self.learn.x.shape[-1])

    learn = learner(folder, resize=[16, 24])
    learn.add_cb(Look())
    fit(learn, Train(size=32, bs=8, epochs=3, resize=[16, 24]), tmp_path / "run", quiet=True)
    assert shapes[True] == [16] * 3 + [24] * 3 + [32] * 3 and set(shapes[False]) == {32}


# ---- precision


@pytest.mark.parametrize(
    "amx, bf16, name", [(True, False, "bf16"), (False, True, "bf16"), (False, False, "fp32")]
)
def test_a_cpu_computes_in_bf16_where_it_can(monkeypatch, amx, bf16, name):
    monkeypatch.setattr(precision, "_cpu_has", dict(amx_tile=amx, avx512_bf16=bf16).get)
    assert choose_precision(CPU).name == name and choose_precision(CPU, "fp32").name == "fp32"


def test_fp16_on_a_cpu_is_refused():
    with pytest.raises(UsageError, match="fp16 needs a GPU"):
        choose_precision(CPU, "fp16")


def test_bf16_reaches_the_network_and_ends_with_it_also_after_an_interrupt():
    net, seen = torch.nn.Linear(2, 2), []
    net.register_forward_hook(lambda m, args, out: seen.append(out.dtype))
    with pytest.raises(KeyboardInterrupt), computing(net, Precision("bf16", ""), CPU) as cbs:
        assert cbs == [] and net(torch.ones(1, 2)).dtype == torch.float32
        raise KeyboardInterrupt
    assert seen == [torch.float32] or seen == [torch.bfloat16]
    assert "forward" not in net.__dict__ and not torch.is_autocast_enabled("cpu")


def test_bf16_and_fp32_learn_alike(folder, tmp_path):
    losses = [
        float(trained(folder, tmp_path / name, precision=name)[1][-1]["valid_loss"])
        for name in ("bf16", "fp32")
    ]
    assert (
        losses[0] == pytest.approx(losses[1], rel=0.2) and losses[0] != losses[1]
    )  # six steps on 22 images


def test_memory_is_kept_where_glibc_is():
    assert keep_memory() == (
        os.confstr("CS_GNU_LIBC_VERSION") is not None if hasattr(os, "confstr") else False
    )
