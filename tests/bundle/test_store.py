"""Bundles: what is saved comes back, and nothing that is not what it claims to be is loaded.

python -m pytest tests/test_bundle.py
"""

import copy
import hashlib
import io
import json
import os
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from PIL import Image

from cxr_fastai import core, images
from cxr_fastai.bundle import store as doors
from cxr_fastai.bundle.meta import KEYS
from cxr_fastai.bundle.store import load_bundle, prepare, save_bundle
from cxr_fastai.models import networks as models

VOCAB = ["covid_19", "normal", "tuberculosis"]
META = dict(
    arch="resnet18",
    vocab=VOCAB,
    display={"covid_19": "COVID-19"},
    size=32,
    mean=0.5,
    std=0.25,
    recipe={"name": "toy"},
    manifest_sha256="0" * 64,
    trained=dict(epochs=2, best_epoch=1, seconds=3.5, weights="none", seed=1),
)


@pytest.fixture(scope="module")
def net():
    "A network whose answers differ between pictures without saturating."
    torch.manual_seed(0)
    net = models.build_network("resnet18", len(VOCAB))
    with torch.no_grad():
        net[1][-1].weight.mul_(0.2)
    return net


@pytest.fixture(scope="module")
def made(net, tmp_path_factory):
    return save_bundle(tmp_path_factory.mktemp("run") / "bundle", net, META)


@pytest.fixture(scope="module")
def loaded(made):
    return load_bundle(made, device="cpu")


@pytest.fixture
def copied(made, tmp_path):
    "A bundle to spoil. Its files are links: `put` replaces one, as writing into it would change the original."
    return Path(shutil.copytree(made, tmp_path / "copy", copy_function=os.link))


def put(file, data):
    file.unlink(missing_ok=True)
    file.write_bytes(data if isinstance(data, bytes) else json.dumps(data).encode())
    return file


def facts(folder):
    return json.loads((folder / "bundle.json").read_text())


def restate(folder, **changes):
    put(folder / "bundle.json", {**facts(folder), **changes})


def replace_weights(folder, data):
    "Other weights, with their true hash."
    put(folder / "model.safetensors", data)
    restate(folder, weights_sha256=hashlib.sha256(data).hexdigest())


def picture(seed=0, size=(50, 40)):
    "(h, w) uint8: smooth noise, so that resizing does not make all of them the same gray."
    coarse = np.random.default_rng(seed).integers(0, 255, (5, 5), np.uint8)
    return np.array(Image.fromarray(coarse).resize(size, Image.Resampling.BILINEAR))


def png(pixels):
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


# ---- save


def test_a_bundle_is_three_files_and_its_facts_are_complete(made):
    assert sorted(p.name for p in made.iterdir()) == [
        "README.md",
        "bundle.json",
        "model.safetensors",
    ]
    saved = facts(made)
    assert list(saved) == list(KEYS)
    assert (
        saved["format_version"] == 2
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

    monkeypatch.setattr(doors, "write_text", fail)
    with pytest.raises(OSError):
        save_bundle(tmp_path / "b", net, META)
    assert not (tmp_path / "b" / "bundle.json").exists(), (
        "an old bundle.json must not vouch for half a bundle"
    )
    with pytest.raises(core.UsageError):
        load_bundle(tmp_path / "b")


def test_numbers_of_numpy_and_nan_metrics_become_plain_json(net, tmp_path):
    metrics = {
        "auroc": np.float32(0.5),
        "by_class": {"normal": float("nan")},
        "n": np.int64(3),
        "ci": (0.25, 0.75),
    }
    folder = save_bundle(
        tmp_path / "b", net, {**META, "metrics": metrics, "mean": np.float32(0.5), "note": "kept"}
    )
    assert facts(folder)["metrics"] == {
        "auroc": 0.5,
        "by_class": {"normal": None},
        "n": 3,
        "ci": [0.25, 0.75],
    }
    assert load_bundle(folder).meta["note"] == "kept"


def test_the_model_card_says_what_it_is_and_its_limits(net, tmp_path):
    meta = {**META, "metrics": {"test": {"auroc": 0.8765432}}, "thresholds": {"normal": 0.6}}
    card = (save_bundle(tmp_path / "b", net, meta) / "README.md").read_text()
    for words in (
        "resnet18",
        "COVID-19 (`covid_19`)",
        "answered from 0.60",
        "test auroc: 0.8765",
        "toy",
        "2 epochs",
        "not a medical device",
    ):
        assert words in card
    assert len(card.splitlines()) < 40


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
def test_a_network_that_is_not_what_its_facts_say_is_not_saved(net, tmp_path, change, message):
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
        core.UsageError, match="no bundle at .*bundle.json and model.safetensors, as `cxr train`"
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
    assert hashlib.sha256(data).hexdigest() in str(e.value) and facts(copied)[
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


@pytest.mark.parametrize("key", KEYS)
def test_each_missing_key_is_named(copied, key):
    put(copied / "bundle.json", {k: v for k, v in facts(copied).items() if k != key})
    with pytest.raises(core.IntegrityError, match=f"key '{key}' is missing"):
        load_bundle(copied)


WRONG = dict(
    format_version=[3, 0, True],
    arch=["resnet33", 18, ["resnet18"]],
    in_channels=[2, "1"],
    vocab=["abc", [], [1, 2, 3], ["a", "a"]],
    display=[[], {"a": 1}],
    task=["regression", None],
    size=["32", 32.0, 0, 10**9, True],
    mean=["0.5", None, True],
    std=[0, -1],
    decoder_version=["1", -1],
    trained_on_sha256=[None, "abc"],
    crop=[-0.1, 0.4, "0.1", None],
    offsets=[None, [], {"normal": "1"}, {"flu": 0.5}],
    thresholds=[[], {"normal": 2}, {"normal": "x"}, {"flu": 0.5}],
    temperature=[0, -1, "1"],
    decision=[
        [],
        {"negative": "normal"},
        {"negative": "normal", "threshold": 2},
        {"negative": "flu", "threshold": 0.5},
        {"negative": "normal", "threshold": 0.5, "triage": [{}]},
        {"negative": "normal", "threshold": 0.5, "triage": {}},
    ],
    recipe=["toy", {}],
    manifest_sha256=["abc", None, "z" * 64],
    trained=[2, {}, {"epochs": "2"}, {"epochs": True}],
    metrics=[[]],
    libraries=[["torch"], {"torch": 2}],
    weights_sha256=[None, "0" * 63],
)


@pytest.mark.parametrize("key, value", [(k, v) for k, vs in WRONG.items() for v in vs])
def test_each_wrong_value_is_named(copied, key, value):
    restate(copied, **{key: value})
    with pytest.raises(core.IntegrityError, match=f"'{key}'"):
        load_bundle(copied)


def test_every_key_has_wrong_values_here():
    assert set(WRONG) == set(KEYS)


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"\xff\xfe{}", b"[" * 100_000, b"null"])
def test_other_text_than_our_json_is_refused(copied, text):
    put(copied / "bundle.json", text)
    with pytest.raises(core.IntegrityError, match="bundle.json"):
        load_bundle(copied)


def test_json_that_smuggles_nan_is_refused(copied):
    put(
        copied / "bundle.json",
        (copied / "bundle.json").read_bytes().replace(b'"mean": 0.5', b'"mean": NaN'),
    )
    with pytest.raises(core.IntegrityError, match="NaN"):
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


def test_another_decoder_is_said_aloud(copied):
    restate(copied, decoder_version=images.DECODER_VERSION + 1)
    with pytest.warns(UserWarning, match="probabilities may differ"):
        load_bundle(copied)


# ---- predict


def test_path_bytes_file_and_array_give_the_same_probabilities(loaded, tmp_path):
    pixels = picture()
    file = put(tmp_path / "a.png", png(pixels))
    with open(file, "rb") as f:
        probs = loaded.probs(
            [file, str(file), file.read_bytes(), io.BytesIO(file.read_bytes()), f, pixels]
        )
    assert probs.dtype == np.float32 and probs.shape == (6, 3)
    np.testing.assert_allclose(probs, probs[:1].repeat(6, 0), atol=1e-6)


def test_probabilities_sum_to_one_and_differ_between_pictures(loaded):
    probs = loaded.probs([picture(i) for i in range(6)])
    np.testing.assert_allclose(probs.sum(1), 1, atol=1e-6)
    assert 0.01 < probs.min() and np.ptp(probs, 0).max() > 0.01, (
        "else the tests here would compare constants"
    )


def test_the_batch_size_does_not_change_results(loaded):
    pictures = [picture(i) for i in range(7)]
    whole = loaded.probs(pictures)
    for bs in (1, 2, 7):
        np.testing.assert_allclose(loaded.probs(iter(pictures), bs=bs), whole, atol=1e-5)


def test_no_pictures_give_no_rows(loaded):
    assert loaded.probs([]).shape == (0, 3)


@pytest.mark.parametrize(
    "sources, bs", [("a.png", 32), (b"data", 32), (Path("a.png"), 32), ([], 0)]
)
def test_misuse_of_probs_is_a_usage_error(loaded, sources, bs):
    with pytest.raises(core.UsageError):
        loaded.probs(sources, bs)


def test_the_prediction_is_what_torch_says_by_hand(net, loaded):
    pixels = picture(3)
    x = torch.from_numpy(images.resize(pixels, 32).astype(np.float32) / 255)
    by_hand = (
        copy.deepcopy(net).eval()(((x - 0.5) / 0.25)[None, None]).softmax(1)[0].detach().numpy()
    )
    np.testing.assert_allclose(loaded.probs([pixels])[0], by_hand, atol=1e-6)
    answer = loaded.predict(pixels)
    assert (
        answer.label == VOCAB[by_hand.argmax()]
        and list(answer.probs) == VOCAB
        and not answer.abstained
    )


def test_prepare_normalises_with_the_bundles_constants(loaded):
    x = prepare(
        np.full((40, 50), 255, np.uint8),
        {"size": 16, "crop": 0.0, "in_channels": 3, "mean": 0.5, "std": 0.25},
    )
    assert x.shape == (3, 16, 16) and x.dtype == torch.float32 and torch.all(x == 2)


def test_a_network_left_in_training_mode_still_answers_the_same(loaded):
    before = loaded.probs([picture()])
    loaded.net.train()
    np.testing.assert_array_equal(loaded.probs([picture()]), before)


def test_what_is_no_picture_is_rejected_by_name(loaded, tmp_path):
    file = put(tmp_path / "note.png", b"not a picture")
    with pytest.raises(core.ImageRejected, match="note.png"):
        loaded.predict(file)


def test_temperature_softens_and_sigmoid_serves_multi_label(copied, loaded):
    logits = np.log(loaded.probs([picture()])[0])
    restate(copied, temperature=2.0)
    soft = np.exp(logits / 2) / np.exp(logits / 2).sum()
    np.testing.assert_allclose(load_bundle(copied, "cpu").probs([picture()])[0], soft, atol=1e-5)
    restate(copied, temperature=1.0, task="multi_label")
    raw = load_bundle(copied, "cpu").probs([picture()])[0]
    shift = np.log(raw / (1 - raw)) - logits
    np.testing.assert_allclose(shift, shift[0], atol=1e-3)


def test_a_network_that_answers_nan_is_an_error_not_a_class(copied):
    tensors = safetensors.torch.load_file(copied / "model.safetensors")
    tensors["1.8.weight"][:] = 3e38
    replace_weights(copied, safetensors.torch.save(tensors))
    with pytest.raises(core.IntegrityError, match="not finite"):
        load_bundle(copied, "cpu").predict(picture())


DECISIONS = [
    ("single_label", {}, [0.3, 0.4, 0.3], "normal"),
    ("single_label", {"normal": 0.4}, [0.3, 0.4, 0.3], "normal"),
    ("single_label", {"normal": 0.5}, [0.3, 0.4, 0.3], None),
    (
        "single_label",
        {"normal": 0.5, "covid_19": 0.1},
        [0.3, 0.4, 0.3],
        None,
    ),  # never a second choice
    ("single_label", {"covid_19": 0.9}, [0.3, 0.4, 0.3], "normal"),
    ("multi_label", {}, [0.6, 0.4, 0.5], "covid_19|tuberculosis"),
    ("multi_label", {"covid_19": 0.7, "tuberculosis": 0.9}, [0.6, 0.4, 0.8], "none"),
    ("multi_label", {"normal": 0.3}, [0.1, 0.4, 0.1], "normal"),
]


@pytest.mark.parametrize("task, thresholds, probs, label", DECISIONS)
def test_thresholds_decide_or_abstain_with_a_reason(loaded, task, thresholds, probs, label):
    meta = {**loaded.meta, "task": task, "thresholds": thresholds}
    answer = doors.Bundle(loaded.net, meta, loaded.path, loaded.device).decide(np.array(probs))
    assert (answer.label, answer.abstained, bool(answer.reason)) == (
        label,
        label is None,
        label is None,
    )
    assert answer.thresholds == thresholds and answer.probs == dict(zip(VOCAB, probs))


def test_the_reason_gives_class_probability_and_threshold(loaded):
    meta = {**loaded.meta, "thresholds": {"covid_19": 0.75}}
    answer = doors.Bundle(loaded.net, meta, loaded.path, loaded.device).decide(
        np.array([0.5, 0.25, 0.25])
    )
    assert answer.reason == "COVID-19 leads with 0.500, below its threshold of 0.750"


# ---- a yes or no


@pytest.mark.parametrize(
    "probs, answer", [([0.2, 0.5, 0.3], 2), ([0.2, 0.71, 0.09], 1), ([0.2, 0.7, 0.1], 0)]
)
def test_a_decision_answers_its_negative_class_unless_the_others_together_reach_the_threshold(
    probs, answer
):
    vocab = ["bacterial", "normal", "viral"]
    meta = dict(
        vocab=vocab,
        task="single_label",
        thresholds={},
        display={},
        decision=dict(negative="normal", threshold=0.2999),
    )
    bundle = doors.Bundle(None, meta, None, None)
    assert bundle.answers(np.array([probs])).tolist() == [answer]
    assert bundle.decide(np.array(probs)).label == vocab[answer]
