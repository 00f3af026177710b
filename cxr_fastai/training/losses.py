"""What training makes small, by name: cross-entropy, weighted, focal, for classes that exclude each other and for
findings that do not. Logits and targets in, a number out; in an exported learner also the probabilities and answers of
its bundle. Unknown targets (nan) never count; nothing here looks at an image.

The formulas, for an image of true class y, or for one finding that is present (y = 1) or absent (y = 0), p being the
probability that the network gives to what is true:

    cross_entropy, bce   -log p
    weighted_*           -w log p
    focal                -(1 - p)^gamma log p              (Lin et al. 2017, arXiv 1708.02002)
    weighted_focal       -w (1 - p)^gamma log p

    w of class c         n / (k n_c)                           of k classes, n_c of n train images
    w of a finding       n / (2 n_present), n / (2 n_absent)   of the n train images where it is known

No w is larger than MOST. But for that each class, or the present and the absent of each finding, weighs the same in all
(King & Zeng 2001, Political Analysis 9:137); n_c are the images as training draws them, so that weights and
oversampling do not add up. Of two classes that exclude each other w is the same in both lines: weighted_bce and
weighted_cross_entropy are one thing. A mixture of two images (mixup) has the share of each side, with that side's w;
what is unknown in one is unknown in it.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from cxr_fastai.recipes import LOSSES, UNSET

__all__ = [
    "CrossEntropy",
    "BinaryCrossEntropy",
    "build_loss",
    "loss_weights",
    "prior_offsets",
    "MOST",
]

MOST = 20.0  # a weight; a finding of 1 in 1,000 would have 500, and each of its images would throw the network about


def loss_weights(
    targs: torch.Tensor,  # (n,) class indices, or (n, classes) of 1, 0 and nan
    classes: int,
    often=None,  # (n,) how often each image is drawn, on any scale; None: all alike
) -> torch.Tensor:  # (1, classes), or (2, classes): of absent and of present findings; float32
    """Weights that let each side count the same. A class or a side without images gets 1."""
    often = (
        torch.ones(len(targs), dtype=torch.float64)
        if often is None
        else torch.as_tensor(often).double()
    )
    if targs.ndim == 1:
        counts = torch.zeros(classes, dtype=torch.float64).index_add(0, targs.long(), often)[None]
        sides = int((counts > 0).sum())
    else:
        counts, sides = torch.stack([((targs == y) * often[:, None]).sum(0) for y in (0, 1)]), 2
        counts = counts * (counts > 0).all(0)  # a finding of one side only is not weighted
    found = counts.sum(1 if targs.ndim == 1 else 0, keepdim=True) / (sides * counts)
    return torch.where(counts > 0, found.clamp(max=MOST), torch.ones_like(found)).float()


def _plain(t: torch.Tensor) -> torch.Tensor:
    return t.as_subclass(torch.Tensor)  # of fastai's own kinds of tensors


def _few(p: torch.Tensor) -> torch.Tensor:
    return p.clamp(min=1e-6)  # the slope of p**gamma, gamma < 1, has no end at 0


class _Loss(nn.Module):
    """What both losses share. `reduction` is what fastai's mixup sets; calibration's findings are set once training is
    over, so that an exported learner answers as its bundle does.
    """

    temperature = 1.0

    def __init__(self, weights=None, gamma: float = 0.0, label_smoothing: float = 0.0):
        super().__init__()
        self.register_buffer("weights", weights)
        self.gamma, self.label_smoothing, self.reduction, self.offsets = (
            gamma,
            label_smoothing,
            "mean",
            None,
        )

    def forward(self, x, y):
        return self._mean(*self._terms(x, y, self.gamma, self.label_smoothing))

    def score(self, x, y):
        """By what epochs are judged: weighted as in training, but neither focal nor smoothed."""
        return self._mean(*self._terms(x, y, 0.0, 0.0))

    def _mean(
        self, terms, known
    ):  # terms are 0 where nothing is known; mixup asks for one an image
        if self.reduction == "none":
            return (
                terms.flatten(1).sum(1) / known.flatten(1).sum(1).clamp(min=1)
                if terms.ndim > 1
                else terms
            )
        return terms.sum() / known.sum().clamp(min=1)

    def scaled(self, x):  # logits as calibration leaves them
        x = x / self.temperature
        return (
            x
            if self.offsets is None
            else x + torch.as_tensor(self.offsets, dtype=x.dtype, device=x.device)
        )


class CrossEntropy(_Loss):
    """Of classes that exclude each other."""

    y_int = True  # for fastai: targets are indices
    negative, threshold = None, 0.0

    def _terms(self, x, y, gamma, smoothing):
        x, y = _plain(x).float(), _plain(y).long()
        weights = None if self.weights is None else self.weights[0].to(x.device)
        loss = F.cross_entropy(x, y, weight=weights, label_smoothing=smoothing, reduction="none")
        if gamma:
            loss = loss * _few(1 - x.softmax(1).gather(1, y[:, None])[:, 0]) ** gamma
        return loss, torch.ones_like(loss)

    def calibrate(
        self,
        facts: dict,  # of bundle.json: temperature, offsets, decision
        vocab: list[str],
    ):
        self.temperature, decision = facts["temperature"], facts["decision"]
        self.offsets = [facts["offsets"].get(c, 0.0) for c in vocab]
        if decision:
            self.negative, self.threshold = vocab.index(decision["negative"]), decision["threshold"]

    def activation(self, x):
        return self.scaled(x).softmax(-1)

    def decodes(
        self, x
    ):  # (n, classes) probabilities, as `activation` gives them; the rule of Bundle.answers
        if self.negative is None:
            return x.argmax(-1)
        others = x.index_fill(-1, torch.tensor(self.negative, device=x.device), -1).argmax(-1)
        yes = (
            x.index_fill(-1, torch.tensor(self.negative, device=x.device), 0).sum(-1)
            >= self.threshold
        )
        return torch.where(yes, others, torch.full_like(others, self.negative))


class BinaryCrossEntropy(_Loss):
    """Of findings, each for itself; nan where it is not known whether one is present."""

    y_int = False  # for fastai: targets are shares
    thresholds = UNSET

    def _terms(self, x, y, gamma, smoothing):
        x, y = _plain(x).float(), _plain(y).float()
        known = ~y.isnan()
        y = torch.where(known, y, torch.zeros_like(y))
        absent, present = (1.0, 1.0) if self.weights is None else self.weights.to(x.device)
        y = (
            y * (1 - smoothing) + smoothing / 2
        )  # of a mixture, or smoothed: a share of each side, with the side's weight

        def side(z, w):
            return w * F.softplus(-z) * (_few((-z).sigmoid()) ** gamma if gamma else 1.0)

        return (y * side(x, present) + (1 - y) * side(-x, absent)) * known, known

    def calibrate(
        self,
        facts: dict,  # of bundle.json: temperature, offsets, thresholds
        vocab: list[str],
    ):
        self.temperature = facts["temperature"]
        self.offsets = [facts["offsets"].get(c, 0.0) for c in vocab]
        self.thresholds = [facts["thresholds"].get(c, UNSET) for c in vocab]

    def activation(self, x):
        return self.scaled(x).sigmoid()

    def decodes(self, x):
        return x >= torch.as_tensor(self.thresholds, dtype=x.dtype, device=x.device)


def build_loss(
    name: str,  # of recipes.LOSSES, or auto
    multi: bool,  # findings, not classes that exclude each other
    weights=None,  # of loss_weights
    gamma: float = 2.0,  # of the focal ones
    label_smoothing: float = 0.0,
) -> _Loss:
    """The loss of that name."""
    if name == "auto":
        name = LOSSES["multi_label" if multi else "single_label"][0]
    kind = BinaryCrossEntropy if multi else CrossEntropy
    return kind(
        weights if name.startswith("weighted") else None,
        gamma if name.endswith("focal") else 0.0,
        label_smoothing,
    )


def prior_offsets(
    weights: torch.Tensor | None,  # of the loss that a network was trained with
) -> np.ndarray | float:  # (classes,) to add to its logits
    """What the weights moved the log-odds by, taken back (Elkan 2001, IJCAI): probabilities then are those of the
    prevalence that training had. 0 without weights.
    """
    if weights is None:
        return 0.0
    w = weights.double().cpu().numpy()
    return -np.log(w[0]) if len(w) == 1 else np.log(w[0] / w[1])
