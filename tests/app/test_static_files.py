"""pytest tests/app/test_static_files.py"""

import re

import pytest

from cxr_fastai.app.static_files import STATIC, static_bytes
from cxr_fastai.core import package_file

SCRIPTS = [name for name in STATIC if name.endswith(".js")]
STYLES = [name for name in STATIC if name.endswith(".css")]
# What text stands in, and on which ground it may stand
TEXT = ("ink", "soft", "blue", "amber", "red", "green")
GROUNDS = ("page", "card", "tint", "amber-tint", "red-tint", "green-tint")
SVG = '"http://www.w3.org/2000/svg"'  # a name, which nothing fetches
READABLE = 4.5  # WCAG 2.2, 1.4.3
SEEN = 3.0  # WCAG 2.2, 1.4.11: borders of fields, bars


def text_of(name):
    return static_bytes(name).decode("utf-8")


def test_the_list_is_the_folder():
    folder = package_file("app", "static")
    assert {path.name for path in folder.iterdir()} == set(STATIC)


@pytest.mark.parametrize(
    "name", ["", "nothing.js", "../page.py", "style.css/", "STYLE.CSS", "%2e%2e/page.py"]
)
def test_no_other_file_is_given(name):
    with pytest.raises(KeyError):
        static_bytes(name)


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_writes_no_html_runs_no_text_and_asks_nobody_else(name):
    text = text_of(name).replace(SVG, "")
    for forbidden in (
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "new Function",
        "://",
        "sendBeacon",
    ):
        assert forbidden not in text, forbidden
    assert re.findall(r"\bimport\b.*?from\s+\"(?!\./)", text) == []


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_imports_what_is_on_the_list(name):
    for other in re.findall(r'from "\./([^"]+)"', text_of(name)):
        assert other in STATIC


def test_only_colours_and_keys_are_remembered():
    kept = re.findall(
        r"(?:localStorage|sessionStorage)\.setItem\((\w+)", "".join(map(text_of, SCRIPTS))
    )
    assert kept == ["KEY", "KEY"]
    for name in SCRIPTS:
        assert "indexedDB" not in text_of(name) and "document.cookie" not in text_of(name)


@pytest.mark.parametrize("name", STYLES)
def test_a_style_loads_nothing(name):
    text = text_of(name)
    assert "@import" not in text and "url(" not in text and "://" not in text


def themes():
    "The colours of each set, from style.css: light, dark by the system, dark by choice."
    found = []
    for block in re.findall(r":root[^{]*\{([^}]*)\}", text_of("style.css")):
        colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", block))
        if colours:
            found.append(colours)
    return found


def luminance(colour):
    "Relative luminance, as WCAG defines it."
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in parts]
    return sum(weight * x for weight, x in zip((0.2126, 0.7152, 0.0722), linear))


def contrast(one, other):
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def test_contrast_is_counted_as_others_do():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


def test_there_are_two_sets_of_colours_and_the_choice_is_the_dark_one():
    light, by_system, by_choice = themes()
    assert by_system == by_choice and set(light) == set(by_choice)


@pytest.mark.parametrize("theme", [0, 2], ids=["light", "dark room"])
def test_text_can_be_read_on_every_ground(theme):
    colours = themes()[theme]
    for text in TEXT:
        for ground in GROUNDS:
            found = contrast(colours[text], colours[ground])
            assert found >= READABLE, f"{text} on {ground}: {found:.2f}"
    assert contrast(colours["on-film"], colours["film"]) >= READABLE


@pytest.mark.parametrize("theme", [0, 2], ids=["light", "dark room"])
def test_fields_and_bars_can_be_seen(theme):
    colours = themes()[theme]
    for mark in ("firm", "blue"):
        for ground in ("page", "card"):
            assert contrast(colours[mark], colours[ground]) >= SEEN


def test_a_dark_room_has_no_bright_ground_and_no_glaring_letter():
    room = themes()[2]
    grounds = [luminance(room[name]) for name in GROUNDS]
    assert max(grounds) < 0.01
    assert max(luminance(room[name]) for name in TEXT) < 0.55


def test_those_whom_motion_makes_sick_see_none():
    assert "prefers-reduced-motion" in text_of("style.css")
