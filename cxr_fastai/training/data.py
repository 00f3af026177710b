"""A curated folder -> fastai DataLoaders: batches straight from the cache.

Augmentation and class balance happen inside train only, and both on the batch, on its device. Never
flips: a mirrored chest is another anatomy. Never trains a class without images unasked, and never
puts a path or a pixel into an exported learner.
"""

# no `from __future__ import annotations`: fasttransform dispatches on the annotations of `encodes`

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from fastai.data.core import DataLoaders, Datasets, TfmdDL
from fastai.data.transforms import (
    Categorize,
    IntToFloatTensor,
    ItemGetter,
    MultiCategory,
    Normalize,
)
from fastai.torch_core import TensorCategory, TensorMultiCategory
from fastai.vision.core import TensorImageBW
from fastcore.basics import chunked
from fasttransform import Transform  # type: ignore[import-untyped]  # it has no stubs
from torch import Tensor

from cxr_fastai import images
from cxr_fastai.core import Task, UsageError
from cxr_fastai.labels import targets
from cxr_fastai.manifest import Manifest, read_manifest
from cxr_fastai.models.input_scale import GRAY_MEAN, GRAY_STD
from cxr_fastai.progress import SILENT, Progress, say
from cxr_fastai.trainable import check_classes
from cxr_fastai.training.augment import Augment, Repeat
from cxr_fastai.training.distributed import first, world
from cxr_fastai.training.losses import loss_weights
from cxr_fastai.training.pixel_cache import pixel_cache
from cxr_fastai.training.sampling import Draws, draw_classes

__all__ = [
    "build_dataloaders",
    "ReadRadiograph",
    "Findings",
    "TensorRadiograph",
    "CachedDL",
    "Pixels",
    "MEAN",
    "STD",
]

# Of gray values scaled to 0-1; they travel in the bundle.
MEAN = GRAY_MEAN
STD = GRAY_STD


# ---- one image, one label


class TensorRadiograph(TensorImageBW):
    """Shown as films are, dense white; fastai shows its TensorImageBW as a negative."""

    _show_args = dict(cmap="gray", vmin=0, vmax=255)


class ReadRadiograph(Transform):
    """Path -> (1, size, size) uint8: out of the cache, else decoded as a bundle does it."""

    def __init__(
        self,
        size: int,  # side of the square, px
        rows: dict[str, int] | None = None,  # path -> row of `pixels`
        pixels: np.ndarray | None = None,  # (n, size, size) uint8
        crop: float = 0.0,  # share cut off each side
    ) -> None:
        super().__init__()
        self.size = size
        self.rows = rows or {}
        self.pixels = pixels
        self.crop = crop
        self.input_types = (str, Path)  # where `Learner.predict` enters with a path

    def encodes(self, path: str | Path) -> TensorRadiograph:
        """Read one image."""
        row = self.rows.get(str(path))
        if row is None or self.pixels is None:
            gray = images.resize(images.decode(path), self.size, self.crop)
        else:
            gray = self.pixels[row]
        pixels = torch.from_numpy(np.array(gray))
        return TensorRadiograph(pixels[None])

    def __getstate__(self) -> dict[str, Any]:
        """Leave the cache out of a pickle."""
        return {**self.__dict__, "rows": {}, "pixels": None}


class Findings(Transform):
    """A manifest's multi-label label -> (classes,) float32: 1 present, 0 absent, nan unknown."""

    def __init__(
        self,
        vocab: list[str],  # the findings, in order
    ) -> None:
        super().__init__()
        self.vocab = vocab

    def encodes(self, label: str) -> TensorMultiCategory:
        """Turn a label into targets."""
        return TensorMultiCategory(torch.tensor(targets(label, self.vocab)))

    def decodes(self, y: TensorMultiCategory) -> MultiCategory:
        """Name the findings that are present."""
        present = [name for name, target in zip(self.vocab, y) if target == 1]
        return MultiCategory(present)


# ---- batches


@dataclass
class Pixels:
    """A split's images at one size, and their classes."""

    all: np.ndarray | Tensor  # (m, size, size) uint8 of the whole cache; a tensor on a GPU
    rows: np.ndarray  # (n,) the rows of `all` that are this split's, in the order of its items
    labels: Tensor  # (n,) class indices, or (n, classes) float32 of `Findings`
    device: torch.device

    @property
    def task(self) -> Task:
        """Whether the labels are one class an image, or findings."""
        return Task.SINGLE_LABEL if self.labels.ndim == 1 else Task.MULTI_LABEL

    def batch(
        self,
        idxs: Sequence[int],  # k indices of items
    ) -> tuple[TensorRadiograph, TensorCategory | TensorMultiCategory]:
        """Gather (k, 1, size, size) uint8 and (k,) or (k, classes) labels, on the device."""
        rows = self.rows[idxs]
        if isinstance(self.all, Tensor):
            x = self.all[torch.from_numpy(rows).to(self.device)]
        else:
            x = torch.from_numpy(np.asarray(self.all)[rows])
        return TensorRadiograph(self._sent(x)[:, None]), self.targets(idxs)

    def targets(self, idxs: Sequence[int]) -> TensorCategory | TensorMultiCategory:
        """Gather (k,) or (k, classes) labels, on the device."""
        y = self._sent(self.labels[torch.as_tensor(idxs)])
        if self.task is Task.MULTI_LABEL:
            return TensorMultiCategory(y)
        return TensorCategory(y)

    def _sent(self, t: Tensor) -> Tensor:
        """Bring to the device; from pinned memory a GPU fetches it while it computes."""
        if self.device.type != "cuda" or t.is_cuda:
            return t.to(self.device)
        return t.pin_memory().to(self.device, non_blocking=True)


class CachedDL(TfmdDL):
    """Batches gathered from the cache, not item by item.

    The order of train images follows from (seed, epoch) alone. A loader that `new` makes for other
    items, as `Learner.dls.test_dl` does, reads each item from its file.
    """

    def __init__(
        self,
        dataset: Datasets,
        pixels: Pixels | None = None,
        draws: Draws | None = None,  # of the images of an epoch; None: all in their order
        pixels_by_side: Mapping[int, Pixels] | None = None,  # the images at further sides, px
        **kwargs: Any,  # of TfmdDL
    ) -> None:
        self.pixels = pixels
        self.draws = draws
        self.pixels_by_side = dict(pixels_by_side or {})
        self.epoch = 0  # the one that comes next
        super().__init__(dataset, n=draws.n if draws else None, **kwargs)

    def get_idxs(self) -> Sequence[int]:
        """Return the items of the next epoch, in order."""
        if self.draws is None:
            return super().get_idxs()
        idxs = self.draws.epoch(self.epoch)
        self.epoch += 1
        return idxs

    def create_batches(self, samps: Iterable[int]) -> Iterator[Any]:
        """Yield a batch for each `bs` of the indices."""
        if self.pixels is None:
            return super().create_batches(samps)
        return map(self.pixels.batch, chunked(samps, self.bs, self.drop_last))

    def new(
        self,
        dataset: Datasets | None = None,  # None: the same items
        cls: type | None = None,
        **kwargs: Any,
    ) -> TfmdDL:
        """Make a loader alike, without draws."""
        same_items = dataset is None or dataset is self.dataset
        if same_items and self.pixels is not None:
            kwargs = {"pixels": self.pixels, **kwargs}
        return super().new(dataset, cls, **kwargs)

    def show_results(self, *args: Any, **kwargs: Any) -> Any:
        """Show images with answers in one figure, as fastai does with images of its own."""
        import fastai.vision.learner  # noqa: F401  it says how; importing it takes over a second

        return super().show_results(*args, **kwargs)

    def use_side(self, side: int) -> None:
        """Gather batches of this side, px, from now on."""
        self.pixels = self.pixels_by_side[side]

    def loss_weights(
        self,
        classes: int,
    ) -> Tensor | None:  # of losses.loss_weights
        """Weigh the classes as they are drawn for training; None where nothing is drawn."""
        if self.pixels is None or self.draws is None:
            return None
        return loss_weights(self.pixels.labels, classes, self.draws.frequency)


# More pixels than this share of a GPU's free memory stay in main memory.
MAX_SHARE_OF_GPU = 0.25


def _held(
    pixels: np.ndarray,  # (m, size, size) uint8
    device: torch.device,
) -> np.ndarray | Tensor:
    """Hold the pixels where batches are gathered soonest.

    That is on the GPU if they fit; else they stay as they are.
    """
    if device.type != "cuda":
        return pixels
    free_bytes = torch.cuda.mem_get_info(device)[0]
    if pixels.nbytes > MAX_SHARE_OF_GPU * free_bytes:
        return pixels
    return torch.from_numpy(np.array(pixels)).to(device)


# ---- loaders


def build_dataloaders(
    data: str | Path | Manifest,  # a folder that `cxr curate` wrote, or a Manifest
    size: int = 224,  # side of the square input, px
    bs: int = 32,  # images a batch
    sampling: str = "oversample",  # of recipes.SAMPLING
    seed: int = 0,  # of the order of train images
    workers: int | None = None,  # threads that decode; None: one a core
    progress: Progress | None = None,  # None: silence
    device: torch.device | str | None = None,  # None: a GPU if there is one
    allow_missing_classes: bool = False,  # take a train split that lacks a class
    augment: str = "mild",  # of recipes.AUGMENT
    erase: float = 0.0,  # share of train images in which a rectangle is erased
    resize: Sequence[int] = (),  # smaller sides to train at first, px
    crop: float = 0.0,  # share cut off each side of an image
    channels: int = 1,  # 3: the gray channel three times, for networks that were made for colour
) -> DataLoaders:
    """Build loaders over the manifest's train and valid rows.

    Batches are (bs, channels, size, size) float32 and class indices in the recipe's order, or
    (bs, classes) of 1, 0 and nan. Raises `UsageError`, `NotCurated`, `IntegrityError`.
    """
    if channels not in (1, 3):
        raise UsageError(f"channels = {channels}: expected 1, or 3 for networks made for colour.")
    progress = progress or SILENT
    manifest = read_manifest(data)
    for warning in check_classes(manifest, allow_missing_classes):
        say(f"warning: {warning}")
    device = _device(device)
    rows, cached = _cached(manifest, [*resize, size], workers, progress, crop)
    held = {side: _held(pixels, device) for side, pixels in cached.items()}
    read = ReadRadiograph(size, rows, cached[size], crop)
    train = _dataset(manifest, "train", read)
    valid = _dataset(manifest, "valid", read)
    draws = draw_classes([label for _, label in train.items], manifest.vocab, sampling, seed)
    by_side = {side: _pixels(manifest, train, rows, held[side], device) for side in held}
    train_dl = CachedDL(
        train,
        pixels=by_side[size],
        draws=draws,
        pixels_by_side=by_side,
        shuffle=True,
        drop_last=_ends_in_one_image(draws.n, bs),
        after_batch=_batch_tfms(channels, Augment(augment, erase)),
        **_loading(bs, device),
    )
    valid_dl = CachedDL(
        valid,
        pixels=_pixels(manifest, valid, rows, held[size], device),
        after_batch=_batch_tfms(channels),
        **_loading(bs, device),
    )
    return DataLoaders(train_dl, valid_dl, device=device)


def _loading(bs: int, device: torch.device) -> dict[str, Any]:
    """Return what all loaders share.

    No workers: out of the cache a batch costs less than handing it between processes.
    """
    return dict(bs=bs, num_workers=0, device=device)


def _cached(
    manifest: Manifest,
    sides: Sequence[int],
    workers: int | None,
    progress: Progress,
    crop: float,
) -> tuple[dict[str, int], dict[int, np.ndarray]]:
    """Decode the folder at each side: path -> row, and side -> pixels."""
    rows: dict[str, int] = {}
    pixels: dict[int, np.ndarray] = {}
    for side in dict.fromkeys(sides):
        make = partial(pixel_cache, manifest, side, workers, progress, crop)
        rows, pixels[side] = first(make)
    return rows, pixels


def _device(wanted: torch.device | str | None) -> torch.device:
    """Return the device that was asked for.

    Without a wish it is this process's GPU, where there is one.
    """
    if wanted:
        return torch.device(wanted)
    if torch.cuda.is_available():
        return torch.device(f"cuda:{torch.cuda.current_device()}")
    return torch.device("cpu")


def _ends_in_one_image(
    n: int,  # draws an epoch
    bs: int,
) -> bool:
    """Tell whether an epoch's last batch is a single image, on which batch norm cannot train."""
    of_a_process = -(-n // world())  # rounded up
    return of_a_process % bs == 1


def _dataset(manifest: Manifest, split: str, read: ReadRadiograph) -> Datasets:
    """Make the items of one split: path and label."""
    items = [
        (str(manifest.root / row.path), row.label) for row in manifest.rows if row.split == split
    ]
    if manifest.recipe.task is Task.MULTI_LABEL:
        to_target = Findings(manifest.vocab)
    else:
        to_target = Categorize(vocab=manifest.vocab, sort=False)
    tfms = [[ItemGetter(0), read], [ItemGetter(1), to_target]]
    return Datasets(items, tfms, split_idx=int(split != "train"))


def _pixels(
    manifest: Manifest,
    dataset: Datasets,  # of _dataset
    rows: dict[str, int],  # path -> row of `held`
    held: np.ndarray | Tensor,
    device: torch.device,
) -> Pixels:
    """Point out a split's images among those of the cache."""
    vocab = manifest.vocab
    if manifest.recipe.task is Task.MULTI_LABEL:
        labels: list[Any] = [targets(label, vocab) for _, label in dataset.items]
    else:
        labels = [vocab.index(label) for _, label in dataset.items]
    rows_of_split = [rows[path] for path, _ in dataset.items]
    return Pixels(
        all=held,
        rows=np.array(rows_of_split),
        labels=torch.tensor(labels),
        device=device,
    )


def _batch_tfms(channels: int, *augmentations: Transform) -> list[Transform]:
    """Turn uint8 into normalised float, with augmentations of 0-1 in between.

    The arithmetic is that of `bundle.normalise`.
    """
    repeated = [Repeat(channels)] if channels > 1 else []
    return [
        IntToFloatTensor(),
        *augmentations,
        *repeated,
        Normalize.from_stats([MEAN], [STD], cuda=False),
    ]
