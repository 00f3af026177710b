"""What a JSON value may be: small questions that `meta` asks of each key of bundle.json.

One value in, yes or no out. Numbers never include true and false, which Python counts as 1 and 0.
"""

from __future__ import annotations

import sys

__all__ = [
    "is_whole",
    "is_number",
    "is_text",
    "is_record",
    "is_share",
    "is_sha256",
    "are_texts",
    "are_numbers",
    "are_shares",
    "are_different_texts",
]

GREATEST = sys.float_info.max  # a whole number beyond it is none to compute with
HEX_DIGITS = set("0123456789abcdef")


def is_whole(
    value: object,
    least: int = 0,
) -> bool:
    """Tell whether a value is a whole number of at least `least`."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def is_number(value: object) -> bool:
    """Tell whether a value is a finite number."""
    if isinstance(value, bool):
        return False
    return isinstance(value, (int, float)) and -GREATEST <= value <= GREATEST


def is_share(value: object) -> bool:
    """Tell whether a value is a number from 0 to 1."""
    if not isinstance(value, (int, float)):
        return False
    return is_number(value) and 0 <= value <= 1


def is_text(value: object) -> bool:
    """Tell whether a value is a string."""
    return isinstance(value, str)


def is_record(value: object) -> bool:
    """Tell whether a value is a JSON object."""
    return isinstance(value, dict)


def is_sha256(value: object) -> bool:
    """Tell whether a value is 64 hex digits in lower case."""
    if not isinstance(value, str):
        return False
    return len(value) == 64 and set(value) <= HEX_DIGITS


def are_texts(value: object) -> bool:
    """Tell whether a value is an object whose values are strings."""
    if not isinstance(value, dict):
        return False
    return all(is_text(v) for v in value.values())


def are_numbers(value: object) -> bool:
    """Tell whether a value is an object whose values are finite numbers."""
    if not isinstance(value, dict):
        return False
    return all(is_number(v) for v in value.values())


def are_shares(value: object) -> bool:
    """Tell whether a value is an object whose values are numbers from 0 to 1."""
    if not isinstance(value, dict):
        return False
    return all(is_share(v) for v in value.values())


def are_different_texts(value: object) -> bool:
    """Tell whether a value is a list of at least one string, none of them twice."""
    if not isinstance(value, list) or not value:
        return False
    if not all(is_text(v) for v in value):
        return False
    return len(set(value)) == len(value)
