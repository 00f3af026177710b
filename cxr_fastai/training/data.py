"""A curated folder -> fastai DataLoaders: batches straight from the cache, augmentation and class balance inside train
only, and both on the batch, on its device.

Never flips: a mirrored chest is another anatomy. Never draws from a global generator for the order of images, never
trains a class without images unasked, and never puts a path or a pixel into an exported learner.
"""

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

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
from fasttransform import Transform

from cxr_fastai import images
from cxr_fastai.core import SPLITS, Task, UsageError, unknown_name
from cxr_fastai.manifest import Manifest, read_manifest
from cxr_fastai.progress import say
from cxr_fastai.recipes import NONE, SAMPLING, Recipe, Train, present
from cxr_fastai.training.augment import Augment
from cxr_fastai.training.distributed import first, world
from cxr_fastai.training.losses import loss_weights
from cxr_fastai.training.pixel_cache import pixel_cache

__all__ = [
    "build_dataloaders",
    "check_classes",
    "ReadRadiograph",
    "Findings",
    "TensorRadiograph",
    "CachedDL",
    "Pixels",
    "Draws",
    "MEAN",
    "STD",
]

# Of gray values scaled to 0-1. Round numbers near those of curated radiographs, and constants, so that no statistic of
# one data set is baked into a network; they travel in the bundle.
MEAN, STD = 0.5, 0.25


class TensorRadiograph(TensorImageBW):
    """Shown as films are, dense white; fastai shows its TensorImageBW as a negative."""

    _show_args = dict(cmap="gray", vmin=0, vmax=255)


class ReadRadiograph(Transform):
    """Path -> (1, size, size) uint8: out of the cache where it lies there, else decoded as a bundle does it."""

    def __init__(
        self,
        size: int,  # side of the square, px
        rows=None,  # path -> row of `pixels`
        pixels=None,  # (n, size, size) uint8
        crop: float = 0.0,  # share cut off each side
    ):
        super().__init__()
        self.size, self.rows, self.pixels, self.crop = size, rows or {}, pixels, crop
        self.input_types = (str, Path)  # where `Learner.predict` enters with a path

    def encodes(
        self, path: (str, Path)
    ):  # dispatched on: no `from __future__ import annotations` in this file
        row = self.rows.get(str(path))
        gray = (
            images.resize(images.decode(path), self.size, self.crop)
            if row is None
            else self.pixels[row]
        )
        return TensorRadiograph(torch.from_numpy(np.array(gray))[None])

    def __getstate__(self):
        return {**self.__dict__, "rows": {}, "pixels": None}  # a pickle holds no cache


class Findings(Transform):
    """A manifest's multi-label label -> (classes,) float32: 1 present, 0 absent, nan unknown."""

    def __init__(self, recipe: Recipe):
        super().__init__()
        self.recipe, self.vocab = (
            replace(recipe, train=Train()),
            recipe.vocab,
        )  # its settings may name a folder

    def encodes(self, label: str):
        return TensorMultiCategory(torch.tensor(self.recipe.targets(label)))

    def decodes(self, y: TensorMultiCategory):
        return MultiCategory([c for c, has in zip(self.vocab, y) if has == 1])


# ---- which images make up an epoch


class Draws:
    """Every group as often as the others, no image twice before all of its group were seen; the same for the same seed.

    Each group is an endless row of its images, reshuffled at each turn; an epoch takes the next n/k of each of k.
    So a small group comes round many times an epoch, and a large one is seen whole over several.
    """

    def __init__(
        self,
        groups: list,  # lists of indices, none empty
        n: int,  # draws an epoch, at least one a group
        seed: int,  # 0 or more
    ):
        self.groups, self.n, self.seed = groups, n, seed

    def epoch(self, e: int) -> list[int]:
        """The n indices of epoch `e`, counted from 0, in the order of training."""
        k = len(self.groups)
        # the draws of all epochs are numbered through; number g belongs to group g % k and is its (g // k)-th
        drawn = [
            self._stretch(c, *(-((c - g) // k) for g in (e * self.n, (e + 1) * self.n)))
            for c in range(k)
        ]
        return self._rng(k, e).permutation(np.concatenate(drawn)).tolist()

    def _stretch(self, c: int, start: int, stop: int) -> np.ndarray:
        """Places start to stop-1 of group c's endless row."""
        m = len(self.groups[c])
        turns = [
            self._rng(c, turn).permutation(self.groups[c])
            for turn in range(start // m, -(-stop // m))
        ]
        return np.concatenate(turns)[start % m :][: stop - start]

    def _rng(self, *key: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, *key])

    @property
    def often(self) -> torch.Tensor:
        """(images,) by how much each is drawn, as a share of all draws."""
        shares = torch.zeros(1 + max(map(max, self.groups)), dtype=torch.float64)
        for group in self.groups:
            shares[group] += 1 / len(group) / len(self.groups)
        return shares


def _draws(labels, vocab: list[str], sampling: str, seed: int) -> Draws:
    """Images of each class in turn, or all of them as one group; by how many an epoch is over. An image of several
    classes has its turn in each, one of none in a group of its own.
    """
    if sampling not in SAMPLING:
        raise UsageError(unknown_name("sampling", sampling, SAMPLING))
    if sampling == "none":
        return Draws([[*range(len(labels))]], len(labels), seed)
    by_class = {
        c: [i for i, label in enumerate(labels) if c in present(label)] for c in [*vocab, NONE]
    }
    groups = [group for group in by_class.values() if group]
    return Draws(
        groups,
        len(groups) * min(map(len, groups)) if sampling == "undersample" else len(labels),
        seed,
    )


# ---- batches


@dataclass
class Pixels:
    """A split's images at one size, and their classes."""

    all: object  # (m, size, size) uint8 of the whole cache: an array, or a tensor on a GPU
    rows: np.ndarray  # (n,) the rows of `all` that are this split's, in the order of its items
    labels: torch.Tensor  # (n,) class indices, or (n, classes) float32 of `Findings`
    device: torch.device

    def batch(
        self, idxs
    ) -> tuple:  # (k, 1, size, size) uint8 and (k,) or (k, classes) labels, on the device
        rows = self.rows[idxs]
        if isinstance(self.all, torch.Tensor):
            x = self.all[torch.from_numpy(rows).to(self.device)]
        else:
            x = torch.from_numpy(np.asarray(self.all)[rows])
        kind = TensorCategory if self.labels.ndim == 1 else TensorMultiCategory
        return TensorRadiograph(self._sent(x)[:, None]), kind(
            self._sent(self.labels[torch.as_tensor(idxs)])
        )

    def _sent(self, t: torch.Tensor) -> torch.Tensor:
        """On the device; from pinned memory a GPU fetches it while it computes."""
        if self.device.type != "cuda" or t.is_cuda:
            return t.to(self.device)
        return t.pin_memory().to(self.device, non_blocking=True)


class CachedDL(TfmdDL):
    """Batches gathered from the cache, not item by item. The order of train images follows from (seed, epoch) alone.
    A loader that `new` makes for other items, as `Learner.dls.test_dl` does, reads each item from its file.
    """

    def __init__(self, dataset, pixels: Pixels | None = None, draws: Draws | None = None, **kwargs):
        self.pixels, self.draws, self.epoch = pixels, draws, 0  # the epoch that comes next
        super().__init__(dataset, n=draws.n if draws else None, **kwargs)

    def get_idxs(self):
        if self.draws is None:
            return super().get_idxs()
        idxs, self.epoch = self.draws.epoch(self.epoch), self.epoch + 1
        return idxs

    def create_batches(self, samps):
        if self.pixels is None:
            return super().create_batches(samps)
        return map(self.pixels.batch, chunked(samps, self.bs, self.drop_last))

    def new(self, dataset=None, cls=None, **kwargs):
        same = self.pixels is not None and (dataset is None or dataset is self.dataset)
        return super().new(dataset, cls, **({"pixels": self.pixels} if same else {}), **kwargs)


RESIDENT = 0.25  # of a GPU's free memory that the pixels may fill; more of them stay in main memory


def _held(pixels: np.ndarray, device: torch.device):
    """The pixels where batches are gathered soonest: on the GPU if they fit, else as they are."""
    if device.type != "cuda" or pixels.nbytes > RESIDENT * torch.cuda.mem_get_info(device)[0]:
        return pixels
    return torch.from_numpy(np.array(pixels)).to(device)


# ---- loaders


def check_classes(
    manifest: Manifest,
    allow_missing: bool = False,  # train although a class has no train image
) -> list[str]:  # warnings
    """Are there images to learn each class from, and to choose the best epoch by? Raises `UsageError`."""
    counts = {s: {c: 0 for c in [*manifest.vocab, NONE]} for s in SPLITS}
    for r in manifest.rows:
        for c in present(r.label):
            counts[r.split][c] += 1
    for split, least in (("train", 2), ("valid", 1)):
        if (n := sum(r.split == split for r in manifest.rows)) < least:
            raise UsageError(
                f"{manifest.root}: {n} {split} images, training needs {least}. Curate more sources."
            )
    missing = {s: [c for c in manifest.vocab if not counts[s][c]] for s in SPLITS}
    if missing["train"] and not allow_missing:
        found = ", ".join(f"{c} {counts['train'][c]}" for c in manifest.vocab)
        raise UsageError(
            f"{manifest.root}: no train image of {', '.join(missing['train'])} (train: {found}). Curate "
            "sources that have some, curate for another recipe (--recipe), or accept it with "
            "--allow-missing-classes."
        )
    warnings = [f"no train image of {c}: the model will never answer it" for c in missing["train"]]
    unseen = [c for c in missing["valid"] if c not in missing["train"]]
    return warnings + [
        f"no valid image of {c}: the choice of the best epoch does not look at it" for c in unseen
    ]


def build_dataloaders(
    data,  # a folder that `cxr curate` wrote, or a Manifest
    size: int = 224,  # side of the square input, px
    bs: int = 32,
    sampling: str = "oversample",  # of recipes.SAMPLING
    seed: int = 0,  # of the order of train images
    workers: int | None = None,  # threads that decode; None: one a core
    progress=None,  # as cxr_fastai.progress.bar; None: silence
    device=None,  # None: a GPU if there is one
    allow_missing_classes: bool = False,
    augment: str = "mild",  # of recipes.AUGMENT
    erase: float = 0.0,  # share of train images in which a rectangle is erased
    resize=(),  # smaller sides to train at first, px
    crop: float = 0.0,  # share cut off each side of an image
) -> (
    DataLoaders
):  # batches: (bs, 1, size, size) float32 and class indices in the recipe's order, or
    # (bs, classes) of 1, 0 and nan
    """Loaders over the manifest's train and valid rows. Raises `UsageError`, `NotCurated`, `IntegrityError`.
    `dls.train_pixels` has the train images by side, for `steps.Resize`; `dls.loss_weights` what losses weigh.
    """
    manifest = read_manifest(data)
    for warning in check_classes(manifest, allow_missing_classes):
        say(f"warning: {warning}")
    device = torch.device(
        device or (f"cuda:{torch.cuda.current_device()}" if torch.cuda.is_available() else "cpu")
    )
    cached = {
        side: first(partial(pixel_cache, manifest, side, workers, progress, crop))
        for side in dict.fromkeys([*resize, size])
    }
    read, held = (
        ReadRadiograph(size, *cached[size], crop),
        {side: _held(p, device) for side, (_, p) in cached.items()},
    )
    train, valid = (_dataset(manifest, split, read) for split in ("train", "valid"))
    draws = _draws([label for _, label in train.items], manifest.vocab, sampling, seed)
    # num_workers=0: out of the cache a batch costs less than handing it between processes.
    # A last batch of a single image is dropped: batch norm cannot train on it.
    common, single = dict(bs=bs, num_workers=0, device=device), -(-draws.n // world()) % bs == 1
    pixels = {side: _pixels(manifest, train, read.rows, of, device) for side, of in held.items()}
    dls = DataLoaders(
        CachedDL(
            train,
            pixels[size],
            draws,
            shuffle=True,
            drop_last=single,
            after_batch=_batch_tfms(Augment(augment, erase)),
            **common,
        ),
        CachedDL(
            valid,
            _pixels(manifest, valid, read.rows, held[size], device),
            after_batch=_batch_tfms(),
            **common,
        ),
        device=device,
    )
    dls.train_pixels = pixels
    dls.loss_weights = loss_weights(pixels[size].labels, len(manifest.vocab), draws.often)
    return dls


def _dataset(manifest: Manifest, split: str, read: ReadRadiograph) -> Datasets:
    items = [(str(manifest.root / r.path), r.label) for r in manifest.rows if r.split == split]
    multi = manifest.recipe.task is Task.MULTI_LABEL
    label = Findings(manifest.recipe) if multi else Categorize(vocab=manifest.vocab, sort=False)
    return Datasets(
        items, [[ItemGetter(0), read], [ItemGetter(1), label]], split_idx=int(split != "train")
    )


def _pixels(manifest: Manifest, dataset: Datasets, rows: dict, of, device: torch.device) -> Pixels:
    recipe, said = manifest.recipe, [label for _, label in dataset.items]
    labels = torch.tensor(
        [*map(recipe.targets if recipe.task is Task.MULTI_LABEL else manifest.vocab.index, said)]
    )
    return Pixels(of, np.array([rows[path] for path, _ in dataset.items]), labels, device)


def _batch_tfms(*augmentations) -> list:
    """uint8 -> normalised float, the arithmetic of `bundle.normalise`, with augmentations of 0-1 in between."""
    return [IntToFloatTensor(), *augmentations, Normalize.from_stats([MEAN], [STD], cuda=False)]
