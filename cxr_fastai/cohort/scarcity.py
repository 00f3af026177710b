"""Classes that a split lacks, or has too few groups of to say anything.

Rows of a manifest and the names of their classes -> FolderWarnings with their numbers. Asked by
curation and `cxr eda`. Reads no file, judges no model. Training, which stands below, asks less: a
class needs MIN_GROUPS_THAT_DIFFER groups in validation to choose an epoch by (trainable).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from cxr_fastai.advice import command, flag
from cxr_fastai.cohort.counts import Cohort
from cxr_fastai.cohort.wording import MIN_IMAGES_PER_CLASS, name_some, warning
from cxr_fastai.core import FolderWarning
from cxr_fastai.manifest import Record
from cxr_fastai.recipes import present
from cxr_fastai.reporting.text import MIN_GROUPS_FOR_VERDICT, count

__all__ = [
    "ClassInSplit",
    "classes_in_splits",
    "scarcity_warnings",
    "small_folder_advice",
    "MIN_IMAGES_FOR_A_TEST_SPLIT",
]

JUDGING = ("valid", "test")  # splits that a class is judged by
TAIL = 0.025  # below a 95 % interval
# A tenth of 300 is 30 images of all classes: right for 27 of them is 74 to 98 % (Clopper-Pearson)
MIN_IMAGES_FOR_A_TEST_SPLIT = 300
ADVISED_FOLDS = 5


@dataclass(frozen=True)
class ClassInSplit:
    """What a split has of a class."""

    label: str
    split: str
    images: int
    groups: int  # patients, or radiographs without one

    @property
    def least_sure(self) -> float:
        """The low end of the 95 % interval of its recall where every group is right, 0-1.

        Of Clopper and Pearson (Biometrika 1934, 26:404-413), with the groups as trials; the high
        end is 1.
        """
        return float(TAIL ** (1 / self.groups)) if self.groups else 0.0

    @property
    def is_scarce(self) -> bool:
        """Whether it has images, and too few: to judge by, or in train to learn from."""
        if self.split in JUDGING:
            return 0 < self.groups < MIN_GROUPS_FOR_VERDICT
        return 0 < self.images < MIN_IMAGES_PER_CLASS


def classes_in_splits(
    rows: Sequence[Record],
    labels: Collection[str],  # the classes, in the order to tell them in
    splits: Sequence[str],
) -> list[ClassInSplit]:  # a cell for each class and split
    """Count the images and groups of each class in each split."""
    paths: dict[tuple[str, str], int] = defaultdict(int)
    groups: dict[tuple[str, str], set[str]] = defaultdict(set)
    for row in rows:
        for label in present(row.label):
            paths[label, row.split] += 1
            groups[label, row.split].add(row.group)
    cells = []
    for label in labels:
        for split in splits:
            n = len(groups[label, split])
            cells.append(ClassInSplit(label, split, paths[label, split], n))
    return cells


def scarcity_warnings(
    cohort: Cohort,
    told_absent: Collection[str] = (),  # classes that are not told again
    advises_folds: bool = True,  # False: they are advised elsewhere
) -> list[FolderWarning]:
    """Warn of classes that a split lacks, or has too few of to say anything."""
    labels = [label for label in cohort.names if label not in told_absent]
    cells = classes_in_splits(cohort.rows, labels, cohort.splits)
    found = []
    absent = [cell for cell in cells if not cell.images]
    if absent:
        found.append(_class_absent(absent, cohort.names))
    scarce = [cell for cell in cells if cell.is_scarce]
    if scarce:
        has_folds = any(row.fold for row in cohort.rows)
        advice = f" {_advise_folds(has_folds)}" if advises_folds else ""
        found.append(_class_scarce(scarce, cohort.names, advice))
    return found


def small_folder_advice(
    rows: Sequence[Record],
    folds: int,  # that the folder has; 0: none
) -> str:  # empty: the folder is large enough, or has folds
    """Advise folds where a folder is so small that its test split says little."""
    images = len(rows)
    if folds or not images or images >= MIN_IMAGES_FOR_A_TEST_SPLIT:
        return ""
    tested = sum(row.split == "test" for row in rows)
    return f"{count(images, 'image')}: a test split of {tested:,} says little. {_advise_folds()}"


def _advise_folds(
    has_folds: bool = False,
) -> str:
    """Say how a small folder is scored."""
    train = command("cxr train DATA --folds", "train_folds(DATA)")
    if has_folds:
        return f"Score all images over the folds that the folder has: {train}."
    return (
        f"Score all images by cross-validation: curate with {flag('folds', ADVISED_FOLDS)}, then "
        f"{train}."
    )


# ---- words


def _class_absent(
    cells: Sequence[ClassInSplit],
    names: Mapping[str, str],  # class -> name to show
) -> FolderWarning:
    """Warn of classes that a split has no image of."""
    named = name_some(f"{names[cell.label]} in {cell.split}" for cell in cells)
    return warning(
        "class_absent",
        f"No image at all: {named}.",
        "A class that train lacks cannot be learnt, one that valid or test lacks cannot be "
        "judged: add a source that has it (cxr sources).",
        [{"class": cell.label, "split": cell.split} for cell in cells],
    )


def _class_scarce(
    cells: Sequence[ClassInSplit],
    names: Mapping[str, str],  # class -> name to show
    advice: str,  # how they are scored instead; a blank before it, or nothing
) -> FolderWarning:
    """Warn of classes that a split has too few of, with the interval that they can give."""
    sentences = []
    numbers = []
    for cell in cells:
        sentences.append(_in_words(cell, names[cell.label]))
        number = {"class": cell.label, "split": cell.split, "images": cell.images}
        number["groups"] = cell.groups
        if cell.split in JUDGING:
            number["interval_if_all_right"] = [round(cell.least_sure, 4), 1.0]
        numbers.append(number)
    return warning(
        "class_scarce",
        f"Too few to say anything of a class: {name_some(sentences)}.",
        f"Below {MIN_GROUPS_FOR_VERDICT} groups (patients, or radiographs without one) no score of "
        f"a class is a verdict: give intervals, and add images.{advice}",
        numbers,
    )


def _in_words(
    cell: ClassInSplit,
    name: str,  # of the class
) -> str:
    """Say what a split has of a class, and how sure the recall is where all of it is right."""
    words = f"{name} in {cell.split}, {count(cell.images, 'image')}"
    if cell.split not in JUDGING:
        return words
    low = round(100 * cell.least_sure)
    return f"{words} of {count(cell.groups, 'group')} (all right would be {low} to 100 %)"
