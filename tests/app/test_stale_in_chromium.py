"""What stands on the page is of the film that it names, and what is missing is said.

pytest tests/app/test_stale_in_chromium.py
"""

import pytest
from browser import chromium, opened
from page_films import write_films
from toy_app import served

ALL = "!document.querySelector('.item.waiting, .item.asking') && document.querySelectorAll('.item').length >= %d"
HELD_BACK = "window.heldBack.length > 0"
# Keeps pictures of a kind from being decoded until the test lets them go
HOLD_DECODING = """(kept) => {
  window.heldBack = [];
  const decode = Image.prototype.decode;
  Image.prototype.decode = function () {
    if (this.src !== kept) return decode.call(this);
    return new Promise(done => window.heldBack.push(() => done(decode.call(this))));
  };
}"""
LET_GO = "() => { for (const go of window.heldBack) go(); }"
BRIGHTEST = """() => {
  const canvas = document.querySelector('#viewer canvas');
  const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
  return data.reduce((most, level, i) => i % 4 === 3 ? most : Math.max(most, level), 0);
}"""
CHANGE = """([path, more]) => {
  const send = window.fetch;
  window.fetch = async (address, options) => {
    const answer = await send(address, options);
    if (!address.startsWith(path)) return answer;
    const {status, headers} = answer;
    return new Response(JSON.stringify({...await answer.json(), ...more}), {status, headers});
  };
}"""
NO_PICTURE = "data:image/png;base64,AAAA"


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


def text(seen, name):
    return " ".join(seen.page.locator(f"#{name}").inner_text().split())


def give(seen, *files):
    seen.page.set_input_files("#choose", [str(file) for file in files])


def first_of_two(seen, films):
    "Give two films and stand at the first of the worklist."
    give(seen, films["a_film.png"], films["g_other.png"])
    seen.until(ALL % 2)
    seen.page.wait_for_timeout(100)
    seen.page.locator(".item button").first.click()
    seen.page.wait_for_timeout(100)


def change(seen, path, **more):
    "Change what the server says of a film, on its way to the page."
    seen.page.evaluate(CHANGE, [path, more])


def test_the_heat_of_one_film_is_not_told_of_the_next(seen, films):
    first_of_two(seen, films)
    heats = []
    seen.page.on("response", lambda answer: "/heat" in answer.url and heats.append(answer))
    seen.page.click("#heat-button")
    seen.until("document.getElementById('heat-says').innerText.includes('heat of')")
    picture = heats[0].json()["heat"]
    seen.page.click("#heat-button")
    seen.page.evaluate(HOLD_DECODING, picture)
    seen.page.click("#heat-button")
    seen.until(HELD_BACK)
    seen.page.keyboard.press("j")
    seen.page.evaluate(LET_GO)
    seen.page.wait_for_timeout(150)
    assert text(seen, "heat-says") == ""
    assert seen.page.locator(".viewer-heat").is_hidden()
    seen.check_clean()


def test_a_heat_that_cannot_be_shown_says_so(seen, films):
    first_of_two(seen, films)
    change(seen, "/heat", heat=NO_PICTURE)
    seen.page.click("#heat-button")
    seen.until("document.getElementById('heat-says').innerText.includes('cannot be shown')")
    assert seen.page.get_attribute("#heat-button", "aria-pressed") == "false"
    assert seen.page.locator(".viewer-heat").is_hidden()
    seen.check_clean()


def test_a_film_that_cannot_be_shown_says_so_and_leaves_no_other_in_its_place(seen, films):
    give(seen, films["a_film.png"])
    seen.until(ALL % 1)
    seen.page.wait_for_timeout(100)
    change(seen, "/look", film=NO_PICTURE)
    give(seen, films["g_other.png"])
    seen.until(ALL % 2)
    seen.page.locator(".item button", has_text="g_other.png").click()
    seen.until("document.getElementById('no-film').innerText.includes('cannot be shown')")
    assert seen.page.locator("#viewer").is_hidden()
    seen.page.locator(".item button", has_text="a_film.png").click()
    seen.until("!document.getElementById('viewer').hidden")
    seen.page.locator(".item button", has_text="g_other.png").click()
    assert "cannot be shown" in text(seen, "no-film")
    seen.check_clean()


def test_beside_an_answer_never_stands_the_film_before(seen, films):
    pictures = {}
    seen.page.on(
        "response",
        lambda answer: "/look" in answer.url and pictures.update({answer.json()["film"]: 1}),
    )
    give(seen, films["a_film.png"])
    seen.until(ALL % 1)
    give(seen, films["g_other.png"])  # the second whose picture comes
    seen.until(ALL % 2)
    seen.page.locator(".item button", has_text="a_film.png").click()
    seen.page.wait_for_timeout(100)
    assert seen.page.evaluate(BRIGHTEST) > 0
    seen.page.evaluate(HOLD_DECODING, list(pictures)[1])
    second = seen.page.locator(".item button", has_text="g_other.png")
    seen.page.locator(".item button", has_text="a_film.png").click()
    seen.page.wait_for_timeout(100)
    second.click()
    seen.until(HELD_BACK)
    assert text(seen, "answer-title") == "g_other.png"
    assert seen.page.evaluate(BRIGHTEST) == 0
    seen.page.evaluate(LET_GO)
    seen.page.wait_for_timeout(150)
    assert seen.page.evaluate(BRIGHTEST) > 0


def test_a_csv_says_how_many_films_are_not_in_it(seen, films):
    give(seen, films["a_film.png"])
    seen.until(ALL % 1)
    seen.page.route("**/look", lambda route: route.abort())
    give(seen, films["g_other.png"])
    seen.until("document.querySelector('.item.failed')")
    with seen.page.expect_download() as saved:
        seen.page.click("#save-csv")
    assert len(saved.value.path().read_text(encoding="utf-8").splitlines()) == 2
    assert "1 film is not in the csv: the server has not answered it." in text(seen, "alarm")


DROP_FOLDER = """(bytes) => {
  const file = new File([new Uint8Array(bytes)], "good.png");
  const good = {isFile: true, fullPath: "/study/good.png", file: done => done(file)};
  const bad = {isFile: true, fullPath: "/study/bad.png", file: (_, failed) => failed(new Error("gone"))};
  const shut = {isDirectory: true, fullPath: "/study/shut",
                createReader: () => ({readEntries: (_, failed) => failed(new Error("no right"))})};
  let given = [[bad, shut, good], []];
  const folder = {isDirectory: true, createReader: () => ({readEntries: done => done(given.shift())})};
  const event = new Event("drop", {bubbles: true, cancelable: true});
  event.dataTransfer = {types: ["Files"], files: [], items: [{webkitGetAsEntry: () => folder}]};
  document.body.dispatchEvent(event);
}"""


def test_what_cannot_be_read_of_a_folder_is_said_and_costs_nothing_else(seen, films):
    seen.page.evaluate(DROP_FOLDER, list(films["a_film.png"].read_bytes()))
    seen.until(ALL % 1)
    assert seen.page.locator(".item-name").all_inner_texts() == ["study/good.png"]
    assert "2 entries of the folder could not be read and are left out" in text(seen, "alarm")
    seen.check_clean()


PASTE_TEXT = """(selector) => {
  const given = new DataTransfer();
  given.setData("text/plain", "not a film");
  document.querySelector(selector).dispatchEvent(
    new ClipboardEvent("paste", {clipboardData: given, bubbles: true, cancelable: true}));
}"""


def test_a_clipboard_without_a_picture_says_so(seen):
    seen.page.evaluate(PASTE_TEXT, "#again-token")  # a token is pasted where it belongs
    assert text(seen, "alarm") == ""
    seen.page.evaluate(PASTE_TEXT, "body")
    assert "holds no picture" in text(seen, "alarm")
    seen.check_clean()
