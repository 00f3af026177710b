"""DataLoaders -> a fastai Learner over our own network, so that a bundle loads it without fastai. Trains nothing."""

from __future__ import annotations

import math
from functools import partial
from pathlib import Path

import numpy as np
import torch
from fastai.data.core import DataLoaders
from fastai.learner import Learner
from fastai.metrics import AccumMetric
from fastai.optimizer import OptimWrapper
from fastai.torch_core import set_seed
from sklearn.metrics import average_precision_score, roc_auc_score

from cxr_fastai.models.networks import build_network, param_groups
from cxr_fastai.models.weights import load_weights
from cxr_fastai.recipes import Train
from cxr_fastai.training.losses import build_loss

__all__ = ["build_learner", "start_network", "balanced_accuracy", "mean_over_findings"]


def balanced_accuracy(
    preds: torch.Tensor,  # (n,) class indices
    targs: torch.Tensor,  # (n,)
) -> torch.Tensor:
    """Mean of the classes' recalls; a class without an image in `targs` has none and does not count."""
    return torch.stack([(preds[targs == c] == c).float().mean() for c in targs.unique()]).mean()


def agreement(
    preds: torch.Tensor,  # (n,) class indices
    targs: torch.Tensor,  # (n,)
) -> torch.Tensor:
    """Share of equal entries. Of the whole split at once, as all metrics here: right for any number of processes."""
    return (preds == targs).float().mean()


def mean_over_findings(
    score,  # of sklearn: (targs, scores) -> a number
    preds: torch.Tensor,  # (n, classes) logits
    targs: torch.Tensor,  # (n, classes) of 1, 0 and nan
) -> float:
    """Its mean over the findings that some of the images are known to have and others not to; nan where there is none."""
    found = []
    for x, y in zip(preds.T.cpu().numpy(), targs.T.cpu().numpy()):
        known = ~np.isnan(y)
        if 0 < y[known].sum() < known.sum():
            found.append(score(y[known], x[known]))
    return float(np.mean(found)) if found else math.nan


def macro_auroc(preds, targs) -> float:
    return mean_over_findings(roc_auc_score, preds, targs)


def macro_ap(preds, targs) -> float:
    return mean_over_findings(average_precision_score, preds, targs)


def start_network(
    arch: str,
    n_out: int,  # classes
    weights: str,  # imagenet | none | a file
    seed: int,
):  # models.build_network's network, `started` telling what was loaded
    """An untrained network. Seeds Python's, NumPy's and torch's global generators. Raises as `models.load_weights` does."""
    set_seed(seed, reproducible=True)
    net = build_network(arch, n_out, in_channels=1)
    started = load_weights(net, weights, arch)
    net.started = started.replace(
        str(weights), Path(weights).name
    )  # no folder of this machine's goes into a bundle
    net.pretrained = str(weights) != "none"
    return net.to(
        memory_format=torch.channels_last
    )  # the layout that convolutions are quickest in, on CPU and GPU


def _adam(params, lr, **kwargs) -> OptimWrapper:
    """Torch's fused AdamW: one pass over each group, where fastai's own steps through every tensor in Python."""
    return OptimWrapper(params, torch.optim.AdamW, lr=lr, fused=True, eps=1e-5)  # eps: fastai's own


def build_learner(
    dls: DataLoaders,  # of build_dataloaders
    arch: str = "resnet34",  # of architectures.FAMILIES
    weights: str = "imagenet",  # imagenet | none | a file
    seed: int = 0,  # of the head's weights and of all that follows
    net=None,  # of start_network, where it was made before
    label_smoothing: float = 0.0,  # share of each label that is spread over all classes
    wd: float = Train.wd,  # decoupled weight decay
    loss: str = "auto",  # of recipes.LOSSES for the task of `dls`
    gamma: float = Train.gamma,  # of a focal loss
) -> Learner:
    """A Learner whose parameter groups are the network's own. `log_loss`, the last metric, is what epochs are judged
    by: the loss itself, whatever was smoothed, mixed or made focal for training.
    """
    net = net or start_network(arch, len(dls.vocab), weights, seed)
    multi = len(dls.loss_weights) == 2
    loss_func = build_loss(loss, multi, dls.loss_weights, gamma, label_smoothing)
    return Learner(
        dls,
        net,
        loss_func=loss_func,
        opt_func=_adam,
        splitter=partial(param_groups, arch=arch),
        wd=wd,
        metrics=[*_metrics(multi), AccumMetric(loss_func.score, flatten=False, name="log_loss")],
    )


def _metrics(multi: bool) -> list[AccumMetric]:
    if multi:
        return [AccumMetric(f, flatten=False) for f in (macro_auroc, macro_ap)]
    return [
        AccumMetric(agreement, dim_argmax=-1, name="accuracy"),
        AccumMetric(balanced_accuracy, dim_argmax=-1),
    ]
