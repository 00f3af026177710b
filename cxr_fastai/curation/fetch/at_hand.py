"""What is at hand before anything is fetched: asked by `cxr sources --check` and by a recipe's a|b.

Sources -> Checks, ids or warnings. It downloads nothing and writes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from cxr_fastai.catalog import Source
from cxr_fastai.core import StrPath
from cxr_fastai.curation.fetch.lock_file import read_shared_entries
from cxr_fastai.curation.fetch.mirrors import on_this_machine, source_folder
from cxr_fastai.curation.fetch.plan import Check
from cxr_fastai.curation.fetch.transports import check_all, how_to_get
from cxr_fastai.curation.fetch.unpacked import unpacked_tree

__all__ = ["survey", "first_at_hand", "passed_over"]


def survey(
    sources: Sequence[Source],
    mirror: StrPath | None = None,  # as for `fetch`
    catalogue_folder: StrPath = Path(),
) -> dict[str, Check]:  # by source id, in the given order
    """Tell what is missing to have each source, asking for all at once; nothing is downloaded."""
    here = {}
    for source in sources:
        found = _check_here(source, mirror, catalogue_folder)
        if found:
            here[source.id] = found
    elsewhere = check_all([source for source in sources if source.id not in here])
    checks = {**elsewhere, **here}
    return {source.id: checks[source.id] for source in sources}


def _check_here(source: Source, mirror: StrPath | None, catalogue_folder: StrPath) -> Check | None:
    """Answer from the mirror or from this machine; None where a server must be asked."""
    folder = source_folder(source, mirror, catalogue_folder)
    if folder:
        return Check("here", f"in {folder}")
    if mirror:
        remedy = f"{how_to_get(source)}, or leave --mirror out."
        return Check("no_download", f"not in {mirror}", remedy)
    if unpacked_tree(source, read_shared_entries().get(source.id)):
        return Check("here", "downloaded before")
    found = on_this_machine(source)
    if found:
        return Check("here", f"in {found.root}")
    return None


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
        if source_folder(catalog[source_id], mirror, catalogue_folder):
            return source_id
    return ids[0]


def passed_over(
    named: Sequence[str],  # of a recipe, each as `alternatives` of `first_at_hand`
    taken: Sequence[Source],
    catalog: Mapping[str, Source],
    mirror: StrPath | None,
    catalogue_folder: StrPath,
) -> list[str]:
    """Return a warning for each source that was left aside although it is at hand."""
    taken_ids = {source.id for source in taken}
    warnings = []
    for alternatives in named:
        ids = alternatives.split("|")
        for source_id in ids:
            if source_id in taken_ids:
                continue
            if not source_folder(catalog[source_id], mirror, catalogue_folder):
                continue
            instead = next(other for other in ids if other in taken_ids)
            warnings.append(
                f"{source_id} is at hand too, and was left aside for {instead}: "
                f"--only {source_id} takes it"
            )
    return warnings
