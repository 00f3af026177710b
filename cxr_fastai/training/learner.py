"""DataLoaders -> a fastai Learner over our own network. Trains nothing.

The loaders are those of `build_dataloaders`, or any of fastai's with gray images. A bundle loads
the network without fastai.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from fastai.callback.core import Callback
from fastai.data.core import DataLoaders
from fastai.learner import Learner
from fastai.metrics import AccumMetric
from fastai.optimizer import OptimWrapper
from fastai.torch_core import set_seed
from sklearn.metrics import average_precision_score, roc_auc_score
from torch import Tensor, nn

from cxr_fastai.core import Task, UsageError
from cxr_fastai.models.networks import build_network, param_groups
from cxr_fastai.models.weights import load_weights
from cxr_fastai.recipes import Train
from cxr_fastai.training.augment import Repeat
from cxr_fastai.training.data import CachedDL
from cxr_fastai.training.losses import build_loss
from cxr_fastai.training.network_check import check_sides

__all__ = [
    "build_learner",
    "start_network",
    "starting_weights",
    "StartedNetwork",
    "StartingWeights",
    "balanced_accuracy",
    "mean_over_findings",
]


# ---- metrics; each of the whole split at once, which is right for any number of processes


def balanced_accuracy(
    preds: Tensor,  # (n,) class indices
    targs: Tensor,  # (n,)
) -> Tensor:
    """Return the mean of the classes' recalls.

    A class without an image in `targs` has none and does not count.
    """
    recalls = [(preds[targs == c] == c).float().mean() for c in targs.unique()]
    return torch.stack(recalls).mean()


def agreement(
    preds: Tensor,  # (n,) class indices
    targs: Tensor,  # (n,)
) -> Tensor:
    """Return the share of equal entries."""
    return (preds == targs).float().mean()


def mean_over_findings(
    score: Callable[[np.ndarray, np.ndarray], float],  # of sklearn: targets, scores -> a number
    preds: Tensor,  # (n, classes) logits
    targs: Tensor,  # (n, classes) of 1, 0 and nan
) -> float:
    """Return the score's mean over the findings that some images have and others have not.

    Only of images of which that is known; nan where there is no such finding.
    """
    found = []
    for x, y in zip(preds.T.cpu().numpy(), targs.T.cpu().numpy()):
        known = ~np.isnan(y)
        if 0 < y[known].sum() < known.sum():
            found.append(score(y[known], x[known]))
    return float(np.mean(found)) if found else math.nan


def macro_auroc(
    preds: Tensor,  # (n, classes) logits
    targs: Tensor,  # (n, classes) of 1, 0 and nan
) -> float:
    """Return the mean area under the ROC curves of the findings."""
    return mean_over_findings(roc_auc_score, preds, targs)


def macro_ap(
    preds: Tensor,  # (n, classes) logits
    targs: Tensor,  # (n, classes) of 1, 0 and nan
) -> float:
    """Return the mean average precision of the findings."""
    return mean_over_findings(average_precision_score, preds, targs)


# ---- the network


@dataclass(frozen=True)
class StartedNetwork:
    """A network before training, and where its weights come from."""

    net: nn.Sequential  # of models.build_network
    arch: str
    loaded: str  # for people: "imagenet: 216 of 216 body tensors"
    pretrained: bool  # does the body hold something worth keeping?


class StartingWeights(Callback):
    """What a Learner's network started from: it rides along and does nothing."""

    def __init__(
        self,
        loaded: str,  # as StartedNetwork has it
        pretrained: bool,  # likewise
    ) -> None:
        self.loaded = loaded
        self.pretrained = pretrained


def starting_weights(learn: Learner) -> StartingWeights:
    """Return what `build_learner` noted; of a Learner made elsewhere, that nothing was."""
    for callback in learn.cbs:
        if isinstance(callback, StartingWeights):
            return callback
    return StartingWeights(loaded="not recorded", pretrained=False)


def start_network(
    arch: str,
    n_out: int,  # classes
    weights: str,  # imagenet | none | a file
    seed: int,
    sides: Sequence[int] = (),  # of the images that it is to take, px; the last is that of `size`
    in_channels: int = 1,
    like: Collection[str] = (),  # names of a checkpoint's tensors that it is to be given
    layers: int = 0,  # of the body, the first ones; 0: all
) -> StartedNetwork:
    """Build an untrained network.

    Seeds Python's, NumPy's and torch's global generators. Raises `UsageError` where it cannot take
    images of these sides, before weights are fetched, and as `models.load_weights` does.
    """
    set_seed(seed, reproducible=True)
    net = build_network(arch, n_out, in_channels, like, layers)
    if in_channels == 1:
        check_sides(net, arch, sides)
    loaded = load_weights(net, weights, arch)
    return StartedNetwork(
        # the layout that convolutions are quickest in, on CPU and GPU
        net=net.to(memory_format=torch.channels_last),
        arch=arch,
        # no folder of this machine's goes into a bundle
        loaded=loaded.replace(str(weights), Path(weights).name),
        pretrained=str(weights) != "none",
    )


# ---- the learner


class _Wrapper(OptimWrapper):
    """torch's optimizer, of whose settings only numbers are told.

    fastai's TensorBoardCallback records all that are told, and fails on a None.
    """

    @property
    def hypers(self) -> list[dict[str, Any]]:
        """The numbers of each parameter group, by fastai's names."""
        return [_numbers(group) for group in super().hypers]


def _numbers(hypers: dict[str, Any]) -> dict[str, Any]:
    """Leave out what is no number."""
    return {key: value for key, value in hypers.items() if isinstance(value, (int, float))}


def _adam(params: Any, lr: float, **kwargs: Any) -> OptimWrapper:
    """Wrap torch's fused AdamW.

    It makes one pass over each group, where fastai's own steps through every tensor in Python.
    """
    return _Wrapper(params, torch.optim.AdamW, lr=lr, fused=True, eps=1e-5)  # eps: fastai's own


def build_learner(
    dls: DataLoaders,  # of build_dataloaders, or fastai's own with batches of (bs, 1, h, w)
    arch: str = "resnet34",  # of architectures.FAMILIES
    weights: str = "imagenet",  # imagenet | none | a file
    seed: int = 0,  # of the head's weights and of all that follows
    net: StartedNetwork | None = None,  # made before; `arch` and `weights` are not looked at then
    label_smoothing: float = 0.0,  # share of each label that is spread over all classes
    wd: float = Train.wd,  # decoupled weight decay
    loss: str = "auto",  # of recipes.LOSSES for the task
    gamma: float = Train.gamma,  # of a focal loss
    task: Task | None = None,  # None: that of build_dataloaders; single label of other loaders
    vocab: Sequence[str] | None = None,  # the classes; None: dls.vocab
) -> Learner:
    """Build a Learner whose parameter groups are the network's own.

    `log_loss`, the last metric, is what epochs are judged by: the loss itself, whatever was
    smoothed, mixed or made focal for training. Other loaders than those of build_dataloaders have
    no weights for weighted losses: all classes weigh the same. Raises `UsageError` where nobody
    names the classes.
    """
    task = Task(task) if task else _task(dls)
    classes = len(vocab or _vocab(dls))
    started = net or start_network(arch, classes, weights, seed, _sides(dls), _channels(dls))
    loss_func = build_loss(loss, task, _loss_weights(dls, classes), gamma, label_smoothing)
    return Learner(
        dls,
        started.net,
        loss_func=loss_func,
        opt_func=_adam,
        splitter=partial(param_groups, arch=started.arch),
        wd=wd,
        metrics=[*_metrics(task), AccumMetric(loss_func.score, flatten=False, name="log_loss")],
        cbs=[StartingWeights(loaded=started.loaded, pretrained=started.pretrained)],
    )


def _task(dls: DataLoaders) -> Task:
    """Return the task of our own loaders; of others that of one class an image."""
    train = dls.train
    if isinstance(train, CachedDL) and train.pixels is not None:
        return train.pixels.task
    return Task.SINGLE_LABEL


def _sides(dls: DataLoaders) -> list[int]:
    """Return the sides of our own loaders' images, px; of others nobody knows them."""
    train = dls.train
    if not isinstance(train, CachedDL) or train.pixels is None:
        return []
    return [*train.pixels_by_side, train.pixels.all.shape[-1]]


def _channels(dls: DataLoaders) -> int:
    """Return how many channels our own loaders give each image; of others one is taken."""
    if not isinstance(dls.train, CachedDL):
        return 1
    for transform in dls.train.after_batch:
        if isinstance(transform, Repeat):
            return transform.channels
    return 1


def _vocab(dls: DataLoaders) -> Sequence[str]:
    """Return the names of the classes. Raises `UsageError` where the loaders have none."""
    vocab = getattr(dls, "vocab", None)
    if not vocab:
        raise UsageError(
            "these DataLoaders have no vocab: name the classes, build_learner(dls, vocab=[..])."
        )
    return vocab


def _loss_weights(dls: DataLoaders, classes: int) -> Tensor | None:
    """Return the weights of our own loaders' classes; other loaders have none."""
    if isinstance(dls.train, CachedDL):
        return dls.train.loss_weights(classes)
    return None


def _metrics(task: Task) -> list[AccumMetric]:
    """Return what is told of each epoch beside the loss."""
    if task is Task.MULTI_LABEL:
        return [AccumMetric(macro_auroc, flatten=False), AccumMetric(macro_ap, flatten=False)]
    return [
        AccumMetric(agreement, dim_argmax=-1, name="accuracy"),
        AccumMetric(balanced_accuracy, dim_argmax=-1),
    ]
