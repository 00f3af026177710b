"""Bundles: what is saved comes back, and nothing that is not what it claims to be is loaded.

python -m pytest tests/bundle/test_store.py
"""

import copy
import hashlib
import pickle

import pytest
import safetensors.torch
import torch
from toy_bundles import META, VOCAB, meta_of, put, replace_weights, restate

from cxr_fastai import core, images
from cxr_fastai.bundle import store
from cxr_fastai.bundle.bundle import Bundle
from cxr_fastai.bundle.meta import KEYS
from cxr_fastai.bundle.store import load_bundle, save_bundle

# ---- save


def test_a_bundle_is_three_files_and_its_meta_are_complete(made):
    assert sorted(p.name for p in made.iterdir()) == [
        "README.md",
        "bundle.json",
        "model.safetensors",
    ]
    saved = meta_of(made)
    assert list(saved) == list(KEYS)
    assert (
        saved["format_version"] == 4
        and saved["temperature"] == 1.0
        and saved["task"] == "single_label"
    )
    assert saved["decoder_version"] == images.DECODER_VERSION
    assert saved["libraries"]["torch"].split("+")[0] == torch.__version__.split("+")[0]
    assert saved["display"] == {
        "covid_19": "COVID-19",
        "normal": "normal",
        "tuberculosis": "tuberculosis",
    }
    assert saved["weights_sha256"] == core.sha256_file(made / "model.safetensors")


def test_weights_come_back_bit_by_bit_buffers_included(net, loaded):
    ours, theirs = net.state_dict(), loaded.net.state_dict()
    assert list(ours) == list(theirs) and all(torch.equal(ours[k], theirs[k]) for k in ours)
    assert not any(m.training for m in loaded.net.modules())


def test_the_same_network_gives_the_same_bytes_whatever_its_memory_layout(net, made, tmp_path):
    other = copy.deepcopy(net).to(memory_format=torch.channels_last)
    save_bundle(tmp_path / "again", other, META)
    for name in ("model.safetensors", "bundle.json", "README.md"):
        assert (tmp_path / "again" / name).read_bytes() == (made / name).read_bytes(), name


def test_half_precision_is_stored_as_float32(net, tmp_path):
    save_bundle(tmp_path / "b", copy.deepcopy(net).to(torch.bfloat16), META)
    kinds = {t.dtype for t in load_bundle(tmp_path / "b", "cpu").net.state_dict().values()}
    assert kinds == {torch.float32, torch.int64}


def test_bundle_json_is_written_last(net, tmp_path, monkeypatch):
    save_bundle(tmp_path / "b", net, META)

    def fail(*a):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store, "write_text", fail)
    with pytest.raises(OSError):
        save_bundle(tmp_path / "b", net, META)
    assert not (tmp_path / "b" / "bundle.json").exists(), (
        "an old bundle.json must not vouch for half a bundle"
    )
    with pytest.raises(core.UsageError):
        load_bundle(tmp_path / "b")


@pytest.mark.parametrize(
    "change, message",
    [
        ({"vocab": VOCAB[:2]}, "tensor '1.8.weight' is .*a resnet18 of 2 classes has"),
        ({"arch": "resnet34"}, "of a resnet34 .* missing"),
        ({"vocab": ["a", "a", "b"]}, "'vocab'"),
        ({"size": 0}, "'size'"),
        ({"std": 0}, "'std'"),
        ({"recipe": "toy"}, "'recipe'"),
        ({"thresholds": {"flu": 0.5}}, "'flu'"),
    ],
)
def test_a_network_that_is_not_what_its_meta_say_is_not_saved(net, tmp_path, change, message):
    with pytest.raises(core.IntegrityError, match=message):
        save_bundle(tmp_path / "b", net, {**META, **change})
    assert not (tmp_path / "b").exists()


def test_a_network_of_nan_is_not_saved(net, tmp_path):
    sick = copy.deepcopy(net)
    sick[0][1].running_mean[0] = float("nan")
    with pytest.raises(core.IntegrityError, match="running_mean' is not finite"):
        save_bundle(tmp_path / "b", sick, META)


# ---- load: the right folder


def test_a_run_folder_stands_for_its_bundle(made):
    assert load_bundle(made.parent, "cpu").path == made


def test_loading_leaves_every_random_generator_alone(made):
    torch.manual_seed(5)
    before = torch.get_rng_state()
    load_bundle(made, "cpu")
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("name", ["missing", "empty", "file.txt"])
def test_no_bundle_says_what_one_is(tmp_path, name):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file.txt").write_text("x")
    with pytest.raises(
        core.UsageError,
        match="no bundle at .*bundle.json and model.safetensors, as `cxr train DATA`",
    ) as e:
        load_bundle(tmp_path / name)
    assert e.value.exit_code == 2


def test_a_pickle_is_refused_by_name(tmp_path):
    with pytest.raises(core.UsageError, match="never unpickles.*load_learner"):
        load_bundle(tmp_path / "learner.pkl")


@pytest.mark.parametrize(
    "device, message", [("quantum", "unknown device 'quantum'"), ("cuda", "no GPU")]
)
def test_an_impossible_device_is_a_usage_error(made, monkeypatch, device, message):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(core.UsageError, match=message):
        load_bundle(made, device)


def test_without_a_gpu_the_cpu_serves(made, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert load_bundle(made).device == torch.device("cpu")


# ---- load: nothing that is not what it claims to be


def test_tampered_weights_are_refused_with_both_hashes(copied):
    data = bytearray((copied / "model.safetensors").read_bytes())
    data[-1] ^= 1
    put(copied / "model.safetensors", bytes(data))
    with pytest.raises(core.IntegrityError) as e:
        load_bundle(copied)
    assert e.value.exit_code == 4
    assert hashlib.sha256(data).hexdigest() in str(e.value) and meta_of(copied)[
        "weights_sha256"
    ] in str(e.value)


def test_a_network_that_never_learned_is_refused(copied):
    restate(copied, trained={"epochs": 0})
    with pytest.raises(core.NotTrained, match="this network never learned") as e:
        load_bundle(copied)
    assert e.value.exit_code == 4


def test_missing_weights_are_an_integrity_error(copied):
    (copied / "model.safetensors").unlink()
    with pytest.raises(core.IntegrityError, match="is missing: the bundle is not whole"):
        load_bundle(copied)


@pytest.mark.parametrize(
    "change, message",
    [
        (
            lambda t: {k: v for k, v in t.items() if k != "0.1.weight"},
            "'0.1.weight' of a resnet18 of 3 classes is missing",
        ),
        (lambda t: {**t, "extra": torch.zeros(1)}, "'extra' does not belong"),
        (
            lambda t: {**t, "1.8.weight": torch.zeros(4, 512)},
            "'1.8.weight' is torch.float32 .4, 512.",
        ),
        (lambda t: {**t, "0.1.weight": t["0.1.weight"].half()}, "'0.1.weight' is torch.float16"),
        (lambda t: {**t, "0.1.weight": t["0.1.weight"] / 0}, "'0.1.weight' is not finite"),
    ],
)
def test_tensors_that_are_not_exactly_the_networks_are_refused(copied, change, message):
    tensors = safetensors.torch.load_file(copied / "model.safetensors")
    replace_weights(copied, safetensors.torch.save(change(tensors)))
    with pytest.raises(core.IntegrityError, match=message):
        load_bundle(copied)


class Bomb:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


@pytest.mark.parametrize("how", [pickle.dumps, lambda o: b"\xff" * 99, lambda o: b""])
def test_weights_that_are_a_pickle_or_noise_are_refused_and_never_run(copied, tmp_path, how):
    replace_weights(copied, how({"w": Bomb(tmp_path / "ran")}))
    with pytest.raises(core.IntegrityError, match="no safetensors file"):
        load_bundle(copied)
    assert not (tmp_path / "ran").exists()


def test_the_room_gives_its_names_when_they_are_asked_for():
    from cxr_fastai import bundle

    assert bundle.Bundle is Bundle and bundle.load_bundle is load_bundle
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        bundle.nothing
