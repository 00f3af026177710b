"""What a bundle predicted for the images of a split, and what was evaluated on what.

Bundle, Manifest and arrays in; rows of predictions.csv and identities out. Counts nothing, writes
no file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from cxr_fastai.core import Task
from cxr_fastai.manifest import Manifest
from cxr_fastai.recipes import Recipe

if TYPE_CHECKING:
    from cxr_fastai.bundle.bundle import Bundle

__all__ = ["Predictions", "Row", "finding_targets_of", "identities"]

Row: TypeAlias = "dict[str, str]"  # of a manifest or of predictions.csv, by column

KEPT_COLUMNS = ("path", "source", "group", "label")  # of a manifest's row, in predictions.csv


@dataclass(frozen=True, eq=False)
class Predictions:
    """What a bundle predicted for the images of a split."""

    rows: list[Row]  # of the manifest, one an image
    targs: np.ndarray  # (n,) true classes, as indices into vocab; or (n, c) 1, 0, nan unknown
    probs: np.ndarray  # (n, c)
    preds: np.ndarray  # (n,) answered classes, as indices into vocab; or (n, c) bool

    @property
    def sources(self) -> list[str]:
        """The source of each image."""
        return [row["source"] for row in self.rows]

    @property
    def groups(self) -> list[str]:
        """The group of each image: what its patient's, or its radiograph's, images share."""
        return [row["group"] for row in self.rows]

    def table(
        self,
        vocab: Sequence[str],  # (c,)
        predicted: Sequence[str],  # (n,) the answers, as a manifest's label has them
    ) -> tuple[list[Row], list[str]]:
        """Return the rows and columns of predictions.csv.

        9 digits give back every float32: metrics can be computed again from it.
        """
        prob_columns = [f"p_{slug}" for slug in vocab]
        rows = []
        for row, probs, answer in zip(self.rows, self.probs, predicted):
            line = {column: row[column] for column in KEPT_COLUMNS}
            line["predicted"] = answer
            line.update(zip(prob_columns, [f"{prob:.9g}" for prob in probs]))
            rows.append(line)
        return rows, [*KEPT_COLUMNS, "predicted", *prob_columns]


def finding_targets_of(
    recipe: Recipe,  # that the rows are labelled by
    rows: Sequence[Row],
    vocab: Sequence[str],  # (c,) of the bundle
    task: Task,
) -> np.ndarray:  # (n, c) 1 present, 0 absent, nan unknown
    """Return the labels of a folder's rows under a bundle's vocab.

    A finding that the folder's recipe lacks is unknown, not absent. Of one class an image, a row
    without a class of the vocab is unknown.
    """
    columns = np.full((len(rows), len(vocab)), np.nan)
    if task is Task.SINGLE_LABEL:
        index_of = {slug: i for i, slug in enumerate(vocab)}
        for i, row in enumerate(rows):
            if row["label"] in index_of:
                columns[i] = 0
                columns[i, index_of[row["label"]]] = 1
        return columns
    for i, row in enumerate(rows):
        if not row["label"]:
            continue
        of_recipe = dict(zip(recipe.vocab, recipe.targets(row["label"])))
        columns[i] = [of_recipe.get(slug, np.nan) for slug in vocab]
    return columns


def identities(
    bundle: Bundle,
    data: Manifest,
) -> dict[str, str]:
    """Say what was evaluated on what, without paths of this machine.

    The date is that of the training, where the bundle tells it: with that of the evaluation, the
    same call would not write the same bytes.
    """
    meta = bundle.meta
    found = {
        "network": meta["arch"],
        "weights (SHA-256)": meta.get("weights_sha256"),
        "trained for recipe": meta["recipe"]["name"],
        "trained on (UTC)": meta.get("trained", {}).get("date"),
        "trained on manifest (SHA-256)": meta["manifest_sha256"],
        "images curated for recipe": data.recipe.name,
        "images of manifest (SHA-256)": data.sha256,
    }
    return {name: str(value) for name, value in found.items() if value}
