"""Whether a curated folder can be trained on: are there images to learn each class from.

A manifest in, warnings or an error out; their kinds are class_untrained, class_unjudged and
class_of_few_groups. Looks at no file.
"""

from __future__ import annotations

from collections.abc import Collection

from cxr_fastai.advice import command, flag
from cxr_fastai.core import SPLITS, FolderWarning, UsageError
from cxr_fastai.manifest import Manifest
from cxr_fastai.recipes import NONE, present
from cxr_fastai.reporting.text import MIN_GROUPS_THAT_DIFFER, count

__all__ = ["check_classes", "FEW_GROUPS"]

FEW_GROUPS = "class_of_few_groups"

# fewer images than these of a split train nothing
MIN_IMAGES = {"train": 2, "valid": 1}


def check_classes(
    manifest: Manifest,
    allow_missing: bool = False,  # train although a class has no train image
) -> list[FolderWarning]:
    """Check that there are images to learn each class from, and to choose the best epoch by.

    Raises `UsageError` where there are not.
    """
    for split, least in MIN_IMAGES.items():
        n = sum(row.split == split for row in manifest.rows)
        if n < least:
            raise UsageError(
                f"{manifest.root}: {count(n, f'{split} image')}, training needs {least}. "
                "Curate more sources."
            )
    counts = _counts(manifest)
    untrained = [c for c in manifest.vocab if not counts["train"][c]]
    unjudged = [c for c in manifest.vocab if not counts["valid"][c] and c not in untrained]
    if untrained and not allow_missing:
        found = ", ".join(f"{c} {counts['train'][c]}" for c in manifest.vocab)
        raise UsageError(
            f"{manifest.root}: no train image of {', '.join(untrained)} (train: {found}). Curate "
            f"sources that have some, curate for another recipe ({flag('recipe')}), or accept it "
            f"with {flag('allow_missing_classes', True)}."
        )
    warnings = [
        FolderWarning("class_untrained", f"no train image of {c}: the model will never answer it")
        for c in untrained
    ]
    warnings += [
        FolderWarning(
            "class_unjudged",
            f"no valid image of {c}: the choice of the best epoch does not look at it",
        )
        for c in unjudged
    ]
    return warnings + _too_few(manifest, [*untrained, *unjudged])


def _too_few(
    manifest: Manifest,
    told: Collection[str],  # classes of which something worse was said
) -> list[FolderWarning]:
    """Say of which classes validation has too few groups to choose the best epoch by.

    Below MIN_GROUPS_THAT_DIFFER of them a share says next to nothing.
    """
    groups: dict[str, set[str]] = {name: set() for name in manifest.vocab if name not in told}
    for row in manifest.rows:
        for name in present(row.label):
            if row.split == "valid" and name in groups:
                groups[name].add(row.group)
    few = {name: len(own) for name, own in groups.items() if len(own) < MIN_GROUPS_THAT_DIFFER}
    if not few:
        return []
    counts = ", ".join(f"{name} {n}" for name, n in few.items())
    way = command("cxr train DATA --folds", "train_folds(DATA)")  # no path: a bundle carries it
    says = (
        "validation has too few groups of some classes to tell how good a network is on them "
        f"({counts}; {MIN_GROUPS_THAT_DIFFER} are few)."
    )
    do = f"Score all images by cross-validation: curate with {flag('folds', 5)}, then {way}."
    return [FolderWarning(FEW_GROUPS, says, do, "Too few to tell", few)]


def _counts(manifest: Manifest) -> dict[str, dict[str, int]]:
    """Count the images by split and class; NONE counts those of no class."""
    classes = [*manifest.vocab, NONE]
    counts = {split: dict.fromkeys(classes, 0) for split in SPLITS}
    for row in manifest.rows:
        for name in present(row.label):
            counts[row.split][name] += 1
    return counts
