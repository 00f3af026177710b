"""The page in a real browser, with the real server: films in, answers out, as a person meets them.

pytest tests/app/test_page_in_chromium.py
"""

import csv
import io

import pytest
from browser import chromium, opened
from page_films import ABSTAINS, DECIDES, put, saved_bundle, write_films
from toy_app import served

from cxr_fastai.cli import main
from cxr_fastai.phantom import draw

ANSWERED = (
    "(() => { const items = [...document.querySelectorAll('.item')];"
    " return items.length >= %d && !items.some(each => each.matches('.waiting, .asking')) })()"
)


@pytest.fixture(scope="module")
def decides(tmp_path_factory):
    "A bundle with a gate and a threshold on the risk, between the risks of the drawn films."
    return saved_bundle(tmp_path_factory.mktemp("decides") / "bundle", DECIDES)


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    "Two films, one turned, one inverted, noise, a DICOM, a file that is none."
    return write_films(tmp_path_factory.mktemp("films"))


@pytest.fixture(scope="module")
def room(decides):
    "The server, and a browser."
    with served(decides) as url, chromium() as browser:
        yield browser, url + "/"


@pytest.fixture
def seen(room):
    browser, url = room
    with opened(browser, url) as seen:
        yield seen


def answered(seen, n=1):
    "Wait until so many films have their answer and are drawn."
    seen.until(ANSWERED % n)
    seen.page.wait_for_timeout(60)


def choose(seen, *files):
    seen.page.set_input_files("#choose", [str(file) for file in files])
    answered(seen, len(files))


def shown(seen):
    "What the answer says, on one line."
    return " ".join(seen.page.locator("#said").inner_text().split())


def items(seen):
    "The worklist: (kind, words) a film, in its order."
    kinds = seen.page.locator(".item").evaluate_all("all => all.map(each => each.className)")
    texts = seen.page.locator(".item").all_inner_texts()
    return [
        (kind.removeprefix("item "), " ".join(text.split())) for kind, text in zip(kinds, texts)
    ]


def hand_over(seen, kind, *files):
    "Drop or paste files, as a browser hands them to a page."
    files = [{"name": file.name, "bytes": list(file.read_bytes())} for file in files]
    seen.page.evaluate(
        """([kind, files]) => {
        const given = new DataTransfer();
        for (const {name, bytes} of files) given.items.add(new File([new Uint8Array(bytes)], name));
        const more = {bubbles: true, cancelable: true};
        if (kind === "paste") document.dispatchEvent(new ClipboardEvent("paste", {clipboardData: given, ...more}));
        else for (const name of ["dragenter", "dragover", "drop"])
            document.body.dispatchEvent(new DragEvent(name, {dataTransfer: given, ...more}));
        }""",
        [kind, files],
    )


# ---- one film


def test_a_film_is_chosen_and_answered_in_words_with_its_threshold(seen, films):
    assert "Research only, not a medical device." in seen.page.locator(".only").inner_text()
    choose(seen, films["a_film.png"])
    assert seen.page.locator("#answer-title").inner_text() == "a_film.png"
    assert "the threshold" in shown(seen)
    assert "Risk" in shown(seen)
    rows = seen.page.locator("#numbers tbody tr")
    assert rows.count() == 3  # the risk, and each class
    probs = [float(rows.nth(i).locator("td").nth(1).inner_text()) for i in (1, 2)]
    assert sum(probs) == pytest.approx(1, abs=0.002)
    assert seen.page.locator("#viewer canvas").first.is_visible()
    assert "zoom" in seen.page.locator(".viewer-readout").inner_text()
    seen.check_clean()


@pytest.mark.parametrize("kind", ["drop", "paste"])
def test_a_film_may_be_dropped_or_pasted(seen, films, kind):
    hand_over(seen, kind, films["a_film.png"])
    answered(seen)
    assert "threshold" in shown(seen)
    assert seen.page.locator("#drop").is_hidden()
    seen.check_clean()


def test_the_film_on_the_page_is_the_film_that_was_given(seen, films):
    choose(seen, films["a_film.png"])
    size = draw("normal", 9200, 128).shape[0]
    seen.page.locator("#viewer canvas").first.focus()
    seen.page.keyboard.press("1")
    words = seen.page.locator(".viewer-readout").inner_text()
    assert words == "zoom 100 %"
    gray = seen.page.evaluate(
        """() => { const canvas = document.querySelector(".viewer-stage canvas");
        const pen = canvas.getContext("2d");
        const [x, y] = [Math.round(canvas.width / 2), Math.round(canvas.height / 2)];
        return new Promise(done => requestAnimationFrame(() => done([...pen.getImageData(x, y, 1, 1).data].slice(0, 3)))) }"""
    )
    middle = int(draw("normal", 9200, 128)[size // 2, size // 2])
    assert gray == pytest.approx([middle] * 3, abs=12)


@pytest.mark.parametrize(
    "file, words",
    [
        ("b_turned.png", "looks turned by 90 degrees"),
        ("c_inverted.png", "looks inverted"),
        ("d_noise.png", "no chest radiograph"),
    ],
)
def test_the_gate_refuses_large_and_first_and_gives_no_number(seen, films, file, words):
    choose(seen, films[file])
    assert shown(seen).startswith("No answer It looks")
    assert words in shown(seen)
    assert "somebody must look at it" in shown(seen)
    assert seen.page.locator("#numbers-part").is_hidden()
    reason = seen.page.locator("#said .reason")
    assert reason.evaluate("each => parseFloat(getComputedStyle(each).fontSize)") >= 20
    said, film = (
        seen.page.locator("#said").bounding_box(),
        seen.page.locator("#viewer").bounding_box(),
    )
    assert said["y"] <= film["y"] + 1
    seen.check_clean()


def test_a_turned_film_is_turned_back_when_asked(seen, films):
    choose(seen, films["b_turned.png"])
    seen.page.get_by_role("button", name="Turn or invert it back").click()
    answered(seen)
    assert "Risk" in shown(seen)
    assert "righted first" in shown(seen).lower()
    seen.page.locator("#viewer canvas").first.focus()
    seen.page.keyboard.press("r")
    assert (
        "as the server turned or inverted it back"
        in seen.page.locator(".viewer-notice").inner_text()
    )
    seen.check_clean()


def test_a_file_that_is_no_picture_says_what_it_is(seen, films):
    choose(seen, films["e_broken.png"])
    assert seen.page.locator("#said").get_attribute("class") == "said unread"
    assert shown(seen).startswith("Not read")
    assert "HTML" in shown(seen) or "web page" in shown(seen)
    assert seen.page.locator("#no-film").is_visible()
    assert seen.page.locator("#viewer").is_hidden()
    seen.check_clean(statuses=(415, 422))


def test_a_dicom_is_read_as_a_film(seen, films):
    choose(seen, films["f_film.dcm"])
    assert "threshold" in shown(seen)
    assert seen.page.locator(".viewer-readout").is_visible()
    seen.check_clean()


def test_a_name_of_a_file_is_shown_as_text(seen, films, tmp_path):
    evil = put(tmp_path / "<img src=x onerror=alert(1)>.png", films["a_film.png"].read_bytes())
    choose(seen, evil)
    assert "<img src=x" in seen.page.locator("#answer-title").inner_text()
    assert seen.page.locator("#answer-title img").count() == 0
    seen.check_clean()


# ---- abstention


def test_what_the_model_does_not_know_is_said_first(room, tmp_path, films):
    browser, _ = room
    bundle = saved_bundle(tmp_path / "bundle", ABSTAINS)
    with served(bundle) as url, opened(browser, url + "/") as seen:
        choose(seen, films["a_film.png"])
        assert seen.page.locator("#said").get_attribute("class") == "said no-answer"
        assert shown(seen).startswith("No answer")
        assert "below" in shown(seen) or "threshold" in shown(seen)
        assert seen.page.locator("#numbers tbody tr").count() == 2
        said = seen.page.locator("#said").bounding_box()
        numbers = seen.page.locator("#numbers").bounding_box()
        assert said["y"] < numbers["y"]


# ---- many films


def all_of(films):
    return [films[name] for name in sorted(films)]


def test_a_worklist_has_those_without_an_answer_first_then_by_risk(seen, films):
    choose(seen, *all_of(films))
    found = items(seen)
    assert [kind for kind, _ in found[:4]] == ["unread", "refused", "refused", "refused"]
    risks = [float(words.split("risk ")[1].split()[0]) for _, words in found[4:]]
    assert risks == sorted(risks, reverse=True)
    assert len(found) == len(films)
    assert (
        "7 of 7 films done, 1 not read, 3 refused by the gate."
        in seen.page.locator("#progress").inner_text()
    )
    seen.check_clean(statuses=(415, 422))


def test_the_csv_is_that_of_cxr_predict(seen, films, decides, tmp_path):
    choose(seen, *all_of(films))
    with seen.page.expect_download() as saved:
        seen.page.click("#save-csv")
    page = list(csv.DictReader(io.StringIO(saved.value.path().read_text(encoding="utf-8"))))
    out, folder = tmp_path / "out.csv", films["a_film.png"].parent
    main(["predict", str(decides), str(folder), "--csv", str(out)])
    text = out.read_text(encoding="utf-8").replace(f"{folder}/", "")
    predicted = {row["path"]: row for row in csv.DictReader(io.StringIO(text))}
    assert {row["path"] for row in page} == set(films) == set(predicted)
    for row in page:
        assert filled(row) == pytest.approx(filled(predicted[row["path"]]), abs=2e-6)


def filled(row):
    "The cells that hold something, numbers as such: of one film and of a batch they differ in the last digit."
    return {name: as_number(value) for name, value in row.items() if value}


def as_number(value):
    try:
        return float(value)
    except ValueError:
        return value


def test_all_is_forgotten_at_a_press(seen, films):
    choose(seen, films["a_film.png"], films["d_noise.png"])
    seen.page.click("#clear-all")
    assert items(seen) == []
    assert seen.page.locator("#room").is_hidden()
    assert seen.page.locator("#intro").is_visible()
    choose(seen, films["a_film.png"])
    assert "threshold" in shown(seen)
    seen.check_clean()


def test_nothing_is_kept_in_the_browser(seen, films):
    choose(seen, films["a_film.png"])
    kept = "({local: {...localStorage}, session: {...sessionStorage}, cookies: document.cookie})"
    assert seen.page.evaluate(kept) == {"local": {}, "session": {}, "cookies": ""}


# ---- heat


def test_the_heat_is_laid_on_the_film_and_dimmed_by_its_slider(seen, films):
    choose(seen, films["a_film.png"])
    seen.page.click("#heat-button")
    seen.until("!document.querySelector('.viewer-heat').hidden")
    says = seen.page.locator("#heat-says").inner_text()
    assert "heat" in says.lower()
    slider = seen.page.get_by_role("slider", name="Heat of")
    slider.fill("20")
    assert "heat 20 %" in seen.page.locator(".viewer-readout").inner_text()
    seen.page.click("#heat-button")
    assert seen.page.locator(".viewer-heat").is_hidden()
    seen.check_clean()


# ---- keys alone


def focus_is(seen, selector):
    return seen.page.evaluate("selector => document.activeElement.matches(selector)", selector)


def tab_to(seen, selector, most=60):
    for _ in range(most):
        if focus_is(seen, selector):
            return
        seen.page.keyboard.press("Tab")
    raise AssertionError(f"the keyboard does not reach {selector}")


def test_the_whole_road_is_walked_with_keys_alone(seen, films):
    page = seen.page
    page.on("filechooser", lambda chooser: None)  # so that it is waited for before a key comes
    tab_to(seen, "#choose")
    with page.expect_file_chooser(timeout=60_000) as chooser:
        page.keyboard.press("Enter")
    chooser.value.set_files([str(films["a_film.png"]), str(films["b_turned.png"])])
    answered(seen, 2)
    tab_to(seen, "#list button")
    page.keyboard.press("Home")
    assert page.locator("#answer-title").inner_text() == "b_turned.png"
    page.keyboard.press("ArrowDown")
    assert page.locator("#answer-title").inner_text() == "a_film.png"
    page.keyboard.press("Enter")
    assert focus_is(seen, "#answer-title")
    tab_to(seen, "#viewer canvas")
    for key in ("i", "r", "+", "ArrowLeft"):
        page.keyboard.press(key)
    words = page.locator(".viewer-readout").inner_text()
    assert "turned a quarter to the right, inverted" in words
    page.keyboard.press("Escape")
    tab_to(seen, "#heat-button")
    page.keyboard.press("Space")
    seen.until("!document.querySelector('.viewer-heat').hidden")
    page.keyboard.press("k")
    assert page.locator("#answer-title").inner_text() == "b_turned.png"
    seen.check_clean()


def test_the_keys_are_listed_and_may_be_turned_off(seen, films):
    choose(seen, films["a_film.png"], films["b_turned.png"])
    title = seen.page.locator("#answer-title").inner_text()
    seen.page.keyboard.press("?")
    assert seen.page.locator("#keys").is_visible()
    seen.page.locator("#single-keys").uncheck()
    seen.page.keyboard.press("Escape")
    for key in "jk":
        seen.page.keyboard.press(key)
        assert seen.page.locator("#answer-title").inner_text() == title
    seen.check_clean()


# ---- by finger, on a phone


@pytest.mark.parametrize("width", [320, 390])
def test_a_phone_shows_all_without_scrolling_sideways(room, films, width):
    browser, url = room
    with opened(browser, url, width=width, height=800, touch=True) as seen:
        assert seen.is_wide() <= 0
        choose(seen, *all_of(films))
        assert seen.is_wide() <= 0
        seen.page.locator(".item.found, .item.negative").first.locator("button").tap()
        seen.page.locator("#heat-button").tap()
        seen.until("!document.querySelector('.viewer-heat').hidden")
        for summary in seen.page.locator("summary:visible").all():
            summary.click()
        assert seen.is_wide() <= 0
        says = seen.page.locator("#heat-says").inner_text()
        assert seen.page.locator(".viewer-says").inner_text() == says  # within sight of the film
        box = seen.page.locator("#viewer canvas").first.bounding_box()
        assert box["width"] >= width - 40
        seen.check_clean(statuses=(415, 422))
