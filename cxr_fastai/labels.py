"""The label of an image, as manifest.csv writes it: one class, or what is known of several.

Under a single-label recipe a label is a class. Under a multi-label recipe it is the classes that
are present, ?those of which nothing is known, and NONE where none is present; a class that is not
named is absent. A label's text -> its parts. It knows no recipe and no finding.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

__all__ = [
    "NONE",
    "RESERVED",
    "UNSET",
    "present",
    "unknown",
    "targets",
    "contradict",
    "is_combination",
]

NONE = "none"
# Folders that a curated folder may have beside those of classes: `conflicts` before it had a dot.
RESERVED = ("conflicts", "images")
# From here a class of a multi-label bundle counts as present, where validation fixed no threshold.
UNSET = 0.5


def present(
    label: str,  # of a manifest: normal, effusion|mass, pneumonia|?hernia, none
) -> tuple[str, ...]:
    """Return the classes that an image belongs to; (NONE,) where it belongs to none."""
    return tuple(name for name in label.split("|") if not name.startswith("?"))


def unknown(label: str) -> tuple[str, ...]:
    """Return the classes of which nothing is known."""
    return tuple(name[1:] for name in label.split("|") if name.startswith("?"))


def targets(label: str, vocab: Sequence[str]) -> list[float]:
    """Return 1 for each class that is present, 0 absent, nan unknown, in vocab order."""
    values = dict.fromkeys(vocab, 0.0)
    values.update(dict.fromkeys(unknown(label), math.nan))
    values.update(dict.fromkeys(present(label), 1.0))
    return [values[name] for name in vocab]


def contradict(a: str, b: str) -> bool:
    """Tell whether a class is present under one label and known to be absent under the other."""
    return _denied(a, by=b) or _denied(b, by=a)


def _denied(label: str, by: str) -> bool:
    """Tell whether a class is present under `label` and known to be absent under `by`."""
    claimed = set(present(label)) - {NONE}
    possible = {*present(by), *unknown(by)}
    return not claimed <= possible


def is_combination(label: str, classes: Sequence[str]) -> bool:
    """Tell whether a multi-label recipe of these classes can write `label`.

    Each class is named once at most, at least one class or NONE is present, and NONE is present
    alone: what is unknown may stand beside it.
    """
    classes_present = present(label)
    named = [*classes_present, *unknown(label)]
    if not classes_present or len(set(named)) < len(named):
        return False
    if not {NONE, *classes}.issuperset(named):
        return False
    return NONE not in named or classes_present == (NONE,)
