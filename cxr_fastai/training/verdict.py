"""What validation says of a network that has just been trained: scores, and what is to be feared.

Logits, targets and groups of the validation images, and the history of the run in; numbers with
intervals, and warnings as records out. Looks at no image, changes nothing.

Kinds of warnings: at_chance, loss_above_constant, no_threshold, and those of `trainable`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from fastai.learner import Learner
from scipy.special import logit
from sklearn.metrics import average_precision_score, roc_auc_score
from torch import Tensor

from cxr_fastai.advice import command
from cxr_fastai.core import FolderWarning, Task
from cxr_fastai.intervals.bootstrap import Resampling
from cxr_fastai.intervals.exact import groups_of_mean, is_few
from cxr_fastai.intervals.interval_trees import Interval
from cxr_fastai.recipes import Recipe
from cxr_fastai.reporting.text import count, decimal, percent, span, with_span
from cxr_fastai.training.calibrate import probabilities
from cxr_fastai.training.data import CachedDL

__all__ = ["Scored", "score", "constant_loss", "run_warnings", "scores_line"]

RESAMPLES = 1000  # a verdict's interval; reports draw 2,000
LAST_EPOCHS = 3  # whose loss tells whether a run came apart; fewer where a run is shorter
# Within which validation says little of what was learnt: batch norm's averages (momentum 0.1) keep
# 1 % of their start for 44 steps, the mean of the weights (ema 0.99) 37 % for 100
SETTLED_STEPS = 100
MIN_LOGIT = 1e-6  # a share of 0 or 1 has no logit: it is taken of this, or of 1 less this
TRAIN_BETTER = (
    "Do not use it. Train for longer, from weights that know images (weights = imagenet), at "
    "another rate (lr = find), or on more images; and look whether labels and images belong "
    "together."
)
SCORE_ON_MORE = (
    "Do not believe it before it is scored on more images, or by cross-validation: curate with "
    f"folds, then {command('cxr train DATA --folds', 'train_folds(DATA)')}."
)

# key -> its name, whether it is shown in percent
NAMES = {
    "accuracy": ("accuracy", True),
    "balanced_accuracy": ("balanced accuracy", True),
    "macro_auroc": ("macro AUROC", False),
    "macro_ap": ("macro AP", False),
}


@dataclass(frozen=True)
class Scored:
    """The scores of a network on validation."""

    task: Task
    numbers: dict[str, float]  # by the keys of NAMES; what cannot be told is left out
    intervals: dict[str, Interval]  # likewise, 95 %
    images: int
    groups: int
    classes: int  # that validation has images of; of findings: those present in some, not in all


# ---- scores


def score(
    task: Task,
    logits: np.ndarray,  # (n, classes)
    targs: np.ndarray,  # (n,) class indices, or (n, classes) of 1, 0 and nan
    groups: Sequence[str],  # (n,) what the images of one patient, or radiograph, share
) -> Scored:
    """Count, with intervals over groups."""
    resampling = Resampling(groups, RESAMPLES, seed=0)
    if task is Task.MULTI_LABEL:
        return _of_findings(logits, targs, resampling)
    return _of_classes(logits, targs, resampling)


def _of_classes(logits: np.ndarray, targs: np.ndarray, resampling: Resampling) -> Scored:
    """Score answers of one class an image."""
    right = logits.argmax(1) == targs
    present = np.unique(targs)
    of_class = targs[:, None] == present
    recalls = resampling.shares(of_class & right[:, None], of_class)
    groups = [resampling.groups_of(own) for own in of_class.T]
    balanced = float(np.mean([right[own].mean() for own in of_class.T]))
    numbers = {"accuracy": float(right.mean()), "balanced_accuracy": balanced}
    every = np.ones(len(targs), bool)
    intervals = {
        "accuracy": resampling.share_interval(resampling.shares(right), right, every),
        "balanced_accuracy": resampling.interval(
            _mean(recalls), balanced, groups_of_mean(groups, resampling.n_groups)
        ),
    }
    probs = probabilities(logits, Task.SINGLE_LABEL)[:, present]
    known = np.ones(of_class.shape, bool)
    _add_auroc(numbers, intervals, resampling, of_class, probs, known)
    return _scored(Task.SINGLE_LABEL, numbers, intervals, resampling, len(present))


def _of_findings(logits: np.ndarray, targs: np.ndarray, resampling: Resampling) -> Scored:
    """Score rankings of findings, over images of which each is known."""
    known = ~np.isnan(targs)
    positive = targs == 1
    told = [0 < positive[:, i].sum() < known[:, i].sum() for i in range(targs.shape[1])]
    numbers: dict[str, float] = {}
    intervals: dict[str, Interval] = {}
    parts = (positive[:, told], logits[:, told], known[:, told])
    _add_auroc(numbers, intervals, resampling, *parts)
    precisions = []
    draws = []
    groups = []
    for is_positive, scores, is_known in zip(*(part.T for part in parts)):
        precisions.append(average_precision_score(is_positive[is_known], scores[is_known]))
        draws.append(resampling.average_precisions(is_positive, scores, is_known))
        groups.append(resampling.groups_of(is_positive))
    if precisions:
        numbers["macro_ap"] = float(np.mean(precisions))
        trials = groups_of_mean(groups, resampling.n_groups)
        intervals["macro_ap"] = resampling.interval(
            _mean(np.stack(draws, 1)), numbers["macro_ap"], trials, is_ranking=True
        )
    return _scored(Task.MULTI_LABEL, numbers, intervals, resampling, sum(told))


def _scored(
    task: Task,
    numbers: dict[str, float],
    intervals: dict[str, Interval],
    resampling: Resampling,
    classes: int,
) -> Scored:
    """Put scores together with what they rest on."""
    return Scored(task, numbers, intervals, resampling.n_images, resampling.n_groups, classes)


def _add_auroc(
    numbers: dict[str, float],
    intervals: dict[str, Interval],
    resampling: Resampling,
    positive: np.ndarray,  # (n, k) bool
    scores: np.ndarray,  # (n, k)
    known: np.ndarray,  # (n, k) bool
) -> None:
    """Add the mean AUROC of the columns that have both sides, where there are some."""
    areas = []
    draws = []
    groups = []
    for own, ranks, is_known in zip(positive.T, scores.T, known.T):
        if not own[is_known].any() or own[is_known].all():
            continue
        areas.append(roc_auc_score(own[is_known], ranks[is_known]))
        draws.append(resampling.aurocs(own, ranks, is_known))
        groups.append(resampling.groups_of(own & is_known, ~own & is_known))
    if not areas:
        return
    numbers["macro_auroc"] = float(np.mean(areas))
    trials = groups_of_mean(groups, resampling.n_groups)
    intervals["macro_auroc"] = resampling.interval(
        _mean(np.stack(draws, 1)), numbers["macro_auroc"], trials, is_ranking=True
    )


def _mean(
    draws: np.ndarray,  # (R, k) nan where undefined
) -> np.ndarray:  # (R,) nan where all are
    """Return the mean over what is defined."""
    defined = ~np.isnan(draws)
    n = defined.sum(1)
    total = np.where(defined, draws, 0).sum(1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return total / n


# ---- the loss of an answer that looks at no image


def constant_loss(
    learn: Learner,  # of our own loaders and loss
    targs: np.ndarray,  # of validation: (n,) class indices, or (n, classes) of 1, 0 and nan
) -> float | None:  # None: other loaders, of which nobody knows how they draw
    """Return the validation loss of the one answer that fits train best, whatever the image."""
    train = learn.dls.train
    if not isinstance(train, CachedDL) or train.pixels is None or train.draws is None:
        return None
    answer = _constant(train.pixels.labels, train.draws.frequency, learn.loss_func.weights)
    logits = torch.as_tensor(np.tile(answer, (len(targs), 1)), dtype=torch.float32)
    device = next(learn.model.parameters()).device
    wanted = torch.as_tensor(targs).to(device)
    return float(learn.loss_func.score(logits.to(device), wanted))


def _constant(
    labels: Tensor,  # of train: (n,) class indices, or (n, classes) of 1, 0 and nan
    frequency: Tensor,  # (n,) how often each image is drawn
    weights: Tensor | None,  # of the loss
) -> np.ndarray:  # (classes,) logits
    """Return the logits that a network would give which knows frequencies and weights alone."""
    y = labels.cpu().double().numpy()
    drawn = frequency.double().numpy()
    w = None if weights is None else weights.detach().cpu().double().numpy()
    if y.ndim == 1:
        mass = np.bincount(y.astype(int), drawn, len(w[0]) if w is not None else 0)
        if w is not None:
            mass = mass * w[0]
        return np.log(np.maximum(mass / mass.sum(), MIN_LOGIT))
    absent = ((y == 0) * drawn[:, None]).sum(0)
    present = ((y == 1) * drawn[:, None]).sum(0)
    if w is not None:
        absent, present = absent * w[0], present * w[1]
    shares = present / np.maximum(present + absent, MIN_LOGIT)
    found: np.ndarray = logit(shares.clip(MIN_LOGIT, 1 - MIN_LOGIT))
    return found


# ---- what is to be feared


def run_warnings(
    scored: Scored,
    rows: Sequence[Mapping[str, Any]],  # of history.csv
    best_epoch: int,
    constant: float | None,  # of constant_loss
    recipe: Recipe,
    decides: bool,  # whether a threshold of "negative or not" was fixed
    steps: int | None = None,  # of training, all epochs; None: nobody knows
) -> list[FolderWarning]:
    """Judge a run by its validation."""
    found = []
    if constant is not None and _came_apart(rows, constant):
        apart = _apart(rows, best_epoch, constant)
        found.append(_too_little(apart, steps) if _is_early(rows, constant, steps) else apart)
    chance = at_chance(scored)
    if chance:
        found.append(chance)
    if recipe.negative and not decides:
        found.append(_no_threshold(recipe))
    return found


def at_chance(scored: Scored) -> FolderWarning | None:
    """Return a warning where the interval of the score holds that of a guess; None elsewhere.

    None too where validation has one class alone, or one group: that is told otherwise.
    """
    if scored.task is Task.MULTI_LABEL:
        key, guess = "macro_auroc", 0.5
    else:
        key, guess = "balanced_accuracy", 1 / max(scored.classes, 1)
    interval = scored.intervals.get(key)
    if interval is None or (scored.task is Task.SINGLE_LABEL and scored.classes < 2):
        return None
    if interval[0] > guess:
        return None
    says = (
        f"validation cannot tell this network from a guess: {_words(scored, key)} on "
        f"{count(scored.images, 'image')} of {count(scored.groups, 'group')}, and a guess has "
        f"{_number(key, guess)}."
    )
    ranks = scored.intervals.get("macro_auroc")
    if key != "macro_auroc" and ranks and ranks[0] > 0.5:
        says += f" Its probabilities do rank ({_words(scored, 'macro_auroc')}): answers do not."
    do = SCORE_ON_MORE if is_few(scored.groups) else TRAIN_BETTER
    numbers = {"score": key, "value": scored.numbers[key], "interval": list(interval)}
    numbers["guess"] = guess
    return FolderWarning("at_chance", says, do, "Not told from a guess", numbers)


def _came_apart(rows: Sequence[Mapping[str, Any]], constant: float) -> bool:
    """Tell whether the loss of all last epochs is above that of a constant answer."""
    return all(row["valid_loss"] > constant for row in rows[-LAST_EPOCHS:])


def _apart(rows: Sequence[Mapping[str, Any]], best_epoch: int, constant: float) -> FolderWarning:
    """Say that the last epochs are worse than an answer that looks at no image."""
    losses = [row["valid_loss"] for row in rows[-LAST_EPOCHS:]]
    best = next(row["valid_loss"] for row in rows if row["epoch"] == best_epoch)
    kept = f"Epoch {best_epoch} was kept, of loss {best:.3g}"
    kept += ", which is above it too." if best > constant else ", which is below it."
    listed = ", ".join(f"{loss:.3g}" for loss in losses)
    last = "last epoch" if len(losses) == 1 else f"last {len(losses)} epochs"
    says = (
        f"the validation loss of the {last} ({listed}) is above {constant:.3g}, that of one and "
        f"the same answer to every image. {kept}"
    )
    do = (
        "Lower the rate (setting lr), bound the steps (clip = 1), or train for fewer epochs if the "
        "loss rose after it had fallen; for more if it was still falling."
    )
    numbers = {"losses": losses, "constant": constant, "best_epoch": best_epoch, "best": best}
    return FolderWarning("loss_above_constant", says, do, "The loss came apart", numbers)


def _is_early(
    rows: Sequence[Mapping[str, Any]],
    constant: float,
    steps: int | None,  # None: nobody knows
) -> bool:
    """Tell whether a loss above a constant answer's is that of a network that learned too little.

    It took few steps, never was below, and what it trained on got better; a single epoch cannot
    show that it got better.
    """
    if steps is None or steps >= SETTLED_STEPS or len(rows) < 2:
        return False
    if any(row["valid_loss"] <= constant for row in rows):
        return False
    return rows[-1]["train_loss"] < rows[0]["train_loss"]


def _too_little(apart: FolderWarning, steps: int | None) -> FolderWarning:
    """Say of a loss above a constant answer's that the network has only begun to learn."""
    says = (
        f"{apart.says} After {count(steps or 0, 'step')} its loss on training images was still "
        "falling."
    )
    numbers = apart.numbers if isinstance(apart.numbers, dict) else {}
    do = "Train for longer (setting epochs), or on more images, before anything is read into it."
    return replace(
        apart,
        says=says,
        do=do,
        title="Trained too little",
        numbers={"steps": steps, **numbers},
    )


def _no_threshold(recipe: Recipe) -> FolderWarning:
    """Say that validation lacks one side of the question that a threshold would decide."""
    return FolderWarning(
        "no_threshold",
        f"validation has no image of {recipe.negative}, or none of another class: no threshold "
        "could be fixed, and there is no risk to order a worklist by.",
        "Curate more images, or other splits.",
        "No threshold",
    )


# ---- words


def scores_line(
    scored: Scored,
    best_epoch: int,
    epochs: int,
) -> str:
    """Say the scores with their intervals in one line."""
    told = [_words(scored, key) for key in NAMES if key in scored.numbers]
    return (
        f"validation, epoch {best_epoch} of {epochs}: {', '.join(told) or 'nothing to score'}; "
        f"{count(scored.images, 'image')} of {count(scored.groups, 'group')}, 95 % intervals"
    )


def _words(scored: Scored, key: str) -> str:
    """Return a score with its name and interval."""
    name, as_share = NAMES[key]
    interval = span(scored.intervals[key], as_share, none="")
    return f"{name} {with_span(_number(key, scored.numbers[key]), interval)}"


def _number(key: str, value: float) -> str:
    """Return a score as it is shown."""
    if math.isnan(value):
        return "-"
    return percent(value) if NAMES[key][1] else decimal(value)
