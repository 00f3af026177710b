"""Folders inside those of the classes, which might be the classes that a user means.

A Layout -> the inner folders by class, and how to take them as classes. It reads no file.
"""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from cxr_fastai.advice import flag
from cxr_fastai.curation.own.layout import GENERIC, Layout
from cxr_fastai.reporting.text import count

__all__ = ["Inner", "inner_folders", "inner_words"]

MAX_INNER = 12  # folders in all: more of them are patients, not classes
LEAST_IMAGES = 2  # of each, on average: a folder an image parts nothing
MAX_NAMED = 4  # folders in one sentence

Inner = dict[str, dict[str, int]]  # path of a class folder -> inner folder -> images


def inner_folders(layout: Layout) -> Inner:
    """Return the folders just inside a class folder that may be classes themselves.

    Those that are named for how images were gathered (site1, images, patient 17) are none, nor is
    one that lies alone in a class folder, nor are so many that they must be patients.
    """
    inner: dict[str, Counter[str]] = {}
    for path, one in layout.placed.items():
        name, slash, _ = one.below.partition("/")
        if slash and GENERIC.fullmatch(name) is None:
            above = path.removesuffix(f"/{one.below}")
            inner.setdefault(above, Counter())[name] += 1
    parted: Inner = {}
    numbers: list[int] = []
    for above, own in sorted(inner.items()):
        if len(own) > 1:
            parted[above] = dict(sorted(own.items()))
            numbers += own.values()
    if len(numbers) > MAX_INNER or sum(numbers) < LEAST_IMAGES * len(numbers):
        return {}
    return parted


def inner_words(
    inner: Mapping[str, Mapping[str, int]],  # of inner_folders
    folder: Path,  # the user's
) -> str:
    """Say that inner folders are no classes, and how they are taken as such."""
    above, own = next(iter(inner.items()))
    named = [f"{name} {n:,}" for name, n in own.items()]
    more = len(named) - MAX_NAMED
    words = ", ".join(named[:MAX_NAMED]) + (f" and {more} more" if more > 0 else "")
    others = f", and those of {count(len(inner) - 1, 'other folder')}" if len(inner) > 1 else ""
    deeper = str(folder / above)
    whole = f"--folder {shlex.quote(deeper)} (Python: folder={deeper!r})"
    return (
        f"folders inside {above} ({words}){others} are taken together as their class: to tell "
        "them apart, move each beside the other class folders, or name the labels in a csv "
        f"({flag('table')}); {whole} takes the inner folders of that one as "
        "classes, without the others"
    )
