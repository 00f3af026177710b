"""JSON that others wrote, as strict as the JSON that this library writes.

Text or bytes -> a value that can be written again, or a `ValueError`. It opens no file.
"""

from __future__ import annotations

import json
from typing import Any

__all__ = ["parse_json"]


def parse_json(data: str | bytes) -> Any:
    """Parse strict JSON.

    Raises `ValueError` for what is none, as NaN or half a character, or is nested too deeply.
    """
    try:
        value = json.loads(data, parse_constant=_refuse_constant)
        json.dumps(value, ensure_ascii=False).encode()  # half a character has no bytes
    except RecursionError as e:
        raise ValueError("it is nested too deeply") from e
    return value


def _refuse_constant(name: str) -> None:
    """Refuse NaN and Infinity, which Python's parser would take."""
    raise ValueError(f"{name} is no JSON number")
