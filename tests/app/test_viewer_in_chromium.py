"""The viewer of one film in a real browser: what the mouse, fingers, keys and a reader meet.

pytest tests/app/test_viewer_in_chromium.py
"""

import base64
import io
from pathlib import Path

import numpy as np
import pytest
from browser import chromium, opened
from loopback import serve
from PIL import Image

import cxr_fastai.app
from cxr_fastai.serving.paint import COLOURS

STATIC = Path(cxr_fastai.app.__file__).parent / "static"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
BENCH = b"""<!doctype html><html lang="en"><head><meta charset="utf-8"><title>bench</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,">
<link rel="stylesheet" href="/bench.css"><link rel="stylesheet" href="/static/viewer.css">
<script type="module" src="/bench.js"></script></head><body><main><h1>bench</h1><div id="viewer"></div></main></body></html>"""
STYLE = b""":root { --page: #fff; --ink: #1c2733; --soft: #52606d; --line: #d9e0e7; --firm: #c3ccd5; --card: #f7f9fb; --blue: #0b5cad;
--tint: #eef5fc; --amber: #b45309; --amber-tint: #fdf5e8 } body { margin: 8px; background: var(--page); font: 15px sans-serif }"""
SCRIPT = b"""import {Viewer} from "/static/viewer.js"; window.viewer = new Viewer(document.getElementById("viewer"));"""
WIDTH, HEIGHT = 400, 300  # of the film


def answer(body, kind):
    return lambda call: call.answer(
        200, body, {"Content-Type": kind, "Content-Security-Policy": POLICY}
    )


@pytest.fixture(scope="module")
def bench():
    routes = {
        "/": answer(BENCH, "text/html"),
        "/bench.js": answer(SCRIPT, "text/javascript"),
        "/bench.css": answer(STYLE, "text/css"),
    }
    for path in STATIC.iterdir():
        kind = {".js": "text/javascript", ".css": "text/css"}.get(
            path.suffix, "application/octet-stream"
        )
        routes[f"/static/{path.name}"] = answer(path.read_bytes(), kind)
    with serve(routes) as web, chromium() as browser:
        yield browser, web.url + "/"


def film(width=WIDTH, height=HEIGHT):
    "Dark to the left, bright to the right; a white mark in the upper left corner."
    pixels = np.tile(np.linspace(40, 200, width), (height, 1)).astype(np.uint8)
    pixels[10:30, 10:30] = 255
    return pixels


def spot():
    "A heat that is highest in the lower right quarter."
    rows, columns = np.mgrid[0:60, 0:80]
    far = (rows - 45) ** 2 + (columns - 60) ** 2
    return np.round(255 * np.exp(-far / 100)).astype(np.uint8)


def uri(pixels):
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()


def show(page, pixels=None, **more):
    pixels = film() if pixels is None else pixels
    about = {
        "film": uri(pixels),
        "width": pixels.shape[1],
        "height": pixels.shape[0],
        "name": "a.png",
        **more,
    }
    page.evaluate("about => viewer.show(about)", about)
    settle(page)


def settle(page):
    "Wait until what was changed is drawn."
    page.evaluate(
        "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
    )


def state(page):
    return page.evaluate("() => ({...viewer.state(), ...viewer.view})")


def pixel(page, x, y):
    "The colour of the canvas over a place of the film: [red, green, blue]."
    settle(page)
    return page.evaluate(
        """([x, y]) => import("/static/viewer_geometry.js").then(geometry => {
        const place = geometry.placeOnStage(viewer.view, viewer.stage, {x, y});
        return [...viewer.pen.getImageData(Math.round(place.x), Math.round(place.y), 1, 1).data].slice(0, 3)})""",
        [x, y],
    )


def middle(page):
    box = page.locator("#viewer canvas").first.bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def under(page, x, y):
    "The place of the film under a place of the page."
    return page.evaluate(
        """([x, y]) => import("/static/viewer_geometry.js").then(geometry => {
        const box = viewer.canvas.getBoundingClientRect();
        const point = {x: (x - box.left) * viewer.ratio, y: (y - box.top) * viewer.ratio};
        return geometry.placeOnFilm(viewer.view, viewer.stage, point)})""",
        [x, y],
    )


def over(page, place):
    "The place of the page over a place of the film, as it is drawn."
    return page.evaluate(
        """place => import("/static/viewer_geometry.js").then(geometry => {
        const box = viewer.canvas.getBoundingClientRect();
        const point = geometry.placeOnStage(viewer.view, viewer.stage, place);
        return {x: box.left + point.x / viewer.ratio, y: box.top + point.y / viewer.ratio}})""",
        place,
    )


def open_grays(page):
    "The part with presets and sliders."
    page.evaluate("document.querySelector('.viewer-window').open = true")


def readout(page):
    return page.locator(".viewer-readout").inner_text()


@pytest.fixture(scope="module")
def seen(bench):
    browser, url = bench
    with opened(browser, url) as seen:
        seen.until("Boolean(window.viewer)")
        yield seen


@pytest.fixture
def page(seen):
    "The page with a film, as it was given, that has the focus."
    show(seen.page)
    seen.page.mouse.move(1, 1)
    seen.page.locator("#viewer canvas").first.focus()
    yield seen.page
    seen.check_clean()


# ---- the film


def test_the_film_is_seen_whole_and_its_grays_are_its_own(page):
    for x, y in ((20, 20), (50, 200), (200, 150), (390, 290)):
        gray = pixel(page, x + 0.5, y + 0.5)
        assert gray == pytest.approx([int(film()[y, x])] * 3, abs=3)
    assert "zoom" in readout(page)


def test_a_picture_that_is_none_is_told_to_the_page(page):
    failed = "viewer.show({film: 'data:image/png;base64,AAAA', width: 1, height: 1}).then(() => '', e => e.name)"
    assert page.evaluate(failed) == "EncodingError"


def test_of_two_films_the_one_that_was_asked_for_last_stays(page):
    bright, dark = np.full((30, 30), 250, np.uint8), np.full((30, 30), 9, np.uint8)
    page.evaluate(
        """films => {
        const decode = Image.prototype.decode;
        Image.prototype.decode = async function () {
            Image.prototype.decode = decode;  // the first alone comes late
            await decode.call(this);
            await new Promise(done => setTimeout(done, 200));
        };
        return Promise.all(films.map(film => viewer.show({film, width: 30, height: 30})))}""",
        [uri(bright), uri(dark)],
    )
    assert pixel(page, 15, 15) == [9, 9, 9]


def test_a_film_larger_than_its_picture_has_its_own_real_size(page):
    show(page, film(), width=4 * WIDTH, height=4 * HEIGHT)
    page.keyboard.press("1")
    assert state(page)["zoom"] == 1
    assert "400 × 300 of the film's 1600 × 1200" in page.locator(".viewer-held").inner_text()
    assert pixel(page, 800, 600) == pytest.approx([int(film()[150, 200])] * 3, abs=3)


# ---- zoom and pan


def test_the_wheel_zooms_at_the_pointer(seen, page):
    x, y = middle(page)
    at = (x + 80, y - 60)
    for _ in range(5):
        page.keyboard.press("+")  # until the film is larger than its stage both ways
    before, zoom = under(page, *at), state(page)["zoom"]
    page.mouse.move(*at)
    page.mouse.wheel(0, -400)
    seen.until(f"viewer.view.zoom > {zoom}")
    after = over(page, before)
    assert (after["x"], after["y"]) == pytest.approx(at, abs=1)


def test_a_drag_moves_the_film_with_the_hand_however_it_is_turned(page):
    for turns in range(4):
        page.keyboard.press("0")
        for _ in range(8):
            page.keyboard.press("+")
        x, y = middle(page)
        held = under(page, x, y)
        page.mouse.move(x, y)
        page.mouse.down()
        page.mouse.move(x + 60, y - 30, steps=3)
        page.mouse.up()
        now = over(page, held)
        assert (now["x"], now["y"]) == pytest.approx((x + 60, y - 30), abs=1), turns
        page.keyboard.press("r")


def test_keys_zoom_fit_and_show_the_real_size(page):
    whole = state(page)["zoom"]
    page.keyboard.press("+")
    assert state(page)["zoom"] == pytest.approx(1.25 * whole)
    page.keyboard.press("-")
    page.keyboard.press("1")
    assert state(page)["zoom"] == 1
    page.keyboard.press("0")
    assert state(page)["zoom"] == pytest.approx(whole)


def test_the_film_cannot_be_lost_beside_the_stage(page):
    for _ in range(12):
        page.keyboard.press("+")
    for _ in range(60):
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowDown")
    assert (state(page)["x"], state(page)["y"]) == (WIDTH, HEIGHT)


def test_two_clicks_zoom_in_and_two_more_show_the_whole(page):
    whole = state(page)["zoom"]
    page.mouse.dblclick(*middle(page))
    assert state(page)["zoom"] == pytest.approx(2.5 * whole)
    page.wait_for_timeout(400)
    page.mouse.dblclick(*middle(page))
    assert state(page)["zoom"] == pytest.approx(whole)


# ---- gray levels


def test_the_right_button_changes_width_and_level_by_the_pixels(page):
    x, y = middle(page)
    page.mouse.move(x, y)
    page.mouse.down(button="right")
    page.mouse.move(x - 100, y + 50, steps=4)
    page.mouse.up(button="right")
    window = state(page)["window"]
    assert window == {"width": 255 - 60, "level": 127.5 + 30}
    gray = int(film()[150, 200])
    lowest = window["level"] - window["width"] / 2
    shown = 255 * np.clip((gray - lowest) / window["width"], 0, 1)
    assert pixel(page, 200.5, 150.5) == pytest.approx([shown] * 3, abs=4)
    assert "window 195, level 158" in readout(page)


@pytest.mark.parametrize(
    "key, name", [("d", "Dark tones (lungs)"), ("b", "Bright tones (bone)"), ("f", "Full")]
)
def test_a_preset_takes_the_tones_of_this_film(page, key, name):
    page.keyboard.press("i" if key == "f" else "f")
    page.keyboard.press(key)
    window = state(page)["window"]
    grays = film()
    bounds = {"d": (0.01, 0.55), "b": (0.45, 0.995), "f": None}[key]
    low, high = np.quantile(grays, bounds) if bounds else (0, 255)
    assert window["width"] == pytest.approx(high - low, abs=3)
    assert window["level"] == pytest.approx((high + low) / 2, abs=3)
    open_grays(page)
    pressed = page.locator(".viewer-window button[aria-pressed=true]")
    assert pressed.inner_text() == name


def test_sliders_change_the_window_and_say_the_number(page):
    open_grays(page)
    page.get_by_role("slider", name="Width").fill("100")
    page.get_by_role("slider", name="Level").fill("60")
    assert state(page)["window"] == {"width": 100, "level": 60}
    assert "window 100, level 60" in page.locator(".viewer-window summary").inner_text()


def test_with_the_window_on_arrows_and_drags_change_it(page):
    page.keyboard.press("w")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowUp")
    assert state(page)["window"] == {"width": 250, "level": 122.5}
    assert "window on" in readout(page)
    page.keyboard.press("w")
    assert "window on" not in readout(page)
    page.keyboard.press("ArrowLeft")
    assert state(page)["window"] == {"width": 250, "level": 122.5}


# ---- turned, inverted, reset


@pytest.mark.parametrize("key, turns", [("r", 1), ("R", 3)])
def test_the_view_is_turned_and_says_that_the_answer_is_of_the_film_as_given(page, key, turns):
    page.keyboard.press(key)
    assert state(page)["turns"] == turns
    assert pixel(page, 20, 20) == [255, 255, 255]
    assert (
        "The view is turned; the answer is of the film as it was given."
        in page.locator(".viewer-notice").inner_text()
    )
    corner = page.evaluate(
        'import("/static/viewer_geometry.js").then(g => g.placeOnStage(viewer.view, viewer.stage, {x: 20, y: 20}))'
    )
    stage = page.evaluate("viewer.stage")
    assert (corner["x"] > stage["width"] / 2) == (turns == 1)


def test_inverted_grays_are_said(page):
    page.keyboard.press("i")
    assert pixel(page, 20, 20) == [0, 0, 0]
    assert page.get_by_role("button", name="Invert").get_attribute("aria-pressed") == "true"
    assert "inverted; the answer is of the film" in page.locator(".viewer-notice").inner_text()


def test_of_a_film_that_was_righted_the_answer_is_not_of_what_was_given(page):
    show(page, isRighted=True)
    page.keyboard.press("r")
    notice = page.locator(".viewer-notice").inner_text()
    assert notice == (
        "The view is turned; the answer is of the film as the server turned or inverted it back."
    )


def test_escape_shows_the_film_as_it_was_given(page):
    before = state(page)
    for key in ("i", "r", "+", "d", "w", "ArrowLeft"):
        page.keyboard.press(key)
    page.keyboard.press("Escape")
    assert state(page) == before
    assert page.locator(".viewer-notice").inner_text() == ""


def test_a_new_film_is_shown_as_it_was_given(page):
    before = state(page)
    page.keyboard.press("i")
    page.keyboard.press("r")
    show(page)
    assert state(page) == before


# ---- heat


def heated(page):
    page.evaluate(
        "heat => viewer.showHeat({heat, of: 'Abnormal'})",
        uri(spot()),
    )
    settle(page)


@pytest.mark.parametrize(
    "keys", [[], ["r"], ["R", "+", "ArrowRight"], ["+", "ArrowDown", "r", "r"]]
)
def test_the_heat_lies_on_its_place_however_the_film_is_seen(page, keys):
    heated(page)
    for key in keys:
        page.keyboard.press(key)
    hottest = pixel(page, 60.5 * 5, 45.5 * 5)
    gray = film()[227, 302]
    expected = 0.4 * gray + 0.6 * COLOURS[255]
    assert hottest == pytest.approx(list(expected), abs=12)
    assert pixel(page, 200.5, 120.5) == pytest.approx([int(film()[120, 200])] * 3, abs=3)


def test_the_line_stands_at_half_of_the_highest(page):
    heated(page)
    away = 10 * np.sqrt(np.log(2)) * 5  # film pixels from the middle of the spot
    near = [min(pixel(page, 60.5 * 5 - away + step, 45.5 * 5)) for step in (-1, -0.5, 0, 0.5, 1)]
    assert max(near) > 200


def test_the_slider_takes_the_heat_away_and_says_how_much_is_left(page):
    heated(page)
    slider = page.get_by_label("Heat of Abnormal")
    assert slider.input_value() == "60"
    slider.fill("0")
    assert pixel(page, 302, 227) == pytest.approx([int(film()[227, 302])] * 3, abs=3)
    assert "heat 0 %" in readout(page)
    page.evaluate("viewer.hideHeat()")
    assert page.locator(".viewer-heat").is_hidden()


def test_the_colours_are_those_of_the_pictures_of_cxr_heat(page):
    table = page.evaluate('import("/static/viewer_pixels.js").then(pixels => pixels.colours())')
    assert np.abs(np.array(table) - COLOURS.astype(int)).max() <= 1


# ---- fingers


@pytest.fixture(scope="module")
def glass(bench):
    browser, url = bench
    with opened(browser, url, width=390, height=800, touch=True) as seen:
        seen.until("Boolean(window.viewer)")
        yield seen


@pytest.fixture
def phone(glass):
    "A phone with a film on it."
    show(glass.page)
    yield glass
    glass.check_clean()


def test_two_fingers_zoom_and_one_moves_what_is_zoomed(phone):
    page = phone.page
    x, y = middle(page)
    whole = state(page)["zoom"]
    phone.touch("touchStart", (x - 20, y), (x + 20, y))
    for far in (30, 40, 60):
        phone.touch("touchMove", (x - far, y), (x + far, y))
    phone.touch("touchEnd")
    phone.until("viewer.canvas.style.touchAction === 'none'")
    phone.until(f"Math.abs(viewer.view.zoom / {3 * whole} - 1) < 0.05")
    before = under(page, x, y)
    phone.touch("touchStart", (x, y))
    phone.touch("touchMove", (x + 20, y + 10))
    phone.touch("touchMove", (x + 50, y + 30))
    phone.touch("touchEnd")
    after = under(page, x + 50, y + 30)
    assert (after["x"], after["y"]) == pytest.approx((before["x"], before["y"]), abs=8)


def test_a_finger_with_the_window_on_changes_gray_levels(phone):
    page = phone.page
    page.get_by_role("button", name="Window").click()
    phone.until("viewer.isWindowing")
    x, y = middle(page)
    phone.touch("touchStart", (x, y))
    for step in (10, 30, 50):
        phone.touch("touchMove", (x - step, y))
    phone.touch("touchEnd")
    phone.until("viewer.window.width < 240")
    assert state(page)["window"]["level"] == 127.5


def test_two_taps_zoom_in(phone):
    page = phone.page
    whole = state(page)["zoom"]
    x, y = middle(page)
    for _ in range(2):
        phone.touch("touchStart", (x, y))
        phone.touch("touchEnd")
    phone.until(f"viewer.view.zoom > {2.4 * whole}")
    assert state(page)["zoom"] == pytest.approx(2.5 * whole)


def test_a_finger_on_the_whole_film_scrolls_the_page(phone):
    page = phone.page
    assert page.evaluate("viewer.canvas.style.touchAction") == "pan-y"
    page.get_by_role("button", name="Zoom in").click()
    phone.until("viewer.canvas.style.touchAction === 'none'")
    page.get_by_role("button", name="Fit").click()
    phone.until("viewer.canvas.style.touchAction === 'pan-y'")
    assert page.evaluate("viewer.view.turns") == 0


@pytest.mark.parametrize("width", [320, 390])
def test_a_phone_need_not_scroll_sideways(bench, width):
    browser, url = bench
    with opened(browser, url, width=width, height=700, touch=True) as seen:
        seen.until("Boolean(window.viewer)")
        show(seen.page)
        heated(seen.page)
        for summary in seen.page.locator("summary").all():
            summary.click()
        assert seen.is_wide() <= 0


def test_a_turned_phone_shows_the_whole_film_and_as_sharp_as_the_screen(phone):
    page = phone.page
    page.set_viewport_size({"width": 800, "height": 390})
    phone.until("viewer.canvas.width > 800")
    canvas = page.evaluate(
        "({width: viewer.canvas.width, shown: viewer.canvas.getBoundingClientRect().width})"
    )
    assert canvas["width"] == pytest.approx(2 * canvas["shown"], abs=1)
    fit = page.evaluate(
        'import("/static/viewer_geometry.js").then(g => g.isFitted(viewer.view, viewer.film, viewer.stage))'
    )
    page.set_viewport_size({"width": 390, "height": 800})
    phone.until("viewer.canvas.width < 800")
    assert fit


# ---- without eyes, without a mouse


def test_every_control_has_a_name_and_the_keyboard_reaches_it(page):
    heated(page)
    open_grays(page)
    page.locator("#viewer canvas").first.focus()
    reached = []
    for _ in range(22):
        reached.append(
            page.evaluate(
                "document.activeElement.getAttribute('aria-label') || document.activeElement.labels?.[0]?.innerText || document.activeElement.innerText"
            )
        )
        page.keyboard.press("Tab")
    for name in (
        "Film a.png",
        "Zoom in",
        "Turn to the left",
        "Invert",
        "Reset",
        "Heat of Abnormal",
        "Bright tones",
        "Width",
        "Level",
        "Keys",
    ):
        assert any(name in (text or "") for text in reached), name


def test_the_state_is_told_once_a_change_has_ended(seen, page):
    spoken = page.locator(".viewer-spoken")
    assert spoken.get_attribute("role") == "status"
    page.keyboard.press("i")
    page.keyboard.press("r")
    seen.until("document.querySelector('.viewer-spoken').textContent.includes('inverted')")
    text = spoken.inner_text()
    assert "zoom" in text
    assert "turned a quarter to the right" in text
    assert "the answer is of the film as it was given" in text


def test_keys_elsewhere_on_the_page_are_left_alone(page):
    page.evaluate("document.activeElement.blur()")
    before = state(page)
    for key in ("i", "r", "+", "ArrowDown"):
        page.keyboard.press(key)
    assert state(page) == before


def test_without_a_film_no_button_acts(page):
    page.evaluate("viewer.clear()")
    assert page.locator("#viewer button:enabled").count() == 0
    page.locator("#viewer canvas").first.focus()
    page.keyboard.press("i")
    assert not state(page)["isInverted"]
