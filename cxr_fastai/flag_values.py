"""How the text of a flag is read: lists, numbers, settings, a name and its class.

Text in, values out, or an `ArgumentTypeError`; which flags there are stands in flags.py.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from cxr_fastai.one_line_parser import GivenOnce, Joined, SwitchGivenOnce

if TYPE_CHECKING:
    from cxr_fastai.recipes import Setting

__all__ = ["above_zero", "ids", "whole", "port", "name_and_class", "form"]

LAST_PORT = 65_535


def ids(text: str | None) -> list[str]:
    """Return the parts of a,b,c; none of None."""
    parts = [part.strip() for part in (text or "").split(",")]
    return [part for part in parts if part]


def whole(text: str) -> int:
    """Read a whole number above 0."""
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number above 0, found {text!r}")
    return int(text)


def port(text: str) -> int:
    """Read the number of a port; 0 stands for any that is free."""
    if not (text.isascii() and text.isdigit()) or int(text) > LAST_PORT:
        raise argparse.ArgumentTypeError(
            f"expected a whole number from 0 to {LAST_PORT}, found {text!r}"
        )
    return int(text)


def above_zero(text: str) -> float:
    """Read a number above 0, with a decimal point or without."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"expected a number above 0, found {text!r}")
    return number


def name_and_class(text: str) -> tuple[str, str]:
    """Read NAME=CLASS."""
    name, equals, label = text.rpartition("=")
    if not equals or not name.strip() or not label.strip():
        raise argparse.ArgumentTypeError(f"expected NAME=CLASS, found {text!r}")
    return name.strip(), label.strip()


def form(setting: Setting) -> dict[str, Any]:
    """Return how argparse reads a training setting; its range is checked with the recipe's."""
    if setting.kind is bool:
        return {"action": SwitchGivenOnce}
    if setting.choices:
        return {"choices": setting.choices}
    read, metavar = FORMS[setting.kind]
    kept = Joined if setting.kind is list else GivenOnce
    return {"type": read, "metavar": metavar, "action": kept}


def _number(text: str) -> int | float | str:
    """Return a number where it is one; else the text, for the check to judge."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return text


def _numbers(text: str) -> list[int | float | str]:
    """Read numbers joined by commas."""
    return [_number(part) for part in ids(text)]


# kind of a setting -> what reads its text, what stands for it in the help
FORMS: dict[type, tuple[Callable[[str], Any], str]] = {
    int: (_number, "N"),
    float: (_number, "X"),
    str: (str, "NAME"),
    list: (_numbers, "PX,.."),
}
