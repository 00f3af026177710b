"""The Markdown of a model card as FastHTML components: the little of it that a card is written in.

Headings, paragraphs, lists, tables, indented commands, bold and code; anything else stays text.
Text in, components out, all escaped.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from html import unescape

from fasthtml import components as ft

from cxr_fastai.app.page_parts import Part
from cxr_fastai.core import printable

__all__ = ["markdown_parts"]

HEAD = "---"  # stands round the front matter, which is for the Hub
COMMAND = "    "  # what a command is indented by
BULLET = "- "
# What stands inside a line: a command, something bold, a mark that is meant as it stands.
INLINE = re.compile(r"`([^`]+)`|\*\*((?:\\.|[^\\*])+)\*\*|\\(.)")
CELL = re.compile(r"(?<!\\)\|")  # between the cells of a table


def markdown_parts(
    text: str,  # of a model card
    top: int = 2,  # level that its first heading gets
) -> list[Part]:
    """Turn a card into components."""
    parts = []
    for block in _blocks(_without_head(text)):
        parts.append(_block(block, top))
    return parts


def _without_head(text: str) -> list[str]:
    """Return the lines of a card behind its front matter."""
    lines = text.split("\n")
    if lines[0] != HEAD or HEAD not in lines[1:]:
        return lines
    return lines[lines.index(HEAD, 1) + 1 :]


def _kind(line: str) -> str:
    """Tell what a line belongs to; lines of one kind that follow each other are one block."""
    if line.startswith("#"):
        return "heading"
    for kind, start in (("command", COMMAND), ("list", BULLET), ("table", "|")):
        if line.startswith(start):
            return kind
    return "text"


def _blocks(
    lines: Sequence[str],
) -> Iterator[list[str]]:  # none is empty
    """Part lines into blocks: at blank lines, and where another kind begins."""
    block: list[str] = []
    for line in lines:
        is_new = bool(block) and (_kind(line) != _kind(block[0]) or _kind(line) == "heading")
        if block and (is_new or not line.strip()):
            yield block
            block = []
        if line.strip():
            block.append(line)
    if block:
        yield block


def _block(lines: Sequence[str], top: int) -> Part:
    """Turn one block into a component."""
    kind = _kind(lines[0])
    if kind == "heading":
        marks, _, words = lines[0].partition(" ")
        level = min(top + len(marks) - 1, 6)
        return getattr(ft, f"H{level}")(*_inline(words))
    if kind == "command":
        return ft.Pre(ft.Code("\n".join(printable(line.strip()) for line in lines)))
    if kind == "list":
        return ft.Ul(*[ft.Li(*_inline(line.removeprefix(BULLET))) for line in lines])
    if kind == "table":
        return _table(lines)
    return ft.P(*_inline(" ".join(line.strip() for line in lines)))


def _table(lines: Sequence[str]) -> Part:
    """Turn the lines of a table into one; the second parts its head from its body."""
    rows = [_cells(line) for line in lines]
    head = ft.Tr(*[ft.Th(*_inline(cell), scope="col") for cell in rows[0]])
    body = []
    for first, *others in rows[2:]:
        cells = [ft.Td(*_inline(cell)) for cell in others]
        body.append(ft.Tr(ft.Th(*_inline(first), scope="row"), *cells))
    table = ft.Table(ft.Thead(head), ft.Tbody(*body))
    words = f"Table: {', '.join(_plain(cell) for cell in rows[0] if cell.strip())}"
    return ft.Div(table, cls="wide", tabindex="0", role="group", aria_label=words)


def _cells(line: str) -> list[str]:
    """Part a line of a table into its cells."""
    inner = line.strip().removeprefix("|").removesuffix("|")
    return [cell.strip() for cell in CELL.split(inner)]


def _inline(text: str) -> list[Part]:
    """Turn what stands inside a line into components."""
    parts: list[Part] = []
    at = 0
    for found in INLINE.finditer(text):
        parts.append(_plain(text[at : found.start()]))
        parts.append(_marked(found))
        at = found.end()
    parts.append(_plain(text[at:]))
    return [part for part in parts if part]


def _plain(text: str) -> str:
    """Return text as it is meant: the card spells out < > &."""
    return printable(unescape(text))


def _marked(found: re.Match[str]) -> Part:
    """Turn a command, something bold or a mark meant as it stands into a component."""
    if found[1]:
        return ft.Code(printable(found[1]))
    if found[2]:
        return ft.Strong(*_inline(found[2]))
    return _plain(found[3])
