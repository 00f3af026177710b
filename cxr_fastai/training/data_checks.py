"""Whether a curated folder can be trained on: are there images to learn each class from.

A manifest in, warnings or an error out. Looks at no file.
"""

from __future__ import annotations

from cxr_fastai.core import SPLITS, UsageError
from cxr_fastai.manifest import Manifest
from cxr_fastai.recipes import NONE, present

__all__ = ["check_classes"]

# fewer images than these of a split train nothing
MIN_IMAGES = {"train": 2, "valid": 1}


def check_classes(
    manifest: Manifest,
    allow_missing: bool = False,  # train although a class has no train image
) -> list[str]:  # warnings
    """Check that there are images to learn each class from, and to choose the best epoch by.

    Raises `UsageError` where there are not.
    """
    for split, least in MIN_IMAGES.items():
        n = sum(row.split == split for row in manifest.rows)
        if n < least:
            raise UsageError(
                f"{manifest.root}: {n} {split} images, training needs {least}. Curate more sources."
            )
    counts = _counts(manifest)
    untrained = [c for c in manifest.vocab if not counts["train"][c]]
    unjudged = [c for c in manifest.vocab if not counts["valid"][c] and c not in untrained]
    if untrained and not allow_missing:
        found = ", ".join(f"{c} {counts['train'][c]}" for c in manifest.vocab)
        raise UsageError(
            f"{manifest.root}: no train image of {', '.join(untrained)} (train: {found}). Curate "
            "sources that have some, curate for another recipe (--recipe), or accept it with "
            "--allow-missing-classes."
        )
    warnings = [f"no train image of {c}: the model will never answer it" for c in untrained]
    warnings += [
        f"no valid image of {c}: the choice of the best epoch does not look at it" for c in unjudged
    ]
    return warnings


def _counts(manifest: Manifest) -> dict[str, dict[str, int]]:
    """Count the images by split and class; NONE counts those of no class."""
    classes = [*manifest.vocab, NONE]
    counts = {split: dict.fromkeys(classes, 0) for split in SPLITS}
    for row in manifest.rows:
        for name in present(row.label):
            counts[row.split][name] += 1
    return counts
