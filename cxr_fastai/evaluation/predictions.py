"""What a report is counted from, and what its reader must know of it: answers, identities, notes. Bundle, Manifest and
split in, plain words and rows of text out; counts nothing, writes no file.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["Answers", "notes_of", "facts_of"]


@dataclass(frozen=True, eq=False)
class Answers:
    """What a bundle answered to the images of a split."""

    rows: list[dict]  # of the manifest, one an image
    targs: np.ndarray  # (n,) true classes, as indices into vocab
    probs: np.ndarray  # (n, c)
    preds: np.ndarray  # (n,) answered classes

    def table(self, vocab: list[str]) -> tuple[list[dict], list[str]]:
        """Rows and columns of predictions.csv. 9 digits give back every float32: metrics can be computed again from it."""
        kept, of_class = ["path", "source", "group", "label"], [f"p_{c}" for c in vocab]
        rows = [
            {
                **{k: r[k] for k in kept},
                "predicted": vocab[int(i)],
                **{k: f"{x:.9g}" for k, x in zip(of_class, p)},
            }
            for r, p, i in zip(self.rows, self.probs, self.preds)
        ]
        return rows, [*kept, "predicted", *of_class]


def notes_of(bundle, data, split: str) -> list[str]:
    """What a reader must know of the split beside any numbers of it."""
    if bundle.meta["manifest_sha256"] != data.sha256:
        return []  # rows.rows_for has said what is known
    if split == "train":
        return [
            "The model was trained on these images: the numbers do not tell how it does on new ones."
        ]
    return (
        ["The validation split steers training; judge the model by its test split."]
        if split == "valid"
        else []
    )


def facts_of(bundle, data) -> dict[str, str]:
    """What was evaluated on what; identities, and no paths of this machine."""
    meta = bundle.meta
    facts = {
        "network": meta["arch"],
        "weights (SHA-256)": meta.get("weights_sha256"),
        "trained for recipe": meta["recipe"]["name"],
        "trained on manifest (SHA-256)": meta["manifest_sha256"],
        "images curated for recipe": data.recipe.name,
        "images of manifest (SHA-256)": data.sha256,
    }
    return {k: str(v) for k, v in facts.items() if v}
