"""A curated folder -> a run's folder: history.csv, best.safetensors and bundle/ with the best epoch's network.

`train` does it all; `fit` and `export` are its parts for notebooks. Never writes into a folder that holds anything,
never keeps an epoch because it is the last, and leaves no half-written bundle: bundle.json comes at the end.
"""
from __future__ import annotations
import time
from dataclasses import dataclass, replace
from pathlib import Path
import safetensors.torch

from . import fastai_first  # noqa: F401
from fastai.learner import Learner

from ..bundle import libraries, save_bundle
from ..core import StorageError, UsageError, atomic_path, make_folder, one_line
from ..manifest import Manifest, read_manifest
from ..progress import bar, say
from ..recipes import Recipe, Train, check_train, load_recipe
from .data import MEAN, STD, build_dataloaders, check_classes
from .learner import build_learner, start_network
from .schedule import stages
from .tracking import BEST, Watch

__all__ = ["Fitted", "fit", "export", "train", "default_out"]

LEARNER = "learner.pkl"  # beside bundle.json: fastai's own export


@dataclass(frozen=True)
class Fitted:
    "What `fit` did."
    history: list[dict]  # an epoch each, the columns of history.csv
    best: dict           # the row whose weights the network now holds
    seconds: float       # wall clock, all stages


def fit(
    learn:Learner,   # of build_learner
    settings:Train,  # epochs, lr, unfreeze; what made the learner is not looked at again
    out,             # folder for history.csv and best.safetensors, empty or absent
    quiet:bool=False,
)->Fitted:
    "One-cycle a stage; the network ends with its best epoch's weights. Raises `CxrError` where the loss is no number."
    out, begun = make_folder(_refuse_full(out)), time.monotonic()
    watch = Watch(out, settings.epochs, quiet)
    groups = len(learn.splitter(learn.model))
    try:
        for stage in stages(groups, settings.epochs, settings.lr, learn.model.pretrained, settings.unfreeze):
            watch.enter(stage)
            learn.freeze_to(stage.freeze_to)
            with learn.no_bar(), learn.no_logging(): learn.fit_one_cycle(stage.epochs, stage.lr_max, cbs=watch)
            if watch.error: raise watch.error
    finally: watch.close()
    learn.model.load_state_dict(safetensors.torch.load_file(out/BEST))
    return Fitted(watch.rows, watch.best, time.monotonic() - begun)

def export(
    learn:Learner,
    folder,  # usually a bundle's
)->Path:     # folder/learner.pkl
    """Write the Learner for fastai's `load_learner(..).predict(path)`: no items, no cache, no progress bar, no paths.
    It is a pickle: loading it runs code, so load only your own. Raises `StorageError`."""
    for metric in learn.metrics: metric.reset()  # they hold the last validation's predictions
    file = make_folder(folder)/LEARNER
    try:
        with learn.no_bar(), atomic_path(file) as part: learn.export(part.absolute())
    except RuntimeError as e:  # torch's zip writer reports a full disk so
        raise StorageError(f"cannot write {file}: {one_line(e)[:120]}. Free space there and train again.") from e
    return file

def train(
    data,              # a folder that `cxr curate` wrote, or a Manifest
    out=None,          # absent or empty folder; None: default_out of the folder's recipe
    arch=None, size=None, epochs=None, bs=None, lr=None, weights=None, sampling=None, unfreeze=None,  # None: recipe's
    seed:int=0,        # 0 or more; the same seed gives the same weights on the same CPU
    workers:int|None=None,     # threads that decode; None: one a core
    recipe:str|None=None,      # name or file of the recipe whose [train] settings to use; None: the folder's
    allow_missing_classes:bool=False,
    quiet:bool=False,  # no bar, no lines; warnings still
)->Path:               # the bundle
    "Train on a curated folder. Raises `UsageError`, `NotCurated`, `SourceUnavailable`, `IntegrityError`, .."
    manifest = read_manifest(data)
    own = dict(arch=arch, size=size, epochs=epochs, bs=bs, lr=lr, weights=weights, sampling=sampling, unfreeze=unfreeze)
    settings = _settings(load_recipe(recipe) if recipe else manifest.recipe, own, seed)
    out = _refuse_full(out or default_out(manifest.recipe.name))
    check_classes(manifest, allow_missing_classes)  # all that can be refused is, before the pixels are decoded
    net = start_network(settings.arch, len(manifest.vocab), settings.weights, seed)
    make_folder(out)
    if not quiet: say(f"training {_told(settings, manifest)} into {out}")
    dls = build_dataloaders(manifest, settings.size, settings.bs, settings.sampling, seed, workers,
                            None if quiet else bar, allow_missing_classes=allow_missing_classes)
    learn = build_learner(dls, net=net)
    fitted = fit(learn, settings, out, quiet)
    export(learn, out/"bundle")
    return save_bundle(out/"bundle", learn.model, _facts(manifest, settings, net, fitted, seed))

def default_out(name:str)->Path: # runs/NAME, or the first of runs/NAME-2, runs/NAME-3, .. that is free
    "A run's folder where none was named."
    folder, i = Path("runs")/name, 1
    while not _free(folder): folder, i = Path("runs")/f"{name}-{i + 1}", i + 1
    return folder


# ---- parts of train

def _free(folder:Path)->bool: return not folder.exists() or folder.is_dir() and not any(folder.iterdir())

def _refuse_full(out)->Path:
    out = Path(out)
    if _free(out): return out
    raise UsageError(f"{out} is not empty: nothing is overwritten. Choose another --out, or remove it first.")

def _settings(recipe:Recipe, own:dict, seed:int)->Train:
    "The recipe's settings with the caller's in their place."
    if seed < 0: raise UsageError(f"seed = {seed}: expected 0 or more.")
    settings = replace(recipe.train, **{k: v for k, v in own.items() if v is not None})
    check_train(settings, f"settings of recipe {recipe.name}")
    return settings

def _told(s:Train, manifest:Manifest)->str:
    n = {split: sum(r.split == split for r in manifest.rows) for split in ("train", "valid")}
    return (f"{s.arch} at {s.size} px from weights {s.weights} on {n['train']} images of {len(manifest.vocab)} classes "
            f"(valid {n['valid']}), {s.epochs} epoch{'s'*(s.epochs > 1)}")

def _facts(manifest:Manifest, s:Train, net, fitted:Fitted, seed:int)->dict:
    "bundle.json, as far as training knows it."
    best, s = fitted.best, replace(s, weights=Path(s.weights).name)  # no folder of this machine's
    recipe, scores = replace(manifest.recipe, train=s), {k: best[k] for k in ("accuracy", "balanced_accuracy")}
    return dict(arch=s.arch, vocab=manifest.vocab, display=recipe.display, task=recipe.task, size=s.size,
                mean=MEAN, std=STD, recipe=recipe.to_dict(), manifest_sha256=manifest.sha256,
                trained=dict(epochs=len(fitted.history), best_epoch=best["epoch"], seconds=round(fitted.seconds, 1),
                             weights=net.started, seed=seed),
                metrics={"valid": {"loss": best["valid_loss"], **scores}},
                libraries=libraries("fastai"))
