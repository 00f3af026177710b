"""The page at /card: the model card of each bundle that answers, and its scores.

PageFacts in, html out; works without scripts.
"""

from __future__ import annotations

from collections.abc import Iterator

from fasthtml import components as ft

from cxr_fastai.app.card_markdown import markdown_parts
from cxr_fastai.app.page_facts import PageFacts
from cxr_fastai.app.page_parts import Part, frame, notices, text_of, theme_choice
from cxr_fastai.core import printable

__all__ = ["card_page"]


def card_page(
    facts: PageFacts,
) -> str:
    """Write the page."""
    header = [
        ft.H1("Model card"),
        ft.Nav(ft.A("Films and answers", href="/"), aria_label="Pages"),
        theme_choice(),
    ]
    body: list[Part] = []
    for name in facts.cards:
        body += _card(facts, name)
    main = ft.Main(notices(facts), *body, id="work", tabindex="-1", cls="card")
    return frame(f"{facts.recipe}: model card", header, [main])


def _card(
    facts: PageFacts,
    name: str,  # of a bundle
) -> Iterator[Part]:
    """Write the card of one bundle, its scores behind it."""
    if facts.bundles > 1:
        yield ft.P(ft.Strong(f"Bundle {printable(name)}"), cls="soft")
    yield from markdown_parts(facts.cards[name])
    yield ft.H3("Scores")
    yield ft.Ul(*[ft.Li(*text_of(line)) for line in facts.about.scores[name]])
    computed = facts.about.facts[name].get("computed by", "")
    yield ft.P(f"Computed here by {printable(computed)}.", cls="soft")
