"""The queue of films and what the browser keeps of them: order, patience, memory, another model behind the page.

pytest tests/app/test_queue_in_chromium.py
"""

import json
import re

import pytest
from browser import chromium, opened
from page_films import write_films
from toy_app import served

from cxr_fastai.app.static_files import static_bytes

DONE = "!document.querySelector('.item.waiting, .item.asking') && document.querySelectorAll('.item').length >= %d"
FAILED = "document.querySelector('.item.failed') !== null"
HELD = "!document.getElementById('held').hidden"
SEEN = "!document.getElementById('viewer').hidden"
NAMED = "document.getElementById('answer-title').textContent === '%s'"


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    return write_films(tmp_path_factory.mktemp("films"))


@pytest.fixture(scope="module")
def room(toy_bundle):
    with served(toy_bundle) as url, chromium() as browser:
        yield browser, url + "/"


@pytest.fixture
def seen(room):
    browser, url = room
    with opened(browser, url) as seen:
        yield seen


def give(seen, films, *names):
    "Choose films; a name that is none of them holds the first film's pixels."
    buffers = []
    for name in names:
        data = films.get(name, films["a_film.png"]).read_bytes()
        buffers.append({"name": name, "mimeType": "", "buffer": data})
    seen.page.set_input_files("#choose", buffers)


LISTEN = """() => {
  window.sent = [];
  const send = window.fetch;
  window.fetch = (address, options) => {
    if (address.startsWith("/look")) window.sent.push(options.body.get("files").name);
    return send(address, options);
  };
}"""


def asked(seen):
    "The names of the films that were sent since the page was listened to."
    return seen.page.evaluate("window.sent")


def text(seen, name):
    return seen.page.locator(f"#{name}").inner_text()


def test_a_page_made_for_another_model_shows_no_answer(seen, films):
    seen.page.evaluate("document.getElementById('work').dataset.model = 'another'")
    seen.page.evaluate(LISTEN)
    give(seen, films, "a.png", "b.png", "c.png", "d.png")
    seen.until(HELD)
    assert "another model now than this page was made for" in text(seen, "held")
    assert "Load the page anew" in text(seen, "held")
    seen.page.wait_for_timeout(300)
    assert len(asked(seen)) == 2 and seen.page.locator(".item.found, .item.negative").count() == 0
    assert text(seen, "said") == "Waiting"
    seen.check_clean()


def test_two_films_are_asked_for_at_once_and_the_chosen_one_before_the_others(seen, films):
    waiting = []
    seen.page.route("**/look", lambda route: waiting.append(route))
    seen.page.evaluate(LISTEN)
    give(seen, films, "a.png", "b.png", "c.png", "d.png", "e.png")
    seen.page.wait_for_timeout(300)
    assert asked(seen) == ["a.png", "b.png"]
    seen.page.locator(".item button").nth(4).click()
    assert "e.png" in text(seen, "answer-title") and "next" in text(seen, "said")
    assert text(seen, "place") == "5 of 5"
    waiting.pop(0).continue_()
    seen.until("document.querySelectorAll('.item.asking').length === 2")
    seen.page.wait_for_timeout(100)
    assert asked(seen) == ["a.png", "b.png", "e.png"]
    seen.page.unroute("**/look")  # lets the others through
    seen.until(DONE % 5)
    assert sorted(asked(seen)) == ["a.png", "b.png", "c.png", "d.png", "e.png"]


def test_where_the_film_stands_is_told_anew_when_others_come_before_it(seen, films):
    held = []

    def hold_first(route):
        if held:
            route.continue_()
        else:
            held.append(route)

    seen.page.route("**/look", hold_first)
    give(seen, films, "a.png", "b.png")
    assert text(seen, "place") == "1 of 2"
    seen.until("document.getElementById('place').textContent === '2 of 2'")
    assert text(seen, "said").startswith("Reading") and text(seen, "answer-title") == "a.png"
    held[0].continue_()
    seen.until(DONE % 2)


def test_a_film_that_takes_the_server_too_long_is_given_up(seen, films):
    late = {"error": {"status": 503, "code": "late", "says": "It took too long.", "do": "Wait."}}
    answer = {
        "status": 503,
        "headers": {"Retry-After": "1", "Content-Type": "application/json"},
        "body": json.dumps(late),
    }
    seen.page.route("**/look", lambda route: route.fulfill(**answer))
    seen.page.evaluate(LISTEN)
    give(seen, films, "a.png")
    seen.until(FAILED)
    assert asked(seen) == ["a.png", "a.png"] and "It took too long." in text(seen, "said")


def test_the_answer_that_is_stepped_to_is_spoken(seen, films):
    give(seen, films, "a_film.png", "e_broken.png")
    seen.until(DONE % 2)
    assert seen.page.locator(".item-name").all_inner_texts() == ["e_broken.png", "a_film.png"]
    seen.page.keyboard.press("k")
    assert text(seen, "spoken").startswith("e_broken.png, 1 of 2. Not read: ")
    seen.page.keyboard.press("j")
    assert text(seen, "spoken").startswith("a_film.png, 2 of 2. ")
    assert text(seen, "said").split("\n")[0] in text(seen, "spoken")
    assert text(seen, "progress") == "2 of 2 films done, 1 not read."
    assert text(seen, "alarm") == ""


def test_hidden_files_of_a_folder_are_left_out_and_that_is_said(seen, films):
    seen.page.evaluate(LISTEN)
    give(seen, films, ".DS_Store", "a.png", "Thumbs.db")
    seen.until(DONE % 1)
    assert asked(seen) == ["a.png"] and "2 hidden files left out" in text(seen, "alarm")


@pytest.fixture
def forgetful(room):
    "A page that keeps one picture alone."
    browser, url = room
    script = static_bytes("pictures.js").decode()
    short = re.sub(r"MOST_CHARACTERS = [^;]+;", "MOST_CHARACTERS = 1;", script)
    assert short != script
    with opened(browser, "about:blank") as seen:
        seen.host = url.split("/")[2]
        answer = {"content_type": "text/javascript", "body": short}
        seen.page.route("**/pictures.js", lambda route: route.fulfill(**answer))
        seen.page.goto(url)
        yield seen


def shown_first_again(seen, films):
    "Let the picture of one film go for that of another, and go back to it."
    give(seen, films, "a.png", "b.png")
    seen.until(DONE % 2)
    seen.page.wait_for_timeout(200)
    seen.page.evaluate(LISTEN)
    seen.page.locator(".item button", has_text="b.png").click()
    seen.until(SEEN)
    seen.page.locator(".item button", has_text="a.png").click()


def test_a_picture_that_was_let_go_is_asked_for_again(forgetful, films):
    shown_first_again(forgetful, films)
    forgetful.until(SEEN)
    assert asked(forgetful)[-1] == "a.png" and "a.png" in text(forgetful, "answer-title")
    forgetful.check_clean()


def test_a_picture_that_cannot_be_had_again_leaves_the_answer(forgetful, films):
    give(forgetful, films, "a.png", "b.png")
    forgetful.until(DONE % 2)
    current = text(forgetful, "answer-title")
    other = "b.png" if current == "a.png" else "a.png"
    forgetful.page.route("**/look", lambda route: route.abort())
    for name in (other, current):
        forgetful.page.locator(".item button", has_text=name).click()
        forgetful.page.wait_for_timeout(100)
    forgetful.until("document.getElementById('no-film').textContent.startsWith('No picture: ')")
    assert "No picture: The connection broke" in text(forgetful, "no-film")
    assert forgetful.page.locator(".item.failed").count() == 0
    assert forgetful.page.locator("#numbers table").count() == 1
