"""Which split a source fixes for an image: by its path, by a list of test images, or by training on it only. Reads list
files, returns a split's name or ''; assigns none of its own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath

from cxr_fastai.catalog import LIST_SPLIT, Rule, Source
from cxr_fastai.core import IntegrityError
from cxr_fastai.curation.sources.item import Item
from cxr_fastai.curation.sources.tree import Tree

__all__ = ["Lists", "read_lists", "official", "list_warnings"]


@dataclass(frozen=True)
class Lists:
    """Names that a source lists, or their stems where the images of its shards may lack an ending."""

    test: frozenset
    rest: frozenset | None  # all others; None: no such file


def read_lists(source: Source, tree: Tree, find) -> dict[str, Lists]:
    """The cell of column split -> the lists it names. `find` gives the first path that meets a glob, or ''.
    Raises `IntegrityError` where a list that must be there is not.
    """
    out = {}
    for r in source.rules:
        m = LIST_SPLIT.fullmatch(r.split)
        if not m or r.split in out:
            continue
        test, rest = (find(f"**/{name}") if name else "" for name in (m["test"], m["rest"]))
        if not test and not m["optional"]:
            raise IntegrityError(
                f"{source.id}: no {m['test']} in {tree.where}: "
                f"it names the official test set (row {r.row}). Fetch it too."
            )
        if test:
            out[r.split] = Lists(
                _names(source, tree, test), _names(source, tree, rest) if rest else None
            )
    return out


def _names(source: Source, tree: Tree, path: str) -> frozenset:
    try:
        text = tree.file(path).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as e:
        raise IntegrityError(f"{path} in {tree.where}: not utf-8 at byte {e.start}.") from e
    return frozenset(_key(source, line.strip()) for line in text.splitlines() if line.strip())


def _key(source: Source, name: str) -> str:
    return PurePosixPath(name).stem if source.label_from == "shard" else PurePosixPath(name).name


def official(
    source: Source,
    rule: Rule,
    path: str,  # of the file
    lists: dict[str, Lists],
    name: str = "",  # of the image, where the file holds many
) -> str:
    """train, valid, test, or '' where the source leaves it open."""
    if rule.split == "train":
        return "train"
    if rule.split.startswith("path:"):
        m = re.search(rule.split[5:], path)
        return next((k for k, v in m.groupdict().items() if v is not None), "") if m else ""
    return (
        "test"
        if rule.split in lists and _key(source, name or path) in lists[rule.split].test
        else ""
    )


def list_warnings(source: Source, items: list[Item], lists: dict[str, Lists]) -> list[str]:
    """What does not add up between the lists and the images that are there."""
    out = []
    for split, of in lists.items():
        keys = [
            _key(source, it.path if it.array is None else it.path.rpartition("#")[2])
            for it in items
            if it.rule.split == split
        ]
        test, rest = LIST_SPLIT.fullmatch(split).group("test", "rest")
        if keys and not of.test & set(keys):
            out.append(f"{source.id}: {test} names none of its {len(keys)} images")
        if of.rest is None:
            continue
        neither = [k for k in keys if k not in of.test and k not in of.rest]
        both = [k for k in keys if k in of.test and k in of.rest]
        for found, where in (
            (neither, f"in neither {test} nor {rest}: their split is drawn"),
            (both, f"in both {test} and {rest}: they are tested on"),
        ):
            if found:
                out.append(f"{source.id}: {len(found)} images are {where} ({found[0]} the first)")
    return out
