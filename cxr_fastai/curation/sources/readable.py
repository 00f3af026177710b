"""Whether `list_source` would read the files of a source, asked before anything is curated.

A source and its Tree -> nothing, or an `IntegrityError` that says why not. It decodes no image.
"""

from __future__ import annotations

import os

from cxr_fastai.catalog import LIST_SPLIT, Source
from cxr_fastai.core import IntegrityError
from cxr_fastai.curation.sources.file_names import is_text, meets, shallowest
from cxr_fastai.curation.sources.listing import list_source
from cxr_fastai.curation.sources.tree import Tree
from cxr_fastai.junk import is_junk

__all__ = ["check_readable"]


def check_readable(
    source: Source,
    tree: Tree,  # whose files may be in an archive still, and then not on disk
) -> None:
    """Raise `IntegrityError` where the files are not what the catalogue's rows describe.

    The source is listed as for curation, and must hold an image that a rule labels. Of what is
    packed, and of shards, whose listing reads every byte, the names alone are asked.
    """
    paths = [path for path in tree.files if not is_junk(path) and is_text(path)]
    _check_names(source, tree, paths)
    if source.label_from == "shard" or not source.globs:
        return
    if not all(os.path.lexists(file) for file in tree.files.values()):
        return
    listing = list_source(source, tree)
    if not listing.items:
        why = listing.rejects[0].message if listing.rejects else "no image"
        raise IntegrityError(f"{source.id}: no image in {tree.where} can be used: {why}.")


def _check_names(
    source: Source,
    tree: Tree,
    paths: list[str],  # of all its files that may be read
) -> None:
    """Raise `IntegrityError` where a glob, a table or a list that must be there is met by none."""
    wanted = {}
    for rule in source.rules:
        if rule.table:
            wanted[rule.table] = "table"
        named = LIST_SPLIT.fullmatch(rule.split)
        if named and not named["optional"]:
            wanted[f"**/{named['test']}"] = "list of test images"
    missing = [f"{what} {glob!r}" for glob, what in wanted.items() if not shallowest(glob, paths)]
    for glob in source.globs:
        if not any(meets([glob], path) for path in paths):
            missing.insert(0, f"file that meets {glob!r}")
    if missing:
        raise IntegrityError(
            f"{source.id}: no {missing[0]} in {tree.where}, which holds {len(paths)} other files. "
            "Fetch the source whole, or mend the catalogue's row."
        )
