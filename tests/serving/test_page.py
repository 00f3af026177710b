"""pytest tests/serving/test_page.py

The page: those without an answer first, a filter without script, thousands of films in pages, and nothing that runs.
"""

import re

import pytest
from html_page import ACTIVE_TAGS, EVIL, TURN, Page
from toy_rows import failed, row

from cxr_fastai.core import FolderWarning
from cxr_fastai.serving import page
from cxr_fastai.serving.cards import Names
from cxr_fastai.serving.page import FILMS_A_PAGE, MAX_SHOWN, PAGE, About, page_names, pages_of

THUMB = ("data:image/jpeg;base64,AA==", 128, 100)
JPEG, PNG = b"\xff\xd8\xff", b"\x89PNG"


def about(**more):
    plain = dict(
        title="What a bundle for toy says of these films",
        names=Names({"covid_19": "COVID-19", "normal": "Normal"}, negative="normal"),
        facts={"toy": {"recipe": "toy", "network": "resnet18"}},
        scores={"toy": ["accuracy: 0.750 (0.500 to 0.900)"]},
        warnings=[FolderWarning("few", "Too few films.", "Get `cxr curate` more.")],
        limits="Nothing else is known.",
        notes=["A note of how."],
        files=["predictions.csv", "predictions.jsonl"],
    )
    return About(**plain | more)


ROWS = [
    row("fine.png", risk=0.25),
    row("ill.png", "covid_19", (0.9, 0.1), risk=0.9, threshold=0.5),
    row("shy.png", None, abstained=True, reason="it is shy", risk=0.4),
    failed("bad.png", "bad.png: damaged"),
]


def one_page(rows=ROWS, thumbs=None, pictures=None, **more):
    pages = pages_of(rows, about(**more), thumbs or {}, pictures or {})
    assert list(pages) == [PAGE]
    return pages[PAGE]


def cards_of(html):
    "Class and text of each card, in order."
    parts = re.split(r'<article class="', html)[1:]
    return [(part.split('"')[0].split(), part) for part in parts]


def test_those_without_an_answer_come_first_with_their_reasons():
    cards = cards_of(one_page())
    assert [kinds[1] for kinds, _ in cards] == ["unread", "no-answer", "found", "negative"]
    for (_, text), words in zip(cards, ("damaged", "it is shy", "covid_19: because", "normal: b")):
        assert words in text


def test_the_page_says_what_is_known_of_the_bundle_and_what_it_is_not_for():
    html = one_page()
    text = Page(html).text
    for words in (
        "What a bundle for toy says of these films",
        "4 films.",
        "Not for care. The classes: COVID-19, Normal. Nothing else is known.",
        "Training warned: Too few films.",
        "A note of how.",
        "accuracy: 0.750 (0.500 to 0.900)",
        "resnet18",
        "Research only, not a medical device",
        "Beside this page: predictions.csv, predictions.jsonl.",
    ):
        assert words in text, words
    assert html.index("Not for care") < html.index("Too few") < html.index("<article")
    assert html.index("resnet18") > html.rindex("<article")


def test_films_can_be_narrowed_to_a_kind_without_a_script():
    html = one_page()
    offered = re.findall(r'<label for="show-([\w-]+)"><strong>(\d+)</strong> ([^<]+)', html)
    assert offered == [
        ("all", "4", "all"),
        ("unread", "1", "not read"),
        ("no-answer", "1", "no answer"),
        ("class-0", "1", "COVID-19"),
        ("class-1", "1", "Normal"),
    ]
    for key, *_ in offered[1:]:
        rule = f".cxr-report #show-{key}:checked~.films .film:not(.{key}){{display:none}}"
        assert rule in html and f'<input type="radio" name="show" id="show-{key}">' in html
    assert html.count(" checked>") == 1 and 'id="show-all" checked' in html
    inputs, films = html.index('id="show-unread"'), html.index('<div class="films">')
    assert inputs < films, "a rule reaches what comes after"


def test_all_rules_are_scoped_and_none_is_escaped_or_spelled_out():
    html = one_page()
    style = html[html.index("<style>") : html.index("</style>")]
    assert "&gt;" not in style and "\\n" not in style and "&#" not in style
    for rule in re.findall(r"([^{}]*#show-[^{}]*)\{", style):
        assert rule.strip().startswith(".cxr-report #show-"), rule


def test_a_page_fetches_and_runs_nothing_whatever_it_is_called():
    evil = [
        row(EVIL + TURN + "\n.png", EVIL, ()) | {"probs": {EVIL: 1.0}},
        failed("<img src=x onerror=alert(1)>", "<b>&amp;\x1b[2J"),
        row("\udcff.png", None, abstained=True, reason='"><script>'),
    ]
    html = one_page(
        [each | {"notes": []} for each in evil],
        {0: THUMB},
        {0: [(EVIL, PNG)]},
        names=Names({EVIL: EVIL}),
        facts={EVIL: {EVIL: EVIL}},
        scores={EVIL: [EVIL]},
        title=EVIL,
        limits=EVIL,
        notes=[EVIL],
        files=[EVIL],
    )
    found = Page(html)
    assert not ACTIVE_TAGS & set(found.tags)
    assert EVIL not in html and TURN not in html and "\x1b" not in html and "\udcff" not in html
    for value in found.fetched:
        ok = value.startswith(("data:image/", "#")) or re.fullmatch(r"(width|left):[\d.]+%", value)
        assert ok, value
    html.encode()


def test_thumbnails_stand_with_their_films_and_pictures_behind_a_summary():
    html = one_page(thumbs={1: THUMB}, pictures={1: [("Grad-CAM of COVID-19", JPEG)]})
    cards = dict((kinds[1], text) for kinds, text in cards_of(html))
    assert 'width="128" height="100" alt="Radiograph ill.png"' in cards["found"]
    assert "data:image/jpeg;base64,/9j/" in cards["found"]
    assert "<summary>where the answer is most sensitive</summary>" in cards["found"]
    assert "Grad-CAM of COVID-19" in cards["found"]
    assert html.count("<img") == 2 and html.count('class="heat"') == 1
    assert "no picture: it could not be read" in cards["unread"]
    assert "no picture: it is not a file" in cards["negative"]


def test_the_risk_is_a_bar_with_its_threshold():
    cards = dict((kinds[1], text) for kinds, text in cards_of(one_page()))
    assert (
        'aria-label="risk 0.90"><i style="width:90.0%"></i><b style="left:50.0%">'
        in (cards["found"])
    )
    assert "<b style" not in cards["negative"] and "risk" not in cards["unread"]


@pytest.mark.parametrize(
    "films, files",
    [
        (1, 1),
        (FILMS_A_PAGE, 1),
        (FILMS_A_PAGE + 1, 2),
        (MAX_SHOWN, MAX_SHOWN // FILMS_A_PAGE),
        (10**6, MAX_SHOWN // FILMS_A_PAGE),
    ],
)
def test_many_films_take_several_pages(films, files):
    names = page_names(films)
    assert len(names) == files and names[0] == PAGE and len(set(names)) == files


@pytest.fixture
def small_pages(monkeypatch):
    monkeypatch.setattr(page, "FILMS_A_PAGE", 3)
    monkeypatch.setattr(page, "MAX_SHOWN", 8)


def test_pages_lead_to_one_another_and_say_which_films_stand_there(small_pages):
    rows = [row(f"{i:02}.png", risk=i / 20) for i in range(7)] + [failed("bad.png")]
    pages = pages_of(rows, about(), {7 - i: THUMB for i in range(7)}, {})
    assert list(pages) == [PAGE, "predictions-2.html", "predictions-3.html"]
    first, second, last = pages.values()
    assert "8 films, 1 to 3 on this page" in first and "8 films, 4 to 6" in second
    assert "4 to 6" in first and '<a href="predictions-2.html">4 to 6</a>' in last
    assert '<strong aria-current="page">7 to 8</strong>' in last
    assert [text.count("<article") for text in pages.values()] == [3, 3, 2]
    assert "bad.png" in first and "06.png" in first and "00.png" in last
    for html in (second, last):
        assert "Not for care" not in html and "resnet18" not in html, "on the first alone"
        assert "not read" not in Page(html).text, "no kind that has no film here"
    assert "Normal <span" in first and "of 7</span>" in first


def test_beyond_the_most_that_is_shown_the_page_says_where_the_others_are(small_pages):
    rows = [row(f"{i:02}.png", risk=i / 20) for i in range(12)]
    pages = pages_of(rows, about(), {}, {})
    assert len(pages) == 3 and sum(text.count("<article") for text in pages.values()) == 8
    assert "8 are shown, those to look at first, and all 12 stand in predictions.csv" in (
        Page(pages[PAGE]).text
    )
    assert "03.png" not in "".join(pages.values()) and "04.png" in "".join(pages.values())


def test_what_the_gate_refused_can_be_looked_at_kind_by_kind():
    lateral = row("side.png", None, (), abstained=True, reason="looks like a lateral film")
    html = one_page([*ROWS, lateral | {"gate": "lateral"}])
    offered = re.findall(r'<label for="show-([\w-]+)"><strong>(\d+)</strong> ([^<]+)', html)
    assert ("no-answer", "2", "no answer") in offered
    key = next(key for key, n, words in offered if words == "lateral" and n == "1")
    assert f".film:not(.{key})" in html and f"film no-answer no-answer {key}" in html


def test_the_same_rows_give_the_same_page():
    assert one_page() == one_page()
