"""FastHTML behind the front: which route a request is for, and what it answers.

python -m pytest tests/app/test_router.py
"""

import asyncio

import pytest
from fasthtml.core import FastHTML
from toy_service import ToyService

from cxr_fastai.app.asked import Asked
from cxr_fastai.app.refusals import Refusal
from cxr_fastai.app.router import Router
from cxr_fastai.app.routes import ROUTES
from cxr_fastai.app.site import Site


@pytest.fixture
def router(toy_model):
    return Router(Site(toy_model, ToyService()))


def scope(method, path):
    return {
        "type": "http",
        "method": method,
        "path": path,
        "root_path": "",
        "headers": [],
        "query_string": b"",
    }


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_every_route_is_found(router, route):
    path = route.path.replace("{name}", "style.css")
    assert router.find(scope(route.method, path)) is route
    if route.method == "GET":
        assert router.find(scope("HEAD", path)) is route


@pytest.mark.parametrize(
    "path", ["", "/x", "/predict/", "/static/a/b", "/PREDICT", "/card/../model"]
)
def test_nothing_else_is(router, path):
    with pytest.raises(Refusal) as e:
        router.find(scope("GET", path))
    assert e.value.code == "not_found"


def test_another_method_is_told_those_that_there_are(router):
    with pytest.raises(Refusal) as e:
        router.find(scope("TEA\n", "/"))
    assert e.value.headers == {"Allow": "GET, HEAD"} and e.value.says.startswith("This method is")


def test_a_handlers_answer_comes_whole_and_what_it_raises_too(router):
    async def ask(path, **asked):
        return await router.answer(scope("GET", path), Asked("GET", path, {}, **asked))

    answer = asyncio.run(ask("/health"))
    assert (answer.status_code, answer.body) == (200, b'{"status": "alive"}')
    assert answer.headers["content-type"] == "application/json"
    with pytest.raises(Refusal):
        asyncio.run(ask("/static/gone.js"))
    with pytest.raises(Refusal):
        asyncio.run(ask("/ready"))


def test_fasthtml_writes_no_key_loads_nothing_and_keeps_no_session(
    toy_model, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    app = Router(Site(toy_model, ToyService())).app
    assert isinstance(app, FastHTML) and not app.user_middleware and not app.hdrs
    assert not list(tmp_path.iterdir())
