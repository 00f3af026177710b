"""A curated folder -> a run's folder with the bundle of its best epoch's network.

`train` goes the whole road; `export` is its last part for notebooks, `fit.fit` the middle one.
Never writes into a folder that holds anything but the run to resume, and leaves no half-written
bundle: bundle.json comes at the end. A checkpoint stands beside it until then.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from fastai.learner import Learner

from cxr_fastai import progress
from cxr_fastai.bundle.meta import libraries
from cxr_fastai.bundle.store import save_bundle
from cxr_fastai.core import (
    StorageError,
    UsageError,
    atomic_path,
    make_folder,
    one_line,
    unknown_name,
)
from cxr_fastai.manifest import Manifest, read_manifest
from cxr_fastai.models.architectures import family_of
from cxr_fastai.progress import SILENT, say
from cxr_fastai.recipes import SETTINGS, Recipe, Train, check_train, load_recipe
from cxr_fastai.training.calibrate import calibrate
from cxr_fastai.training.checkpoint import CHECKPOINT, State, same_run
from cxr_fastai.training.data import MEAN, STD, build_dataloaders
from cxr_fastai.training.data_checks import check_classes
from cxr_fastai.training.distributed import begin, end, first, rank, shared
from cxr_fastai.training.fit import Fitted, fit
from cxr_fastai.training.learner import (
    StartedNetwork,
    StartingWeights,
    build_learner,
    start_network,
    starting_weights,
)
from cxr_fastai.training.network_check import check_networks
from cxr_fastai.training.run_folder import (
    BASELINES,
    BUNDLE,
    bundle_meta,
    default_out,
    is_free,
    is_over,
    latest_run,
    refuse_full,
    refuse_other_data,
    state_to_resume,
)
from cxr_fastai.training.trackers import recorded

__all__ = ["train", "export", "LEARNER"]

LEARNER = "learner.pkl"  # fastai's own export, in the bundle's folder


def train(
    data: str | Path | Manifest,  # a folder that `cxr curate` wrote, or a Manifest
    out: str | Path | None = None,  # absent or empty; None: default_out of the folder's recipe
    *,
    recipe: str
    | None = None,  # whose [train] settings to use, a name or a file; None: the folder's
    seed: int | None = None,  # 0 or more, None: 0; the same seed, the same weights on the same CPU
    workers: int | None = None,  # threads that decode; None: one a core
    resume: bool = False,  # go on with the run in `out`; None: with the latest of the recipe
    allow_missing_classes: bool = False,
    track: Iterable[str] = (),  # mlflow, tensorboard
    quiet: bool = False,  # no bar, no lines; warnings still
    beside: Iterable[str]
    | None = None,  # architectures to train for comparison; None: the recipe's
    deadline: float | None = None,  # of time.monotonic(), when each is to end; None: never
    **own: Any,  # fields of recipes.Train in place of the recipe's
) -> Path:  # the bundle
    """Train on a curated folder.

    The architectures of `beside` train after it, from scratch, each into `out`/beside/ARCH. Raises
    `UsageError`, `NotCurated`, `SourceUnavailable`, `IntegrityError`, ..
    """
    begin()
    manifest = read_manifest(data)
    base = load_recipe(recipe) if recipe else manifest.recipe
    if out:
        run = Path(out)
    else:
        find = latest_run if resume else default_out
        run = shared(partial(find, manifest.recipe.name))
    baselines = list(dict.fromkeys(base.beside if beside is None else beside))
    for arch in baselines:
        family_of(arch)  # an unknown one is told before the long part
    request = _Request(
        manifest=manifest,
        base=base,
        run=run,
        own=own,
        seed=seed,
        resume=resume,
        workers=workers,
        track=list(track),
        quiet=quiet,
        allow_missing_classes=allow_missing_classes,
        beside=baselines,
        deadline=deadline,
    )
    bundle = _train_one(request)
    _train_baselines(request, baselines)
    end()
    return bundle


@dataclass(frozen=True)
class _Request:
    """What was asked for, of one network."""

    manifest: Manifest
    base: Recipe  # whose settings are used where no other was asked for
    run: Path
    own: dict[str, Any]  # settings that were asked for
    seed: int | None
    resume: bool
    workers: int | None
    track: list[str]
    quiet: bool
    allow_missing_classes: bool
    beside: Sequence[str] = ()  # architectures that train after it
    deadline: float | None = None


def _train_baselines(request: _Request, archs: Sequence[str]) -> None:
    """Train further architectures, from scratch, with the settings that the first one had.

    Also where it was resumed without naming them.
    """
    meta = shared(partial(bundle_meta, request.run))
    for arch in archs:
        if arch == meta["arch"]:
            continue
        run = request.run / BASELINES / arch
        begun = not shared(partial(is_free, run))
        baseline = replace(
            request,
            run=run,
            own={**meta["recipe"]["train"], "arch": arch, "weights": "none"},
            seed=meta["trained"]["seed"],
            resume=request.resume and begun,
            beside=(),
        )
        _train_one(baseline)


# ---- one network


def _train_one(request: _Request) -> Path:
    """Train one network; return its bundle."""
    run = request.run
    if request.resume and shared(partial(is_over, run)):
        shared(partial(refuse_other_data, run, request.manifest))
        if not request.quiet:
            say(f"{run} came to its end: nothing left to train")
        return run / BUNDLE
    state = shared(partial(state_to_resume, run)) if request.resume else None
    settings, seed = _asked(request, state)
    if not request.resume:
        shared(partial(refuse_full, run))
    # all that can be refused is, before the pixels are decoded
    check_classes(request.manifest, request.allow_missing_classes)
    sides = [*settings.resize, settings.size]
    others = [arch for arch in request.beside if arch != settings.arch]
    check_networks(others, len(request.manifest.vocab), sides)
    started = _started(request.manifest, settings, seed, state)
    request = replace(request, quiet=request.quiet or rank() > 0)
    tracked = request.track if rank() == 0 else []
    with recorded(tracked, run, settings, request.manifest, seed) as record:
        learn = _learner(request, settings, seed, started, state)
        fitted = fit(
            learn,
            settings,
            run,
            quiet=request.quiet,
            seed=seed,
            manifest_sha256=request.manifest.sha256,
            state=state,
            trackers=record.trackers,
            fresh=False,
            deadline=request.deadline,
        )
        if rank() > 0:
            return run / BUNDLE
        bundle = record.bundle = _bundled(request, learn, fitted, seed)
    if fitted.interrupted:  # the checkpoint stays, for --resume
        say(
            f"interrupted: {bundle} has epoch {fitted.best['epoch']}, "
            f"the best of {len(fitted.history)}; --out {run} --resume goes on"
        )
        raise KeyboardInterrupt
    (run / CHECKPOINT).unlink(missing_ok=True)
    return bundle


def _asked(request: _Request, state: State | None) -> tuple[Train, int]:
    """Return settings and seed.

    Those of the run to resume, or the recipe's with the caller's in their place. Raises
    `UsageError` for what is unknown, out of range, or of another run.
    """
    unknown = [key for key in request.own if key not in SETTINGS]
    if unknown:
        raise UsageError(unknown_name("setting", unknown[0], SETTINGS))
    seed = request.seed
    if seed is None:
        seed = state.seed if state else 0
    if seed < 0:
        raise UsageError(f"seed = {seed}: expected 0 or more.")
    before = Train(**state.settings) if state else request.base.train
    given = {key: value for key, value in request.own.items() if value is not None}
    settings = replace(before, **given)
    manifest = request.manifest
    check_train(settings, f"settings of recipe {request.base.name}", manifest.recipe)
    if state:
        same_run(state, settings, seed, manifest.sha256, request.run)
    return settings, seed


def _started(manifest: Manifest, settings: Train, seed: int, state: State | None) -> StartedNetwork:
    """Build the network; that of a resumed run gets its weights from the checkpoint."""
    weights = "none" if state else settings.weights
    sides = [*settings.resize, settings.size]
    make = partial(start_network, settings.arch, len(manifest.vocab), weights, seed, sides)
    started = first(make)
    if not state:
        return started
    return replace(started, loaded=state.started, pretrained=settings.weights != "none")


def _learner(
    request: _Request,
    settings: Train,
    seed: int,
    started: StartedNetwork,
    state: State | None,
) -> Learner:
    """Decode the images and put the Learner together."""
    if not request.quiet:
        say(_beginning(settings, request.manifest, request.run, state))
    dls = build_dataloaders(
        request.manifest,
        size=settings.size,
        bs=settings.bs,
        sampling=settings.sampling,
        seed=seed,
        workers=request.workers,
        progress=SILENT if request.quiet else progress,
        allow_missing_classes=request.allow_missing_classes,
        augment=settings.augment,
        erase=settings.erase,
        resize=settings.resize,
        crop=settings.crop,
    )
    return build_learner(
        dls,
        net=started,
        label_smoothing=settings.label_smoothing,
        wd=settings.wd,
        loss=settings.loss,
        gamma=settings.gamma,
    )


def _beginning(s: Train, manifest: Manifest, run: Path, state: State | None) -> str:
    """Say what is going to be trained."""
    splits = [row.split for row in manifest.rows]
    epochs = "epoch" if s.epochs == 1 else "epochs"
    what = (
        f"{s.arch} at {s.size} px from weights {s.weights} on {splits.count('train')} images "
        f"of {len(manifest.vocab)} classes (valid {splits.count('valid')}), {s.epochs} {epochs}"
    )
    if state:
        return f"going on after epoch {len(state.rows)} of {run}: {what}"
    return f"training {what} into {run}"


# ---- the bundle


def _bundled(
    request: _Request,
    learn: Learner,
    fitted: Fitted,
    seed: int,
) -> Path:
    """Calibrate on validation and write the bundle, learner.pkl first."""
    manifest = request.manifest
    meta = _meta(manifest, learn, fitted, seed)
    if manifest.recipe.negative and not meta["decision"]:
        say(
            f"warning: validation has no image of {manifest.recipe.negative}, or none of another "
            "class: no threshold could be fixed, and there is no risk to order a worklist by"
        )
    learn.loss_func.calibrate(meta, manifest.vocab)
    folder = request.run / BUNDLE
    export(learn, folder)
    return save_bundle(folder, learn.model, meta, _seen(manifest))


def _seen(manifest: Manifest) -> list[str]:
    """Name the images and patients that training or validation saw."""
    seen: list[str] = []
    for row in manifest.rows:
        if row.split == "test":
            continue
        names = (row.pixel_sha256, row.patient)
        seen += [name for name in names if name]
    return seen


def _meta(manifest: Manifest, learn: Learner, fitted: Fitted, seed: int) -> dict[str, Any]:
    """Make bundle.json, as far as training knows it."""
    best = fitted.best
    # no folder of this machine's
    settings = replace(fitted.settings, weights=Path(fitted.settings.weights).name)
    recipe = replace(manifest.recipe, train=settings)
    logits, targs = _valid_logits(learn)
    calibrated, auroc = calibrate(recipe, logits, targs, learn.loss_func.weights)
    scores = {metric.name: best[metric.name] for metric in learn.metrics[:-1]}
    trained = dict(
        epochs=len(fitted.history),
        best_epoch=best["epoch"],
        seconds=round(fitted.seconds, 1),
        weights=starting_weights(learn).loaded,
        seed=seed,
        precision=fitted.precision.name,
    )
    return dict(
        arch=settings.arch,
        vocab=manifest.vocab,
        display=recipe.display,
        task=recipe.task,
        size=settings.size,
        crop=settings.crop,
        mean=MEAN,
        std=STD,
        recipe=recipe.to_dict(),
        manifest_sha256=manifest.sha256,
        **calibrated,
        trained=trained,
        metrics={"valid": {"loss": best["valid_loss"], **scores, **auroc}},
        libraries=libraries("fastai"),
    )


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


def export(
    learn: Learner,
    folder: str | Path,  # usually a bundle's
) -> Path:  # folder/learner.pkl
    """Write the Learner for fastai's `load_learner(..).predict(path)`.

    Without items, cache, progress bar and paths. It is a pickle: loading it runs code, so load only
    your own. Raises `StorageError`.
    """
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
