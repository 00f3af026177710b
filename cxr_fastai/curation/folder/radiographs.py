"""Merge the copies of each radiograph into what splitting needs to know of it.

CopySets and the links between exposures of one patient -> split.Radiographs. Decides no split.
"""

from __future__ import annotations

from cxr_fastai.curation.copies.copy_sets import CopySet
from cxr_fastai.curation.copies.links import Link
from cxr_fastai.curation.folder.manifest_rows import why_filtered
from cxr_fastai.curation.folder.split import TIE, Radiograph
from cxr_fastai.recipes import Recipe, present

__all__ = ["radiographs_of"]


def radiographs_of(
    copy_sets: list[CopySet],  # one for each radiograph
    joined: list[Link],  # links that tie exposures of one patient
    recipe: Recipe,  # whose filters an image must pass
) -> list[Radiograph]:
    """Tell what splitting needs to know of each radiograph."""
    home = {}
    for copies in copy_sets:
        for member in copies.members:
            home[member.fingerprint.pixel_sha256] = copies.id
    ties: dict[str, set[str]] = {copies.id: set() for copies in copy_sets}
    for link in joined:
        for end in (link.a, link.b):
            ties[home[end]].add(f"{TIE}{link.a} {link.b}")
    return [_radiograph(copies, ties[copies.id], recipe) for copies in copy_sets]


def _radiograph(
    copies: CopySet,
    ties: set[str],  # to other exposures of one patient
    recipe: Recipe,  # whose filters an image must pass
) -> Radiograph:
    """Merge the copies of a radiograph into what splitting needs.

    Links and official splits are those of all copies, source and finding those of the kept one.
    """
    links = set(ties)
    official = set()
    for member in copies.members:
        links.update(member.item.patients)
        links.add(member.item.radiograph)
        official.add(member.item.official)
    kept = copies.kept.item
    finding = kept.findings[0] if len(kept.findings) == 1 else "several"
    return Radiograph(
        id=copies.kept.fingerprint.pixel_sha256,
        links=frozenset(links - {""}),
        stratum=f"{kept.source}|{finding}",
        source=kept.source,
        official=frozenset(official - {""}),
        classes=_classes(copies, recipe),
    )


def _classes(copies: CopySet, recipe: Recipe) -> frozenset[str]:
    """Return the classes that a radiograph's images have in the folder; empty: none is there."""
    classes: set[str] = set()
    for image in copies.staying:
        if image.label and not why_filtered(image.item, image.fingerprint, recipe):
            classes.update(present(image.label))
    return frozenset(classes)
