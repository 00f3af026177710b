"""Arrays that the metrics are counted from, checked once.

Arrays in, numpy arrays of known shape out.
Every function raises `UsageError` in one line for arrays that do not fit together; none counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from cxr_fastai.core import UsageError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

__all__ = [
    "class_answers",
    "class_indices",
    "class_probs",
    "finding_arrays",
    "finding_targets",
    "source_names",
]


# ---- one class an image


def class_indices(
    targs: ArrayLike,  # (n,) true classes, as indices into vocab
    vocab: Sequence[str],  # (c,) class slugs
) -> np.ndarray:  # (n,) integers
    """Check true classes."""
    classes = np.asarray(targs)
    if classes.ndim != 1 or not len(classes):
        raise UsageError(f"targs has shape {classes.shape}: expected (n,) with n > 0.")
    whole = np.issubdtype(classes.dtype, np.integer)
    if not whole or classes.min() < 0 or classes.max() >= len(vocab):
        raise UsageError(
            f"targs must be indices into vocab, whole numbers from 0 to {len(vocab) - 1}; "
            f"received {classes[:5].tolist()}, .."
        )
    return classes


def class_probs(
    probs: ArrayLike,  # (n, c) probability of each class, 0-1
    n: int,  # images
    vocab: Sequence[str],
) -> np.ndarray:  # (n, c)
    """Check the probabilities of classes."""
    numbers = np.asarray(probs)
    if numbers.shape != (n, len(vocab)):
        raise UsageError(
            f"probs has shape {numbers.shape}: expected ({n}, {len(vocab)}), "
            "a row an image and a column a class."
        )
    bad = _rows_not_finite(numbers)
    if len(bad):
        raise UsageError(
            f"probs: {len(bad)} of {n} rows are not finite numbers, the first is row {bad[0]}."
        )
    return numbers


def class_answers(
    preds: ArrayLike | None,  # (n,) answered classes, as indices into vocab; None: most probable
    probs: np.ndarray,  # (n, c); on a tie the class earlier in vocab is the answer
) -> np.ndarray:  # (n,)
    """Return the answers that are given, or the most probable classes."""
    if preds is None:
        return probs.argmax(1)
    answers = np.asarray(preds)
    if answers.shape == probs.shape[:1]:
        return answers
    raise UsageError(f"preds has shape {answers.shape}: expected ({len(probs)},), one an image.")


# ---- several findings an image


def finding_targets(
    targs: ArrayLike,  # (n, c) 1 present, 0 absent, nan unknown
    vocab: Sequence[str],  # (c,) finding slugs
) -> np.ndarray:  # (n, c) float64
    """Check what is present, absent and unknown."""
    labels = np.asarray(targs, float)
    if labels.ndim != 2 or not len(labels) or labels.shape[1] != len(vocab):
        raise UsageError(
            f"targs has shape {labels.shape}: expected (n, {len(vocab)}) with n > 0, "
            "a column a finding."
        )
    wrong = labels[~np.isin(labels, (0, 1)) & ~np.isnan(labels)]
    if len(wrong):
        raise UsageError(f"targs holds {wrong[0]:g}: expected 1 present, 0 absent, nan unknown.")
    if np.isnan(labels).all():
        raise UsageError("targs holds no label that is known: nothing can be counted.")
    return labels


def finding_arrays(
    targs: ArrayLike,  # (n, c) as for `finding_targets`
    probs: ArrayLike,  # (n, c) probability of each finding, 0-1
    preds: ArrayLike,  # (n, c) bool: what was answered
    vocab: Sequence[str],  # (c,) slugs
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Check labels, probabilities and answers of the same images.

    Labels come back as float64, answers as bool, probabilities as they are.
    """
    labels = finding_targets(targs, vocab)
    numbers = np.asarray(probs)
    answers = np.asarray(preds, bool)
    for name, array in (("probs", numbers), ("found", answers)):
        if array.shape != labels.shape:
            raise UsageError(
                f"{name} has shape {array.shape}: expected {labels.shape}, "
                "a row an image and a column a finding."
            )
    bad = _rows_not_finite(numbers)
    if len(bad):
        raise UsageError(
            f"probs: {len(bad)} of {len(numbers)} rows are not finite, the first is row {bad[0]}."
        )
    return labels, numbers, answers


# ---- both


def source_names(
    sources: Iterable[object],  # (n,) the source that each image came from
    n: int,  # images
) -> np.ndarray:  # (n,) of text, as objects
    """Check that every image has a source.

    A source may be named by anything that has a text.
    """
    names = np.array([str(source) for source in sources], dtype=object)
    if len(names) != n:
        raise UsageError(f"sources has {len(names)} names for {n} images: expected one an image.")
    return names


def _rows_not_finite(numbers: np.ndarray) -> np.ndarray:
    """Return the rows that hold a nan or an infinity."""
    return np.flatnonzero(~np.isfinite(numbers).all(1))
