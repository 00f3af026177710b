"""The token: programs show it, people sign in with it, and everybody else is told so.

python -m pytest tests/app/test_sign_in.py
"""

import asyncio
import json

import pytest
from toy_app import ask, form, running, served
from toy_service import ToyService

TOKEN = "a-token-of-this-test"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
BROWSER = {"Accept": "text/html"}
FILM = form(("a.png", b"1"))


@pytest.fixture(scope="module")
def url(toy_model):
    with served(
        toy_model,
        service=ToyService(),
        token=TOKEN,
        wrong_token_seconds=0,
        names=("films.example.org",),
    ) as url:
        yield url


def signed_in(url, token=TOKEN, **headers):
    return ask(url, "POST", "/sign-in", f"token={token}", {**FORM, **headers})


@pytest.mark.parametrize("path", ["/health", "/ready", "/static/style.css"])
def test_what_tells_nothing_of_films_and_models_is_open(url, path):
    assert ask(url, "GET", path)[0] == 200


@pytest.mark.parametrize(
    "method,path",
    [
        ("GET", "/"),
        ("GET", "/card"),
        ("GET", "/model"),
        ("GET", "/metrics"),
        ("GET", "/openapi.json"),
    ]
    + [("POST", path) for path in ("/predict", "/look", "/heat")],
)
def test_all_else_is_answered_with_the_token_alone(url, method, path):
    body, headers = FILM if method == "POST" else (None, {})
    for given in (
        {},
        {"Authorization": f"Bearer {TOKEN}x"},
        {"Authorization": f"Basic {TOKEN}"},
        {"Cookie": "cxr_session=x"},
    ):
        status, answer, told = ask(url, method, path, body, {**headers, **given})
        assert status == 401 and answer["www-authenticate"] == "Bearer"
        assert json.loads(told)["error"]["code"] in ("token_missing", "token_wrong")
    status = ask(url, method, path, body, {**headers, "Authorization": f"Bearer {TOKEN}"})[0]
    assert status == 200 or path in ("/look", "/heat")  # which the toy service cannot answer


def test_a_browser_is_shown_where_to_sign_in(url):
    status, _, body = ask(url, "GET", "/", headers=BROWSER)
    assert status == 401 and b'action="/sign-in"' in body and TOKEN.encode() not in body


def test_who_signs_in_has_a_session_that_no_script_reads(url):
    status, headers, _ = signed_in(url)
    cookie = headers["set-cookie"]
    assert status == 303 and headers["location"] == "/"
    assert cookie.endswith("; Path=/; HttpOnly; SameSite=Strict") and TOKEN not in cookie
    session = {"Cookie": cookie.split(";")[0]}
    assert ask(url, "GET", "/", headers={**BROWSER, **session})[0] == 200
    assert ask(url, "POST", "/predict", FILM[0], {**FILM[1], **session})[0] == 200
    assert signed_in(url)[1]["set-cookie"] != cookie


def test_behind_https_the_cookie_is_for_https(url):
    _, headers, _ = signed_in(url, **{"X-Forwarded-Proto": "https", "Host": "films.example.org"})
    assert headers["set-cookie"].startswith("__Host-") and "; Secure" in headers["set-cookie"]
    assert headers["strict-transport-security"]


def test_a_wrong_token_is_told_on_the_page_and_counted(toy_model):
    with running(toy_model, service=ToyService(), token=TOKEN, wrong_token_seconds=0) as (
        url,
        site,
    ):
        status, headers, body = signed_in(url, "wrong")
        assert status == 401 and b"not the token" in body and "set-cookie" not in headers
        assert site.metrics.refusals["token_wrong"] == 1
        assert signed_in(url)[0] == 303  # nobody is locked out


def test_a_wrong_token_waits_for_its_answer_and_a_right_one_does_not(toy_model, monkeypatch):
    slept = []
    real = asyncio.sleep

    async def sleep(seconds):
        slept.append(seconds)
        await real(min(seconds, 0.1))

    with served(toy_model, service=ToyService(), token=TOKEN, wrong_token_seconds=7) as url:
        monkeypatch.setattr("cxr_fastai.app.sign_in.asyncio.sleep", sleep)
        signed_in(url)
        ask(url, "GET", "/", headers={"Authorization": f"Bearer {TOKEN}"})
        assert 7 not in slept
        signed_in(url, "wrong")
        ask(url, "GET", "/", headers={"Authorization": "Bearer wrong"})
        assert slept.count(7) == 2
        monkeypatch.undo()


@pytest.mark.parametrize(
    "body,headers,status,code",
    [
        ("token=" + "a" * 5000, FORM, 413, "form_large"),
        (f"token={TOKEN}", {"Content-Type": "text/plain"}, 415, "form_wrong"),
        ("&".join(f"a{i}=1" for i in range(20)), FORM, 400, "form_broken"),
        (f"token={TOKEN}", {**FORM, "Origin": "http://evil.example"}, 403, "other_site"),
    ],
)
def test_another_form_than_that_of_the_page_is_refused(url, body, headers, status, code):
    got, _, answer = ask(url, "POST", "/sign-in", body, headers)
    assert (got, json.loads(answer)["error"]["code"]) == (status, code)


def test_where_no_token_is_asked_for_signing_in_leads_to_the_page(toy_model):
    with served(toy_model, service=ToyService()) as url:
        status, headers, _ = signed_in(url)
        assert status == 303 and headers["location"] == "/" and "set-cookie" not in headers
        assert ask(url, "GET", "/")[0] == 200
