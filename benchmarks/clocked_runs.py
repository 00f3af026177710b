"""One training against the clock: from a folder of films to a validation AUROC.

.venv/bin/python benchmarks/clocked_runs.py < ASKED.json > CLOCKED.json

A process of its own for each, so that what one leaves in memory serves no other; its caches are
empty, so that decoding counts. The clock starts after the imports, which are told apart, and ends
with the first epoch whose AUROC reaches the aim. `library` trains as `cxr train` does, `stock` as
fastai's documentation shows: ImageDataLoaders, vision_learner, fine_tune from ImageNet weights or
fit_one_cycle from scratch. Both have the same films, split, network, weights, size and validation.
"""

from __future__ import annotations

import time

STARTED = time.perf_counter()

import json  # noqa: E402  imports are timed
import os  # noqa: E402
import sys  # noqa: E402
import tempfile  # noqa: E402
import warnings  # noqa: E402
from collections.abc import Callable  # noqa: E402
from dataclasses import asdict, dataclass, field, replace  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

from cxr_fastai.threads import wait_without_spinning  # noqa: E402

GIVEN = json.load(sys.stdin) if __name__ == "__main__" else {}
if GIVEN.get("side") == "library":
    wait_without_spinning()  # as `cxr` does, before torch is loaded; stock's threads wait as ever

import numpy as np  # noqa: E402
import torch  # noqa: E402
import torchvision  # noqa: E402
from fastai.callback.core import Callback  # noqa: E402
from fastai.callback.fp16 import MixedPrecision  # noqa: E402
from fastai.callback.schedule import Learner  # noqa: E402
from fastai.data.core import DataLoaders  # noqa: E402
from fastai.data.transforms import Normalize  # noqa: E402
from fastai.metrics import AccumMetric  # noqa: E402
from fastai.torch_core import set_seed  # noqa: E402
from fastai.vision.augment import Resize, aug_transforms  # noqa: E402
from fastai.vision.core import imagenet_stats  # noqa: E402
from fastai.vision.data import ImageDataLoaders  # noqa: E402
from fastai.vision.learner import vision_learner  # noqa: E402
from sklearn.metrics import roc_auc_score  # noqa: E402
from torch import Tensor, nn  # noqa: E402

from cxr_fastai.manifest import Manifest, read_manifest  # noqa: E402
from cxr_fastai.models.imagenet import imagenet_body  # noqa: E402
from cxr_fastai.train_settings import Train  # noqa: E402
from cxr_fastai.training.data import build_dataloaders  # noqa: E402
from cxr_fastai.training.fit import fit  # noqa: E402
from cxr_fastai.training.learner import build_learner, start_network  # noqa: E402

LIBRARY = "library"
STOCK = "stock"
TO_THE_END = 2.0  # an aim that no AUROC reaches


@dataclass(frozen=True)
class Asked:
    """One training."""

    side: str  # LIBRARY | STOCK
    data: str  # a curated folder
    films: str  # the same films as train/CLASS/ and valid/CLASS/, of `linked`
    n_train: int  # films of train; 0: all
    arch: str
    weights: str  # imagenet | none
    size: int  # px a side
    seed: int
    aim: float  # validation AUROC that ends it
    own: dict[str, Any] = field(default_factory=dict)  # of Train; of stock: Stock
    workers: int | None = None  # processes that read, of stock; None: as fastai chooses


@dataclass(frozen=True)
class Stock:
    """What a user of fastai chooses."""

    epochs: int = 5  # of fine_tune, after the frozen one; of fit_one_cycle
    lr: float = 2e-3  # fine_tune's default; vision_learner's own is 1e-3
    bs: int = 64  # fastai's default
    augment: bool = True  # aug_transforms without flips and warps
    half: bool = False  # to_fp16, of which fastai does nothing on a CPU


@dataclass
class Clocked:
    """What it took."""

    imports: float  # s, before the clock
    ready: float = 0.0  # s until the loaders stand: decoding, of the library
    seconds: list[float] = field(default_factory=list)  # until the end of each epoch
    cpu: list[float] = field(default_factory=list)  # of all cores until then, readers' too
    auroc: list[float] = field(default_factory=list)  # of validation, after each epoch
    reached: bool = False
    threads: int = 0
    device: str = ""
    precision: str = ""


# ---- the films of both


def chosen(manifest: Manifest, n_train: int) -> Manifest:
    """Keep validation and `n_train` films of train, drawn by a seed of their own; no test film."""
    train = [row for row in manifest.rows if row.split == "train"]
    valid = [row for row in manifest.rows if row.split == "valid"]
    if n_train and n_train < len(train):
        places = np.random.default_rng(0).permutation(len(train))[:n_train]
        train = [train[place] for place in sorted(places)]
    return replace(manifest, rows=[*train, *valid])


def linked(manifest: Manifest, folder: Path) -> None:
    """Link the films as train/CLASS/ and valid/CLASS/, which fastai reads."""
    for row in manifest.rows:
        place = folder / row.split / row.label / Path(row.path).name
        place.parent.mkdir(parents=True, exist_ok=True)
        if not place.is_symlink():
            place.symlink_to((manifest.root / row.path).resolve())


# ---- the score and the clock


def mean_auroc(
    preds: Tensor,  # (n, classes) logits
    targs: Tensor,  # (n,)
) -> float:
    """Return the mean over the classes of each against the others; of two classes the AUROC."""
    probs = preds.float().softmax(1).cpu().numpy()
    found = []
    for place in range(probs.shape[1]):
        found.append(roc_auc_score(targs.cpu().numpy() == place, probs[:, place]))
    return float(np.mean(found))


def cpu_seconds() -> float:
    """Return what all threads computed, and the processes that read and are over."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


class Watch(Callback):
    """Notes time and AUROC after each epoch; ends the run, as Ctrl-C does, at the aim.

    Made when the clock starts.
    """

    order = 90  # after all that an epoch writes

    def __init__(self, begun: float, aim: float, clocked: Clocked) -> None:
        self.begun = begun
        self.cpu_begun = cpu_seconds()
        self.aim = aim
        self.clocked = clocked

    def after_epoch(self) -> None:
        """Note, and stop."""
        recorder = self.learn.recorder
        log = dict(zip(recorder.metric_names, recorder.log))
        if "mean_auroc" not in log:
            return
        self.clocked.seconds.append(round(time.perf_counter() - self.begun, 3))
        self.clocked.cpu.append(round(cpu_seconds() - self.cpu_begun, 2))
        self.clocked.auroc.append(round(float(log["mean_auroc"]), 5))
        if self.clocked.auroc[-1] >= self.aim:
            self.clocked.reached = True
            raise KeyboardInterrupt


def clock(asked: Asked) -> Clocked:
    """Train until the aim is reached or the epochs are over."""
    clocked = Clocked(
        imports=round(time.perf_counter() - STARTED, 2), threads=torch.get_num_threads()
    )
    run: Callable[[Asked, Clocked, Watch], None] = _stock if asked.side == STOCK else _library
    run(asked, clocked, Watch(time.perf_counter(), asked.aim, clocked))
    return clocked


# ---- this library


def _library(asked: Asked, clocked: Clocked, watch: Watch) -> None:
    """Train as `cxr train` does, with its checkpoints."""
    settings = Train(arch=asked.arch, weights=asked.weights, size=asked.size, **asked.own)
    manifest = chosen(read_manifest(asked.data), asked.n_train)
    sides = [*settings.resize, settings.size]
    started = start_network(
        settings.arch,
        len(manifest.vocab),
        settings.weights,
        asked.seed,
        sides,
        layers=settings.layers,
    )
    dls = build_dataloaders(
        manifest,
        size=settings.size,
        bs=settings.bs,
        sampling=settings.sampling,
        seed=asked.seed,
        augment=settings.augment,
        erase=settings.erase,
        resize=settings.resize,
        crop=settings.crop,
    )
    clocked.ready = round(time.perf_counter() - watch.begun, 3)
    clocked.device = dls.device.type
    learn = build_learner(
        dls,
        net=started,
        label_smoothing=settings.label_smoothing,
        wd=settings.wd,
        loss=settings.loss,
        gamma=settings.gamma,
    )
    learn.metrics = [AccumMetric(mean_auroc, flatten=False), *learn.metrics]
    learn.add_cb(watch)
    with tempfile.TemporaryDirectory() as run:
        fitted = fit(learn, settings, run, quiet=True, seed=asked.seed)
    clocked.precision = fitted.precision.name


# ---- stock fastai


def _stock(asked: Asked, clocked: Clocked, watch: Watch) -> None:
    """Train as fastai's documentation shows."""
    own = Stock(**asked.own)
    set_seed(asked.seed)
    dls = _stock_loaders(asked, own)
    clocked.ready = round(time.perf_counter() - watch.begun, 3)
    clocked.device = str(dls.device or "cpu")
    learn = _stock_learner(asked, dls)
    learn.add_cb(watch)
    if own.half:
        learn.add_cb(MixedPrecision())
    clocked.precision = "fp16" if own.half else "fp32"
    try:
        with learn.no_bar(), learn.no_logging():
            if asked.weights == "none":
                learn.fit_one_cycle(own.epochs, own.lr)
            else:
                learn.fine_tune(own.epochs, own.lr)
    except KeyboardInterrupt:
        if not clocked.reached:
            raise


def _stock_loaders(asked: Asked, own: Stock) -> DataLoaders:
    """Read train/CLASS/ and valid/CLASS/."""
    augmented = aug_transforms(do_flip=False, max_warp=0) if own.augment else []
    reading = {} if asked.workers is None else {"num_workers": asked.workers}
    return ImageDataLoaders.from_folder(
        asked.films,
        train="train",
        valid="valid",
        item_tfms=Resize(asked.size),
        batch_tfms=[*augmented, _stock_norm(asked)],
        bs=own.bs,
        **reading,
    )


def _stock_norm(asked: Asked) -> Normalize:
    """Return what vision_learner adds of itself to pretrained networks: also from scratch."""
    if not _is_timm(asked.arch):
        return Normalize.from_stats(*imagenet_stats)
    import timm

    config = timm.models.get_pretrained_cfg(asked.arch)
    return Normalize.from_stats(config.mean, config.std)


def _is_timm(arch: str) -> bool:
    """Tell whether torchvision does not have it."""
    return not hasattr(torchvision.models, arch)


def _stock_learner(asked: Asked, dls: DataLoaders) -> Learner:
    """Make the learner, with the same file of ImageNet weights as the library finds."""
    arch = asked.arch if _is_timm(asked.arch) else getattr(torchvision.models, asked.arch)
    metrics = [AccumMetric(mean_auroc, flatten=False)]
    learn = vision_learner(dls, arch, pretrained=False, metrics=metrics)
    if asked.weights != "none":
        _load(learn.model[0], imagenet_body(asked.arch).tensors)
        learn.freeze()
    return learn


def _load(body: nn.Module, tensors: dict[str, Tensor]) -> None:
    """Load the body; tensors of a classifier are left."""
    inner = getattr(body, "model", body)  # fastai's TimmBody has it inside
    own = inner.state_dict()
    if inner is body:  # a Sequential of torchvision's children: in order
        tensors = dict(zip(own, tensors.values()))
    missing = own.keys() - tensors.keys()
    if missing:
        raise SystemExit(f"{len(missing)} tensors of the network are not in the weights.")
    inner.load_state_dict({name: tensors[name] for name in own})


def main() -> None:
    """Read what is asked, print what it took."""
    warnings.simplefilter("ignore")
    print(json.dumps(asdict(clock(Asked(**GIVEN)))))


if __name__ == "__main__":
    main()
