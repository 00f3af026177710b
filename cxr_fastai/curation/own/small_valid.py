"""A folder of validation images that is too small to choose a network by.

The Layout of a folder -> whether its validation images are dealt anew with those of training, and
the warning that says so. It reads no file.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping

from cxr_fastai.core import FolderWarning
from cxr_fastai.curation.own.layout import Layout
from cxr_fastai.curation.own.own_data import own_warning
from cxr_fastai.reporting.text import count

__all__ = ["joins_training", "valid_warning", "MIN_VALID_IMAGES", "MIN_VALID_PATIENTS"]

# Fewest validation images and patients of each class by which an epoch, and a threshold, are
# chosen. Of 8 images a class, as Kermany's val has, one is 12.5 points of a class's recall; of 25
# it is 4. Five groups are what `split` gives a class where it can.
MIN_VALID_IMAGES = 25
MIN_VALID_PATIENTS = 5


def joins_training(
    layout: Layout,
    class_of: Mapping[str, str],  # name of a folder -> class
    patients: Mapping[str, str],  # path -> patient, of those that are known
) -> bool:
    """Tell whether a class has too few validation images, or patients, so that all are dealt anew.

    False where the folder has no validation images.
    """
    images: Counter[str] = Counter()
    people: dict[str, set[str]] = defaultdict(set)
    for path, one in layout.placed.items():
        if one.split == "valid":
            label = class_of[one.name]
            images[label] += 1
            people[label].add(patients.get(path, path))
    if not images:
        return False
    for label in set(class_of.values()):
        if images[label] < MIN_VALID_IMAGES or len(people[label]) < MIN_VALID_PATIENTS:
            return True
    return False


def valid_warning(
    layout: Layout,
    joined: bool,  # of `joins_training`
) -> list[FolderWarning]:
    """Say that the validation images of a folder are too few, and what became of them."""
    if not joined:
        return []
    folders = ", ".join(layout.split_folders.get("valid", ()))
    n = sum(one.split == "valid" for one in layout.placed.values())
    says = (
        f"{folders}/ holds {count(n, 'image')}, too few to choose a network by (fewer than "
        f"{MIN_VALID_IMAGES} images, or {MIN_VALID_PATIENTS} patients, of a class): joined to the "
        "training images, and validation is drawn anew of both"
    )
    return [own_warning(says, numbers={"valid_images": n})]
