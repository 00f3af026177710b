"""The head of a card, changed: its YAML between two lines of dashes.

A card's text and a record in, the card with these keys in its head out. It reads no YAML: a key of
the top stands at the beginning of its line, as reporting.front_matter writes it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from cxr_fastai.reporting.front_matter import front_matter

__all__ = ["head_value", "with_head"]

HEAD = re.compile(r"---\n(.*?\n)---\n", re.S)
KEY = re.compile(r"([A-Za-z_-]+):")


def with_head(
    card: str,
    record: Mapping[str, Any],  # key -> value, instead of what the head says of it; None: drop it
) -> str:
    """Return a card whose head says what `record` does; one without a head gets one."""
    found = HEAD.match(card)
    old = found[1] if found else ""
    body = card[found.end() :] if found else f"\n{card}"
    lines = ["---"]
    for key, own in _entries(old):
        if key not in record:
            lines += own
    new = front_matter(record).split("\n")
    lines += new[1:-1]  # without its first line of dashes, with its last
    return "\n".join([*lines, body])


def head_value(
    card: str,
    key: str,
) -> str:
    """Return a text of the head, as license; '' where it has none."""
    found = HEAD.match(card)
    head = found[1] if found else ""
    for name, lines in _entries(head):
        if name == key:
            value = lines[0].partition(":")[2].strip()
            return value.strip("\"'")
    return ""


def _entries(
    head: str,  # without its lines of dashes
) -> list[tuple[str, list[str]]]:
    """Part a head by its keys: key, and its lines. Lines before the first key have the key ''."""
    entries: list[tuple[str, list[str]]] = []
    for line in head.splitlines():
        key = KEY.match(line)
        if key:
            entries.append((key[1], [line]))
        elif entries:
            entries[-1][1].append(line)
        else:
            entries.append(("", [line]))
    return entries
