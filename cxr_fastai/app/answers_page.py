"""The page that the form without scripts answers with: a film and its answer a card, no picture.

Rows in, html out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fasthtml import components as ft

from cxr_fastai.app.page_facts import PageFacts
from cxr_fastai.app.page_parts import Part, frame, notices, text_of
from cxr_fastai.core import printable
from cxr_fastai.gate.kinds import KINDS
from cxr_fastai.reporting.text import count
from cxr_fastai.serving.cards import Card, card_of, reading_key
from cxr_fastai.serving.rows import Row

__all__ = ["answers_page"]


def answers_page(
    facts: PageFacts,
    rows: Sequence[Row],
) -> str:
    """Write the page, those without an answer first."""
    names = facts.about.names
    keys = [reading_key(row, names) for row in rows]
    order = sorted(range(len(rows)), key=keys.__getitem__)
    articles = []
    for place, number in enumerate(order, start=1):
        card = card_of(rows[number], place, names)
        parts = _card(card, _words(rows[number], card))
        articles.append(ft.Article(*parts, cls=f"plain-card {card.kind}"))
    back = ft.Nav(ft.A("Other films", href="/"), aria_label="Pages")
    films = count(len(rows), "film")
    in_order = f"{films}: those without an answer come first, then {facts.about.order}."
    main = ft.Main(
        notices(facts),
        ft.P(*text_of(in_order)),
        *articles,
        id="work",
        tabindex="-1",
    )
    header = [ft.H1(f"{printable(facts.recipe)}: answers"), back]
    return frame(f"{facts.recipe}: answers", header, [main])


def _words(row: Row, card: Card) -> str:
    """Say the numbers of an answer, or why there is none; this page has no flag to advise."""
    refused = row.get("gate", "")
    return f"{KINDS[refused]}: not answered" if refused else card.words


def _card(card: Card, words: str) -> Iterator[Part]:
    """Write a film's name, its answer, its notes and its probabilities."""
    yield ft.H2(ft.Bdi(printable(card.path)))
    yield ft.P(ft.Strong(printable(card.badge)), ": ", *text_of(words), cls="headline-line")
    yield from [ft.P(printable(f"Noted: {note}"), cls="soft") for note in card.notes]
    if card.lines:
        yield _table(card)


def _table(card: Card) -> Part:
    """Write the probabilities, with what each is held against where something is."""
    heads = ["class", "probability"]
    if any(line.threshold for line in card.lines):
        heads.append("threshold")
    rows = []
    for line in card.lines:
        cells = [line.words, line.threshold][: len(heads) - 1]
        name = ft.Th(printable(line.name), scope="row")
        rows.append(ft.Tr(name, *[ft.Td(cell) for cell in cells]))
    head = ft.Tr(*[ft.Th(words, scope="col") for words in heads])
    return ft.Table(ft.Thead(head), ft.Tbody(*rows))
