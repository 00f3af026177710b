"""That nobody is kept out of the page: by eyes, hands, a small screen or a dark room.

pytest tests/app/test_access_in_chromium.py
"""

import accessible
import pytest
from browser import chromium, opened
from page_films import DECIDES, saved_bundle, write_films
from toy_app import served

ANSWERED = "document.querySelectorAll('.item').length >= %d && !document.querySelector('.item.waiting, .item.asking')"
HEATED = "!document.querySelector('.viewer-heat').hidden"


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    bundle = saved_bundle(tmp_path_factory.mktemp("access") / "bundle", DECIDES)
    films = write_films(tmp_path_factory.mktemp("films"))
    with served(bundle) as url, chromium() as browser:
        yield browser, url, films


@pytest.fixture(scope="module")
def locked(toy_bundle):
    "A server that asks for a token."
    with served(toy_bundle, token="a-long-enough-token-for-a-test") as url:
        yield url


def nothing(seen, films):
    "The page as it is opened."


def found(seen, films):
    "A film with its answer, its heat and all that can be unfolded."
    seen.page.set_input_files("#choose", str(films["a_film.png"]))
    seen.until(ANSWERED % 1)
    seen.page.click("#heat-button")
    seen.until(HEATED)
    seen.page.locator("#viewer canvas").first.focus()
    seen.page.keyboard.press("i")
    for summary in seen.page.locator("summary:visible").all():
        summary.click()


def refused(seen, films):
    "A film that the gate refused."
    seen.page.set_input_files("#choose", str(films["b_turned.png"]))
    seen.until(ANSWERED % 1)


def unread(seen, films):
    "A file that is no picture."
    seen.page.set_input_files("#choose", str(films["e_broken.png"]))
    seen.until(ANSWERED % 1)


def many(seen, films):
    "A worklist of all."
    seen.page.set_input_files("#choose", [str(film) for film in films.values()])
    seen.until(ANSWERED % len(films))


def keys(seen, films):
    "The list of keys."
    seen.page.click("#show-keys")


STATES = [nothing, found, refused, unread, many, keys]


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)
def test_names_contrast_and_targets_in_every_state(room, state):
    browser, url, films = room
    with opened(browser, url + "/") as seen:
        state(seen, films)
        seen.page.wait_for_timeout(120)
        assert accessible.structure(seen.page) == []
        assert accessible.small_targets(seen.page) == []
        assert accessible.contrast(seen.page) == []
        seen.page.emulate_media(color_scheme="dark")
        seen.page.wait_for_timeout(60)
        assert accessible.contrast(seen.page) == []


@pytest.mark.parametrize("path", ["/card", "/"])
def test_the_card_and_the_page_to_sign_in_too(room, locked, path):
    browser, url, _ = room
    with opened(browser, (url if path == "/card" else locked) + path) as seen:
        assert accessible.structure(seen.page) == []
        assert accessible.small_targets(seen.page) == []
        assert accessible.contrast(seen.page) == []
        seen.page.emulate_media(color_scheme="dark")
        assert accessible.contrast(seen.page) == []
        seen.page.set_viewport_size({"width": 390, "height": 800})
        assert seen.is_wide() <= 0


def test_what_a_finger_presses_is_large_on_a_phone(room):
    browser, url, films = room
    with opened(browser, url + "/", width=390, height=800, touch=True) as seen:
        many(seen, films)
        assert accessible.small_targets(seen.page, accessible.FINGER) == []
        assert accessible.contrast(seen.page) == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_focus_is_always_seen_and_goes_as_the_page_reads(room, theme):
    browser, url, films = room
    with opened(browser, url + "/", theme=theme) as seen:
        many(seen, films)
        seen.page.locator(".item.found button, .item.negative button").first.click()
        names, dark = accessible.walked(seen.page)
        assert dark == []
        order = ["skip", "choose", "save-csv", "next", "viewer-button", "heat-button"]
        places = [next(i for i, name in enumerate(names) if part in name) for part in order]
        assert places == sorted(places)


def test_letters_twice_as_large_hide_nothing(room):
    browser, url, films = room
    with opened(browser, url + "/", width=640, height=900) as seen:  # 1,280 px at 200 %
        found(seen, films)
        assert seen.is_wide() <= 0


def test_who_wants_no_motion_gets_none(room):
    browser, url, films = room
    with opened(browser, url + "/", reduced_motion="reduce") as seen:
        seen.page.set_input_files("#choose", str(films["a_film.png"]))
        moving = "document.getAnimations().filter(each => each.playState === 'running' && each.effect.getComputedTiming().duration > 10).length"
        assert seen.page.evaluate(moving) == 0
        seen.until(ANSWERED % 1)
        assert seen.page.evaluate(moving) == 0


def test_an_answer_is_told_to_who_cannot_see_it(room):
    browser, url, films = room
    with opened(browser, url + "/") as seen:
        seen.page.set_input_files("#choose", str(films["b_turned.png"]))
        seen.until(ANSWERED % 1)
        seen.until("document.getElementById('spoken').textContent.includes('looks turned')")
        assert seen.page.locator("#spoken").get_attribute("role") == "status"


@pytest.mark.parametrize("choice, page", [("light", 250), ("room", 12)])
def test_a_colour_that_was_chosen_stays(room, choice, page):
    browser, url, _ = room
    with opened(browser, url + "/", theme="light") as seen:
        seen.page.select_option("#theme", choice)
        seen.page.reload()
        shade = "parseInt(getComputedStyle(document.body).backgroundColor.match(/\\d+/)[0])"
        assert abs(seen.page.evaluate(shade) - page) <= 8
        assert seen.page.locator("#theme").input_value() == choice


def test_a_dark_room_has_no_bright_area(room):
    browser, url, films = room
    with opened(browser, url + "/", theme="dark") as seen:
        many(seen, films)
        seen.page.evaluate(
            "document.querySelectorAll('canvas, img').forEach(e => e.style.visibility = 'hidden')"
        )
        size = seen.page.viewport_size
        pixels = accessible.picture(seen.page, {"x": 0, "y": 0, **size}).mean(axis=2)
        assert pixels.mean() < 24
        assert (pixels > 150).mean() < 0.03
