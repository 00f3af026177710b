"""The stages of one run: a Learner and settings in, a trained network and a filled folder out.

The folder gets history.csv and .png, best.safetensors and, until the run is over, a checkpoint.
Never keeps an epoch because it is the last.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import safetensors.torch
import torch
from fastai.callback.core import Callback
from fastai.callback.schedule import valley
from fastai.learner import Learner, replacing_yield

from cxr_fastai.advice import flag
from cxr_fastai.core import UsageError, make_folder
from cxr_fastai.progress import say
from cxr_fastai.recipes import Train
from cxr_fastai.run_files import refuse_full
from cxr_fastai.training.callbacks import step_callbacks
from cxr_fastai.training.checkpoint import Checkpoint, Identity, State
from cxr_fastai.training.data import CachedDL
from cxr_fastai.training.distributed import distributed, rank, same_everywhere
from cxr_fastai.training.features import on_features, why_plain
from cxr_fastai.training.history import BEST, EpochBar, LossGuard, Row, RunHistory, Tracker
from cxr_fastai.training.learner import starting_weights
from cxr_fastai.training.precision import Precision, choose_precision, computing, keep_memory
from cxr_fastai.training.schedule import Stage, stages

__all__ = ["CACHED_STAGE", "Fitted", "fit"]

CACHED_STAGE = "head on cached features"  # its name in history.csv
HEAD_ALONE = -1  # fastai's freeze_to of a stage whose body is frozen


@dataclass(frozen=True)
class Fitted:
    """What `fit` did."""

    history: list[Row]  # an epoch each, the columns of history.csv
    best: Row  # the row whose weights the network now holds
    seconds: float  # wall clock, all stages and sessions
    settings: Train  # with the rate that was found, if one was to be
    precision: Precision
    interrupted: bool = False  # by ctrl-C, after at least one epoch


def fit(
    learn: Learner,  # of build_learner
    settings: Train,  # epochs, lr, unfreeze, ..; what made the learner is not looked at again
    out: str | Path,  # folder for what is written; empty or absent, but for `state`
    quiet: bool = False,  # no bar, no lines; warnings still
    seed: int = 0,  # written into checkpoints
    manifest_sha256: str = "",  # likewise
    state: State | None = None,  # of a checkpoint in `out`, to go on from
    trackers: Sequence[Tracker] = (),  # of trackers.open_trackers
    fresh: bool = True,  # refuse a folder that holds anything; False: who calls has looked at it
    deadline: float | None = None,  # of time.monotonic(), when the run is to end; None: never
) -> Fitted:
    """Train a one-cycle a stage; the network ends with its best epoch's weights.

    Raises `CxrError` where the loss is no number or a GPU's memory full, KeyboardInterrupt only
    before the first epoch is over.
    """
    writes = rank() == 0
    out = Path(out)
    if fresh and writes and not state:
        refuse_full(out)
    _check_loaders(learn, settings)
    make_folder(out)
    keep_memory()
    precision = choose_precision(_device(learn), settings.precision, learn.model)
    if settings.unfreeze == "never":
        learn.train_bn = False  # fastai's freeze would train the batch norm of the body
        learn.create_opt()
    if settings.compile:
        learn.model.compile()
    identity = Identity(
        settings=settings,
        rate=_rate(learn, settings, precision, state, quiet),
        started=starting_weights(learn).loaded,
        seed=seed,
        manifest_sha256=manifest_sha256,
    )
    settings = replace(settings, lr=identity.rate)
    history = RunHistory(
        out,
        settings.epochs,
        quiet=quiet,
        patience=settings.patience,
        trackers=trackers,
        write=writes,
        earlier=state,
        scores=_score_names(learn),
        deadline=deadline,
    )
    checkpoint = Checkpoint(out, history, identity, state)
    interrupted = _trained(learn, settings, precision, history, checkpoint)
    if writes:
        best_weights = safetensors.torch.load_file(out / BEST)
        learn.model.load_state_dict(best_weights)
    return _fitted(history, settings, precision, interrupted)


def _fitted(
    history: RunHistory,
    settings: Train,
    precision: Precision,
    interrupted: bool,
) -> Fitted:
    """Sum up a run."""
    assert history.best is not None  # a run without a finished epoch ends with an error
    return Fitted(
        history=history.rows,
        best=history.best,
        seconds=history.seconds,
        settings=settings,
        precision=precision,
        interrupted=interrupted,
    )


def _device(learn: Learner) -> torch.device:
    """Return where training computes.

    Loaders that were made by hand may not say; then it is where the network lies.
    """
    if learn.dls.device is None:
        return next(learn.model.parameters()).device
    return torch.device(learn.dls.device)


def _score_names(learn: Learner) -> list[str]:
    """Name the metrics but for the last, which is the loss."""
    return [metric.name for metric in learn.metrics[:-1]]


def _check_loaders(learn: Learner, settings: Train) -> None:
    """Raise `UsageError` for settings that only our own loaders can follow."""
    if settings.resize and not isinstance(learn.dls.train, CachedDL):
        raise UsageError(
            f"resize = {list(settings.resize)} needs the loaders of build_dataloaders, which hold "
            "the images at each side. Leave resize away."
        )


# ---- the learning rate


def _rate(
    learn: Learner,
    settings: Train,
    precision: Precision,
    state: State | None,
    quiet: bool,
) -> float:
    """Return the highest rate: as asked for, that of the resumed run, or one that is found."""
    if not isinstance(settings.lr, str):
        return settings.lr
    if state:
        return state.rate
    rate = _found_rate(learn, precision)
    if not quiet:
        say(f"lr finder: {rate:g}")
    return rate


def _found_rate(learn: Learner, precision: Precision) -> float:
    """Ask fastai's finder: the valley of the loss over rates from 1e-7 to 10, all layers.

    It puts the weights back afterwards.
    """
    with tempfile.TemporaryDirectory() as folder, _silent(learn), _working_in(learn, Path(folder)):
        with computing(learn.model, precision, _device(learn)) as cbs, learn.added_cbs(cbs):
            found = learn.lr_find(show_plot=False, suggest_funcs=(valley,))
    learn.create_opt()  # without the finder's memory
    return float(f"{found.valley:.3g}")


@contextmanager
def _working_in(
    learn: Learner,
    folder: Path,  # where fastai keeps the weights of before
) -> Iterator[None]:
    """Let fastai write into another folder meanwhile."""
    yield from replacing_yield(learn, "path", folder)


@contextmanager
def _silent(learn: Learner) -> Iterator[None]:
    """Show none of fastai's own bars and tables."""
    with learn.no_bar(), learn.no_logging():
        yield


# ---- training


def _trained(
    learn: Learner,
    settings: Train,
    precision: Precision,
    history: RunHistory,
    checkpoint: Checkpoint,
) -> bool:
    """Train all stages; return whether ctrl-C ended them after at least one epoch."""
    bar = EpochBar(history)
    ours = [history, LossGuard(history), checkpoint]
    if not history.quiet:
        ours.append(bar)
    try:
        with (
            _own_loss(learn),
            computing(learn.model, precision, _device(learn)) as cbs,
            distributed(learn),
        ):
            all_cbs = [*ours, *cbs, *step_callbacks(settings)]
            _stages(learn, settings, history, checkpoint, precision, all_cbs)
        if history.error:
            raise history.error
    except KeyboardInterrupt:
        if history.best is None:
            raise
        return True
    except torch.OutOfMemoryError as e:
        raise _too_large(settings, history) from e
    finally:
        bar.close()
        history.write_picture()
    return False


@contextmanager
def _own_loss(learn: Learner) -> Iterator[None]:
    """Put the loss back afterwards.

    fastai's mixup leaves its own behind where an epoch is interrupted.
    """
    yield from replacing_yield(learn, "loss_func", learn.loss_func)


def _stages(
    learn: Learner,
    settings: Train,
    history: RunHistory,
    checkpoint: Checkpoint,
    precision: Precision,
    cbs: list[Callback],
) -> None:
    """Train each stage from its first epoch that is not over yet."""
    plan = stages(
        n_groups=len(learn.splitter(learn.model)),
        epochs=settings.epochs,
        lr=float(settings.lr),
        pretrained=starting_weights(learn).pretrained,
        unfreeze=settings.unfreeze,
        freeze_epochs=settings.freeze_epochs,
    )
    for i, stage in enumerate(plan):
        first_epoch = checkpoint.first_epoch(i)
        if history.error or history.out_of_patience:
            return
        if history.best and history.out_of_time:
            return
        if first_epoch >= stage.epochs:
            continue
        learn.freeze_to(stage.freeze_to)
        if i == 0 and _is_cached(learn, settings, stage, history.quiet):
            history.enter(replace(stage, name=CACHED_STAGE))
            seed = checkpoint.identity.seed
            with on_features(learn, settings, stage.epochs, history, precision, seed) as cache:
                _fit_stage(learn, stage, [*cbs, cache], first_epoch)
        else:
            history.enter(stage)
            _fit_stage(learn, stage, cbs, first_epoch)
        same_everywhere(learn.model)


def _fit_stage(learn: Learner, stage: Stage, cbs: list[Callback], first_epoch: int) -> None:
    """Train one one-cycle, from that epoch of it on."""
    with _silent(learn):
        learn.fit_one_cycle(stage.epochs, stage.lr_max, cbs=cbs, start_epoch=first_epoch)


def _is_cached(learn: Learner, settings: Train, stage: Stage, quiet: bool) -> bool:
    """Tell whether a run's first stage runs on cached features; say why a frozen one does not.

    Raises `UsageError` where that was asked for and cannot be.
    """
    if stage.freeze_to != HEAD_ALONE or settings.stages == "plain":
        return False
    reason = why_plain(learn, settings, stage.epochs)
    if reason and settings.stages == "cached":
        raise UsageError(
            f"the frozen stage cannot run on cached features: {reason}. Leave {flag('stages')} "
            "away."
        )
    if reason and not quiet:
        say(f"the frozen stage reads its images anew each epoch: {reason}")
    return not reason


def _too_large(settings: Train, history: RunHistory) -> UsageError:
    """Say that a GPU's memory is full, and which settings make the same steps with less."""
    go_on = ""
    if history.best:
        epoch = history.best["epoch"]
        resume = flag("resume", True)
        go_on = f", or go on from epoch {epoch}'s checkpoint elsewhere with {resume}"
    return UsageError(
        f"the GPU's memory is full with batches of {settings.bs} images of {settings.size} px "
        f"({history.out}). Train again with {flag('bs', max(2, settings.bs // 2))} and "
        f"{flag('accumulate', 2 * settings.accumulate)}, which makes the same steps{go_on}."
    )
