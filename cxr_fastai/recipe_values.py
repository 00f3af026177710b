"""What a key of a recipe file may hold: its keys, the shape of each value, its filters.

A mapping as TOML or JSON gave it -> nothing, or a `RecipeError` that names file, key, value and
what is allowed. It does not know what a recipe means: recipes.py checks that.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Mapping
from typing import Any

from cxr_fastai.core import RecipeError, unknown_name

__all__ = [
    "FILTERS",
    "SHAPES",
    "are_texts",
    "check_filters",
    "check_keys",
    "check_one_of",
    "check_shapes",
    "is_number",
    "is_whole",
]

GREATEST = sys.float_info.max  # a whole number beyond it is none to compute with
# What a value must be, in words, and whether it is.
Shape = tuple[str, Callable[[Any], bool]]


def is_whole(value: object, least: int) -> bool:
    """Tell whether a value is a whole number of at least `least`; true and false are none."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def is_number(value: object) -> bool:
    """Tell whether a value is a finite number; true and false are none."""
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return False
    return -GREATEST <= value <= GREATEST


def are_texts(value: object) -> bool:
    """Tell whether a value is a list of texts."""
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _is_text(value: object) -> bool:
    """Tell whether a value is a text."""
    return isinstance(value, str)


def _is_list(value: object) -> bool:
    """Tell whether a value is a list."""
    return isinstance(value, list)


def _is_table(value: object) -> bool:
    """Tell whether a value is a table."""
    return isinstance(value, dict)


def _is_table_where(value: object, fits: Callable[[object], bool]) -> bool:
    """Tell whether a value is a table all of whose values fit."""
    return isinstance(value, dict) and all(map(fits, value.values()))


def _is_table_of_texts(value: object) -> bool:
    """Tell whether a value is a table of texts."""
    return _is_table_where(value, _is_text)


def _is_table_of_lists(value: object) -> bool:
    """Tell whether a value is a table of lists."""
    return _is_table_where(value, _is_list)


def _is_table_of_lists_of_texts(value: object) -> bool:
    """Tell whether a value is a table of lists of texts."""
    return _is_table_where(value, are_texts)


def _are_shares(value: object) -> bool:
    """Tell whether a value is a list of shares from 0.5 to below 1."""
    if not isinstance(value, list):
        return False
    return all(is_number(share) and 0.5 <= share < 1 for share in value)


def _is_share(value: Any) -> bool:
    """Tell whether a value is a share from 0.5 to 1."""
    return is_number(value) and 0.5 <= value <= 1


SHAPES: dict[str, Shape] = {
    "classes": ("a table of lists of findings", _is_table_of_lists_of_texts),
    "exclude": ("a table of lists of findings", _is_table_of_lists_of_texts),
    "display": ("a table of names", _is_table_of_texts),
    "sources": ("a list of source ids", are_texts),
    "train": ("a table", _is_table),
    "filters": ("a table of lists", _is_table_of_lists),
    "triage": ("a list of shares, 0.5 to below 1", _are_shares),
    "beside": ("a list of architectures", are_texts),
    "metrics": ("a list of metrics", are_texts),
    "sensitivity": ("a share, 0.5 to 1", _is_share),
    "name": ("a text", _is_text),
    "title": ("a text", _is_text),
    "task": ("a text", _is_text),
    "yields": ("a text", _is_text),
    "negative": ("a text", _is_text),
}


def _are_sexes(value: list[Any]) -> bool:
    """Tell whether a filter names F, M or both."""
    return are_texts(value) and set(value) <= {"F", "M"}


def _is_age_range(value: list[Any]) -> bool:
    """Tell whether a filter is the least and the greatest age, in years."""
    return len(value) == 2 and all(map(is_number, value)) and 0 <= value[0] <= value[1]


def _is_least_side(value: list[Any]) -> bool:
    """Tell whether a filter is the least side alone, in px."""
    return len(value) == 1 and is_whole(value[0], 1)


# An image whose cell is empty, or whose age is not given, does not pass a filter of it.
FILTERS: dict[str, Shape] = {
    "view": ("a list of views, as PA, AP", are_texts),
    "sex": ("a list of F and M", _are_sexes),
    "age": ("[least, most] years", _is_age_range),
    "side": ("[least] px of the shorter side", _is_least_side),
}


def check_keys(
    values: Mapping[str, Any],
    allowed: Collection[str],
    where: str,  # names the file, and the table in it, in errors
) -> None:
    """Raise `RecipeError` for what is no table, or a key that is not allowed."""
    if not isinstance(values, Mapping):
        raise RecipeError(f"{where} is {values!r:.80}: expected a table of keys and values.")
    for key in values:
        if key not in allowed:
            raise RecipeError(unknown_name("key", key, sorted(allowed), where))


def check_one_of(
    value: str,
    allowed: Collection[str],
    kind: str,  # what it names: "class", "metric"
    where: str,  # names the file in errors
) -> None:
    """Raise `RecipeError` for a name that is not allowed."""
    if value not in allowed:
        raise RecipeError(unknown_name(kind, value, allowed, where))


def check_shapes(values: Mapping[str, Any], where: str) -> None:
    """Raise `RecipeError` for a value of a wrong type or range."""
    for key, (expected, fits) in SHAPES.items():
        if key not in values:
            continue
        value = values[key]
        if not fits(value):
            raise RecipeError(f"{where}: key {key!r} is {value!r}: expected {expected}.")


def check_filters(filters: Mapping[str, list[Any]], where: str) -> None:
    """Raise `RecipeError` for a filter that does not exist or cannot be met."""
    place = f"{where} [filters]"
    for key, value in filters.items():
        check_one_of(key, FILTERS, "filter", place)
        expected, fits = FILTERS[key]
        if not fits(value):
            raise RecipeError(f"{place}: {key} = {value!r}: expected {expected}.")
