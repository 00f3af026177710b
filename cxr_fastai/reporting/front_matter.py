"""The head of a card as the Hugging Face Hub reads it: YAML between two lines of dashes.

A record in, text out. Writes no file, needs no YAML library: names are plain, every text stands in
JSON's quotes, which YAML reads as they are.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["front_matter"]


def front_matter(record: Mapping[str, Any]) -> str:
    """Return the head of a card, with a final newline. What is empty or None is left out."""
    lines = ["---", *_mapping_lines(record), "---"]
    return "\n".join(lines) + "\n"


def _mapping_lines(record: Mapping[str, Any]) -> list[str]:
    """Write a record, a line a value; records and lists below it are set in."""
    lines = []
    for name, value in record.items():
        if value is None or value in ("", [], {}):
            continue
        if isinstance(value, Mapping):
            lines.append(f"{name}:")
            lines += [f"  {line}" for line in _mapping_lines(value)]
        elif isinstance(value, list):
            lines.append(f"{name}:")
            lines += _list_lines(value)
        else:
            lines.append(f"{name}: {json.dumps(value, ensure_ascii=False)}")
    return lines


def _list_lines(values: Sequence[Any]) -> list[str]:
    """Write a list, an entry a line; a record's first line stands behind the dash."""
    lines = []
    for value in values:
        if isinstance(value, Mapping):
            first, *rest = _mapping_lines(value)
            lines.append(f"- {first}")
            lines += [f"  {line}" for line in rest]
        else:
            lines.append(f"- {json.dumps(value, ensure_ascii=False)}")
    return lines
