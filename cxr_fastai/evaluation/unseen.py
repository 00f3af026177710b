"""Which images of a folder a bundle can be judged by, and under which labels.

A bundle, a Manifest and rows of it in; the rows that are left, under the bundle's own classes, and
what a reader must know of that out. Reads no image.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from cxr_fastai.core import RecipeError, Task, UsageError
from cxr_fastai.evaluation.predictions import Row
from cxr_fastai.manifest import Manifest
from cxr_fastai.recipes import Recipe
from cxr_fastai.reporting.text import count

if TYPE_CHECKING:
    from cxr_fastai.bundle.bundle import Bundle

__all__ = ["Selection", "select_rows"]

TRAINING_UNKNOWN = (
    "This folder was curated separately: whether its images were in training is not known."
)


@dataclass(frozen=True)
class Selection:
    """The images that a bundle is judged by."""

    data: Manifest  # under the bundle's recipe
    rows: list[Row]
    notes: list[str]  # what a reader must know of the choice


def select_rows(
    bundle: Bundle,
    data: Manifest,
    rows: list[Row],  # of one split
) -> Selection:
    """Choose the rows that a bundle can be judged by.

    Rows of the folder that the bundle was trained on are as they are. Of another folder, images
    that training saw, or whose patient it saw, are left out; where its recipe has other classes,
    images are labelled anew by their findings, and those without a class of the bundle's left out.
    Raises `UsageError` where none is left.
    """
    if bundle.meta["manifest_sha256"] == data.sha256:
        return Selection(data, rows, [])
    selection = _drop_seen(bundle, data, rows)
    recipe = _recipe_of(bundle)
    if recipe and _labelling(recipe) != _labelling(data.recipe):
        selection = _relabel(selection, recipe)
    if selection.rows:
        return selection
    raise UsageError(
        f"{data.root}: none of {count(len(rows), 'image')} is left to judge {bundle.path} by. "
        f"{' '.join(selection.notes)}"
    )


# ---- what training saw


def _drop_seen(
    bundle: Bundle,
    data: Manifest,
    rows: list[Row],  # of one split
) -> Selection:
    """Leave out what training saw, and say so.

    Where the bundle does not tell what training saw, nothing is left out.
    """
    seen = bundle.saw(rows)
    if seen is None:
        return Selection(data, rows, [TRAINING_UNKNOWN])
    if not any(seen):
        return Selection(data, rows, [_none_seen_words(rows)])
    left = [row for row, was_seen in zip(rows, seen) if not was_seen]
    dropped = [row for row, was_seen in zip(rows, seen) if was_seen]
    return Selection(data, left, [_dropped_words(dropped, left)])


def _none_seen_words(
    rows: list[Row],  # of one split
) -> str:
    """Say what was compared: pixels of all images, patient ids of those that have one."""
    n_known = _images_of_known_patients(rows)
    n_unknown = len(rows) - n_known
    none = f"The model saw none of these {count(len(rows), 'image')} (exact pixels were compared)"
    if not n_unknown:
        return f"{none}, and no other image under their patient ids."
    if not n_known:
        return f"{none}; the patient of none is known: it may have seen other images of them."
    have = "has one" if n_known == 1 else "have one"
    return (
        f"{none}, and no other image under the patient ids of the {n_known:,} that {have}; "
        f"the patient of {n_unknown:,} is unknown."
    )


def _dropped_words(
    dropped: list[Row],  # seen in training
    left: list[Row],  # the others
) -> str:
    """Say how many images were left out, why, and of how many others the patient is unknown."""
    n = len(dropped) + len(left)
    words = f"{len(dropped):,} of {count(n, 'image')} are left out: training saw them"
    if _images_of_known_patients(dropped):
        words += ", or their patient"
    n_unknown = len(left) - _images_of_known_patients(left)
    if n_unknown:
        words += f"; of the {len(left):,} that are left, the patient of {n_unknown:,} is unknown"
    return f"{words}."


def _images_of_known_patients(
    rows: list[Row],  # of one split
) -> int:
    """Count the images whose source names the patient."""
    return sum(row["patient"] != "" for row in rows)


# ---- labels under the bundle's recipe


def _recipe_of(bundle: Bundle) -> Recipe | None:
    """Return the recipe that the bundle was trained for; None where it holds only its name."""
    try:
        return Recipe.from_dict(bundle.meta["recipe"], "the bundle's recipe")
    except RecipeError:
        return None


def _labelling(
    recipe: Recipe,  # of the bundle
) -> tuple[Task, object, str, object]:
    """Return what decides the label of an image.

    Recipes that are equal in it give every image the same label.
    """
    return recipe.task, recipe.classes, recipe.yields, recipe.exclude


def _relabel(
    selection: Selection,
    recipe: Recipe,  # of the bundle
) -> Selection:
    """Label by the bundle's recipe, and leave out what has no class of it."""
    data = selection.data
    stated = _stated_findings(data)
    kept: list[Row] = []
    n_own_label = 0
    for row in selection.rows:
        label, _ = recipe.label(row["source"], _findings(row["findings"]), stated[row["source"]])
        if not label and recipe.is_label(row["label"]):
            label = row["label"]
            n_own_label += 1
        if label:
            kept.append({**row, "label": label})
    name = data.recipe.name
    words = (
        f"Curated for {name}, labelled here by the findings as the bundle's own recipe "
        f"{recipe.name} has it"
    )
    if n_own_label:
        words += f"; {n_own_label:,} without a class by their findings keep the label they had"
    n_without = len(selection.rows) - len(kept)
    if n_without:
        words += f"; {n_without:,} images have no class of it"
    if name != recipe.name:
        name = f"{name}, labelled as {recipe.name}"
    relabelled = replace(data, recipe=replace(recipe, name=name))
    return Selection(relabelled, kept, [*selection.notes, f"{words}."])


def _stated_findings(data: Manifest) -> dict[str, set[str]]:
    """Return, by source, what it is seen to state in this folder: what it can state."""
    stated: dict[str, set[str]] = {}
    for record in data.rows:
        findings = stated.setdefault(record.source, {"no_finding"})
        findings.update(_findings(record.findings))
    return stated


def _findings(cell: str) -> tuple[str, ...]:
    """Split a manifest's cell of findings."""
    return tuple(finding for finding in cell.split("|") if finding)
