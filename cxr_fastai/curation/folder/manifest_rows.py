"""Make a radiograph's rows of the manifest, or say why it has none.

CopySets with their split, a recipe and the catalogue -> Records and Rejects. Reads no file.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from cxr_fastai.catalog import Source
from cxr_fastai.core import Task, sha256_text
from cxr_fastai.curation.copies.copy_sets import CopySet, ScannedImage
from cxr_fastai.curation.copies.fingerprint import Fingerprint
from cxr_fastai.curation.folder.result import Request
from cxr_fastai.curation.folder.split import FRACTIONS, LEAST_GROUPS
from cxr_fastai.curation.sources.item import LATERAL, Item, Reject
from cxr_fastai.manifest import Record
from cxr_fastai.recipes import Recipe, present

__all__ = ["records_of", "quick_subset", "why_filtered", "IMAGES", "QUICK_PER_CLASS"]

IMAGES = "images"  # the one folder of a multi-label recipe
QUICK_PER_CLASS = 524  # six classes of it are the 3,142 images of the published balanced subset


def records_of(
    copies: CopySet,
    group: str,
    split: str,
    catalog: Mapping[str, Source],  # id -> Source
    request: Request,
) -> tuple[list[Record], list[Reject]]:  # each image that stays is in one of them
    """Make the rows of a set, and say which of its images that were to stay have none.

    One row, but for radiographs that stand several times in one official test set: of these the
    first row stands for all, and the others name it in `repeat_of`.
    """
    records: list[Record] = []
    refused: list[Reject] = []
    times: Counter[str] = Counter()  # pixel_sha256 -> rows
    for image in copies.staying:
        sha = image.fingerprint.pixel_sha256
        path = _path(image, split, request, times[sha] + 1)
        first = records[0].path if records else ""
        row = _record(image, path, group, split, catalog, request)
        if isinstance(row, Record):
            records.append(replace(row, repeat_of=first))
            times[sha] += 1
        else:
            refused.append(row)
    return records, refused


def _record(
    image: ScannedImage,
    path: str,  # in the folder
    group: str,
    split: str,  # train | valid | test
    catalog: Mapping[str, Source],  # id -> Source
    request: Request,
) -> Record | Reject:
    """Make the row of an image, or the Reject that says why it has none."""
    item, fingerprint = image.item, image.fingerprint
    refused = _refusal(image, split, request.recipe)
    if refused:
        stage, reason, message = refused
        is_lateral = reason == "filtered" and item.view == LATERAL
        return Reject(
            path=item.path,
            sha256=fingerprint.sha256,
            source=item.source,
            stage=stage,
            reason=reason,
            message=message,
            shows="lateral" if is_lateral else "",
            item=item if is_lateral else None,
        )
    return Record(
        path=path,
        sha256=fingerprint.sha256,
        pixel_sha256=fingerprint.pixel_sha256,
        phash=fingerprint.phash,
        source=item.source,
        upstream=catalog[item.source].derived_from,
        original_path=item.path,
        source_label=item.source_label,
        label=image.label,
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
        format=fingerprint.format,
        bytes=str(fingerprint.size) if fingerprint.size else "",
        jpeg_tables=fingerprint.jpeg_tables,
        study=item.study,
    )


def _refusal(
    image: ScannedImage,  # that stays
    split: str,  # train | valid | test
    recipe: Recipe,  # whose filters it must pass
) -> tuple[str, str, str] | None:  # None: it reaches the folder
    """Tell (stage, reason, message) where an image does not reach the folder.

    That is so without a class, for a source that is only trained on, and by a filter of the recipe.
    """
    item = image.item
    if not image.label:
        return "recipe", "no_class", image.why_unlabelled
    only_trained_on = item.rule is not None and item.rule.split == "train"
    if only_trained_on and split != "train":
        why = f"{item.source} is for training only, but its patient or a copy is in {split}"
        return "split", "train_only", why
    filtered = why_filtered(item, image.fingerprint, recipe)
    return ("recipe", "filtered", filtered) if filtered else None


def why_filtered(
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
    image: ScannedImage,
    split: str,  # train | valid | test
    request: Request,  # which layout
    number: int,  # of the rows that have these pixels, from 1
) -> str:  # relative to the folder, with /
    """Tell where the image stands in the folder, named by its pixels.

    In a folder of its class, or of all images where they may have several classes. The second of
    equal pixels has _2 behind its name.
    """
    several = request.recipe.task is Task.MULTI_LABEL
    folder = IMAGES if several else image.label
    name = image.fingerprint.pixel_sha256[:32]
    name = f"{name}.png" if number == 1 else f"{name}_{number}.png"
    if request.layout == "split":
        return f"{split}/{folder}/{name}"
    return f"{folder}/{name}"


def quick_subset(
    records: list[Record],  # rows of the manifest, each with its split
    seed: int,  # of the order of groups
) -> tuple[list[Record], list[Reject]]:  # each record is in one of them
    """Draw at most QUICK_PER_CLASS images a class, each split its share: (kept, left out).

    They are drawn by the random order of their groups, and of one group no more than a fifth of a
    split's share before all groups have come; of a class that comes with others there are more,
    where these still have room. Every image stays in the split it has, so no patient comes to stand
    on two sides. A subset holds no official test set whole, so repeats are left out.

    The same records and seed give the same subset, in whatever order they come.
    """
    room = {}  # (class, split) -> images that may still come
    for row in records:
        for label in present(row.label):
            room[label, row.split] = round(QUICK_PER_CLASS * FRACTIONS[row.split])
    distinct = [row for row in records if not row.repeat_of]
    kept = []
    left_out = [_not_drawn(row) for row in records if row.repeat_of]
    for row in _in_turn(distinct, seed):
        places = [(label, row.split) for label in present(row.label)]
        if any(room[place] > 0 for place in places):
            for place in places:
                room[place] -= 1
            kept.append(row)
        else:
            left_out.append(_not_drawn(row))
    return kept, left_out


def _in_turn(
    rows: list[Record],
    seed: int,
) -> list[Record]:
    """Order rows by the random order of their groups; what a group has above a fifth comes last.

    So where a class has LEAST_GROUPS groups in a split, the subset has as many.
    """
    met: Counter[tuple[str, str]] = Counter()  # (group, label) -> rows so far
    keys = {}
    for row in sorted(rows, key=lambda row: row.path):
        most = round(QUICK_PER_CLASS * FRACTIONS[row.split]) // LEAST_GROUPS
        place = (row.group, row.label)
        keys[row.path] = (met[place] >= most, sha256_text(f"quick|{seed}|{row.group}"))
        met[place] += 1
    return sorted(rows, key=lambda row: (keys[row.path], row.path))


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
