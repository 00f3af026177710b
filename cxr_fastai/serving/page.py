"""The page of predictions: what to look at first, by kind, offline and without a script.

Rows, thumbnails and what is known of the bundles in; one html text a page out. Thousands of films
are parted into pages, and beyond MAX_SHOWN the page says how many it leaves to the csv. Counts no
metric, reads and writes no file.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from cxr_fastai.core import FolderWarning
from cxr_fastai.gate.kinds import KINDS
from cxr_fastai.reporting.html import data_uri, render
from cxr_fastai.reporting.text import count
from cxr_fastai.serving.cards import (
    NO_ANSWER,
    NO_ANSWER_WORDS,
    UNREAD,
    UNREAD_WORDS,
    Card,
    Names,
    card_of,
    gate_key,
    reading_key,
)
from cxr_fastai.serving.rows import Row

__all__ = [
    "FILMS_A_PAGE",
    "MAX_SHOWN",
    "PAGE",
    "About",
    "Picture",
    "Thumb",
    "page_names",
    "pages_of",
]

PAGE = "predictions.html"
# A card is 4 to 6 kB, most of it the thumbnail (a JPEG of 128 px): a page stays near 2 MB.
FILMS_A_PAGE = 400
MAX_SHOWN = 4000  # films on all pages together; more are in the csv alone

Thumb = tuple[str, int, int]  # data URI, width, height
Picture = tuple[str, bytes]  # caption, bytes of a JPEG or PNG


@dataclass(frozen=True)
class About:
    """What the page says of the bundles that answered."""

    title: str  # of the page
    names: Names
    facts: Mapping[str, Mapping[str, str]]  # a bundle -> name of a fact -> words
    scores: Mapping[str, Sequence[str]]  # a bundle -> its scores with intervals, a line each
    warnings: Sequence[FolderWarning] = ()
    limits: str = ""  # what it must not be used for
    notes: Sequence[str] = ()  # how these answers were made: several bundles, test-time views
    files: Sequence[str] = ()  # that lie beside the page
    order: str = "those of the highest risk"  # what comes after those without an answer, in words


@dataclass(frozen=True)
class Kind:
    """A kind of films that the page can be narrowed to."""

    key: str
    words: str
    here: int  # films on this page
    all: int  # films on all pages, and beyond


@dataclass(frozen=True)
class Way:
    """A way to another page."""

    file: str
    words: str
    is_here: bool


@dataclass(frozen=True)
class Page:
    """A page: its cards, and the way to the others."""

    cards: Sequence[Card]
    kinds: Sequence[Kind]
    ways: Sequence[Way]
    films: int  # on all pages, and beyond
    shown: int  # on all pages
    # place of a card -> captions and URIs of pictures to be shown on demand; its thumbnail
    pictures: Mapping[int, Sequence[tuple[str, str]]] = field(default_factory=dict)
    thumbs: Mapping[int, Thumb] = field(default_factory=dict)

    @property
    def counted(self) -> str:
        """How many films there are, and which of them stand here."""
        words = count(self.films, "film")
        if len(self.cards) == self.shown:
            return words
        first = self.cards[0].place
        last = self.cards[-1].place
        return f"{words}, {first:,} to {last:,} on this page"


def page_names(
    films: int,  # that were predicted
) -> list[str]:  # of the files, the first first
    """Name the pages that so many films take."""
    pages = -(-min(films, MAX_SHOWN) // FILMS_A_PAGE)
    return [PAGE, *[f"predictions-{number}.html" for number in range(2, pages + 1)]]


def pages_of(
    rows: Sequence[Row],  # of all films, their risk given where there is one
    about: About,
    thumbs: Mapping[int, Thumb],  # number of a row -> thumbnail
    pictures: Mapping[int, Sequence[Picture]],  # number of a row -> pictures to show on demand
) -> dict[str, str]:  # file -> html
    """Write all pages, those who could not be answered first."""
    shown = _reading_order(rows, about.names)[:MAX_SHOWN]
    numbers = _numbers([card_of(row, 0, about.names) for row in rows])
    files = page_names(len(rows))
    pages = {}
    for i, file in enumerate(files):
        start = i * FILMS_A_PAGE
        here = shown[start : start + FILMS_A_PAGE]
        own = dict(enumerate(here, start + 1))  # place -> number
        cards = [card_of(rows[number], place, about.names) for place, number in own.items()]
        page = Page(
            cards=cards,
            kinds=_kinds(cards, numbers, about.names),
            ways=_ways(files, i, len(shown)),
            films=len(rows),
            shown=len(shown),
            pictures=_pictures_on(own, pictures),
            thumbs={place: thumbs[number] for place, number in own.items() if number in thumbs},
        )
        pages[file] = _html(page, about, is_first=i == 0)
    return pages


def _reading_order(
    rows: Sequence[Row],
    names: Names,
) -> list[int]:  # numbers of rows
    """Return the numbers of rows in the order in which they are to be read."""
    keys = [reading_key(row, names) for row in rows]
    numbers = range(len(rows))
    return sorted(numbers, key=keys.__getitem__)


def _pictures_on(
    own: Mapping[int, int],  # of a page: place -> number of a row
    pictures: Mapping[int, Sequence[Picture]],  # number of a row -> pictures
) -> dict[int, list[tuple[str, str]]]:
    """Return captions and URIs of the pictures of each card."""
    found = {}
    for place, number in own.items():
        found[place] = _figures(pictures.get(number, ()))
    return found


def _html(
    page: Page,
    about: About,
    is_first: bool,  # and tells what the bundles are
) -> str:
    """Write one page."""
    return render(
        "serving",
        "predictions.html",
        p=page,
        about=about,
        is_first=is_first,
        rules=_rules(page.kinds),
    )


def _numbers(cards: Sequence[Card]) -> Counter[str]:
    """Count the films of each kind."""
    numbers: Counter[str] = Counter()
    for card in cards:
        numbers.update(card.keys)
    return numbers


def _kinds(
    cards: Sequence[Card],  # of a page
    numbers: Mapping[str, int],  # of all films
    names: Names,
) -> list[Kind]:
    """List the kinds on a page, those without an answer first, then the classes in their order."""
    words = {UNREAD: UNREAD_WORDS, NO_ANSWER: NO_ANSWER_WORDS}
    for refused in KINDS:
        words[gate_key(refused)] = refused.replace("_", " ")
    for label in names.labels:
        words[names.key_of(label)] = names.shown(label)
    here = _numbers(cards)
    return [Kind(key, words[key], here[key], numbers[key]) for key in words if here[key]]


def _ways(
    files: Sequence[str],  # of all pages
    here: int,  # number of the page, from 0
    shown: int,  # films on all pages
) -> list[Way]:
    """Describe the ways from a page to all."""
    ways = []
    for i, file in enumerate(files):
        first = i * FILMS_A_PAGE + 1
        last = min(first + FILMS_A_PAGE - 1, shown)
        ways.append(Way(file, f"{first:,} to {last:,}", i == here))
    return ways


def _figures(
    pictures: Sequence[Picture],
) -> list[tuple[str, str]]:  # caption, URI
    """Return captions and the URIs that hold the pictures."""
    found = []
    for caption, data in pictures:
        kind = "jpeg" if data.startswith(b"\xff\xd8") else "png"
        found.append((caption, data_uri(data, kind)))
    return found


def _rules(
    kinds: Sequence[Kind],  # on the page
) -> str:
    """Write the style rules that narrow a page to one kind, of marks that html does not escape."""
    lines = []
    for kind in kinds:
        chosen = f".cxr-report #show-{kind.key}:checked~"
        lines.append(f"{chosen}.films .film:not(.{kind.key}){{display:none}}")
    for key in ("all", *[kind.key for kind in kinds]):
        label = f".kinds [for=show-{key}]"
        chosen = f".cxr-report #show-{key}:checked~"
        focus = f".cxr-report #show-{key}:focus-visible~"
        lines.append(f"{chosen}{label}{{border-color:var(--blue);background:var(--tint)}}")
        lines.append(f"{chosen}{label}{{box-shadow:inset 0 -3px var(--blue)}}")
        lines.append(f"{focus}{label}{{outline:2px solid var(--blue);outline-offset:2px}}")
    return " ".join(lines)  # a line break would be spelled out
