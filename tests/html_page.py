"""A written html page, read back: what it shows, and what it would fetch or run."""

import base64
import io
import re
from collections import Counter
from html.parser import HTMLParser

from PIL import Image

EVIL = "<script>alert('x')</script>"
TURN = "\u202e"  # what follows is shown right to left: gpj.exe looks like exe.jpg
FETCHING = ("src", "href", "srcset", "data", "action", "background", "poster", "style")
ACTIVE_TAGS = {"link", "script", "iframe", "object", "embed", "form", "base", "video"}


class Page(HTMLParser):
    "A page's tags, images, figures (class, words), words by section, and all attributes that fetch or run something."

    def __init__(self, html):
        super().__init__()
        self.tags, self.images, self.fetched, self.figures = Counter(), [], [], []
        self.words, self.at = {}, ""
        self.feed(html)
        self.words = {k: " ".join(v.split()) for k, v in self.words.items()}
        self.figures = [(kind, " ".join(words.split())) for kind, words in self.figures]

    def handle_starttag(self, tag, attrs):
        self.tags[tag] += 1
        at = dict(attrs)
        if tag == "section":
            self.at = at.get("id", self.at)
        if tag == "img":
            self.images.append(at)
        if tag == "figure":
            self.figures.append([at.get("class", ""), ""])
        if tag != "wbr":
            self.handle_data(" ")
        self.fetched += [v for k, v in attrs if k in FETCHING or k.startswith("on")]

    def handle_data(self, data):
        self.words[self.at] = self.words.get(self.at, "") + data
        if self.figures:
            self.figures[-1][1] += data

    def handle_endtag(self, tag):
        if tag == "style":
            self.words[""] = ""

    @property
    def text(self):
        return " ".join(self.words.values())


def shown(html):
    "How many cards of copy sets a page shows."
    return html.count('<div class="group">')


def ids(html):
    "The ids of the copy sets that a page shows, in their order."
    return re.findall(r"<p>group (\w+)", html)


def picture(uri):
    "The picture of a data URI."
    return Image.open(io.BytesIO(base64.b64decode(uri.split(",")[1])))


def check_shows_foreign_text_as_text(html):
    page = Page(html)
    assert not page.tags["script"] and "<script" not in html and EVIL in page.text
    assert "&lt;script&gt;" in html
    assert all("script" not in (k or "") for image in page.images for k in image)


def check_spells_out_hidden_marks(html):
    assert TURN not in html and "\\u202egpj.png" in Page(html).text


def check_fetches_and_runs_nothing(html):
    page = Page(html)
    assert html.startswith("<!DOCTYPE html>") and html.rstrip().endswith("</html>") and page.images
    assert not ACTIVE_TAGS & set(page.tags)
    assert all(x.startswith(("data:image/jpeg;base64,", "#")) for x in page.fetched)
    for forbidden in ("@import", "url(", "://", "javascript:"):
        assert forbidden not in html
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    assert f'<meta http-equiv="Content-Security-Policy" content="{policy}">' in html
    for promise in ("prefers-color-scheme:dark", "@media print", "width=device-width"):
        assert promise in html
