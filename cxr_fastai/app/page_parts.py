"""What all pages of the server share: the frame, the line that is always in sight, warnings.

Words in, FastHTML components and html out. Every text is escaped by the components, and marks that
would turn or hide what stands beside them are spelled out here. No inline script, no inline style,
no reference to anywhere else.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from fastcore.xml import to_xml
from fasthtml import components as ft

from cxr_fastai.app.page_facts import PageFacts
from cxr_fastai.core import FolderWarning, printable

__all__ = ["ONLY", "frame", "notices", "text_of", "theme_choice"]

ONLY = "Research only, not a medical device."
NOT_FOR = "Not for diagnosis or any decision about a patient."
# A command in backticks: what is typed as it stands.
TYPED = re.compile(r"`([^`]+)`")
NO_BREAK_PERCENT = "\N{NO-BREAK SPACE}%"
THEMES = (("", "as the system"), ("light", "light"), ("room", "dark room"))

Part = Any  # a FastHTML component, or text


def frame(
    title: str,
    header: Sequence[Part],  # beside the line that is always in sight
    body: Sequence[Part],
    scripts: Sequence[str] = (),  # modules, by name
) -> str:
    """Write a page."""
    head = ft.Head(
        ft.Meta(charset="utf-8"),
        ft.Meta(name="viewport", content="width=device-width, initial-scale=1"),
        ft.Meta(name="color-scheme", content="light dark"),
        ft.Title(printable(title)),
        ft.Link(rel="icon", href="data:,"),
        ft.Link(rel="stylesheet", href="/static/style.css"),
        ft.Link(rel="stylesheet", href="/static/viewer.css"),
        ft.Script(src="/static/theme.js"),  # before anything is drawn: no flash of white
        *[ft.Script(src=f"/static/{name}", type="module") for name in scripts],
    )
    only = ft.P(ft.Strong(ONLY), " ", ft.Span(NOT_FOR, cls="not-for"))
    always = ft.Aside(only, cls="only", aria_label="What this is for")
    skip = ft.A("Skip to the films" if scripts else "Skip to the text", href="#work", cls="skip")
    page = ft.Html(head, ft.Body(skip, always, ft.Header(*header, cls="bar"), *body), lang="en")
    return str(to_xml(page, indent=False))


def theme_choice() -> Part:
    """Offer light and dark; shown by the script, as it does nothing without."""
    options = [ft.Option(words, value=value) for value, words in THEMES]
    words = ft.Span("Colours ", cls="theme-word")
    return ft.Label(words, ft.Select(*options, id="theme"), cls="theme", hidden=True)


def text_of(
    text: object,
) -> list[Part]:
    """Return a text as components: commands in backticks become code, 50 % stays on one line."""
    parts: list[Part] = []
    for number, piece in enumerate(TYPED.split(printable(text))):
        if number % 2:
            parts.append(ft.Code(piece))
        elif piece:
            parts.append(piece.replace(" %", NO_BREAK_PERCENT))
    return parts


def notices(
    facts: PageFacts,
) -> Part:
    """Say what must be known before any answer; nothing where there is nothing to be said."""
    found = [*_warned(facts.about.warnings), *_noted(facts)]
    if not found:
        return ""
    return ft.Section(*found, id="notices", cls="notices", aria_label="Before you read an answer")


def _warned(warnings: Sequence[FolderWarning]) -> Iterator[Part]:
    """Show each warning of training."""
    for warning in warnings:
        yield _notice("Training warned: ", f"{warning.says} {warning.do}", "box warn")


def _noted(facts: PageFacts) -> Iterator[Part]:
    """Show how the answers are made; that no gate is asked like a warning."""
    for number, note in enumerate(facts.about.notes):
        is_no_gate = number == 0 and not facts.has_gate
        yield _notice("No gate. " if is_no_gate else "", note, "box warn" if is_no_gate else "box")


def _notice(
    opening: str,  # in bold
    words: str,  # sentences
    kind: str,
) -> Part:
    """Show the first sentence of a notice always, the rest on demand."""
    first, _, rest = words.strip().partition(". ")
    says = [ft.Strong(opening) if opening else "", *text_of(first.rstrip(".")), "."]
    if rest:
        return ft.Details(ft.Summary(*says), ft.P(*text_of(rest)), cls=kind)
    return ft.P(*says, cls=kind)
