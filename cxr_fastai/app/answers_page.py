"""The page that the form without scripts answers with: a film and its answer a card, no picture.

Rows in, html out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fasthtml import components as ft

from cxr_fastai.app.page_facts import PageFacts
from cxr_fastai.app.page_parts import Part, frame, notices, text_of
from cxr_fastai.core import printable
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
    cards = [card_of(rows[number], place, names) for place, number in enumerate(order, start=1)]
    back = ft.Nav(ft.A("Other films", href="/"), aria_label="Pages")
    films = count(len(rows), "film")
    in_order = f"{films}: those without an answer come first, then {facts.about.order}."
    main = ft.Main(
        notices(facts),
        ft.P(in_order),
        *[ft.Article(*_card(card), cls=f"plain-card {card.kind}") for card in cards],
        id="work",
        tabindex="-1",
    )
    header = [ft.H1(f"{printable(facts.recipe)}: answers"), back]
    return frame(f"{facts.recipe}: answers", header, [main])


def _card(card: Card) -> Iterator[Part]:
    """Write a film's name, its answer, its notes and its probabilities."""
    yield ft.H2(ft.Bdi(printable(card.path)))
    yield ft.P(ft.Strong(printable(card.badge)), ": ", *text_of(card.words), cls="headline-line")
    yield from [ft.P(printable(f"Noted: {note}"), cls="soft") for note in card.notes]
    if card.lines:
        heads = [ft.Th(words, scope="col") for words in ("class", "probability", "threshold")]
        rows = [_line(line.name, line.words, line.threshold) for line in card.lines]
        yield ft.Table(ft.Thead(ft.Tr(*heads)), ft.Tbody(*rows))


def _line(name: str, words: str, threshold: str) -> Part:
    """Write a class's line."""
    return ft.Tr(ft.Th(printable(name), scope="row"), ft.Td(words), ft.Td(threshold))
