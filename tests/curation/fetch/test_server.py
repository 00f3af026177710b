"""pytest tests/curation/fetch/test_server.py

Questions before a download: which are asked again, and what their failures are called."""

import pytest
import requests
from loopback import file, page, serve, status
from toy_sources import remote

from cxr_fastai.curation.fetch import server
from cxr_fastai.curation.fetch.plan import Check, Refused
from cxr_fastai.curation.fetch.server import (
    ask_with_retries,
    refusals_in_words,
    request_url,
    size_at,
)

SOURCE = remote("http", "set", url="https://example.org/set")
GONE = {404: Check("moved", "the file is gone", "Look for it.")}


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")


def failing(*errors):
    "A question that fails so often, and then has its answer; and how often it was asked."
    left = list(errors)
    asked = []

    def ask():
        asked.append(1)
        if left:
            raise left.pop(0)
        return "answer"

    return ask, asked


def answered(code, **headers):
    answer = requests.Response()
    answer.status_code = code
    answer.headers.update({k.replace("_", "-"): v for k, v in headers.items()})
    return requests.HTTPError(response=answer)


@pytest.mark.parametrize(
    "errors",
    [
        [answered(503)] * 3,
        [answered(429, Retry_After="0"), requests.ConnectionError(), requests.Timeout()][:2],
        [requests.Timeout()],
    ],
)
def test_what_may_pass_is_asked_again(errors):
    ask, asked = failing(*errors)
    assert ask_with_retries(ask) == "answer" and len(asked) == len(errors) + 1


@pytest.mark.parametrize(
    "errors,times",
    [
        ([answered(404)], 1),
        ([answered(429, X_RateLimit_Remaining="0")], 1),
        ([answered(503, Retry_After="21")], 1),
        ([requests.Timeout(), requests.Timeout()], 2),
        ([answered(503)] * 9, server.TRIES),
    ],
)
def test_what_will_not_pass_is_not(errors, times):
    ask, asked = failing(*errors)
    with pytest.raises(requests.RequestException):
        ask_with_retries(ask)
    assert len(asked) == times


def test_a_wait_that_the_server_asks_for_is_waited(monkeypatch):
    waits = []
    monkeypatch.setattr(server.time, "sleep", waits.append)
    ask, _ = failing(answered(503, Retry_After="7"), answered(503))
    assert ask_with_retries(ask) == "answer"
    assert waits[0] == 7 and waits[1] < 0.1  # PAUSE is short here


@pytest.mark.parametrize(
    "error,state,words",
    [
        (answered(404), "moved", "the file is gone"),
        (answered(410), "moved", "the file is gone"),
        (answered(418), "unreachable", "Web answers 418"),
        (answered(429, Retry_After="99"), "unreachable", "asks to wait 99 s"),
        (requests.Timeout("t0ken"), "unreachable", "does not answer in time"),
        (requests.exceptions.ConnectTimeout("t0ken"), "unreachable", "does not answer in time"),
        (requests.exceptions.ProxyError("t0ken"), "unreachable", "a proxy that refuses"),
        (requests.exceptions.SSLError("t0ken"), "unreachable", "TLS certificate"),
        (requests.ConnectionError("t0ken"), "unreachable", "cannot be reached"),
        (requests.TooManyRedirects("t0ken"), "unreachable", "makes no sense"),
        (KeyError("t0ken"), "unreachable", "makes no sense"),
    ],
)
def test_every_failure_has_its_words_and_none_of_the_exceptions(error, state, words):
    with pytest.raises(Refused) as e, refusals_in_words(SOURCE, "Web", GONE):
        raise error
    assert e.value.check.state == state and words in e.value.check.message
    assert "t0ken" not in str(e.value) and e.value.__suppress_context__


def test_a_size_is_asked_for_without_reading_the_file():
    with serve({"/a.zip": b"x" * 999}) as web:
        assert size_at(SOURCE, f"{web.url}/a.zip", "Web", GONE) == 999
        assert [s.method for s in web.log] == ["HEAD"]


def test_where_head_is_refused_one_byte_tells_the_size_of_the_whole():
    with serve({"/a.zip": [status(405), file(b"x" * 999)]}) as web:

        def one_byte(call):
            call.answer(206, b"x", {"Content-Range": "bytes 0-0/999"})

        web.routes["/a.zip"] = [status(405), one_byte]
        assert size_at(SOURCE, f"{web.url}/a.zip", "Web", GONE) == 999
        assert web.log[1].headers["Range"] == "bytes=0-0"


def test_a_web_page_is_no_file():
    with serve({"/a.zip": page()}) as web, pytest.raises(Refused, match="a web page in place"):
        size_at(SOURCE, f"{web.url}/a.zip", "Web", GONE)


def test_a_request_says_who_asks_and_leaves_the_body_unread():
    with serve({"/a.zip": b"x" * 9}) as web:
        with request_url("GET", f"{web.url}/a.zip", {"Accept": "y"}) as answer:
            assert answer.raw.tell() == 0
        asked = web.log[0].headers
        assert asked["User-Agent"] == "cxr_fastai" and asked["Accept"] == "y"
        with pytest.raises(requests.HTTPError):
            request_url("GET", f"{web.url}/none")
