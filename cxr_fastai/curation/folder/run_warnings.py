"""What a reader must know of a run, but for what tells its classes.

Failed sources, classes without images, copies that nobody expects -> FolderWarnings of the kinds in
result.py, their numbers with them. Decides nothing, reads no file.
"""

from __future__ import annotations

from cxr_fastai.catalog import Rule, Source
from cxr_fastai.core import CxrError, FolderWarning
from cxr_fastai.curation.folder.result import (
    CLASS_WITHOUT_IMAGES,
    SOURCE_FAILED,
    UNEXPECTED_OVERLAP,
    Row,
)
from cxr_fastai.curation.folder.summary import count_overlap
from cxr_fastai.manifest import Record
from cxr_fastai.recipes import Recipe, present
from cxr_fastai.reporting.text import count

__all__ = ["failure_warnings", "class_warnings", "overlap_warnings", "findings_of_rule", "Catalog"]

Catalog = dict[str, Source]  # id -> Source


def failure_warnings(
    failed: dict[str, CxrError],  # source id -> why it is absent
) -> list[FolderWarning]:
    """Name the sources that are absent; with any, the folder is incomplete."""
    warnings = []
    for source_id, error in failed.items():
        warnings.append(
            FolderWarning(
                kind=SOURCE_FAILED,
                says=f"incomplete: {error}",
                numbers={"source": source_id},
            )
        )
    return warnings


def class_warnings(
    records: list[Record],  # of the folder
    recipe: Recipe,  # that was curated for
    catalog: Catalog,  # all sources, also those not taken
) -> list[FolderWarning]:
    """Name the classes of the recipe that no image has, and who could give some."""
    found: set[str] = set()
    for row in records:
        found.update(present(row.label))
    warnings = []
    for label in recipe.vocab:
        if label not in found:
            givers = _sources_with(label, recipe, catalog)
            named = ", ".join(givers) or "none in the catalogue"
            warnings.append(
                FolderWarning(
                    kind=CLASS_WITHOUT_IMAGES,
                    says=f"no image for class {label}: sources that have it: {named}",
                    numbers={"class": label, "sources": givers},
                )
            )
    return warnings


def _sources_with(
    label: str,  # the class
    recipe: Recipe,  # maps findings to classes
    catalog: Catalog,
) -> list[str]:  # ids, in catalogue order
    """Find the sources of the catalogue that have a rule for a class.

    Also those that were not asked for.
    """
    givers = []
    for source in catalog.values():
        labels = [recipe.label(source.id, findings_of_rule(rule))[0] for rule in source.rules]
        if any(label in present(each) for each in labels):
            givers.append(source.id)
    return givers


def overlap_warnings(unexpected: list[Row]) -> list[FolderWarning]:
    """Name each two sources that share radiographs and are not linked."""
    warnings = []
    for (one, other), n in count_overlap(unexpected).items():
        warnings.append(
            FolderWarning(
                kind=UNEXPECTED_OVERLAP,
                says=f"unexpected overlap: {one} and {other} share {count(n, 'radiograph')}, and "
                "the catalogue does not link them",
                numbers={"sources": [one, other], "radiographs": n},
            )
        )
    return warnings


def findings_of_rule(rule: Rule) -> list[str]:
    """Return the findings that a rule gives.

    None: it leaves its images out.
    """
    return rule.findings.split("|") if rule.findings else []
