"""DataLoaders -> a fastai Learner over our own network, so that a bundle loads it without fastai. Trains nothing."""
from __future__ import annotations
from pathlib import Path
import torch
import torch.nn.functional as F

from . import fastai_first  # noqa: F401
from fastai.data.core import DataLoaders
from fastai.learner import Learner
from fastai.losses import CrossEntropyLossFlat
from fastai.metrics import AccumMetric
from fastai.torch_core import set_seed

from fastai.optimizer import OptimWrapper

from ..models import build_network, load_weights, param_groups
from ..recipes import Train

__all__ = ["build_learner", "start_network", "balanced_accuracy"]


class CrossEntropy(CrossEntropyLossFlat):
    "fastai's, with what calibration found: an exported learner then answers with the bundle's probabilities."
    temperature, negative, threshold = 1.0, None, 0.0

    def calibrate(self,
        temperature:float,
        decision:dict,   # of calibrate.fit_decision, or empty
        vocab:list[str],
    ):
        self.temperature = temperature
        if decision: self.negative, self.threshold = vocab.index(decision["negative"]), decision["threshold"]

    def activation(self, x): return super().activation(x / self.temperature)

    def decodes(self, x):  # (n, classes) probabilities, as `activation` gives them; the rule of Bundle.answers
        if self.negative is None: return super().decodes(x)
        others = x.index_fill(self.axis, torch.tensor(self.negative, device=x.device), -1).argmax(self.axis)
        yes = 1 - x.select(self.axis, self.negative) >= self.threshold
        return torch.where(yes, others, torch.full_like(others, self.negative))


def balanced_accuracy(
    preds:torch.Tensor,  # (n,) class indices
    targs:torch.Tensor,  # (n,)
)->torch.Tensor:
    "Mean of the classes' recalls; a class without an image in `targs` has none and does not count."
    return torch.stack([(preds[targs == c] == c).float().mean() for c in targs.unique()]).mean()

def agreement(
    preds:torch.Tensor,  # (n,) class indices
    targs:torch.Tensor,  # (n,)
)->torch.Tensor:
    "Share of equal entries. Of the whole split at once, as all metrics here: right for any number of processes."
    return (preds == targs).float().mean()

def start_network(
    arch:str,
    n_out:int,    # classes
    weights:str,  # imagenet | none | a file
    seed:int,
):                # models.build_network's network, `started` telling what was loaded
    "An untrained network. Seeds Python's, NumPy's and torch's global generators. Raises as `models.load_weights` does."
    set_seed(seed, reproducible=True)
    net = build_network(arch, n_out, in_channels=1)
    started = load_weights(net, weights, arch)
    net.started = started.replace(str(weights), Path(weights).name)  # no folder of this machine's goes into a bundle
    net.pretrained = str(weights) != "none"
    return net.to(memory_format=torch.channels_last)  # the layout that convolutions are quickest in, on CPU and GPU

def _adam(params, lr, **kwargs)->OptimWrapper:
    "torch's fused AdamW: one pass over each group, where fastai's own steps through every tensor in Python."
    return OptimWrapper(params, torch.optim.AdamW, lr=lr, fused=True, eps=1e-5)  # eps: fastai's own

def build_learner(
    dls:DataLoaders,         # of build_dataloaders
    arch:str="resnet34",     # of architectures.FAMILIES
    weights:str="imagenet",  # imagenet | none | a file
    seed:int=0,              # of the head's weights and of all that follows
    net=None,                # of start_network, where it was made before
    label_smoothing:float=0.0,  # share of each label that is spread over all classes
    wd:float=Train.wd,       # decoupled weight decay
)->Learner:
    """A Learner whose parameter groups are the network's own. `log_loss` is what epochs are judged by: the
    cross-entropy itself, whatever the labels were smoothed or mixed for training."""
    net = net or start_network(arch, len(dls.vocab), weights, seed)
    metrics = [AccumMetric(agreement, dim_argmax=-1, name="accuracy"), AccumMetric(balanced_accuracy, dim_argmax=-1),
               AccumMetric(F.cross_entropy, flatten=False, name="log_loss")]
    return Learner(dls, net, loss_func=CrossEntropy(label_smoothing=label_smoothing), opt_func=_adam,
                   splitter=param_groups, metrics=metrics, wd=wd)
