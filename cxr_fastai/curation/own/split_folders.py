"""Folders that name a split: train, val, testing, in any case and spelling.

Names of folders -> the split that they say, or ''. It reads no file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

from cxr_fastai.core import UsageError

__all__ = ["split_of_folder", "place_of_split", "has_splits", "refuse_splits_in_names"]

# What people call the folders of a split, as letters in one case.
SPLIT_WORDS = {
    "train": ("train", "training", "trn"),
    "valid": ("val", "valid", "validation", "validate", "dev", "development"),
    "test": ("test", "testing", "tests", "holdout", "tst"),
}
SPLIT_TAIL = re.compile(r"(set|data|images|imgs|split|ing|folder)?$")


@lru_cache(maxsize=4096)
def split_of_folder(name: str) -> str:
    """Return the split that a folder's name says, in any case and spelling; '' for none."""
    letters = re.sub(r"[\W\d_]+", "", name.casefold())
    for split, words in SPLIT_WORDS.items():
        if letters in words or SPLIT_TAIL.sub("", letters) in words:
            return split
    return ""


def place_of_split(parts: Sequence[str]) -> int:
    """Return where a path names a split first; -1 for nowhere."""
    return next((i for i, part in enumerate(parts) if split_of_folder(part)), -1)


def has_splits(folders: Sequence[tuple[str, ...]]) -> bool:
    """Tell whether folders are split: two splits or more are named, train among them.

    A folder named test alone may be a class.
    """
    named = set()
    for parts in folders:
        at = place_of_split(parts)
        if at >= 0:
            named.add(split_of_folder(parts[at]))
    return "train" in named and len(named) > 1


def refuse_splits_in_names(
    folders: Iterable[Sequence[str]],  # of each image, without that of its split
    where: str,  # for messages
) -> None:
    """Raise `UsageError` for folders that name a split and a class in one: train_normal."""
    found: dict[str, str] = {}  # split -> the first folder that names it
    for parts in folders:
        for part in parts:
            split = split_of_folder(re.split(r"[ _.-]", part)[0])
            if split and not split_of_folder(part):
                found.setdefault(split, part)
    if "train" in found and len(found) > 1:
        named = ", ".join(sorted(found.values()))
        raise UsageError(
            f"{where}: folders name a split and a class in one ({named}): "
            "make folders train/CLASS and test/CLASS of them."
        )
