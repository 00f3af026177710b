"""The page when something goes wrong between it and the server: no film is lost, and it says what happens.

pytest tests/app/test_trouble_in_chromium.py
"""

import json
from urllib.parse import urlsplit

import pytest
from browser import chromium, opened
from page_films import write_films
from toy_app import served

TOKEN = "a-long-enough-token-for-a-test"
ANSWERED = "document.querySelectorAll('.item').length >= %d && !document.querySelector('.item.waiting, .item.asking')"


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    return write_films(tmp_path_factory.mktemp("films"))


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


@pytest.fixture
def open_room(browser, toy_bundle):
    "The page of a server without a token."
    with served(toy_bundle) as url, opened(browser, url + "/") as seen:
        yield seen


def choose(seen, *files):
    seen.page.set_input_files("#choose", [str(file) for file in files])


def title(seen):
    return seen.page.locator("h1").inner_text()


# ---- the token


@pytest.fixture
def locked(browser, toy_bundle):
    "The page of a server that asks for a token."
    with served(toy_bundle, token=TOKEN) as url, opened(browser, url + "/") as seen:
        yield seen


def sign_in(seen, token=TOKEN):
    seen.page.get_by_label("Token").fill(token)
    seen.page.get_by_role("button", name="Sign in").click()
    seen.page.wait_for_load_state()


def test_without_the_token_there_is_nothing_but_a_way_to_sign_in(locked, films):
    assert locked.page.locator("#choose").count() == 0
    assert "toy" not in locked.page.locator("main").inner_text().lower()
    sign_in(locked, "not the token at all")
    assert locked.page.locator("#choose").count() == 0
    assert locked.page.get_by_role("alert").inner_text() != ""
    sign_in(locked)
    choose(locked, films["a_film.png"])
    locked.until(ANSWERED % 1)
    assert locked.page.locator("#said .headline").inner_text() != ""
    cookie = locked.page.context.cookies()[0]
    assert cookie["httpOnly"]
    assert cookie["sameSite"] == "Strict"
    assert TOKEN not in cookie["value"]
    locked.check_clean(statuses=(401,))


def test_where_the_session_ends_the_films_wait_for_the_token(locked, films):
    sign_in(locked)
    locked.page.context.clear_cookies()
    choose(locked, films["a_film.png"], films["d_noise.png"])
    locked.until("document.getElementById('again').open")
    assert "Your films wait here" in locked.page.locator("#again").inner_text()
    locked.page.locator("#again-token").fill("wrong and long enough to be one")
    locked.page.locator("#again-form button").click()
    locked.until("document.getElementById('again-says').textContent !== ''")
    locked.page.locator("#again-token").fill(TOKEN)
    locked.page.locator("#again-form button").click()
    locked.until(ANSWERED % 2)
    assert locked.page.locator(".item.failed").count() == 0
    assert locked.page.locator("#again").is_hidden()
    locked.check_clean(statuses=(401,))


# ---- a server that is gone, or busy


def test_films_wait_for_a_server_that_is_gone_and_are_answered_when_it_is_back(
    browser, toy_bundle, films
):
    with served(toy_bundle) as url:
        opening = opened(browser, url + "/")
        seen = opening.__enter__()
    try:
        choose(seen, films["a_film.png"], films["d_noise.png"])
        seen.until("!document.getElementById('held').hidden")
        assert "The server does not answer" in seen.page.locator("#held").inner_text()
        assert seen.page.locator("#held").get_attribute("role") == "alert"
        with served(toy_bundle, port=urlsplit(url).port):
            seen.page.get_by_role("button", name="Try now").click()
            seen.until(ANSWERED % 2)
        assert seen.page.locator(".item.failed").count() == 0
        assert seen.page.locator("#held").is_hidden()
    finally:
        opening.__exit__(None, None, None)


def test_a_busy_server_is_waited_for_as_long_as_it_says(open_room, films):
    page = open_room.page
    asked = []

    def busy_once(route):
        asked.append(route.request.url)
        if len(asked) > 1:
            route.continue_()
            return
        words = {"status": 503, "code": "busy", "says": "The server is busy.", "do": "Try again."}
        route.fulfill(
            status=503,
            headers={"Retry-After": "1"},
            content_type="application/json",
            body=json.dumps({"error": words}),
        )

    page.route("**/look", busy_once)
    choose(open_room, films["a_film.png"])
    open_room.until("!document.getElementById('held').hidden")
    assert "Trying again in 1 s" in page.locator("#held").inner_text()
    open_room.until(ANSWERED % 1)
    assert len(asked) == 2
    open_room.check_clean(statuses=(503,))


def test_a_film_whose_sending_breaks_is_given_up_alone_and_can_be_tried_again(open_room, films):
    page = open_room.page
    page.route("**/look", lambda route: route.abort())
    choose(open_room, films["a_film.png"])
    open_room.until("document.querySelector('.item.failed') !== null")
    assert "The connection broke" in page.locator("#said").inner_text()
    page.unroute("**/look")
    page.get_by_role("button", name="Try again").click()
    open_room.until(ANSWERED % 1)
    assert page.locator(".item.failed").count() == 0


def test_what_the_server_never_said_is_told_as_such(open_room, films):
    page = open_room.page
    answer = {"status": 200, "content_type": "text/html", "body": "<b>a proxy</b>"}
    page.route("**/look", lambda route: route.fulfill(**answer))
    choose(open_room, films["a_film.png"])
    open_room.until("document.querySelector('.item.failed') !== null")
    assert "in a way that this page does not know" in page.locator("#said").inner_text()
    open_room.check_clean()


def test_a_film_that_is_too_large_is_not_sent(browser, toy_bundle, tmp_path):
    big = tmp_path / "big.png"
    big.write_bytes(bytes(1_200_000))
    with served(toy_bundle, max_mb=1) as url, opened(browser, url + "/") as seen:
        sent = []
        seen.page.on("request", lambda request: sent.append(request.url))
        choose(seen, big)
        seen.until("document.querySelector('.item.failed') !== null")
        assert (
            "1.2 MB, and the server takes 1.0 MB: it was not sent."
            in seen.page.locator("#said").inner_text()
        )
        assert not [url for url in sent if "/look" in url]
        seen.check_clean()


def test_clearing_calls_off_what_was_asked(open_room, films):
    page = open_room.page
    page.route("**/look", lambda route: None)  # never answered
    choose(open_room, films["a_film.png"], films["d_noise.png"])
    open_room.until("document.querySelector('.item.asking') !== null")
    page.click("#clear-all")
    page.unroute("**/look")
    choose(open_room, films["g_other.png"])
    open_room.until(ANSWERED % 1)
    assert page.locator(".item").count() == 1
    assert page.locator("#answer-title").inner_text() == "g_other.png"


def test_without_scripts_a_form_does_the_same(browser, toy_bundle, films):
    with served(toy_bundle) as url, opened(browser, url + "/", java_script_enabled=False) as seen:
        page = seen.page
        assert "Research only, not a medical device." in page.locator("body").inner_text()
        page.set_input_files("#plain-files", [str(films["a_film.png"]), str(films["e_broken.png"])])
        page.get_by_role("button", name="Answer").click()
        page.wait_for_load_state()
        words = page.locator("main").inner_text()
        assert "a_film.png" in words
        assert "e_broken.png" in words
        assert seen.strangers == []
