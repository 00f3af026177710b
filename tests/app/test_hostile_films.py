"""pytest tests/app/test_hostile_films.py

Every hostile file that these tests know, sent to the real server in a process of its own: each is
refused for what it is, a good film beside it and after it is answered as before, and nothing of them
is written, said or kept.
"""

import json
import os
import signal
import threading
import time

import numpy as np
import pytest
from attacked import attacked, complaints, counted, decoders, send_all
from hostile_films import film, films, saved
from hostile_multiparts import FORM, body, named
from hostile_requests import Hostile, Maker, statuses
from PIL import Image
from raw_http import talk

FILM = film()
KINDS = ("images", "dicoms", "archives", "bombs", "polyglots", "bent")
BOMBS = pytest.param("bombs", marks=pytest.mark.slow)
NOT_SLOW = ("images", "dicoms", "archives", BOMBS, "polyglots", "bent")
MAY_BE_READ = ("polyglots", "bent")
RAW = b"Content-Type: application/octet-stream"
IN_A_FORM = 31  # hostile files beside a good one


@pytest.fixture(scope="module")
def server(toy_bundle, tmp_path_factory):
    with attacked(toy_bundle, tmp_path_factory.mktemp("attacked")) as server:
        yield server


@pytest.fixture(scope="module")
def make(server):
    return Maker(server.url.removeprefix("http://").encode(), FILM)


@pytest.fixture(scope="module")
def before(server, make):
    "What is said of a good film."
    (row,) = answer_to(server, make.post())
    assert row["label"] and row["probs"] and not row["error"]
    return row


def answer_to(server, data):
    got = talk(server.url, data)
    assert got.status == 200, got
    return got.answers[0].json()


def check_unharmed(server, make, before):
    assert answer_to(server, make.post()) == [before]
    assert server.is_alive() and server.files() == {}
    assert "Traceback" not in server.said() and "unexpected" not in server.said()


def check_unread(row):
    "A row that says why there is no answer, and nothing of what is in the file."
    assert row["error"] and row["error"].isprintable() and "SECRET" not in row["error"]
    assert row["label"] is None and row["probs"] == {} and row["risk"] is None


def sent_to(server, make, path, kind):
    "(requests, talks) of all files of a kind, each by itself."
    may = statuses(400, 415, 422) | (statuses(200) if kind in MAY_BE_READ else statuses())
    requests = []
    for what, data in films()[kind]:
        requests.append(Hostile(kind, what, make.post(RAW, body=data, path=path), may))
    return requests, send_all(server.url, requests)


@pytest.mark.parametrize("kind", KINDS)
def test_each_is_refused_with_the_reason(server, make, before, kind):
    requests, talks = sent_to(server, make, b"/predict", kind)
    wrong = {}
    for request, got in zip(requests, talks):
        if complaints(request, got):
            wrong[request.what] = complaints(request, got)
        told = got.answers[0].json()
        if got.status in (415, 422):
            check_unread(told["rows"][0])
    assert not wrong
    assert counted(requests, talks)[kind].total() == len(films()[kind])
    check_unharmed(server, make, before)


@pytest.mark.parametrize("kind", NOT_SLOW)
def test_a_good_film_in_their_midst_is_answered(server, make, before, kind):
    files = films()[kind]
    for start in range(0, len(files), IN_A_FORM):
        some = files[start : start + IN_A_FORM]
        parts = [named(b"%d.png" % n, data) for n, (_, data) in enumerate(some)]
        parts.insert(len(parts) // 2, named(b"film.png", FILM))
        rows = answer_to(server, make.post(b"Content-Type: " + FORM, body=body(*parts)))
        assert len(rows) == len(some) + 1
        assert rows[len(some) // 2] == before
        for number, row in enumerate(rows):
            if number != len(some) // 2 and kind not in MAY_BE_READ:
                check_unread(row)


@pytest.mark.parametrize("path", [b"/look", b"/heat"])
@pytest.mark.parametrize("kind", ["archives", BOMBS, "polyglots"])
def test_the_page_shows_none_of_them(server, make, before, path, kind):
    requests, talks = sent_to(server, make, path, kind)
    for request, got in zip(requests, talks):
        told = got.answers[0].json()
        assert got.status in request.may, request.what
        if path == b"/look" and got.status in (415, 422):
            check_unread(told["row"])
            assert told["film"] == "" and told["classes"] == []
        text = json.dumps(told)
        assert "<script" not in text and "root:" not in text
    check_unharmed(server, make, before)


@pytest.mark.slow
def test_memory_is_bounded_by_what_the_decoders_may_hold(server, make, before):
    held = server.memory_mb()
    for _ in range(2):
        sent_to(server, make, b"/predict", "bombs")
        sent_to(server, make, b"/predict", "archives")
    assert server.memory_mb() < held + 100, "a bomb takes 30 to 250 MB once it is open"
    assert len(decoders(server)) == 2


# ---- decoders that die


def kill_decoders_until(server, is_done):
    "Have them die as of a bug in a C library, again and again."
    while not is_done():
        for pid in decoders(server):
            try:
                os.kill(pid, signal.SIGSEGV)
            except ProcessLookupError:
                continue
        time.sleep(0.05)


def test_a_decoder_that_dies_costs_its_film_and_no_other(server, make, before):
    levels = np.random.default_rng(0).integers(0, 255, (3_500, 3_500), np.uint8)
    slow = saved(Image.fromarray(levels), "PNG")  # 0.3 s to decode
    told = []

    def send():
        told.append(talk(server.url, make.post(RAW, body=slow)))

    thread = threading.Thread(target=send)
    thread.start()
    kill_decoders_until(server, lambda: bool(told))
    thread.join()
    assert told[0].status == 422, told
    row = told[0].answers[0].json()["rows"][0]
    assert row["error"].endswith("the process that decoded it ended: SIGSEGV")
    check_unharmed(server, make, before)


def test_what_is_sent_while_decoders_die_is_answered_or_refused(server, make, before):
    talks = []

    def send():
        for _ in range(5):
            talks.append(talk(server.url, make.post()))

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    kill_decoders_until(server, lambda: len(talks) == 20)
    for thread in threads:
        thread.join()
    assert {got.status for got in talks} <= {200, 422}
    for got in talks:
        told = got.answers[0].json()
        if got.status == 200:
            assert told == [before]
        else:
            check_unread(told["rows"][0])
    check_unharmed(server, make, before)
