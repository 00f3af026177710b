"""Every request from its first header to the end of its answer, against the real server.

python -m pytest tests/app/test_http.py
"""

import asyncio
import json
import logging
import threading

import pytest
from raw_http import talk
from toy_app import ask, form, running, served, wait_until
from toy_service import ToyService

from cxr_fastai.app.http import Front, _read
from cxr_fastai.app.limits import MB, Limits
from cxr_fastai.app.security_headers import SECURITY_HEADERS
from cxr_fastai.app.site import Site

FILM = form(("study/SECRET name.png", b"SECRET bytes"))
HOST = b"Host: localhost\r\n"


@pytest.fixture(scope="module")
def url(toy_model):
    with served(toy_model, service=ToyService(), max_mb=1, max_files=3) as url:
        yield url


def code_of(answer):
    return json.loads(answer[2])["error"]["code"]


def raw(url, head, body=b"", **how):
    "The first answer to a request that is written by hand."
    return talk(url, head + b"\r\n\r\n" + body, **how).answers[0]


# ---- what is refused, and when


@pytest.mark.parametrize(
    "method,path,headers,status,code",
    [
        ("GET", "/nothing", {}, 404, "not_found"),
        ("GET", "/static/nothing.js", {}, 404, "not_found"),
        ("GET", "/static/", {}, 404, "not_found"),
        ("GET", "/static/../api.py", {}, 404, "not_found"),
        ("GET", "/static/%2e%2e%2fapi.py", {}, 404, "not_found"),
        ("GET", "//", {}, 404, "not_found"),
        ("GET", "/predict", {}, 405, "method_wrong"),
        ("DELETE", "/", {}, 405, "method_wrong"),
        ("OPTIONS", "/predict", {}, 405, "method_wrong"),
        ("GET", "/?" + "a" * 3000, {}, 414, "address_long"),
        ("GET", "/health?x=1", {}, 400, "query_wrong"),
        ("GET", "/health?&=&", {}, 400, "query_wrong"),
        ("POST", "/look?right=1&right=0", FILM[1], 400, "query_wrong"),
        ("GET", "/health", {"Content-Length": "3"}, 400, "body_unwanted"),
        ("GET", "/health", {"Host": "evil.example"}, 421, "host_wrong"),
        ("POST", "/predict", {**FILM[1], "Origin": "http://evil.example"}, 403, "other_site"),
        ("POST", "/predict", {**FILM[1], "Sec-Fetch-Site": "cross-site"}, 403, "other_site"),
        ("POST", "/predict", {"Content-Type": "text/plain"}, 415, "type_wrong"),
        ("POST", "/predict", {**FILM[1], "Content-Encoding": "gzip"}, 415, "encoding_wrong"),
    ],
)
def test_what_is_refused_is_told_in_json(url, method, path, headers, status, code):
    body = b"abc" if method == "POST" or "Content-Length" in headers else None
    answer = ask(url, method, path, body, headers)
    assert (answer[0], code_of(answer)) == (status, code)
    if status == 405:
        assert answer[1]["allow"] in ("POST", "GET, HEAD")


def test_a_body_that_is_too_large_is_refused_before_it_is_sent(url):
    head = b"POST /predict HTTP/1.1\r\n" + HOST + b"Content-Type: image/png\r\nContent-Length: %d"
    answer = raw(url, head % (MB + 1), expects=1)  # not a byte of the body follows
    assert (answer.status, answer.json()["error"]["code"]) == (413, "body_large")
    assert answer.headers["connection"] == "close" and "1 MB" in answer.json()["error"]["says"]
    assert raw(url, head % 10**18).status == 413


def test_who_waits_for_100_is_refused_without_it(url):
    head = b"POST /predict HTTP/1.1\r\n" + HOST
    head += b"Content-Type: image/png\r\nExpect: 100-continue\r\nContent-Length: 9999999999"
    assert raw(url, head).status == 413


@pytest.mark.parametrize("how", [b"", b"\r\nTransfer-Encoding: chunked"])
def test_a_body_without_length_is_411(url, how):
    answer = raw(url, b"POST /predict HTTP/1.1\r\n" + HOST + b"Content-Type: image/png" + how)
    assert (answer.status, answer.json()["error"]["code"]) == (411, "length_missing")


def test_a_body_that_ends_too_soon_is_told_so(url):
    head = b"POST /predict HTTP/1.1\r\n" + HOST + b"Content-Type: image/png\r\nContent-Length: 10"
    answer = raw(url, head, b"abc", half_close=True)
    assert (answer.status, answer.json()["error"]["code"]) == (400, "body_short")


def test_more_than_the_length_is_another_request(url):
    body, headers = FILM
    head = (
        b"POST /predict HTTP/1.1\r\n" + HOST + b"Content-Type: " + headers["Content-Type"].encode()
    )
    head += b"\r\nContent-Length: %d\r\n\r\n" % len(body)
    got = talk(url, head + body + b"GET /health HTTP/1.1\r\n" + HOST + b"\r\n", expects=2)
    assert [answer.status for answer in got.answers] == [200, 200]
    assert talk(url, head + body + b"garbage\r\n\r\n", expects=2).answers[1].status == 400


def test_too_many_films_are_413(url):
    answer = ask(url, "POST", "/predict", *form(*[(f"{i}", b"1") for i in range(4)]))
    assert (answer[0], code_of(answer)) == (413, "files_many")


# ---- what is answered


def test_films_are_answered_in_order_with_their_names(url):
    status, headers, body = ask(url, "POST", "/predict", *form(("b/1.png", b"1"), ("a.png", b"2")))
    assert status == 200 and [row["path"] for row in json.loads(body)] == ["b/1.png", "a.png"]
    assert headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    "method,path,body",
    [
        ("GET", "/", None),
        ("GET", "/nothing", None),
        ("POST", "/predict", b"x"),
        ("GET", "/static/style.css", None),
    ],
)
def test_every_answer_has_the_security_headers_and_names_no_program(url, method, path, body):
    _, headers, _ = ask(url, method, path, body)
    assert {name: headers[name] for name in SECURITY_HEADERS} == SECURITY_HEADERS
    assert not {"server", "date", "x-powered-by", "set-cookie"} & set(headers)


def test_head_is_get_without_its_body(url):
    status, headers, body = ask(url, "HEAD", "/")
    assert (status, body) == (200, b"") and int(headers["content-length"]) > 1000


def test_a_connection_is_kept_for_the_next_request(url):
    one = b"GET /health HTTP/1.1\r\n" + HOST + b"\r\n"
    got = talk(url, one, 0.01, one, 0.01, one.replace(b"/health", b"/no"), 0.01, one, expects=4)
    assert [answer.status for answer in got.answers] == [200, 200, 404, 200] and not got.closed


def test_a_browser_is_refused_by_a_page(url):
    _, headers, body = ask(url, "GET", "/nothing", headers={"Accept": "text/html"})
    assert headers["content-type"].startswith("text/html") and b"nothing at this address" in body


# ---- time, places, mistakes


def test_a_slow_body_is_408_and_one_that_trickles_too(toy_model):
    service = ToyService()
    head = (
        b"POST /predict HTTP/1.1\r\n"
        + HOST
        + b"Content-Type: image/png\r\nContent-Length: 100000\r\n\r\n"
    )
    with served(toy_model, service=service, body_seconds=0.3) as url:
        stalled = talk(url, head, b"x").answers[0]
        trickles = talk(
            url, head, *[piece for _ in range(20) for piece in (b"x" * 100, 0.05)]
        ).answers[0]
    assert [answer.json()["error"]["code"] for answer in (stalled, trickles)] == ["body_slow"] * 2
    assert stalled.status == 408 and stalled.headers["connection"] == "close" and service.asked == 0


def test_a_body_that_never_stops_trickling_is_cut_off_while_it_trickles():
    taken = []

    async def receive():
        await asyncio.sleep(0.01)
        taken.append(1)
        return {"type": "http.request", "body": b"x", "more_body": len(taken) < 300}

    limits = Limits(body_seconds=0.2, slowest_mb=0.001)  # 100 s for the whole body, had it come
    with pytest.raises(asyncio.TimeoutError):
        asyncio.run(_read(receive, 100_000, limits))
    assert 1 <= len(taken) < 300


@pytest.mark.parametrize(
    "own,host,status",
    [
        ("10.0.0.5", "10.0.0.5:8000", 200),
        ("::ffff:10.0.0.5", "10.0.0.5:8000", 200),  # of a socket for both kinds of address
        ("10.0.0.5", "10.0.0.6:8000", 421),
    ],
)
def test_a_server_is_asked_by_the_address_of_the_connection(toy_model, own, host, status):
    sent = []

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http",
        "method": "GET",
        "path": "/health",
        "raw_path": b"/health",
        "query_string": b"",
        "root_path": "",
        "scheme": "http",
        "server": (own, 8000),
        "client": ("::ffff:10.0.0.9", 1),
        "headers": [(b"host", host.encode())],
    }
    asyncio.run(Front(Site(toy_model, ToyService()))(scope, None, send))
    assert sent[0]["status"] == status


def test_an_answer_that_takes_too_long_is_given_up(toy_model):
    service = ToyService(held=True)
    with served(toy_model, service=service, answer_seconds=0.2) as url:
        answer = ask(url, "POST", "/predict", *FILM)
        assert (answer[0], code_of(answer), answer[1]["retry-after"]) == (503, "late", "5")
        wait_until(lambda: service.cancelled == 1)
        service.may_go.set()
        assert ask(url, "POST", "/predict", *FILM)[0] == 200


def in_background(url, n):
    "n requests that wait; what they are answered."
    answers = []
    threads = [
        threading.Thread(target=lambda: answers.append(ask(url, "POST", "/predict", *FILM)))
        for _ in range(n)
    ]
    for thread in threads:
        thread.start()
    return threads, answers


def test_a_full_house_is_503_at_once_and_those_who_wait_are_answered(toy_model):
    service = ToyService(held=True)
    with running(toy_model, service=service, at_once=1, waiting=1) as (url, site):
        threads, answers = in_background(url, 2)
        wait_until(lambda: site.turns.inside == 2)
        answer = ask(url, "POST", "/predict", *FILM)
        assert (answer[0], code_of(answer)) == (503, "busy") and answer[1]["retry-after"] == "2"
        assert ask(url, "GET", "/health")[0] == 200 and service.asked == 1
        service.may_go.set()
        for thread in threads:
            thread.join()
        assert [a[0] for a in answers] == [200, 200]
        wait_until(lambda: (site.turns.inside, site.turns.bytes) == (0, 0))


def test_who_goes_away_frees_the_place(toy_model, caplog):
    service = ToyService(held=True)
    body, headers = FILM
    head = (
        b"POST /predict HTTP/1.1\r\n" + HOST + b"Content-Type: " + headers["Content-Type"].encode()
    )
    head += b"\r\nContent-Length: %d\r\n\r\n" % len(body)
    with running(toy_model, service=service, at_once=1, waiting=0) as (url, site):
        with caplog.at_level(logging.INFO, "cxr_fastai.app"):
            talk(url, head + body, wait=0.2)
            wait_until(lambda: site.turns.inside == 0)
        assert service.cancelled == 1 and "POST /predict 499" in caplog.text


def test_a_client_comes_only_so_often(toy_model):
    with served(toy_model, service=ToyService(), per_minute=2) as url:
        statuses = [ask(url, "POST", "/predict", *FILM)[0] for _ in range(3)]
        answer = ask(url, "POST", "/predict", *FILM)
        assert statuses == [200, 200, 429] and 1 <= int(answer[1]["retry-after"]) <= 61
        assert ask(url, "GET", "/")[0] == 200  # the page is no film


def test_a_mistake_costs_one_request_and_its_words_go_nowhere(toy_model, caplog):
    service = ToyService(fails=ValueError("SECRET of a film"))
    with served(toy_model, service=service) as url:
        answer = ask(url, "POST", "/predict", *FILM)
        assert (answer[0], code_of(answer)) == (500, "unexpected")
        service.fails = None
        assert ask(url, "POST", "/predict", *FILM)[0] == 200
    assert "unexpected ValueError at toy_service.py" in caplog.text
    assert "SECRET" not in caplog.text and b"SECRET" not in answer[2]


def test_before_the_model_is_warm_only_health_is_well(toy_model):
    with served(toy_model, service=ToyService(starts=False), waits=False) as url:
        assert ask(url, "GET", "/health")[0] == 200
        answer = ask(url, "GET", "/ready")
        assert (answer[0], code_of(answer)) == (503, "starting")
        answer = ask(url, "POST", "/predict", *FILM)
        assert (answer[0], code_of(answer)) == (503, "starting")


# ---- nothing of a film stays


def test_no_name_no_byte_and_no_word_of_a_client_is_logged(url, caplog):
    caplog.set_level(logging.DEBUG)
    ask(url, "POST", "/predict", *FILM)
    ask(url, "POST", "/look?SECRET=SECRET", *FILM)
    ask(url, "GET", "/SECRET", headers={"Authorization": "Bearer SECRET", "Cookie": "SECRET=1"})
    ask(url, "POST", "/predict", FILM[0][:-9], FILM[1])
    talk(url, b"SECRET / HTTP/1.1\r\n" + HOST + b"\r\n")
    lines = [record.getMessage() for record in caplog.records if record.name == "cxr_fastai.app"]
    assert (
        len(lines) == 5
        and lines[0].startswith("POST /predict 200 ")
        and lines[0].endswith("1 film")
    )
    assert "SECRET" not in caplog.text


def test_nothing_is_written(toy_model, tmp_path, monkeypatch):
    for name in ("work", "tmp", "home"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr("tempfile.tempdir", None)
    before = sorted(tmp_path.rglob("*"))
    with served(toy_model, service=ToyService(), max_mb=8) as url:
        ask(url, "GET", "/")
        assert ask(url, "POST", "/predict", *form(("large.png", b"x" * 3 * MB)))[0] == 200
        during = sorted(tmp_path.rglob("*"))
    assert before == during == sorted(tmp_path.rglob("*"))
