"""python -m pytest tests/app/test_showing.py

POST /look and POST /heat through the real server.
"""

import json

import numpy as np
import pytest
import torch
from gate_films import small_gate
from toy import curated
from toy_app import ask, form, served
from toy_looks import pixels_of_uri
from toy_rows import META, VOCAB

from cxr_fastai.app.look import NO_HEAT, film_png
from cxr_fastai.app.similar import similar_of
from cxr_fastai.bundle import load_bundle, save_bundle
from cxr_fastai.models.networks import build_network
from cxr_fastai.phantom import draw
from cxr_fastai.serving.predict import predict_paths

FILM = film_png(draw("normal", 9200, 128))
TURNED = film_png(np.rot90(draw("normal", 9200, 128)))


@pytest.fixture(scope="module")
def gated(tmp_path_factory):
    torch.manual_seed(0)
    net = build_network("cnn", len(VOCAB))
    folder = tmp_path_factory.mktemp("gated") / "bundle"
    return save_bundle(folder, net, {**META, "arch": "cnn"}, gate=small_gate())


@pytest.fixture(scope="module")
def url(gated):
    with served(gated) as url:
        yield url


@pytest.fixture(scope="module")
def bare(toy_bundle):
    with served(toy_bundle) as url:
        yield url


def post(url, path, *files):
    status, headers, body = ask(url, "POST", path, *form(*files))
    assert headers["content-type"] == "application/json"
    return status, json.loads(body)


def test_look_has_the_row_of_predict(url, gated, tmp_path):
    (tmp_path / "a.png").write_bytes(FILM)
    status, look = post(url, "/look", ("a.png", FILM))
    assert status == 200 and look["words"]["heat"] == ""
    (row,) = predict_paths(load_bundle(gated, "cpu"), [tmp_path / "a.png"])
    assert look["row"]["probs"] == pytest.approx(row["probs"], abs=1e-6)
    assert look["row"] | {"path": "", "probs": {}} == row | {"path": "", "probs": {}}
    assert pixels_of_uri(look["film"]).shape == (128, 128) and look["seconds"] > 0


def test_a_turned_film_is_refused_and_turned_back_when_it_is_asked_again(url):
    status, look = post(url, "/look", ("a.png", TURNED))
    assert status == 200 and look["words"]["can_right"]
    status, look = post(url, "/look?right=1", ("a.png", TURNED))
    assert status == 200 and look["row"]["righted"] == ["turned_90"]
    assert np.array_equal(pixels_of_uri(look["film"]), draw("normal", 9200, 128))


def test_the_heat_of_a_class_is_that_of_the_film_as_it_was_answered(url):
    status, told = post(url, "/heat?of=covid_19&right=1", ("a.png", TURNED))
    upright = post(url, "/heat?of=covid_19", ("a.png", FILM))[1]
    assert status == 200 and told == upright and told["of"] == "covid_19"
    assert pixels_of_uri(told["heat"]).shape == (128, 128)


def test_a_refused_film_has_no_heat(url):
    status, told = post(url, "/heat", ("a.png", TURNED))
    assert status == 200 and told["heat"] == "" and told["why"] == NO_HEAT


@pytest.mark.parametrize("path", ["/look", "/heat"])
def test_what_is_no_film_has_the_status_of_predict_and_the_same_shape(url, path):
    good = post(url, path, ("a.png", FILM))[1]
    for data in (b"<html>", FILM[: len(FILM) // 2]):
        status, told = post(url, path, ("a.png", data))
        assert status == post(url, "/predict", ("a.png", data))[0] and status in (415, 422)
        assert told.keys() == good.keys()


@pytest.mark.parametrize(
    "path, words",
    [
        ("/heat?of=Normal", "There is no class 'Normal'"),
        ("/look?right=yes", "right is 'yes'"),
        ("/look?of=normal", ""),
    ],
)
def test_a_wrong_question_is_told(url, path, words):
    status, told = post(url, path, ("a.png", FILM))
    assert status == 400 and told["error"]["code"] == "query_wrong"
    assert words in told["error"]["says"]


@pytest.mark.parametrize("path", ["/look", "/heat"])
def test_one_film_at_a_time(url, path):
    status, told = post(url, path, ("a.png", FILM), ("b.png", FILM))
    assert status == 400 and told["error"]["code"] == "one_film"


def test_without_a_gate_nothing_is_turned_back(bare):
    status, told = post(bare, "/look?right=1", ("a.png", FILM))
    assert status == 400 and "no gate is asked" in told["error"]["says"]


def test_similar_films_come_with_the_look(toy_bundle, tmp_path, monkeypatch):
    monkeypatch.setenv("CXR_CACHE", str(tmp_path / "cache"))
    data = curated(tmp_path / "toy")
    model = load_bundle(toy_bundle, "cpu")
    with served(model, similar=similar_of(model, data, is_alone=True)) as url:
        status, look = post(url, "/look", ("a.png", FILM))
        unread = post(url, "/look", ("a.png", b"<html>"))[1]
    assert status == 200 and len(look["similar"]) == 5
    assert all(film["film"].startswith("data:image/jpeg") for film in look["similar"])
    assert look["words"]["similar"].startswith("The 5 nearest of 22 films of the folder toy;")
    assert unread["similar"] == []
