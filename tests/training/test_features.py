"""pytest tests/training/test_features.py"""

from pathlib import Path

import pytest
import safetensors.torch
import torch
import toy
from fastai.callback.core import Callback
from runs import history

from cxr_fastai.bundle.store import load_bundle
from cxr_fastai.core import CxrError, RecipeError, UsageError
from cxr_fastai.models.networks import build_network
from cxr_fastai.train_settings import Train
from cxr_fastai.training import features
from cxr_fastai.training.data import build_dataloaders
from cxr_fastai.training.features import Features, n_views, why_plain
from cxr_fastai.training.fit import CACHED_STAGE, fit
from cxr_fastai.training.learner import StartingWeights, build_learner, starting_weights
from cxr_fastai.training.run import train

ARCH = "cnn"
HEAD_ONLY = dict(arch=ARCH, epochs=5, unfreeze="never", precision="fp32", bs=8)


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> Path:
    "A body that stands for a pretrained one."
    torch.manual_seed(3)
    file = tmp_path_factory.mktemp("weights") / "body.safetensors"
    net = build_network(ARCH, 2)
    for name, t in net.state_dict().items():  # statistics that no batch of films has
        if name.endswith("running_var"):
            t.fill_(2.0)
    safetensors.torch.save_file({k: t.contiguous() for k, t in net.state_dict().items()}, file)
    return file


def learner(folder, **kwargs):
    dls = build_dataloaders(folder, 32, 8, device="cpu", **kwargs)
    learn = build_learner(dls, ARCH, "none")
    learn.remove_cb(starting_weights(learn))
    return learn.add_cb(StartingWeights(loaded="a test's", pretrained=True))


def settings(**own) -> Train:
    return toy.recipe(**{**HEAD_ONLY, "weights": "a file", **own}).train


def body_of(state) -> dict:
    return {name: t for name, t in state.items() if name.startswith("0.")}


# ---- the same network, asked less often


def test_the_body_is_left_as_it_was_its_batch_norm_too(folder, tmp_path):
    learn = learner(folder)
    before = {name: t.clone() for name, t in body_of(learn.model.state_dict()).items()}
    head = learn.model[1][-1].weight.clone()
    fit(learn, settings(), tmp_path / "run", quiet=True)
    after = learn.model.state_dict()
    assert [name for name, t in before.items() if not torch.equal(t, after[name])] == []
    assert not torch.equal(head, learn.model[1][-1].weight)


def test_the_body_is_asked_once_a_view_and_once_of_validation(folder, tmp_path):
    learn = learner(folder)
    seen = []
    learn.model[0].register_forward_hook(lambda body, x, y: seen.append(len(x[0])))
    fit(learn, settings(), tmp_path / "run", quiet=True)
    n_train, n_valid = len(learn.dls.train.items), len(learn.dls.valid.items)
    views = n_views(n_train, features._width(learn.model), 5)
    assert views == 2
    assert n_valid + n_train < sum(seen) <= n_valid + views * n_train


def test_images_that_nothing_changes_have_one_view(folder, tmp_path):
    learn = learner(folder, augment="none")
    seen = []
    learn.model[0].register_forward_hook(lambda body, x, y: seen.append(len(x[0])))
    fit(learn, settings(augment="none"), tmp_path / "run", quiet=True)
    n_train, n_valid = len(learn.dls.train.items), len(learn.dls.valid.items)
    assert n_views(n_train, features._width(learn.model), 5) == 2
    assert sum(seen) <= n_valid + n_train


def test_features_are_those_of_the_network_that_answers(folder, tmp_path):
    "The row of the best epoch is what the whole network, in eval mode, does on validation."
    learn = learner(folder)
    fitted = fit(learn, settings(), tmp_path / "run", quiet=True)
    loss, *_ = learn.validate(dl=learn.dls.valid)[-1:]
    assert loss == pytest.approx(fitted.best["valid_loss"], rel=1e-3)


def test_without_augmentation_the_plain_way_learns_the_same(folder, tmp_path):
    cached = learner(folder, augment="none")
    fit(cached, settings(augment="none"), tmp_path / "cached", quiet=True)
    plain = learner(folder, augment="none")
    fit(plain, settings(augment="none", stages="plain"), tmp_path / "plain", quiet=True)
    rows = [history(tmp_path / name) for name in ("cached", "plain")]
    losses = [[float(row["valid_loss"]) for row in of_one] for of_one in rows]
    assert losses[0] == pytest.approx(losses[1], rel=2e-2)
    assert [row["stage"] for row in rows[0]] == [CACHED_STAGE] * 5
    assert [row["stage"] for row in rows[1]] == ["head"] * 5


def test_a_body_that_never_thaws_is_left_as_it_was_on_the_plain_way_too(folder, tmp_path):
    learn = learner(folder)
    before = {name: t.clone() for name, t in body_of(learn.model.state_dict()).items()}
    fit(learn, settings(stages="plain", epochs=2), tmp_path / "run", quiet=True)
    after = learn.model.state_dict()
    assert [name for name, t in before.items() if not torch.equal(t, after[name])] == []


def test_a_body_that_thaws_later_learns_its_batch_norm_as_fastai_has_it(folder, tmp_path):
    learn = learner(folder)
    before = {name: t.clone() for name, t in body_of(learn.model.state_dict()).items()}
    own = settings(stages="plain", epochs=2, unfreeze="progressive")
    fit(learn, own, tmp_path / "run", quiet=True)
    after = learn.model.state_dict()
    assert not torch.equal(before["0.0.1.running_mean"], after["0.0.1.running_mean"])


def test_views_are_augmented_each_in_its_own_way(folder, tmp_path):
    made = {}

    class Look(Callback):
        order = 90

        def before_epoch(self):
            made[self.epoch] = self.learn.dls.train.features

    learn = learner(folder)
    learn.add_cb(Look())
    fit(learn, settings(), tmp_path / "run", quiet=True)
    assert made[0] is made[2] and made[1] is made[3] and made[0] is not made[1]
    both = [i for i in made[0].wanted if i in made[1].places]
    assert not torch.equal(made[0].batch(both)[0], made[1].batch(both)[0])


# ---- the same seed, the same bytes; a run that goes on


def test_the_same_seed_learns_the_same_whatever_was_drawn_before(folder, weights, tmp_path):
    own = {**HEAD_ONLY, "weights": str(weights)}
    first = train(folder, tmp_path / "a", quiet=True, seed=1, **own)
    torch.rand(7)
    second = train(folder, tmp_path / "b", quiet=True, seed=1, **own)
    other = train(folder, tmp_path / "c", quiet=True, seed=2, **own)
    of_all = [(b / "model.safetensors").read_bytes() for b in (first, second, other)]
    assert of_all[0] == of_all[1] != of_all[2]


def test_a_run_that_was_killed_in_the_stage_goes_on_to_the_same_weights(
    folder, weights, tmp_path, monkeypatch
):
    own = {**HEAD_ONLY, "weights": str(weights), "epochs": 6, "unfreeze": "progressive"}
    own["freeze_epochs"] = 4
    whole = train(folder, tmp_path / "whole", quiet=True, **own)
    kill_before_epoch(3, monkeypatch)
    with pytest.raises(RuntimeError, match="killed"):
        train(folder, tmp_path / "cut", quiet=True, **own)
    monkeypatch.undo()
    monkeypatch.setenv("CXR_CACHE", str(tmp_path / "cache"))
    resumed = train(folder, tmp_path / "cut", quiet=True, resume=True, **own)
    assert (whole / "model.safetensors").read_bytes() == (
        resumed / "model.safetensors"
    ).read_bytes()
    stages = [row["stage"] for row in history(tmp_path / "cut")]
    assert stages == [CACHED_STAGE] * 4 + ["head and 1 of 2 body groups", "all layers"]


def kill_before_epoch(number, monkeypatch):
    before = features.CachedFeatures.before_epoch

    def killed(self):
        if self.learn.dls.train.epoch == number:
            raise RuntimeError("killed")
        before(self)

    monkeypatch.setattr(features.CachedFeatures, "before_epoch", killed)


def test_the_stages_best_epoch_is_exported_as_an_ordinary_bundle(folder, weights, tmp_path):
    bundle = train(folder, tmp_path / "run", quiet=True, **{**HEAD_ONLY, "weights": str(weights)})
    best = load_bundle(bundle).meta["trained"]["best_epoch"]
    assert history(tmp_path / "run")[best - 1]["stage"] == CACHED_STAGE
    exported = safetensors.torch.load_file(bundle / "model.safetensors")
    first_layer = "0.0.0.weight"
    assert torch.equal(exported[first_layer], safetensors.torch.load_file(weights)[first_layer])


# ---- settings that go with it, and those that do not


@pytest.mark.parametrize(
    "own",
    [
        dict(ema=0.9, accumulate=2, clip=1.0, label_smoothing=0.1, loss="weighted_focal"),
        dict(resize=[24], erase=0.5, sampling="undersample"),
        dict(precision="bf16"),
    ],
)
def test_the_other_settings_work_as_they_do_on_images(folder, tmp_path, own):
    learn = learner(folder, resize=own.get("resize", ()))
    fitted = fit(learn, settings(**own), tmp_path / "run", quiet=True)
    assert [row["stage"] for row in fitted.history] == [CACHED_STAGE] * 5
    assert fitted.best["valid_loss"] < fitted.history[0]["valid_loss"] + 1e-9


def test_a_compiled_network_thaws_compiled_after_a_stage_on_features(folder, tmp_path, monkeypatch):
    "The compiler's own front end on torch's layers: what it makes of them takes minutes elsewhere."
    compiled = torch.nn.Module.compile
    monkeypatch.setattr(
        torch.nn.Module, "compile", lambda net, **own: compiled(net, backend="eager", **own)
    )
    rows = {}
    for way in (True, False):
        own = settings(compile=way, epochs=3, freeze_epochs=2, unfreeze="progressive")
        learn = learner(folder)
        rows[way] = fit(learn, own, tmp_path / str(way), quiet=True).history
        assert (learn.model._compiled_call_impl is not None) == way
    assert [row["stage"] for row in rows[True]] == [CACHED_STAGE] * 2 + ["all layers"]
    losses = [[row["valid_loss"] for row in rows[way]] for way in (True, False)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-2)


def test_findings_of_which_some_are_unknown_are_learnt_from_features(findings_folder, tmp_path):
    learn = learner(findings_folder)
    fitted = fit(learn, settings(), tmp_path / "run", quiet=True)
    assert fitted.history[0]["stage"] == CACHED_STAGE and "macro_auroc" in fitted.best


def test_mixtures_are_read_anew_and_that_is_said(folder, tmp_path, capsys):
    fitted = fit(learner(folder), settings(mix="mixup", epochs=1), tmp_path / "run")
    assert fitted.history[0]["stage"] == "head"
    assert "reads its images anew each epoch: mixup mixes images" in capsys.readouterr().err


def test_several_processes_go_the_plain_way(folder, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert why_plain(learner(folder), settings(), 5) == "several processes train"


def test_a_head_of_someone_elses_goes_the_plain_way_or_is_refused(folder, tmp_path):
    learn = learner(folder)
    learn.model[1][0] = torch.nn.AdaptiveAvgPool2d(1)
    assert why_plain(learn, settings(), 5) == "the head does not begin with pooling"
    with pytest.raises(UsageError, match="head does not begin with pooling.*--stages"):
        fit(learn, settings(stages="cached"), tmp_path / "run", quiet=True)


def test_a_network_from_scratch_has_no_such_stage(folder, tmp_path):
    train(folder, tmp_path / "run", quiet=True, arch="cnn", epochs=1, weights="none")
    assert history(tmp_path / "run")[0]["stage"] == "all layers"


@pytest.mark.parametrize(
    "own, match",
    [
        (dict(stages="cached", mix="cutmix"), "mixed images"),
        (dict(stages="cached", weights="none"), "nothing is frozen"),
        (dict(stages="cached", unfreeze="at_once"), "nothing is frozen"),
        (dict(unfreeze="never", weights="none"), "starts at random"),
        (dict(freeze_epochs=5), "none is left in which it thaws"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(folder, tmp_path, own, match):
    asked = {"arch": ARCH, "epochs": 5, "weights": "body.safetensors", **own}
    with pytest.raises(RecipeError, match=match):
        train(folder, tmp_path / "run", quiet=True, **asked)


# ---- memory and time


def test_views_follow_from_the_epochs_within_the_memory_whatever_the_machine_has():
    assert [n_views(1000, 1024, epochs) for epochs in (1, 4, 5, 9)] == [1, 1, 2, 3]
    assert n_views(112_000, 2560, 40) == 3
    assert n_views(10_000_000, 2560, 1) == 0


def test_what_no_memory_holds_goes_the_plain_way(folder, monkeypatch):
    monkeypatch.setattr(features, "MAX_BYTES", 1000)
    assert "take more than" in why_plain(learner(folder), settings(), 5)


def test_features_too_large_for_float16_are_kept_in_float32(folder):
    pixels = build_dataloaders(folder, 32, 8, device="cpu").train.pixels
    kept = Features(pixels, [4, 2, 0], 3)
    kept.add(torch.tensor([[1.0, 2.0, 3.0]]))
    kept.add(torch.tensor([[1.0, 1e6, 0.5]]))
    assert kept.batch([2, 4])[0].tolist() == [[1.0, 1e6, 0.5], [1.0, 2.0, 3.0]]
    with pytest.raises(CxrError, match="before they were computed"):
        kept.batch([0])


def test_a_run_whose_time_is_over_keeps_what_it_computed_and_an_epoch(folder, tmp_path):
    fitted = fit(learner(folder), settings(), tmp_path / "run", quiet=True, deadline=0.0)
    assert len(fitted.history) == 1
