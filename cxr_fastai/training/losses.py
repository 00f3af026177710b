"""What training makes small, by name.

Cross-entropy, weighted, focal, for classes that exclude each other and for findings that do not.
Logits and targets in, a number out; in an exported learner also the probabilities and answers of
its bundle. Unknown targets (nan) never count; nothing here looks at an image.

The formulas, for an image of true class y, or for one finding that is present (y = 1) or absent
(y = 0), p being the probability that the network gives to what is true:

    cross_entropy, bce   -log p
    weighted_*           -w log p
    focal                -(1 - p)^gamma log p              (Lin et al. 2017, arXiv 1708.02002)
    weighted_focal       -w (1 - p)^gamma log p

    w of class c         n / (k n_c)                           of k classes, n_c of n train images
    w of a finding       n / (2 n_present), n / (2 n_absent)   of n train images that tell it

No w is larger than MAX_WEIGHT. But for that each class, or the present and the absent of each
finding, weighs the same in all (King & Zeng 2001, Political Analysis 9:137); n_c are the images as
training draws them, so that weights and oversampling do not add up. Of two classes that exclude
each other w is the same in both lines: weighted_bce and weighted_cross_entropy are one thing. A
mixture of two images (mixup) has the share of each side, with that side's w; what is unknown in one
is unknown in it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cxr_fastai.bundle.most_probable import most_probable
from cxr_fastai.core import Task
from cxr_fastai.recipes import LOSSES, UNSET

__all__ = [
    "CrossEntropy",
    "BinaryCrossEntropy",
    "build_loss",
    "loss_weights",
    "prior_offsets",
    "MAX_WEIGHT",
]

# A finding of 1 in 1,000 would have 500, and each of its images would throw the network about.
MAX_WEIGHT = 20.0
MIN_FOCUS = 1e-6  # the slope of p**gamma, gamma < 1, has no end at 0


# ---- weights


def loss_weights(
    targs: Tensor,  # (n,) class indices, or (n, classes) of 1, 0 and nan
    classes: int,
    frequency: Tensor | None = None,  # (n,) how often each image is drawn; None: all alike
) -> Tensor:  # (1, classes), or (2, classes): of absent and of present findings; float32
    """Weigh so that each side counts the same. A class or a side without images gets 1.

    `frequency` may be on any scale.
    """
    if frequency is None:
        frequency = torch.ones(len(targs), dtype=torch.float64)
    frequency = torch.as_tensor(frequency).double()
    if targs.ndim == 1:
        return _class_weights(targs, classes, frequency)
    return _finding_weights(targs, frequency)


def _class_weights(targs: Tensor, classes: int, frequency: Tensor) -> Tensor:
    """Return (1, classes)."""
    none = torch.zeros(classes, dtype=torch.float64)
    counts = none.index_add(0, targs.long(), frequency)
    classes_found = int((counts > 0).sum())
    weights = counts.sum() / (classes_found * counts)
    return _bounded(weights, counts)[None]


def _finding_weights(targs: Tensor, frequency: Tensor) -> Tensor:
    """Return (2, classes)."""
    drawn = frequency[:, None]
    absent = ((targs == 0) * drawn).sum(0)
    present = ((targs == 1) * drawn).sum(0)
    counts = torch.stack([absent, present])
    has_both = (counts > 0).all(0)
    counts = counts * has_both  # a finding of one side only is not weighted
    weights = counts.sum(0, keepdim=True) / (2 * counts)
    return _bounded(weights, counts)


def _bounded(
    weights: Tensor,
    counts: Tensor,  # of images, in the shape of the weights
) -> Tensor:
    """Cut at MAX_WEIGHT; 1 where nothing was counted."""
    bounded = weights.clamp(max=MAX_WEIGHT)
    ones = torch.ones_like(weights)
    return torch.where(counts > 0, bounded, ones).float()


def prior_offsets(
    weights: Tensor | None,  # of the loss that a network was trained with
) -> np.ndarray | float:  # (classes,) to add to its logits
    """Take back what the weights moved the log-odds by (Elkan 2001, IJCAI).

    Probabilities then are those of the prevalence that training had. 0 without weights.
    """
    if weights is None:
        return 0.0
    w = weights.double().cpu().numpy()
    if len(w) == 1:
        return -np.log(w[0])
    return np.log(w[0] / w[1])


# ---- losses


def _plain(t: Tensor) -> Tensor:
    """Return a tensor that is none of fastai's own kinds."""
    return t.as_subclass(Tensor)


def _focus(
    p_wrong: Tensor,  # 1 - p: what the network gives to what is not true
    gamma: float,
) -> Tensor:
    """Return (1 - p)^gamma, by which a focal loss counts an image."""
    return p_wrong.clamp(min=MIN_FOCUS) ** gamma


class _Loss(nn.Module):
    """What both losses share.

    `reduction` is what fastai's mixup sets; temperature, offsets and what decides are set by
    `calibrate` once training is over, so that an exported learner answers as its bundle does.
    """

    temperature = 1.0

    def __init__(
        self,
        weights: Tensor | None = None,  # of loss_weights
        gamma: float = 0.0,
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__()
        self.register_buffer("weights", weights)
        self.gamma = gamma
        self.label_smoothing = label_smoothing
        self.reduction = "mean"
        self.offsets: list[float] | None = None

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the loss of logits `x` at targets `y`."""
        terms, known = self._terms(x, y, self.gamma, self.label_smoothing)
        return self._mean(terms, known)

    def score(self, x: Tensor, y: Tensor) -> Tensor:
        """Return what epochs are judged by: weighted as in training, not focal, not smoothed."""
        terms, known = self._terms(x, y, gamma=0.0, smoothing=0.0)
        return self._mean(terms, known)

    def _terms(
        self,
        x: Tensor,
        y: Tensor,
        gamma: float,
        smoothing: float,
    ) -> tuple[Tensor, Tensor]:
        """Return an entry's losses, 0 where nothing is known, and what is known."""
        raise NotImplementedError

    def _mean(
        self,
        terms: Tensor,  # of _terms
        known: Tensor,  # of _terms
    ) -> Tensor:
        """Return the mean over what is known; of each image where mixup asks for that."""
        if self.reduction != "none":
            return terms.sum() / known.sum().clamp(min=1)
        if terms.ndim == 1:
            return terms
        n_known = known.flatten(1).sum(1)
        return terms.flatten(1).sum(1) / n_known.clamp(min=1)

    def calibrate(self, meta: dict[str, Any], vocab: list[str]) -> None:
        """Take over what was fixed on validation: temperature and offsets of bundle.json."""
        self.temperature = meta["temperature"]
        self.offsets = [meta["offsets"].get(c, 0.0) for c in vocab]

    def scaled(
        self,
        x: Tensor,  # (n, classes) logits
    ) -> Tensor:
        """Return logits as calibration leaves them."""
        x = x / self.temperature
        if self.offsets is None:
            return x
        return x + torch.as_tensor(self.offsets, dtype=x.dtype, device=x.device)


class CrossEntropy(_Loss):
    """Of classes that exclude each other."""

    y_int = True  # for fastai: targets are indices
    negative: int | None = None  # index of the class of those who have nothing
    threshold = 0.0

    def _terms(
        self,
        x: Tensor,
        y: Tensor,
        gamma: float,
        smoothing: float,
    ) -> tuple[Tensor, Tensor]:
        x = _plain(x).float()
        y = _plain(y).long()
        weights = None if self.weights is None else self.weights[0].to(x.device)
        loss = F.cross_entropy(x, y, weight=weights, label_smoothing=smoothing, reduction="none")
        if gamma:
            probs = x.softmax(1)
            of_truth = probs.gather(1, y[:, None])[:, 0]
            loss = loss * _focus(1 - of_truth, gamma)
        known = torch.ones_like(loss)
        return loss, known

    def calibrate(self, meta: dict[str, Any], vocab: list[str]) -> None:
        """Take over temperature, offsets and decision of bundle.json."""
        super().calibrate(meta, vocab)
        decision = meta["decision"]
        if decision:
            self.negative = vocab.index(decision["negative"])
            self.threshold = decision["threshold"]

    def activation(self, x: Tensor) -> Tensor:
        """Return (n, classes) probabilities."""
        return self.scaled(x).softmax(-1)

    def decodes(self, x: Tensor) -> Tensor:
        """Return the answers to (n, classes) probabilities, by the rule of Bundle.answers."""
        answers = most_probable(_plain(x).detach().cpu().numpy(), self.negative, self.threshold)
        return torch.as_tensor(answers, device=x.device)


class BinaryCrossEntropy(_Loss):
    """Of findings, each for itself; nan where it is not known whether one is present."""

    y_int = False  # for fastai: targets are shares
    thresholds: float | list[float] = UNSET

    def _terms(
        self,
        x: Tensor,
        y: Tensor,
        gamma: float,
        smoothing: float,
    ) -> tuple[Tensor, Tensor]:
        x = _plain(x).float()
        y = _plain(y).float()
        known = ~y.isnan()
        y = torch.where(known, y, torch.zeros_like(y))
        # of a mixture, or smoothed: a share of each side, with the side's weight
        y = y * (1 - smoothing) + smoothing / 2
        w_absent, w_present = (1.0, 1.0) if self.weights is None else self.weights.to(x.device)
        present = y * _one_side(x, w_present, gamma)
        absent = (1 - y) * _one_side(-x, w_absent, gamma)
        return (present + absent) * known, known

    def calibrate(self, meta: dict[str, Any], vocab: list[str]) -> None:
        """Take over temperature, offsets and thresholds of bundle.json."""
        super().calibrate(meta, vocab)
        self.thresholds = [meta["thresholds"].get(c, UNSET) for c in vocab]

    def activation(self, x: Tensor) -> Tensor:
        """Return (n, classes) probabilities."""
        return self.scaled(x).sigmoid()

    def decodes(
        self,
        x: Tensor,  # (n, classes) probabilities
    ) -> Tensor:  # (n, classes) bool
        """Tell which findings reach their threshold."""
        thresholds = torch.as_tensor(self.thresholds, dtype=x.dtype, device=x.device)
        return x >= thresholds


def _one_side(
    z: Tensor,  # log-odds of what is true
    weight: Tensor | float,
    gamma: float,
) -> Tensor:
    """Return the losses where a finding is present, or where it is absent."""
    focus = _focus((-z).sigmoid(), gamma) if gamma else 1.0
    return weight * F.softplus(-z) * focus


def build_loss(
    name: str,  # of recipes.LOSSES, or auto
    task: Task,
    weights: Tensor | None = None,  # of loss_weights
    gamma: float = 2.0,  # of the focal ones
    label_smoothing: float = 0.0,
) -> CrossEntropy | BinaryCrossEntropy:
    """Build the loss of that name."""
    if name == "auto":
        name = LOSSES[task][0]
    kind = BinaryCrossEntropy if task is Task.MULTI_LABEL else CrossEntropy
    return kind(
        weights=weights if name.startswith("weighted") else None,
        gamma=gamma if name.endswith("focal") else 0.0,
        label_smoothing=label_smoothing,
    )
