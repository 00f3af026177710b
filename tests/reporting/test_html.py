"""pytest tests/reporting/test_html.py: every page is self-contained, of one frame and one stylesheet"""

import base64
import io
import re
from pathlib import Path

import jinja2
import numpy as np
import pytest
from PIL import Image

from cxr_fastai.reporting import html

HOUSE = Path(html.__file__).parent.parent
BASE = HOUSE / "reporting" / "base.html"
PARTS = HOUSE / "reporting" / "parts.html"
TEMPLATES = sorted(set(HOUSE.rglob("*.html")) - {BASE, PARTS})
FOR_NOTEBOOKS = ("bundle.html", "summary.html")  # never a page of their own
EVIL = "<script>alert('x')</script>\x1b[31m\u202e"


@pytest.fixture
def room(tmp_path, monkeypatch):
    "Write templates of a room, and render them."

    def render(body, page=True, **values):
        (tmp_path / "page.html").write_text(body)
        html._environment.cache_clear()
        own = {str(tmp_path): tmp_path}
        real = html.package_file
        monkeypatch.setattr(html, "package_file", lambda name: own.get(name) or real(name))
        try:
            return html.render(str(tmp_path), "page.html", page=page, **values)
        finally:
            html._environment.cache_clear()

    return render


EMPTY = (
    '{% extends "base.html" %}{% block title %}T{% endblock %}{% block heading %}H{% endblock %}'
    "{% block body %}<p>B</p>{% endblock %}"
)


# ---- what is typed


@pytest.mark.parametrize(
    "text, shown",
    [
        (
            "give --allow-missing-classes or none",
            "give <code><span>--allow-missing-classes</span></code> or none",
        ),
        (
            "run `cxr train D --lr 1` now",
            "run <code>cxr train D <span>--lr</span> 1</code> now",
        ),
        ("a -- b, x--y, COVID-19, -1", "a -- b, x--y, COVID-19, -1"),
        ("<b> `a<b`", "&lt;b&gt; <code>a&lt;b</code>"),
    ],
)
def test_commands_and_flags_are_code_whose_flags_do_not_break(room, text, shown):
    body = EMPTY.replace("<p>B</p>", "<p>{{ text|coded }}</p>")
    page = room(body, text=text)
    assert f"<p>{shown}</p>" in page
    assert ".cxr-report code span{white-space:nowrap}" in page


def test_a_whole_command_is_code_whatever_stands_in_it(room):
    body = EMPTY.replace("<p>B</p>", "<p>{{ text|command }}</p>")
    page = room(body, text="cxr x --out 'a`b<c'")
    assert "<p><code>cxr x <span>--out</span> &#39;a`b&lt;c&#39;</code></p>" in page


# ---- the templates


def test_there_are_pages_in_these_rooms():
    assert {path.relative_to(HOUSE).parts[0] for path in TEMPLATES} == {
        "auditing",
        "bundle",
        "curation",
        "evaluation",
        "prototyping",
        "serving",
    }


# Parts of pages: macros, which the pages import.
PARTS_OF_PAGES = ("closer.html", "coverage.html", "suspects.html")
PAGES = [path for path in TEMPLATES if path.name not in PARTS_OF_PAGES]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_every_page_extends_the_one_frame_and_has_no_style_of_its_own(path):
    text = path.read_text(encoding="utf-8")
    assert text.count('{% extends "base.html" %}') == 1
    assert "<style" not in text and "<head" not in text and "<!DOCTYPE" not in text
    blocks = ["body"] if path.name in FOR_NOTEBOOKS else ["title", "heading", "body"]
    for block in blocks:
        assert f"{{% block {block} %}}" in text


@pytest.mark.parametrize("path", [*TEMPLATES, BASE, PARTS], ids=lambda path: path.name)
def test_no_template_refers_to_the_outside_or_runs_a_script(path):
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"<script|javascript:|\son\w+=|https?:|url\(|@import|<link|<iframe", text)
    for reference in re.findall(r'(?:src|href)="([^"]*)"', text):
        assert reference.startswith(("#", "{{")), reference


@pytest.mark.parametrize("path", [*TEMPLATES, BASE], ids=lambda path: path.name)
def test_all_rules_are_scoped(path):
    text = path.read_text(encoding="utf-8")
    styles = re.findall(r"<style>(.*?)</style>|{% block style %}(.*?){% endblock %}", text, re.S)
    rules = re.sub(r"{%.*?%}", "", "".join(a + b for a, b in styles))
    rules = re.sub(r"@media[^{]*{", "", rules)
    for selectors in re.findall(r"([^{}]+){[^{}]*}", rules):
        for selector in selectors.split(","):
            own = selector.strip().startswith(".cxr-report")
            assert own or selector.strip() in (":root", "body", "@page"), selector


# ---- the frame


def test_a_page_has_the_policy_the_title_and_the_footer(room):
    page = room(EMPTY)
    assert page.startswith("<!DOCTYPE html>") and page.rstrip().endswith("</html>")
    assert "default-src 'none'; img-src data:; style-src 'unsafe-inline'" in page
    assert "<title>T</title>" in page and "<h1>H</h1>" in page and "<p>B</p>" in page
    assert "Research only, not a medical device" in page and 'content="no-referrer"' in page
    assert "prefers-color-scheme:dark" in page and "@media print" in page
    assert "max-width:560px" in page and 'name="viewport"' in page


def test_a_notebook_is_shown_the_body_alone_in_the_light_colours(room):
    shown = room(EMPTY, page=False)
    assert "<p>B</p>" in shown and '<div class="cxr-report">' in shown
    for part in ("<html", "<head", "<h1", "<footer", "<main", "body{", ":root", "prefers-color"):
        assert part not in shown
    assert len(shown) < 3_000
    assert shown.count("<div") == shown.count("</div")


def test_facts_are_listed_with_what_the_caller_adds(room):
    page = room(
        '{% from "parts.html" import fact_list %}'
        '{% call fact_list("Asked", {"split": "a<b"}) %}<dt>more</dt>{% endcall %}'
    )
    assert "<h2>Asked</h2>" in page and "<dt>split</dt><dd>a&lt;b</dd>" in page
    assert "<dt>more</dt>" in page


# ---- what is filled in


def test_foreign_text_is_escaped_and_marks_that_turn_it_are_spelled_out(room):
    page = room("{{ x }} {{ x|breaks }}", x=EVIL)
    assert "<script" not in page and "\x1b" not in page and "\u202e" not in page
    assert page.count("&lt;script&gt;") == 2 and r"\u202e" in page


def test_a_long_name_may_be_broken_at_its_marks(room):
    assert room("{{ x|breaks }}", x="a_b/c&d") == "a_<wbr>b/<wbr>c&amp;d"


def test_a_name_that_is_not_given_is_an_error(room):
    with pytest.raises(jinja2.UndefinedError, match="gone"):
        room("{{ gone }}")


@pytest.mark.parametrize(
    "shown,want",
    [
        ("{{ 1234|thousands }}", "1,234"),
        ("{{ 0.5|percent }}", "50.0 %"),
        ("{{ none|percent }}", "–"),
        ("{{ 0.5|decimal }}", "0.500"),
        ("{{ 0.5|decimal(2) }}", "0.50"),
        ("{{ none|decimal }}", "–"),
        ("{{ [0.1, 0.2]|span }}", "10.0 to 20.0"),
        ("{{ [0.1, 0.2]|span(false) }}", "0.100 to 0.200"),
        ("{{ none|span }}", "–"),
        ("{{ share(1, 4) }}", "25 %"),
    ],
)
def test_numbers_are_shown_as_in_text(room, shown, want):
    assert room(shown) == want


# ---- pictures


def test_bytes_become_a_data_uri():
    assert html.data_uri(b"x") == "data:image/png;base64,eA=="
    assert html.data_uri(b"x", "jpeg").startswith("data:image/jpeg;")


def test_a_thumbnail_is_a_jpeg_no_larger_than_its_side():
    pixels = np.full((40, 400), 200, np.uint8)
    uri, width, height = html.thumbnail(pixels, side=100)
    image = Image.open(io.BytesIO(base64.b64decode(uri.split(",")[1])))
    assert image.format == "JPEG" and image.size == (width, height) == (100, 10)
    assert abs(np.asarray(image).mean() - 200) < 2
    noise = np.random.default_rng(0).integers(0, 256, (40, 400)).astype(np.uint8)
    assert len(html.thumbnail(noise, quality=10)[0]) < len(html.thumbnail(noise, quality=95)[0])


def test_a_small_image_is_not_enlarged():
    assert html.thumbnail(np.zeros((5, 7), np.uint8))[1:] == (7, 5)


def test_a_box_is_in_percent_of_the_scale_and_in_words():
    box = html.box([0, 50, 100, 150, 200], 200, "px")
    assert box["at"] == ["0.0", "25.0", "50.0", "75.0", "100.0"] and box["width"] == "50.0"
    assert box["words"] == "median 100 px, half of them 50 to 150, range 0 to 200"
    assert (box["least"], box["middle"], box["most"], box["half"]) == (
        "0",
        "100",
        "200",
        "50 to 150",
    )
    assert html.box([0.5] * 5, 1, form="{:.2f}")["words"].startswith("median 0.50, half")
    assert html.box(None, 255) == {}
