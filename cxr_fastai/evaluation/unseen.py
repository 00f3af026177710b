"""Which images of a folder a bundle can be judged by, and as what. A bundle, a Manifest and rows of it in; the rows
that are left, under the bundle's own classes, and what a reader must know of that out. Reads no image.
"""

from __future__ import annotations

from dataclasses import replace

from cxr_fastai.core import RecipeError, UsageError
from cxr_fastai.manifest import Manifest
from cxr_fastai.recipes import Recipe
from cxr_fastai.reporting.text import count

__all__ = ["rows_for"]


def rows_for(
    bundle,
    data: Manifest,
    rows: list[dict],  # of one split
) -> tuple[
    Manifest, list[dict], list[str]
]:  # the manifest under the bundle's recipe, rows of it, notes
    """Rows of the folder that the bundle was trained for are as they are. Of another folder, images that training saw,
    or whose patient it saw, are left out; where its recipe has other classes, images are labelled anew by their
    findings, and those without a class of the bundle's left out. Raises `UsageError` where none is left.
    """
    if bundle.meta["manifest_sha256"] == data.sha256:
        return data, rows, []
    notes, n = [], len(rows)
    saw = bundle.saw(rows)
    if saw is None:
        notes.append(
            "This folder was curated separately: whether its images were in training is not known."
        )
    elif any(saw):
        rows = [r for r, seen in zip(rows, saw) if not seen]
        notes.append(
            f"{n - len(rows):,} of {count(n, 'image')} are left out: training saw them, or their patient."
        )
    else:
        notes.append(
            f"The model saw none of these {count(n, 'image')}, and no other of their patients."
        )
    recipe = _own(bundle)
    if recipe and _shape(recipe) != _shape(data.recipe):
        data, rows = _labelled(data, rows, recipe, notes)
    if rows:
        return data, rows, notes
    raise UsageError(
        f"{data.root}: none of {count(n, 'image')} is left to judge {bundle.path} by. {' '.join(notes)}"
    )


def _own(bundle) -> Recipe | None:
    """The recipe that the bundle was trained for; None where it holds only its name."""
    try:
        return Recipe.from_dict(bundle.meta["recipe"], "the bundle's recipe")
    except RecipeError:
        return None


def _shape(r: Recipe) -> tuple:
    return r.task, r.classes, r.yields, r.exclude


def _labelled(data: Manifest, rows: list[dict], recipe: Recipe, notes: list[str]):
    """Labels by the bundle's recipe. What a source can state is what it is seen to state in this folder."""
    stated: dict = {}
    for r in data.rows:
        stated.setdefault(r.source, {"no_finding"}).update(filter(None, r.findings.split("|")))

    def label(r):
        found = tuple(filter(None, r["findings"].split("|")))
        return recipe.label(r["source"], found, stated[r["source"]])[0] or r["label"] * (
            r["label"] in recipe.labels
        )

    said = [label(r) for r in rows]
    kept = [{**r, "label": label} for r, label in zip(rows, said) if label]
    without = (
        f"; {len(rows) - len(kept):,} images have no class of it" if len(kept) < len(rows) else ""
    )
    notes.append(
        f"Curated for {data.recipe.name}, labelled here by the findings as the bundle's own recipe "
        f"{recipe.name} has it{without}."
    )
    name = (
        data.recipe.name
        if data.recipe.name == recipe.name
        else f"{data.recipe.name}, labelled as {recipe.name}"
    )
    return replace(data, recipe=replace(recipe, name=name)), kept
