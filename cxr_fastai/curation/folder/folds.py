"""Deal the groups of a folder to the folds of a cross-validation, each class evenly.

Rows of a manifest -> the same rows with their fold. It hangs on the names of the groups, their
classes and the seed, not on the order of rows. Splits stay as they are. Reads no file.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from cxr_fastai.core import UsageError, sha256_text
from cxr_fastai.curation.sources.item import Item
from cxr_fastai.manifest import Record
from cxr_fastai.recipes import present
from cxr_fastai.reporting.text import count

__all__ = ["check_folds", "unscored_paths", "with_folds", "MIN_FOLDS", "MAX_FOLDS"]

MIN_FOLDS = 2
MAX_FOLDS = 20  # each fold is a training of its own


@dataclass(frozen=True)
class _Group:
    """A group that is to be dealt."""

    name: str
    images: Counter[str]  # class -> images
    drawn: str  # by its name and the seed


def check_folds(folds: int) -> None:
    """Raise `UsageError` for a number of folds that is none: 0, none, or 2 to MAX_FOLDS."""
    whole = isinstance(folds, int) and not isinstance(folds, bool)
    if whole and (folds == 0 or MIN_FOLDS <= folds <= MAX_FOLDS):
        return
    raise UsageError(
        f"folds is {folds!r}: expected a whole number from {MIN_FOLDS} to {MAX_FOLDS}, as 5."
    )


def unscored_paths(
    rows: list[Record],
    tested: Collection[str],  # groups of official test sets
    items: Mapping[str, Item],  # pixel_sha256 -> what the source says
) -> set[str]:
    """Find the rows that no fold scores: of official test sets, and those for training only."""
    paths = set()
    for row in rows:
        rule = items[row.pixel_sha256].rule
        only_trained_on = rule is not None and rule.split == "train"
        if only_trained_on or row.group in tested:
            paths.add(row.path)
    return paths


def with_folds(
    rows: list[Record],
    folds: int,  # how many
    left_out: Collection[str],  # paths of rows that no fold scores: theirs is blank
    seed: int,
) -> list[Record]:  # in the same order
    """Give each row its fold, "0" to "K-1": a group has one.

    A class of `folds` groups or more is in every fold, unless images of several classes forbid it.
    Raises `UsageError` where there are fewer groups than folds.
    """
    dealt = [row for row in rows if row.path not in left_out]
    groups = _groups(dealt, seed)
    if len(groups) < folds:
        raise UsageError(
            f"{count(folds, 'fold')} asked for, and there {'is' if len(groups) == 1 else 'are'} "
            f"{count(len(groups), 'group')} (patients, or radiographs without one) to deal: "
            "ask for fewer folds, or add images."
        )
    fold_of = _deal(groups, folds)
    _mend(groups, fold_of, folds)
    found = []
    for row in rows:
        blank = row.path in left_out
        found.append(replace(row, fold="" if blank else str(fold_of[row.group])))
    return found


def _groups(
    rows: list[Record],
    seed: int,
) -> list[_Group]:
    """Gather the groups of rows, the largest first, and of equal ones in the order of a draw."""
    images: dict[str, Counter[str]] = defaultdict(Counter)
    for row in rows:
        images[row.group].update(present(row.label))
    groups = []
    for name, of_class in images.items():
        groups.append(_Group(name, of_class, sha256_text(f"fold|{seed}|{name}")))
    return sorted(groups, key=lambda group: (-group.images.total(), group.drawn))


def _deal(
    groups: list[_Group],
    folds: int,
) -> dict[str, int]:  # group -> fold
    """Deal the groups of each class in turn, the rarest class first.

    Each goes to the fold that has fewest groups of its classes, then fewest images of them.
    """
    having = _groups_of_classes(groups)
    order = sorted(having, key=lambda label: (len(having[label]), label))
    groups_in: Counter[tuple[str, int]] = Counter()  # (class, fold) -> groups
    images_in: Counter[tuple[str, int]] = Counter()
    fold_of: dict[str, int] = {}
    for rarest in order:
        for group in having[rarest]:
            if group.name in fold_of:
                continue
            labels = [label for label in order if label in group.images]
            chosen = _least_filled(labels, folds, groups_in, images_in)
            fold_of[group.name] = chosen
            for label in labels:
                groups_in[label, chosen] += 1
                images_in[label, chosen] += group.images[label]
    return fold_of


def _groups_of_classes(groups: list[_Group]) -> dict[str, list[_Group]]:
    """Class -> the groups that have an image of it, in their order."""
    having: dict[str, list[_Group]] = defaultdict(list)
    for group in groups:
        for label in group.images:
            having[label].append(group)
    return having


def _least_filled(
    labels: list[str],  # of the group that is dealt, the rarest first
    folds: int,
    groups_in: Counter[tuple[str, int]],  # (class, fold) -> groups
    images_in: Counter[tuple[str, int]],
) -> int:
    """Return the fold that lacks most; of several, the first."""
    fullness = []
    for fold in range(folds):
        groups = [groups_in[label, fold] for label in labels]
        images = [images_in[label, fold] for label in labels]
        fullness.append((*groups, *images, fold))
    return min(fullness)[-1]


# ---- groups of several classes


def _mend(
    groups: list[_Group],
    fold_of: dict[str, int],  # changed
    folds: int,
) -> None:
    """Move groups so that each class of `folds` groups or more is in every fold.

    None is moved that is the last of one of its classes in its fold; where images of several
    classes leave no other, the fold stays without the class, and a warning says so.
    """
    having = _groups_of_classes(groups)
    for label in sorted(having, key=lambda label: (len(having[label]), label)):
        if len(having[label]) < folds:
            continue
        for fold in range(folds):
            if not any(fold_of[group.name] == fold for group in having[label]):
                _move_one(having[label], fold, having, fold_of)


def _move_one(
    candidates: list[_Group],  # of the class that the fold lacks
    fold: int,
    having: dict[str, list[_Group]],  # class -> its groups
    fold_of: dict[str, int],  # changed
) -> None:
    """Move the first group to a fold that no class of its own fold would miss."""
    for group in candidates:
        alone = False
        for label in group.images:
            beside = [each for each in having[label] if fold_of[each.name] == fold_of[group.name]]
            alone = alone or len(beside) < 2
        if not alone:
            fold_of[group.name] = fold
            return
