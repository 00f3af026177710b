"""A trained Learner -> a bundle: asked about validation, calibrated, judged, written.

The Learner is of build_learner, or of plain fastai over the loaders of build_dataloaders, as
`vision_learner(dls, resnet18, n_in=1)`. What cannot be known of a Learner is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from fastai.learner import Learner
from torch import nn

from cxr_fastai.bundle.conformal_scores import calibration_scores
from cxr_fastai.bundle.meta import libraries
from cxr_fastai.bundle.store import save_bundle
from cxr_fastai.core import (
    FolderWarning,
    StorageError,
    UsageError,
    atomic_path,
    make_folder,
    one_line,
)
from cxr_fastai.intervals.interval_trees import Interval
from cxr_fastai.manifest import Manifest, read_manifest
from cxr_fastai.models.architectures import is_arch
from cxr_fastai.models.networks import build_network, first_convolution
from cxr_fastai.recipes import Recipe
from cxr_fastai.training.calibrate import calibrate, probabilities
from cxr_fastai.training.data import MEAN, STD, CachedDL, ReadRadiograph
from cxr_fastai.training.gating import fit_folder_gate
from cxr_fastai.training.learner import StartingWeights, starting_weights
from cxr_fastai.training.verdict import Scored, constant_loss, run_warnings, score

__all__ = ["Judged", "Learned", "export", "judge", "seen", "write_bundle", "LEARNER"]

LEARNER = "learner.pkl"  # fastai's own export, in the bundle's folder
MAX_DIFFERENCE = 1e-3  # of the logits of two networks that are one: floats add up in any order


@dataclass(frozen=True)
class Learned:
    """What is known of how a network was trained."""

    arch: str
    rows: Sequence[dict[str, Any]]  # of history.csv; empty where there was none
    best_epoch: int  # whose weights the network holds
    trained: dict[str, Any]  # of bundle.json: epochs, seconds, weights, ..
    metrics: dict[str, float]  # of validation, as the history has them


@dataclass(frozen=True)
class Judged:
    """What validation says of a network: for bundle.json and for people."""

    calibrated: dict[str, Any]  # temperature, decision, thresholds, offsets, conformal
    auroc: dict[str, float]  # of the decision, where there is one
    scored: Scored
    warnings: list[FolderWarning]


def judge(
    learn: Learner,
    manifest: Manifest,  # that the loaders were built over
    recipe: Recipe,  # of the classes in the order of the network's outputs
    rows: Sequence[dict[str, Any]],  # of history.csv
    best_epoch: int,
) -> Judged:
    """Calibrate on validation, score it, and say what is to be feared."""
    logits, targs = _valid_logits(learn)
    weights = getattr(learn.loss_func, "weights", None)
    calibrated, auroc = calibrate(recipe, logits, targs, weights)
    rows_of_valid = [row for row in manifest.rows if row.split == "valid"]
    groups = [row.group for row in rows_of_valid]
    offsets = [calibrated["offsets"].get(name, 0.0) for name in recipe.vocab]
    probs = probabilities(logits, recipe.task, calibrated["temperature"], np.array(offsets))
    sources = [row.source for row in rows_of_valid]
    calibrated["conformal"] = calibration_scores(probs, targs, recipe.vocab, groups, sources)
    scored = score(recipe.task, logits, targs, groups)
    constant = constant_loss(learn, targs) if rows else None
    decides = bool(calibrated["decision"])
    steps = len(learn.dls.train) * len(rows) if rows else None
    warnings = run_warnings(scored, rows, best_epoch, constant, recipe, decides, steps)
    return Judged(calibrated, auroc, scored, warnings)


def _valid_logits(learn: Learner) -> tuple[np.ndarray, np.ndarray]:
    """Ask the network about validation, computed as the bundle will: in fp32.

    Returns logits (n, classes) and targets, (n,) class indices or (n, classes) of findings.
    """
    learn.model.eval()
    logits = []
    targs = []
    with torch.inference_mode():
        for x, y in learn.dls.valid:
            logits.append(torch.Tensor(learn.model(torch.Tensor(x)).float().cpu()))
            targs.append(torch.Tensor(y.cpu()))
    all_targs = torch.cat(targs).numpy()
    if all_targs.ndim == 1:
        all_targs = all_targs.astype(int)
    return torch.cat(logits).numpy(), all_targs


def write_bundle(
    folder: Path,
    learn: Learner,
    manifest: Manifest,
    recipe: Recipe,  # with the settings that were trained with
    learned: Learned,
    judged: Judged,
    warnings: Sequence[FolderWarning] = (),  # further ones
) -> Path:
    """Write a bundle of what was learned and judged."""
    read = _reader(learn)
    valid: dict[str, Any] = {**learned.metrics, **judged.scored.numbers, **judged.auroc}
    intervals: dict[str, Interval] = judged.scored.intervals
    meta: dict[str, Any] = dict(
        arch=learned.arch,
        in_channels=first_convolution(learn.model)[1].in_channels,
        vocab=recipe.vocab,
        display=recipe.display,
        task=recipe.task,
        size=read.size,
        crop=read.crop,
        mean=MEAN,
        std=STD,
        recipe=recipe.to_dict(),
        manifest_sha256=manifest.sha256,
        **judged.calibrated,
        trained={**learned.trained, "date": datetime.now(UTC).date().isoformat()},
        warnings=[warning.to_dict() for warning in (*warnings, *judged.warnings)],
        metrics={"valid": valid, "valid_intervals": intervals},
        libraries=libraries("fastai"),
    )
    gate, known = fit_folder_gate(read, manifest)
    meta["gate"] = known
    return save_bundle(folder, learn.model, meta, seen(manifest), gate)


def seen(manifest: Manifest) -> list[str]:
    """Name the images and patients that training or validation saw."""
    names: list[str] = []
    for row in manifest.rows:
        if row.split == "test":
            continue
        names += [name for name in (row.pixel_sha256, row.patient) if name]
    return names


def _reader(learn: Learner) -> ReadRadiograph:
    """Return what reads the images of a Learner's loaders.

    Raises `UsageError` where it is not the one of build_dataloaders, as which a bundle reads.
    """
    train = learn.dls.train
    pipelines = getattr(train.dataset, "tls", ()) if isinstance(train, CachedDL) else ()
    for pipeline in pipelines:
        for transform in pipeline.tfms:
            if isinstance(transform, ReadRadiograph):
                return transform
    raise UsageError(
        "the loaders of this Learner are not those of build_dataloaders, and nobody knows how they "
        "read an image: build them with build_dataloaders(data, size=..), and train again."
    )


# ---- a Learner of one's own


def export(
    learn: Learner,  # of build_learner, or of plain fastai over the loaders of build_dataloaders
    folder: str | Path,  # usually a bundle's
    data: str | Path | Manifest | None = None,  # what it was trained on: then a bundle is written
    arch: str | None = None,  # whose body the network has; None: as the Learner tells it
) -> Path:  # folder/learner.pkl; with `data` the folder of the bundle
    """Write a Learner for fastai's `load_learner`, and with `data` as a bundle.

    Without items, cache, progress bar and paths. learner.pkl is a pickle: loading it runs code, so
    load only your own. A bundle asks that `data` is the folder of the Learner's loaders, and that
    the network is one which the library can build; its temperature and thresholds are fixed on
    validation. Raises `UsageError` for what is not known of a Learner, `StorageError`.
    """
    if data is None:
        return _pickled(learn, folder)
    manifest = read_manifest(data)
    _check_same_images(learn, manifest)
    _reader(learn)
    recipe = _recipe_of(learn, manifest)
    name = _arch_of(learn, arch)
    _check_network(learn, name, len(recipe.vocab))
    epochs = _epochs_of(learn)
    judged = judge(learn, manifest, recipe, rows=[], best_epoch=epochs)
    trained = dict(epochs=epochs, best_epoch=epochs, weights=starting_weights(learn).loaded)
    learned = Learned(name, [], epochs, trained, {})
    return write_bundle(Path(folder), learn, manifest, recipe, learned, judged)


def _pickled(learn: Learner, folder: str | Path) -> Path:
    """Write learner.pkl. Raises `StorageError`."""
    for metric in learn.metrics:
        metric.reset()  # they hold the last validation's predictions
    file = make_folder(folder) / LEARNER
    notes = [callback for callback in learn.cbs if isinstance(callback, StartingWeights)]
    try:
        with learn.no_bar(), learn.removed_cbs(notes), atomic_path(file) as part:
            learn.export(part.absolute())
    except RuntimeError as e:  # torch's zip writer reports a full disk so
        raise StorageError(
            f"cannot write {file}: {one_line(e)[:120]}. Free space there and train again."
        ) from e
    return file


def _check_same_images(learn: Learner, manifest: Manifest) -> None:
    """Raise `UsageError` where the loaders are over other images than the folder's."""
    for split, loader in (("train", learn.dls.train), ("valid", learn.dls.valid)):
        rows = [str(manifest.root / row.path) for row in manifest.rows if row.split == split]
        items = getattr(loader.dataset, "items", ())
        if [str(item[0]) for item in items if isinstance(item, tuple)] != rows:
            raise UsageError(
                f"the {split} images of this Learner are not those of {manifest.root}: give the "
                "folder that its loaders were built over with build_dataloaders."
            )


def _recipe_of(learn: Learner, manifest: Manifest) -> Recipe:
    """Return the folder's recipe. Raises `UsageError` where the Learner has other classes."""
    vocab = list(getattr(learn.dls, "vocab", None) or manifest.vocab)
    if vocab != manifest.vocab:
        raise UsageError(
            f"this Learner has the classes {', '.join(map(str, vocab))}, {manifest.root} has "
            f"{', '.join(manifest.vocab)}: build its loaders with build_dataloaders."
        )
    return manifest.recipe


def _arch_of(learn: Learner, arch: str | None) -> str:
    """Return the name of a body: as given, or as vision_learner or build_learner notes it."""
    name: Any = arch or getattr(learn, "arch", None)
    if name is None and isinstance(learn.splitter, partial):
        name = learn.splitter.keywords.get("arch")
    name = getattr(name, "__name__", name)
    if name is None:
        raise UsageError(
            "this Learner does not tell which network's body it has: name it, "
            'export(learn, folder, data, arch="resnet18").'
        )
    if not is_arch(name):
        raise UsageError(
            f"the body of this Learner is {name!r}, which this library cannot build: a bundle has "
            "one of torchvision's or timm's by name."
        )
    return str(name)


def _check_network(learn: Learner, arch: str, classes: int) -> None:
    """Raise `UsageError` where a Learner's network is not the one that a bundle would build."""
    net = learn.model
    channels = first_convolution(net)[1].in_channels
    own = build_network(arch, classes, channels, net.state_dict())
    problem = _difference(net, own, channels, _reader(learn).size)
    if problem:
        raise UsageError(
            f"the network of this Learner is not {arch} with fastai's own head for {classes} "
            f"classes ({problem}): a bundle could not build it. Make it with "
            f"vision_learner(dls, {arch}, n_in={channels}) or build_learner."
        )


def _difference(net: nn.Module, own: nn.Module, channels: int, side: int) -> str:
    """Say how two networks differ with the same weights; empty where they answer alike."""
    state = {name: t.detach().cpu() for name, t in net.state_dict().items()}
    wanted = own.state_dict()
    if state.keys() != wanted.keys():
        other = sorted(state.keys() ^ wanted.keys())[0]
        return f"layer {other} is in one of them only"
    for name, tensor in state.items():
        if tensor.shape != wanted[name].shape:
            return f"{name} is {tuple(tensor.shape)}, not {tuple(wanted[name].shape)}"
    own.load_state_dict(state)
    device = next(net.parameters()).device
    x = torch.linspace(-2, 2, 2 * side * side).view(2, 1, side, side).expand(-1, channels, -1, -1)
    with torch.inference_mode():
        answers = net.eval()(x.to(device)).float().cpu()
        apart = (answers - own.eval()(x)).abs().max()
    if apart > MAX_DIFFERENCE * (1 + float(answers.abs().max())):
        return f"their answers differ by up to {float(apart):.3g}"
    return ""


def _epochs_of(learn: Learner) -> int:
    """Return the epochs that a Learner was trained for. Raises `UsageError` for none."""
    recorder = getattr(learn, "recorder", None)
    epochs = len(getattr(recorder, "values", ()))
    if not epochs:
        raise UsageError(
            "this Learner was not trained: its answers would be chance. Train it, as with "
            "learn.fine_tune(5), and export it then."
        )
    return epochs
