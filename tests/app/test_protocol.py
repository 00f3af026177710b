"""One connection: headers that dribble, answers nobody takes, too many at once, bytes that are no HTTP.

python -m pytest tests/app/test_protocol.py
"""

import contextlib
import json
import logging
import socket
import time

import pytest
from raw_http import HOST, port_of, talk
from toy_app import ask, form, running, served, wait_until
from toy_service import ToyService

from cxr_fastai.app.security_headers import SECURITY_HEADERS

GET = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.fixture(scope="module")
def url(toy_model):
    with served(toy_model, service=ToyService(), max_mb=1) as url:
        yield url


def refusal_of(talked):
    answer = talked.answers[0]
    return answer.status, answer.json()["error"]["code"], talked.closed


@pytest.mark.parametrize(
    "data,status,code",
    [
        (b"hello\r\n\r\n", 400, "not_http"),
        (b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", 400, "not_http"),  # a browser that speaks https
        (b"GET / HTTP/1.1\r\n\r\n", 400, "not_http"),  # no Host
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400, "not_http"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nA: " + b"b" * 20000 + b"\r\n\r\n", 431, "headers_large"),
        (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"A: b\r\n" * 4000, 431, "headers_large"),
        (
            b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n",
            400,
            "not_http",
        ),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -3\r\n\r\n", 400, "not_http"),
    ],
)
def test_what_is_no_http_is_told_so_and_ended(url, data, status, code):
    talked = talk(url, data)
    assert refusal_of(talked) == (status, code, True)
    headers = talked.answers[0].headers
    assert {name: headers[name] for name in SECURITY_HEADERS} == SECURITY_HEADERS
    assert headers["content-type"] == "application/json" and "server" not in headers


def test_headers_that_dribble_are_408_on_the_first_request_and_on_the_next(toy_model):
    with served(toy_model, service=ToyService(), header_seconds=0.3) as url:
        slow = [piece for byte in GET[:12] for piece in (bytes([byte]), 0.05)]
        assert refusal_of(talk(url, *slow)) == (408, "headers_slow", True)
        talked = talk(url, GET, 0.05, *slow, expects=2)
        assert [answer.status for answer in talked.answers] == [200, 408]


def test_a_connection_without_a_word_is_ended_without_one(toy_model):
    with served(toy_model, service=ToyService(), header_seconds=0.2, keep_alive_seconds=1) as url:
        talked = talk(url, b"")
        assert talked.closed and talked.answers == ()
        talked = talk(url, GET, expects=2)  # and one that was answered, in its time
        assert talked.closed and [answer.status for answer in talked.answers] == [200]


def test_whole_headers_end_the_wait_for_them(toy_model):
    service = ToyService(held=True)
    body, headers = form(("a", b"1"))
    head = (
        f"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: {headers['Content-Type']}\r\n"
    )
    with served(toy_model, service=service, header_seconds=0.2) as url:
        with socket.create_connection((HOST, port_of(url))) as wire:
            wire.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
            talk(url, b"")  # ends when its own time for headers is over
            service.may_go.set()
            wire.settimeout(10)
            assert wire.recv(100).startswith(b"HTTP/1.1 200 ")


def test_too_many_connections_are_503(toy_model):
    with running(toy_model, service=ToyService(), connections=2) as (url, site):
        with contextlib.ExitStack() as held:
            for _ in range(2):
                held.enter_context(socket.create_connection((HOST, port_of(url))))
            wait_until(lambda: refused_once(url, site))
        wait_until(lambda: talk(url, GET).status == 200)
        assert site.metrics.requests["/health", "GET", 200] == 1


def refused_once(url, site):
    talked = talk(url, GET)
    return (
        bool(talked.answers) and talked.status == 503 and site.metrics.refusals["connections"] > 0
    )


def test_who_is_refused_while_sending_still_reads_why(url):
    head = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\nContent-Length: 30000000\r\n\r\n"
    with socket.create_connection((HOST, port_of(url))) as wire:
        wire.sendall(head)
        sent = 0
        with contextlib.suppress(ConnectionError):
            for _ in range(300):
                wire.sendall(b"x" * 100_000)
                sent += 100_000
        data = b""
        with contextlib.suppress(ConnectionError):
            while more := wire.recv(1 << 16):
                data += more
    assert sent == 30_000_000 and data.startswith(b"HTTP/1.1 413 ") and b"body_large" in data


def test_an_answer_that_nobody_takes_is_given_up(toy_model, monkeypatch):
    monkeypatch.setattr("cxr_fastai.app.static_files.static_bytes", lambda name: b"x" * 30_000_000)
    monkeypatch.setattr("cxr_fastai.app.page.static_bytes", lambda name: b"x" * 30_000_000)
    with running(
        toy_model,
        service=ToyService(),
        write_seconds=0.3,
        keep_alive_seconds=600,
        header_seconds=600,
    ) as (
        url,
        site,
    ):
        with socket.create_connection((HOST, port_of(url))) as wire:
            wire.sendall(GET.replace(b"/health", b"/static/style.css"))
            wait_until(lambda: site.metrics.requests["/static/{name}", "GET", 200] == 1)
            wait_until(lambda: is_reset(wire))
        assert ask(url, "GET", "/health")[0] == 200


@pytest.mark.parametrize("end", [b"", b"Connection: close\r\n"])
def test_a_slow_reader_gets_all_of_its_answer(toy_model, monkeypatch, end):
    size = 20_000_000
    monkeypatch.setattr("cxr_fastai.app.page.static_bytes", lambda name: b"x" * size)
    limits = {"write_seconds": 0.3, "linger_seconds": 0.1, "keep_alive_seconds": 1}
    with served(toy_model, service=ToyService(), **limits) as url:
        with socket.create_connection((HOST, port_of(url)), timeout=10) as wire:
            wire.sendall(GET.replace(b"/health", b"/static/style.css")[:-2] + end + b"\r\n")
            got = 0
            while got < size and (piece := wire.recv(500_000)):
                got += len(piece)
                time.sleep(0.02)  # 0.8 s or more for all of it
    assert got > size


def is_reset(wire):
    "Whether the server broke the connection, with most of the answer unread."
    try:
        wire.sendall(b"x")
    except ConnectionError:
        return True
    return False


def test_what_is_refused_on_the_wire_is_logged_and_counted(toy_model, caplog):
    with running(toy_model, service=ToyService()) as (url, site):
        with caplog.at_level(logging.INFO, "cxr_fastai.app"):
            talk(url, b"SECRET\r\n\r\n")
        assert site.metrics.refusals["not_http"] == 1
        assert site.metrics.requests["other", "other", 400] == 1
    assert "other other 400" in caplog.text and "SECRET" not in caplog.text


def test_two_requests_at_once_are_answered_one_after_the_other(url):
    talked = talk(url, GET * 3, expects=3)
    assert [json.loads(answer.body) for answer in talked.answers] == [{"status": "alive"}] * 3


def test_an_upgrade_is_not_taken(url):
    upgrade = (
        GET[:-2] + b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    assert talk(url, upgrade).status == 200
