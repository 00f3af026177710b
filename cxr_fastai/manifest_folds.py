"""The folds of a curated folder: which there are, and the folder as one of them sees it.

A Manifest in, numbers or a Manifest with other splits out. Folds are written by `cxr curate
--folds K`, on all images but officially tested ones; no group is in two. Reads no file.
"""

from __future__ import annotations

from dataclasses import replace

from cxr_fastai.advice import flag
from cxr_fastai.core import NotCurated, UsageError, sha256_text
from cxr_fastai.manifest import Manifest

__all__ = ["fold_numbers", "seen_by_fold", "held_out_by"]

MIN_FOLDS = 3  # one is held out, one chooses the epoch, the others train


def fold_numbers(manifest: Manifest) -> list[int]:  # 0, 1, .. K-1
    """Return the numbers of a folder's folds.

    Raises `UsageError` where it has none or too few, `NotCurated` where one is missing, or where
    images of one group are in two.
    """
    found = sorted({int(row.fold) for row in manifest.rows if row.fold})
    if not found:
        raise UsageError(
            f"{manifest.root} has no folds: curate it with some, into an empty folder: cxr curate "
            f".. {flag('folds', 5)}."
        )
    if found != list(range(len(found))):
        raise NotCurated(
            f"{manifest.root}: its folds are {', '.join(map(str, found))}, expected 0 to "
            f"{len(found) - 1}. Curate the folder again."
        )
    if len(found) < MIN_FOLDS:
        raise UsageError(
            f"{manifest.root} has {len(found)} folds, cross-validation needs {MIN_FOLDS}: one is "
            f"held out, one chooses the epoch. Curate it with {flag('folds', 5)}."
        )
    _check_groups(manifest)
    return found


def _check_groups(manifest: Manifest) -> None:
    """Raise `NotCurated` where the images of a group, or of a patient, are in two folds."""
    fold_of: dict[tuple[str, str], str] = {}
    for row in manifest.rows:
        for kind, name in (("group", row.group), ("patient", row.patient)):
            if not row.fold or not name:
                continue
            if fold_of.setdefault((kind, name), row.fold) != row.fold:
                raise NotCurated(
                    f"{manifest.root}: {kind} {name} is in two folds, {fold_of[kind, name]} and "
                    f"{row.fold}: what trains would be tested. Curate the folder again."
                )


def seen_by_fold(
    manifest: Manifest,
    fold: int,  # that is held out
    folds: int,  # how many there are
) -> Manifest:
    """Return the folder as the network of a fold sees it: the next fold validates, others train.

    What is held out, and what is officially tested, is in split test. Its sha256 is its own: a
    network of one fold knows images that are tested elsewhere.
    """
    rows = []
    for row in manifest.rows:
        split = "train"
        if not row.fold or int(row.fold) == fold:
            split = "test"
        elif int(row.fold) == (fold + 1) % folds:
            split = "valid"
        rows.append(replace(row, split=split))
    sha256 = sha256_text(f"{manifest.sha256} fold {fold} of {folds}")
    return replace(manifest, rows=rows, sha256=sha256)


def held_out_by(
    manifest: Manifest,  # of seen_by_fold
    fold: int,
) -> Manifest:
    """Return the images alone that a fold holds out: none that is officially tested."""
    rows = [row for row in manifest.rows if row.fold == str(fold)]
    return replace(manifest, rows=rows)
