"""Which images of a folder a bundle can be judged by, and under which labels.

A bundle, a Manifest and rows of it in; the rows that are left, under the bundle's own classes, and
what a reader must know of that out. Reads no image.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from cxr_fastai.core import RecipeError, Task, UsageError
from cxr_fastai.evaluation.predictions import Row
from cxr_fastai.manifest import Manifest
from cxr_fastai.recipes import Recipe
from cxr_fastai.reporting.text import count

if TYPE_CHECKING:
    from cxr_fastai.bundle.bundle import Bundle

__all__ = ["ALL_SPLITS", "Selection", "label_as_bundle", "select_rows"]

ALL_SPLITS = "all"  # of train, valid and test together: a folder as the outer test of a bundle

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
    rows: list[Row],  # of one split, or all
    split: str = "test",  # train | valid | test | all
) -> Selection:
    """Choose the rows that a bundle can be judged by.

    Rows of the folder that the bundle was trained on are as they are. Of another folder, images
    that training saw, or whose patient it saw, are left out; where its recipe has other classes,
    images are labelled anew by their findings, and those without a class of the bundle's left out.
    Of all splits, images of training are left out of its own folder too, and images of classes that
    the bundle lacks of any. Raises `UsageError` where none is left.
    """
    is_own = bundle.meta["manifest_sha256"] == data.sha256
    if is_own and split != ALL_SPLITS:
        return Selection(data, rows, [])
    selection = _drop_trained(data, rows) if is_own else _drop_seen(bundle, data, rows)
    recipe = _recipe_of(bundle)
    if recipe and _labelling(recipe) != _labelling(data.recipe):
        selection = _relabel(selection, recipe)
    if split == ALL_SPLITS and bundle.task is Task.SINGLE_LABEL:
        selection = _name_classes(selection, bundle)
    if selection.rows:
        return selection
    raise UsageError(
        f"{data.root}: none of {count(len(rows), 'image')} is left to judge {bundle.path} by. "
        f"{' '.join(selection.notes)}"
    )


def label_as_bundle(
    bundle: Bundle,
    data: Manifest,
    rows: list[Row],  # of it
) -> tuple[Recipe, list[Row]]:  # as many rows; a label is empty where an image has no class of it
    """Label rows as `select_rows` does, leaving none out."""
    recipe = _recipe_of(bundle)
    if bundle.meta["manifest_sha256"] == data.sha256 or recipe is None:
        return data.recipe, rows
    if _labelling(recipe) == _labelling(data.recipe):
        return data.recipe, rows
    stated = _stated_findings(data)
    labels = [_label(row, recipe, stated) for row in rows]
    return recipe, [{**row, "label": label} for row, (label, _) in zip(rows, labels)]


# ---- what training saw


def _drop_trained(
    data: Manifest,  # that the bundle was trained on
    rows: list[Row],
) -> Selection:
    """Leave out the train and valid images of the bundle's own folder."""
    left = [row for row in rows if row["split"] == "test"]
    n = len(rows) - len(left)
    words = f"{n:,} of {count(len(rows), 'image')} are left out: the model was trained on them"
    return Selection(data, left, [f"{words}, or chosen by them (its own train and valid splits)."])


def _name_classes(
    selection: Selection,
    bundle: Bundle,
) -> Selection:
    """Leave out the classes that the bundle lacks, and name those that the images lack."""
    vocab = list(bundle.vocab)
    foreign = Counter(row["label"] for row in selection.rows if row["label"] not in vocab)
    kept = [row for row in selection.rows if row["label"] in vocab]
    notes = list(selection.notes)
    if foreign:
        n = sum(foreign.values())
        are = "is" if n == 1 else "are"
        notes.append(
            f"{count(n, 'image')} of classes that the model does not know {are} left out: "
            f"{_counted(foreign)}."
        )
    present = {row["label"] for row in kept}
    absent = [bundle.display.get(name, name) for name in vocab if name not in present]
    if absent and kept:
        notes.append(
            f"No image here is of {', '.join(absent)}: that the model knows such a class can only "
            "cost it here."
        )
    return Selection(selection.data, kept, notes)


def _counted(labels: Mapping[str, int]) -> str:
    """Return classes with their numbers of images, the commonest first."""
    by_count = sorted(labels.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{name} {n:,}" for name, n in by_count)


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
    without: Counter[str] = Counter()  # by the label that they had
    for row in selection.rows:
        label, is_own = _label(row, recipe, stated)
        n_own_label += is_own
        if label:
            kept.append({**row, "label": label})
        else:
            without[row["label"]] += 1
    name = data.recipe.name
    words = (
        f"Curated for {name}, labelled here by the findings as the bundle's own recipe "
        f"{recipe.name} has it"
    )
    if n_own_label:
        words += f"; {n_own_label:,} without a class by their findings keep the label they had"
    if without:
        have = "has" if without.total() == 1 else "have"
        words += f"; {count(without.total(), 'image')} {have} no class of it ({_counted(without)})"
    if name != recipe.name:
        name = f"{name}, labelled as {recipe.name}"
    relabelled = replace(data, recipe=replace(recipe, name=name))
    return Selection(relabelled, kept, [*selection.notes, f"{words}."])


def _label(
    row: Row,
    recipe: Recipe,  # of the bundle
    stated: Mapping[str, set[str]],  # source -> findings that it can state
) -> tuple[str, bool]:  # empty: no class of it; whether it is the label that the row had
    """Label one row by its findings, or by its own label where that is one of the recipe's."""
    label, _ = recipe.label(row["source"], _findings(row["findings"]), stated[row["source"]])
    if label:
        return label, False
    if recipe.is_label(row["label"]):
        return row["label"], True
    return "", False


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
