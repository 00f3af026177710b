"""Images that lie in npz arrays, many in one file, as MedMNIST's do.

A source's npz files -> an Item or a Reject for each row. It reads labels and decodes no image.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from cxr_fastai.catalog import Source, split_bar
from cxr_fastai.core import IntegrityError, one_line
from cxr_fastai.curation.sources.item import (
    Item,
    Reject,
    check_templates,
    make_item,
    reject_file,
)
from cxr_fastai.curation.sources.tree import Tree

if TYPE_CHECKING:
    from numpy.lib.npyio import NpzFile

__all__ = ["list_arrays"]

# The part of a file's names -> the split that it fixes, where the rule says that arrays do.
SPLIT_OF_PART = {"train": "train", "val": "valid", "test": "test"}


def list_arrays(
    source: Source,
    tree: Tree,  # its files
    paths: list[str],  # of the npz files
) -> Iterator[Item | Reject]:
    """Yield what the files at `paths` hold: arrays train_images, train_labels, val_..., test_...

    Any of them may be absent. Raises `IntegrityError` where a file is no npz, and `CatalogError`
    for a template that names a field that arrays do not have.
    """
    for rule in source.rules:
        check_templates(rule, ["name", "stem"])
    for path in paths:
        npz = _load(tree, path)
        for part in SPLIT_OF_PART:
            if f"{part}_labels" not in npz or f"{part}_images" not in npz:
                continue
            for row, label in enumerate(npz[f"{part}_labels"].reshape(-1)):
                yield _array_item(source, tree, path, part, row, str(int(label)))


def _load(
    tree: Tree,  # its files
    path: str,  # of an npz file
) -> NpzFile:
    """Open an npz file. Raises `IntegrityError` where it is none."""
    import numpy as np

    try:
        return np.load(tree.file(path), allow_pickle=False)
    except Exception as e:  # zipfile, numpy and OS errors
        raise IntegrityError(
            f"{path} in {tree.where}: no readable npz file: {one_line(e)}. Fetch it again."
        ) from e


def _array_item(
    source: Source,
    tree: Tree,  # its files
    path: str,  # in the source
    part: str,  # train, val or test
    row: int,  # of the part's arrays
    label: str,  # the source's
) -> Item | Reject:
    """Make the Item of one row, by the first rule of its label.

    A label that no rule has gives a Reject.
    """
    name = f"{path}#{part}/{row}"
    for rule in source.rules:
        if rule.label_value == label:
            return make_item(
                source=source,
                rule=rule,
                file=tree.files[path],
                path=name,
                array=(f"{part}_images", row),
                label=label,
                findings=split_bar(rule.findings),
                fields=[{"name": name, "stem": name}],
                official=SPLIT_OF_PART[part] if rule.split == "array" else "",
            )
    message = f"no rule of {source.id} for the label {label!r}"
    return reject_file(source.id, name, "label", "unknown_label", message)
