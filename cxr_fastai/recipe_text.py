"""A recipe as the text of a recipe file.

A Recipe -> TOML that `load_recipe` reads back as the same recipe; what it leaves at its default is
left out. It writes no file.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from cxr_fastai.recipes import Recipe
from cxr_fastai.train_settings import Train

__all__ = ["recipe_text"]

PLAIN_KEY = re.compile(r"[A-Za-z0-9_-]+")


def recipe_text(recipe: Recipe) -> str:
    """Return the text of a recipe file."""
    values = recipe.to_dict()
    default = Recipe(recipe.name, "", {}).to_dict()
    usual = Recipe("", "", {}, train=Train()).to_dict()["train"]
    plain: list[str] = []
    tables: list[str] = []
    for key, value in values.items():
        if key == "train":
            value = {name: each for name, each in value.items() if each != usual[name]}
        elif key not in ("name", "title", "task") and value == default[key]:
            continue
        if isinstance(value, Mapping):
            tables += _table(key, value)
        else:
            plain.append(_line(key, value))
    return "\n".join([*plain, *tables]) + "\n"


def _table(key: str, values: Mapping[str, Any]) -> list[str]:
    """Return the lines of a table; none of an empty one."""
    if not values:
        return []
    return ["", f"[{key}]", *(_line(name, value) for name, value in values.items())]


def _line(key: str, value: object) -> str:
    """Return KEY = VALUE. JSON writes texts, numbers and lists as TOML reads them."""
    name = key if PLAIN_KEY.fullmatch(key) else _text(key)
    if isinstance(value, str):
        return f"{name} = {_text(value)}"
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return f"{name} = [{', '.join(map(_text, value))}]"
    return f"{name} = {json.dumps(value)}"


def _text(text: str) -> str:
    """Return a basic string of TOML."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
