"""Which split a source fixes for an image: by its path, by a list of test images, or by its rule.

Rules and list files -> train, valid, test or ''. It assigns no split of its own.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePosixPath

from cxr_fastai.catalog import LIST_SPLIT, Rule, Source
from cxr_fastai.core import FolderWarning, IntegrityError
from cxr_fastai.csv_cells import nfc
from cxr_fastai.curation.sources.item import LISTING_DIFFERS, Item
from cxr_fastai.curation.sources.tree import Tree
from cxr_fastai.reporting.text import count

__all__ = ["Lists", "read_lists", "official_split", "list_warnings"]


@dataclass(frozen=True)
class Lists:
    """Names that a source lists, or their stems where names in shards may lack an ending."""

    test: frozenset[str]
    rest: frozenset[str] | None  # all others; None: no such file


def read_lists(
    source: Source,
    tree: Tree,
    find: Callable[[str], str],  # gives the first path that meets a glob, or ''
) -> dict[str, Lists]:
    """Return the cell of column split -> the lists it names.

    Raises `IntegrityError` where a list that must be there is not.
    """
    lists: dict[str, Lists] = {}
    for rule in source.rules:
        named = LIST_SPLIT.fullmatch(rule.split)
        if not named or rule.split in lists:
            continue
        test = find(f"**/{named['test']}")
        rest = find(f"**/{named['rest']}") if named["rest"] else ""
        if test:
            lists[rule.split] = Lists(
                test=_names(source, tree, test),
                rest=_names(source, tree, rest) if rest else None,
            )
        elif not named["optional"]:
            raise IntegrityError(
                f"{source.id}: no {named['test']} in {tree.where}: "
                f"it names the official test set (row {rule.row}). Fetch it too."
            )
    return lists


def _names(
    source: Source,
    tree: Tree,  # its files
    path: str,  # of the list
) -> frozenset[str]:
    """Read a list: a name a line, blank lines left out.

    Raises `IntegrityError` where it is no text.
    """
    try:
        text = tree.file(path).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as e:
        raise IntegrityError(f"{path} in {tree.where}: not utf-8 at byte {e.start}.") from e
    lines = [line.strip() for line in text.splitlines()]
    return frozenset(_key(source, line) for line in lines if line)


def _key(
    source: Source,
    name: str,  # of an image, or a line of a list
) -> str:
    """Return what a name is looked up by: its last part, of shards without its ending."""
    path = PurePosixPath(nfc(name).replace("\\", "/"))
    return path.stem if source.label_from == "shard" else path.name


def official_split(
    source: Source,
    rule: Rule,
    path: str,  # of the file
    lists: dict[str, Lists],
    name: str = "",  # of the image, where the file holds many
) -> str:
    """Return train, valid, test, or '' where the source leaves it open."""
    if rule.split == "train":
        return "train"
    if rule.split.startswith("path:"):
        return _named_by_path(rule.split.removeprefix("path:"), path)
    if rule.split not in lists:
        return ""
    listed = _key(source, name or path) in lists[rule.split].test
    return "test" if listed else ""


def _named_by_path(
    regex: str,  # with groups train, valid, test
    path: str,  # of an image's file
) -> str:
    """Return the first group of a regular expression that a path fills, or ''.

    Groups are tried in the order of the expression.
    """
    found = re.search(regex, path)
    groups = found.groupdict() if found else {}
    return next((split for split, part in groups.items() if part is not None), "")


def list_warnings(
    source: Source,
    items: list[Item],  # all of the source
    lists: dict[str, Lists],  # cell of column split -> the lists it names
) -> list[FolderWarning]:
    """Say what does not add up between the lists and the images that are there.

    Images under another rule's split are not looked at.
    """
    warnings = []
    for split, names in lists.items():
        of_split = [item for item in items if item.rule.split == split]
        keys = [_key(source, _image_name(item)) for item in of_split]
        for what in _mismatches(split, names, keys):
            warnings.append(
                FolderWarning(
                    kind=LISTING_DIFFERS,
                    says=f"{source.id}: {what}",
                    numbers={"source": source.id},
                )
            )
    return warnings


def _image_name(item: Item) -> str:
    """Return the path of a file, or the name of an image in one that holds many."""
    return item.path if item.array is None else item.path.rpartition("#")[2]


def _mismatches(
    split: str,  # a cell of column split
    names: Lists,  # that the lists hold
    keys: list[str],  # of the images under that rule
) -> list[str]:
    """Say what is wrong: no image is listed, or some in neither list or in both.

    Of each sort the first image is named.
    """
    cell = LIST_SPLIT.fullmatch(split)
    test, rest = cell.group("test", "rest") if cell else ("", "")
    out = []
    if keys and names.test.isdisjoint(keys):
        out.append(f"{test} names none of its {count(len(keys), 'image')}")
    if names.rest is None:
        return out
    neither = [key for key in keys if key not in names.test and key not in names.rest]
    both = [key for key in keys if key in names.test and key in names.rest]
    if neither:
        drawn = "its split is drawn" if len(neither) == 1 else "their split is drawn"
        where = f"in neither {test} nor {rest}: {drawn} ({neither[0]} the first)"
        out.append(f"{count(len(neither), 'image is', 'images are')} {where}")
    if both:
        tested = "it is tested on" if len(both) == 1 else "they are tested on"
        where = f"in both {test} and {rest}: {tested} ({both[0]} the first)"
        out.append(f"{count(len(both), 'image is', 'images are')} {where}")
    return out
