"""The frozen stage on cached features: what a frozen body makes of an image is computed once.

A Learner in, one stage whose batches are pooled features instead of images, and whose network is
the head alone. Batch norm of the body stands in eval mode throughout: in train mode it would read
each batch's own statistics, and change. Views are augmented as train batches are, each by a seed of
its own, so that a run that goes on has the same. Never mixes images, whose features would not be
those of a mixture.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import numpy as np
import torch
from fastai.callback.core import Callback
from fastai.data.core import DataLoaders
from fastai.learner import Learner, replacing_yield
from fastcore.basics import chunked
from torch import Tensor, nn

from cxr_fastai import progress
from cxr_fastai.core import CxrError
from cxr_fastai.models.networks import AdaptiveConcatPool2d
from cxr_fastai.progress import SILENT
from cxr_fastai.recipes import Train
from cxr_fastai.reporting.text import count
from cxr_fastai.training.data import CachedDL, Pixels
from cxr_fastai.training.distributed import world
from cxr_fastai.training.history import RunHistory
from cxr_fastai.training.precision import Precision
from cxr_fastai.training.schedule import sides

__all__ = ["CachedFeatures", "n_views", "on_features", "why_plain"]

POOLING = 2  # layers of a head that learn nothing: what comes before them is as large as images are
# A view costs a forward pass of all images, an epoch of the plain way 2.1 (ResNet18) to 7.4 of them
# (EfficientNet-Lite0 in bf16), in seconds of one core at 96 px: fastai trains the batch norm of a
# frozen body. With a view for four epochs the stage costs an eighth at most.
EPOCHS_A_VIEW = 4
# A constant, not a share of the memory at hand: the number of views decides what is learnt, and the
# same seed is to learn the same everywhere. 112,000 images of 2,560 features: 3 views.
MAX_BYTES = 2 << 30
BYTES_A_FEATURE = 2  # float16
MAX_HALF = torch.finfo(torch.float16).max
BATCHES_AT_ONCE_ON_GPU = 4  # without gradients as many fit where one did with them
SEED_OF_VIEWS = 0x76696577  # apart from the seeds of epochs
AUTOCAST = {"bf16": torch.bfloat16, "fp16": torch.float16}


# ---- whether


def why_plain(
    learn: Learner,
    settings: Train,
    epochs: int,  # of the stage
) -> str:  # in words; empty: nothing stands against cached features
    """Tell what stands against running the frozen stage on cached features."""
    train = learn.dls.train
    if world() > 1:
        return "several processes train"
    if settings.mix != "none":
        return f"{settings.mix} mixes images, and features of mixtures are not mixed features"
    if not isinstance(train, CachedDL) or train.pixels is None or train.draws is None:
        return "the loaders are not those of build_dataloaders"
    if not _pools_first(learn.model):
        return "the head does not begin with pooling"
    images = len(train.pixels.rows)
    if not n_views(images, _width(learn.model), epochs):
        return f"features of {count(images, 'image')} take more than {MAX_BYTES >> 30} GB"
    return ""


def n_views(
    images: int,  # of train
    width: int,  # features of an image
    epochs: int,  # of the stage
) -> int:  # 0: not even one fits
    """Return how many views of each image are computed, for so many epochs within the memory."""
    wanted = -(-epochs // EPOCHS_A_VIEW)  # rounded up
    fitting = MAX_BYTES // (images * width * BYTES_A_FEATURE)
    return min(wanted, fitting)


def _varies(settings: Train) -> bool:
    """Tell whether two views of an image differ."""
    return settings.augment != "none" or settings.erase > 0


def _pools_first(net: nn.Module) -> bool:
    """Tell whether a network is a body and a head as `build_network` makes them."""
    if not isinstance(net, nn.Sequential) or len(net) != 2:
        return False
    head = net[1]
    if not isinstance(head, nn.Sequential) or len(head) <= POOLING:
        return False
    return isinstance(head[0], AdaptiveConcatPool2d) and isinstance(head[1], nn.Flatten)


def _width(net: nn.Module) -> int:
    """Return how many features the head is given."""
    norm = net[1][POOLING]  # type: ignore[index]  # a Sequential, by _pools_first
    return int(norm.num_features)


# ---- features


class Features:
    """A split's features in one view, a row an image, and the classes."""

    def __init__(
        self,
        pixels: Pixels,  # the split's images
        wanted: Sequence[int],  # indices of items, each once, in the order they are computed
        width: int,
    ) -> None:
        self.pixels = pixels
        self.wanted = list(wanted)
        self.values = torch.zeros(len(self.wanted), width, dtype=torch.float16)
        self.places = {item: place for place, item in enumerate(self.wanted)}
        self.computed = 0  # of the wanted, from the first on

    def add(
        self,
        values: Tensor,  # (k, width), of the next k that are wanted
    ) -> None:
        """Keep the next ones; all of them in float32 where one is too large for float16."""
        if values.abs().max() > MAX_HALF:
            self.values = self.values.float()
        stop = self.computed + len(values)
        self.values[self.computed : stop] = values.to(self.values)
        self.computed = stop

    def has(self, item: int) -> bool:
        """Tell whether an image's features are computed."""
        return self.places.get(item, self.computed) < self.computed

    def batch(
        self,
        idxs: Sequence[int],  # k indices of items
    ) -> tuple[Tensor, Any]:
        """Gather (k, width) float32 and the labels, on the device."""
        places = [self.places[i] for i in idxs]
        if max(places) >= self.computed:
            raise CxrError("features of an image were asked for before they were computed: a bug.")
        x = self.values[places].float().to(self.pixels.device)
        return x, self.pixels.targets(idxs)


class FeatureDL(CachedDL):
    """Batches of features, in the order in which the loader of images would draw the images."""

    features: Features | None = None  # of the running epoch

    def __init__(
        self,
        images: CachedDL,  # whose items, draws and batches it has
    ) -> None:
        self.side = 0  # px, of the running epoch; 0: that of the loader's images
        super().__init__(
            images.dataset,
            pixels=images.pixels,
            draws=images.draws,
            pixels_by_side=images.pixels_by_side,
            bs=images.bs,
            shuffle=images.shuffle,
            drop_last=images.drop_last,
            num_workers=0,
            device=images.device,
        )

    def use_side(self, side: int) -> None:
        """Have features of images of this side, px, from now on."""
        self.side = side

    def get_idxs(self) -> Sequence[int]:
        """Return the items of the next epoch; those whose features the time did not allow fall out.

        The epoch is then cut short after its first batch.
        """
        features = self.features
        assert features is not None  # CachedFeatures.before_epoch
        return [i for i in super().get_idxs() if features.has(i)]

    def create_batches(self, samps: Iterable[int]) -> Iterator[Any]:
        """Yield a batch for each `bs` of the indices."""
        assert self.features is not None
        return map(self.features.batch, chunked(samps, self.bs, self.drop_last))


# ---- the stage


class CachedFeatures(Callback):
    """Before each epoch computes what it needs of features, where no epoch before has needed it."""

    order = 85  # after SkipToEpoch, and after Checkpoint, at 80, has taken up a run's weights

    def __init__(
        self,
        images: DataLoaders,  # of build_dataloaders
        body: nn.Sequential,  # with the head's pooling
        settings: Train,
        epochs: int,  # of the stage, the first of its run
        width: int,  # features of an image
        history: RunHistory,
        precision: Precision,
        seed: int,
    ) -> None:
        self.images = images
        self.body = body
        self.width = width
        self.history = history
        self.precision = precision
        self.seed = seed
        epochs_apart = epochs if _varies(settings) else 1
        self.views = n_views(len(images.train.pixels.rows), width, epochs_apart)
        self.sides = sides(settings.epochs, settings.resize, settings.size)[:epochs]
        self.made: dict[tuple[int, int], Features] = {}  # by side and number of the view

    def before_epoch(self) -> None:
        """Give both loaders of features what the epoch needs."""
        train = self.learn.dls.train
        valid = self.learn.dls.valid
        if valid.features is None:
            valid.features = self._of_valid()
        view = self._view(train.epoch)
        if view not in self.made:
            self.made[view] = self._of_train(view)
        train.features = self.made[view]

    def _view(self, epoch: int) -> tuple[int, int]:
        """Return side and number of the view that an epoch trains on."""
        return self.sides[epoch], epoch % self.views

    def _of_valid(self) -> Features:
        """Compute the features of validation, unchanged; the deadline does not cut them."""
        loader = self.images.valid
        features = Features(loader.pixels, range(len(loader.pixels.rows)), self.width)
        for _ in self._computed(loader, features, "valid"):
            pass
        return features

    def _of_train(self, view: tuple[int, int]) -> Features:
        """Compute one view of the images that its epochs draw, until the run's time is over."""
        loader = self.images.train
        side, number = view
        pixels = loader.pixels_by_side.get(side, loader.pixels)
        features = Features(pixels, self._drawn(view), self.width)
        with torch.random.fork_rng(devices=[]):  # the epoch was seeded before
            _seed_view(self.seed, side, number)
            for _ in self._computed(loader, features, f"view {number + 1} of {self.views}"):
                if self.history.out_of_time:
                    break
        return features

    def _drawn(self, view: tuple[int, int]) -> list[int]:
        """Return the images that the view's epochs draw, in the order of their first draw."""
        drawn: dict[int, None] = {}
        for epoch in range(len(self.sides)):
            if self._view(epoch) == view:
                drawn.update(dict.fromkeys(self.images.train.draws.epoch(epoch)))
        return list(drawn)

    def _computed(self, loader: CachedDL, features: Features, name: str) -> Iterator[None]:
        """Compute one batch after the other."""
        on_gpu = features.pixels.device.type == "cuda"
        size = loader.bs * (BATCHES_AT_ONCE_ON_GPU if on_gpu else 1)
        batches = [features.wanted[i : i + size] for i in range(0, len(features.wanted), size)]
        title = f"features of {count(len(features.wanted), 'image')} ({name})"
        shown = SILENT if self.history.quiet else progress
        loader.before_iter()  # tells the batch transforms which split it is
        self.body.eval()
        for idxs in shown.bar(batches, len(batches), title):
            x, _ = loader.after_batch(features.pixels.batch(idxs))
            features.add(self._pooled(x))
            yield

    def _pooled(self, x: Tensor) -> Tensor:
        """Return (k, width) float32 features of images, on the CPU."""
        with torch.no_grad(), _computing(self.precision, x.device):
            pooled = self.body(x.as_subclass(Tensor))
        return pooled.float().cpu()


def _seed_view(seed: int, side: int, number: int) -> None:
    """Set torch's generator, of which augmentation draws."""
    words = np.random.SeedSequence((seed, SEED_OF_VIEWS, side, number)).generate_state(1)
    torch.manual_seed(int(words[0]))


def _computing(precision: Precision, device: torch.device) -> AbstractContextManager[Any]:
    """Compute in the run's precision inside."""
    if precision.name not in AUTOCAST:
        return nullcontext()
    return torch.autocast(device.type, AUTOCAST[precision.name])


@contextmanager
def on_features(
    learn: Learner,  # of build_learner, of which why_plain says nothing
    settings: Train,
    epochs: int,  # of the stage, the first of its run
    history: RunHistory,
    precision: Precision,
    seed: int,
) -> Iterator[CachedFeatures]:
    """Let the head alone learn inside, from features; yield the callback that computes them.

    The network stays whole: checkpoints and the best epoch's weights hold all of it.
    """
    net = learn.model
    images = learn.dls
    body = nn.Sequential(net[0], *net[1][:POOLING])
    callback = CachedFeatures(images, body, settings, epochs, _width(net), history, precision, seed)
    loaders = DataLoaders(FeatureDL(images.train), FeatureDL(images.valid), device=images.device)
    with _head_alone(net), _replaced(learn, "dls", loaders):
        yield callback


@contextmanager
def _replaced(owner: Any, name: str, value: Any) -> Iterator[None]:
    """Put another value in an attribute's place inside."""
    yield from replacing_yield(owner, name, value)


@contextmanager
def _head_alone(net: nn.Sequential) -> Iterator[None]:
    """Let a network take features for images inside; a compiled one is not compiled meanwhile."""
    before = net.__dict__.get("forward")  # of precision.computing
    net.forward = net[1][POOLING:].forward
    try:
        with _replaced(net, "_compiled_call_impl", None):
            yield
    finally:
        del net.forward
        if before is not None:
            net.forward = before
