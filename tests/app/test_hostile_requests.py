"""pytest tests/app/test_hostile_requests.py

Some 900 requests that no browser sends, to the real server in a process of its own: each is answered
or refused in plain words, once; none is a 500, a traceback or a file; a good film is answered after.
"""

import gc
import os
import re
import socket
from pathlib import Path

import hostile_paths
import hostile_requests
import pytest
from attacked import attacked, complaints, counted, hostile, send_all
from hostile_films import film
from hostile_multiparts import sound
from hostile_requests import Maker
from raw_http import HOST, port_of, talk
from toy_app import served

FILM = film()
SECONDS = {"header_seconds": 1, "body_seconds": 1, "keep_alive_seconds": 2, "linger_seconds": 1}
SECTIONS = {
    **hostile_requests.SECTIONS,
    **hostile_paths.SECTIONS,
    "multipart": hostile_requests.uploads,
    "bent": hostile_requests.bent,
}
TOKEN = "a-token-of-the-test-that-is-long"


def answer_to_a_good_film(url, *headers: bytes):
    make = Maker(url.removeprefix("http://").encode(), FILM)
    (answer,) = talk(url, make.post(*headers)).answers
    assert answer.status == 200, answer
    return answer.body


@pytest.fixture(scope="module")
def server(toy_bundle, tmp_path_factory):
    with attacked(toy_bundle, tmp_path_factory.mktemp("attacked"), **SECONDS) as server:
        yield server


@pytest.fixture(scope="module")
def closed(toy_bundle, tmp_path_factory):
    "A server that asks for a token."
    folder = tmp_path_factory.mktemp("closed")
    (folder / "token").write_text(TOKEN)
    (folder / "token").chmod(0o600)
    with attacked(toy_bundle, folder, "--token-file", str(folder / "token"), **SECONDS) as server:
        yield server


@pytest.fixture(scope="module")
def before(server):
    return answer_to_a_good_film(server.url)


def wrongs(server, section, may_also=()):
    "Send a section; (what is wrong with the answers, how often each status, the answers)."
    requests = hostile(server.url, FILM, {section: SECTIONS[section]})
    talks = send_all(server.url, requests)
    found = {}
    for request, got in zip(requests, talks):
        wrong = complaints(request, got)
        if got.status in may_also:
            wrong = [each for each in wrong if not each.startswith("answered")]
        if wrong:
            found[request.what] = wrong
    answers = [answer for got in talks for answer in got.answers]
    return found, counted(requests, talks), answers


def check_unharmed(server):
    assert server.is_alive()
    assert "Traceback" not in server.said() and "unexpected" not in server.said()
    assert server.files() == {}, "it wrote a file"


@pytest.mark.parametrize("section", SECTIONS)
def test_each_is_answered_or_refused_once_and_in_plain_words(server, before, section):
    found, counts, _ = wrongs(server, section)
    assert not found
    assert sum(counts[section].values()) > 20 and counts[section][500] == 0
    assert answer_to_a_good_film(server.url) == before
    check_unharmed(server)


@pytest.mark.parametrize("section", SECTIONS)
def test_none_gets_past_a_token(closed, section):
    found, _, answers = wrongs(closed, section, may_also={401, 429})
    assert not found
    told = {answer.body for answer in answers if answer.status == 200}
    assert told <= {b'{"status": "alive"}', b""}, "health alone is open"
    check_unharmed(closed)


def test_who_has_the_token_is_answered_after_all_that(closed):
    assert answer_to_a_good_film(closed.url, b"Authorization: Bearer " + TOKEN.encode())


# When, what was asked for (an address of the server's own list), the status, how long, how many films.
LINE = re.compile(
    r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ [A-Za-z]+ (/[a-zN.-]*(/NAME)?|/static/\{name\}|other)"
    r" \d{3} [\d,.]+ m?s(, \d+ films?)?"
)


def test_nothing_of_a_request_is_said(server):
    said = server.said()
    for secret in ("etc/passwd", "evil", "alert(1)", "a.png", "film.png", "Bearer", "boundary"):
        assert secret not in said, secret
    lines = said.splitlines()
    begun = next(n for n, line in enumerate(lines) if "answers at http" in line)
    odd = [line for line in lines[begun + 1 :] if not LINE.fullmatch(line)]
    assert not odd
    assert len(lines) > 500


# ---- connections


def test_two_good_requests_in_one_segment_get_two_answers_in_order(server):
    make = Maker(server.url.removeprefix("http://").encode(), FILM)
    got = talk(server.url, make.get(b"/health") + make.get(b"/none"), expects=2)
    assert [answer.status for answer in got.answers] == [200, 404]


def test_two_hundred_requests_in_one_segment_are_answered(server):
    make = Maker(server.url.removeprefix("http://").encode(), FILM)
    got = talk(server.url, make.get(b"/health") * 200, expects=200)
    assert [answer.status for answer in got.answers] == [200] * 200


def test_a_client_that_takes_no_answer_is_left(toy_bundle):
    with served(toy_bundle, write_seconds=0.5) as url:
        make = Maker(url.removeprefix("http://").encode(), FILM)
        many = make.get(b"/static/style.css") * 2_000
        got = talk(url, many, 2.0, expects=2_000)
        assert got.closed and len(got.answers) < 2_000
        assert answer_to_a_good_film(url)


def test_more_connections_than_there_may_be_are_told_so(toy_bundle):
    with served(toy_bundle, connections=12) as url:
        wires = [socket.create_connection((HOST, port_of(url))) for _ in range(12)]
        make = Maker(url.removeprefix("http://").encode(), FILM)
        got = talk(url, make.get())
        assert got.status == 503 and got.answers[0].json()["error"]["code"] == "connections"
        assert int(got.answers[0].headers["retry-after"]) > 0
        for wire in wires:
            wire.close()
        assert answer_to_a_good_film(url)


def test_a_film_in_pieces_of_any_size_is_answered(server, before):
    make = Maker(server.url.removeprefix("http://").encode(), FILM)
    data = make.post()
    for step in (1_000, 4_001):
        pieces = [data[at : at + step] for at in range(0, len(data), step)]
        assert talk(server.url, *pieces).answers[0].body == before


SLOW = {
    "a head that stops": ([b"GET / HTTP/1.1\r\nHost: x", 3], {408}),
    "a head a byte at a time": ([piece for byte in b"GET / HTTP/1.1" * 2 for piece in (bytes([byte]), 0.1)], {408}),
    "a header a second": ([b"GET / HTTP/1.1\r\n", *[piece for n in range(4) for piece in (b"X-%d: y\r\n" % n, 0.8)]], {408}),
    "nothing": ([2], {0}),
    "empty lines": ([b"\r\n" * 4, 2], {0, 400, 408}),
}  # fmt: skip


@pytest.mark.parametrize("pieces, may", SLOW.values(), ids=SLOW)
def test_a_slow_head_is_given_its_time_and_no_more(server, pieces, may):
    assert talk(server.url, *pieces, wait=10).status in may
    check_unharmed(server)


def test_a_slow_body_is_given_its_time_and_no_more(server, before):
    make = Maker(server.url.removeprefix("http://").encode(), FILM)
    data = make.post()
    head, body = data.split(b"\r\n\r\n", 1)
    slowly = [piece for at in range(30) for piece in (body[at : at + 1], 0.1)]
    got = talk(server.url, head + b"\r\n\r\n", *slowly, wait=10)
    assert got.status == 408 and got.closed
    assert got.answers[0].json()["error"]["code"] == "body_slow"
    assert answer_to_a_good_film(server.url) == before


HALF = {
    "in a head": (40, {0, 400}),
    "before a body": (-len(sound(FILM)[1]), {400}),
    "in a body": (-300, {400}),
    "a byte before the end": (-1, {400}),
}


@pytest.mark.parametrize("at, may", HALF.values(), ids=HALF)
def test_a_client_that_ends_its_side_early_is_told(server, before, at, may):
    make = Maker(server.url.removeprefix("http://").encode(), FILM)
    got = talk(server.url, make.post()[:at], half_close=True)
    assert got.status in may and got.closed
    assert answer_to_a_good_film(server.url) == before


def test_clients_that_go_away_cost_nothing(server, before):
    make = Maker(server.url.removeprefix("http://").encode(), FILM)
    data = make.post()
    for at in range(1, len(data), 97):
        got = talk(server.url, data[:at], wait=0.001, quiet=0.001)
        assert not got.answers or got.status in (200, 400)
    assert answer_to_a_good_film(server.url) == before
    check_unharmed(server)


RAW = b"Content-Type: application/octet-stream"
LARGE = {
    "a form that is none": ((), bytes(30_000_000)),
    "a file that is none": ((RAW,), bytes(30_000_000)),
    "a film cut short": ((RAW,), FILM[:2_000] + bytes(30_000_000)),
    "a film and noise": ((RAW,), FILM + bytes(30_000_000)),
    "a form with such a film": ((), sound(FILM + bytes(30_000_000))[1]),
}


@pytest.fixture(scope="module")
def here(toy_bundle):
    "A server in this process, whose garbage collector can be stopped."
    with served(toy_bundle) as url:
        yield url


def resident_mb():
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


@pytest.mark.parametrize("headers, body", LARGE.values(), ids=LARGE)
def test_what_was_answered_or_refused_is_let_go_at_once(here, headers, body):
    make = Maker(here.removeprefix("http://").encode(), FILM)
    large = make.post(*headers, body=body)
    gc.collect()
    gc.disable()  # what only it finds would stay for hundreds of requests
    try:
        for _ in range(3):
            talk(here, large)
        held = resident_mb()
        for _ in range(5):
            assert talk(here, large).status in (200, 400, 415, 422)
        assert resident_mb() < held + 40, "30 MB a request would be 150"
    finally:
        gc.enable()
