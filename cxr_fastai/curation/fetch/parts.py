"""Sources that hold nothing but the images of others, as kmader of shenzhen and montgomery.

Sources -> the parts of a source, which of those asked for can be spared, and a FolderWarning where
one was. It looks at the catalogue only.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence

from cxr_fastai.catalog import Source
from cxr_fastai.core import CxrError, FolderWarning, IntegrityError
from cxr_fastai.inputs import is_whole_number

__all__ = ["SOURCE_IN_PARTS", "parts_of", "spares_among", "in_parts_warning", "missing_among"]

SOURCE_IN_PARTS = "source_in_parts"  # it could not be had, and all its images could


def parts_of(
    source: Source,
    catalog: Mapping[str, Source],
) -> list[Source]:  # empty: it may hold more than others do
    """Return the sources that a source is made of.

    That is told where the catalogue knows each source that it copies, and these have as many images
    together as it has.
    """
    parts = [catalog[name] for name in source.derived if name in catalog]
    if not parts or len(parts) < len(source.derived):
        return []  # an original, or a copy of anything
    totals = [part.expected_total for part in parts]
    if not all(is_whole_number(total) for total in [source.expected_total, *totals]):
        return []
    if int(source.expected_total) != sum(map(int, totals)):
        return []
    return parts


def spares_among(
    sources: Sequence[Source],  # that were asked for
    catalog: Mapping[str, Source],
) -> dict[str, list[str]]:  # source id -> the ids of its parts
    """Find the sources that may be absent, as all their parts were asked for too."""
    asked = {source.id for source in sources}
    spares = {}
    for source in sources:
        parts = [part.id for part in parts_of(source, catalog)]
        if parts and asked.issuperset(parts):
            spares[source.id] = parts
    return spares


def missing_among(
    failed: Iterable[str],  # source ids
    spares: Mapping[str, Sequence[str]],  # of spares_among
    present: Container[str],  # ids of sources that could be had
) -> list[str]:
    """Return the failed sources whose images are absent."""
    missing = []
    for source_id in failed:
        parts = spares.get(source_id)
        if parts and all(part in present for part in parts):
            continue
        missing.append(source_id)
    return missing


def in_parts_warning(
    source: Source,  # that could not be had
    parts: Sequence[str],  # ids of those that were
    error: CxrError,  # why
) -> FolderWarning:
    """Say that nothing is missing, and why the source itself was not read."""
    says = (
        f"{source.id} could not be had; its {source.expected_total} images are those of "
        f"{' and '.join(parts)}, read in its place"
    )
    if isinstance(error, IntegrityError):  # it is there, and somebody should look at it
        says += f": {error}"
    return FolderWarning(
        kind=SOURCE_IN_PARTS,
        says=says,
        numbers={"source": source.id, "parts": list(parts)},
    )
