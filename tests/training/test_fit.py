"""pytest tests/training/test_fit.py"""

import pytest
import torch
import toy
from fastai.callback.core import Callback
from runs import history

from cxr_fastai.core import CxrError, UsageError
from cxr_fastai.recipes import SETTINGS, Train
from cxr_fastai.training.data import build_dataloaders
from cxr_fastai.training.fit import fit
from cxr_fastai.training.learner import StartingWeights, build_learner, starting_weights
from cxr_fastai.training.run import train
from cxr_fastai.training.sampling import Draws


def learner(folder, bs=8, **kwargs):
    return build_learner(build_dataloaders(folder, 32, bs, device="cpu", **kwargs), "cnn", "none")


# ---- settings


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
    with pytest.MonkeyPatch.context() as m:  # before own_cache, which is of a function
        m.setenv("CXR_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
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
    "weights and unfreeze in test_run, patience and compile below, gamma in test_losses,"
    "stages and freeze_epochs in test_features, layers in models/test_networks."
    elsewhere = {"weights", "unfreeze", "patience", "compile", "gamma", "stages", "freeze_epochs"}
    elsewhere |= {"layers"}
    assert set(SETTINGS) - set(CHANGES) == elsewhere


def test_a_found_rate_trains_and_is_written_down(folder, tmp_path, capsys):
    bundle = train(folder, tmp_path / "run", arch="cnn", epochs=1, lr="find")
    said = float(capsys.readouterr().err.split("lr finder: ")[1].split()[0])
    assert 1e-7 < said < 10 and float(history(tmp_path / "run")[0]["lr_max"]) == pytest.approx(said)
    assert not [*tmp_path.rglob("*_tmp*")] and bundle.is_dir()


def test_bf16_and_fp32_learn_alike(folder, tmp_path):
    losses = [
        float(trained(folder, tmp_path / name, precision=name)[1][-1]["valid_loss"])
        for name in ("bf16", "fp32")
    ]
    assert (
        losses[0] == pytest.approx(losses[1], rel=0.2) and losses[0] != losses[1]
    )  # six steps on 22 images


# ---- stages


def pretrained(folder):
    "A Learner whose body is said to hold something worth keeping."
    learn = build_learner(build_dataloaders(folder, 32, 8, device="cpu"), "resnet18", "none")
    learn.remove_cb(starting_weights(learn))
    return learn.add_cb(StartingWeights(loaded="a test's", pretrained=True))


def test_each_epoch_of_all_stages_draws_its_own_images_whatever_was_looked_at_before(
    folder, tmp_path, monkeypatch
):
    learn, draw, drawn = pretrained(folder), Draws.epoch, []
    learn.dls.train.one_batch()
    monkeypatch.setattr(Draws, "epoch", lambda self, e: drawn.append(e) or draw(self, e))
    fit(learn, toy.recipe(epochs=3).train, tmp_path / "run", quiet=True)
    assert drawn == [0, 0, 1, 2]  # the first tells of which images features are computed


def test_frozen_groups_keep_their_weights_while_the_head_learns(folder, tmp_path):
    learn = pretrained(folder)
    seen = []

    class Look(Callback):
        def before_fit(self):
            seen.append(state(learn))

        def after_fit(self):
            seen.append(state(learn))

    learn.add_cb(Look())
    fit(learn, toy.recipe(epochs=3).train, tmp_path / "run", quiet=True)
    moved = [
        [not torch.equal(a, b) for a, b in zip(before, after)]
        for before, after in zip(seen[::2], seen[1::2])
    ]
    assert moved == [[False, False, True], [False, True, True], [True, True, True]]


def state(learn) -> list:  # a weight of each group
    body, head = learn.model
    return [m.weight.clone() for m in (body[0], body[7][0].conv1, head[-1])]


# ---- what ends a run


def test_a_full_gpu_is_told_with_a_smaller_batch(folder, tmp_path):
    class Full(Callback):
        def after_pred(self):
            raise torch.OutOfMemoryError("CUDA out of memory")

    learn = build_learner(build_dataloaders(folder, 32, 8, device="cpu"), "resnet18", "none")
    learn.add_cb(Full())
    with pytest.raises(
        CxrError, match="memory is full with batches of 8 images of 32 px.*--bs 4 .*--accumulate 2 "
    ):
        fit(learn, toy.recipe().train, tmp_path / "run", quiet=True)


class Impatient(Callback):
    "Ctrl-C in the middle of an epoch."

    def __init__(self, epoch: int):
        self.at = epoch

    def after_batch(self):
        if self.learn.epoch == self.at and self.learn.iter == 1:
            raise KeyboardInterrupt


def test_an_interrupt_before_the_first_epoch_is_over_passes_through(folder, tmp_path):
    learn = build_learner(build_dataloaders(folder, 32, 8, device="cpu"), "resnet18", "none")
    learn.add_cb(Impatient(0))
    with pytest.raises(KeyboardInterrupt):
        fit(learn, toy.recipe().train, tmp_path / "run", quiet=True)


def test_the_loss_is_the_learners_own_again_after_an_interrupt(folder, tmp_path):
    learn = learner(folder)
    loss = learn.loss_func
    learn.add_cb(Impatient(1))
    fitted = fit(learn, Train(size=32, bs=8, epochs=2, mix="mixup"), tmp_path / "run", quiet=True)
    assert fitted.interrupted and len(fitted.history) == 1 and learn.loss_func is loss


def test_a_folder_that_holds_something_is_refused(tmp_path):
    (tmp_path / "mine.txt").write_text("keep")
    with pytest.raises(UsageError, match="not empty"):
        fit(None, toy.recipe().train, tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]
