"""A bundle asked: probabilities, and the answers that are made of them.

python -m pytest tests/bundle/test_bundle.py
"""

import copy
import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from toy_bundles import VOCAB, picture, png, put, replace_weights, restate

from cxr_fastai import core, images
from cxr_fastai.bundle.bundle import Bundle
from cxr_fastai.bundle.store import load_bundle

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


def test_a_caller_may_decode_as_it_likes(loaded):
    pictures = {"first": picture(1), "second": picture(2)}
    found = loaded.probs(pictures, decode=pictures.__getitem__)
    np.testing.assert_array_equal(found, loaded.probs(list(pictures.values())))


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
    answer = replace(loaded, meta=meta).decide(np.array(probs))
    assert (answer.label, answer.abstained, bool(answer.reason)) == (
        label,
        label is None,
        label is None,
    )
    assert answer.thresholds == thresholds and answer.probs == dict(zip(VOCAB, probs))


def test_the_reason_gives_class_probability_and_threshold(loaded):
    meta = {**loaded.meta, "thresholds": {"covid_19": 0.75}}
    answer = replace(loaded, meta=meta).decide(np.array([0.5, 0.25, 0.25]))
    assert answer.reason == "COVID-19, 0.50, is below its own threshold 0.75"


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
    bundle = Bundle(None, meta, None)
    assert bundle.answers(np.array([probs])).tolist() == [answer]
    assert bundle.decide(np.array(probs)).label == vocab[answer]


def asked(loaded, **changes):
    "The same network under another bundle.json."
    return replace(loaded, meta={**loaded.meta, **changes})


def test_the_risk_is_what_is_not_negative_or_the_likeliest_finding_or_nothing(loaded):
    probs = np.array([[0.2, 0.7, 0.1], [0.5, 0.1, 0.4]])
    decision = {"negative": "normal", "threshold": 0.5}
    assert loaded.risk(probs) is None
    assert asked(loaded, decision=decision).risk(probs) == pytest.approx([0.3, 0.9])
    assert asked(loaded, task="multi_label").risk(probs).tolist() == [0.7, 0.5]


def test_offsets_are_added_to_the_logits_of_their_class(loaded):
    plain = loaded.probs([picture()])[0]
    shifted = asked(loaded, offsets={"normal": 1.0}).probs([picture()])[0]
    weights = plain * np.exp([0.0, 1.0, 0.0])
    np.testing.assert_allclose(shifted, weights / weights.sum(), atol=1e-5)


def test_a_bundle_says_what_it_is(loaded):
    assert (loaded.size, loaded.vocab, loaded.task) == (32, VOCAB, core.Task.SINGLE_LABEL)
    assert loaded.display["covid_19"] == "COVID-19" and loaded.display["normal"] == "normal"


# ---- embed


def test_embeddings_are_what_the_last_layer_is_given_in_order(loaded):
    pictures = [picture(i) for i in range(5)]
    whole = loaded.embed(pictures)
    assert whole.dtype == np.float32 and whole.shape[0] == 5 and whole.shape[1] > 3
    last = loaded.net[-1][-1]
    with torch.inference_mode():
        logits = last(torch.tensor(whole)).numpy()
    np.testing.assert_allclose(
        logits, loaded.runtime.logits(np.stack([loaded.read(p)[0] for p in pictures])), atol=1e-5
    )
    for bs in (1, 2):
        np.testing.assert_allclose(loaded.embed(iter(pictures), bs=bs), whole, atol=1e-5)
    assert np.ptp(whole, 0).max() > 0.01, "else all would be one description"


def test_no_pictures_give_no_embeddings_and_as_many_columns(loaded):
    assert loaded.embed([]).shape == (0, loaded.embed([picture()]).shape[1])


def test_a_picture_that_cannot_be_read_stops_embed_as_it_stops_probs(loaded):
    for ask in (loaded.embed, loaded.probs):
        with pytest.raises(core.ImageRejected):
            ask([picture(), b"<html>sign in</html>"])
        with pytest.raises(core.UsageError, match="takes a list"):
            ask("a.png")
        with pytest.raises(core.UsageError, match="expected 1 or more"):
            ask([picture()], bs=0)


def test_embeddings_that_are_not_finite_are_an_error(loaded):
    class Broken:
        name = "torch"

        def features(self, batch):
            return np.full((len(batch), 4), np.nan, np.float32)

    with pytest.raises(core.IntegrityError, match="embeddings are not finite"):
        replace(loaded, runtime=Broken()).embed([picture()])
