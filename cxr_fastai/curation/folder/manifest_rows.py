"""Make a radiograph's row of the manifest, or say why it has none.

CopySets with their split, a recipe and the catalogue -> Records and Rejects. Reads no file.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cxr_fastai.catalog import Source
from cxr_fastai.core import Task, sha256_text
from cxr_fastai.curation.copies.copy_sets import CopySet
from cxr_fastai.curation.copies.fingerprint import Fingerprint
from cxr_fastai.curation.folder.result import Request
from cxr_fastai.curation.folder.split import FRACTIONS
from cxr_fastai.curation.sources.item import Item, Reject
from cxr_fastai.manifest import Record
from cxr_fastai.recipes import Recipe, present

__all__ = ["record", "quick_subset", "IMAGES", "QUICK_PER_CLASS"]

IMAGES = "images"  # the one folder of a multi-label recipe
QUICK_PER_CLASS = 524  # six classes of it are the 3,142 images of the published balanced subset


def record(
    copies: CopySet,
    group: str,
    split: str,
    catalog: Mapping[str, Source],  # id -> Source
    request: Request,
) -> Record | Reject:
    """Make the row of a set's kept image, or the Reject that says why it has none."""
    kept = copies.kept
    item, fingerprint = kept.item, kept.fingerprint
    refused = _refusal(copies, split, request.recipe)
    if refused:
        stage, reason, message = refused
        return Reject(
            path=item.path,
            sha256=fingerprint.sha256,
            source=item.source,
            stage=stage,
            reason=reason,
            message=message,
        )
    return Record(
        path=_path(copies, split, request),
        sha256=fingerprint.sha256,
        pixel_sha256=fingerprint.pixel_sha256,
        phash=fingerprint.phash,
        source=item.source,
        upstream=catalog[item.source].derived_from,
        original_path=item.path,
        source_label=item.source_label,
        label=kept.label,
        findings="|".join(item.findings),
        patient=item.patients[0] if item.patients else "",
        group=group,
        split=split,
        view=item.view,
        age=item.age,
        sex=item.sex,
        width=str(fingerprint.width),
        height=str(fingerprint.height),
        mode=fingerprint.mode,
        licence=item.rule.licence if item.rule else "",
    )


def _refusal(
    copies: CopySet,  # whose kept image it is
    split: str,  # train | valid | test
    recipe: Recipe,  # whose filters it must pass
) -> tuple[str, str, str] | None:  # None: it reaches the folder
    """Tell (stage, reason, message) where a kept image does not reach the folder.

    That is so without a class, for a source that is only trained on, and by a filter of the recipe.
    """
    kept = copies.kept
    item = kept.item
    if not kept.label:
        return "recipe", "no_class", kept.why_unlabelled
    only_trained_on = item.rule is not None and item.rule.split == "train"
    if only_trained_on and split != "train":
        why = f"{item.source} is for training only, but its patient or a copy is in {split}"
        return "split", "train_only", why
    filtered = _why_filtered(item, kept.fingerprint, recipe)
    return ("recipe", "filtered", filtered) if filtered else None


def _why_filtered(
    item: Item,  # what its source says of it
    fingerprint: Fingerprint,  # with its size
    recipe: Recipe,  # whose filters it must pass
) -> str:
    """Say why an image does not pass the recipe's filters; empty where it does.

    What is not known does not pass.
    """
    side = min(fingerprint.width, fingerprint.height)
    for name, allowed in recipe.filters.items():
        if not _passes(name, allowed, item, side):
            value = side if name == "side" else getattr(item, name) or "not known"
            takes = ", ".join(str(each) for each in allowed)
            return f"{name} is {value}: recipe {recipe.name} takes {takes}"
    return ""


def _passes(
    name: str,  # a key of recipes.FILTERS
    allowed: list[Any],  # its value in the recipe
    item: Item,  # what its source says of the image
    side: int,  # the shorter one, px
) -> bool:
    """Whether an image passes a filter.

    A view, sex or age that is not known passes none.
    """
    if name == "side":
        return bool(side >= allowed[0])
    if name == "age":
        return item.age != "" and bool(allowed[0] <= float(item.age) <= allowed[1])
    return getattr(item, name) in allowed


def _path(
    copies: CopySet,  # whose kept image it is
    split: str,  # train | valid | test
    request: Request,  # which layout
) -> str:  # relative to the folder, with /
    """Tell where the image stands in the folder, named by its pixels.

    In a folder of its class, or of all images where they may have several classes.
    """
    several = request.recipe.task is Task.MULTI_LABEL
    folder = IMAGES if several else copies.kept.label
    name = f"{copies.kept.fingerprint.pixel_sha256[:32]}.png"
    if request.layout == "split":
        return f"{split}/{folder}/{name}"
    return f"{folder}/{name}"


def quick_subset(
    records: list[Record],  # rows of the manifest, each with its split
    seed: int,  # of the order of groups
) -> tuple[list[Record], list[Reject]]:  # each record is in one of them
    """Draw at most QUICK_PER_CLASS images a class, each split its share: (kept, left out).

    They are drawn by the random order of their groups; of a class that comes with others there are
    more, where these still have room. Every image stays in the split it has, so no patient comes to
    stand on two sides.

    The same records and seed give the same subset, in whatever order they come.
    """
    room = {}  # (class, split) -> images that may still come
    for row in records:
        for label in present(row.label):
            room[label, row.split] = round(QUICK_PER_CLASS * FRACTIONS[row.split])
    kept, left_out = [], []
    for row in sorted(
        records, key=lambda row: (sha256_text(f"quick|{seed}|{row.group}"), row.path)
    ):
        places = [(label, row.split) for label in present(row.label)]
        if any(room[place] > 0 for place in places):
            for place in places:
                room[place] -= 1
            kept.append(row)
        else:
            left_out.append(_not_drawn(row))
    return kept, left_out


def _not_drawn(row: Record) -> Reject:
    """Say of a row that the balanced subset left it out."""
    return Reject(
        path=row.original_path,
        sha256=row.sha256,
        source=row.source,
        stage="quick",
        reason="not_drawn",
        message="not in the balanced subset",
    )
