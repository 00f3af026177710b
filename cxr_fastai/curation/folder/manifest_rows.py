"""A radiograph's row in the manifest, or why it has none. Takes groups of copies with their split, a recipe and the
catalogue, returns Records and Rejects; reads no file.
"""

from __future__ import annotations

from cxr_fastai.core import Task, sha256_text
from cxr_fastai.curation.copies.copy_sets import CopySet
from cxr_fastai.curation.folder.split import FRACTIONS
from cxr_fastai.curation.sources.item import Reject
from cxr_fastai.manifest import Record
from cxr_fastai.recipes import Recipe, present

__all__ = ["record", "quick_subset", "reject", "IMAGES", "QUICK_PER_CLASS"]

IMAGES = "images"  # the one folder of a multi-label recipe
QUICK_PER_CLASS = 524  # six classes of it are the 3,142 images of the published balanced subset


def reject(it, stage, reason, message, sha="") -> Reject:
    return Reject(it.path, sha, it.source, stage, reason, message)


def record(
    g: CopySet, group: str, split: str, catalog, recipe: Recipe, layout: str
) -> Record | Reject:
    """The row of a group's kept image."""
    kept, it, p = g.kept, g.kept.item, g.kept.fingerprint
    if not kept.label:
        return reject(it, "recipe", "no_class", kept.why, p.sha256)
    if it.rule.split == "train" and split != "train":
        why = f"{it.source} is for training only, but its patient or a copy is in {split}"
        return reject(it, "split", "train_only", why, p.sha256)
    if why := _filtered(it, p, recipe):
        return reject(it, "recipe", "filtered", why, p.sha256)
    parts = ([split] if layout == "split" else []) + [
        IMAGES if recipe.task is Task.MULTI_LABEL else kept.label,
        f"{p.pixel_sha256[:32]}.png",
    ]
    return Record(
        path="/".join(parts),
        sha256=p.sha256,
        pixel_sha256=p.pixel_sha256,
        phash=p.phash,
        source=it.source,
        upstream=catalog[it.source].derived_from,
        original_path=it.path,
        source_label=it.source_label,
        label=kept.label,
        findings="|".join(it.findings),
        patient=it.patients[0] if it.patients else "",
        group=group,
        split=split,
        view=it.view,
        age=it.age,
        sex=it.sex,
        width=str(p.width),
        height=str(p.height),
        mode=p.mode,
        licence=it.rule.licence,
    )


def _filtered(it, p, recipe: Recipe) -> str:
    """Why an image does not pass the recipe's filters; '' where it does. What is not known does not pass."""
    side = min(p.width, p.height)
    passes = {
        "view": lambda allowed: it.view in allowed,
        "sex": lambda allowed: it.sex in allowed,
        "age": lambda span: it.age != "" and span[0] <= float(it.age) <= span[1],
        "side": lambda least: side >= least[0],
    }
    failed = next((k for k, v in recipe.filters.items() if not passes[k](v)), "")
    if not failed:
        return ""
    is_ = side if failed == "side" else getattr(it, failed) or "not known"
    return f"{failed} is {is_}: recipe {recipe.name} takes {', '.join(map(str, recipe.filters[failed]))}"


def quick_subset(records: list[Record], seed: int) -> tuple[list[Record], list[Reject]]:
    """At most QUICK_PER_CLASS images a class, each split its share, by the random order of their groups; of a class
    that comes with others more, where these still have room.
    Every image stays in the split it has, so no patient comes to stand on two sides.
    """
    room = {
        (c, r.split): round(QUICK_PER_CLASS * FRACTIONS[r.split])
        for r in records
        for c in present(r.label)
    }
    kept, left = [], []
    for r in sorted(records, key=lambda r: (sha256_text(f"quick|{seed}|{r.group}"), r.path)):
        places = [(c, r.split) for c in present(r.label)]
        if any(room[at] > 0 for at in places):
            for at in places:
                room[at] -= 1
            kept.append(r)
        else:
            left.append(
                Reject(
                    r.original_path,
                    r.sha256,
                    r.source,
                    "quick",
                    "not_drawn",
                    "not in the balanced subset",
                )
            )
    return kept, left
