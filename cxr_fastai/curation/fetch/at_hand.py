"""What is at hand before anything is fetched: asked by `cxr sources --check` and by a recipe's a|b.

Sources -> Checks, ids or FolderWarnings. It downloads nothing and writes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from cxr_fastai.advice import flag
from cxr_fastai.catalog import Source
from cxr_fastai.core import CxrError, FolderWarning, StrPath
from cxr_fastai.curation.fetch.lock_file import read_shared_entries
from cxr_fastai.curation.fetch.mirror_archives import look, verified_tree
from cxr_fastai.curation.fetch.mirrors import on_this_machine, source_place
from cxr_fastai.curation.fetch.parts import parts_of
from cxr_fastai.curation.fetch.plan import Check
from cxr_fastai.curation.fetch.transports import check_all, how_to_get
from cxr_fastai.curation.fetch.unpacked import unpacked_tree
from cxr_fastai.curation.sources.readable import check_readable
from cxr_fastai.curation.sources.tree import Tree

__all__ = ["AT_HAND", "survey", "first_at_hand", "passed_over", "SOURCE_LEFT_ASIDE"]

AT_HAND = ("ready", "here", "in_parts")  # states of a source that can be had

SOURCE_LEFT_ASIDE = "source_left_aside"  # at hand, but another with the same images was taken


def survey(
    sources: Sequence[Source],
    mirror: StrPath | None = None,  # as for `fetch`
    catalogue_folder: StrPath = Path(),
    catalog: Mapping[str, Source] | None = None,  # with the parts of a source; None: not looked for
) -> dict[str, Check]:  # by source id, in the given order
    """Tell what is missing to have each source, asking for all at once; nothing is downloaded.

    `here` is what curation would read: its files are listed as for curation, and archives read
    whole. A source that cannot be had, but whose images are those of others that can, is
    `in_parts`.
    """
    here = {}
    for source in sources:
        found = _check_here(source, mirror, catalogue_folder)
        if found:
            here[source.id] = found
    elsewhere = check_all([source for source in sources if source.id not in here])
    checks = {**elsewhere, **here}
    told = {}
    for source in sources:
        check = checks[source.id]
        parts = None
        if catalog and check.state not in AT_HAND:
            parts = _check_parts(source, catalog, checks, mirror, catalogue_folder)
        told[source.id] = parts or check
    return told


def _check_here(source: Source, mirror: StrPath | None, catalogue_folder: StrPath) -> Check | None:
    """Answer from the mirror or from this machine; None where a server must be asked."""
    place = source_place(source, mirror, catalogue_folder)
    if place:
        return _check_place(source, place)
    if mirror:
        return Check("no_download", f"not in {mirror}", how_to_get(source))
    tree = unpacked_tree(source, read_shared_entries().get(source.id))
    if tree:
        return _check_tree(source, tree, "downloaded before")
    found = on_this_machine(source)
    if found:
        return _check_place(source, found.root)
    return None


def _check_place(
    source: Source,
    path: Path,  # where it lies: a folder or an archive
) -> Check:
    """Tell whether curation would read what lies there."""
    try:
        place = look(source, path)
        tree = verified_tree(source, place)
    except CxrError as e:
        return _unreadable(f"in {path}", e)
    if not place.archives:
        return _check_tree(source, tree, f"in {path}")
    return _check_tree(source, tree, f"in {tree.where}, packed: curate unpacks it into its cache")


def _check_tree(
    source: Source,
    tree: Tree,
    where: str,  # for people
) -> Check:
    """Tell whether the files are what the catalogue describes."""
    try:
        check_readable(source, tree)
    except CxrError as e:
        return _unreadable(where, e)
    return Check("here", where)


def _unreadable(where: str, error: CxrError) -> Check:
    """Say that files are there which curation would refuse, and why."""
    return Check("unreadable", f"{where}, but cannot be read", str(error))


def _check_parts(
    source: Source,
    catalog: Mapping[str, Source],
    checks: Mapping[str, Check],  # of the sources that were asked
    mirror: StrPath | None,
    catalogue_folder: StrPath,
) -> Check | None:
    """Tell whether all of a source can be had as its parts; None where it cannot."""
    parts = parts_of(source, catalog)
    if not parts:
        return None
    for part in parts:
        check = checks.get(part.id) or _check_here(part, mirror, catalogue_folder)
        if check is None or check.state not in AT_HAND:
            return None
    names = [part.id for part in parts]
    return Check(
        "in_parts",
        f"not here itself; its {source.expected_total} images are those of {' and '.join(names)}",
        f"{flag('only', ','.join(names))} takes them.",
    )


def first_at_hand(
    alternatives: str,  # ids joined by |, as a recipe names sources that have the same radiographs
    catalog: Mapping[str, Source],
    mirror: StrPath | None,  # as for `fetch`
    catalogue_folder: StrPath,
) -> str:
    """Return the first id that a mirror holds; the first of all, where none does or no mirror is.

    Caches do not count: what a recipe takes must not depend on what this machine once downloaded.
    """
    ids = alternatives.split("|")
    for source_id in ids:
        if source_place(catalog[source_id], mirror, catalogue_folder):
            return source_id
    return ids[0]


def passed_over(
    named: Sequence[str],  # of a recipe, each as `alternatives` of `first_at_hand`
    taken: Sequence[Source],
    catalog: Mapping[str, Source],
    mirror: StrPath | None,
    catalogue_folder: StrPath,
) -> list[FolderWarning]:
    """Return a warning for each source that was left aside although it is at hand."""
    taken_ids = {source.id for source in taken}
    warnings = []
    for alternatives in named:
        ids = alternatives.split("|")
        for source_id in ids:
            if source_id in taken_ids:
                continue
            if not source_place(catalog[source_id], mirror, catalogue_folder):
                continue
            instead = next(other for other in ids if other in taken_ids)
            warnings.append(
                FolderWarning(
                    kind=SOURCE_LEFT_ASIDE,
                    says=f"{source_id} is at hand too, and was left aside for {instead}: "
                    f"{flag('only', source_id)} takes it",
                    numbers={"source": source_id, "instead": instead},
                )
            )
    return warnings
