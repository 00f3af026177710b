"""What a reader must know of a run, but for what tells its classes.

Failed sources, classes without images, copies that nobody expects -> FolderWarnings of the kinds in
result.py, their numbers with them. Decides nothing, reads no file.
"""

from __future__ import annotations

from collections import Counter

from cxr_fastai.advice import flag
from cxr_fastai.catalog import Rule, Source
from cxr_fastai.cohort.scarcity import small_folder_advice
from cxr_fastai.core import CxrError, FolderWarning
from cxr_fastai.curation.folder.looks import looks_words
from cxr_fastai.curation.folder.result import (
    CLASS_WITHOUT_IMAGES,
    FILMS_LIE,
    FOLD_WITHOUT_CLASS,
    NOT_JUDGED,
    SMALL_FOLDER,
    SOURCE_FAILED,
    UNEXPECTED_OVERLAP,
    Row,
)
from cxr_fastai.curation.folder.summary import count_overlap
from cxr_fastai.curation.sources.counts import label_counts
from cxr_fastai.curation.sources.item import Reject
from cxr_fastai.gate.kinds import RIGHTED
from cxr_fastai.gate.own_films import MIN_FILMS, MIN_GROUPS
from cxr_fastai.manifest import Record
from cxr_fastai.recipes import Recipe, present
from cxr_fastai.reporting.text import count

__all__ = [
    "failure_warnings",
    "class_warnings",
    "fold_warnings",
    "looks_warnings",
    "overlap_warnings",
    "findings_of_rule",
    "why_nothing",
    "Catalog",
]

Catalog = dict[str, Source]  # id -> Source
REASONS_SHOWN = 3  # why nothing is left, in one line


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


def fold_warnings(
    records: list[Record],  # of the folder
    folds: int,  # of a cross-validation; 0: none
) -> list[FolderWarning]:
    """Name the classes that a fold lacks; advise folds where the folder is small and has none."""
    advice = small_folder_advice(records, folds)
    if advice:
        tested = sum(row.split == "test" for row in records)
        numbers = {"images": len(records), "test": tested}
        return [FolderWarning(kind=SMALL_FOLDER, says=advice, numbers=numbers)]
    if not folds:
        return []
    folds_of: dict[str, set[str]] = {}  # class -> folds that have it
    groups_of: dict[str, set[str]] = {}
    for row in records:
        for label in present(row.label):
            folds_of.setdefault(label, set()).update([row.fold] if row.fold else [])
            groups_of.setdefault(label, set()).update([row.group] if row.fold else [])
    warnings = []
    for label, having in sorted(folds_of.items()):
        if len(having) < folds:
            warnings.append(_fold_warning(label, folds - len(having), folds, groups_of[label]))
    return warnings


def _fold_warning(
    label: str,  # the class
    lacking: int,  # folds without it
    folds: int,
    groups: set[str],  # of the class
) -> FolderWarning:
    """Say that folds lack a class."""
    few = count(len(groups), "group")
    return FolderWarning(
        kind=FOLD_WITHOUT_CLASS,
        says=f"class {label} is missing in {lacking} of {count(folds, 'fold')}: it has {few} to "
        "deal, and these folds cannot score it",
        do="Ask for fewer folds, or add images of the class.",
        numbers={"class": label, "groups": len(groups), "folds": folds, "lacking": lacking},
    )


def looks_warnings(
    quality: list[Row],  # rows of quality.csv
    is_told: bool,  # whether there were films enough to judge them by each other
    right: bool,  # whether films were to be righted
) -> list[FolderWarning]:
    """Say which films do not lie as the others do, or that a few films cannot tell."""
    if right and not is_told:
        too_few = FolderWarning(
            kind=NOT_JUDGED,
            says=f"no film was righted: fewer than {MIN_FILMS} films, or {MIN_GROUPS} patients or "
            "groups of them, cannot tell how a film of the folder should lie",
            do="Look at them by eye.",
        )
        return [too_few]
    kinds = dict(sorted(Counter(row["looks"] for row in quality if row["looks"]).items()))
    if not kinds:
        return []
    can_be_righted = not right and not set(RIGHTED).isdisjoint(kinds)
    do = f"look at them; {flag('right')} turns and inverts them back" if can_be_righted else ""
    says = looks_words(kinds, sum(row["righted"] == "yes" for row in quality))
    return [FolderWarning(kind=FILMS_LIE, says=says, do=do, numbers={"looks": kinds})]


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


# ---- nothing is left


def why_nothing(
    rejects: list[Reject],  # of all stages
    recipe: Recipe,  # that was curated for
    own: bool = False,  # the images are the user's own: no catalogue's rule is to blame
) -> str:
    """Say why no image is left: the commonest reasons, each with an example or the labels found."""
    by_reason: dict[str, list[Reject]] = {}
    for reject in rejects:
        by_reason.setdefault(reject.reason, []).append(reject)
    common = sorted(by_reason.values(), key=len, reverse=True)[:REASONS_SHOWN]
    why = "; ".join(_reason_line(of_one) for of_one in common) or "the sources hold no images"
    if own:
        return f"no image is left of the folder: {why}."
    return (
        f"no image has a class of recipe {recipe.name}: {why}. "
        f"Check {flag('only')}, {flag('recipe')} and the catalogue's rules (cxr sources)."
    )


def _reason_line(
    rejects: list[Reject],  # of one reason; one at least
) -> str:
    """Count what was left out for a reason, and show what was found instead."""
    first = rejects[0]
    message = first.message.rstrip(".")
    where = "" if message.startswith(first.path) else f"{first.path}: "
    shown = label_counts(rejects) or f"{where}{message}"
    return f"{count(len(rejects), 'file')} left out for {first.reason!r} ({shown})"
