"""Can a score on this folder mean disease? Probes of the folder, of a model, and across sources.

A curated folder, maybe a bundle -> an Audit; with a folder given, audit.html and audit.json there.
Never changes the curated folder or the bundle; fits nothing on test films.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cxr_fastai.advice import flag
from cxr_fastai.auditing.ask_folder import NUMBERS, PAGE, ask_folder, write_audit
from cxr_fastai.auditing.audited import SUSPECTS, Audit
from cxr_fastai.auditing.model_asked import ModelSide
from cxr_fastai.core import UsageError, make_folder
from cxr_fastai.manifest import Manifest, Record, read_manifest
from cxr_fastai.model_audit.networks import Trained, leave_sources_out
from cxr_fastai.outputs import check_outside, check_own_files
from cxr_fastai.probes.sources import Unseen
from cxr_fastai.progress import SILENT, Progress
from cxr_fastai.recipes import Train
from cxr_fastai.run_files import is_free

if TYPE_CHECKING:
    from cxr_fastai.bundle.bundle import Bundle

__all__ = ["audit"]

NO_TEST = "The folder has no test films: the model was not asked."


def audit(
    data: str | Path | Manifest,  # a folder that `cxr curate` wrote, or its Manifest
    bundle: Bundle | str | Path | None = None,  # a model to ask too; None: the folder alone
    out: str | Path | None = None,  # folder for audit.html and audit.json; None: write nothing
    *,
    loso: bool = False,  # train a network without each source too, into `out`
    seed: int = 0,  # of folds, of resamples and of networks
    progress: Progress | None = None,  # None: silence
) -> Audit:
    """Tell whether a model could score well on a folder without looking at lungs.

    Train and valid films are fitted on; test films are only ever answered by a bundle. The same
    folder and seed give the same bytes. Raises `NotCurated`, `UsageError`, and `IntegrityError` for
    an image or a bundle that is not what it was.
    """
    if seed < 0:
        raise UsageError(f"seed is {seed}: expected 0 or more.")
    if loso and out is None:
        raise UsageError(f"networks are trained into a folder: name it, {flag('out', 'DIR')}.")
    manifest = read_manifest(data)
    progress = progress or SILENT
    if out is not None:
        check_outside(out, manifest.root, flag("out"))
        check_own_files(out, PAGE, [NUMBERS, SUSPECTS], flag("out"))
        make_folder(out)  # an --out that cannot be written is told before the long part
    model = None if bundle is None else _loaded(bundle)
    has_test = any(row.split == "test" for row in manifest.rows)
    found = ask_folder(
        manifest,
        seed,
        progress,
        answer=_answering(model, manifest, seed, progress) if model and has_test else None,
        leave_out=_leaving_out(model, manifest, Path(out or ""), seed, progress) if loso else None,
        notes=[NO_TEST] if model and not has_test else [],
    )
    if out is not None:
        write_audit(found, Path(out))
    return found


def _loaded(bundle: Bundle | str | Path) -> Bundle:
    """Load a bundle that is given as its folder."""
    if not isinstance(bundle, (str, Path)):
        return bundle
    from cxr_fastai.bundle.store import load_bundle  # torch: not needed without a bundle

    return load_bundle(bundle)


def _answering(
    bundle: Bundle,
    manifest: Manifest,
    seed: int,
    progress: Progress,
) -> Callable[[], ModelSide]:
    """Return what asks a bundle."""
    from cxr_fastai.model_audit.answers import model_side

    return partial(model_side, bundle, manifest, seed, progress)


# ---- networks that lack a source


def _leaving_out(
    bundle: Bundle | None,
    manifest: Manifest,
    out: Path,
    seed: int,
    progress: Progress,
) -> Callable[[Sequence[Unseen]], Sequence[Unseen]]:
    """Return what trains networks without each source, as the bundle was trained."""
    settings: dict[str, Any] = {}
    pooled = None  # a network of all sources: the bundle, if it was trained on this folder
    if bundle is not None and bundle.meta["manifest_sha256"] == manifest.sha256:
        settings = dict(bundle.meta["recipe"].get("train", {}))
        pooled = partial(_score, bundle, manifest.root)
    trained = Trained(
        train=partial(_train, manifest.root, settings, seed, progress),
        minutes=_minutes(manifest, settings),
        pooled=pooled,
    )

    def leave_out(asked: Sequence[Unseen]) -> Sequence[Unseen]:
        """Train the networks and score them."""
        return leave_sources_out(manifest, asked, trained, out, seed, progress)

    return leave_out


def _train(
    root: Path,
    settings: Mapping[str, Any],
    seed: int,
    progress: Progress,
    part: Manifest,
    run: Path,
) -> Callable[[Sequence[Record]], Mapping[str, np.ndarray]]:
    """Train a network, or go on with it, and return what scores films by it."""
    from cxr_fastai.training.run import train

    made = train(
        part,
        run,
        seed=seed,
        resume=not is_free(run),
        quiet=progress is SILENT,
        beside=[],
        allow_missing_classes=True,
        **settings,
    )
    return partial(_score, _loaded(made), root)


def _score(
    bundle: Bundle,
    root: Path,
    rows: Sequence[Record],
) -> dict[str, np.ndarray]:
    """Score films by a network."""
    from cxr_fastai.model_audit.answers import scores_of

    probs = scores_of(bundle, root, rows)
    return dict(zip(bundle.vocab, probs.T))


def _minutes(
    manifest: Manifest,
    settings: Mapping[str, Any],
) -> Callable[[int], float]:
    """Return what estimates a training by timing a few steps, here and now; reading not counted."""
    from cxr_fastai.prototyping.plan import Candidate
    from cxr_fastai.prototyping.speed import time_step

    how = Train(**settings) if settings else manifest.recipe.train
    seconds = 0.0

    def minutes(films: int) -> float:
        """Return what so many train films take."""
        nonlocal seconds
        if not seconds:
            step = Candidate(how.arch, how.size, how.bs, "none")
            seconds = time_step(step, len(manifest.vocab))
        steps = how.epochs * math.ceil(films / how.bs)
        return steps * seconds / 60

    return minutes
