"""python -m pytest tests/app/test_heats.py

Heats for the page: of torch and of ONNX, of classes, of films that have none, and where torch is not.
"""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from toy_heat import VOCAB as SQUARES
from toy_heat import bundle_of, film, share_in, trained
from toy_looks import asked, pixels_of_uri
from toy_rows import META, VOCAB

from cxr_fastai.app import heats as module
from cxr_fastai.app.heats import (
    BROKEN_TORCH,
    CHANGED,
    NO_HEAT,
    NO_TORCH,
    NO_WEIGHTS,
    NOT_OF_THIS,
    Heats,
)
from cxr_fastai.bundle import export_onnx, load_bundle, save_bundle
from cxr_fastai.core import UnknownName, UsageError
from cxr_fastai.models.networks import build_network
from cxr_fastai.phantom import draw
from cxr_fastai.serving.ensemble import load_ensemble
from cxr_fastai.serving.explain import Explainer
from cxr_fastai.serving.heat import CAVEAT

FILM = draw("normal", 9200, 128)


def saved(folder, seed=0):
    torch.manual_seed(seed)
    return save_bundle(folder, build_network("cnn", len(VOCAB)), {**META, "arch": "cnn"})


class Heard:
    "A Progress that keeps its lines."

    def __init__(self):
        self.lines = []

    def say(self, text):
        self.lines.append(text)


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    folder = saved(tmp_path_factory.mktemp("onnx") / "bundle")
    export_onnx(load_bundle(folder, "cpu"))
    return folder


def load_bundle_in_onnx(folder):
    return load_bundle(folder, runtime="onnx")


def heat_of(model, source=FILM, of="", **options):
    _, shown = asked(model, source)
    told = Heats(model, **options).answer(shown, of)
    return json.loads(json.dumps(told, allow_nan=False))


def test_a_heat_lies_where_the_class_was_planted():
    bundle = bundle_of(trained())
    for name in ("left", "right"):
        told = heat_of(bundle, film("left", "right"), name)
        places = pixels_of_uri(told["heat"])
        assert places.shape == (64, 64) and places.max() > 200
        assert share_in(places.astype(float), name) > 0.5
        assert told["of"] == name and told["display"] == bundle.display[name]
        assert told["caveat"] == CAVEAT and told["why"] == ""
    assert set(SQUARES) == set(bundle.vocab)


def test_the_words_are_those_of_predict(exported):
    bundle = load_bundle(exported, "cpu")
    _, shown = asked(bundle, FILM)
    heat = Explainer().look(shown).heat
    told = heat_of(bundle)
    assert told["says"] == f"{heat.says}." and told["of"] == heat.of
    assert told["outside"] == heat.outside and told["outside_of_equal"] == heat.outside_of_equal
    assert told["mostly_outside"] == heat.is_mostly_outside


def test_an_answer_of_onnx_has_the_heat_of_torch(exported):
    in_onnx = load_bundle(exported, runtime="onnx")
    heats = Heats(in_onnx)
    assert heats.why_not == "" and heats._in_torch == ()  # loaded when it is asked for
    _, shown = asked(in_onnx, FILM)
    told = heats.answer(shown, "normal")
    assert heats._in_torch[0].runtime.name == "torch"
    by_torch = heat_of(load_bundle(exported, "cpu"), of="normal")
    near = pixels_of_uri(told["heat"]).astype(int) - pixels_of_uri(by_torch["heat"])
    assert np.abs(near).max() <= 2 and told["says"] == by_torch["says"]


def test_the_network_is_loaded_beside_the_one_that_answers_and_once(exported, monkeypatch):
    heats = Heats(load_bundle(exported, runtime="onnx"))
    heats.prepare()
    members = heats._in_torch
    monkeypatch.setattr(module, "load_bundle", None)
    heats.prepare()
    assert heats._in_torch is members and members[0].runtime.name == "torch"


def test_what_cannot_be_loaded_is_told_with_the_answer(exported, monkeypatch):
    def refuse(*given, **options):
        raise UsageError("no such bundle")

    monkeypatch.setattr(module, "load_bundle", refuse)
    heard = Heard()
    in_onnx = Heats(load_bundle_in_onnx(exported), heard)
    in_onnx.prepare()
    _, shown = asked(in_onnx.model, FILM)
    assert in_onnx.answer(shown)["why"] == CHANGED == in_onnx.answer(shown)["why"]
    assert heard.lines == ["no heat: no such bundle"]  # it is tried once


def test_a_large_film_has_a_small_heat_of_its_shape(exported):
    told = heat_of(load_bundle(exported, "cpu"), np.kron(FILM, np.ones((4, 5), np.uint8)))
    assert pixels_of_uri(told["heat"]).shape == (205, 256)


def test_several_bundles_have_their_mean(tmp_path, exported):
    model = load_ensemble(
        [load_bundle(exported, "cpu"), load_bundle(saved(tmp_path / "b", 1), "cpu")]
    )
    told = heat_of(model, of="normal")
    assert told["heat"] and told["of"] == "normal"
    assert told["heat"] != heat_of(load_bundle(exported, "cpu"), of="normal")["heat"]


def test_a_class_that_is_none_is_named(exported):
    with pytest.raises(UnknownName, match="'Normal'.*Did you mean 'normal'"):
        heat_of(load_bundle(exported, "cpu"), of="Normal")


def test_a_film_without_an_answer_has_no_heat(exported):
    bundle = load_bundle(exported, "cpu")
    assert heat_of(bundle, b"<html>")["why"] == NO_HEAT
    _, shown = asked(bundle, FILM)
    assert Heats(bundle).answer(replace(shown, inputs=()))["why"] == NO_HEAT


def test_without_torch_it_says_so(exported, monkeypatch):
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    in_onnx = load_bundle(exported, runtime="onnx")
    assert Heats(in_onnx).why_not == NO_TORCH
    told = heat_of(in_onnx)
    assert told["heat"] == "" and told["why"] == NO_TORCH and told["outside"] is None


def test_an_exported_network_alone_holds_no_weights(tmp_path, exported):
    alone = tmp_path / "alone.onnx"
    export_onnx(load_bundle(exported, "cpu"), alone)
    assert heat_of(load_bundle(alone))["why"] == NO_WEIGHTS


def test_a_bundle_that_was_changed_meanwhile_is_not_explained(tmp_path):
    folder = saved(tmp_path / "b")
    export_onnx(load_bundle(folder, "cpu"))
    in_onnx = load_bundle(folder, runtime="onnx")
    saved(folder, seed=5)
    heard = Heard()
    told = heat_of(in_onnx, progress=heard)
    assert told["why"] == CHANGED and len(heard.lines) == 1
    assert str(tmp_path) not in json.dumps(told)


@pytest.mark.parametrize(
    "error", [ImportError("no libtorch.so"), OSError("libgomp.so.1: cannot open")]
)
def test_a_torch_that_cannot_be_imported_is_told(exported, monkeypatch, error):
    def refuse(*given, **options):
        raise error

    monkeypatch.setattr(module, "load_bundle", refuse)
    heard = Heard()
    assert heat_of(load_bundle_in_onnx(exported), progress=heard)["why"] == BROKEN_TORCH
    assert str(error) in heard.lines[0]


@pytest.mark.parametrize("error", [UsageError, RuntimeError])
def test_a_network_that_has_no_heat_says_so_without_a_path(exported, monkeypatch, error):
    def refuse(*given):
        raise error("/home/me/b: its network is not made of body and head")

    monkeypatch.setattr(module, "heat_of", refuse)
    heard = Heard()
    told = heat_of(load_bundle(exported, "cpu"), progress=heard)
    assert told["why"] == NOT_OF_THIS and "/home/me" in heard.lines[0]
