"""What programs ask, answered by the real service of a small bundle.

python -m pytest tests/app/test_api.py
"""

import json

import pytest
from toy_app import ask, form, running
from toy_bundles import picture, png
from toy_service import ToyService

from cxr_fastai.app.api import unread
from cxr_fastai.app.service import Answered
from cxr_fastai.core import Prediction
from cxr_fastai.serving.predict import predict_paths
from cxr_fastai.serving.rows import row_of

FILMS = {"a.png": png(picture(1)), "b.png": png(picture(2))}


@pytest.fixture(scope="module")
def server(toy_model):
    with running(toy_model, max_mb=2) as (url, site):
        yield url, site


@pytest.fixture(scope="module")
def url(server):
    return server[0]


def same(rows, others):
    "Whether rows are alike, as far as films that are answered together can be."
    for row, other in zip(rows, others, strict=True):
        assert row["probs"] == pytest.approx(other["probs"], abs=1e-5)
        assert {**row, "probs": {}} == {**other, "probs": {}}
    return True


def asked(url, *films, accept="*/*"):
    body, headers = form(*films)
    status, _, answer = ask(url, "POST", "/predict", body, {**headers, "Accept": accept})
    return status, answer


def test_rows_are_those_of_cxr_predict(url, toy_model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, data in FILMS.items():
        (tmp_path / name).write_bytes(data)
    status, answer = asked(url, *FILMS.items())
    assert status == 200 and same(json.loads(answer), predict_paths(toy_model, list(FILMS)))


def test_a_raw_body_is_one_film(url):
    status, _, answer = ask(url, "POST", "/predict", FILMS["a.png"], {"Content-Type": "image/png"})
    (row,) = json.loads(answer)
    of_form = json.loads(asked(url, ("film", FILMS["a.png"]))[1])
    assert status == 200 and row["path"] == "film" and same([row], of_form)


def test_one_film_that_cannot_be_read_does_not_stop_the_others(url):
    status, answer = asked(url, ("bad.png", FILMS["a.png"][:200]), ("a.png", FILMS["a.png"]))
    bad, good = json.loads(answer)
    assert status == 200 and "bad.png" in bad["error"] and good["error"] == "" and good["probs"]


@pytest.mark.parametrize(
    "films,status,code",
    [
        ([b"hello, no film"], 415, "no_picture"),
        ([b"hello", b"<html>"], 415, "no_picture"),
        ([b""], 415, "no_picture"),
        ([FILMS["a.png"][:200]], 422, "unreadable"),
        ([b"hello", FILMS["a.png"][:200]], 422, "unreadable"),
        ([png(picture(1) * 0)], 422, "unreadable"),  # a film of one gray
    ],
)
def test_where_none_can_be_read_the_rows_stand_beside_the_refusal(url, films, status, code):
    named = [(f"{i}.png", data) for i, data in enumerate(films)]
    got, answer = asked(url, *named)
    told = json.loads(answer)
    assert (got, told["error"]["code"], told["error"]["status"]) == (status, code, status)
    assert [row["path"] for row in told["rows"]] == [name for name, _ in named]
    assert (
        all(row["error"] for row in told["rows"])
        and told["rows"][0]["error"] in told["error"]["says"]
    )


def test_a_form_without_scripts_is_answered_by_a_page(url):
    status, answer = asked(url, ("a & b.png", FILMS["a.png"]), accept="text/html")
    assert status == 200 and answer.startswith(b"<!doctype html>") and b"a &amp; b.png" in answer


def told(error="", rejected=""):
    return Answered(row_of(Prediction(None, {}, error=error)), None, rejected)


def test_one_film_that_was_read_is_enough():
    assert unread([told("broken", "damaged"), told()]) is None and unread([]) is None
    assert unread([told("broken", "damaged")]).status == 422
    assert unread([told("no bytes", "empty_file"), told("text", "not_an_image")]).status == 415


def test_health_ready_and_model_are_json(url, toy_model):
    assert json.loads(ask(url, "GET", "/health")[2]) == {"status": "alive"}
    assert json.loads(ask(url, "GET", "/ready")[2]) == {"status": "ready"}
    told = json.loads(ask(url, "GET", "/model")[2])
    assert [each["name"] for each in told["classes"]] == toy_model.vocab
    assert told["bundles"][0]["weights_sha256"] == toy_model.meta["weights_sha256"]
    assert str(toy_model.path) not in json.dumps(told) and told["server"]["max_mb"] == 2


def test_metrics_count_what_was_asked(toy_model):
    with running(toy_model, service=ToyService()) as (url, _):
        asked(url, ("a", b"1"), ("b", b""))
        asked(url, ("b", b""))
        ask(url, "GET", "/nothing")
        status, headers, answer = ask(url, "GET", "/metrics")
    lines = answer.decode().splitlines()
    assert status == 200 and headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    for line in (
        'cxr_requests_total{route="/predict",method="POST",status="200"} 1',
        'cxr_requests_total{route="/predict",method="POST",status="415"} 1',
        'cxr_requests_total{route="other",method="GET",status="404"} 1',
        'cxr_films_total{outcome="answered"} 1',
        'cxr_films_total{outcome="unreadable"} 2',
        'cxr_refusals_total{code="no_picture"} 1',
        "cxr_ready 1",
        "cxr_requests_in_work 0",
        "cxr_bytes_in_flight 0",
    ):
        assert line in lines
