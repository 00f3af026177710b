"""A curated folder -> a run's folder with the bundle of its best epoch's network.

`train` goes the whole road; `fit.fit` is its middle part, `bundling` its last.
Never writes into a folder that holds anything but the run to resume, and leaves no half-written
bundle: bundle.json comes at the end. A checkpoint stands beside it until then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from fastai.learner import Learner

from cxr_fastai import progress
from cxr_fastai.advice import flag
from cxr_fastai.core import FolderWarning
from cxr_fastai.manifest import Manifest, read_manifest
from cxr_fastai.models.architectures import family_of
from cxr_fastai.outputs import check_outside
from cxr_fastai.progress import SILENT, say
from cxr_fastai.recipes import Recipe, Train, check_train, load_recipe
from cxr_fastai.resumable import bundle_meta, refuse_other_data, refuse_other_than_over
from cxr_fastai.run_files import (
    BASELINES,
    BUNDLE,
    CHECKPOINT,
    default_out,
    is_free,
    is_over,
    latest_run,
    refuse_full,
)
from cxr_fastai.train_request import (
    FROM_SCRATCH,
    check_request,
    check_seed,
    own_settings,
    with_own,
)
from cxr_fastai.trainable import check_classes
from cxr_fastai.training.bundling import Learned, export, judge, write_bundle
from cxr_fastai.training.checkpoint import State, same_run
from cxr_fastai.training.data import build_dataloaders
from cxr_fastai.training.distributed import begin, end, first, rank, shared
from cxr_fastai.training.fit import Fitted, fit
from cxr_fastai.training.history import Row
from cxr_fastai.training.learner import (
    StartedNetwork,
    build_learner,
    start_network,
    starting_weights,
)
from cxr_fastai.training.network_check import check_networks
from cxr_fastai.training.precision import check_precision
from cxr_fastai.training.run_folder import earlier_epochs, state_to_resume
from cxr_fastai.training.trackers import Listener, recorded
from cxr_fastai.training.verdict import Scored, scores_line

__all__ = ["train"]


def train(
    data: str | Path | Manifest,  # a folder that `cxr curate` wrote, or a Manifest
    out: str | Path | None = None,  # absent or empty; None: default_out of the folder's recipe
    *,
    recipe: str
    | None = None,  # whose [train] settings to use, a name or a file; None: the folder's
    seed: int | None = None,  # 0 or more, None: 0; the same seed, the same weights on the same CPU
    workers: int | None = None,  # threads that decode; None: one a core
    resume: bool = False,  # go on with the run in `out`; None: with the latest of the recipe
    allow_missing_classes: bool = False,  # take a train split that lacks a class
    track: Iterable[str] = (),  # mlflow, tensorboard, wandb, trackio
    quiet: bool = False,  # no bar, no lines; warnings still
    beside: Iterable[str]
    | None = None,  # architectures to train for comparison; None: the recipe's
    deadline: float | None = None,  # of time.monotonic(), when each is to end; None: never
    on_epoch: Callable[[Row], None] | None = None,  # is given each epoch's row of history.csv
    # settings in place of the recipe's, of cxr_fastai.recipes.SETTINGS: arch, size, epochs, bs, ..
    **own: Any,
) -> Path:  # the bundle
    """Train on a curated folder.

    The architectures of `beside` train after it, from scratch, each into `out`/beside/ARCH. The
    last lines are the scores on validation, with 95 % intervals, and what is to be feared of the
    network; both stand in bundle.json too. Raises `UsageError`, `NotCurated`, `SourceUnavailable`,
    `IntegrityError`, ..
    """
    begin()
    manifest = read_manifest(data)
    base = load_recipe(recipe) if recipe else manifest.recipe
    track = list(dict.fromkeys(track))
    run = _folder(out, manifest.recipe.name, resume)
    check_outside(run, manifest.root, flag("out"))
    baselines = list(dict.fromkeys(base.beside if beside is None else beside))
    check_request(manifest, recipe, own, seed, baselines, track, allow_missing_classes)
    for arch in baselines:
        family_of(arch)  # one that nobody could tell of before
    request = _Request(
        manifest=manifest,
        base=base,
        run=run,
        own=own,
        named_recipe=bool(recipe),
        seed=seed,
        resume=resume,
        workers=workers,
        track=track,
        quiet=quiet,
        allow_missing_classes=allow_missing_classes,
        beside=baselines,
        deadline=deadline,
        on_epoch=on_epoch,
    )
    bundle = _train_one(request)
    _train_baselines(request, baselines)
    end()
    return bundle


def _folder(out: str | Path | None, recipe: str, resume: bool) -> Path:
    """Return the run's folder. Raises `UsageError` where one to begin holds something."""
    if out:
        run = Path(out)
    else:
        find = latest_run if resume else default_out
        run = shared(partial(find, recipe))
    if not resume:
        shared(partial(refuse_full, run))
    return run


@dataclass(frozen=True)
class _Request:
    """What was asked for, of one network."""

    manifest: Manifest
    base: Recipe  # whose settings are used where no other was asked for
    run: Path
    own: dict[str, Any]  # settings that were asked for
    named_recipe: bool  # whether the recipe was asked for too, or is the folder's
    seed: int | None
    resume: bool
    workers: int | None
    track: list[str]
    quiet: bool
    allow_missing_classes: bool
    beside: Sequence[str] = ()  # architectures that train after it
    deadline: float | None = None
    on_epoch: Callable[[Row], None] | None = None


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
            own={**meta["recipe"]["train"], "arch": arch, **FROM_SCRATCH},
            named_recipe=False,
            seed=meta["trained"]["seed"],
            resume=request.resume and begun,
            beside=(),
            on_epoch=None,
        )
        _train_one(baseline)


# ---- one network


def _train_one(request: _Request) -> Path:
    """Train one network; return its bundle."""
    run = request.run
    if request.resume and shared(partial(is_over, run)):
        shared(partial(refuse_other_data, run, request.manifest))
        shared(partial(_refuse_other_run, request))
        if not request.quiet:
            say(f"{run} came to its end: nothing left to train")
        return run / BUNDLE
    state = shared(partial(state_to_resume, run)) if request.resume else None
    settings, seed = _asked(request, state)
    if not request.resume:
        shared(partial(refuse_full, run))
    # all that can be refused is, before the pixels are decoded
    warnings = check_classes(request.manifest, request.allow_missing_classes)
    check_precision(settings.precision)
    sides = [*settings.resize, settings.size]
    others = [arch for arch in request.beside if arch != settings.arch]
    check_networks(others, len(request.manifest.vocab), sides)
    started = _started(request.manifest, settings, seed, state)
    request = replace(request, quiet=request.quiet or rank() > 0)
    tracked = request.track if rank() == 0 else []
    told = [Listener(request.on_epoch)] if request.on_epoch else []
    earlier = earlier_epochs(state) if request.resume else None
    with recorded(tracked, run, settings, request.manifest, seed, earlier) as record:
        learn = _learner(request, settings, seed, started, state)
        fitted = fit(
            learn,
            settings,
            run,
            quiet=request.quiet,
            seed=seed,
            manifest_sha256=request.manifest.sha256,
            state=state,
            trackers=[*record.trackers, *told],
            fresh=False,
            deadline=request.deadline,
        )
        if rank() > 0:
            return run / BUNDLE
        bundle = record.bundle = _bundled(request, learn, fitted, seed, warnings)
    if fitted.interrupted:  # the checkpoint stays, for --resume
        say(
            f"interrupted: {bundle} has epoch {fitted.best['epoch']}, "
            f"the best of {len(fitted.history)}; "
            f"{flag('out', str(run))} {flag('resume', True)} goes on"
        )
        raise KeyboardInterrupt
    (run / CHECKPOINT).unlink(missing_ok=True)
    return bundle


def _asked(request: _Request, state: State | None) -> tuple[Train, int]:
    """Return settings and seed.

    Those of the run to resume, or the recipe's with the caller's in their place. Raises
    `UsageError` for what is unknown, out of range, or of another run.
    """
    seed = request.seed
    if seed is None:
        seed = state.seed if state else 0
    check_seed(seed)
    given = _given(request, resumed=state is not None)
    if state:
        settings = replace(Train(**state.settings), **given)
    else:
        settings = with_own(request.base.train, given)
    manifest = request.manifest
    check_train(settings, f"settings of recipe {request.base.name}", manifest.recipe)
    if state:
        same_run(state, settings, seed, manifest.sha256, request.run)
    return settings, seed


def _given(request: _Request, resumed: bool) -> dict[str, Any]:
    """Return the settings that were asked for.

    Of a run that goes on also those of a recipe that was named: it has settings of its own.
    """
    given = own_settings(request.own)
    if resumed and request.named_recipe:
        return {**asdict(request.base.train), **given}
    return given


def _refuse_other_run(request: _Request) -> None:
    """Raise `UsageError` where a run that is over had other settings than are asked for now."""
    refuse_other_than_over(request.run, _given(request, resumed=True), request.seed)


def _started(manifest: Manifest, settings: Train, seed: int, state: State | None) -> StartedNetwork:
    """Build the network; that of a resumed run gets its weights from the checkpoint."""
    weights = "none" if state else settings.weights
    sides = [*settings.resize, settings.size]
    make = partial(
        start_network,
        settings.arch,
        len(manifest.vocab),
        weights,
        seed,
        sides,
        like=state.model if state else (),
        layers=settings.layers,
    )
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
        if started.pretrained and state is None:
            say(f"weights: {started.loaded}")
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
    warnings: Sequence[FolderWarning],  # of the folder
) -> Path:
    """Calibrate and judge on validation, and write the bundle, learner.pkl first."""
    manifest = request.manifest
    # no folder of this machine's
    settings = replace(fitted.settings, weights=Path(fitted.settings.weights).name)
    recipe = replace(manifest.recipe, train=settings)
    learned = _learned(learn, fitted, seed)
    judged = judge(learn, manifest, recipe, fitted.history, learned.best_epoch)
    learn.loss_func.calibrate(judged.calibrated, manifest.vocab)
    folder = request.run / BUNDLE
    export(learn, folder)
    bundle = write_bundle(folder, learn, manifest, recipe, learned, judged, warnings)
    _tell(judged.scored, judged.warnings, learned, request.quiet)
    return bundle


def _learned(learn: Learner, fitted: Fitted, seed: int) -> Learned:
    """Sum up how the network was trained, for bundle.json."""
    best = fitted.best
    trained = dict(
        epochs=len(fitted.history),
        best_epoch=best["epoch"],
        seconds=round(fitted.seconds, 1),
        weights=starting_weights(learn).loaded,
        seed=seed,
        precision=fitted.precision.name,
        threads=torch.get_num_threads(),
    )
    scores = {metric.name: best[metric.name] for metric in learn.metrics[:-1]}
    return Learned(
        arch=fitted.settings.arch,
        rows=fitted.history,
        best_epoch=best["epoch"],
        trained=trained,
        metrics={"loss": best["valid_loss"], **scores},
    )


def _tell(
    scored: Scored,
    warnings: Sequence[FolderWarning],
    learned: Learned,
    quiet: bool,
) -> None:
    """Say what validation found; what is to be feared comes last, and also where all is quiet."""
    if not quiet:
        say(scores_line(scored, learned.best_epoch, len(learned.rows)))
    for warning in warnings:
        say(f"WARNING: {warning.says} {warning.do}".rstrip())
