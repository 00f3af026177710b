"""Which images a source holds, and what it says of each.

A source's rules and its files -> Items and Rejects, from folder names, file names, csv tables, npz
arrays and shards. It decodes no image and changes no file.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import partial

from cxr_fastai.catalog import Source, split_list
from cxr_fastai.core import FolderWarning, IntegrityError
from cxr_fastai.curation.sources.arrays import list_arrays
from cxr_fastai.curation.sources.counts import count_warnings
from cxr_fastai.curation.sources.file_names import (
    glob_regex,
    in_ascii,
    is_text,
    meets,
    shallowest,
)
from cxr_fastai.curation.sources.files import list_files
from cxr_fastai.curation.sources.item import (
    REJECT_COLUMNS,
    Item,
    Reject,
    listing_warning,
    reject_file,
)
from cxr_fastai.curation.sources.official_splits import list_warnings, read_lists
from cxr_fastai.curation.sources.shards import list_shards
from cxr_fastai.curation.sources.tree import Tree, in_nfc
from cxr_fastai.images import is_image_name
from cxr_fastai.junk import is_junk, is_left_in_archives, why_junk
from cxr_fastai.reporting.text import count

__all__ = ["Item", "Reject", "REJECT_COLUMNS", "Listing", "list_source", "not_read"]

OUTSIDE = "outside_globs"  # reason of a Reject
# Reasons of what a tree drops, which a reader must know of: words of one, of several, what to do.
NOT_READ = {
    "link_outside": (
        "link out of the source was not followed",
        "links out of the source were not followed",
        "put the files themselves there (cp -rL), or name a folder of class folders with --folder, "
        "which follows links (Python: folder)",
    ),
    "link_to_folder": (
        "link to a folder was not followed",
        "links to folders were not followed",
        "put the files themselves there (cp -rL), or name a folder of class folders with --folder, "
        "which follows links (Python: folder)",
    ),
    "dangling_link": (
        "link leads to no file",
        "links lead to no file",
        "fetch the files first (git annex get, dvc pull, a download that is whole)",
    ),
    "unreadable_folder": (
        "folder could not be read",
        "folders could not be read",
        "change their permission",
    ),
}
MAX_NAMED = 3  # files in one sentence


@dataclass(frozen=True)
class Listing:
    """What a source holds."""

    items: list[Item]
    rejects: list[Reject]
    warnings: list[FolderWarning]


# ---- one source


def list_source(
    source: Source,
    tree: Tree,
) -> Listing:
    """List all images of a source.

    Raises `IntegrityError` where a glob or a table meets nothing: the files are not what the rows
    describe.
    """
    tree = in_nfc(tree)
    paths = [path for path in tree.files if not is_junk(path) and is_text(path)]
    rejects = _unusable(source, tree)
    _check_globs(source, tree, paths)
    globs = source.globs
    met = [path for path in paths if meets(globs, path) and path not in tree.tables]
    rejects += _outside(source, set(paths).difference(met))
    lists = read_lists(source, tree, partial(shallowest, paths=paths))
    told: list[FolderWarning] = []
    if source.label_from == "array":
        found = list(list_arrays(source, tree, met))
    elif source.label_from == "shard":
        found = list(list_shards(source, tree, met, lists))
    else:
        found, told = list_files(source, tree, met, paths, lists)
    items = [one for one in found if isinstance(one, Item)]
    rejects += [one for one in found if isinstance(one, Reject)]
    warnings = [*told, *count_warnings(source, found), *list_warnings(source, items, lists)]
    warnings += _outside_warning(source, rejects)
    warnings += [listing_warning(source.id, what) for what in not_read(tree)]
    return Listing(items, rejects, warnings)


def _unusable(
    source: Source,
    tree: Tree,
) -> list[Reject]:
    """Reject junk, names that no manifest can hold, and no plain files.

    Of hidden files and of those in a system's folders only images are told: a clone's .git holds
    thousands of others. Names are told in ASCII where no csv could hold them.
    """
    junk = [path for path in tree.files if _is_told_junk(path)]
    dropped = [row for row in tree.dropped if row[1] == "junk" or not is_junk(row[0])]
    unnamed = [path for path in tree.files if not is_text(path)]
    rename = "its name is no UTF-8: rename it"
    return [
        *(reject_file(source.id, path, "list", "junk", why_junk(path)) for path in junk),
        *(reject_file(source.id, in_ascii(p), "list", "name_not_utf8", rename) for p in unnamed),
        *(
            reject_file(
                source.id, path if is_text(path) else in_ascii(path), "list", reason, message
            )
            for path, reason, message in dropped
        ),
    ]


def _is_told_junk(path: str) -> bool:
    """Tell whether a file is junk and rejects.csv is to say so."""
    if is_left_in_archives(path):
        return True
    return is_junk(path) and is_image_name(path) and is_text(path)


def _check_globs(
    source: Source,
    tree: Tree,
    paths: list[str],  # of all files
) -> None:
    """Raise `IntegrityError` where a glob of the source meets none of the paths."""
    for glob in source.globs:
        if any(glob_regex(glob).fullmatch(path) for path in paths):
            continue
        others = f"{len(paths)} other files, {paths[0]} the first" if paths else "no file at all"
        others = "; ".join([others, *not_read(tree)])
        row = next(rule.row for rule in source.rules if glob in split_list(rule.glob))
        raise IntegrityError(
            f"{source.id}: nothing in {tree.where} meets the glob {glob!r} "
            f"(catalogue row {row}); there is {others}. "
            "Fetch the source whole, or mend the row."
        )


def _outside(
    source: Source,
    paths: Collection[str],  # of all files
) -> list[Reject]:
    """Reject the images that no glob of the catalogue meets; other files are of no interest."""
    images = [path for path in sorted(paths) if is_image_name(path)]
    message = "no glob of the catalogue meets it"
    return [reject_file(source.id, path, "list", OUTSIDE, message) for path in images]


# ---- what a reader should know


def _outside_warning(source: Source, rejects: list[Reject]) -> list[FolderWarning]:
    """Say which images no glob of a source meets, and how many, unless the catalogue counts them.

    Where it says how many images there are, and that is what the globs meet, the rest is known.
    """
    outside = sorted(reject.path for reject in rejects if reject.reason == OUTSIDE)
    if not outside or source.expected_total:
        return []
    are = count(len(outside), "image is", "images are")
    what = f"{are} left out, which no glob of the catalogue meets: {_first(outside)}"
    return [listing_warning(source.id, what)]


def not_read(tree: Tree) -> list[str]:
    """Say how many links and folders of a tree were not read, and how to take what they hold."""
    paths: dict[str, list[str]] = {}
    for path, reason, _ in tree.dropped:
        if reason in NOT_READ and not is_junk(path):
            paths.setdefault(reason, []).append(path)
    told = []
    for reason, (one, many, do) in NOT_READ.items():
        if reason in paths:
            own = paths[reason]
            told.append(f"{count(len(own), one, many)} ({_first(own)}): {do}")
    return told


def _first(paths: list[str]) -> str:
    """Name the first of some files, and say how many more there are."""
    named = ", ".join(paths[:MAX_NAMED])
    return f"{named} and {len(paths) - MAX_NAMED} more" if len(paths) > MAX_NAMED else named
