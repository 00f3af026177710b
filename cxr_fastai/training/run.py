"""A curated folder -> a run's folder: history.csv and .png, best.safetensors and bundle/ with the best epoch's network.

`train` does it all; `fit` and `export` are its parts for notebooks. Never writes into a folder that holds anything but
the run to resume, never keeps an epoch because it is the last, and leaves no half-written bundle: bundle.json comes at
the end. A checkpoint stands beside them until then.
"""

from __future__ import annotations

import json
import re
import tempfile
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
from fastai.callback.schedule import valley
from fastai.learner import Learner

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
from cxr_fastai.progress import bar, say
from cxr_fastai.recipes import SETTINGS, Recipe, Train, check_train, load_recipe
from cxr_fastai.training.calibrate import calibrate
from cxr_fastai.training.callbacks import step_callbacks
from cxr_fastai.training.checkpoint import CHECKPOINT, Checkpoint, State, read_state, same_run
from cxr_fastai.training.data import MEAN, STD, build_dataloaders, check_classes
from cxr_fastai.training.distributed import (
    begin,
    distributed,
    end,
    first,
    rank,
    same_everywhere,
    shared,
)
from cxr_fastai.training.history import BEST, HISTORY, PICTURE, Watch
from cxr_fastai.training.learner import build_learner, start_network
from cxr_fastai.training.precision import Precision, choose_precision, computing, keep_memory
from cxr_fastai.training.schedule import stages
from cxr_fastai.training.trackers import open_trackers

__all__ = ["Fitted", "fit", "export", "train", "default_out"]

LEARNER = "learner.pkl"  # beside bundle.json: fastai's own export
BUNDLE, BESIDE = "bundle", "beside"  # in the run's folder


@dataclass(frozen=True)
class Fitted:
    """What `fit` did."""

    history: list[dict]  # an epoch each, the columns of history.csv
    best: dict  # the row whose weights the network now holds
    seconds: float  # wall clock, all stages and sessions
    settings: Train  # with the rate that was found, if one was to be
    precision: Precision
    interrupted: bool = False  # by ctrl-C, after at least one epoch


def fit(
    learn: Learner,  # of build_learner
    settings: Train,  # epochs, lr, unfreeze, ..; what made the learner is not looked at again
    out,  # folder for history.csv, checkpoint and best.safetensors; empty or absent, but for `state`
    quiet: bool = False,
    seed: int = 0,  # written into checkpoints
    manifest_sha256: str = "",  # likewise
    state: State | None = None,  # of a checkpoint in `out`, to go on from
    trackers=(),  # of trackers.open_trackers
    fresh: bool = True,  # refuse a folder that holds anything; False: who calls has looked at it
) -> Fitted:
    """One-cycle a stage; the network ends with its best epoch's weights. Raises `CxrError` where the loss is no number
    or a GPU's memory full; KeyboardInterrupt only before the first epoch is over.
    """
    writes = rank() == 0
    out = make_folder(_refuse_full(out) if fresh and writes and not state else out)
    keep_memory()
    precision = choose_precision(learn.dls.device, settings.precision)
    if settings.compile:
        learn.model.compile()
    rate = (
        settings.lr
        if settings.lr != "find"
        else state.rate
        if state
        else _found_rate(learn, precision, quiet)
    )
    asked, settings = settings, replace(settings, lr=rate)
    scores = [m.name for m in learn.metrics][:-1]
    watch = Watch(out, settings.epochs, quiet, settings.patience, trackers, writes, state, scores)
    checkpoint = Checkpoint(out, watch, asked, rate, seed, manifest_sha256, state)
    interrupted, loss_func = False, learn.loss_func
    try:
        with computing(learn.model, precision, learn.dls.device) as cbs, distributed(learn):
            _stages(
                learn,
                settings,
                watch,
                checkpoint,
                [watch, checkpoint, *cbs, *step_callbacks(settings)],
            )
        if watch.error:
            raise watch.error
    except KeyboardInterrupt:
        if not watch.best:
            raise
        interrupted = True
    except torch.OutOfMemoryError as e:
        raise _too_large(settings, out, watch) from e
    finally:
        learn.loss_func = (
            loss_func  # fastai's mixup leaves its own behind where an epoch is interrupted
        )
        watch.close()
        watch.picture()
    if writes:
        learn.model.load_state_dict(safetensors.torch.load_file(out / BEST))
    return Fitted(watch.rows, watch.best, watch.seconds, settings, precision, interrupted)


def _stages(learn: Learner, s: Train, watch: Watch, checkpoint: Checkpoint, cbs: list):
    """Each stage from its first epoch that is not over yet."""
    groups = len(learn.splitter(learn.model))
    for i, stage in enumerate(stages(groups, s.epochs, s.lr, learn.model.pretrained, s.unfreeze)):
        first = checkpoint.first_epoch(i)
        if watch.error or watch.stopped:
            return
        if first >= stage.epochs:
            continue
        watch.enter(stage)
        learn.freeze_to(stage.freeze_to)
        with learn.no_bar(), learn.no_logging():
            learn.fit_one_cycle(stage.epochs, stage.lr_max, cbs=cbs, start_epoch=first)
        same_everywhere(learn.model)


def _found_rate(learn: Learner, precision: Precision, quiet: bool) -> float:
    """Fastai's finder: the valley of the loss over rates from 1e-7 to 10, all layers, the weights put back afterwards."""
    with tempfile.TemporaryDirectory() as folder, learn.no_bar(), learn.no_logging():
        path, learn.path = learn.path, Path(folder)
        with computing(learn.model, precision, learn.dls.device) as cbs, learn.added_cbs(cbs):
            rate = float(f"{learn.lr_find(show_plot=False, suggest_funcs=(valley,)).valley:.3g}")
        learn.path, learn.opt = path, None
    if not quiet:
        say(f"lr finder: {rate:g}")
    return rate


def _too_large(s: Train, out: Path, watch: Watch) -> UsageError:
    go_on = (
        f", or go on from epoch {watch.best['epoch']}'s checkpoint elsewhere with --resume"
        if watch.best
        else ""
    )
    return UsageError(
        f"the GPU's memory is full with batches of {s.bs} images of {s.size} px ({out}). Train again "
        f"with --bs {max(2, s.bs // 2)} --accumulate {2 * s.accumulate}, which makes the same "
        f"steps{go_on}."
    )


def export(
    learn: Learner,
    folder,  # usually a bundle's
) -> Path:  # folder/learner.pkl
    """Write the Learner for fastai's `load_learner(..).predict(path)`: no items, no cache, no progress bar, no paths.
    It is a pickle: loading it runs code, so load only your own. Raises `StorageError`.
    """
    for metric in learn.metrics:
        metric.reset()  # they hold the last validation's predictions
    file, pixels = make_folder(folder) / LEARNER, learn.dls.__dict__.pop("train_pixels", None)
    try:
        with learn.no_bar(), atomic_path(file) as part:
            learn.export(part.absolute())
    except RuntimeError as e:  # torch's zip writer reports a full disk so
        raise StorageError(
            f"cannot write {file}: {one_line(e)[:120]}. Free space there and train again."
        ) from e
    finally:
        learn.dls.train_pixels = pixels
    return file


def train(
    data,  # a folder that `cxr curate` wrote, or a Manifest
    out=None,  # absent or empty folder; None: default_out of the folder's recipe
    *,
    recipe: str
    | None = None,  # name or file of the recipe whose [train] settings to use; None: the folder's
    seed: int
    | None = None,  # 0 or more, None: 0; the same seed gives the same weights on the same CPU
    workers: int | None = None,  # threads that decode; None: one a core
    resume: bool = False,  # go on with the run in `out`; None: with the latest of the recipe
    allow_missing_classes: bool = False,
    track=(),  # mlflow, tensorboard
    quiet: bool = False,  # no bar, no lines; warnings still
    beside=None,  # architectures that train after it, from scratch, each into `out`/beside/ARCH; None:
    # the recipe's
    **own,  # fields of recipes.Train in place of the recipe's
) -> Path:  # the bundle
    """Train on a curated folder. Raises `UsageError`, `NotCurated`, `SourceUnavailable`, `IntegrityError`, .."""
    begin()
    manifest = read_manifest(data)
    base = load_recipe(recipe) if recipe else manifest.recipe
    run = (
        Path(out)
        if out
        else shared(lambda: (_latest if resume else default_out)(manifest.recipe.name))
    )
    beside = list(dict.fromkeys(base.beside if beside is None else beside))
    for arch in beside:
        family_of(arch)  # an unknown one is told before the long part
    one = partial(
        _train_one,
        manifest,
        base,
        workers=workers,
        track=track,
        quiet=quiet,
        allow_missing_classes=allow_missing_classes,
    )
    bundle = one(run, own, seed=seed, resume=resume)
    facts = shared(lambda: json.loads((bundle / "bundle.json").read_text(encoding="utf-8")))
    for arch in (
        beside
    ):  # with the settings that the first one had, also where it was resumed without naming them
        if arch == facts["arch"]:
            continue
        where, settings = (
            run / BESIDE / arch,
            {**facts["recipe"]["train"], "arch": arch, "weights": "none"},
        )
        one(
            where,
            settings,
            seed=facts["trained"]["seed"],
            resume=resume and shared(lambda: not _free(where)),
        )
    end()
    return bundle


def _train_one(
    manifest: Manifest,
    base: Recipe,
    run: Path,
    own: dict,
    *,
    seed,
    workers,
    resume: bool,
    track,
    quiet: bool,
    allow_missing_classes: bool,
) -> Path:
    """One network, as `train` says."""
    if resume and shared(lambda: _done(run)):
        shared(lambda: _same_end(run, manifest))
        if not quiet:
            say(f"{run} came to its end: nothing left to train")
        return run / BUNDLE
    state = shared(lambda: _resumed(run)) if resume else None
    settings, seed = _asked(base, own, seed, state, manifest, run)
    if not resume:
        shared(lambda: _refuse_full(run))
    check_classes(
        manifest, allow_missing_classes
    )  # all that can be refused is, before the pixels are decoded
    weights = "none" if state else settings.weights
    net = first(lambda: start_network(settings.arch, len(manifest.vocab), weights, seed))
    if state:
        net.started, net.pretrained = state.started, settings.weights != "none"
    make_folder(run)
    trackers, quiet = (
        open_trackers(track if rank() == 0 else (), run, settings, manifest, seed),
        quiet or rank() > 0,
    )
    if not quiet:
        say(_told(settings, manifest, run, state))
    dls = build_dataloaders(
        manifest,
        settings.size,
        settings.bs,
        settings.sampling,
        seed,
        workers,
        None if quiet else bar,
        allow_missing_classes=allow_missing_classes,
        augment=settings.augment,
        erase=settings.erase,
        resize=settings.resize,
        crop=settings.crop,
    )
    learn = build_learner(
        dls,
        arch=settings.arch,
        net=net,
        label_smoothing=settings.label_smoothing,
        wd=settings.wd,
        loss=settings.loss,
        gamma=settings.gamma,
    )
    bundle = None
    try:
        fitted = fit(
            learn, settings, run, quiet, seed, manifest.sha256, state, trackers, fresh=False
        )
        if rank() > 0:
            return run / BUNDLE
        facts = _facts(manifest, learn, fitted, seed)
        if manifest.recipe.negative and not facts["decision"]:
            say(
                f"warning: validation has no image of {manifest.recipe.negative}, or none of another class: no "
                "threshold could be fixed, and there is no risk to order a worklist by"
            )
        learn.loss_func.calibrate(facts, manifest.vocab)
        export(learn, run / BUNDLE)
        seen = [
            name
            for r in manifest.rows
            if r.split != "test"
            for name in (r.pixel_sha256, r.patient)
            if name
        ]
        bundle = save_bundle(run / BUNDLE, learn.model, facts, seen)
    finally:
        for tracker in trackers:
            tracker.close(bundle)
    if fitted.interrupted:  # the checkpoint stays, for --resume
        say(
            f"interrupted: {bundle} has epoch {fitted.best['epoch']}, the best of {len(fitted.history)}; "
            f"--out {run} --resume goes on"
        )
        raise KeyboardInterrupt
    (run / CHECKPOINT).unlink(missing_ok=True)
    return bundle


def default_out(
    name: str,
) -> Path:  # runs/NAME, or the first of runs/NAME-2, runs/NAME-3, .. that is free
    """A run's folder where none was named."""
    folder, i = Path("runs") / name, 1
    while not _free(folder):
        folder, i = Path("runs") / f"{name}-{i + 1}", i + 1
    return folder


# ---- parts of train


def _free(folder: Path) -> bool:
    return not folder.exists() or folder.is_dir() and not any(folder.iterdir())


def _done(run: Path) -> bool:
    return (run / BUNDLE / "bundle.json").is_file() and not (run / CHECKPOINT).exists()


def _same_end(run: Path, manifest: Manifest):
    """Raise `UsageError` where a run that is over was one on another folder."""
    was = json.loads((run / BUNDLE / "bundle.json").read_text(encoding="utf-8"))["manifest_sha256"]
    if was == manifest.sha256:
        return
    raise UsageError(
        f"{run} came to its end on another curated folder (manifest {was[:12]}, this one is "
        f"{manifest.sha256[:12]}): choose another --out, without --resume."
    )


def _refuse_full(out) -> Path:
    out = Path(out)
    if _free(out):
        return out
    raise UsageError(
        f"{out} is not empty: nothing is overwritten. Choose another --out, remove it first, or go on "
        "with the run in it: --resume."
    )


def _latest(name: str) -> Path:
    """The run of this recipe that was written to last."""
    ours = re.compile(rf"{re.escape(name)}(-\d+)?").fullmatch  # as default_out names them
    runs = [p for p in Path("runs").glob(f"{name}*") if ours(p.name) and (p / HISTORY).is_file()]
    if not runs:
        raise UsageError(f"no run to resume in {Path('runs') / name}: name its folder with --out.")
    return max(runs, key=lambda p: (p / HISTORY).stat().st_mtime_ns)


def _resumed(run: Path) -> State | None:
    """The state to go on from; None where a run had not finished its first epoch, or there is none yet."""
    state = read_state(run)
    strange = (
        []
        if state or _free(run)
        else sorted({p.name for p in run.iterdir()} - {HISTORY, BEST, PICTURE})
    )
    strange = [name for name in strange if not name.endswith(".part") and name != "tensorboard"]
    if strange or run.is_file():
        what = ", ".join(strange[:3]) or "it is a file"
        raise UsageError(f"{run} holds no run to resume: {what}. Choose another --out.")
    if not state:
        say(f"no epoch of {run} was finished: starting from the beginning")
    return state


def _asked(
    base: Recipe, own: dict, seed, state: State | None, manifest: Manifest, run: Path
) -> tuple[Train, int]:
    """Settings and seed: those of the run to resume, or the recipe's with the caller's in their place."""
    unknown = [k for k in own if k not in SETTINGS]
    if unknown:
        raise UsageError(unknown_name("setting", unknown[0], SETTINGS))
    seed = seed if seed is not None else state.seed if state else 0
    if seed < 0:
        raise UsageError(f"seed = {seed}: expected 0 or more.")
    before = Train(**state.settings) if state else base.train
    settings = replace(before, **{k: v for k, v in own.items() if v is not None})
    check_train(settings, f"settings of recipe {base.name}", manifest.recipe)
    if state:
        same_run(state, settings, seed, manifest.sha256, run)
    return settings, seed


def _told(s: Train, manifest: Manifest, run: Path, state: State | None) -> str:
    n = {split: sum(r.split == split for r in manifest.rows) for split in ("train", "valid")}
    what = (
        f"{s.arch} at {s.size} px from weights {s.weights} on {n['train']} images of {len(manifest.vocab)} classes "
        f"(valid {n['valid']}), {s.epochs} epoch{'s' * (s.epochs > 1)}"
    )
    return (
        f"going on after epoch {len(state.rows)} of {run}: {what}"
        if state
        else f"training {what} into {run}"
    )


def _valid_logits(learn: Learner) -> tuple[np.ndarray, np.ndarray]:
    """What the network says of validation, computed as the bundle will: in fp32."""
    learn.model.eval()
    with torch.inference_mode():
        found = [(learn.model(torch.Tensor(x)).float().cpu(), y.cpu()) for x, y in learn.dls.valid]
    logits, targs = (torch.cat([*map(torch.Tensor, part)]).numpy() for part in zip(*found))
    return logits, targs if learn.dls.valid.pixels.labels.ndim > 1 else targs.astype(int)


def _facts(manifest: Manifest, learn: Learner, fitted: Fitted, seed: int) -> dict:
    """bundle.json, as far as training knows it."""
    best, net, s = fitted.best, learn.model, fitted.settings
    s = replace(s, weights=Path(s.weights).name)  # no folder of this machine's
    recipe, scores = (
        replace(manifest.recipe, train=s),
        {m.name: best[m.name] for m in learn.metrics[:-1]},
    )
    calibrated, auroc = calibrate(recipe, *_valid_logits(learn), learn.loss_func.weights)
    return dict(
        arch=s.arch,
        vocab=manifest.vocab,
        display=recipe.display,
        task=recipe.task,
        size=s.size,
        crop=s.crop,
        mean=MEAN,
        std=STD,
        recipe=recipe.to_dict(),
        manifest_sha256=manifest.sha256,
        **calibrated,
        trained=dict(
            epochs=len(fitted.history),
            best_epoch=best["epoch"],
            seconds=round(fitted.seconds, 1),
            weights=net.started,
            seed=seed,
            precision=fitted.precision.name,
        ),
        metrics={"valid": {"loss": best["valid_loss"], **scores, **auroc}},
        libraries=libraries("fastai"),
    )
